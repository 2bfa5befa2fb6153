//! Every endpoint against the same mistakes: what is missing here was forgotten.

use http::Method;
use oidc::discovery::Endpoint;

use crate::harness::Provider;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// What an endpoint takes besides GET and HEAD.
fn takes_post(endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::Discovery | Endpoint::Jwks | Endpoint::CheckSession | Endpoint::Style => false,
        Endpoint::Authorization
        | Endpoint::Token
        | Endpoint::Introspection
        | Endpoint::Revocation
        | Endpoint::Userinfo
        | Endpoint::EndSession
        | Endpoint::EndSessionConfirm
        | Endpoint::Login
        | Endpoint::SelectAccount
        | Endpoint::Consent
        | Endpoint::Account => true,
    }
}

#[tokio::test]
async fn every_endpoint_refuses_what_is_no_request_of_its() {
    let provider = Provider::new();
    for endpoint in Endpoint::ALL.iter().copied() {
        let path = endpoint.path();
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = provider.send(method.clone(), path, &[], "").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(!answer.header("allow").is_empty(), "{method} {path}");
        }
        if !takes_post(endpoint) {
            assert_eq!(provider.post(path, &[], &[]).await.status, 405, "POST {path}");
            continue;
        }
        let oversized = provider.send(Method::POST, path, &[FORM], &format!("a={}", "x".repeat(70_000))).await;
        assert_eq!(oversized.status, 413, "{path}");
        let json = provider.send(Method::POST, path, &[("content-type", "application/json")], "{}").await;
        assert!(json.status.is_client_error(), "{path}: {json:?}");
        let broken = provider.send(Method::POST, path, &[FORM], "a=%zz").await;
        assert!(broken.status.is_client_error(), "{path}: {broken:?}");
        let many = (0..101).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        let many = provider.send(Method::POST, path, &[FORM], &many).await;
        assert!(many.status.is_client_error(), "{path}: {many:?}");
        let nothing = provider.send(Method::POST, path, &[FORM], "").await;
        // A logout needs no parameter: the person is asked.
        let may_be_empty = endpoint == Endpoint::EndSession;
        assert_eq!(nothing.status.is_client_error(), !may_be_empty, "{path}: {nothing:?}");
        let doubled = provider
            .send(
                Method::POST,
                path,
                &[FORM],
                "handle=a&handle=a&grant_type=x&grant_type=x&client_id=a&client_id=a&access_token=a&access_token=a",
            )
            .await;
        assert!(doubled.status.is_client_error(), "{path}: {doubled:?}");
    }
}

#[tokio::test]
async fn errors_are_pages_for_browsers_and_json_for_programs() {
    let provider = Provider::new();
    let browser = provider.send(Method::GET, "/auth", &[("accept", "text/html,*/*;q=0.8")], "").await;
    assert!(browser.header("content-type").starts_with("text/html"), "{browser:?}");
    let program = provider.send(Method::GET, "/auth", &[("accept", "*/*")], "").await;
    assert_eq!(program.refusal(), (400, "invalid_request".to_owned()));
    assert_eq!(program.json()["error_id"], program.header("x-request-id"));
}
