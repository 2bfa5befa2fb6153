//! Table `sessions`.

use oidc::ids::{LoginEpoch, SessionId, Subject, Uid};
use oidc::opaque::ProofHash;
use oidc::records::SessionRecord;
use oidc::time::Time;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::fault::Fault;
use super::writer::wholly;
use super::{logouts, statements, values};
use crate::{EndedSessions, Touched};

/// Keeps the session and ends the one that it replaces, or does neither.
pub(super) fn open(
    connection: &Connection,
    new: &SessionRecord,
    replaces: Option<SessionId>,
) -> Result<EndedSessions, Fault> {
    let SessionRecord { id, proof, issuer, subject, user_uid, login_epoch, auth_time, amr, last_seen_at, expires_at } =
        new;
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
            login_epoch.number(),
            auth_time.millis(),
            amr,
            last_seen_at.millis(),
            expires_at.millis(),
        ])?;
        let Some(old) = replaces else { return Ok(EndedSessions::default()) };
        let (replaced, mut statement) = (old.uuid(), connection.prepare_cached(statements::IS_SESSION_OF)?);
        if statement.exists(params![replaced.as_bytes(), user_uid.as_str(), issuer])? {
            hand_on(connection, old, *id)?;
            Ok(EndedSessions::default())
        } else {
            end_parts(connection, old, *auth_time)
        }
    })
}

/// Hands what hangs on a session on to the one that replaces it, and deletes it.
fn hand_on(connection: &Connection, old: SessionId, new: SessionId) -> Result<(), Fault> {
    let (from, to) = (old.uuid(), new.uuid());
    for text in [statements::HAND_SESSION_CLIENTS_ON, statements::HAND_CODES_ON, statements::HAND_FAMILIES_ON] {
        connection.prepare_cached(text)?.execute(params![to.as_bytes(), from.as_bytes()])?;
    }
    delete(connection, old).map(drop)
}

pub(super) fn find(connection: &Connection, id: SessionId) -> Result<Option<SessionRecord>, Fault> {
    let mut statement = connection.prepare_cached(statements::FIND_SESSION)?;
    let mut rows = statement.query([id.uuid().as_bytes()])?;
    rows.next()?.map(|row| read(row, id)).transpose()
}

pub(super) fn of_user(
    connection: &Connection,
    issuer: &str,
    user: &Uid,
    limit: u32,
) -> Result<Vec<SessionRecord>, Fault> {
    let mut statement = connection.prepare_cached(statements::SESSIONS_OF)?;
    let mut rows = statement.query(params![user.as_str(), issuer, limit])?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        sessions.push(read(row, SessionId::new(Uuid::from_bytes(row.get("id")?)))?);
    }
    Ok(sessions)
}

pub(super) fn exists(connection: &Connection, id: SessionId) -> Result<bool, Fault> {
    Ok(connection.prepare_cached(statements::HAS_SESSION)?.exists([id.uuid().as_bytes()])?)
}

fn read(row: &Row<'_>, id: SessionId) -> Result<SessionRecord, Fault> {
    Ok(SessionRecord {
        id,
        proof: ProofHash::from_bytes(row.get("proof")?),
        issuer: row.get("issuer")?,
        subject: Subject::new(row.get::<_, String>("subject")?),
        user_uid: Uid::new(row.get::<_, String>("user_uid")?),
        login_epoch: LoginEpoch::new(row.get("login_epoch")?),
        auth_time: values::time(row, "auth_time")?,
        amr: values::json(row, "amr")?,
        last_seen_at: values::time(row, "last_seen_at")?,
        expires_at: values::time(row, "expires_at")?,
    })
}

pub(super) fn touch(connection: &Connection, id: SessionId, now: Time) -> Result<Touched, Fault> {
    let mut statement = connection.prepare_cached(statements::TOUCH_SESSION)?;
    let changed = statement.execute(params![now.millis(), id.uuid().as_bytes()])?;
    Ok(if changed == 0 { Touched::Gone } else { Touched::Done })
}

/// Ends the session with what does not outlive it, or does neither.
pub(super) fn end(connection: &Connection, id: SessionId, now: Time) -> Result<EndedSessions, Fault> {
    wholly(connection, || end_parts(connection, id, now))
}

fn end_parts(connection: &Connection, id: SessionId, now: Time) -> Result<EndedSessions, Fault> {
    let uuid = id.uuid();
    connection.prepare_cached(statements::END_CODES_OF_SESSION)?.execute([uuid.as_bytes()])?;
    connection
        .prepare_cached(statements::REVOKE_FAMILIES_OF_SESSION)?
        .execute(params![now.millis(), uuid.as_bytes()])?;
    let dropped = logouts::put(connection, id, now)?;
    Ok(EndedSessions { sessions: delete(connection, id)?, dropped })
}

/// The same for every session of a person but one.
pub(super) fn end_of_user(
    connection: &Connection,
    issuer: &str,
    user: &Uid,
    except: Option<SessionId>,
    now: Time,
) -> Result<EndedSessions, Fault> {
    // No session has the nil UUID, so that all differ from it.
    let (user, except) = (user.as_str(), except.map_or(Uuid::nil(), SessionId::uuid));
    let whose = params![user, issuer, except.as_bytes()];
    wholly(connection, || {
        connection.prepare_cached(statements::END_CODES_OF_SESSIONS)?.execute(whose)?;
        connection.prepare_cached(statements::REVOKE_FAMILIES_OF_SESSIONS)?.execute(params![
            now.millis(),
            user,
            issuer,
            except.as_bytes(),
        ])?;
        let dropped = logouts::put_of_user(connection, issuer, user, except, now)?;
        let gone = connection.prepare_cached(statements::END_SESSIONS_OF)?.execute(whose)?;
        Ok(EndedSessions { sessions: u64::try_from(gone).unwrap_or(u64::MAX), dropped })
    })
}

fn delete(connection: &Connection, id: SessionId) -> Result<u64, Fault> {
    let gone = connection.prepare_cached(statements::END_SESSION)?.execute([id.uuid().as_bytes()])?;
    Ok(u64::try_from(gone).unwrap_or(u64::MAX))
}
