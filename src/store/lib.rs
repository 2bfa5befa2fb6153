//! What must survive a restart: sessions, codes, families of tokens, consents, logouts that are yet to be told.
//!
//! [`Store`] is a closed list of verbs. Each is atomic, each that changes something is conditional on what it changes,
//! and each answers with a closed enum: losing a race is an ordinary outcome, never an error and never two successes.
//! No verb takes a closure and none answers with a bool, so that every verb is one statement or one transaction in any
//! database.
//!
//! Reading order: [`Store`] → [`memory`] (what the verbs mean, on ordered maps) → [`sqlite`] (the same, durable) → `suite`
//! (feature `suite`: what every backend must do, with a race for each conditional verb).
//!
//! Rules for all backends:
//!
//! - A time that has come has passed: a row is good while `expires_at > now`, and may be purged when `expires_at <= now`.
//! - An answer means that the change is durable, as far as the backend keeps anything.
//! - An identifier that is taken is a [`StoreError`] and changes nothing: identifiers are random, so it is never an
//!   ordinary outcome.
//! - A verb whose future is dropped before it answers may have been carried out or not, as a whole.

use futures::future::BoxFuture;
use oidc::ids::{CodeId, FamilyId, SessionId, Uid};
pub use oidc::records::CodeFacts;
use oidc::records::{
    CodeRecord, ConsentRecord, FamilyRecord, FirstUse, LogoutNotice, OnceId, SessionClient, SessionRecord,
};
use oidc::time::Time;

mod doing;
pub mod memory;
pub mod sqlite;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
#[cfg(test)]
mod tests;

/// What a store answers with.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Why a store could not answer. Nothing was decided: the request may be tried again.
#[derive(Debug, thiserror::Error)]
#[error("the store did not answer while it tried to {doing}")]
pub struct StoreError {
    /// The verb that failed, as words.
    pub doing: &'static str,
    /// The database's own words; for the log alone.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The outcome of [`Store::spend_code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// This call spent it, and the family exists now.
    Done,
    /// It was spent, expired or gone already; nothing was written.
    LostRace,
    /// This call spent it for nothing: what had come beside it was revoked before.
    Revoked,
}

/// What one answer writes down: all of it, or nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grant<'a> {
    /// The session in which it is given.
    pub session: Option<SessionId>,
    /// The consent that it rests on, as it was found: all of that must still be agreed to.
    pub rests_on: Option<&'a ConsentRecord>,
    /// What the person has agreed to just now. The union of scopes is kept, also under concurrency, and the latest
    /// `granted_at`.
    pub consent: Option<&'a ConsentRecord>,
    /// A client that is logged in to from `session`, and is to hear of its end; the latest `sid` of each counts. Where the
    /// same person logs in anew, the session that replaces this one takes them over; else they go with it.
    pub client: Option<&'a SessionClient>,
    /// The family of tokens that come from no code, or beside one.
    pub family: Option<&'a FamilyRecord>,
    /// A new code.
    pub code: Option<&'a CodeRecord>,
}

/// The outcome of [`Store::grant`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// Written.
    Done,
    /// The session is gone; nothing was written.
    SessionGone,
    /// The consent was withdrawn, or part of it; nothing was written.
    ConsentGone,
}

/// The outcome of [`Store::rotate_family`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// This call rotated it.
    Done,
    /// It was not of that generation any more, revoked or gone; nothing was written.
    LostRace,
}

/// The outcome of [`Store::touch_session`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    /// Written.
    Done,
    /// The session is gone.
    Gone,
}

/// Notices of logouts that wait for one application at the most, as nearly as one transaction can tell: one that does not
/// take them must not fill the disk.
pub const MAX_LOGOUTS: u32 = 10_000;

/// The outcome of a verb that ends sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndedSessions {
    /// How many this call ended; others had ended before, or never were.
    pub sessions: u64,
    /// How many notices there are not, since [`MAX_LOGOUTS`] wait for the application already.
    pub dropped: u64,
}

/// The outcome of a verb that ends something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// This call ended it.
    Done,
    /// It had ended before, or never was.
    Already,
}

