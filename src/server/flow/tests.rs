use http::{StatusCode, header};
use oidc::client::{Client, ConsentMode};
use oidc::ids::{Subject, Uid, Username};

use crate::testing::{self, Answer, Browser, Server, auth_url};

fn skipping() -> Server {
    let client = Client { consent: ConsentMode::Skip, ..testing::client() };
    Server::of(testing::realm_of(testing::ISSUER, vec![client], vec![testing::account(), bob()]))
}

fn bob() -> oidc::account::Account {
    oidc::account::Account {
        subject: Subject::new("bob-subject"),
        uid: Uid::new("user-2"),
        username: Username::new("bob"),
        ..testing::account()
    }
}

fn csp(answer: &Answer) -> &str {
    answer.headers.get(header::CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap()
}

#[tokio::test]
async fn from_request_to_code() {
    let server = Server::new();
    let mut browser = server.browser();

    let page = browser.get(&auth_url("&state=s1&login_hint=al%22ice")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("value=\"al&#34;ice\""), "{}", page.body);
    assert!(csp(&page).ends_with("form-action 'self' https://notes.example.com"), "{}", csp(&page));
    let [binding] = page.set_cookies()[..] else { panic!("{page:?}") };
    assert!(
        binding.starts_with("__Host-pc-4cb7f85f-b=") && binding.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax")
    );

    let answer = browser.submit_login(&page, "Alice", testing::PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.location().starts_with("https://id.example.com/oidc/auth?resume="), "{answer:?}");
    let [session] = answer.set_cookies()[..] else { panic!("{answer:?}") };
    assert!(session.starts_with("__Host-pc-4cb7f85f="));

    let page = browser.follow(&answer).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("id=\"consent\""), "{}", page.body);
    assert!(page.body.contains("Your email address"));
    assert!(csp(&page).ends_with("form-action 'self' https://notes.example.com"));

    let answer = browser.submit_consent(&page, "allow").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.location().starts_with("https://notes.example.com/cb?code="), "{answer:?}");
    assert_eq!(answer.parameter("state").as_deref(), Some("s1"));
    assert_eq!(answer.parameter("iss").as_deref(), Some(testing::ISSUER));
    assert_eq!(answer.headers.get(header::CACHE_CONTROL).unwrap(), "no-store");

    // Known and remembered: the next request needs no page.
    let answer = browser.get(&auth_url("")).await;
    assert!(answer.location().starts_with("https://notes.example.com/cb?code="), "{answer:?}");
}

#[tokio::test]
async fn form_post_is_a_page_that_posts_itself() {
    let server = skipping();
    let mut browser = server.browser();
    let answer = browser.log_in(&auth_url("&response_mode=form_post&state=%22%3E%3Cscript%3E")).await;
    let page = browser.follow(&answer).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("action=\"https://notes.example.com/cb\""), "{}", page.body);
    assert!(page.body.contains("name=\"state\" value=\"&#34;&#62;&#60;script&#62;\""), "{}", page.body);
    assert!(csp(&page).contains(
        "form-action https://notes.example.com; script-src 'sha256-sx2yq/qyR/39OBbEt0uInXQ77KLnTu/ybggO1m7WpbY='"
    ));
    let refused = browser.get(&auth_url("&response_mode=form_post&prompt=none&max_age=x")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body.contains("name=\"error\" value=\"invalid_request\""), "{}", refused.body);
}

#[tokio::test]
async fn t_p06_an_error_without_a_verified_address_is_a_page() {
    let server = Server::new();
    let mut browser = server.browser();
    for url in [
        "/oidc/auth".to_owned(),
        "/oidc/auth?client_id=nobody&redirect_uri=https://evil.example".to_owned(),
        auth_url("").replace("notes.example.com", "evil.example"),
        auth_url("&redirect_uri=https://evil.example/"),
        auth_url("&client_id=team-a.notes"),
        "/oidc/auth?client_id=%zz".to_owned(),
    ] {
        let answer = browser.get(&url).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{url}");
        assert!(!answer.headers.contains_key(header::LOCATION), "{url}");
        assert!(answer.body.contains("id=\"error-title\"") && !answer.body.contains("evil"), "{url}: {}", answer.body);
        let id = answer.headers.get("x-request-id").unwrap().to_str().unwrap();
        assert!(answer.body.contains(&format!("<code id=\"error-id\">{id}</code>")));
        assert!(csp(&answer).ends_with("form-action 'self'"));
    }
}

#[tokio::test]
async fn an_error_that_can_be_sent_is_sent_with_its_id() {
    let server = Server::new();
    let answer = server.browser().get(&auth_url("&prompt=none&state=s1")).await;
    assert_eq!(answer.parameter("error").as_deref(), Some("login_required"));
    assert_eq!(answer.parameter("state").as_deref(), Some("s1"));
    let id = answer.headers.get("x-request-id").unwrap().to_str().unwrap();
    assert!(answer.parameter("error_description").unwrap().ends_with(&format!("(error ID: {id})")));
}

