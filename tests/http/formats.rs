//! What an application may choose of the form of its answers: opaque access tokens, signed userinfo.

use crypto::{Algorithm, Unverified};
use http::Method;
use oidc::client::{AccessTokenFormat, Client};
use oidc::testing::{self, ORDERS, service};
use serde_json::{Value, json};

use crate::harness::{Answer, Browser, GOOD, ISSUER, NOW, Provider, SECRET, alice, changed};

fn opaque(mut client: Client) -> Client {
    client.access_token.format = AccessTokenFormat::Opaque;
    client
}

async fn me(provider: &Provider, token: &str) -> Answer {
    provider.send(Method::GET, "/me", &[("authorization", &format!("Bearer {token}"))], "").await
}

async fn introspect(provider: &Provider, client: &str, token: &str) -> Value {
    let form = [("client_id", client), ("client_secret", SECRET), ("token", token)];
    provider.post("/token/introspection", &[], &form).await.json()
}

#[tokio::test]
async fn an_opaque_token_says_nothing_and_is_worth_the_same() {
    let provider = Provider::with(vec![opaque(testing::client())]);
    let tokens = provider.redeem(&provider.code().await, &[]).await.json();
    let token = tokens["access_token"].as_str().unwrap();
    assert!(token.starts_with("pca_") && !token.contains('.'), "{token}");
    assert!(Unverified::parse(tokens["id_token"].as_str().unwrap()).is_ok(), "the id_token is for the application");
    assert_eq!(me(&provider, token).await.json()["email"], "alice@example.com");
    let mut said = introspect(&provider, "team-a.notes", token).await;
    assert!(said.as_object_mut().unwrap().remove("jti").is_some());
    let expect = json!({
        "active": true, "scope": "email openid", "client_id": "team-a.notes", "username": "alice",
        "token_type": "Bearer", "exp": NOW.secs() + 600, "iat": NOW.secs(), "sub": "alice-subject",
        "aud": ISSUER, "iss": ISSUER,
    });
    assert_eq!(said, expect);

    let mut altered = token.to_owned();
    let last = altered.pop().unwrap();
    altered.push(if last == 'A' { 'E' } else { 'A' });
    for bad in [
        altered.as_str(),
        "pca_",
        "pca_AAAA",
        &token.replace("pca_", ""),
        &token.replace("pca_", "pca_A"),
        &format!("{token}.x"),
    ] {
        assert_eq!(me(&provider, bad).await.status, 401, "{bad}");
    }
    let elsewhere = testing::realm_of("https://other.example.com/oidc", vec![opaque(testing::client())], vec![alice()]);
    let here = testing::realm_of(ISSUER, vec![opaque(testing::client())], vec![alice()]);
    provider.publish(vec![here, elsewhere], "two issuers");
    let headers = [("host", "other.example.com"), ("authorization", &*format!("Bearer {token}"))];
    assert_eq!(provider.send(Method::GET, "/me", &headers, "").await.status, 401, "T-P23: accepted only at home");

    provider.pass(614);
    assert_eq!(me(&provider, token).await.status, 200);
    provider.pass(1);
    assert_eq!(me(&provider, token).await.status, 401, "it has expired");
    assert_eq!(introspect(&provider, "team-a.notes", token).await, json!({"active": false}));
}

#[tokio::test]
async fn opaque_tokens_come_from_every_grant_and_are_revoked_at_once() {
    let provider = Provider::with(vec![opaque(testing::offline_client()), opaque(service())]);
    let offline = changed(GOOD, &[("scope", "openid offline_access"), ("prompt", "consent")]);
    let fields = Browser::new(provider.clone()).authorize(&offline).await;
    let first = provider.redeem(&fields["code"], &[]).await.json();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", first["refresh_token"].as_str().unwrap()),
        ("client_id", "team-a.notes"),
        ("client_secret", SECRET),
    ];
    let second = provider.post("/token", &[], &form).await.json();
    let token = second["access_token"].as_str().unwrap();
    assert!(token.starts_with("pca_"));
    assert_eq!(me(&provider, token).await.status, 200);
    let given_back = [("client_id", "team-a.notes"), ("client_secret", SECRET), ("token", token)];
    assert_eq!(provider.post("/token/revocation", &[], &given_back).await.status, 200);
    assert_eq!(me(&provider, token).await.status, 401);

    let itself = [
        ("grant_type", "client_credentials"),
        ("client_id", "team-a.notes.worker"),
        ("client_secret", SECRET),
        ("scope", "orders.read"),
    ];
    let token = provider.post("/token", &[], &itself).await.json()["access_token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("pca_"));
    let said = introspect(&provider, "team-a.notes.worker", &token).await;
    assert_eq!((&said["active"], &said["aud"]), (&json!(true), &json!(ORDERS)));
}

#[tokio::test]
async fn userinfo_is_signed_for_who_wants_it() {
    let signed = Client { userinfo_algorithm: Some(Algorithm::ES256), ..testing::client() };
    let provider = Provider::with(vec![signed]);
    let tokens = provider.redeem(&provider.code().await, &[]).await.json();
    let answer = me(&provider, tokens["access_token"].as_str().unwrap()).await;
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/jwt", "no-store"));
    let [header, payload, _] = answer.body.split('.').collect::<Vec<_>>().try_into().unwrap();
    let json = |part: &str| serde_json::from_slice::<Value>(&crypto::b64::decode(part).unwrap()).unwrap();
    let kid = testing::KEY.kid().to_string();
    assert_eq!(json(header), json!({"alg": "ES256", "typ": "JWT", "kid": kid}));
    let expect = json!({
        "iss": ISSUER, "aud": "team-a.notes", "sub": "alice-subject", "email": "alice@example.com", "email_verified": true,
    });
    assert_eq!(json(payload), expect);
    for (path, fields) in [
        ("/me", vec![("access_token", answer.body.as_str())]),
        ("/auth", vec![("id_token_hint", answer.body.as_str())]),
    ] {
        let refused = provider.post(path, &[], &changed(GOOD, &fields)).await;
        assert!(refused.status == 401 || refused.redirect()["error"] == "invalid_request", "T-P20: {refused:?}");
    }
    let keyless = Client { userinfo_algorithm: Some(Algorithm::RS256), ..testing::client() };
    provider.publish(vec![testing::realm_of(ISSUER, vec![keyless], vec![alice()])], "no such key");
    let refused = me(&provider, tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(refused.refusal(), (500, "server_error".to_owned()));
}
