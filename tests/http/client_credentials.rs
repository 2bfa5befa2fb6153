//! Clients that ask for themselves, and the APIs that they call.

use crypto::{Algorithm, Secret, SecretVerifier, Unverified};
use http::Method;
use oidc::client::{Client, ClientAuthentication};
use oidc::ids::{ClientId, Uid};
use oidc::testing::{self, ORDERS, STOCK, service};
use serde_json::{Map, Value, json};

use crate::harness::{Answer, Browser, GOOD, ISSUER, NOW, Provider, SECRET, changed, expected};

/// The API of orders itself: it may introspect what is for it.
fn orders() -> Client {
    let id = "team-b.orders";
    let verifier = SecretVerifier::new(&testing::SERVER_KEYS, id, &Secret::new(SECRET.to_owned()));
    let ClientAuthentication::Secret { methods, .. } = service().authentication else { panic!() };
    Client {
        id: ClientId::new(id),
        uid: Uid::new("app-3"),
        account: None,
        authentication: ClientAuthentication::Secret { methods, verifiers: vec![verifier], previous_ends: None },
        resources: Vec::new(),
        introspects: [ORDERS.to_owned()].into(),
        ..service()
    }
}

/// The notes application, which calls both APIs for its people.
fn notes() -> Client {
    Client { resources: service().resources, ..testing::offline_client() }
}

fn provider() -> Provider {
    Provider::with(vec![notes(), service(), orders(), testing::public_client()])
}

async fn ask(provider: &Provider, changes: &[(&str, &str)]) -> Answer {
    let good = [
        ("grant_type", "client_credentials"),
        ("client_id", "team-a.notes.worker"),
        ("client_secret", SECRET),
        ("scope", "orders.read"),
    ];
    provider.post("/token", &[], &changed(&good, changes)).await
}

fn claims(token: &str, audience: &str) -> Map<String, Value> {
    let audience = [audience];
    let expect = expected(&["at+jwt"], &[Algorithm::ES256], &audience, NOW);
    Unverified::parse(token).unwrap().verify_with(testing::KEY.verifying_key(), &expect).unwrap().into_claims()
}

