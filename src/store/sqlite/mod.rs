//! One file on a local disk, for one process: a thread that writes, a few that read.
//!
//! ```text
//! verb ──► queue (bounded) ──► writer: BEGIN · up to 512 operations · COMMIT ──► answers
//! verb ──► queue (bounded) ──► readers: one statement each                   ──► answers
//! ```
//!
//! Reading order: [`open`](Sqlite::open) → `schema` and `migrations/` → `statements` → one file for each table → `writer`.
//! A process that is killed at any instant leaves a file that opens again, with every acknowledged change in it.

use std::path::Path;

use oidc::ids::{CodeId, FamilyId, SessionId, Uid};
use oidc::records::{ConsentRecord, FamilyRecord, FirstUse, LogoutNotice, OnceId, SessionClient, SessionRecord};
use oidc::time::Time;
use rusqlite::{Connection, params};

use self::consents::Key;
use self::families::FamilyRow;
use self::fault::Fault;
use self::grants::GrantRows;
use self::reader::Readers;
use self::writer::Writer;
use crate::{
    Answer, CodeFacts, Ended, EndedSessions, Grant, Granted, Rotated, Spent, Store, StoreError, Touched, doing,
};

mod codes;
mod consents;
mod families;
mod fault;
mod grants;
mod logouts;
mod open;
mod purge;
mod reader;
mod schema;
mod session_clients;
mod sessions;
mod statements;
#[cfg(test)]
mod tests;
mod values;
mod writer;

pub use self::open::OpenError;

/// A store in an SQLite database. Dropping it writes what is queued and closes the file, and blocks while doing so;
/// [`close`](Sqlite::close) does the same without blocking and tells whether it went well.
#[derive(Debug)]
pub struct Sqlite {
    // In this order: the connection that is closed last is the one that may write, and it removes the log.
    readers: Readers,
    writer: Writer,
}

impl Sqlite {
    /// Opens a database file, or creates one that only its owner may read. Beside it lie SQLite's `-wal` and `-shm` and
    /// a file `.lock`, by which a second process is kept out. Blocks.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let open::Opened { writer, readers, lock } = open::open(path.as_ref())?;
        let writer = Writer::start(writer, lock).map_err(OpenError::Thread)?;
        let readers = Readers::start(readers).map_err(OpenError::Thread)?;
        Ok(Self { readers, writer })
    }

    /// Writes what is queued, folds the log into the database file and lets go of it.
    pub async fn close(self) -> Result<(), StoreError> {
        let Self { mut readers, mut writer } = self;
        let stopped = tokio::task::spawn_blocking(move || {
            readers.stop();
            writer.stop()
        });
        stopped.await.unwrap_or(Err(Fault::Gone)).map_err(|fault| fault.during(doing::CLOSE))
    }

    fn write<'a, T: Send + 'static, F>(&'a self, doing: &'static str, work: F) -> Answer<'a, T>
    where
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        Box::pin(async move { self.writer.write(work).await.map_err(|fault| fault.during(doing)) })
    }

    fn read<'a, T: Send + 'static, F>(&'a self, doing: &'static str, work: F) -> Answer<'a, T>
    where
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        Box::pin(async move {
            // A store that cannot write is no store: it says so to everyone, rather than to half of them.
            let outcome = if self.writer.is_alive() { self.readers.read(work).await } else { Err(Fault::Gone) };
            outcome.map_err(|fault| fault.during(doing))
        })
    }
}

impl Store for Sqlite {
    fn grant<'a>(&'a self, grant: Grant<'a>) -> Answer<'a, Granted> {
        let rows = GrantRows::of(&grant);
        self.write(doing::GRANT, move |connection| rows?.put(connection))
    }

