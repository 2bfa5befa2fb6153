//! The userinfo endpoint.

use http::Method;

use crate::harness::Provider;

async fn token(provider: &Provider) -> serde_json::Value {
    provider.redeem(&provider.code().await, &[]).await.json()
}

#[tokio::test]
async fn claims_by_header_and_by_form() {
    let provider = Provider::new();
    let tokens = token(&provider).await;
    let access = tokens["access_token"].as_str().unwrap();
    let by_header = provider.send(Method::GET, "/me", &[("authorization", &format!("Bearer {access}"))], "").await;
    let expect = serde_json::json!({"sub": "alice-subject", "email": "alice@example.com", "email_verified": true});
    assert_eq!(by_header.json(), expect);
    assert_eq!(by_header.header("cache-control"), "no-store");
    let by_form = provider.post("/me", &[], &[("access_token", access)]).await;
    assert_eq!(by_form.json(), expect);
}

#[tokio::test]
async fn refusals_carry_a_bearer_challenge() {
    let provider = Provider::new();
    let tokens = token(&provider).await;
    let (access, id_token) = (tokens["access_token"].as_str().unwrap(), tokens["id_token"].as_str().unwrap());
    let none = provider.get("/me").await;
    assert_eq!(none.status, 401);
    assert!(none.header("www-authenticate").starts_with("Bearer"), "{none:?}");
    assert!(!none.header("www-authenticate").contains("error="), "RFC 6750 §3.1: no error where no token was sent");
    for bad in ["junk", id_token] {
        let answer = provider.send(Method::GET, "/me", &[("authorization", &format!("Bearer {bad}"))], "").await;
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{answer:?}");
    }
    let in_query = provider.get(&format!("/me?access_token={access}")).await;
    assert!(in_query.status.is_client_error(), "a token in the URL ends in logs");
    let header = format!("Bearer {access}");
    let twice = provider.post("/me", &[("authorization", &header)], &[("access_token", access)]).await;
    assert_eq!(twice.status, 400);
    provider.pass(601 + 15);
    let expired = provider.send(Method::GET, "/me", &[("authorization", &header)], "").await;
    assert_eq!(expired.status, 401);
}
