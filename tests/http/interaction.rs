//! Login, account chooser and consent.

use std::sync::Arc;

use http::Method;
use oidc::ids::Uid;
use oidc::testing;
use store::memory::Memory;
use xtask::html::Form;

use crate::counting::Counting;
use crate::harness::{Browser, GOOD, ISSUER, PASSWORD, Provider, alice, changed, encode};

#[tokio::test]
async fn t_p33_a_wrong_password_and_an_unknown_user_are_told_the_same() {
    let mut browser = Browser::new(Provider::new());
    let page = browser.auth(GOOD).await;
    let wrong = browser.submit(&page, "login", &[("username", "alice"), ("password", "wrong")]).await;
    let unknown = browser.submit(&page, "login", &[("username", "nobody"), ("password", "wrong")]).await;
    let told = |page: &crate::harness::Answer| (page.status, xtask::html::text(&page.body, "login-error"));
    assert_eq!(told(&wrong), told(&unknown));
    assert_eq!(wrong.status, 403);
    assert!(browser.log_in(&wrong).await.body.contains("id=\"consent\""), "the page that came back still works");
}

/// A page that grows with what was posted is worth posting much for.
#[tokio::test]
async fn what_is_no_username_does_not_come_back() {
    let mut browser = Browser::new(Provider::new());
    let page = browser.auth(GOOD).await;
    for (typed, comes_back) in [("'".repeat(256), true), ("'".repeat(257), false), ("'".repeat(15_000), false)] {
        let page = browser.submit(&page, "login", &[("username", &typed), ("password", "wrong")]).await;
        assert_eq!(page.status, 403);
        assert_eq!(Form::find(&page.body, "login").unwrap().get("username") == Some(typed.as_str()), comes_back);
        assert!(page.body.len() < 8192, "{}", page.body.len());
    }
}

#[tokio::test]
async fn t_p26_the_session_changes_at_every_login() {
    let provider = Provider::new();
    let mut browser = Browser::new(provider.clone());
    browser.authorize(GOOD).await;
    let name = browser.cookies.keys().find(|name| !name.ends_with("-b")).unwrap().clone();
    assert!(name.starts_with("__Host-pc-"), "{name}");
    let first = browser.cookies[&name].clone();
    provider.pass(1);
    browser.authorize(&changed(GOOD, &[("prompt", "login")])).await;
    assert_ne!(browser.cookies[&name], first);
    browser.cookies.insert(name, first);
    assert_eq!(browser.auth(&changed(GOOD, &[("prompt", "none")])).await.redirect()["error"], "login_required");
}

#[tokio::test]
async fn t_p27_a_form_of_another_browser_or_site_is_refused() {
    let provider = Provider::new();
    let mut alice = Browser::new(provider.clone());
    let page = alice.auth(GOOD).await;
    let mut mallory = Browser::new(provider.clone());
    mallory.auth(GOOD).await;
    let stolen = mallory.submit(&page, "login", &[("username", "alice"), ("password", PASSWORD)]).await;
    assert_eq!(Form::find(&stolen.body, "login").map(|form| form.action), Some("/oidc/interaction/login".to_owned()));
    assert!(stolen.header("set-cookie").is_empty(), "the page is shown anew, and nothing that was typed is used");
    let mut nobody = Browser::new(provider.clone());
    let refused = nobody.submit(&page, "login", &[("username", "alice"), ("password", PASSWORD)]).await;
    assert_eq!(refused.status, 400, "a browser without the cookie: {refused:?}");

    let form = Form::find(&page.body, "login").unwrap();
    let mut pairs: Vec<(&str, &str)> =
        form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pairs.retain(|(name, _)| !matches!(*name, "username" | "password"));
    pairs.extend([("username", "alice"), ("password", PASSWORD)]);
    for (origin, site) in
        [("https://evil.example", "cross-site"), ("null", "cross-site"), ("https://evil.id.example.com", "same-site")]
    {
        let headers =
            [("content-type", "application/x-www-form-urlencoded"), ("origin", origin), ("sec-fetch-site", site)];
        let answer = alice.send(Method::POST, "/interaction/login", &headers, &encode(&pairs)).await;
        assert_eq!(answer.status, 403, "{origin}");
    }
}

#[tokio::test]
async fn t_p29_consent_counts_for_the_person_who_was_asked() {
    let provider = Provider::new();
    let bob = oidc::account::Account {
        subject: oidc::ids::Subject::new("bob-subject"),
        uid: Uid::new("user-2"),
        username: oidc::ids::Username::new("bob"),
        ..alice()
    };
    let realm = testing::realm_of(ISSUER, vec![testing::client()], vec![alice(), bob]);
    provider.publish(vec![realm], "two people");
    let mut browser = Browser::new(provider.clone());
    let login = browser.auth(GOOD).await;
    let asked = browser.log_in(&login).await;
    // In another tab bob logs in, in the same browser.
    provider.pass(1);
    let login = browser.auth(&changed(GOOD, &[("prompt", "login")])).await;
    browser.submit(&login, "login", &[("username", "bob"), ("password", PASSWORD)]).await;
    // Alice's open page is answered now: bob has agreed to nothing and is asked himself.
    let answer = browser.allow(&asked).await;
    assert!(!answer.header("location").contains("code="), "{answer:?}");
}

