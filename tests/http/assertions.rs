//! Clients that prove themselves by signed assertions (RFC 7523): with keys of their own, or with their secret.

use std::sync::Arc;

use crypto::{Algorithm, PublicJwk, Secret, SigningKey};
use oidc::client::{Client, ClientAuthMethod, ClientAuthentication, ClientKeys};
use oidc::testing::{self, LONG_SECRET, service, symmetric_client};
use serde_json::{Value, json};
use store::Store;
use store::memory::Memory;

use crate::harness::{Answer, ISSUER, NOW, Provider, at_once};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ID: &str = "team-a.notes.worker";

/// The account with a key of its own.
fn with_key(key: &SigningKey) -> Client {
    let jwk: PublicJwk = serde_json::from_value(json!(key.public_jwk())).unwrap();
    Client { authentication: ClientAuthentication::Keys(ClientKeys::try_from(vec![jwk]).unwrap()), ..service() }
}

fn claims(jti: &str) -> Value {
    json!({"iss": ID, "sub": ID, "aud": ISSUER, "iat": NOW.secs(), "exp": NOW.secs() + 60, "jti": jti})
}

fn changed(name: &str, value: Value) -> Value {
    let mut claims = claims(&format!("changed {name} {value}"));
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

fn sign(key: &SigningKey, claims: &Value) -> String {
    crypto::jws::sign(key, "JWT", claims).unwrap()
}

async fn ask(provider: &Provider, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "orders.read"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    provider.post("/token", &[], &[&form, more].concat()).await
}

#[tokio::test]
async fn t_p17_a_key_of_its_own_proves_a_client_once_for_each_assertion() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let provider = Provider::with(vec![with_key(&key)]);
    let assertion = sign(&key, &claims("one"));
    assert_eq!(ask(&provider, &assertion, &[]).await.status, 200);
    assert_eq!(ask(&provider, &assertion, &[]).await.refusal(), (400, "invalid_client".to_owned()));
    let named = sign(&key, &claims("two"));
    assert_eq!(ask(&provider, &named, &[("client_id", ID)]).await.status, 200);
    for aud in [json!(format!("{ISSUER}/token")), json!([ISSUER])] {
        assert_eq!(ask(&provider, &sign(&key, &changed("aud", aud)), &[]).await.status, 200);
    }

    // What is refused for another reason is used up all the same.
    let wasted = sign(&key, &claims("three"));
    let refused = provider
        .post(
            "/token",
            &[],
            &[
                ("grant_type", "client_credentials"),
                ("scope", "no.such"),
                ("client_assertion_type", TYPE),
                ("client_assertion", &wasted),
            ],
        )
        .await;
    assert_eq!(refused.refusal(), (400, "invalid_scope".to_owned()));
    assert_eq!(ask(&provider, &wasted, &[]).await.refusal(), (400, "invalid_client".to_owned()));
}

