//! Table `sessions`.

use oidc::ids::{SessionId, Subject, Uid};
use oidc::opaque::ProofHash;
use oidc::records::SessionRecord;
use oidc::time::Time;
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::writer::wholly;
use super::{statements, values};
use crate::{Ended, Touched};

/// Keeps the session and ends the one that it replaces, or does neither.
pub(super) fn open(connection: &Connection, new: &SessionRecord, replaces: Option<SessionId>) -> Result<(), Fault> {
    let SessionRecord { id, proof, issuer, subject, user_uid, auth_time, amr, last_seen_at, expires_at } = new;
    if replaces == Some(*id) {
        return Err(Fault::Taken);
    }
    let amr = values::to_json("amr", amr)?;
    wholly(connection, || {
        connection.prepare_cached(statements::PUT_SESSION)?.execute(params![
            id.uuid().as_bytes(),
            proof.as_bytes(),
            issuer,
            subject.as_str(),
            user_uid.as_str(),
            auth_time.millis(),
            amr,
            last_seen_at.millis(),
            expires_at.millis(),
        ])?;
        if let Some(old) = replaces {
            end(connection, old)?;
        }
        Ok(())
    })
}

pub(super) fn find(connection: &Connection, id: SessionId) -> Result<Option<SessionRecord>, Fault> {
    let mut statement = connection.prepare_cached(statements::FIND_SESSION)?;
    let mut rows = statement.query([id.uuid().as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(SessionRecord {
        id,
        proof: ProofHash::from_bytes(row.get("proof")?),
        issuer: row.get("issuer")?,
        subject: Subject::new(row.get::<_, String>("subject")?),
        user_uid: Uid::new(row.get::<_, String>("user_uid")?),
        auth_time: values::time(row, "auth_time")?,
        amr: values::json(row, "amr")?,
        last_seen_at: values::time(row, "last_seen_at")?,
        expires_at: values::time(row, "expires_at")?,
    }))
}

pub(super) fn touch(connection: &Connection, id: SessionId, now: Time) -> Result<Touched, Fault> {
    let mut statement = connection.prepare_cached(statements::TOUCH_SESSION)?;
    let changed = statement.execute(params![now.millis(), id.uuid().as_bytes()])?;
    Ok(if changed == 0 { Touched::Gone } else { Touched::Done })
}

pub(super) fn end(connection: &Connection, id: SessionId) -> Result<Ended, Fault> {
    Ok(values::ended(connection.prepare_cached(statements::END_SESSION)?.execute([id.uuid().as_bytes()])?))
}
