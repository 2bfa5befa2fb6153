//! Table `families`.

use oidc::ids::{FamilyId, SessionId, Uid};
use oidc::records::{Authorization, FamilyRecord, Generation};
use oidc::time::Time;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::fault::Fault;
use super::{statements, values};
use crate::{Ended, Rotated};

/// A family as it goes into its row: the authorization as JSON, and beside it the parts by which families are found.
pub(super) struct FamilyRow {
    id: FamilyId,
    issuer: String,
    user_uid: Uid,
    application_uid: Uid,
    session: Option<Uuid>,
    granted: String,
    created_at: Time,
    expires_at: Time,
    refresh: Option<Generation>,
    revoked_at: Option<Time>,
}

impl FamilyRow {
    pub(super) fn of(family: &FamilyRecord) -> Result<Self, Fault> {
        let FamilyRecord { id, authorization, created_at, expires_at, refresh, revoked_at } = family;
        let Authorization { issuer, user_uid, application_uid, session, .. } = authorization;
        Ok(Self {
            id: *id,
            issuer: issuer.clone(),
            user_uid: user_uid.clone(),
            application_uid: application_uid.clone(),
            session: session.map(SessionId::uuid),
            granted: values::to_json("granted", authorization)?,
            created_at: *created_at,
            expires_at: *expires_at,
            refresh: *refresh,
            revoked_at: *revoked_at,
        })
    }

    pub(super) fn id(&self) -> FamilyId {
        self.id
    }

    /// A new family.
    pub(super) fn put(&self, connection: &Connection) -> Result<(), Fault> {
        self.write(connection, statements::PUT_FAMILY, self.session).map(drop)
    }

    /// A new family, which ends with that session, or one that lives on; whether it was not revoked.
    pub(super) fn join(&self, connection: &Connection, session: Option<Uuid>) -> Result<bool, Fault> {
        Ok(self.write(connection, statements::JOIN_FAMILY, session)? > 0)
    }

    fn write(&self, connection: &Connection, statement: &str, session: Option<Uuid>) -> Result<usize, Fault> {
        let Self {
            id,
            issuer,
            user_uid,
            application_uid,
            session: _,
            granted,
            created_at,
            expires_at,
            refresh,
            revoked_at,
        } = self;
        Ok(connection.prepare_cached(statement)?.execute(params![
            id.uuid().as_bytes(),
            issuer,
            user_uid.as_str(),
            application_uid.as_str(),
            session.as_ref().map(Uuid::as_bytes),
            granted,
            created_at.millis(),
            expires_at.millis(),
            refresh.map(|generation| generation.number),
            refresh.map(|generation| generation.reached_at.millis()),
            revoked_at.map(Time::millis),
        ])?)
    }
}

pub(super) fn find(connection: &Connection, id: FamilyId) -> Result<Option<FamilyRecord>, Fault> {
    let mut statement = connection.prepare_cached(statements::FIND_FAMILY)?;
    let mut rows = statement.query([id.uuid().as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(FamilyRecord {
        id,
        authorization: values::json(row, "granted")?,
        created_at: values::time(row, "created_at")?,
        expires_at: values::time(row, "expires_at")?,
        refresh: match row.get("generation")? {
            None => None,
            Some(number) => Some(Generation { number, reached_at: values::time(row, "reached_at")? }),
        },
        revoked_at: row.get::<_, Option<i64>>("revoked_at")?.map(Time::from_millis),
    }))
}

pub(super) fn rotate(
    connection: &Connection,
    id: FamilyId,
    from: u32,
    now: Time,
    expires_at: Time,
) -> Result<Rotated, Fault> {
    let mut statement = connection.prepare_cached(statements::ROTATE_FAMILY)?;
    let changed = statement.execute(params![now.millis(), expires_at.millis(), id.uuid().as_bytes(), from])?;
    Ok(if changed == 0 { Rotated::LostRace } else { Rotated::Done })
}

pub(super) fn revoke(connection: &Connection, id: FamilyId, now: Time) -> Result<Ended, Fault> {
    let mut statement = connection.prepare_cached(statements::REVOKE_FAMILY)?;
    Ok(values::ended(statement.execute(params![now.millis(), id.uuid().as_bytes()])?))
}
