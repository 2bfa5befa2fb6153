//! Two issuers of applications' own beside the shared one. What one of them has made is nothing at the others, even for the
//! very same client and person.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crypto::{Algorithm, KeyRing, KeyState, RingKey, SigningKey};
use http::Method;
use oidc::catalog::{Realm, RealmParts};
use oidc::testing::{self, offline_client};
use serde_json::Value;

use xtask::html::Form;

use crate::harness::{Answer, Browser, CALLBACK, GOOD, ISSUER, Provider, SECRET, VERIFIER, alice, changed};

const ISSUERS: [&str; 3] = [ISSUER, "https://notes.example.com/oidc", "https://portal.example.com/oidc"];

/// The key of each issuer.
static KEYS: LazyLock<[SigningKey; 3]> =
    LazyLock::new(|| ISSUERS.map(|_| SigningKey::generate(Algorithm::ES256).unwrap()));

/// An issuer with a key of its own. Client, UIDs and person are the same everywhere: only the issuer tells them apart.
fn realm(issuer: &str) -> Realm {
    let place = ISSUERS.iter().position(|one| *one == issuer).unwrap();
    let key = RingKey { key: KEYS[place].clone(), state: KeyState::Active, since: 0, trigger: String::new() };
    let like = testing::realm_of(issuer, vec![offline_client()], vec![alice()]);
    Realm::new(RealmParts {
        issuer: like.issuer,
        display_name: like.display_name,
        primary_color: like.primary_color,
        keys: KeyRing::new(vec![key]).unwrap(),
        settings: like.settings,
        clients: like.clients.into_values().collect(),
        accounts: Arc::clone(&like.accounts),
    })
}

fn provider() -> Provider {
    let provider = Provider::new();
    provider.publish(ISSUERS.map(realm).into(), "three issuers");
    provider
}

fn host(issuer: &str) -> &str {
    issuer.strip_prefix("https://").unwrap().strip_suffix("/oidc").unwrap()
}

async fn post(provider: &Provider, issuer: &str, path: &str, form: &[(&str, &str)]) -> Answer {
    let client = [("client_id", "team-a.notes"), ("client_secret", SECRET)];
    let form = [&client[..], form].concat();
    provider.post(path, &[("host", host(issuer)), ("content-type", "application/x-www-form-urlencoded")], &form).await
}

async fn redeem(provider: &Provider, issuer: &str, code: &str) -> Answer {
    let form =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    post(provider, issuer, "/token", &form).await
}

