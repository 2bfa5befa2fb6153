//! Discovery, JWKS, and what belongs to no endpoint.

use http::Method;
use oidc::testing;

use crate::harness::{ISSUER, Provider};

#[tokio::test]
async fn discovery_names_this_issuer_and_only_what_works() {
    let provider = Provider::new();
    let document = provider.get("/.well-known/openid-configuration").await;
    assert_eq!(document.status, 200);
    let json = document.json();
    assert_eq!(json["issuer"], ISSUER);
    assert_eq!(
        json["grant_types_supported"],
        serde_json::json!(["authorization_code", "implicit", "refresh_token", "client_credentials", "password"])
    );
    let response_types = ["code", "code id_token", "code id_token token", "code token", "id_token", "id_token token"];
    assert_eq!(json["response_types_supported"], serde_json::json!(response_types));
    assert_eq!(json["authorization_response_iss_parameter_supported"], true);
    for endpoint in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"] {
        let url = json[endpoint].as_str().unwrap();
        let path = url.strip_prefix(ISSUER).unwrap();
        assert_ne!(provider.get(path).await.status, 404, "{endpoint}");
    }
    let rfc8414 = provider.get("https://id.example.com/.well-known/oauth-authorization-server/oidc").await;
    assert_eq!(rfc8414.body, document.body);
}

#[tokio::test]
async fn documents_are_cacheable_and_open_to_scripts() {
    let provider = Provider::new();
    for path in ["/.well-known/openid-configuration", "/.well-known/jwks.json"] {
        let first = provider.get(path).await;
        assert_eq!(first.header("access-control-allow-origin"), "*");
        assert!(first.header("cache-control").contains("max-age="), "{first:?}");
        let etag = first.header("etag").to_owned();
        let again = provider.send(Method::GET, path, &[("if-none-match", &etag)], "").await;
        assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""));
        let head = provider.send(Method::HEAD, path, &[], "").await;
        assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
    }
    assert_eq!(provider.get("/.well-known/jwks.json").await.header("cache-control"), "public, max-age=3600");
}

#[tokio::test]
async fn the_jwks_holds_public_keys_alone() {
    let jwks = Provider::new().get("/.well-known/jwks.json").await.json();
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["kid"], testing::KEY.kid().as_str());
    for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert!(keys[0].get(private).is_none(), "{private}");
    }
}

#[tokio::test]
async fn t_p24_an_unknown_host_is_nobody() {
    let provider = Provider::new();
    for host in ["evil.example", "id.example.com:8443", ""] {
        let headers = [("host", host), ("x-forwarded-host", "id.example.com")];
        let answer = provider.send(Method::GET, "/.well-known/openid-configuration", &headers, "").await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (421, ""), "{host}");
    }
}

#[tokio::test]
async fn a_request_sees_one_catalog() {
    let provider = Provider::new();
    let before = provider.get("/.well-known/openid-configuration").await;
    let other = testing::realm_of("https://id.example.com/other", vec![], vec![]);
    let (during, ()) = futures::future::join(provider.get("/.well-known/openid-configuration"), async {
        provider.publish(vec![other], "second");
    })
    .await;
    assert_eq!(during.body, before.body, "the one that it arrived at");
    assert_eq!(provider.get("/.well-known/openid-configuration").await.status, 404);
}