/// The verbs.
pub trait Store: Send + Sync + 'static {
    /// Writes down what one answer grants, in one transaction, if what it rests on is still there: between the look at a
    /// session or a consent and this, the person may have ended it, and nothing may outlive that. One write for each code
    /// issued.
    fn grant<'a>(&'a self, grant: Grant<'a>) -> Answer<'a, Granted>;

    /// What is known of a code. Rows of spent codes stay until their family may go, so that a replay is recognised.
    fn find_code(&self, id: CodeId) -> Answer<'_, CodeFacts>;

    /// Spends the code for the family that it names, in one transaction, if the code is unspent and `expires_at > now`. The
    /// family is created; where it exists, since tokens came beside the code, it lives as long as either asks for, gets the
    /// refresh token of `family`, and must not be revoked.
    fn spend_code<'a>(&'a self, id: CodeId, family: &'a FamilyRecord, now: Time) -> Answer<'a, Spent>;

    /// The family, revoked or not, unless it has been purged.
    fn find_family(&self, id: FamilyId) -> Answer<'_, Option<FamilyRecord>>;

    /// Makes the next refresh token of a family the good one, if it is of generation `from` and not revoked; the family
    /// lives until `expires_at` at the least.
    fn rotate_family(&self, id: FamilyId, from: u32, now: Time, expires_at: Time) -> Answer<'_, Rotated>;

    /// Revokes one family; the time of the first revocation stays.
    fn revoke_family(&self, id: FamilyId, now: Time) -> Answer<'_, Ended>;

    /// Keeps a new session; in the same transaction ends the one that it replaces, so that the identifier of a session
    /// never survives a login (session fixation). That the replaced one is gone already is no hindrance; a session cannot
    /// replace itself.
    ///
    /// Where the same person logs in anew, it is one login that was proved once more: the new session goes on with all that
    /// hangs on the old one, its clients, its families and the codes that nobody has redeemed yet, and they end with it.
    /// Where another person logs in, the old session ends as by [`end_session`](Self::end_session), at the new one's
    /// `auth_time`; the answer is about that.
    fn open_session<'a>(&'a self, session: &'a SessionRecord, replaces: Option<SessionId>)
    -> Answer<'a, EndedSessions>;

    /// The clients that were logged in to from the session, at most `limit` of them, in the order of their applications'
    /// UIDs.
    fn clients_of_session(&self, id: SessionId, limit: u32) -> Answer<'_, Vec<SessionClient>>;

    /// The session, if it has not been ended. It may have expired: the caller judges times.
    fn find_session(&self, id: SessionId) -> Answer<'_, Option<SessionRecord>>;

    /// Writes down that the session was used at `now`; `last_seen_at` never moves backwards.
    fn touch_session(&self, id: SessionId, now: Time) -> Answer<'_, Touched>;

    /// The sessions of a person at an issuer, at most `limit` of them, those that began last first. They may have expired:
    /// the caller judges times.
    fn sessions_of<'a>(&'a self, issuer: &'a str, user: &'a Uid, limit: u32) -> Answer<'a, Vec<SessionRecord>>;

    /// Ends one session, and in the same transaction all that was granted in it and does not outlive it: families without
    /// a refresh token are revoked, since one is issued for `offline_access` alone, and codes that nobody has redeemed yet
    /// are gone. For each client that was logged in to from it there is a notice, due at once.
    fn end_session(&self, id: SessionId, now: Time) -> Answer<'_, EndedSessions>;

    /// Ends every session of a person at an issuer but `except` as [`end_session`](Self::end_session) does, in one
    /// transaction.
    fn end_sessions_of<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        except: Option<SessionId>,
        now: Time,
    ) -> Answer<'a, EndedSessions>;

    /// Takes up notices that are due at `now`, at most `limit`, those first that have been due for longest. Each counts one
    /// attempt more, and is due again at `until`, if nobody has settled it by then: whoever took it may have died.
    fn take_logouts(&self, now: Time, until: Time, limit: u32) -> Answer<'_, Vec<LogoutNotice>>;

    /// Makes a notice due at `at`, if nobody has taken it up since.
    fn defer_logout<'a>(&'a self, notice: &'a LogoutNotice, at: Time) -> Answer<'a, Touched>;

    /// Removes a notice, if nobody has taken it up since.
    fn settle_logout<'a>(&'a self, notice: &'a LogoutNotice) -> Answer<'a, Ended>;

    /// What a person agreed to share with a client.
    fn find_consent<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        application: &'a Uid,
    ) -> Answer<'a, Option<ConsentRecord>>;

    /// What a person agreed to share at an issuer: with at most `limit` clients, those that they agreed to last first.
    fn consents_of<'a>(&'a self, issuer: &'a str, user: &'a Uid, limit: u32) -> Answer<'a, Vec<ConsentRecord>>;

    /// Withdraws a consent, and in the same transaction all that the application has of the person at this issuer: every
    /// family is revoked, those without a consent too, and codes that nobody has redeemed yet are gone. The outcome tells
    /// of the consent.
    fn revoke_consent<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        application: &'a Uid,
        now: Time,
    ) -> Answer<'a, Ended>;

    /// Marks as used what may be used once; until `expires_at` nobody is the first again.
    fn use_once(&self, id: OnceId, expires_at: Time) -> Answer<'_, FirstUse>;

    /// Whether it was marked as used, and is not forgotten yet.
    fn was_used(&self, id: OnceId) -> Answer<'_, bool>;

    /// Deletes at most `limit` rows of each table that are of no use any more at `now`; answers how many went. A spent
    /// code goes together with its family, so that a replay is recognised for as long as there is something to revoke.
    /// Consents stay until they are withdrawn. Other writes wait meanwhile, so `limit` should be some hundreds, and the
    /// caller should come back while anything goes.
    fn purge(&self, now: Time, limit: u32) -> Answer<'_, u64>;
}
