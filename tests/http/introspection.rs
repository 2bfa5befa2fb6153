//! Introspection and revocation: what a token is worth, and giving it back.

use std::collections::BTreeSet;

use crypto::{Secret, SecretVerifier};
use http::Method;
use oidc::client::{Client, ClientAuthMethod, ClientAuthentication};
use oidc::ids::{ClientId, Uid};
use oidc::testing;

use crate::harness::{Answer, Browser, CALLBACK, GOOD, ISSUER, NOW, Provider, SECRET, VERIFIER, changed};

const OTHER: (&str, &str) = ("team-b.other", "another secret of another client");

/// Another confidential client.
fn other() -> Client {
    let verifier = SecretVerifier::new(&testing::SERVER_KEYS, OTHER.0, &Secret::new(OTHER.1.to_owned()));
    Client {
        id: ClientId::new(OTHER.0),
        uid: Uid::new("app-3"),
        authentication: ClientAuthentication::Secret {
            methods: BTreeSet::from([ClientAuthMethod::ClientSecretPost]),
            verifiers: vec![verifier],
            previous_ends: None,
        },
        ..testing::client()
    }
}

fn provider() -> Provider {
    Provider::with(vec![testing::client(), testing::public_client(), other()])
}

/// Tokens of the usual client.
async fn tokens(provider: &Provider) -> (String, String) {
    let tokens = provider.redeem(&provider.code().await, &[]).await.json();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    (text("access_token"), text("id_token"))
}

async fn ask(provider: &Provider, path: &str, client: (&str, &str), token: &str) -> Answer {
    provider.post(path, &[], &[("client_id", client.0), ("client_secret", client.1), ("token", token)]).await
}

const NOTES: (&str, &str) = ("team-a.notes", SECRET);

async fn is_active(provider: &Provider, client: (&str, &str), token: &str) -> bool {
    let answer = ask(provider, "/token/introspection", client, token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let active = answer.json()["active"].as_bool().unwrap();
    if !active {
        assert_eq!(answer.json(), serde_json::json!({"active": false}), "RFC 7662 §2.2: nothing else is told");
    }
    active
}

#[tokio::test]
async fn a_client_learns_what_its_own_token_is_worth() {
    let provider = provider();
    let (access, id_token) = tokens(&provider).await;
    let answer = ask(&provider, "/token/introspection", NOTES, &access).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut said = answer.json();
    assert!(said["jti"].is_string());
    said.as_object_mut().unwrap().remove("jti");
    let expect = serde_json::json!({
        "active": true, "scope": "email openid", "client_id": "team-a.notes", "username": "alice",
        "token_type": "Bearer", "exp": NOW.secs() + 600, "iat": NOW.secs(), "sub": "alice-subject",
        "aud": ISSUER, "iss": ISSUER,
    });
    assert_eq!(said, expect);
    assert!(!is_active(&provider, OTHER, &access).await, "it is not theirs");
    for token in ["junk".to_owned(), "a.b.c".to_owned(), id_token, format!("{access}x")] {
        assert!(!is_active(&provider, NOTES, &token).await, "{token}");
    }
    provider.pass(616);
    assert!(!is_active(&provider, NOTES, &access).await, "it has expired");
}

#[tokio::test]
async fn t_p11_the_token_of_somebody_who_is_gone_is_not_active() {
    let provider = provider();
    let (access, _) = tokens(&provider).await;
    provider.publish(vec![testing::realm_of(ISSUER, vec![testing::client(), other()], vec![])], "without alice");
    assert!(!is_active(&provider, NOTES, &access).await);
}

#[tokio::test]
async fn only_who_proves_itself_may_ask() {
    let provider = provider();
    let (access, _) = tokens(&provider).await;
    for (fields, status, error) in [
        (vec![("token", access.as_str())], 400, "invalid_client"),
        (vec![("token", access.as_str()), ("client_id", "team-a.notes")], 400, "invalid_client"),
        (vec![("token", access.as_str()), ("client_id", "team-a.cli")], 400, "unauthorized_client"),
        (vec![("client_id", NOTES.0), ("client_secret", NOTES.1)], 400, "invalid_request"),
    ] {
        let answer = provider.post("/token/introspection", &[], &fields).await;
        assert_eq!(answer.refusal(), (status, error.to_owned()), "{fields:?}");
    }
    let twice = [("client_id", NOTES.0), ("client_secret", NOTES.1), ("token", "a"), ("token", "b")];
    assert_eq!(provider.post("/token/introspection", &[], &twice).await.refusal().1, "invalid_request");
    let basic = [("authorization", "Basic dGVhbS1hLm5vdGVzOndyb25n")];
    let wrong = provider.post("/token/introspection", &basic, &[("token", &access)]).await;
    assert_eq!((wrong.status.as_u16(), wrong.header("www-authenticate")), (401, &*format!("Basic realm=\"{ISSUER}\"")));
    let in_query = provider.send(Method::POST, &format!("/token/introspection?token={access}"), &[], "").await;
    assert!(in_query.status.is_client_error(), "a token in the URL ends in logs");
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_any_more() {
    let provider = provider();
    let (access, _) = tokens(&provider).await;
    let (untouched, _) = tokens(&provider).await;
    let bearer = format!("Bearer {access}");
    let me = async || provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await.status.as_u16();
    let foreign = ask(&provider, "/token/revocation", OTHER, &access).await;
    assert_eq!(foreign.refusal(), (400, "unauthorized_client".to_owned()));
    let anonymous = provider.post("/token/revocation", &[], &[("token", &access)]).await;
    assert_eq!(anonymous.refusal(), (400, "invalid_client".to_owned()));
    assert_eq!(me().await, 200, "nothing of that counts");

    for _ in 0..2 {
        let revoked = ask(&provider, "/token/revocation", NOTES, &access).await;
        assert_eq!((revoked.status.as_u16(), revoked.body.as_str()), (200, ""), "and once more is as good");
        assert_eq!(me().await, 401);
    }
    assert!(!is_active(&provider, NOTES, &access).await);
    assert!(is_active(&provider, NOTES, &untouched).await, "another login is another matter");
    for token in ["junk", "a.b.c"] {
        assert_eq!(ask(&provider, "/token/revocation", NOTES, token).await.status, 200, "RFC 7009 §2.2");
    }
}

#[tokio::test]
async fn a_public_client_gives_back_what_it_has() {
    let provider = provider();
    let mut browser = Browser::new(provider.clone());
    let callback = "http://127.0.0.1:5000/cb";
    let request = changed(GOOD, &[("client_id", "team-a.cli"), ("redirect_uri", callback)]);
    let login = browser.auth(&request).await;
    let consent = browser.log_in(&login).await;
    let sent = browser.allow(&consent).await;
    let location = url::Url::parse(sent.header("location")).unwrap();
    let code = location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    assert!(!sent.header("location").starts_with(CALLBACK));
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", callback),
        ("code_verifier", VERIFIER),
        ("client_id", "team-a.cli"),
    ];
    let tokens = provider.post("/token", &[], &fields).await.json();
    let access = tokens["access_token"].as_str().unwrap();
    let origin = [("origin", "http://127.0.0.1")];
    let named = [("client_id", "team-a.cli"), ("token", access)];
    let revoked = provider.post("/token/revocation", &origin, &named).await;
    assert_eq!((revoked.status.as_u16(), revoked.header("access-control-allow-origin")), (200, "http://127.0.0.1"));
    let bearer = format!("Bearer {access}");
    assert_eq!(provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await.status, 401);
}
