use std::sync::Arc;
use std::time::Duration;

use crypto::{Algorithm, SigningKey};
use futures::future::join_all;
use http::StatusCode;
use oidc::catalog::Realm;
use oidc::client::{Client, ClientAuthentication};
use oidc::testing::{self, ISSUER, NOW, service};
use serde_json::{Value, json};

use super::published;
use crate::client_keys::KeyFetcher;
use crate::outbound::testing::{Host, Says, guarded, says, seeing, set};
use crate::testing::{Server, captured, catalog};

const ID: &str = "team-a.notes.worker";

/// The realm of an account whose keys stand at this address.
fn realm(uri: &str) -> Realm {
    let client = Client { authentication: ClientAuthentication::PublishedKeys(published(uri)), ..service() };
    testing::realm_of(ISSUER, vec![client, testing::client()], vec![])
}

/// A server over that realm.
fn server(host: &Host) -> Server {
    Server::with_keys(realm(&host.uri()), Arc::new(KeyFetcher::new(seeing(Duration::from_secs(5)))))
}

/// Its clock stands still, so that only a `jti` tells one assertion from the next.
fn assertion(key: &SigningKey, jti: &str) -> String {
    let claims = json!({"iss": ID, "sub": ID, "aud": ISSUER, "iat": NOW.secs(), "exp": NOW.secs() + 3600, "jti": jti});
    crypto::jws::sign(key, "JWT", &claims).unwrap()
}

async fn ask(server: &Server, assertion: &str) -> (u16, Value) {
    let form = format!(
        "grant_type=client_credentials&scope=orders.read&client_assertion={assertion}\
         &client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    let (status, _, body) = server.post("/oidc/token", &form).await;
    (status.as_u16(), serde_json::from_str(&body).unwrap())
}

fn new_key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap()
}

#[tokio::test]
async fn t_p17_a_client_proves_itself_under_keys_that_it_publishes() {
    let key = new_key();
    let host = Host::that(set(&[&key])).await;
    let server = server(&host);
    let once = assertion(&key, "1");
    let (status, tokens) = ask(&server, &once).await;
    assert_eq!((status, &tokens["token_type"]), (200, &json!("Bearer")), "{tokens}");
    let (status, refused) = ask(&server, &once).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_client")), "an assertion counts once");
    assert_eq!(ask(&server, &assertion(&new_key(), "2")).await.1["error"], "invalid_client");
    assert_eq!(ask(&server, &assertion(&key, "3")).await.0, 200);
    assert_eq!(host.connections(), 1);
}

#[tokio::test]
async fn a_new_key_is_fetched_when_it_is_first_used() {
    let (old, new) = (new_key(), new_key());
    let host = Host::that(set(&[&old])).await;
    let server = server(&host);
    assert_eq!(ask(&server, &assertion(&old, "1")).await.0, 200);
    host.say(set(&[&old, &new]));
    server.clock.advance(30);
    assert_eq!(ask(&server, &assertion(&new, "2")).await.0, 200);
    assert_eq!(ask(&server, &assertion(&old, "3")).await.0, 200);
    assert_eq!(host.connections(), 2);

    // A key that was taken back is gone with the next answer.
    host.say(set(&[&new]));
    server.clock.advance(300);
    assert_eq!(ask(&server, &assertion(&old, "4")).await.0, 400);
    assert_eq!(ask(&server, &assertion(&new, "5")).await.0, 200);
    assert_eq!(host.connections(), 3);
}

#[tokio::test]
async fn t_p32_strangers_make_a_host_hear_no_more_than_twice_a_minute() {
    let (key, stranger) = (new_key(), new_key());
    let host = Host::that(set(&[&key])).await;
    let server = server(&host);
    let forged: Vec<String> = (0..64).map(|number| assertion(&stranger, &number.to_string())).collect();
    for (status, refused) in join_all(forged.iter().map(|one| ask(&server, one))).await {
        assert_eq!((status, &refused["error"]), (400, &json!("invalid_client")));
    }
    assert_eq!(host.connections(), 1);
    server.clock.advance(29);
    assert_eq!(ask(&server, &assertion(&stranger, "a")).await.0, 400);
    assert_eq!(ask(&server, &assertion(&key, "b")).await.0, 200);
    assert_eq!(host.connections(), 1);
}

