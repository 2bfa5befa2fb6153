//! RP-Initiated Logout: who is logged out at once, who is asked, what ends with a login, and where the browser goes.

use std::sync::Arc;

use http::{Method, StatusCode};
use oidc::client::Client;
use oidc::testing::{self, AFTER_LOGOUT};
use serde_json::Value;
use store::memory::Memory;
use xtask::html::Form;

use crate::counting::Counting;
use crate::harness::{Answer, Browser, GOOD, ISSUER, Provider, SECRET, changed, encode};

/// Alice in her browser, and the tokens that the notes application got.
async fn logged_in(provider: &Provider, changes: &[(&str, &str)]) -> (Browser, Value) {
    let mut browser = Browser::new(provider.clone());
    let code = browser.authorize(&changed(GOOD, changes)).await["code"].clone();
    let tokens = provider.redeem(&code, &[]).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    (browser, tokens.json())
}

fn text<'t>(tokens: &'t Value, name: &str) -> &'t str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}"))
}

async fn log_out(browser: &mut Browser, pairs: &[(&str, &str)]) -> Answer {
    browser.open(&format!("/session/end?{}", encode(pairs))).await
}

/// Whether the page asks.
fn asks(answer: &Answer) -> bool {
    answer.status == 200 && Form::find(&answer.body, "logout").is_some()
}

/// Whether the page says that it is done.
fn done(answer: &Answer) -> bool {
    answer.status == 200 && answer.body.contains("id=\"signed-out\"")
}

async fn leave(browser: &mut Browser, page: &Answer) -> Answer {
    browser.submit(page, "logout", &[("decision", "leave")]).await
}

/// Whether somebody is logged in.
async fn is_logged_in(browser: &mut Browser) -> bool {
    let answer = browser.auth(&changed(GOOD, &[("prompt", "none")])).await;
    let fields = answer.redirect();
    fields.contains_key("code") || fields["error"] == "consent_required"
}

async fn userinfo(provider: &Provider, tokens: &Value) -> StatusCode {
    let bearer = format!("Bearer {}", text(tokens, "access_token"));
    provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await.status
}

#[tokio::test]
async fn a_hint_of_this_very_session_ends_it_at_once() {
    let provider = Provider::new();
    let (mut browser, tokens) = logged_in(&provider, &[]).await;
    assert!(is_logged_in(&mut browser).await);
    let names: Vec<String> = browser.cookies.keys().cloned().collect();
    assert_eq!(names.len(), 2);
    provider.pass(300);
    let hint = text(&tokens, "id_token");
    let answer = log_out(&mut browser, &[("id_token_hint", hint), ("state", "a b")]).await;
    assert!(done(&answer), "{answer:?}");
    assert!(browser.cookies.is_empty(), "both cookies are taken away");
    assert_eq!(userinfo(&provider, &tokens).await, 401);
    assert!(!is_logged_in(&mut browser).await);
    // The cookies of before are worth nothing: the row is gone.
    let (mut thief, _) = logged_in(&provider, &[]).await;
    let stolen = thief.cookies.clone();
    thief.cookies = stolen.clone();
    assert!(is_logged_in(&mut thief).await);
    let page = log_out(&mut thief, &[]).await;
    leave(&mut thief, &page).await;
    thief.cookies = stolen;
    assert!(!is_logged_in(&mut thief).await);
}

#[tokio::test]
async fn afterwards_the_browser_goes_where_the_application_wants() {
    let provider = Provider::new();
    let (mut browser, tokens) = logged_in(&provider, &[]).await;
    provider.pass(300);
    let answer = log_out(
        &mut browser,
        &[
            ("id_token_hint", text(&tokens, "id_token")),
            ("client_id", "team-a.notes"),
            ("post_logout_redirect_uri", AFTER_LOGOUT),
            ("state", "a b&c=\u{e9}"),
            ("logout_hint", "alice"),
            ("ui_locales", "fr de"),
        ],
    )
    .await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), format!("{AFTER_LOGOUT}?state=a+b%26c%3D%C3%A9"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(browser.cookies.is_empty());
}