async fn introspect(provider: &Provider, client: &str, token: &str) -> Value {
    let form = [("client_id", client), ("client_secret", SECRET), ("token", token)];
    let answer = provider.post("/token/introspection", &[], &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn seed_client_credentials_an_account_gets_a_signed_token_for_itself_and_nothing_else() {
    let provider = provider();
    let answer = ask(&provider, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    let tokens = answer.json();
    let names: std::collections::BTreeSet<&str> = tokens.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["access_token", "expires_in", "scope", "token_type"].into());
    assert_eq!((&tokens["expires_in"], &tokens["scope"]), (&json!(300), &json!("orders.read")));
    let mut claims = claims(tokens["access_token"].as_str().unwrap(), ORDERS);
    assert!(claims.remove("jti").is_some());
    let expect = json!({
        "iss": ISSUER, "sub": "team-a.notes.worker", "aud": ORDERS, "client_id": "team-a.notes.worker",
        "iat": NOW.secs(), "exp": NOW.secs() + 300, "scope": "orders.read",
    });
    assert_eq!(Value::Object(claims), expect);
}

#[tokio::test]
async fn seed_client_credentials_wrong_combinations_are_refused() {
    let provider = provider();
    for (changes, status, error) in [
        (&[("scope", "orders.delete")][..], 400, "invalid_scope"),
        (&[("scope", "openid")], 400, "invalid_scope"),
        (&[("scope", "orders.read stock.read")], 400, "invalid_target"),
        (&[("resource", "https://other.example.com")], 400, "invalid_target"),
        (&[("client_secret", "wrong")], 400, "invalid_client"),
        (&[("client_id", "team-a.notes")], 400, "unauthorized_client"),
        (&[("client_id", "team-a.cli"), ("client_secret", "-")], 400, "unauthorized_client"),
        (&[("grant_type", "authorization_code")], 400, "invalid_request"),
    ] {
        assert_eq!(ask(&provider, changes).await.refusal(), (status, error.to_owned()), "{changes:?}");
    }
    // An account has no page to send anybody to.
    let page = Browser::new(provider).auth(&changed(GOOD, &[("client_id", "team-a.notes.worker")])).await;
    assert_eq!((page.status.as_u16(), page.header("location")), (400, ""));
}

#[tokio::test]
async fn t_p15_a_token_tells_its_client_and_its_api_what_it_is_worth_and_nobody_else() {
    let provider = provider();
    let token = ask(&provider, &[]).await.json()["access_token"].as_str().unwrap().to_owned();
    let own = introspect(&provider, "team-a.notes.worker", &token).await;
    assert_eq!(
        (&own["active"], &own["sub"], &own["aud"]),
        (&json!(true), &json!("team-a.notes.worker"), &json!(ORDERS))
    );
    assert_eq!(introspect(&provider, "team-b.orders", &token).await, own);
    let inactive = json!({"active": false});
    assert_eq!(introspect(&provider, "team-a.notes", &token).await, inactive, "the application is another client");
    let elsewhere =
        ask(&provider, &[("scope", "stock.read")]).await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(introspect(&provider, "team-b.orders", &elsewhere).await, inactive, "it is for another API");
    let bearer = format!("Bearer {token}");
    assert_eq!(provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await.status, 401);

    let form = [("client_id", "team-a.notes.worker"), ("client_secret", SECRET), ("token", &token)];
    let revoked = provider.post("/token/revocation", &[], &form).await;
    assert_eq!(revoked.refusal(), (400, "unsupported_token_type".to_owned()), "never a yes without an effect");

    let again = Client { uid: Uid::new("app-9/worker"), ..service() };
    provider.publish(vec![testing::realm_of(ISSUER, vec![again, orders()], vec![])], "made again");
    assert_eq!(introspect(&provider, "team-b.orders", &token).await, inactive, "the namesake did not get it (T-K15)");
    let fewer = Client { resources: vec![testing::api(STOCK, "stock.read")], ..service() };
    provider.publish(vec![testing::realm_of(ISSUER, vec![fewer, orders()], vec![])], "permission withdrawn");
    assert_eq!(introspect(&provider, "team-b.orders", &token).await, inactive);
}

/// Tokens for alice, from a request with these changes and a token request with those.
async fn for_alice(provider: &Provider, changes: &[(&str, &str)], at_token: &[(&str, &str)]) -> Answer {
    let fields = Browser::new(provider.clone()).authorize(&changed(GOOD, changes)).await;
    provider.redeem(&fields["code"], at_token).await
}

#[tokio::test]
async fn a_person_s_token_for_an_api_has_that_audience_alone() {
    let provider = provider();
    let tokens = for_alice(&provider, &[("scope", "openid email orders.read")], &[]).await.json();
    assert_eq!((&tokens["scope"], &tokens["expires_in"]), (&json!("orders.read"), &json!(300)));
    let access = tokens["access_token"].as_str().unwrap();
    let found = claims(access, ORDERS);
    assert_eq!((&found["sub"], &found["scope"]), (&json!("alice-subject"), &json!("orders.read")));
    let bearer = format!("Bearer {access}");
    assert_eq!(provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await.status, 401);
    let payload = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let id_token: Value = serde_json::from_slice(&crypto::b64::decode(payload).unwrap()).unwrap();
    assert_eq!(id_token["email"], "alice@example.com", "userinfo cannot be asked with that token");
    let seen = introspect(&provider, "team-b.orders", access).await;
    assert_eq!((&seen["active"], &seen["sub"]), (&json!(true), &json!("alice-subject")));
    assert!(seen.get("username").is_none(), "the API learns the subject and no more");
}

#[tokio::test]
async fn the_api_is_named_at_either_endpoint_and_stays_what_it_was() {
    let provider = provider();
    let both = ("scope", "openid orders.read stock.read offline_access");
    let (consent, at_stock) = (("prompt", "consent"), ("resource", STOCK));
    let unnamed = for_alice(&provider, &[both, consent], &[]).await;
    assert_eq!(unnamed.refusal(), (400, "invalid_target".to_owned()));
    let tokens = for_alice(&provider, &[both, consent], &[at_stock]).await.json();
    assert_eq!(claims(tokens["access_token"].as_str().unwrap(), STOCK)["scope"], "stock.read");
    let refresh = |changes: Vec<(&'static str, &'static str)>, token: String| {
        let provider = provider.clone();
        async move {
            let good = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
            let client = [("client_id", "team-a.notes"), ("client_secret", SECRET)];
            provider.post("/token", &[], &changed(&[good, client].concat(), &changes)).await
        }
    };
    let token = |tokens: &Value| tokens["refresh_token"].as_str().unwrap().to_owned();
    let orders = refresh(vec![("resource", ORDERS)], token(&tokens)).await.json();
    assert_eq!(claims(orders["access_token"].as_str().unwrap(), ORDERS)["scope"], "orders.read");

    let bound = for_alice(&provider, &[both, consent, at_stock], &[]).await.json();
    assert_eq!(claims(bound["access_token"].as_str().unwrap(), STOCK)["scope"], "stock.read");
    let other = refresh(vec![("resource", ORDERS)], token(&bound)).await;
    assert_eq!(other.refusal(), (400, "invalid_target".to_owned()));
    assert_eq!(refresh(vec![], token(&bound)).await.json()["scope"], "stock.read");
    for resource in ["https://other.example.com", ISSUER] {
        let refused = Browser::new(provider.clone()).auth(&changed(GOOD, &[("resource", resource)])).await;
        assert_eq!(refused.redirect()["error"], "invalid_target");
    }
}

#[tokio::test]
async fn a_scope_of_an_api_is_explained_in_its_owner_s_words() {
    let mut browser = Browser::new(provider());
    let page = browser.auth(&changed(GOOD, &[("scope", "openid orders.read")])).await;
    let page = browser.log_in(&page).await;
    assert!(
        page.body.contains("May orders.read (<code>orders.read</code> at <code>https://orders.example.com</code>)"),
        "{}",
        page.body
    );
}
