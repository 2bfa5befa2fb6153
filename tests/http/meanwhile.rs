//! Between what a request has read and what it writes, a person may end what it rests on, in another window: then nothing
//! is granted, and the request goes on as if it had come a moment later.

use std::sync::Arc;

use oidc::client::{Client, ResponseType};
use oidc::testing;
use store::Store as _;
use store::memory::Memory;
use xtask::html::Form;

use crate::counting::{Counting, Meanwhile};
use crate::harness::{Browser, GOOD, ISSUER, Provider, changed};

/// Alice, logged in to one application that she has agreed to.
async fn at_work(clients: Vec<Client>) -> (Arc<Counting>, Browser) {
    let store = Arc::new(Counting::new(Memory::new()));
    let mut browser = Browser::new(Provider::on(store.clone(), clients));
    browser.log_in_to("team-a.notes").await;
    assert!(browser.auth(GOOD).await.redirect().contains_key("code"), "no page is needed any more");
    (store, browser)
}

#[tokio::test]
async fn nothing_is_granted_in_a_session_that_has_just_ended() {
    let (store, mut browser) = at_work(vec![testing::client()]).await;
    store.meanwhile(&[Meanwhile::LogsOut]);
    let page = browser.auth(GOOD).await;
    assert!(Form::find(&page.body, "login").is_some(), "{page:?}");
    let fields = browser.log_in(&page).await.redirect();
    assert!(fields.contains_key("code"), "{fields:?}");
}

#[tokio::test]
async fn nothing_rests_on_a_consent_that_was_just_withdrawn() {
    let (store, mut browser) = at_work(vec![testing::client()]).await;
    store.meanwhile(&[Meanwhile::Withdraws("app-1")]);
    let page = browser.auth(GOOD).await;
    assert!(Form::find(&page.body, "consent").is_some(), "{page:?}");
    let fields = browser.allow(&page).await.redirect();
    assert!(fields.contains_key("code"), "{fields:?}");
}

#[tokio::test]
async fn a_page_that_was_answered_is_asked_again_where_the_session_has_just_ended() {
    let store = Arc::new(Counting::new(Memory::new()));
    let mut browser = Browser::new(Provider::on(store.clone(), vec![testing::client()]));
    let page = browser.auth(GOOD).await;
    let page = browser.log_in(&page).await;
    store.meanwhile(&[Meanwhile::LogsOut]);
    let page = browser.allow(&page).await;
    assert!(Form::find(&page.body, "login").is_some(), "{page:?}");
    let kept = store.find_consent(ISSUER, &testing::account().uid, &testing::client().uid).await.unwrap();
    assert_eq!(kept, None, "the yes went with the session in which it was said");
}

#[tokio::test]
async fn tokens_beside_a_code_are_not_granted_either() {
    let response_types = [ResponseType::Code, ResponseType::CodeIdTokenToken].into();
    let (store, mut browser) = at_work(vec![Client { response_types, ..testing::client() }]).await;
    store.meanwhile(&[Meanwhile::LogsOut]);
    let page = browser.auth(&changed(GOOD, &[("response_type", "code id_token token"), ("nonce", "n1")])).await;
    assert!(Form::find(&page.body, "login").is_some(), "{page:?}");
    assert!(store.sessions_of(ISSUER, &testing::account().uid, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_agreed_to_just_now_rests_on_no_earlier_consent() {
    let (store, mut browser) = at_work(vec![testing::client()]).await;
    let before = store.writes();
    store.meanwhile(&[Meanwhile::Withdraws("app-1"), Meanwhile::Withdraws("app-1")]);
    let page = browser.auth(GOOD).await;
    let page = browser.allow(&page).await;
    assert!(page.redirect().contains_key("code"), "{page:?}");
    assert_eq!(store.writes() - before, 2, "all of a grant is one write");
}
