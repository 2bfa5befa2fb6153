//! A person's own page: what it shows, what its buttons end, and that nobody else's form, session or issuer is touched.

use std::sync::Arc;

use http::Method;
use oidc::account::Account;
use oidc::client::Client;
use oidc::ids::{ClientId, Subject, Uid, Username};
use oidc::records::SessionRecord;
use oidc::testing::{self, ORDERS, api, offline_client};
use serde_json::{Value, json};
use store::Store;
use store::memory::Memory;
use xtask::html::{self, Form};

use crate::counting::Counting;
use crate::harness::{Answer, Browser, GOOD, ISSUER, NOW, PASSWORD, Provider, SECRET, alice, changed, encode};

const OTHER: &str = "https://other.example.com/oidc";

fn bob() -> Account {
    Account { subject: Subject::new("bob-subject"), uid: Uid::new("user-2"), username: Username::new("bob"), ..alice() }
}

/// The notes application, which stays logged in and reads at an API.
fn notes() -> Client {
    Client { resources: vec![api(ORDERS, "orders.read")], ..offline_client() }
}

/// Alice and bob at two issuers, with the notes application at both.
fn provider() -> Provider {
    let provider = Provider::with(vec![notes()]);
    publish(&provider, vec![notes()], "two issuers");
    provider
}

fn publish(provider: &Provider, clients: Vec<Client>, digest: &str) {
    let realm = |issuer| testing::realm_of(issuer, clients.clone(), vec![alice(), bob()]);
    provider.publish([ISSUER, OTHER].map(realm).into(), digest);
}

async fn log_in(browser: &mut Browser, username: &str) -> Answer {
    let login = browser.open("/account").await;
    assert_eq!(login.status, 200, "{login:?}");
    browser.submit(&login, "login", &[("username", username), ("password", PASSWORD)]).await
}

/// A browser in which this person is logged in at the page, and the page.
async fn at(provider: &Provider, username: &str) -> (Browser, Answer) {
    let mut browser = Browser::new(provider.clone());
    let page = log_in(&mut browser, username).await;
    assert!(is_page(&page), "{page:?}");
    (browser, page)
}

fn is_page(answer: &Answer) -> bool {
    answer.status == 200 && Form::find(&answer.body, "end-all-sessions").is_some()
}

fn is_login(answer: &Answer) -> bool {
    Form::find(&answer.body, "login").is_some()
}

fn sessions(page: &Answer) -> usize {
    page.body.matches("<form id=\"end-session-").count()
}

fn grants(page: &Answer) -> usize {
    page.body.matches("<form id=\"withdraw-").count()
}

fn handle(page: &Answer, form: &str) -> String {
    Form::find(&page.body, form).unwrap_or_else(|| panic!("no form {form}: {page:?}")).get("handle").unwrap().to_owned()
}

/// The code for alice's yes in this browser, with `offline_access` or without.
async fn code(browser: &mut Browser, offline: bool) -> String {
    let scope = if offline { "openid email orders.read offline_access" } else { "openid email" };
    browser.authorize(&changed(GOOD, &[("scope", scope), ("prompt", "consent")])).await["code"].clone()
}

