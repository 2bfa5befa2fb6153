//! Forms and links of pages, used a second time: a double click, the back button, a link that somebody has kept. They are
//! sealed and not stored, so that they can be used again; what they do again must be nothing that was not done, and
//! nothing for anybody else.

use std::sync::Arc;

use http::Method;
use oidc::ids::SessionId;
use oidc::testing;
use store::Store as _;
use store::memory::Memory;
use xtask::html::Form;

use crate::harness::{Browser, GOOD, ISSUER, PASSWORD, Provider, encode};

struct Scene {
    store: Arc<Memory>,
    provider: Provider,
    alice: Browser,
}

fn scene() -> Scene {
    let store = Arc::new(Memory::new());
    let provider = Provider::on(store.clone(), vec![testing::client()]);
    Scene { store, alice: Browser::new(provider.clone()), provider }
}

impl Scene {
    async fn sessions(&self) -> Vec<SessionId> {
        let sessions = self.store.sessions_of(ISSUER, &testing::account().uid, 10).await.unwrap();
        sessions.into_iter().map(|session| session.id).collect()
    }
}

const FORM: [(&str, &str); 2] =
    [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];

#[tokio::test]
async fn t_p26_a_login_form_sent_twice_leaves_one_session() {
    let mut scene = scene();
    let page = scene.alice.auth(GOOD).await;
    let first = scene.alice.log_in(&page).await;
    assert!(first.body.contains("id=\"consent\""), "{first:?}");
    let [one] = scene.sessions().await[..] else { panic!("one session") };
    let second = scene.alice.log_in(&page).await;
    assert!(second.body.contains("id=\"consent\""), "{second:?}");
    let [other] = scene.sessions().await[..] else { panic!("one session") };
    assert_ne!(one, other, "the first has gone, as with every login");

    // In another browser it is no login form, whatever the password.
    let mut mallory = Browser::new(scene.provider.clone());
    let there = mallory.submit(&page, "login", &[("username", "alice"), ("password", PASSWORD)]).await;
    assert!(there.status == 400 && there.body.contains("id=\"error-title\""), "{there:?}");
    assert_eq!(scene.sessions().await, [other]);
}

#[tokio::test]
async fn t_p08_a_way_back_is_taken_twice_in_its_browser_alone() {
    let mut scene = scene();
    let page = scene.alice.auth(GOOD).await;
    let form = Form::find(&page.body, "login").unwrap();
    let fields = [("handle", form.get("handle").unwrap()), ("username", "alice"), ("password", PASSWORD)];
    let answer = scene.alice.send(Method::POST, "/interaction/login", &FORM, &encode(&fields)).await;
    let back = answer.header("location").strip_prefix(ISSUER).unwrap().to_owned();
    assert!(back.starts_with("/auth?resume="), "{answer:?}");
    for _ in 0..2 {
        let page = scene.alice.send(Method::GET, &back, &[], "").await;
        assert!(page.body.contains("id=\"consent\""), "{page:?}");
    }
    let mut mallory = Browser::new(scene.provider.clone());
    let there = mallory.send(Method::GET, &back, &[], "").await;
    assert!(there.body.contains("id=\"error-title\"") && there.header("location").is_empty(), "{there:?}");
}

#[tokio::test]
async fn t_p27_a_consent_form_counts_as_it_was_answered_each_time() {
    let mut scene = scene();
    let page = scene.alice.auth(GOOD).await;
    let page = scene.alice.log_in(&page).await;
    let denied = scene.alice.submit(&page, "consent", &[("decision", "deny")]).await.redirect();
    assert_eq!(denied["error"], "access_denied");
    let user = testing::account().uid;
    assert_eq!(
        scene.store.find_consent(ISSUER, &user, &testing::client().uid).await.unwrap(),
        None,
        "nothing is agreed to"
    );
    let (one, two) = (scene.alice.allow(&page).await.redirect(), scene.alice.allow(&page).await.redirect());
    assert!(one.contains_key("code") && two.contains_key("code") && one["code"] != two["code"]);
    for fields in [one, two] {
        assert_eq!(scene.provider.redeem(&fields["code"], &[]).await.status, 200);
        assert_eq!(scene.provider.redeem(&fields["code"], &[]).await.refusal().1, "invalid_grant", "each code once");
    }
    // In another browser, or with nobody logged in, the form is no answer.
    let mut mallory = Browser::new(scene.provider.clone());
    let there = mallory.submit(&page, "consent", &[("decision", "allow")]).await;
    assert!(there.header("location").is_empty() && !there.body.contains("code="), "{there:?}");
    scene.store.end_sessions_of(ISSUER, &user, None, crate::harness::NOW).await.unwrap();
    let after = scene.alice.allow(&page).await;
    assert!(after.body.contains("id=\"login\""), "{after:?}");
}

#[tokio::test]
async fn t_p31_an_answered_logout_ends_no_later_session() {
    let mut scene = scene();
    scene.alice.log_in_to("team-a.notes").await;
    let page = scene.alice.open("/session/end").await;
    let left = scene.alice.submit(&page, "logout", &[("decision", "leave")]).await;
    assert!(left.body.contains("id=\"signed-out\""), "{left:?}");
    assert!(scene.sessions().await.is_empty());
    let again = scene.alice.submit(&page, "logout", &[("decision", "leave")]).await;
    assert!(
        again.status == 400 && again.body.contains("id=\"error-title\""),
        "with the session her cookies went: {again:?}"
    );

    let login = scene.alice.auth(GOOD).await;
    scene.alice.log_in(&login).await;
    let asked = scene.alice.submit(&page, "logout", &[("decision", "leave")]).await;
    assert!(asked.body.contains("id=\"logout\""), "it was about another session, so she is asked: {asked:?}");
    assert_eq!(scene.sessions().await.len(), 1);
}
