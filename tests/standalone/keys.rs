//! A client whose keys stand elsewhere, from its manifest to the refusal to fetch them from this machine.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{SystemTime, UNIX_EPOCH};

use crypto::{Algorithm, SigningKey};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::harness::Provider;

const ID: &str = "team-a.batch";

#[expect(clippy::disallowed_methods, reason = "the program under test reads the clock too")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn t_k14_whatever_a_policy_lists_nothing_of_this_machine_is_called() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let provider = Provider::start_with(|manifests| {
        let file = manifests.join("provider.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let more = "    jwksURIHosts: [localhost]\n    fetchPrivateAddresses: Allowed\n    grantTypes: [authorization_code, client_credentials]\n";
        fs::write(&file, text.trim_end().to_owned() + "\n" + more).unwrap();
        let application = format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: OidcApplication\nmetadata: {{name: batch, namespace: team-a}}\n\
             spec:\n  providerRef: {{name: default, namespace: identity}}\n  grantTypes: [client_credentials]\n  scopes: []\n  \
             clientAuthentication: {{type: PrivateKeyJwt, privateKeyJwt: {{jwksURI: \"https://localhost:{port}/jwks.json\"}}}}\n"
        );
        fs::write(manifests.join("batch.yaml"), application).unwrap();
    });
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let claims = json!({"iss": ID, "sub": ID, "aud": provider.issuer(), "iat": now(), "exp": now() + 60, "jti": "1"});
    let assertion = crypto::jws::sign(&key, "JWT", &claims).unwrap();
    let form = Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        .append_pair("client_assertion", &assertion)
        .finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = xtask::http::send(&provider.url("/token"), "POST", &headers, &form).unwrap();
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &body["error"]), (400, &json!("invalid_client")), "{body}\n{}", provider.log());
    let metrics = Url::parse(&format!("http://{}/metrics", provider.addresses.internal)).unwrap();
    let metrics = xtask::http::get(&metrics).unwrap().body;
    for line in [
        r#"portcullis_client_key_fetches_total{outcome="address"} 1"#,
        r#"portcullis_refusals_total{endpoint="token",error="invalid_client",reason="client_keys_unavailable"} 1"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}\n{}", provider.log());
    }
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "nobody knocked");
}