#[tokio::test]
async fn t_p49_a_flood_of_requests_writes_nothing() {
    let server = Server::with_store(testing::Faulty::Panic);
    for _ in 0..50 {
        let page = server.browser().get(&auth_url("")).await;
        assert_eq!(page.status, StatusCode::OK, "no verb of the store was called");
    }
}

#[tokio::test]
async fn t_p26_a_request_is_of_no_use_in_another_browser() {
    let server = skipping();
    let (mut attacker, mut victim) = (server.browser(), server.browser());
    let page = attacker.get(&auth_url("")).await;
    let answer = victim.submit_login(&page, "alice", testing::PASSWORD).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "a browser without a binding");
    assert!(answer.body.contains("opened in another browser"), "{}", answer.body);
    assert!(answer.set_cookies().is_empty());
    // With a binding of its own it gets the page anew; nothing that was typed is used.
    victim.get(&auth_url("")).await;
    let answer = victim.submit_login(&page, "alice", testing::PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.set_cookies().is_empty(), "no session");
    let answer = victim.submit_login(&answer, "alice", testing::PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "the new page is the victim's own");
    let answer = attacker.log_in(&auth_url("")).await;
    let answer = victim.get(answer.location()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "nor is the way back from a login");
}

#[tokio::test]
async fn t_p26_a_login_replaces_the_session_that_was_there() {
    let server = skipping();
    let mut browser = server.browser();
    browser.log_in(&auth_url("")).await;
    let name = "__Host-pc-4cb7f85f".to_owned();
    let first = browser.cookies[&name].clone();
    server.clock.advance(5);
    browser.log_in(&auth_url("&prompt=login")).await;
    assert_ne!(browser.cookies[&name], first);
    browser.cookies.insert(name, first);
    let answer = browser.get(&auth_url("&prompt=none")).await;
    assert_eq!(answer.parameter("error").as_deref(), Some("login_required"), "the old session is gone");
}

#[tokio::test]
async fn prompt_login_asks_once() {
    let server = skipping();
    let mut browser = server.browser();
    browser.code(&auth_url("")).await;
    server.clock.advance(5);
    let page = browser.get(&auth_url("&prompt=login")).await;
    assert!(page.body.contains("id=\"login\""));
    let answer = browser.submit_login(&page, "alice", testing::PASSWORD).await;
    let answer = browser.follow(&answer).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
}

#[tokio::test]
async fn t_p27_forms_of_other_sites_are_refused() {
    let server = Server::new();
    let mut browser = server.browser();
    let page = browser.get(&auth_url("")).await;
    browser.fetch_site = Some("cross-site");
    for path in ["/oidc/interaction/login", "/oidc/interaction/consent", "/oidc/interaction/select-account"] {
        let answer = browser.post(path, &format!("handle={}", page.handle())).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn t_p28_a_handle_works_on_its_own_page_only() {
    let server = Server::new();
    let mut browser = server.browser();
    let login = browser.get(&auth_url("")).await;
    let answer = browser.submit_login(&login, "alice", testing::PASSWORD).await;
    let resume = answer.parameter("resume").unwrap();
    let consent = browser.follow(&answer).await;
    for (path, form) in [
        ("/oidc/interaction/consent", format!("decision=allow&handle={}", login.handle())),
        ("/oidc/interaction/consent", format!("decision=allow&handle={resume}")),
        ("/oidc/interaction/select-account", format!("choice=continue&handle={}", login.handle())),
        ("/oidc/interaction/select-account", format!("choice=continue&handle={}", consent.handle())),
        ("/oidc/interaction/login", format!("username=alice&password=x&handle={}", consent.handle())),
        ("/oidc/interaction/consent", "decision=allow".to_owned()),
        ("/oidc/interaction/consent", format!("handle={}", consent.handle())),
        ("/oidc/interaction/consent", format!("decision=maybe&handle={}", consent.handle())),
        ("/oidc/interaction/consent", format!("decision=allow&decision=allow&handle={}", consent.handle())),
        ("/oidc/interaction/consent", String::new()),
    ] {
        let answer = browser.post(path, &form).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {form}");
        assert!(!answer.headers.contains_key(header::LOCATION));
    }
    let answer = browser.get(&format!("/oidc/auth?resume={}", login.handle())).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "a page's handle does not resume");
}

#[tokio::test]
async fn t_p29_consent_counts_for_whom_it_was_asked() {
    let client = testing::client();
    let server = Server::of(testing::realm_of(testing::ISSUER, vec![client], vec![testing::account(), bob()]));
    let mut browser = server.browser();
    let answer = browser.log_in(&auth_url("")).await;
    let alices = browser.follow(&answer).await;
    // In another tab, somebody else logs in.
    server.clock.advance(1);
    let page = browser.get(&auth_url("&prompt=login")).await;
    browser.submit_login(&page, "bob", testing::PASSWORD).await;
    let answer = browser.submit_consent(&alices, "allow").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("id=\"consent\"") && answer.body.contains("(<bdi>bob</bdi>)"), "{}", answer.body);
    let remembered = server.store.find_consent(testing::ISSUER, &bob().uid, &testing::client().uid).await.unwrap();
    assert!(remembered.is_none());
}

