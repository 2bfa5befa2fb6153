//! OIDC Core §5.5: claims asked for one by one; and how well a person is known.

use http::Method;
use oidc::client::{Client, ResponseType, ScopeClaims};
use oidc::testing::{self, scope};
use serde_json::{Value, json};

use crate::harness::{Browser, GOOD, ISSUER, Provider, SECRET, alice, changed};

const OFFLINE: &[(&str, &str)] = &[("scope", "openid offline_access"), ("prompt", "consent")];

fn id_token(tokens: &Value) -> Value {
    let payload = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&crypto::b64::decode(payload).unwrap()).unwrap()
}

/// Tokens for alice, where a request with these changes passes every page.
async fn tokens(provider: &Provider, changes: &[(&str, &str)]) -> Value {
    let fields = Browser::new(provider.clone()).authorize(&changed(GOOD, changes)).await;
    provider.redeem(fields.get("code").unwrap_or_else(|| panic!("{fields:?}")), &[]).await.json()
}

async fn me(provider: &Provider, tokens: &Value) -> Value {
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await.json()
}

#[tokio::test]
async fn a_claim_is_told_where_it_was_asked_for_and_no_other_of_its_scope() {
    let provider = Provider::with(vec![testing::offline_client()]);
    let asked =
        ("claims", r#"{"id_token": {"email": null}, "userinfo": {"name": {"essential": true}, "phone_number": null}}"#);
    let first = tokens(&provider, &changed(OFFLINE, &[asked])).await;
    assert_eq!(first["scope"], "offline_access openid", "the token is no wider than its scope");
    let said = id_token(&first);
    assert_eq!(
        (&said["email"], said.get("email_verified"), said.get("name")),
        (&json!("alice@example.com"), None, None)
    );
    assert_eq!(me(&provider, &first).await, json!({"sub": "alice-subject", "name": "Alice"}));

    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", first["refresh_token"].as_str().unwrap()),
        ("client_id", "team-a.notes"),
        ("client_secret", SECRET),
    ];
    let second = provider.post("/token", &[], &form).await.json();
    assert_eq!(id_token(&second)["email"], "alice@example.com", "what was granted was granted with it");
    assert_eq!(me(&provider, &second).await["name"], "Alice");

    let less = Client { scopes: scope("openid offline_access"), ..testing::offline_client() };
    provider.publish(vec![testing::realm_of(ISSUER, vec![less], vec![alice()])], "without profile and email");
    assert_eq!(me(&provider, &second).await, json!({"sub": "alice-subject"}), "T-P12: it was withdrawn");
}

#[tokio::test]
async fn the_person_is_asked_about_claims_as_about_their_scope() {
    let mut browser = Browser::new(Provider::with(vec![testing::client()]));
    let plain = [("scope", "openid")];
    browser.authorize(&changed(GOOD, &plain)).await;
    let asked = [("scope", "openid"), ("claims", r#"{"userinfo": {"email": null}}"#)];
    let page = browser.auth(&changed(GOOD, &asked)).await;
    assert!(page.body.contains("id=\"consent\"") && page.body.contains("email"), "{page:?}");
    let silent = browser.auth(&changed(&changed(GOOD, &asked), &[("prompt", "none")])).await;
    assert_eq!(silent.redirect()["error"], "consent_required");
    assert!(browser.allow(&page).await.redirect().contains_key("code"));
    let again = browser.auth(&changed(GOOD, &asked)).await;
    assert!(again.redirect().contains_key("code"), "it is remembered");
}

#[tokio::test]
async fn an_id_token_alone_brings_what_userinfo_was_asked_for() {
    let mut client = testing::client();
    client.response_types.insert(ResponseType::IdToken);
    client.id_token.scope_claims = ScopeClaims::UserinfoOnly;
    let mut browser = Browser::new(Provider::with(vec![client]));
    let asked = [("response_type", "id_token"), ("scope", "openid"), ("claims", r#"{"userinfo": {"name": null}}"#)];
    let fields = browser.authorize(&changed(GOOD, &asked)).await;
    assert_eq!(id_token(&json!(fields))["name"], "Alice");
}

#[tokio::test]
async fn how_and_when_a_person_logged_in_is_told_to_who_asks() {
    let provider = Provider::with(vec![testing::client()]);
    let silent = id_token(&tokens(&provider, &[]).await);
    assert!(silent.get("acr").is_none() && silent.get("auth_time").is_none(), "{silent}");
    for wish in [
        ("acr_values", "urn:example:gold urn:portcullis:acr:1fa"),
        ("claims", r#"{"id_token": {"acr": null}}"#),
        ("claims", r#"{"id_token": {"acr": {"essential": true, "values": ["urn:portcullis:acr:1fa"]}}}"#),
    ] {
        assert_eq!(id_token(&tokens(&provider, &[wish]).await)["acr"], "urn:portcullis:acr:1fa", "{wish:?}");
    }
    let when = id_token(&tokens(&provider, &[("claims", r#"{"id_token": {"auth_time": null}}"#)]).await);
    assert_eq!(when["auth_time"], testing::NOW.secs());
}

#[tokio::test]
async fn a_person_or_a_class_that_is_demanded_is_there_or_the_request_fails() {
    let provider = Provider::with(vec![testing::client()]);
    let mut browser = Browser::new(provider.clone());
    browser.authorize(GOOD).await;
    provider.pass(1);
    let other = r#"{"id_token": {"sub": {"value": "bob-subject"}}}"#;
    let silent = browser.auth(&changed(GOOD, &[("claims", other), ("prompt", "none")])).await;
    assert_eq!(silent.redirect()["error"], "login_required");
    let page = browser.auth(&changed(GOOD, &[("claims", other)])).await;
    assert!(page.body.contains("id=\"login\""), "{page:?}");
    assert_eq!(browser.log_in(&page).await.redirect()["error"], "login_required", "never somebody else's tokens");
    let same =
        browser.auth(&changed(GOOD, &[("claims", r#"{"id_token": {"sub": {"value": "alice-subject"}}}"#)])).await;
    assert!(same.redirect().contains_key("code"));

    let gold = r#"{"id_token": {"acr": {"essential": true, "values": ["urn:example:gold"]}}}"#;
    let unmet = browser.auth(&changed(GOOD, &[("claims", gold)])).await;
    assert_eq!(unmet.redirect()["error"], "unmet_authentication_requirements");
    for bad in ["[]", r#"{"userinfo": {"email": true}}"#, "{"] {
        let refused = browser.auth(&changed(GOOD, &[("claims", bad)])).await;
        assert_eq!(refused.redirect()["error"], "invalid_request", "{bad}");
    }
}