    fn find_code(&self, id: CodeId) -> Answer<'_, CodeFacts> {
        self.read(doing::FIND_CODE, move |connection| codes::find(connection, id))
    }

    fn spend_code<'a>(&'a self, id: CodeId, family: &'a FamilyRecord, now: Time) -> Answer<'a, Spent> {
        let family = FamilyRow::of(family);
        self.write(doing::SPEND_CODE, move |connection| codes::spend(connection, id, &family?, now))
    }

    fn find_family(&self, id: FamilyId) -> Answer<'_, Option<FamilyRecord>> {
        self.read(doing::FIND_FAMILY, move |connection| families::find(connection, id))
    }

    fn rotate_family(&self, id: FamilyId, from: u32, now: Time, expires_at: Time) -> Answer<'_, Rotated> {
        self.write(doing::ROTATE_FAMILY, move |connection| families::rotate(connection, id, from, now, expires_at))
    }

    fn revoke_family(&self, id: FamilyId, now: Time) -> Answer<'_, Ended> {
        self.write(doing::REVOKE_FAMILY, move |connection| families::revoke(connection, id, now))
    }

    fn open_session<'a>(
        &'a self,
        session: &'a SessionRecord,
        replaces: Option<SessionId>,
    ) -> Answer<'a, EndedSessions> {
        let session = session.clone();
        self.write(doing::OPEN_SESSION, move |connection| sessions::open(connection, &session, replaces))
    }

    fn find_session(&self, id: SessionId) -> Answer<'_, Option<SessionRecord>> {
        self.read(doing::FIND_SESSION, move |connection| sessions::find(connection, id))
    }

    fn clients_of_session(&self, id: SessionId, limit: u32) -> Answer<'_, Vec<SessionClient>> {
        self.read(doing::CLIENTS_OF_SESSION, move |connection| session_clients::of(connection, id, limit))
    }

    fn touch_session(&self, id: SessionId, now: Time) -> Answer<'_, Touched> {
        self.write(doing::TOUCH_SESSION, move |connection| sessions::touch(connection, id, now))
    }

    fn sessions_of<'a>(&'a self, issuer: &'a str, user: &'a Uid, limit: u32) -> Answer<'a, Vec<SessionRecord>> {
        let (issuer, user) = (issuer.to_owned(), user.clone());
        self.read(doing::SESSIONS_OF, move |connection| sessions::of_user(connection, &issuer, &user, limit))
    }

    fn end_session(&self, id: SessionId, now: Time) -> Answer<'_, EndedSessions> {
        self.write(doing::END_SESSION, move |connection| sessions::end(connection, id, now))
    }

    fn end_sessions_of<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        except: Option<SessionId>,
        now: Time,
    ) -> Answer<'a, EndedSessions> {
        let (issuer, user) = (issuer.to_owned(), user.clone());
        self.write(doing::END_SESSIONS_OF, move |connection| {
            sessions::end_of_user(connection, &issuer, &user, except, now)
        })
    }

    fn take_logouts(&self, now: Time, until: Time, limit: u32) -> Answer<'_, Vec<LogoutNotice>> {
        self.write(doing::TAKE_LOGOUTS, move |connection| logouts::take(connection, now, until, limit))
    }

    fn defer_logout<'a>(&'a self, notice: &'a LogoutNotice, at: Time) -> Answer<'a, Touched> {
        let notice = notice.clone();
        self.write(doing::DEFER_LOGOUT, move |connection| logouts::defer(connection, &notice, at))
    }

    fn settle_logout<'a>(&'a self, notice: &'a LogoutNotice) -> Answer<'a, Ended> {
        let notice = notice.clone();
        self.write(doing::SETTLE_LOGOUT, move |connection| logouts::settle(connection, &notice))
    }

    fn find_consent<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        application: &'a Uid,
    ) -> Answer<'a, Option<ConsentRecord>> {
        let key = Key::new(issuer, user, application);
        self.read(doing::FIND_CONSENT, move |connection| consents::find(connection, key))
    }

    fn consents_of<'a>(&'a self, issuer: &'a str, user: &'a Uid, limit: u32) -> Answer<'a, Vec<ConsentRecord>> {
        let (issuer, user) = (issuer.to_owned(), user.clone());
        self.read(doing::CONSENTS_OF, move |connection| consents::of_user(connection, &issuer, &user, limit))
    }

    fn revoke_consent<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        application: &'a Uid,
        now: Time,
    ) -> Answer<'a, Ended> {
        let key = Key::new(issuer, user, application);
        self.write(doing::REVOKE_CONSENT, move |connection| consents::revoke(connection, &key, now))
    }

    fn use_once(&self, id: OnceId, expires_at: Time) -> Answer<'_, FirstUse> {
        self.write(doing::USE_ONCE, move |connection| {
            let mut statement = connection.prepare_cached(statements::USE_ONCE)?;
            let put = statement.execute(params![id.as_bytes(), expires_at.millis()])?;
            Ok(if put == 0 { FirstUse::No } else { FirstUse::Yes })
        })
    }

    fn was_used(&self, id: OnceId) -> Answer<'_, bool> {
        self.read(doing::WAS_USED, move |connection| {
            let mut statement = connection.prepare_cached(statements::WAS_USED)?;
            let found: i64 = statement.query_row(params![id.as_bytes()], |row| row.get(0))?;
            Ok(found > 0)
        })
    }

    fn purge(&self, now: Time, limit: u32) -> Answer<'_, u64> {
        self.write(doing::PURGE, move |connection| purge::purge(connection, now, limit))
    }
}
