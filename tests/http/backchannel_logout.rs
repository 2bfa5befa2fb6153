//! Back-Channel Logout: who hears of a logout from the server, of what, and by a token that verifies with the published keys.

use std::sync::{Arc, Mutex};

use crypto::{Algorithm, Expect, PublicJwk, Secret, Unverified, VerifyingKey};
use futures::future::BoxFuture;
use http::StatusCode;
use oidc::client::{CalledUri, Client, PrivateAddresses};
use oidc::ids::{ClientId, Uid};
use oidc::logout::BackchannelLogout;
use oidc::testing;
use serde_json::Value;
use server::{CallError, PostToken};
use store::memory::Memory;

use crate::harness::{Browser, GOOD, Provider, expected};

/// Applications that take every token.
#[derive(Default)]
struct Taken(Mutex<Vec<(String, String)>>);

impl PostToken for Taken {
    fn post(&self, to: &BackchannelLogout, form: Secret<String>) -> BoxFuture<'static, Result<StatusCode, CallError>> {
        let token = form.expose().strip_prefix("logout_token=").unwrap().to_owned();
        self.0.lock().unwrap().push((to.uri.url().to_string(), token));
        Box::pin(async { Ok(StatusCode::OK) })
    }
}

/// The usual client, as `id`, which hears of logouts at an address of its own.
fn client(id: &str) -> Client {
    let uri = CalledUri::parse(&format!("https://{id}.example.com/out")).unwrap();
    let logout = BackchannelLogout { uri, private_addresses: PrivateAddresses::Denied, session_required: true };
    Client {
        id: ClientId::new(id),
        uid: Uid::new(format!("uid of {id}")),
        backchannel_logout: Some(logout),
        ..testing::client()
    }
}

fn provider() -> (Provider, Arc<Taken>) {
    let taken = Arc::new(Taken::default());
    let clients = vec![client("team-a.notes"), client("team-a.wiki"), testing::public_client()];
    (Provider::telling(taken.clone(), Arc::new(Memory::new()), clients), taken)
}

async fn log_out(browser: &mut Browser) {
    let answer = browser.log_out(&[]).await;
    assert!(answer.body.contains("id=\"signed-out\""), "{answer:?}");
}

/// Whom the server told now, in order of their names.
async fn told(provider: &Provider, taken: &Taken) -> Vec<String> {
    provider.app.tell_due_logouts().await;
    let mut told: Vec<String> = taken.0.lock().unwrap().drain(..).map(|(uri, _)| uri).collect();
    told.sort();
    told
}

const NOTES: &str = "https://team-a.notes.example.com/out";
const WIKI: &str = "https://team-a.wiki.example.com/out";

#[tokio::test]
async fn the_applications_of_the_session_hear_of_it_and_no_others() {
    let (provider, taken) = provider();
    let mut browser = Browser::new(provider.clone());
    for id in ["team-a.notes", "team-a.wiki", "team-a.notes"] {
        browser.log_in_to(id).await;
    }
    let mut phone = Browser::new(provider.clone());
    phone.log_in_to("team-a.notes").await;
    assert!(told(&provider, &taken).await.is_empty(), "nobody has logged out");
    log_out(&mut browser).await;
    assert_eq!(told(&provider, &taken).await, [NOTES, WIKI]);
    assert!(told(&provider, &taken).await.is_empty(), "once each");
    log_out(&mut phone).await;
    assert_eq!(told(&provider, &taken).await, [NOTES]);
}

/// T-P31: as an application verifies it, with nothing but what the provider publishes.
#[tokio::test]
async fn t_p31_a_logout_token_verifies_with_the_published_keys() {
    let (provider, taken) = provider();
    let mut browser = Browser::new(provider.clone());
    let code = browser.authorize(GOOD).await["code"].clone();
    let tokens = provider.redeem(&code, &[]).await.json();
    log_out(&mut browser).await;
    // A token that had to wait is made when it is sent.
    provider.pass(3600);
    provider.app.tell_due_logouts().await;
    let (_, token) = taken.0.lock().unwrap().pop().unwrap();
    let discovery = provider.get("/.well-known/openid-configuration").await.json();
    for member in ["backchannel_logout_supported", "backchannel_logout_session_supported"] {
        assert_eq!(discovery[member], true, "{member}");
    }
    let jwks = provider.get("/.well-known/jwks.json").await.json();
    let jwk: PublicJwk = serde_json::from_value(jwks["keys"][0].clone()).unwrap();
    let key = VerifyingKey::from_jwk(&jwk, Algorithm::ES256).unwrap();
    let now = testing::NOW.plus_secs(3600);
    let expect = |typ, now| expected(typ, &[Algorithm::ES256], &["team-a.notes"], now);
    let read = |token: &str, expect: &Expect<'_>| -> Result<Value, crypto::JwsError> {
        Unverified::parse(token).unwrap().verify_with(&key, expect).map(crypto::Verified::into_claims)
    };
    let claims = read(&token, &expect(&["logout+jwt"], now)).unwrap();
    let id_token = read(tokens["id_token"].as_str().unwrap(), &expect(&["JWT"], testing::NOW)).unwrap();
    for same in ["iss", "sub", "aud", "sid"] {
        assert_eq!(claims[same], id_token[same], "{same}");
        assert!(claims[same].is_string(), "{same}");
    }
    assert!(claims["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object(), "{claims}");
    assert!(claims.get("nonce").is_none() && id_token.get("nonce").is_some(), "{claims}");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
    assert!(read(&token, &expect(&["logout+jwt"], now.plus_secs(121))).is_err(), "it does not stay good");
    let (head, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", "A".repeat(signature.len()));
    assert!(read(&forged, &expect(&["logout+jwt"], now)).is_err());
    // It is no hint either: nobody is logged out by what an application was sent.
    let hinted = browser.open(&format!("/session/end?id_token_hint={token}")).await;
    assert_eq!(hinted.status, 400, "{hinted:?}");
}

#[tokio::test]
async fn what_a_person_ends_on_their_own_page_is_told_too() {
    let (provider, taken) = provider();
    let mut phone = Browser::new(provider.clone());
    phone.log_in_to("team-a.notes").await;
    provider.pass(1);
    let mut tablet = Browser::new(provider.clone());
    tablet.log_in_to("team-a.wiki").await;
    provider.pass(1);
    let mut browser = Browser::new(provider.clone());
    browser.log_in_to("team-a.wiki").await;
    let page = browser.open("/account").await;
    let page = browser.submit(&page, "end-session-2", &[]).await;
    assert_eq!(told(&provider, &taken).await, [NOTES], "{page:?}");
    browser.submit(&page, "end-other-sessions", &[]).await;
    assert_eq!(told(&provider, &taken).await, [WIKI]);
    browser.log_in_to("team-a.notes").await;
    let page = browser.open("/account").await;
    browser.submit(&page, "end-all-sessions", &[]).await;
    assert_eq!(told(&provider, &taken).await, [NOTES, WIKI]);
}

#[tokio::test]
async fn who_stays_is_told_of_to_nobody() {
    let (provider, taken) = provider();
    let mut browser = Browser::new(provider.clone());
    browser.log_in_to("team-a.notes").await;
    let page = browser.open("/session/end").await;
    browser.submit(&page, "logout", &[("decision", "stay")]).await;
    assert!(told(&provider, &taken).await.is_empty());
}
