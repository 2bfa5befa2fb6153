//! A store that never answers as it should.

use oidc::ids::{CodeId, FamilyId, SessionId, Uid};
use oidc::records::{
    CodeFacts, ConsentRecord, FamilyRecord, FirstUse, LogoutNotice, OnceId, SessionClient, SessionRecord,
};
use oidc::time::Time;
use store::{Answer, Ended, EndedSessions, Grant, Granted, Rotated, Spent, Store, StoreError, Touched};

/// What every verb does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Faulty {
    Error,
    Panic,
}

impl Faulty {
    fn fail<T>(self) -> Answer<'static, T> {
        Box::pin(async move {
            match self {
                Self::Error => Err(StoreError { doing: "do anything", source: "out of order".into() }),
                Self::Panic => panic!("out of order"),
            }
        })
    }
}

impl Store for Faulty {
    fn grant<'a>(&'a self, _: Grant<'a>) -> Answer<'a, Granted> {
        self.fail()
    }

    fn find_code(&self, _: CodeId) -> Answer<'_, CodeFacts> {
        self.fail()
    }

    fn spend_code<'a>(&'a self, _: CodeId, _: &'a FamilyRecord, _: Time) -> Answer<'a, Spent> {
        self.fail()
    }

    fn find_family(&self, _: FamilyId) -> Answer<'_, Option<FamilyRecord>> {
        self.fail()
    }

    fn rotate_family(&self, _: FamilyId, _: u32, _: Time, _: Time) -> Answer<'_, Rotated> {
        self.fail()
    }

    fn revoke_family(&self, _: FamilyId, _: Time) -> Answer<'_, Ended> {
        self.fail()
    }

    fn open_session<'a>(&'a self, _: &'a SessionRecord, _: Option<SessionId>) -> Answer<'a, EndedSessions> {
        self.fail()
    }

    fn find_session(&self, _: SessionId) -> Answer<'_, Option<SessionRecord>> {
        self.fail()
    }

    fn clients_of_session(&self, _: SessionId, _: u32) -> Answer<'_, Vec<SessionClient>> {
        self.fail()
    }

    fn touch_session(&self, _: SessionId, _: Time) -> Answer<'_, Touched> {
        self.fail()
    }

    fn sessions_of<'a>(&'a self, _: &'a str, _: &'a Uid, _: u32) -> Answer<'a, Vec<SessionRecord>> {
        self.fail()
    }

    fn end_session(&self, _: SessionId, _: Time) -> Answer<'_, EndedSessions> {
        self.fail()
    }

    fn end_sessions_of<'a>(
        &'a self,
        _: &'a str,
        _: &'a Uid,
        _: Option<SessionId>,
        _: Time,
    ) -> Answer<'a, EndedSessions> {
        self.fail()
    }

    fn take_logouts(&self, _: Time, _: Time, _: u32) -> Answer<'_, Vec<LogoutNotice>> {
        self.fail()
    }

    fn defer_logout<'a>(&'a self, _: &'a LogoutNotice, _: Time) -> Answer<'a, Touched> {
        self.fail()
    }

    fn settle_logout<'a>(&'a self, _: &'a LogoutNotice) -> Answer<'a, Ended> {
        self.fail()
    }

    fn find_consent<'a>(&'a self, _: &'a str, _: &'a Uid, _: &'a Uid) -> Answer<'a, Option<ConsentRecord>> {
        self.fail()
    }

    fn consents_of<'a>(&'a self, _: &'a str, _: &'a Uid, _: u32) -> Answer<'a, Vec<ConsentRecord>> {
        self.fail()
    }

    fn revoke_consent<'a>(&'a self, _: &'a str, _: &'a Uid, _: &'a Uid, _: Time) -> Answer<'a, Ended> {
        self.fail()
    }

    fn use_once(&self, _: OnceId, _: Time) -> Answer<'_, FirstUse> {
        self.fail()
    }

    fn was_used(&self, _: OnceId) -> Answer<'_, bool> {
        self.fail()
    }

    fn purge(&self, _: Time, _: u32) -> Answer<'_, u64> {
        self.fail()
    }
}
