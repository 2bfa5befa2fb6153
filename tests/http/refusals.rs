//! Every endpoint against the same mistakes: what is missing here was forgotten.

use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use oidc::discovery::Endpoint;
use oidc::ids::{CodeId, FamilyId, SessionId, Uid};
use oidc::records::{
    CodeRecord, ConsentRecord, FamilyRecord, FirstUse, LogoutNotice, OnceId, SessionClient, SessionRecord,
};
use oidc::time::Time;
use store::memory::Memory;
use store::{Answer, CodeFacts, Ended, EndedSessions, Rotated, Spent, Store, Touched};

use crate::harness::Provider;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// What an endpoint takes besides GET and HEAD.
fn takes_post(endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::Discovery | Endpoint::Jwks | Endpoint::CheckSession | Endpoint::Style => false,
        Endpoint::Authorization
        | Endpoint::Token
        | Endpoint::Introspection
        | Endpoint::Revocation
        | Endpoint::Userinfo
        | Endpoint::EndSession
        | Endpoint::EndSessionConfirm
        | Endpoint::Login
        | Endpoint::SelectAccount
        | Endpoint::Consent
        | Endpoint::Account => true,
    }
}

#[tokio::test]
async fn every_endpoint_refuses_what_is_no_request_of_its() {
    let provider = Provider::new();
    for endpoint in Endpoint::ALL.iter().copied() {
        let path = endpoint.path();
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = provider.send(method.clone(), path, &[], "").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(!answer.header("allow").is_empty(), "{method} {path}");
        }
        if !takes_post(endpoint) {
            assert_eq!(provider.post(path, &[], &[]).await.status, 405, "POST {path}");
            continue;
        }
        let oversized = provider.send(Method::POST, path, &[FORM], &format!("a={}", "x".repeat(70_000))).await;
        assert_eq!(oversized.status, 413, "{path}");
        let json = provider.send(Method::POST, path, &[("content-type", "application/json")], "{}").await;
        assert!(json.status.is_client_error(), "{path}: {json:?}");
        let broken = provider.send(Method::POST, path, &[FORM], "a=%zz").await;
        assert!(broken.status.is_client_error(), "{path}: {broken:?}");
        let many = (0..101).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        let many = provider.send(Method::POST, path, &[FORM], &many).await;
        assert!(many.status.is_client_error(), "{path}: {many:?}");
        let nothing = provider.send(Method::POST, path, &[FORM], "").await;
        // A logout needs no parameter: the person is asked.
        let may_be_empty = endpoint == Endpoint::EndSession;
        assert_eq!(nothing.status.is_client_error(), !may_be_empty, "{path}: {nothing:?}");
        let doubled = provider
            .send(
                Method::POST,
                path,
                &[FORM],
                "handle=a&handle=a&grant_type=x&grant_type=x&client_id=a&client_id=a&access_token=a&access_token=a",
            )
            .await;
        assert!(doubled.status.is_client_error(), "{path}: {doubled:?}");
    }
}

#[tokio::test]
async fn errors_are_pages_for_browsers_and_json_for_programs() {
    let provider = Provider::new();
    let browser = provider.send(Method::GET, "/auth", &[("accept", "text/html,*/*;q=0.8")], "").await;
    assert!(browser.header("content-type").starts_with("text/html"), "{browser:?}");
    let program = provider.send(Method::GET, "/auth", &[("accept", "*/*")], "").await;
    assert_eq!(program.refusal(), (400, "invalid_request".to_owned()));
    assert_eq!(program.json()["error_id"], program.header("x-request-id"));
}

/// A store that counts what is written.
pub(crate) struct Counting {
    inner: Memory,
    writes: AtomicU64,
}

impl Counting {
    pub(crate) fn new(inner: Memory) -> Self {
        Self { inner, writes: AtomicU64::new(0) }
    }

    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    fn writing(&self) -> &Memory {
        self.writes.fetch_add(1, Ordering::SeqCst);
        &self.inner
    }
}

impl Store for Counting {
    fn put_code<'a>(&'a self, code: &'a CodeRecord) -> Answer<'a, ()> {
        self.writing().put_code(code)
    }