async fn tokens(browser: &mut Browser, offline: bool) -> Value {
    let code = code(browser, offline).await;
    let answer = browser.provider.redeem(&code, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Whether userinfo, introspection and, where there is one, the refresh token still work: all of them, or none.
async fn alive(provider: &Provider, tokens: &Value) -> bool {
    const NOTES: [(&str, &str); 2] = [("client_id", "team-a.notes"), ("client_secret", SECRET)];
    let access = tokens["access_token"].as_str().unwrap();
    let form = [&NOTES[..], &[("token", access)]].concat();
    let active = provider.post("/token/introspection", &[], &form).await.json()["active"] == json!(true);
    if let Some(refresh) = tokens["refresh_token"].as_str() {
        let form = [&NOTES[..], &[("token", refresh)]].concat();
        assert_eq!(provider.post("/token/introspection", &[], &form).await.json()["active"], active, "{tokens}");
        let form = [&NOTES[..], &[("grant_type", "refresh_token"), ("refresh_token", refresh)]].concat();
        let refreshed = provider.post("/token", &[], &form).await;
        assert_eq!(refreshed.status == 200, active, "{refreshed:?}");
    } else {
        let bearer = format!("Bearer {access}");
        let me = provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await;
        assert_eq!(me.status, if active { 200 } else { 401 }, "{me:?}");
    }
    active
}

#[tokio::test]
async fn a_login_from_here_leads_here() {
    let provider = provider();
    let mut browser = Browser::new(provider.clone());
    // Nothing in the address is kept, least of all another one.
    let login = browser.open("/account?redirect_uri=https%3A%2F%2Fevil.example&resume=x&next=%2F%2Fevil.example").await;
    assert!(is_login(&login) && !login.body.contains("evil"), "{login:?}");
    assert!(login.header("content-security-policy").ends_with("form-action 'self'"), "{login:?}");
    let wrong = browser.submit(&login, "login", &[("username", "alice"), ("password", "wrong")]).await;
    assert_eq!(wrong.status, 403);
    assert!(html::text(&wrong.body, "login-error").is_some() && wrong.body.contains("value=\"alice\""), "{wrong:?}");
    assert_eq!(Form::find(&wrong.body, "login").unwrap().action, "/oidc/account");

    let form = Form::find(&wrong.body, "login").unwrap();
    let pairs = [("handle", form.get("handle").unwrap()), ("username", "alice"), ("password", PASSWORD)];
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let answer = browser.send(Method::POST, "/account", &headers, &encode(&pairs)).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, format!("{ISSUER}/account").as_str()));
    assert!(is_page(&browser.open("/account").await));
    let silent = browser.auth(&changed(GOOD, &[("prompt", "none")])).await.redirect();
    assert_eq!(silent["error"], "consent_required", "the session is one like any other");
}

#[tokio::test]
async fn t_p35_guessing_here_counts_as_everywhere() {
    let provider = provider();
    let mut browser = Browser::new(provider.clone());
    let mut login = browser.open("/account").await;
    let mut tries = 0;
    while login.status != 429 {
        login = browser.submit(&login, "login", &[("username", "alice"), ("password", "wrong")]).await;
        tries += 1;
        assert!(tries < 100, "{login:?}");
    }
    assert!(!login.header("retry-after").is_empty());
    let elsewhere = browser.auth(GOOD).await;
    assert_eq!(browser.log_in(&elsewhere).await.status, 429);
}

#[tokio::test]
async fn t_p26_a_login_here_replaces_the_session() {
    let (mut browser, page) = at(&provider(), "alice").await;
    assert_eq!(sessions(&page), 1);
    let before = browser.cookies.clone();
    let login = login_in_another_tab(&browser).await;
    let page = browser.submit(&login, "login", &[("username", "bob"), ("password", PASSWORD)]).await;
    assert_eq!(html::text(&page.body, "account-username").as_deref(), Some("bob"));
    assert_eq!(sessions(&page), 1);
    browser.cookies = before;
    assert!(is_login(&browser.open("/account").await), "the old cookie is worth nothing");
}

