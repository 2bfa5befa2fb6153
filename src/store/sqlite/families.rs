//! Table `families`.

use oidc::ids::{FamilyId, Uid};
use oidc::records::{Authorization, FamilyRecord};
use oidc::time::Time;
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::{statements, values};
use crate::Ended;

/// A family as it goes into its row: the authorization as JSON, and beside it the parts by which families are found.
pub(super) struct FamilyRow {
    id: FamilyId,
    issuer: String,
    user_uid: Uid,
    application_uid: Uid,
    session: uuid::Uuid,
    granted: String,
    created_at: Time,
    expires_at: Time,
    revoked_at: Option<Time>,
}

impl FamilyRow {
    pub(super) fn of(family: &FamilyRecord) -> Result<Self, Fault> {
        let FamilyRecord { id, authorization, created_at, expires_at, revoked_at } = family;
        let Authorization { issuer, user_uid, application_uid, session, .. } = authorization;
        Ok(Self {
            id: *id,
            issuer: issuer.clone(),
            user_uid: user_uid.clone(),
            application_uid: application_uid.clone(),
            session: session.uuid(),
            granted: values::to_json("granted", authorization)?,
            created_at: *created_at,
            expires_at: *expires_at,
            revoked_at: *revoked_at,
        })
    }

    pub(super) fn id(&self) -> FamilyId {
        self.id
    }

    pub(super) fn put(&self, connection: &Connection) -> Result<(), Fault> {
        let Self { id, issuer, user_uid, application_uid, session, granted, created_at, expires_at, revoked_at } = self;
        connection.prepare_cached(statements::PUT_FAMILY)?.execute(params![
            id.uuid().as_bytes(),
            issuer,
            user_uid.as_str(),
            application_uid.as_str(),
            session.as_bytes(),
            granted,
            created_at.millis(),
            expires_at.millis(),
            revoked_at.map(Time::millis),
        ])?;
        Ok(())
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
        revoked_at: row.get::<_, Option<i64>>("revoked_at")?.map(Time::from_millis),
    }))
}

pub(super) fn revoke(connection: &Connection, id: FamilyId, now: Time) -> Result<Ended, Fault> {
    let mut statement = connection.prepare_cached(statements::REVOKE_FAMILY)?;
    Ok(values::ended(statement.execute(params![now.millis(), id.uuid().as_bytes()])?))
}