/// T-P31: an image or a link on another site must log nobody out.
#[tokio::test]
async fn t_p31_without_proof_the_person_is_asked() {
    let provider = Provider::new();
    let (mut other, foreign) = logged_in(&provider, &[]).await;
    let (mut browser, tokens) = logged_in(&provider, &[]).await;
    let to = ("post_logout_redirect_uri", AFTER_LOGOUT);
    for pairs in [
        &[][..],
        &[("client_id", "team-a.notes")],
        &[("client_id", "team-a.notes"), to],
        &[("id_token_hint", text(&foreign, "id_token")), to],
        &[("logout_hint", "alice")],
    ] {
        let page = log_out(&mut browser, pairs).await;
        assert!(asks(&page), "{pairs:?}: {page:?}");
        assert!(is_logged_in(&mut browser).await, "{pairs:?}");
    }
    assert_eq!(userinfo(&provider, &tokens).await, 200);
    let page = log_out(&mut browser, &[("client_id", "team-a.notes"), to, ("state", "s")]).await;
    assert!(
        page.body.contains("<code id=\"client-id\">team-a.notes</code>") && page.body.contains("Alice"),
        "{page:?}"
    );
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self' https://notes.example.com"), "{policy}");
    let stays = browser.submit(&page, "logout", &[("decision", "stay")]).await;
    assert!(stays.status == 200 && stays.body.contains("id=\"not-signed-out\""), "{stays:?}");
    assert!(is_logged_in(&mut browser).await);
    let left = leave(&mut browser, &page).await;
    assert_eq!(
        (left.status, left.header("location")),
        (StatusCode::SEE_OTHER, "https://notes.example.com/bye?state=s")
    );
    assert!(!is_logged_in(&mut browser).await);
    assert_eq!(userinfo(&provider, &tokens).await, 401);
    assert!(is_logged_in(&mut other).await, "another browser of the same person has a session of its own");
}

#[tokio::test]
async fn t_p30_no_refusal_redirects() {
    let provider = Provider::new();
    let (mut browser, tokens) = logged_in(&provider, &[]).await;
    let own = text(&tokens, "id_token");
    let (head, signature) = own.rsplit_once('.').unwrap();
    let tampered = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let to = ("post_logout_redirect_uri", AFTER_LOGOUT);
    let evil = ("post_logout_redirect_uri", "https://evil.example/");
    for pairs in [
        &[to][..],
        &[("id_token_hint", own), evil],
        &[("client_id", "team-a.notes"), evil],
        &[("client_id", "team-a.nobody"), to],
        &[("client_id", "team-a.cli"), ("id_token_hint", own)],
        &[("id_token_hint", &tampered), to],
        &[("id_token_hint", "x"), ("client_id", "team-a.notes"), to],
        &[("id_token_hint", text(&tokens, "access_token")), to],
        &[("client_id", "team-a.notes"), to, to],
        &[("client_id", "team-a.notes"), to, ("state", "a"), ("state", "b")],
        &[("client_id", "team-a.notes"), to, ("state", &"s".repeat(5000))],
    ] {
        let target = format!("/session/end?{}", encode(pairs));
        for answer in [browser.open(&target).await, post(&mut browser, pairs, "cross-site").await] {
            assert_eq!(answer.status, 400, "{pairs:?}: {answer:?}");
            assert!(answer.body.contains("This sign-out request cannot be used"), "{answer:?}");
            assert!(!answer.body.contains("evil"), "{answer:?}");
        }
    }
    let program = provider.get("/session/end?client_id=x&id_token_hint=y").await;
    assert_eq!(program.refusal(), (400, "invalid_request".to_owned()));
    assert!(is_logged_in(&mut browser).await);
}

async fn post(browser: &mut Browser, pairs: &[(&str, &str)], site: &str) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", site)];
    browser.send(Method::POST, "/session/end", &headers, &encode(pairs)).await
}