fn clone((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

#[tokio::test]
async fn the_page_shows_sessions_and_grants_and_no_address() {
    let provider = provider();
    let (_elsewhere, _) = at(&provider, "alice").await;
    provider.pass(100);
    let (mut browser, _) = at(&provider, "alice").await;
    tokens(&mut browser, true).await;
    provider.pass(100);
    let page = browser.open("/account").await;
    assert_eq!((sessions(&page), grants(&page)), (2, 1));
    assert_eq!(html::text(&page.body, "account-username").as_deref(), Some("alice"));
    let (own, other) = page.body.split_once("id=\"end-session-1\"").unwrap();
    assert!(own.contains("id=\"this-browser\"") && !other.contains("this-browser"), "{page:?}");
    for shown in [
        "<time datetime=\"2027-01-15T08:00Z\">15 January 2027, 08:00 UTC</time>",
        "<time datetime=\"2027-01-15T08:03Z\">15 January 2027, 08:03 UTC</time>",
        "<dd>Password</dd>",
        "<bdi>Notes</bdi>",
        "<code>team-a.notes</code>",
        "<code>team-a</code>",
        "Your email address",
        "Access to all of this while you are away",
        &format!("May orders.read (<code>orders.read</code> at <code>{ORDERS}</code>)"),
    ] {
        assert!(page.body.contains(shown), "{shown} is not in {}", page.body);
    }
    assert!(!page.body.contains("192.0.2"), "no address is kept");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src 'self';"), "{page:?}");
}

#[tokio::test]
async fn looking_writes_down_that_the_session_was_used_and_no_more() {
    let store = Arc::new(Counting::new(Memory::new()));
    let provider = Provider::on(store.clone(), vec![notes()]);
    let (mut browser, _) = at(&provider, "alice").await;
    assert_eq!(store.writes(), 1);
    browser.open("/account").await;
    assert_eq!(store.writes(), 1);
    provider.pass(60);
    browser.open("/account").await;
    assert_eq!(store.writes(), 2);
}

#[tokio::test]
async fn ending_another_session_ends_its_tokens_without_offline_access() {
    let provider = provider();
    let (mut phone, _) = at(&provider, "alice").await;
    let (online, offline) = (tokens(&mut phone, false).await, tokens(&mut phone, true).await);
    let in_flight = code(&mut phone, false).await;
    provider.pass(1);
    let (mut browser, _) = at(&provider, "alice").await;
    let own = tokens(&mut browser, false).await;
    let page = browser.open("/account").await;
    let page = browser.submit(&page, "end-session-1", &[]).await;
    assert!(is_page(&page) && sessions(&page) == 1, "{page:?}");
    assert!(Form::find(&page.body, "end-other-sessions").is_none(), "there is no other");
    assert!(!alive(&provider, &online).await);
    assert!(alive(&provider, &offline).await, "offline families live on (Back-Channel Logout §2.7)");
    assert!(alive(&provider, &own).await);
    assert_eq!(provider.redeem(&in_flight, &[]).await.refusal(), (400, "invalid_grant".to_owned()));
    assert!(is_login(&phone.open("/account").await));
    assert_eq!(phone.auth(&changed(GOOD, &[("prompt", "none")])).await.redirect()["error"], "login_required");
    let again = browser.submit(&page, "end-session-0", &[]).await;
    assert!(is_login(&again), "one's own session can be ended as well: {again:?}");
}

#[tokio::test]
async fn ending_all_others_or_all() {
    let provider = provider();
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(at(&provider, "alice").await.0);
    }
    let (mut bob, _) = at(&provider, "bob").await;
    let mut elsewhere = Browser::at(provider.clone(), OTHER);
    log_in(&mut elsewhere, "alice").await;
    let (mut browser, page) = at(&provider, "alice").await;
    assert_eq!(sessions(&page), 4, "neither bob's nor those of another issuer");
    let page = browser.submit(&page, "end-other-sessions", &[]).await;
    assert_eq!(sessions(&page), 1, "{page:?}");
    for other in &mut others {
        assert!(is_login(&other.open("/account").await));
    }
    let answer = browser.submit(&page, "end-all-sessions", &[]).await;
    assert!(is_login(&answer), "{answer:?}");
    assert!(is_page(&bob.open("/account").await) && is_page(&elsewhere.open("/account").await));
}

#[tokio::test]
async fn withdrawing_a_grant_ends_all_that_the_application_has() {
    let provider = provider();
    let (mut browser, _) = at(&provider, "alice").await;
    let (offline, online) = (tokens(&mut browser, true).await, tokens(&mut browser, false).await);
    let in_flight = code(&mut browser, true).await;
    let mut bob = Browser::new(provider.clone());
    log_in(&mut bob, "bob").await;
    let bobs = tokens(&mut bob, true).await;
    assert!(alive(&provider, &offline).await && alive(&provider, &online).await);

    let page = browser.open("/account").await;
    let page = browser.submit(&page, "withdraw-0", &[]).await;
    assert_eq!((sessions(&page), grants(&page)), (1, 0), "{page:?}");
    assert!(page.body.contains("id=\"no-grants\""));
    assert!(!alive(&provider, &offline).await && !alive(&provider, &online).await);
    assert_eq!(provider.redeem(&in_flight, &[]).await.refusal(), (400, "invalid_grant".to_owned()));
    assert!(alive(&provider, &bobs).await, "another person's yes is another");
    let asked = browser.auth(GOOD).await;
    assert!(Form::find(&asked.body, "consent").is_some(), "it is asked for again: {asked:?}");
    assert!(browser.allow(&asked).await.redirect().contains_key("code"));
}

#[tokio::test]
async fn an_application_that_is_gone_is_listed_by_its_client_id_and_can_be_withdrawn() {
    let provider = provider();
    let (mut browser, _) = at(&provider, "alice").await;
    let offline = tokens(&mut browser, true).await;
    publish(&provider, vec![], "no applications");
    let page = browser.open("/account").await;
    assert!(page.body.contains("An application that is gone") && page.body.contains("<code>team-a.notes</code>"));
    assert!(page.body.contains("orders.read") && !page.body.contains("<bdi>Notes</bdi>"), "{page:?}");

    // Another application of that name is not the one that was agreed with.
    let impostor = Client { uid: Uid::new("app-9"), display_name: "Your Bank".to_owned(), ..notes() };
    publish(&provider, vec![impostor], "another of that name");
    let page = browser.open("/account").await;
    assert!(page.body.contains("An application that is gone") && !page.body.contains("Your Bank"), "{page:?}");
    // And the one that was agreed with is known by another name.
    let renamed = Client { id: ClientId::new("notes"), ..notes() };
    publish(&provider, vec![renamed], "renamed");
    let page = browser.open("/account").await;
    assert!(page.body.contains("<bdi>Notes</bdi>") && page.body.contains("<code>notes</code>"), "{page:?}");

    publish(&provider, vec![], "no applications again");
    let page = browser.open("/account").await;
    assert_eq!(grants(&browser.submit(&page, "withdraw-0", &[]).await), 0);
    publish(&provider, vec![notes()], "it is back");
    assert!(!alive(&provider, &offline).await);
}

#[tokio::test]
async fn t_p27_a_button_is_taken_from_its_own_page_browser_and_session_alone() {
    let provider = provider();
    let (mut browser, _) = at(&provider, "alice").await;
    tokens(&mut browser, true).await;
    let page = browser.open("/account").await;
    let unchanged = async |browser: &mut Browser, why: &str| {
        let page = browser.open("/account").await;
        assert_eq!((sessions(&page), grants(&page)), (1, 1), "{why}: {page:?}");
    };

    let handle = handle(&page, "withdraw-0");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (origin, site) in
        [("https://evil.example", "cross-site"), ("null", "cross-site"), ("https://evil.id.example.com", "same-site")]
    {
        let headers = [form, ("origin", origin), ("sec-fetch-site", site)];
        let answer = browser.send(Method::POST, "/account", &headers, &encode(&[("handle", &handle)])).await;
        assert_eq!(answer.status, 403, "{origin}");
    }
    unchanged(&mut browser, "another site").await;

    // Nobody's browser, and bob's: with his own binding cookie, and with alice's.
    let mut nobody = Browser::new(provider.clone());
    assert_eq!(nobody.submit(&page, "withdraw-0", &[]).await.status, 400);
    nobody.open("/account").await;
    assert!(is_login(&nobody.submit(&page, "withdraw-0", &[]).await));
    let (mut bob, of_bob) = at(&provider, "bob").await;
    for form in ["withdraw-0", "end-session-0", "end-all-sessions"] {
        let answer = bob.submit(&page, form, &[]).await;
        assert!(answer.status == 400 && answer.body.contains("id=\"account-stale\""), "{form}: {answer:?}");
        assert_eq!(html::text(&answer.body, "account-username").as_deref(), Some("bob"));
    }
    let binding = browser.cookies.iter().find(|(name, _)| name.ends_with("-b")).map(clone).unwrap();
    bob.cookies.extend([binding]);
    for form in ["withdraw-0", "end-session-0", "end-all-sessions"] {
        let answer = bob.submit(&page, form, &[]).await;
        assert!(answer.status == 400 && answer.body.contains("id=\"account-stale\""), "{form}: {answer:?}");
    }
    unchanged(&mut browser, "bob").await;
    assert_eq!(sessions(&bob.open("/account").await), 1, "bob is still there: {of_bob:?}");

    // Alice herself, after another login, and after an hour.
    let login = login_in_another_tab(&browser).await;
    provider.pass(1);
    browser.submit(&login, "login", &[("username", "alice"), ("password", PASSWORD)]).await;
    let answer = browser.submit(&page, "withdraw-0", &[]).await;
    assert!(answer.status == 400 && answer.body.contains("id=\"account-stale\""), "{answer:?}");
    unchanged(&mut browser, "another session").await;
    let page = browser.open("/account").await;
    for _ in 0..7 {
        provider.pass(514);
        unchanged(&mut browser, "kept awake").await;
    }
    provider.pass(2);
    let answer = browser.submit(&page, "withdraw-0", &[]).await;
    assert!(!is_page(&answer), "{answer:?}");
}

/// The login form of the page for this browser, as a tab has it that was opened before anybody logged in.
async fn login_in_another_tab(browser: &Browser) -> Answer {
    let mut tab = Browser::new(browser.provider.clone());
    tab.cookies = browser.cookies.iter().filter(|(name, _)| name.ends_with("-b")).map(clone).collect();
    tab.open("/account").await
}

#[tokio::test]
async fn t_p23_a_form_of_one_issuer_is_none_at_another() {
    let provider = provider();
    let (mut here, page) = at(&provider, "alice").await;
    let mut there = Browser::at(provider.clone(), OTHER);
    let foreign = log_in(&mut there, "alice").await;
    tokens(&mut here, true).await;
    assert_eq!((sessions(&foreign), grants(&there.open("/account").await)), (1, 0), "nothing of the other issuer");
    for form in ["end-all-sessions", "end-session-0"] {
        let moved =
            Answer { body: foreign.body.replace(&handle(&foreign, form), &handle(&page, form)), ..copy(&foreign) };
        let answer = there.submit(&moved, form, &[]).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    assert!(is_page(&there.open("/account").await) && is_page(&here.open("/account").await));
}

fn copy(answer: &Answer) -> Answer {
    Answer { status: answer.status, headers: answer.headers.clone(), body: answer.body.clone() }
}

#[tokio::test]
async fn t_p27_forms_of_other_pages_do_nothing_here_and_its_own_nothing_there() {
    let provider = provider();
    let mut browser = Browser::new(provider.clone());
    let (own, login) = (browser.open("/account").await, browser.auth(GOOD).await);
    let typed = [("username", "alice"), ("password", PASSWORD)];
    let swapped = |page: &Answer, with: &Answer| Answer {
        body: page.body.replace(&handle(page, "login"), &handle(with, "login")),
        ..copy(page)
    };
    for page in [swapped(&own, &login), swapped(&login, &own)] {
        let answer = browser.submit(&page, "login", &typed).await;
        assert!(answer.status == 400 && answer.header("set-cookie").is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn t_p11_who_is_disabled_has_no_page() {
    let provider = provider();
    let (mut browser, page) = at(&provider, "alice").await;
    tokens(&mut browser, true).await;
    provider.publish(vec![testing::realm_of(ISSUER, vec![notes()], vec![bob()])], "without alice");
    assert!(is_login(&browser.open("/account").await));
    assert!(is_login(&browser.submit(&page, "end-all-sessions", &[]).await));
    let again = Account { uid: Uid::new("recreated"), ..alice() };
    provider.publish(vec![testing::realm_of(ISSUER, vec![notes()], vec![again])], "another alice");
    assert!(is_login(&browser.open("/account").await));
    let page = log_in(&mut browser, "alice").await;
    assert_eq!((sessions(&page), grants(&page)), (1, 0), "what was another's is not hers (T-K15)");
}

#[tokio::test]
async fn sessions_that_have_ended_by_themselves_are_not_shown() {
    let provider = provider();
    let (_idle, _) = at(&provider, "alice").await;
    provider.pass(599);
    let (mut browser, page) = at(&provider, "alice").await;
    assert_eq!(sessions(&page), 2);
    provider.pass(1);
    assert_eq!(sessions(&browser.open("/account").await), 1);
}

#[tokio::test]
async fn a_long_list_ends_somewhere_and_its_buttons_do_not() {
    let store = Arc::new(Memory::new());
    let provider = Provider::on(store.clone(), vec![notes()]);
    let (mut browser, _) = at(&provider, "alice").await;
    for n in 0..150 {
        let id = serde_json::from_value(json!(format!("018bcfe5-6800-7000-8000-{n:012}"))).unwrap();
        let session = SessionRecord { id, auth_time: NOW.plus_secs(1), ..testing::session(NOW) };
        store.open_session(&session, None).await.unwrap();
    }
    let page = browser.open("/account").await;
    assert_eq!(sessions(&page), 101, "this one, which is older, and a hundred");
    assert!(page.body.contains("id=\"more-sessions\"") && page.body.contains("id=\"this-browser\""));
    let page = browser.submit(&page, "end-other-sessions", &[]).await;
    assert_eq!(sessions(&page), 1);
    assert!(!page.body.contains("id=\"more-sessions\""));
}

#[tokio::test]
async fn t_p39_names_are_text() {
    let hostile = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>";
    let client = Client { display_name: hostile.to_owned(), ..notes() };
    let provider = Provider::with(vec![client]);
    let (mut browser, _) = at(&provider, "alice").await;
    tokens(&mut browser, false).await;
    let page = browser.open("/account").await;
    assert!(!page.body.contains("<script") && !page.body.contains("<img"), "{page:?}");
    assert!(page.body.contains("&#60;script&#62;alert(1)"), "{page:?}");
}
