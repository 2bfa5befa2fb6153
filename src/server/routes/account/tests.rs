use http::StatusCode;

use crate::testing::{Answer, Faulty, PASSWORD, Server, auth_url, captured};

/// The handle of a form.
fn handle<'a>(page: &'a Answer, form: &str) -> &'a str {
    let after = page.body.split(&format!("<form id=\"{form}\"")).nth(1).unwrap_or_else(|| panic!("{form}: {page:?}"));
    after.split("name=\"handle\" value=\"").nth(1).unwrap().split('"').next().unwrap()
}

#[tokio::test]
async fn what_a_person_ends_is_written_down() {
    let server = Server::new();
    server.browser().log_in(&auth_url("")).await;
    let mut browser = server.browser();
    browser.code(&auth_url("")).await;
    let page = browser.get("/oidc/account").await;
    for (form, expect) in [
        ("withdraw-0", "event=\"grant_withdrawn\" client.id=team-a.notes application.uid=app-1"),
        ("end-session-1", "event=\"sessions_ended\" which=\"one\" ended=1"),
        ("end-other-sessions", "event=\"sessions_ended\" which=\"others\" ended=0"),
        ("end-all-sessions", "event=\"sessions_ended\" which=\"all\" ended=1"),
    ] {
        let handle = handle(&page, form);
        let (lines, answer) = captured(browser.post("/oidc/account", &format!("handle={handle}"))).await;
        assert_eq!(answer.location(), "https://id.example.com/oidc/account");
        let audit: Vec<_> = lines.iter().filter(|line| line.starts_with("audit ")).collect();
        let [line] = audit.as_slice() else { panic!("{form}: {lines:#?}") };
        let common = "issuer=https://id.example.com/oidc client.address=203.0.113.9 user.subject=alice-subject";
        for part in expect.split(' ').chain(common.split(' ')) {
            assert!(line.contains(part), "{form}: {part} is not in {line}");
        }
        assert_eq!(line.contains("session.id="), form == "end-session-1", "{line}");
        assert!(lines.iter().all(|line| !line.contains(handle)), "{lines:#?}");
    }
}

#[tokio::test]
async fn a_form_that_is_not_taken_is_written_down() {
    let server = Server::new();
    let mut browser = server.browser();
    browser.code(&auth_url("")).await;
    let page = browser.get("/oidc/account").await;
    let mut other = server.browser();
    other.code(&auth_url("")).await;
    let form = format!("handle={}", handle(&page, "withdraw-0"));
    let (lines, answer) = captured(other.post("/oidc/account", &form)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let told = |reason: &str| lines.iter().any(|line| line.contains("form_refused") && line.contains(reason));
    assert!(told("handle_of_another_browser"), "{lines:#?}");
}

#[tokio::test]
async fn without_a_store_nothing_is_shown_or_promised() {
    let healthy = Server::new();
    let mut browser = healthy.browser();
    browser.code(&auth_url("")).await;
    let page = browser.get("/oidc/account").await;
    let form = format!("handle={}", handle(&page, "end-all-sessions"));
    let cookies = browser.cookies.clone();

    let server = Server::with_store(Faulty::Error);
    let mut browser = server.browser();
    assert_eq!(browser.get("/oidc/account").await.status, StatusCode::OK, "the login page needs none");
    browser.cookies = cookies;
    for answer in [browser.get("/oidc/account").await, browser.post("/oidc/account", &form).await] {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"));
    }
    browser.cookies.retain(|name, _| name.ends_with("-b"));
    let login = browser.get("/oidc/account").await;
    let typed = format!("handle={}&username=alice&password={}", login.handle(), PASSWORD.replace(' ', "+"));
    let answer = browser.post("/oidc/account", &typed).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert!(answer.set_cookies().is_empty());
}