#[tokio::test]
async fn a_refused_consent_is_told_and_not_remembered() {
    let server = Server::new();
    let mut browser = server.browser();
    let answer = browser.log_in(&auth_url("")).await;
    let page = browser.follow(&answer).await;
    let answer = browser.submit_consent(&page, "deny").await;
    assert_eq!(answer.parameter("error").as_deref(), Some("access_denied"));
    let again = browser.get(&auth_url("")).await;
    assert!(again.body.contains("id=\"consent\""));
}

#[tokio::test]
async fn accounts_are_chosen_between() {
    let server = skipping();
    let mut browser = server.browser();
    browser.code(&auth_url("")).await;
    server.clock.advance(5);
    let chooser = async |browser: &mut Browser<'_>, choice: &str| {
        let page = browser.get(&auth_url("&prompt=select_account")).await;
        assert!(page.body.contains("id=\"select-account\"") && page.body.contains("<bdi>Alice</bdi>"), "{}", page.body);
        browser.post("/oidc/interaction/select-account", &format!("choice={choice}&handle={}", page.handle())).await
    };
    let answer = chooser(&mut browser, "continue").await;
    let answer = browser.follow(&answer).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");

    let page = chooser(&mut browser, "other").await;
    assert!(page.body.contains("id=\"login\""), "{}", page.body);
    let answer = browser.submit_login(&page, "bob", testing::PASSWORD).await;
    let answer = browser.follow(&answer).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
}

#[tokio::test]
async fn a_chosen_account_is_not_asked_for_again_after_consent() {
    let server = Server::new();
    let mut browser = server.browser();
    let answer = browser.log_in(&auth_url("")).await;
    browser.follow(&answer).await;
    server.clock.advance(5);
    let page = browser.get(&auth_url("&prompt=select_account")).await;
    let answer =
        browser.post("/oidc/interaction/select-account", &format!("choice=continue&handle={}", page.handle())).await;
    let page = browser.follow(&answer).await;
    let answer = browser.submit_consent(&page, "allow").await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
}

#[tokio::test]
async fn a_cross_site_post_is_taken_up_by_a_get() {
    let server = skipping();
    let mut browser = server.browser();
    browser.code(&auth_url("")).await;
    let cookies = std::mem::take(&mut browser.cookies);
    browser.fetch_site = Some("cross-site");
    let query = auth_url("&state=s1");
    let answer = browser.post("/oidc/auth", query.split_once('?').unwrap().1).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(!answer.location().contains("state"), "the request travels sealed");
    assert!(answer.set_cookies().is_empty(), "cookies that were only withheld are not overwritten");
    browser.cookies = cookies;
    let answer = browser.follow(&answer).await;
    assert_eq!(answer.parameter("state").as_deref(), Some("s1"));
    assert!(answer.parameter("code").is_some());

    let refused = browser.post("/oidc/auth", "client_id=nobody").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let refused = browser.post("/oidc/auth", auth_url("&scope=x").split_once('?').unwrap().1).await;
    assert_eq!(refused.parameter("error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn a_page_that_was_left_open_has_expired() {
    let server = Server::new();
    let mut browser = server.browser();
    let page = browser.get(&auth_url("")).await;
    server.clock.advance(3600);
    let answer = browser.submit_login(&page, "alice", testing::PASSWORD).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("This page has expired"), "{}", answer.body);
    assert!(answer.body.contains("Go back to the application and sign in again."));
}

#[tokio::test]
async fn t_p38_a_request_that_cannot_travel_is_refused() {
    let server = Server::new();
    let mut browser = server.browser();
    let (long, nonce) = ("%22".repeat(4000), "%22".repeat(1000));
    let answer = browser.get(&auth_url(&format!("&state={long}&nonce={nonce}"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    let [big, less, little] = [4096, 1024, 256].map(|octets| "\u{1}".repeat(octets));
    let parameters = format!("&state={big}&nonce={less}&login_hint={little}&ui_locales={little}");
    let answer = browser.post("/oidc/auth", &format!("{}{parameters}", auth_url("").split_once('?').unwrap().1)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "six octets of JSON for each of these");
}
