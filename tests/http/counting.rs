//! A store that counts what is written, and lets things happen meanwhile.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use oidc::ids::{CodeId, FamilyId, SessionId, Uid};
use oidc::records::{ConsentRecord, FamilyRecord, FirstUse, LogoutNotice, OnceId, SessionClient, SessionRecord};
use oidc::testing;
use oidc::time::Time;
use store::memory::Memory;
use store::{Answer, CodeFacts, Ended, EndedSessions, Grant, Granted, Rotated, Spent, Store, Touched};

use crate::harness::{ISSUER, NOW};

/// See the module.
pub(crate) struct Counting {
    inner: Memory,
    writes: AtomicU64,
    meanwhile: Mutex<VecDeque<Meanwhile>>,
}

/// What a person does elsewhere, between what a request has read and what it writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meanwhile {
    /// They end all of their sessions.
    LogsOut,
    /// They withdraw what the application of this UID may know.
    Withdraws(&'static str),
}

impl Counting {
    pub(crate) fn new(inner: Memory) -> Self {
        Self { inner, writes: AtomicU64::new(0), meanwhile: Mutex::default() }
    }

    /// Lets this happen before the next grants are written, one before each.
    pub(crate) fn meanwhile(&self, what: &[Meanwhile]) {
        self.meanwhile.lock().unwrap().extend(what);
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
    fn grant<'a>(&'a self, grant: Grant<'a>) -> Answer<'a, Granted> {
        let meanwhile = self.meanwhile.lock().unwrap().pop_front();
        Box::pin(async move {
            let (issuer, user) = (ISSUER, testing::account().uid);
            match meanwhile {
                None => {}
                Some(Meanwhile::LogsOut) => drop(self.inner.end_sessions_of(issuer, &user, None, NOW).await?),
                Some(Meanwhile::Withdraws(uid)) => {
                    self.inner.revoke_consent(issuer, &user, &Uid::new(uid), NOW).await?;
                }
            }
            self.writing().grant(grant).await
        })
    }

    fn find_code(&self, id: CodeId) -> Answer<'_, CodeFacts> {
        self.inner.find_code(id)
    }

    fn spend_code<'a>(&'a self, id: CodeId, family: &'a FamilyRecord, now: Time) -> Answer<'a, Spent> {
        self.writing().spend_code(id, family, now)
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