#[tokio::test]
async fn t_p17_assertions_that_prove_nothing() {
    let (key, other) =
        (SigningKey::generate(Algorithm::ES256).unwrap(), SigningKey::generate(Algorithm::ES256).unwrap());
    let provider = Provider::with(vec![with_key(&key), testing::client()]);
    let secret = Secret::new(LONG_SECRET.to_owned());
    let mut refused = vec![
        sign(&other, &claims("other key")),
        crypto::jws::sign_with_secret(&secret, "JWT", &claims("HS256")).unwrap(),
        crypto::jws::sign(&key, "at+jwt", &claims("another type")).unwrap(),
        "junk".to_owned(),
        String::new(),
    ];
    for (name, value) in [
        ("iss", json!("team-a.notes")),
        ("sub", json!("team-a.notes")),
        ("aud", json!("https://other.example.com")),
        ("aud", json!([ISSUER, "https://other.example.com"])),
        ("aud", json!(format!("{ISSUER}/token/introspection"))),
        ("exp", json!(NOW.secs() - 15)),
        ("exp", json!(NOW.secs() + 3616)),
        ("iat", json!(NOW.secs() + 16)),
        ("jti", json!("")),
        ("jti", json!("x".repeat(257))),
        ("jti", json!(7)),
    ] {
        refused.push(sign(&key, &changed(name, value)));
    }
    for name in ["iss", "sub", "aud", "exp", "iat", "jti"] {
        refused.push(sign(&key, &changed(name, Value::Null)));
    }
    for assertion in refused {
        let answer = ask(&provider, &assertion, &[]).await;
        assert_eq!(answer.refusal(), (400, "invalid_client".to_owned()), "{assertion}");
    }
    let good = || sign(&key, &claims("never used"));
    let both = ask(&provider, &good(), &[("client_secret", testing::SECRET)]).await;
    assert_eq!(both.refusal(), (400, "invalid_request".to_owned()));
    let foreign = ask(&provider, &good(), &[("client_id", "team-a.notes")]).await;
    assert_eq!(foreign.refusal(), (400, "invalid_request".to_owned()));
    let twice = ask(&provider, &good(), &[("client_assertion", "x")]).await;
    assert_eq!(twice.refusal().0, 400);
    let form =
        [("grant_type", "client_credentials"), ("client_assertion", &good()), ("client_assertion_type", "urn:saml")];
    assert_eq!(provider.post("/token", &[], &form).await.refusal(), (400, "invalid_client".to_owned()));
    let by_secret = [("grant_type", "client_credentials"), ("client_id", ID), ("client_secret", testing::SECRET)];
    assert_eq!(provider.post("/token", &[], &by_secret).await.refusal(), (400, "invalid_client".to_owned()));
    assert_eq!(ask(&provider, &good(), &[]).await.status, 200, "none of that used it up");
}

#[tokio::test]
async fn t_p17_a_secret_proves_a_client_that_chose_client_secret_jwt_and_no_other() {
    let by = |methods: &[ClientAuthMethod]| {
        let mut client = symmetric_client();
        let ClientAuthentication::Secret { methods: own, .. } = &mut client.authentication else { panic!() };
        *own = methods.iter().copied().collect();
        Client { grant_types: service().grant_types, resources: service().resources, ..client }
    };
    let secret = Secret::new(LONG_SECRET.to_owned());
    let mut said = claims("one");
    (said["iss"], said["sub"]) = (json!("team-a.notes"), json!("team-a.notes"));
    let assertion = crypto::jws::sign_with_secret(&secret, "JWT", &said).unwrap();
    let provider = Provider::with(vec![by(&[ClientAuthMethod::ClientSecretJwt])]);
    assert_eq!(ask(&provider, &assertion, &[]).await.status, 200);
    assert_eq!(ask(&provider, &assertion, &[]).await.refusal(), (400, "invalid_client".to_owned()));
    let posted = [("grant_type", "client_credentials"), ("client_id", "team-a.notes"), ("client_secret", LONG_SECRET)];
    assert_eq!(provider.post("/token", &[], &posted).await.refusal(), (400, "invalid_client".to_owned()));
    let other = Provider::with(vec![by(&[ClientAuthMethod::ClientSecretPost])]);
    assert_eq!(ask(&other, &assertion, &[]).await.refusal(), (400, "invalid_client".to_owned()));
    assert_eq!(other.post("/token", &[], &posted).await.status, 200);
}

/// 64 tasks with the same assertion.
async fn race(store: Arc<dyn Store>) {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let provider = Provider::on(store, vec![with_key(&key)]);
    let assertion = sign(&key, &claims("one"));
    let mut statuses = at_once(|| {
        let (provider, assertion) = (provider.clone(), assertion.clone());
        async move { ask(&provider, &assertion, &[]).await.status.as_u16() }
    })
    .await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 400), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t_p17_of_64_at_once_one_is_proved_in_memory() {
    race(Arc::new(Memory::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t_p17_of_64_at_once_one_is_proved_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    race(Arc::new(store::sqlite::Sqlite::open(folder.path().join("state.db")).unwrap())).await;
}
