//! The authorization endpoint.

use http::Method;
use oidc::client::{Client, ConsentMode};
use oidc::testing;

use crate::harness::{Browser, CALLBACK, GOOD, ISSUER, Provider, changed, encode};

fn skipping() -> Vec<Client> {
    vec![Client { consent: ConsentMode::Skip, ..testing::client() }]
}

#[tokio::test]
async fn seed_authorization_code_a_person_logs_in_agrees_and_is_sent_back() {
    let mut browser = Browser::new(Provider::new());
    let login = browser.auth(GOOD).await;
    assert_eq!(login.status, 200);
    let consent = browser.log_in(&login).await;
    assert!(consent.body.contains("team-a.notes"), "the client ID is always shown");
    let fields = browser.allow(&consent).await.redirect();
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["code", "iss", "state"]);
    assert_eq!((fields["state"].as_str(), fields["iss"].as_str()), ("s1", ISSUER));

    let again = browser.auth(GOOD).await;
    assert_eq!(again.status, 303, "the second time nothing is asked");
    assert_ne!(again.redirect()["code"], fields["code"]);
}

#[tokio::test]
async fn response_modes() {
    let mut browser = Browser::new(Provider::with(skipping()));
    browser.authorize(GOOD).await;
    let fragment = browser.auth(&changed(GOOD, &[("response_mode", "fragment")])).await;
    assert!(fragment.header("location").starts_with(&format!("{CALLBACK}#code=")), "{fragment:?}");
    let form = browser.auth(&changed(GOOD, &[("response_mode", "form_post")])).await;
    assert_eq!(form.status, 200);
    let policy = form.header("content-security-policy");
    assert!(
        policy.contains("form-action https://notes.example.com;") && policy.contains("script-src 'sha256-"),
        "{policy}"
    );
    assert!(form.body.contains(&format!("action=\"{CALLBACK}\"")), "{}", form.body);
    let error = browser.auth(&changed(GOOD, &[("response_mode", "form_post"), ("scope", "phone")])).await;
    assert_eq!(error.status, 400);
}

#[tokio::test]
async fn t_p05_state_is_escaped_on_the_self_posting_page() {
    let mut browser = Browser::new(Provider::with(skipping()));
    browser.authorize(GOOD).await;
    let evil = r#""><script>alert(1)</script>"#;
    let form = browser.auth(&changed(GOOD, &[("response_mode", "form_post"), ("state", evil)])).await;
    assert!(!form.body.contains("<script>alert"), "{}", form.body);
}

#[tokio::test]
async fn prompt_none_shows_no_page() {
    let mut browser = Browser::new(Provider::new());
    let none = changed(GOOD, &[("prompt", "none")]);
    assert_eq!(browser.auth(&none).await.redirect()["error"], "login_required");
    let login = browser.auth(GOOD).await;
    browser.log_in(&login).await;
    assert_eq!(browser.auth(&none).await.redirect()["error"], "consent_required");
    browser.authorize(GOOD).await;
    assert!(browser.auth(&none).await.redirect().contains_key("code"));
}

#[tokio::test]
async fn prompt_login_max_age_and_select_account_ask_again() {
    let provider = Provider::with(skipping());
    let mut browser = Browser::new(provider.clone());
    browser.authorize(GOOD).await;
    provider.pass(100);
    for (name, value, form) in [("prompt", "login", "login"), ("max_age", "50", "login"), ("max_age", "0", "login")] {
        let page = browser.auth(&changed(GOOD, &[(name, value)])).await;
        assert!(xtask::html::Form::find(&page.body, form).is_some(), "{name}={value}: {page:?}");
    }
    let chooser = browser.auth(&changed(GOOD, &[("prompt", "select_account")])).await;
    let chosen = browser.submit(&chooser, "select-account", &[("choice", "continue")]).await;
    assert!(chosen.redirect().contains_key("code"));
    let other = browser.submit(&chooser, "select-account", &[("choice", "other")]).await;
    assert!(xtask::html::Form::find(&other.body, "login").is_some(), "{other:?}");
    let page = browser.auth(&changed(GOOD, &[("prompt", "login")])).await;
    assert!(browser.log_in(&page).await.redirect().contains_key("code"), "one login answers it");
}

#[tokio::test]
async fn t_p06_an_unregistered_redirect_uri_is_a_page() {
    let mut browser = Browser::new(Provider::new());
    for change in [("redirect_uri", "https://evil.example/cb"), ("client_id", "team-b.x"), ("redirect_uri", "-")] {
        let page = browser.auth(&changed(GOOD, &[change])).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (400, ""), "{change:?}");
        assert!(page.body.contains("error-id") && !page.body.contains("evil.example"), "{}", page.body);
    }
}

#[tokio::test]
async fn errors_redirect_with_issuer_and_error_id() {
    let provider = Provider::new();
    let answer = provider.get(&format!("/auth?{}", encode(&changed(GOOD, &[("scope", "phone")])))).await;
    let fields = answer.redirect();
    assert_eq!(
        (fields["error"].as_str(), fields["iss"].as_str(), fields["state"].as_str()),
        ("invalid_scope", ISSUER, "s1")
    );
    assert!(fields["error_description"].contains(answer.header("x-request-id")), "{fields:?}");
}

#[tokio::test]
async fn a_cross_site_post_comes_back_as_a_get_with_its_cookies() {
    let provider = Provider::with(skipping());
    let mut browser = Browser::new(provider.clone());
    browser.authorize(GOOD).await;
    // The browser holds back its Lax cookies.
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://notes.example.com")];
    let posted = provider.send(Method::POST, "/auth", &headers, &encode(GOOD)).await;
    assert_eq!(posted.status, 303);
    let back = posted.header("location").strip_prefix(ISSUER).unwrap().to_owned();
    let answer = browser.open(&back).await;
    assert!(answer.redirect().contains_key("code"), "{answer:?}");
}

#[tokio::test]
async fn pages_say_what_they_may_do() {
    let page = Browser::new(Provider::new()).auth(GOOD).await;
    let policy = page.header("content-security-policy");
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self' https://notes.example.com"
    );
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("strict-transport-security"), "max-age=31536000");
}

#[tokio::test]
async fn head_issues_no_code() {
    let mut browser = Browser::new(Provider::with(skipping()));
    browser.authorize(GOOD).await;
    let head = browser.send(Method::HEAD, &format!("/auth?{}", encode(GOOD)), &[], "").await;
    assert_eq!((head.status.as_u16(), head.header("allow"), head.header("location")), (405, "GET, POST", ""));
}