/// The form of another site comes without cookies; the GET after it has them.
#[tokio::test]
async fn a_posted_request_is_taken_up_by_a_get() {
    let provider = Provider::new();
    let (mut browser, tokens) = logged_in(&provider, &[]).await;
    let pairs = [("id_token_hint", text(&tokens, "id_token")), ("post_logout_redirect_uri", AFTER_LOGOUT)];
    let mut bare = Browser::new(provider.clone());
    let sent_on = post(&mut bare, &pairs, "cross-site").await;
    assert_eq!(sent_on.status, 303, "{sent_on:?}");
    let path = sent_on.header("location").strip_prefix(ISSUER).unwrap().to_owned();
    assert!(path.starts_with("/session/end?resume=") && !path.contains("notes"), "{path}");
    assert!(is_logged_in(&mut browser).await);
    let answer = browser.open(&path).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, AFTER_LOGOUT));
    assert!(!is_logged_in(&mut browser).await);
    provider.pass(121);
    let late = browser.open(&path).await;
    assert!(late.status == 400 && late.body.contains("This page has expired"), "{late:?}");
    let garbage = browser.open("/session/end?resume=AAAA").await;
    assert_eq!(garbage.status, 400);
}

#[tokio::test]
async fn t_p27_the_answer_of_the_page_counts_where_it_was_asked() {
    let provider = Provider::new();
    let (mut browser, _) = logged_in(&provider, &[]).await;
    let (mut attacker, _) = logged_in(&provider, &[]).await;
    // A page that was made for one browser does nothing in another but to ask there.
    let theirs = log_out(&mut attacker, &[]).await;
    let lured = leave(&mut browser, &theirs).await;
    assert!(asks(&lured), "{lured:?}");
    assert!(is_logged_in(&mut browser).await);
    let form = Form::find(&theirs.body, "logout").unwrap();
    let handle = form.fields.iter().find(|(name, _)| name == "handle").unwrap().1.clone();
    let headers = |site| [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", site)];
    let body = encode(&[("handle", &handle), ("decision", "leave")]);
    let foreign = attacker.send(Method::POST, "/session/end/confirm", &headers("cross-site"), &body).await;
    assert_eq!(foreign.status, 403);
    for body in [
        encode(&[("decision", "leave")]),
        encode(&[("handle", "AAAA"), ("decision", "leave")]),
        encode(&[("handle", &handle)]),
        encode(&[("handle", &handle), ("decision", "maybe")]),
        encode(&[("handle", &handle), ("decision", "leave"), ("decision", "leave")]),
    ] {
        let answer = attacker.send(Method::POST, "/session/end/confirm", &headers("same-origin"), &body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    assert!(is_logged_in(&mut attacker).await);
    provider.pass(300);
    assert!(is_logged_in(&mut attacker).await);
    provider.pass(300);
    assert!(is_logged_in(&mut attacker).await);
    // A page that was left open for too long is asked again; nobody is logged in any more by then.
    provider.pass(3600);
    let late = leave(&mut attacker, &theirs).await;
    assert!(asks(&late) && !late.body.contains("You are signed in"), "{late:?}");
}

#[tokio::test]
async fn t_p29_the_answer_of_one_person_logs_no_other_out() {
    let bob = oidc::account::Account {
        subject: oidc::ids::Subject::new("bob-subject"),
        uid: oidc::ids::Uid::new("user-2"),
        username: oidc::ids::Username::new("bob"),
        ..crate::harness::alice()
    };
    let provider = Provider::new();
    provider.publish(
        vec![testing::realm_of(ISSUER, vec![testing::client()], vec![crate::harness::alice(), bob])],
        "with bob",
    );
    let (mut browser, tokens) = logged_in(&provider, &[]).await;
    let page = log_out(&mut browser, &[]).await;
    provider.pass(60);
    let login = browser.auth(&changed(GOOD, &[("prompt", "login")])).await;
    let fields = [("username", "bob"), ("password", crate::harness::PASSWORD)];
    let consent = browser.submit(&login, "login", &fields).await;
    assert!(Form::find(&consent.body, "consent").is_some(), "{consent:?}");
    let answer = leave(&mut browser, &page).await;
    assert!(asks(&answer), "{answer:?}");
    assert!(is_logged_in(&mut browser).await);
    let hint = text(&tokens, "id_token");
    assert!(asks(&log_out(&mut browser, &[("id_token_hint", hint)]).await), "a hint of the person before");
    assert!(done(&leave(&mut browser, &answer).await));
    assert!(!is_logged_in(&mut browser).await);
}

/// Whether somebody is logged in is not to be told from the answers: every browser is asked, and sent on, alike.
#[tokio::test]
async fn nobody_is_answered_as_anybody_and_nothing_is_written_for_it() {
    let store = Arc::new(Counting::new(Memory::new()));
    let provider = Provider::on(store.clone(), vec![testing::client(), testing::public_client()]);
    let (_, tokens) = logged_in(&provider, &[]).await;
    let before = store.writes();
    let mut stranger = Browser::new(provider.clone());
    let to = ("post_logout_redirect_uri", AFTER_LOGOUT);
    for pairs in [&[][..], &[("client_id", "team-a.notes"), to], &[("id_token_hint", text(&tokens, "id_token")), to]] {
        let page = log_out(&mut stranger, pairs).await;
        assert!(asks(&page) && !page.body.contains("Alice"), "{page:?}");
        let answer = leave(&mut stranger, &page).await;
        if pairs.is_empty() {
            assert!(done(&answer), "{answer:?}");
        } else {
            assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, AFTER_LOGOUT));
        }
    }
    assert_eq!(store.writes(), before);
    assert_eq!(userinfo(&provider, &tokens).await, 200, "a hint alone ends nothing elsewhere");
}

/// Back-Channel Logout §2.7.
#[tokio::test]
async fn what_was_granted_for_offline_access_lives_on() {
    let provider = Provider::with(vec![testing::offline_client()]);
    let refresh = async |token: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", "team-a.notes"),
            ("client_secret", SECRET),
        ];
        provider.post("/token", &[], &form).await
    };
    let offline = [("scope", "openid email offline_access"), ("prompt", "consent")];
    let (mut browser, kept) = logged_in(&provider, &offline).await;
    let online = browser.authorize(GOOD).await["code"].clone();
    let ended = provider.redeem(&online, &[]).await.json();
    let waiting = browser.authorize(GOOD).await["code"].clone();
    assert!(done(&log_out(&mut browser, &[("id_token_hint", text(&ended, "id_token"))]).await));
    assert_eq!(userinfo(&provider, &ended).await, 401);
    assert_eq!(userinfo(&provider, &kept).await, 200);
    let refreshed = refresh(text(&kept, "refresh_token")).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    assert_eq!(userinfo(&provider, &refreshed.json()).await, 200);
    assert_eq!(provider.redeem(&waiting, &[]).await.refusal(), (400, "invalid_grant".to_owned()), "on its way");
}

#[tokio::test]
async fn the_endpoint_is_announced_where_it_is() {
    let provider = Provider::new();
    let discovery = provider.get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery["end_session_endpoint"], format!("{ISSUER}/session/end"));
    let native = Client {
        post_logout_redirect_uris: vec![oidc::uri::RedirectUri::parse("com.example.app:/bye").unwrap()],
        ..testing::public_client()
    };
    let provider = Provider::with(vec![native]);
    let mut browser = Browser::new(provider);
    let pairs = [("client_id", "team-a.cli"), ("post_logout_redirect_uri", "com.example.app:/bye"), ("state", "s")];
    let page = log_out(&mut browser, &pairs).await;
    assert!(page.header("content-security-policy").contains("form-action 'self' com.example.app:"), "{page:?}");
    assert_eq!(leave(&mut browser, &page).await.header("location"), "com.example.app:/bye?state=s");
}
