//! The seed's "create an application": a name, an authentication address of its own and a callback address, in one manifest.

use std::fs;

use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;
use xtask::http::Response;

use crate::harness::{Provider, demo_credentials};

const MANIFEST: &str = "apiVersion: portcullis.dev/v1alpha1
kind: OidcApplication
metadata: {name: web-note, namespace: team-a}
spec:
  providerRef: {name: default, namespace: identity}
  displayName: Web Note Project
  issuer: {host: notes.localhost}
  redirectURIs: [\"http://127.0.0.1:4000/callback\"]
  grantTypes: [authorization_code, client_credentials]
";

#[test]
fn seed_create_application_one_manifest_brings_a_client_and_an_issuer_of_its_own() {
    let provider = Provider::start_with(|manifests| {
        let file = manifests.join("provider.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let more =
            "    dedicatedIssuerHosts: [notes.localhost]\n    grantTypes: [authorization_code, client_credentials]\n";
        fs::write(&file, text.trim_end().to_owned() + "\n" + more).unwrap();
        fs::write(manifests.join("web-note.yaml"), MANIFEST).unwrap();
    });
    let secret = provider.state().join("credentials/team-a_web-note-oidc.yaml");
    let read = |key: &str| demo_credentials(&secret, key).unwrap_or_else(|| panic!("no {key}\n{}", provider.log()));
    let issuer = read("OIDC_ISSUER_URL");
    assert_eq!(issuer, format!("http://notes.localhost:{}/oidc", provider.addresses.provider.port()));
    let ask = |url: &str, form: &[(&str, &str)]| -> Response {
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let method = if form.is_empty() { "GET" } else { "POST" };
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html, */*")];
        let url = Url::parse(url).unwrap();
        xtask::http::send_to(&[provider.addresses.provider], &url, method, &headers, &body).unwrap()
    };

    let discovery: Value = serde_json::from_str(&ask(&read("OIDC_DISCOVERY_URL"), &[]).body).unwrap();
    assert_eq!(discovery["issuer"], issuer.as_str());
    assert_eq!(discovery["authorization_endpoint"], read("OIDC_AUTHORIZATION_URL").as_str());
    let (id, key) = (read("OIDC_CLIENT_ID"), read("OIDC_CLIENT_SECRET"));
    assert_eq!(id, "team-a.web-note");
    let page = ask(
        &format!(
            "{}?client_id={id}&redirect_uri=http%3A%2F%2F127.0.0.1%3A4000%2Fcallback&response_type=code&scope=openid\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
            read("OIDC_AUTHORIZATION_URL")
        ),
        &[],
    );
    assert!(page.status == 200 && page.body.contains("Web Note Project"), "{}\n{}", page.body, provider.log());

    let form = [("grant_type", "client_credentials"), ("client_id", &*id), ("client_secret", &*key)];
    let tokens: Value = serde_json::from_str(&ask(&read("OIDC_TOKEN_URL"), &form).body).unwrap();
    let header = tokens["access_token"].as_str().unwrap().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&crypto::b64::decode(header).unwrap()).unwrap();
    let kids = |url: &str| -> Vec<Value> {
        let keys: Value = serde_json::from_str(&ask(url, &[]).body).unwrap();
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
    };
    assert!(kids(&read("OIDC_JWKS_URL")).contains(&header["kid"]));
    assert!(!kids(provider.url("/.well-known/jwks.json").as_str()).contains(&header["kid"]), "its keys are its own");
    let elsewhere = ask(provider.url("/token").as_str(), &form);
    assert!(elsewhere.body.contains("invalid_client"), "{}", elsewhere.body);
}
