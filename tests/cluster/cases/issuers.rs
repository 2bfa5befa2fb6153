//! An application with an issuer of its own, from the manifest to tokens that no other issuer takes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::Kind;
use cluster::cluster;
use cluster::objects::merge;
use cluster::programs::{Scene, Server, built};
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;
use xtask::http::{self, Response};

const HOST: &str = "portal.localhost";

fn ask(scene: &Scene<'_>, server: &Server, host: &str, path: &str, form: &[(&str, &str)]) -> Result<Response> {
    let url = Url::parse(&format!("http://{host}:{}/oidc{path}", scene.issuer.port()))?;
    let body = Serializer::new(String::new()).extend_pairs(form).finish();
    let (method, headers) = match form {
        [] => ("GET", vec![]),
        [..] => ("POST", vec![("content-type", "application/x-www-form-urlencoded")]),
    };
    http::send_to(&[server.listen], &url, method, &headers, &body).context("ask the server")
}

fn kids(scene: &Scene<'_>, server: &Server, host: &str) -> Result<Vec<String>> {
    let keys: Value = serde_json::from_str(&ask(scene, server, host, "/.well-known/jwks.json", &[])?.body)?;
    let kids = keys["keys"].as_array().context("no keys")?.iter().filter_map(|key| key["kid"].as_str());
    Ok(kids.map(str::to_owned).collect())
}

#[tokio::test]
async fn t_p23_an_application_has_an_issuer_of_its_own_and_its_keys_live_in_its_record() -> Result<()> {
    let scene = Scene::new(cluster()?, "issuers", built()?).await?;
    let policies = json!([{
        "name": "all", "namespaces": {"type": "All"}, "loopbackRedirects": "AddressOnly",
        "grantTypes": ["authorization_code", "client_credentials"], "dedicatedIssuerHosts": [HOST],
    }]);
    let providers = scene.objects(Kind::OidcProvider);
    let merged = merge(&providers, "default", json!({"spec": {"applicationPolicies": policies}})).await?;
    ensure!(merged.is_ok(), "the policy is refused");
    let server = scene.server("server").await?;
    let internal = server.program.internal();
    let arguments = ["--server-endpoint", internal.as_str()];
    let mut controller = scene.controller("controller", &arguments).await?;
    let spec = json!({
        "issuer": {"host": HOST}, "redirectURIs": ["http://127.0.0.1:8081/callback"],
        "grantTypes": ["authorization_code", "client_credentials"],
    });
    scene.create(Kind::OidcApplication, "portal", &spec).await?;
    scene.application("shared").await?;
    let ready = scene.ready(Kind::OidcApplication, "portal").await?;
    scene.ready(Kind::OidcApplication, "shared").await?;
    let issuer = format!("http://{HOST}:{}/oidc", scene.issuer.port());
    assert_eq!(ready["status"]["issuer"], issuer.as_str());
    let secret = scene.secret("portal").await?.context("no Secret")?;
    assert_eq!(secret["OIDC_ISSUER_URL"], issuer);

    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", secret["OIDC_CLIENT_ID"].as_str()),
        ("client_secret", secret["OIDC_CLIENT_SECRET"].as_str()),
    ];
    let at_home = ask(&scene, &server, HOST, "/token", &form)?;
    assert_eq!(at_home.status, 200, "Ready means that it is served: {}", at_home.body);
    let shared = ask(&scene, &server, "127.0.0.1", "/token", &form)?;
    assert!(shared.status == 400 && shared.body.contains("invalid_client"), "{}", shared.body);
    let own = kids(&scene, &server, HOST)?;
    let others = kids(&scene, &server, "127.0.0.1")?;
    assert!(!own.is_empty() && own.iter().all(|kid| !others.contains(kid)), "{own:?} {others:?}");

    // The next controller goes on with the same keys.
    controller.kill()?;
    let _next = scene.controller("controller-2", &arguments).await?;
    let edit = json!({"spec": {"displayName": "Portal"}});
    ensure!(merge(&scene.objects(Kind::OidcApplication), "portal", edit).await?.is_ok(), "the edit is refused");
    scene.ready(Kind::OidcApplication, "portal").await?;
    assert_eq!(kids(&scene, &server, HOST)?, own);
    let records = cluster::objects::api(&scene.admin, "OidcClientRecord", "oidcclientrecords", &scene.provider);
    for record in records.list(&ListParams::default()).await? {
        let text = serde_json::to_string(&record)?;
        assert!(!text.contains("\\\"d\\\":"), "a private key is readable: {text}");
    }

    // Another application cannot take the host, and it ends with its own.
    scene.create(Kind::OidcApplication, "squatter", &spec).await?;
    let refused = |object: &Value| cluster::programs::status_of(object, "Accepted") == Some("False");
    let squatter = scene.until(Kind::OidcApplication, "squatter", "is refused", refused).await?;
    assert!(squatter.to_string().contains("IssuerConflict"), "{squatter}");
    scene.objects(Kind::OidcApplication).delete("squatter", &DeleteParams::default()).await?;
    scene.objects(Kind::OidcApplication).delete("portal", &DeleteParams::default()).await?;
    let gone = Instant::now();
    while ask(&scene, &server, HOST, "/.well-known/jwks.json", &[])?.status != 421 {
        ensure!(gone.elapsed() < Duration::from_secs(5), "it is still served\n{}", scene.logged());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Ok(())
}