#[tokio::test]
async fn t_p29_continue_as_alice_never_continues_as_bob() {
    let provider = Provider::new();
    let bob = oidc::account::Account {
        subject: oidc::ids::Subject::new("bob-subject"),
        uid: Uid::new("user-2"),
        username: oidc::ids::Username::new("bob"),
        ..alice()
    };
    let client = oidc::client::Client { consent: oidc::client::ConsentMode::Skip, ..testing::client() };
    provider.publish(vec![testing::realm_of(ISSUER, vec![client], vec![alice(), bob])], "two people");
    let mut browser = Browser::new(provider.clone());
    browser.authorize(GOOD).await;
    provider.pass(1);
    let chooser = browser.auth(&changed(GOOD, &[("prompt", "select_account")])).await;
    // In another tab bob logs in.
    provider.pass(1);
    let login = browser.auth(&changed(GOOD, &[("prompt", "login")])).await;
    browser.submit(&login, "login", &[("username", "bob"), ("password", PASSWORD)]).await;
    let answer = browser.submit(&chooser, "select-account", &[("choice", "continue")]).await;
    assert!(answer.body.contains("bob") && Form::find(&answer.body, "select-account").is_some(), "{answer:?}");
    assert!(browser.submit(&answer, "select-account", &[("choice", "continue")]).await.redirect().contains_key("code"));
}

#[tokio::test]
async fn consent_refused_is_told_to_the_application() {
    let mut browser = Browser::new(Provider::new());
    let login = browser.auth(GOOD).await;
    let consent = browser.log_in(&login).await;
    let refused = browser.submit(&consent, "consent", &[("decision", "deny")]).await;
    assert_eq!(refused.redirect()["error"], "access_denied");
    let again = browser.auth(GOOD).await;
    assert!(Form::find(&again.body, "consent").is_some(), "a no is not remembered as a yes");
}

#[tokio::test]
async fn t_p11_a_disabled_person_has_no_session() {
    let provider = Provider::new();
    let mut browser = Browser::new(provider.clone());
    browser.authorize(GOOD).await;
    provider.publish(vec![testing::realm_of(ISSUER, vec![testing::client()], vec![])], "nobody");
    assert_eq!(browser.auth(&changed(GOOD, &[("prompt", "none")])).await.redirect()["error"], "login_required");
}

#[tokio::test]
async fn sessions_end_by_age_and_by_idleness() {
    for (idle, total) in [(599, true), (600, false)] {
        let provider = Provider::new();
        let mut browser = Browser::new(provider.clone());
        browser.authorize(GOOD).await;
        provider.pass(idle);
        let answer = browser.auth(&changed(GOOD, &[("prompt", "none")])).await.redirect();
        assert_eq!(answer.contains_key("code"), total, "idle for {idle}");
    }
    let provider = Provider::new();
    let mut browser = Browser::new(provider.clone());
    browser.authorize(GOOD).await;
    for minute in 1..=61 {
        provider.pass(60);
        let answer = browser.auth(&changed(GOOD, &[("prompt", "none")])).await.redirect();
        assert_eq!(answer.contains_key("code"), minute < 60, "minute {minute}");
    }
}

#[tokio::test]
async fn t_k17_anonymous_requests_write_nothing() {
    let store = Arc::new(Counting::new(Memory::new()));
    let provider = Provider::on(store.clone(), vec![testing::client()]);
    let mut browser = Browser::new(provider.clone());
    let page = browser.auth(GOOD).await;
    browser.auth(&changed(GOOD, &[("prompt", "none")])).await;
    browser.submit(&page, "login", &[("username", "alice"), ("password", "wrong")]).await;
    browser.submit(&page, "login", &[("username", "nobody"), ("password", "wrong")]).await;
    let account = browser.open("/account").await;
    browser.submit(&account, "login", &[("username", "alice"), ("password", "wrong")]).await;
    provider.redeem(&"A".repeat(64), &[]).await;
    provider.get("/me").await;
    provider.send(Method::POST, "/auth", &[("content-type", "application/x-www-form-urlencoded")], &encode(GOOD)).await;
    assert_eq!(store.writes(), 0);
    browser.log_in(&page).await;
    assert_eq!(store.writes(), 1, "the count counts: a login opens a session");
}
