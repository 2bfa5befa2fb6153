//! OpenID Connect Session Management: what an application is told, what the browser keeps, and the page between them.

use oidc::testing::AFTER_LOGOUT;

use crate::harness::{Browser, GOOD, Provider, changed, encode};

const COOKIE: &str = "__Host-pc-4cb7f85f-s";

/// Whether the page would say "unchanged" to the usual client's page, going by this browser's cookie.
fn unchanged(browser: &Browser, session_state: &str) -> bool {
    let (hash, salt) = session_state.split_once('.').unwrap();
    let Some(state) = browser.cookies.get(COOKIE) else { return false };
    let text = format!("team-a.notes https://notes.example.com {state} {salt}");
    crypto::b64::encode(&crypto::hash::sha256(text.as_bytes())) == hash
}

#[tokio::test]
async fn an_application_is_told_the_state_of_the_login() {
    let provider = Provider::watched();
    let mut alice = Browser::new(provider.clone());
    let first = alice.authorize(GOOD).await["session_state"].clone();
    assert!(unchanged(&alice, &first), "{first}");
    assert_ne!(alice.cookies[COOKIE], alice.cookies["__Host-pc-4cb7f85f"]);

    let again = alice.authorize(GOOD).await["session_state"].clone();
    assert_ne!(again, first, "another salt");
    assert!(unchanged(&alice, &first) && unchanged(&alice, &again), "the same login");

    let other = Browser::new(provider).authorize(GOOD).await["session_state"].clone();
    assert!(!unchanged(&alice, &other), "another login of the same person");
}

#[tokio::test]
async fn the_cookie_is_for_the_framed_page() {
    let provider = Provider::watched();
    let mut alice = Browser::new(provider.clone());
    let page = alice.auth(GOOD).await;
    assert!(!alice.cookies.contains_key(COOKIE), "nobody is logged in");
    let page = alice.log_in(&page).await;
    let set: Vec<&str> = page.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect();
    assert_eq!(set, [format!("{COOKIE}={}; Path=/; Secure; SameSite=None", alice.cookies[COOKIE])]);

    let again = alice.auth(&changed(GOOD, &[("prompt", "consent")])).await;
    assert!(again.headers.get("set-cookie").is_none(), "it is there: {again:?}");
    alice.cookies.insert(COOKIE.to_owned(), "planted".to_owned());
    alice.auth(GOOD).await;
    assert_ne!(alice.cookies[COOKIE], "planted");
}

#[tokio::test]
async fn a_logout_a_new_login_and_an_ended_session_change_it() {
    let provider = Provider::watched();
    let mut alice = Browser::new(provider.clone());
    let first = alice.authorize(GOOD).await["session_state"].clone();
    provider.pass(60);
    let login = alice.auth(&changed(GOOD, &[("prompt", "login")])).await;
    alice.log_in(&login).await;
    assert!(!unchanged(&alice, &first), "another login");

    let second = alice.authorize(GOOD).await["session_state"].clone();
    let page = alice.open(&format!("/session/end?{}", encode(&[("client_id", "team-a.notes")]))).await;
    assert!(unchanged(&alice, &second), "she is asked");
    alice.submit(&page, "logout", &[("decision", "leave")]).await;
    assert!(!alice.cookies.contains_key(COOKIE), "{:?}", alice.cookies);

    let third = alice.authorize(GOOD).await["session_state"].clone();
    assert!(unchanged(&alice, &third));
    provider.pass(7200);
    let refused = alice.auth(&changed(GOOD, &[("prompt", "none")])).await.redirect();
    assert_eq!(refused["error"], "login_required");
    assert!(!refused.contains_key("session_state"));
    assert!(!alice.cookies.contains_key(COOKIE), "the session has expired");
}

/// An image or a frame of another site: the `Lax` session cookie stays at home, and the watched one comes along.
#[tokio::test]
async fn another_site_cannot_have_a_login_look_ended() {
    let provider = Provider::watched();
    let mut alice = Browser::new(provider.clone());
    alice.authorize(GOOD).await;
    let cookie = format!("{COOKIE}={}", alice.cookies[COOKIE]);
    for target in ["/account".to_owned(), format!("/auth?{}", encode(&changed(GOOD, &[("prompt", "none")])))] {
        let answer = provider.send(http::Method::GET, &target, &[("cookie", &cookie)], "").await;
        let mut set = answer.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap());
        assert!(set.all(|set| !set.starts_with(COOKIE)), "{answer:?}");
    }
}

#[tokio::test]
async fn who_leaves_by_an_address_is_forgotten_on_the_way() {
    let mut alice = Browser::new(Provider::watched());
    alice.authorize(GOOD).await;
    let back = [("client_id", "team-a.notes"), ("post_logout_redirect_uri", AFTER_LOGOUT)];
    let page = alice.open(&format!("/session/end?{}", encode(&back))).await;
    let answer = alice.submit(&page, "logout", &[("decision", "leave")]).await;
    assert!(answer.header("location").starts_with(AFTER_LOGOUT), "{answer:?}");
    assert!(!alice.cookies.contains_key(COOKIE), "{:?}", alice.cookies);
}

#[tokio::test]
async fn without_openid_there_is_no_login_to_watch() {
    let mut alice = Browser::new(Provider::watched());
    let fields = alice.authorize(&changed(GOOD, &[("scope", "profile"), ("nonce", "-")])).await;
    assert!(fields.contains_key("code") && !fields.contains_key("session_state"), "{fields:?}");
}

#[tokio::test]
async fn the_page_is_announced_framed_by_all_and_runs_one_script() {
    let provider = Provider::watched();
    let discovery = provider.get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery["check_session_iframe"], "https://id.example.com/oidc/session/check");
    let page = provider.get("/session/check").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains(&format!("data-cookie=\"{COOKIE}\"")), "{}", page.body);
    let script = page.body.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let hash = crypto::b64::encode(&crypto::hash::sha256(script.as_bytes())).replace('-', "+").replace('_', "/");
    assert_eq!(
        page.header("content-security-policy"),
        format!(
            "default-src 'none'; base-uri 'none'; frame-ancestors *; form-action 'none'; script-src 'sha256-{hash}='"
        )
    );
    assert_eq!(page.header("cache-control"), "public, max-age=300");
    assert_eq!(page.header("x-frame-options"), "");
}

#[tokio::test]
async fn a_provider_that_does_not_offer_it_shows_nothing_of_it() {
    let provider = Provider::new();
    assert_eq!(provider.get("/session/check").await.status, 404);
    let discovery = provider.get("/.well-known/openid-configuration").await.json();
    assert!(discovery.get("check_session_iframe").is_none());
    let mut alice = Browser::new(provider);
    assert!(!alice.authorize(GOOD).await.contains_key("session_state"));
    assert!(!alice.cookies.contains_key(COOKIE), "{:?}", alice.cookies);
}
