//! Tokens from the authorization endpoint: implicit and hybrid.

use std::collections::{BTreeMap, BTreeSet};

use crypto::{Algorithm, Unverified, hash};
use http::Method;
use oidc::client::{Client, ConsentMode, GrantType, ResponseType};
use oidc::testing;
use serde_json::{Map, Value};

use crate::harness::{Browser, CALLBACK, GOOD, NOW, Provider, changed, expected};

/// The usual client, with every response type.
fn client() -> Client {
    Client {
        consent: ConsentMode::Skip,
        grant_types: [GrantType::AuthorizationCode, GrantType::Implicit].into(),
        response_types: ResponseType::ALL.iter().copied().collect(),
        ..testing::client()
    }
}

/// A request without PKCE: where no code is returned there is nothing to prove later.
fn request(response_type: &str) -> Vec<(&str, &str)> {
    changed(GOOD, &[("response_type", response_type), ("code_challenge", "-"), ("code_challenge_method", "-")])
}

fn id_token(token: &str) -> Map<String, Value> {
    let expect = expected(&["JWT"], &[Algorithm::ES256], &["team-a.notes"], NOW);
    Unverified::parse(token).unwrap().verify_with(testing::KEY.verifying_key(), &expect).unwrap().into_claims()
}

fn names(fields: &BTreeMap<String, String>) -> BTreeSet<&str> {
    fields.keys().map(String::as_str).collect()
}

fn half(text: &str) -> Value {
    hash::left_half(Algorithm::ES256, text.as_bytes()).into()
}

#[tokio::test]
async fn seed_implicit_tokens_arrive_in_the_fragment_with_a_nonce_and_without_a_refresh_token() {
    let provider = Provider::with(vec![client()]);
    let mut browser = Browser::new(provider.clone());
    browser.authorize(GOOD).await;

    let alone = browser.auth(&request("id_token")).await;
    assert!(alone.header("location").starts_with(&format!("{CALLBACK}#")), "{alone:?}");
    assert_eq!(alone.header("cache-control"), "no-store");
    let fields = alone.redirect();
    assert_eq!(names(&fields), ["id_token", "iss", "state"].into());
    let claims = id_token(&fields["id_token"]);
    assert_eq!((&claims["nonce"], &claims["sub"]), (&"n1".into(), &"alice-subject".into()));
    assert_eq!(claims["email"], "alice@example.com", "nothing else could bring it");
    assert!(!claims.contains_key("at_hash") && !claims.contains_key("c_hash"));

    for response_type in ["id_token token", "token id_token"] {
        let answer = browser.auth(&request(response_type)).await;
        assert!(answer.header("location").starts_with(&format!("{CALLBACK}#")), "{answer:?}");
        let fields = answer.redirect();
        let expect = ["access_token", "expires_in", "id_token", "iss", "scope", "state", "token_type"];
        assert_eq!(names(&fields), expect.into());
        assert_eq!((fields["token_type"].as_str(), fields["expires_in"].as_str()), ("Bearer", "600"));
        assert_eq!(fields["scope"], "email openid");
        let claims = id_token(&fields["id_token"]);
        assert_eq!(claims["at_hash"], half(&fields["access_token"]));
        assert!(!claims.contains_key("email"), "userinfo brings it");
        let bearer = format!("Bearer {}", fields["access_token"]);
        let userinfo = provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await;
        assert_eq!(userinfo.json()["email"], "alice@example.com");
    }
}

#[tokio::test]
async fn seed_hybrid_tokens_arrive_in_the_fragment_with_their_hashes_and_the_code_can_be_exchanged() {
    let provider = Provider::with(vec![client()]);
    let mut browser = Browser::new(provider.clone());
    browser.authorize(GOOD).await;
    let token = ["access_token", "expires_in", "scope", "token_type"];
    for (response_type, has_id_token, has_token) in
        [("code id_token", true, false), ("code token", false, true), ("token code id_token", true, true)]
    {
        let answer = browser.auth(&changed(GOOD, &[("response_type", response_type)])).await;
        assert!(answer.header("location").starts_with(&format!("{CALLBACK}#code=")), "{answer:?}");
        let fields = answer.redirect();
        let mut expect = BTreeSet::from(["code", "iss", "state"]);
        expect.extend(has_id_token.then_some("id_token"));
        expect.extend(token.into_iter().filter(|_| has_token));
        assert_eq!(names(&fields), expect, "{response_type}");
        if has_id_token {
            let claims = id_token(&fields["id_token"]);
            assert_eq!(claims["c_hash"], half(&fields["code"]));
            assert_eq!(claims.get("at_hash"), fields.get("access_token").map(|token| half(token)).as_ref());
            assert!(!claims.contains_key("email"), "userinfo brings it");
        }
        let tokens = provider.redeem(&fields["code"], &[]).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        let second = id_token(tokens.json()["id_token"].as_str().unwrap());
        assert_eq!((&second["nonce"], &second["sub"]), (&"n1".into(), &"alice-subject".into()));
        assert!(!second.contains_key("c_hash"));
        assert!(tokens.json().get("refresh_token").is_none());
    }
    let unbound = browser.auth(&request("code token")).await.redirect();
    assert_eq!(unbound["error"], "invalid_request", "a code needs PKCE, however it travels: {unbound:?}");
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_fragment() {
    let only_code = Client { response_types: [ResponseType::Code].into(), ..client() };
    let check = async |client: Client, changes: &[(&str, &str)], expect: &str| {
        let mut browser = Browser::new(Provider::with(vec![client]));
        let answer = browser.auth(&changed(&request("id_token"), changes)).await;
        assert!(answer.header("location").starts_with(&format!("{CALLBACK}#")), "{changes:?}: {answer:?}");
        let fields = answer.redirect();
        assert_eq!(fields["error"], expect, "{changes:?}");
        assert!(names(&fields).is_subset(&["error", "error_description", "iss", "state"].into()), "{fields:?}");
    };
    check(client(), &[("nonce", "-")], "invalid_request").await;
    check(client(), &[("nonce", "")], "invalid_request").await;
    check(client(), &[("response_type", "code id_token"), ("nonce", "-")], "invalid_request").await;
    check(client(), &[("scope", "email")], "invalid_scope").await;
    check(client(), &[("response_mode", "query")], "invalid_request").await;
    check(client(), &[("response_type", "token")], "unsupported_response_type").await;
    check(client(), &[("response_type", "none id_token")], "unsupported_response_type").await;
    check(client(), &[("prompt", "none")], "login_required").await;
    check(only_code, &[], "unauthorized_client").await;
}

#[tokio::test]
async fn tokens_travel_by_form_post() {
    let mut browser = Browser::new(Provider::with(vec![client()]));
    browser.authorize(GOOD).await;
    let form = browser.auth(&changed(&request("id_token token"), &[("response_mode", "form_post")])).await;
    assert_eq!((form.status.as_u16(), form.header("cache-control")), (200, "no-store"));
    assert!(form.body.contains("name=\"access_token\"") && form.body.contains("name=\"id_token\""), "{}", form.body);
}

#[tokio::test]
async fn implicit_is_no_type_of_a_token_request() {
    let provider = Provider::with(vec![client()]);
    let answer = provider.redeem("x", &[("grant_type", "implicit")]).await;
    assert_eq!(answer.refusal(), (400, "unsupported_grant_type".to_owned()));
}