#[tokio::test]
async fn t_p32_who_is_not_of_this_kind_makes_nobody_fetch() {
    let host = Host::that(set(&[&new_key()])).await;
    let server = server(&host);
    let form = format!(
        "grant_type=client_credentials&client_id={ID}&client_secret={}&scope=orders.read",
        crate::testing::SECRET_IN_FORM
    );
    assert_eq!(server.post("/oidc/token", &form).await.0, StatusCode::BAD_REQUEST);
    let claims = json!({"iss": "nobody", "sub": "nobody", "aud": ISSUER, "exp": NOW.secs() + 60, "jti": "1"});
    ask(&server, &crypto::jws::sign(&new_key(), "JWT", &claims).unwrap()).await;
    let claims =
        json!({"iss": "team-a.notes", "sub": "team-a.notes", "aud": ISSUER, "exp": NOW.secs() + 60, "jti": "1"});
    ask(&server, &crypto::jws::sign(&new_key(), "JWT", &claims).unwrap()).await;
    let secret = crypto::Secret::new(testing::LONG_SECRET.to_owned());
    let claims = json!({"iss": ID, "sub": ID, "aud": ISSUER, "iat": NOW.secs(), "exp": NOW.secs() + 60, "jti": "1"});
    ask(&server, &crypto::jws::sign_with_secret(&secret, "JWT", &claims).unwrap()).await;
    assert_eq!(host.connections(), 0);
}

#[tokio::test]
async fn while_a_host_is_down_its_keys_count_for_an_hour_and_then_no_more() {
    let key = new_key();
    let host = Host::that(set(&[&key])).await;
    let server = server(&host);
    assert_eq!(ask(&server, &assertion(&key, "1")).await.0, 200);
    host.say(Says::Nothing);
    server.clock.advance(300);
    assert_eq!(ask(&server, &assertion(&key, "2")).await.0, 200);
    let later = |jti: &str, now: i64| {
        let claims = json!({"iss": ID, "sub": ID, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": jti});
        crypto::jws::sign(&key, "JWT", &claims).unwrap()
    };
    server.clock.advance(3600);
    let (status, refused) = ask(&server, &later("3", NOW.secs() + 3900)).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_client")));
    host.say(set(&[&key]));
    server.clock.advance(10);
    assert_eq!(ask(&server, &later("4", NOW.secs() + 3910)).await.0, 200);
}

#[tokio::test]
async fn t_p33_keys_that_cannot_be_had_are_a_refusal_like_any_with_a_reason_in_the_log() {
    let key = new_key();
    let host = Host::that(says("503 Service Unavailable", "", b"")).await;
    let server = server(&host);
    let (lines, (status, refused)) = captured(ask(&server, &assertion(&key, "1"))).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_client")));
    let claims = json!({"iss": "nobody", "sub": "nobody", "aud": ISSUER, "exp": NOW.secs() + 60, "jti": "1"});
    let (_, unknown) = ask(&server, &crypto::jws::sign(&key, "JWT", &claims).unwrap()).await;
    assert_eq!(
        refused["error_description"], unknown["error_description"],
        "a stranger does not learn whose host is down"
    );
    assert!(lines.iter().any(|line| line.contains("reason=\"client_keys_unavailable\"") && line.contains(ID)));
    assert!(lines.iter().any(|line| line.contains("reason=\"status\"")), "{lines:?}");
    let metrics = server.app.shared().metrics.encode(0).unwrap();
    for line in [
        r#"portcullis_refusals_total{endpoint="token",error="invalid_client",reason="client_keys_unavailable"} 1"#,
        r#"portcullis_client_key_fetches_total{outcome="status"} 1"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{metrics}");
    }
}

/// The guard of the product: it has no eyes for this machine.
#[tokio::test]
async fn t_k14_the_product_calls_nothing_of_its_own_machine() {
    let key = new_key();
    let host = Host::that(set(&[&key])).await;
    for name in ["localhost", "127.0.0.1", "[::1]"] {
        let uri = format!("https://{name}:{}/jwks.json", host.port());
        let server = Server::with_keys(realm(&uri), Arc::new(KeyFetcher::new(guarded())));
        let (lines, (status, refused)) = captured(ask(&server, &assertion(&key, "1"))).await;
        assert_eq!((status, &refused["error"]), (400, &json!("invalid_client")), "{name}");
        assert!(lines.iter().any(|line| line.contains("reason=\"address\"")), "{lines:?}");
    }
    assert_eq!(host.connections(), 0);
}

#[tokio::test]
async fn another_address_counts_with_the_catalog_that_says_so() {
    let (old, new) = (new_key(), new_key());
    let (host, other) = (Host::that(set(&[&old])).await, Host::that(set(&[&new])).await);
    let server = server(&host);
    assert_eq!(ask(&server, &assertion(&old, "1")).await.0, 200);
    server.catalogs.publish(catalog(vec![realm(&other.uri())], "d2"));
    assert_eq!(ask(&server, &assertion(&old, "2")).await.0, 400);
    assert_eq!(ask(&server, &assertion(&new, "3")).await.0, 200);
    assert_eq!((host.connections(), other.connections()), (1, 1));
}
