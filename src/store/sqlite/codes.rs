//! Table `codes`.

use oidc::ids::{CodeId, FamilyId, SessionId, Uid};
use oidc::opaque::ProofHash;
use oidc::records::{Authorization, CodeRecord};
use oidc::time::Time;
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::families::FamilyRow;
use super::fault::Fault;
use super::writer::wholly;
use super::{statements, values};
use crate::{CodeFacts, Spent};

/// A code as it goes into its row: the authorization as JSON, and beside it the parts by which codes are found.
pub(super) struct CodeRow {
    id: CodeId,
    proof: ProofHash,
    redirect_uri: String,
    challenge: Option<String>,
    granted: String,
    family: FamilyId,
    expires_at: Time,
    issuer: String,
    user_uid: Uid,
    application_uid: Uid,
    session: Option<SessionId>,
}

impl CodeRow {
    pub(super) fn of(code: &CodeRecord) -> Result<Self, Fault> {
        let CodeRecord { id, proof, redirect_uri, challenge, authorization, family, expires_at } = code;
        let Authorization { issuer, user_uid, application_uid, session, .. } = authorization;
        Ok(Self {
            id: *id,
            proof: proof.clone(),
            redirect_uri: redirect_uri.clone(),
            challenge: challenge.as_ref().map(|value| values::to_json("challenge", value)).transpose()?,
            granted: values::to_json("granted", authorization)?,
            family: *family,
            expires_at: *expires_at,
            issuer: issuer.clone(),
            user_uid: user_uid.clone(),
            application_uid: application_uid.clone(),
            session: *session,
        })
    }

    pub(super) fn put(&self, connection: &Connection) -> Result<(), Fault> {
        let Self { id, proof, redirect_uri, challenge, granted, family, expires_at, .. } = self;
        let Self { issuer, user_uid, application_uid, session, .. } = self;
        let (id, session) = (id.uuid(), session.map(SessionId::uuid));
        connection.prepare_cached(statements::PUT_CODE)?.execute(params![
            id.as_bytes(),
            proof.as_bytes(),
            redirect_uri,
            challenge,
            granted,
            expires_at.millis(),
            family.uuid().as_bytes(),
            issuer,
            user_uid.as_str(),
            application_uid.as_str(),
            session.as_ref().map(Uuid::as_bytes),
        ])?;
        Ok(())
    }
}

pub(super) fn find(connection: &Connection, id: CodeId) -> Result<CodeFacts, Fault> {
    let mut statement = connection.prepare_cached(statements::FIND_CODE)?;
    let mut rows = statement.query([id.uuid().as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(CodeFacts::Unknown) };
    let record = CodeRecord {
        id,
        proof: ProofHash::from_bytes(row.get("proof")?),
        redirect_uri: row.get("redirect_uri")?,
        challenge: row
            .get::<_, Option<String>>("challenge")?
            .map(|text| values::from_json("challenge", &text))
            .transpose()?,
        authorization: values::json(row, "granted")?,
        family: FamilyId::new(Uuid::from_bytes(row.get("family")?)),
        expires_at: values::time(row, "expires_at")?,
    };
    Ok(match row.get::<_, Option<i64>>("spent_at")? {
        None => CodeFacts::Live(record),
        Some(_) => CodeFacts::Spent(record),
    })
}

/// Marks the code as spent and keeps its family, unless that is revoked; or does nothing.
pub(super) fn spend(connection: &Connection, id: CodeId, family: &FamilyRow, now: Time) -> Result<Spent, Fault> {
    wholly(connection, || {
        let mut statement = connection.prepare_cached(statements::SPEND_CODE)?;
        let (code, family_id) = (id.uuid(), family.id().uuid());
        let key = params![now.millis(), code.as_bytes(), family_id.as_bytes()];
        let spent = statement.query_row(key, |row| row.get::<_, Option<[u8; 16]>>("session")).optional()?;
        let Some(session) = spent else { return Ok(Spent::LostRace) };
        // The session of now: the one in which it was granted may have been replaced.
        let joined = family.join(connection, session.map(Uuid::from_bytes))?;
        Ok(if joined { Spent::Done } else { Spent::Revoked })
    })
}
