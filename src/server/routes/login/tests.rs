use std::task::Poll;

use http::{StatusCode, header};

use crate::testing::{Answer, Browser, PASSWORD, Server, auth_url};

async fn page(server: &Server) -> (Browser<'_>, Answer) {
    let mut browser = server.browser();
    let page = browser.get(&auth_url("")).await;
    (browser, page)
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_told_the_same() {
    let server = Server::new();
    let (mut browser, page) = page(&server).await;
    let text = |answer: &Answer, name: &str| answer.body.replace(answer.handle(), "HANDLE").replace(name, "NAME");
    let wrong = browser.submit_login(&page, "alice", "wrong").await;
    let unknown = browser.submit_login(&page, "mallory", "wrong").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert_eq!(unknown.status, StatusCode::FORBIDDEN);
    assert_eq!(text(&wrong, "alice"), text(&unknown, "mallory"));
    assert!(wrong.body.contains("id=\"login-error\"") && wrong.body.contains("value=\"alice\""), "{}", wrong.body);
    assert!(wrong.set_cookies().is_empty());

    let answer = browser.submit_login(&wrong, "alice", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "the page that was shown again works");
}

#[tokio::test]
async fn what_is_missing_is_wrong() {
    let server = Server::new();
    let (mut browser, page) = page(&server).await;
    for fields in [
        "",
        "username=alice",
        &format!("password={PASSWORD}"),
        "username=&password=",
        "username=alice&password=a&password=b",
    ] {
        let answer = browser.post("/oidc/interaction/login", &format!("handle={}&{fields}", page.handle())).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{fields}");
        assert!(answer.body.contains("id=\"login-error\""));
    }
}

#[tokio::test]
async fn t_p35_guessing_is_slowed_and_then_stopped_for_the_guesser_alone() {
    let server = Server::new();
    let (mut guesser, page) = page(&server).await;
    let before = crate::clock::Clock::now(&server.clock);
    for _ in 0..8 {
        let answer = guesser.submit_login(&page, "alice", "wrong").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    // 250 + 500 + 1000 + 2000 + 4000 milliseconds, during which nothing is forgotten.
    let waited = crate::clock::Clock::now(&server.clock).millis() - before.millis();
    assert_eq!(waited, 7750);
    for _ in 0..8 {
        guesser.submit_login(&page, "alice", "wrong").await;
    }
    let answer = guesser.submit_login(&page, "alice", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "even the right password is not looked at");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    assert!(answer.body.contains("too many attempts"), "{}", answer.body);

    let mut alice = server.browser();
    alice.address = "198.51.100.1";
    let answer = alice.log_in(&auth_url("")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "the person herself gets in");
}

#[tokio::test]
async fn t_p25_the_forwarded_address_counts_only_from_a_proxy() {
    let server = Server::new();
    let (mut guesser, page) = page(&server).await;
    for _ in 0..10 {
        guesser.submit_login(&page, "alice", "wrong").await;
    }
    let mut spoofed = server.browser();
    spoofed.cookies = guesser.cookies.clone();
    spoofed.forwarded_for = Some("198.51.100.77");
    let answer = spoofed.submit_login(&page, "alice", "wrong").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    spoofed.address = "10.1.2.3";
    let answer = spoofed.submit_login(&page, "alice", "wrong").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "behind a proxy of ours it is another address");
}

#[tokio::test]
async fn t_p34_a_full_queue_is_429_and_costs_no_attempt() {
    let server = Server::with_full_queue();
    let (mut browser, page) = page(&server).await;
    for _ in 0..20 {
        let answer = browser.submit_login(&page, "alice", PASSWORD).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers.get(header::RETRY_AFTER).unwrap(), "2");
        assert!(answer.body.contains("Too many people"), "{}", answer.body);
    }
    assert!(server.app.shared().throttle.is_untouched(), "nor does it push anybody's count out of the table");
    server.free_queue();
    let answer = browser.submit_login(&page, "alice", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn t_p34_one_address_cannot_fill_the_queue() {
    let server = Server::with_busy_threads();
    let (first, page) = page(&server).await;
    let visit = |address: &'static str, user: String| {
        let (mut browser, page, server) = (server.browser(), &page, &server);
        (browser.cookies, browser.address) = (first.cookies.clone(), address);
        let depth = || server.app.shared().passwords.depth();
        let mut answer = Box::pin(async move { browser.submit_login(page, &user, PASSWORD).await });
        async move {
            match futures::poll!(answer.as_mut()) {
                Poll::Pending => (depth(), Err(answer)),
                Poll::Ready(answer) => (depth(), Ok(answer)),
            }
        }
    };
    // The queue has 16 places, of which one network may take two.
    let mut waiting = Vec::new();
    for number in 0..40 {
        match visit("192.0.2.1", format!("user-{number}")).await {
            (depth, Err(answer)) => {
                waiting.push(answer);
                assert_eq!(depth, waiting.len());
            }
            (depth, Ok(answer)) => {
                assert_eq!((depth, answer.status), (2, StatusCode::TOO_MANY_REQUESTS));
                assert!(answer.body.contains("Too many people"), "{}", answer.body);
            }
        }
    }
    assert_eq!(waiting.len(), 2);
    // Hanging up frees no place for as long as the queue holds what was asked.
    waiting.clear();
    assert!(visit("192.0.2.1", "alice".to_owned()).await.1.is_ok());
    let (depth, Err(alice)) = visit("192.0.2.2", "alice".to_owned()).await else { panic!("there is room for others") };
    assert_eq!(depth, 3);
    server.free_queue();
    assert_eq!(alice.await.status, StatusCode::SEE_OTHER);
    let (_, Err(later)) = visit("192.0.2.1", "alice".to_owned()).await else { panic!("there is room again") };
    assert_eq!(later.await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn t_p35_one_password_on_many_names_is_stopped_for_that_address_alone() {
    let server = Server::new();
    let (mut guesser, page) = page(&server).await;
    for number in 0..120 {
        let answer = guesser.submit_login(&page, &format!("user-{number}"), "Winter2026").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{number}");
    }
    let answer = guesser.submit_login(&page, "alice", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "even the right password is not looked at");
    assert_eq!(answer.headers.get(header::RETRY_AFTER).unwrap(), "2");
    guesser.address = "198.51.100.1";
    assert_eq!(guesser.submit_login(&page, "alice", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn t_p33_a_name_that_nobody_has_is_verified_like_any_other() {
    let server = Server::with_full_queue();
    let (mut browser, page) = page(&server).await;
    let answer = browser.submit_login(&page, "mallory", "wrong").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "it would have had to wait for a thread too");
}

#[tokio::test]
async fn t_p34_a_password_without_end_is_wrong() {
    let server = Server::new();
    let (mut browser, page) = page(&server).await;
    let answer = browser.submit_login(&page, "alice", &"x".repeat(10_000)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn t_p11_an_account_without_a_password_cannot_log_in_with_one() {
    let account = oidc::account::Account { password: None, ..crate::testing::account() };
    let server =
        Server::of(crate::testing::realm_of(crate::testing::ISSUER, vec![crate::testing::client()], vec![account]));
    let (mut browser, page) = page(&server).await;
    let answer = browser.submit_login(&page, "alice", "").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn every_login_is_written_down_without_what_was_typed() {
    let server = Server::new();
    let (lines, answer) = crate::testing::captured(async {
        let (mut browser, page) = page(&server).await;
        browser.submit_login(&page, "alice", "hunter2").await;
        browser.submit_login(&page, "my-secret-in-the-wrong-field", "hunter2").await;
        browser.submit_login(&page, "alice", PASSWORD).await
    })
    .await;
    let audit: Vec<_> = lines.iter().filter(|line| line.contains("event=\"login\"")).collect();
    assert_eq!(audit.len(), 3, "{lines:#?}");
    assert!(audit[0].contains("outcome=\"failed\"") && audit[0].contains("user.name=\"alice\""), "{}", audit[0]);
    assert!(audit[1].contains("outcome=\"failed\"") && audit[1].contains("user.known=false"), "{}", audit[1]);
    assert!(
        audit[2].contains("outcome=\"success\"") && audit[2].contains("user.subject=alice-subject"),
        "{}",
        audit[2]
    );
    assert!(audit[2].contains("client.address=203.0.113.9") && audit[2].contains("issuer=https://id.example.com/oidc"));
    let session = answer.set_cookies()[0].split(['=', ';']).nth(1).unwrap();
    for secret in ["hunter2", "my-secret-in-the-wrong-field", PASSWORD, session] {
        assert!(lines.iter().all(|line| !line.contains(secret)), "{secret} stands in {lines:#?}");
    }
}