/// A token that says all the right things, under the key of another issuer, which its `kid` names.
#[tokio::test]
async fn t_p23_a_key_signs_for_its_own_issuer_alone() {
    let provider = provider();
    for (home, issuer) in ISSUERS.into_iter().enumerate() {
        let Made { tokens, .. } = made(&provider, issuer).await;
        let own = tokens["access_token"].as_str().unwrap();
        let payload = crypto::b64::decode(own.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        for (place, key) in KEYS.iter().enumerate() {
            let token = crypto::jws::sign(key, "at+jwt", &claims).unwrap();
            let headers = [("host", host(issuer)), ("authorization", &format!("Bearer {token}"))];
            let me = provider.send(Method::GET, "/me", &headers, "").await.status == 200;
            let said = post(&provider, issuer, "/token/introspection", &[("token", &token)]).await.json();
            assert_eq!((me, said["active"] == true), (place == home, place == home), "{place} at {home}");
        }
    }
}

fn offline() -> Vec<(&'static str, &'static str)> {
    changed(GOOD, &[("scope", "openid email offline_access"), ("prompt", "consent")])
}

/// All that one issuer hands out.
struct Made {
    browser: Browser,
    code: String,
    tokens: Value,
    handle: String,
}

async fn made(provider: &Provider, issuer: &'static str) -> Made {
    let mut browser = Browser::at(provider.clone(), issuer);
    let page = browser.auth(GOOD).await;
    let handle = Form::find(&page.body, "login").unwrap().get("handle").unwrap().to_owned();
    let fields = browser.authorize(&offline()).await;
    let tokens = redeem(provider, issuer, &fields["code"]).await.json();
    let code = browser.authorize(&offline()).await["code"].clone();
    Made { browser, code, tokens, handle }
}

#[tokio::test]
async fn t_p23_what_an_issuer_has_made_is_accepted_at_home_and_nowhere_else() {
    let provider = provider();
    let mut matrix: BTreeMap<(&str, usize, usize), bool> = BTreeMap::new();
    for (home, issuer) in ISSUERS.into_iter().enumerate() {
        // Its own home comes last: being refused elsewhere must have spent nothing.
        let elsewhere = (0..ISSUERS.len()).filter(|there| *there != home);
        for there in elsewhere.chain([home]) {
            let Made { browser, code, tokens, handle } = made(&provider, issuer).await;
            let text = |name: &str| tokens[name].as_str().unwrap();
            let at = ISSUERS[there];
            let mut accepted = |what, accepted: bool| {
                matrix.insert((what, home, there), accepted);
            };

            let refresh = [("grant_type", "refresh_token"), ("refresh_token", text("refresh_token"))];
            let me = |bearer: String| {
                let provider = provider.clone();
                async move {
                    let headers = [("host", host(at)), ("authorization", bearer.as_str())];
                    provider.send(Method::GET, "/me", &headers, "").await.status == 200
                }
            };
            accepted("access token", me(format!("Bearer {}", text("access_token"))).await);
            let said = post(&provider, at, "/token/introspection", &[("token", text("access_token"))]).await.json();
            accepted("access token, introspected", said["active"] == true);
            let said = post(&provider, at, "/token/introspection", &[("token", text("refresh_token"))]).await.json();
            accepted("refresh token, introspected", said["active"] == true);
            accepted("refresh token", post(&provider, at, "/token", &refresh).await.status == 200);
            accepted("code", redeem(&provider, at, &code).await.status == 200);

            // The cookies of the one under the names of the other, which a browser would not even send.
            let mut moved = Browser::at(provider.clone(), at);
            let page = moved.auth(GOOD).await;
            assert!(page.body.contains("id=\"login\""));
            let names: Vec<String> = moved.cookies.keys().cloned().collect();
            let suffix = names[0].strip_suffix("-b").unwrap().to_owned();
            for (name, value) in &browser.cookies {
                let name = if name.ends_with("-b") { format!("{suffix}-b") } else { suffix.clone() };
                moved.cookies.insert(name, value.clone());
            }
            let silent = moved.auth(&changed(GOOD, &[("prompt", "none")])).await;
            accepted("session cookie", silent.redirect().contains_key("code"));
            let hint = [("prompt", "none"), ("id_token_hint", text("id_token"))];
            let silent = moved.auth(&changed(GOOD, &hint)).await.redirect();
            accepted("id_token_hint", silent.get("error").is_none_or(|error| error != "invalid_request"));
            let own = Form::find(&page.body, "login").unwrap().get("handle").unwrap().to_owned();
            let form = Answer { body: page.body.replace(&own, &handle), ..page };
            let logged_in = moved.log_in(&form).await;
            accepted("login handle", !logged_in.status.is_client_error());
        }
    }
    for ((what, home, there), accepted) in &matrix {
        assert_eq!(*accepted, home == there, "{what} of {} at {}", ISSUERS[*home], ISSUERS[*there]);
    }
    assert_eq!(matrix.len(), 8 * 9);
}

#[tokio::test]
async fn t_p23_each_issuer_publishes_its_own_documents_and_keys() {
    let provider = provider();
    let mut kids = Vec::new();
    for issuer in ISSUERS {
        let get = async |path: &str| provider.send(Method::GET, path, &[("host", host(issuer))], "").await.json();
        let discovery = get("/.well-known/openid-configuration").await;
        assert_eq!(discovery["issuer"], issuer);
        for (name, value) in discovery.as_object().unwrap() {
            let url = value.as_str().filter(|_| name.ends_with("_endpoint") || name == "jwks_uri");
            assert!(url.is_none_or(|url| url.starts_with(issuer)), "{name}: {value}");
        }
        let keys = get("/.well-known/jwks.json").await;
        kids.extend(keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()));
    }
    assert_eq!(kids.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{kids:?}");
    for unknown in ["other.example.com", "notes.example.com:8443", "NOTES.example.com", "example.com"] {
        let answer = provider.send(Method::GET, "/.well-known/jwks.json", &[("host", unknown)], "").await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (421, ""), "{unknown}");
    }
}

#[tokio::test]
async fn t_p35_a_guesser_has_no_further_budget_at_another_issuer() {
    let provider = provider();
    let mut guesses = 0;
    for issuer in ISSUERS.into_iter().cycle().take(60) {
        let mut browser = Browser::at(provider.clone(), issuer);
        let page = browser.auth(GOOD).await;
        let answer = browser.submit(&page, "login", &[("username", "alice"), ("password", "wrong")]).await;
        if answer.status == 429 {
            break;
        }
        guesses += 1;
    }
    assert_eq!(guesses, 10, "as many as at one");
    for issuer in ISSUERS {
        let mut browser = Browser::at(provider.clone(), issuer);
        let page = browser.auth(GOOD).await;
        assert_eq!(browser.log_in(&page).await.status, 429, "{issuer}");
    }
}