    fn find_code(&self, id: CodeId) -> Answer<'_, CodeFacts> {
        self.inner.find_code(id)
    }

    fn spend_code<'a>(&'a self, id: CodeId, family: &'a FamilyRecord, now: Time) -> Answer<'a, Spent> {
        self.writing().spend_code(id, family, now)
    }

    fn put_family<'a>(&'a self, family: &'a FamilyRecord) -> Answer<'a, ()> {
        self.writing().put_family(family)
    }

    fn find_family(&self, id: FamilyId) -> Answer<'_, Option<FamilyRecord>> {
        self.inner.find_family(id)
    }

    fn rotate_family(&self, id: FamilyId, from: u32, now: Time, expires_at: Time) -> Answer<'_, Rotated> {
        self.writing().rotate_family(id, from, now, expires_at)
    }

    fn revoke_family(&self, id: FamilyId, now: Time) -> Answer<'_, Ended> {
        self.writing().revoke_family(id, now)
    }

    fn open_session<'a>(
        &'a self,
        session: &'a SessionRecord,
        replaces: Option<SessionId>,
    ) -> Answer<'a, EndedSessions> {
        self.writing().open_session(session, replaces)
    }

    fn find_session(&self, id: SessionId) -> Answer<'_, Option<SessionRecord>> {
        self.inner.find_session(id)
    }

    fn join_session<'a>(&'a self, id: SessionId, client: &'a SessionClient) -> Answer<'a, Touched> {
        self.writing().join_session(id, client)
    }

    fn clients_of_session(&self, id: SessionId, limit: u32) -> Answer<'_, Vec<SessionClient>> {
        self.inner.clients_of_session(id, limit)
    }

    fn touch_session(&self, id: SessionId, now: Time) -> Answer<'_, Touched> {
        self.writing().touch_session(id, now)
    }

    fn sessions_of<'a>(&'a self, issuer: &'a str, user: &'a Uid, limit: u32) -> Answer<'a, Vec<SessionRecord>> {
        self.inner.sessions_of(issuer, user, limit)
    }

    fn end_session(&self, id: SessionId, now: Time) -> Answer<'_, EndedSessions> {
        self.writing().end_session(id, now)
    }

    fn end_sessions_of<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        except: Option<SessionId>,
        now: Time,
    ) -> Answer<'a, EndedSessions> {
        self.writing().end_sessions_of(issuer, user, except, now)
    }

    fn take_logouts(&self, now: Time, until: Time, limit: u32) -> Answer<'_, Vec<LogoutNotice>> {
        self.writing().take_logouts(now, until, limit)
    }

    fn defer_logout<'a>(&'a self, notice: &'a LogoutNotice, at: Time) -> Answer<'a, Touched> {
        self.writing().defer_logout(notice, at)
    }

    fn settle_logout<'a>(&'a self, notice: &'a LogoutNotice) -> Answer<'a, Ended> {
        self.writing().settle_logout(notice)
    }

    fn grant_consent<'a>(&'a self, consent: &'a ConsentRecord) -> Answer<'a, ()> {
        self.writing().grant_consent(consent)
    }

    fn find_consent<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        application: &'a Uid,
    ) -> Answer<'a, Option<ConsentRecord>> {
        self.inner.find_consent(issuer, user, application)
    }

    fn consents_of<'a>(&'a self, issuer: &'a str, user: &'a Uid, limit: u32) -> Answer<'a, Vec<ConsentRecord>> {
        self.inner.consents_of(issuer, user, limit)
    }

    fn revoke_consent<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        application: &'a Uid,
        now: Time,
    ) -> Answer<'a, Ended> {
        self.writing().revoke_consent(issuer, user, application, now)
    }

    fn use_once(&self, id: OnceId, expires_at: Time) -> Answer<'_, FirstUse> {
        self.writing().use_once(id, expires_at)
    }

    fn was_used(&self, id: OnceId) -> Answer<'_, bool> {
        self.inner.was_used(id)
    }

    fn purge(&self, now: Time, limit: u32) -> Answer<'_, u64> {
        self.writing().purge(now, limit)
    }
}
