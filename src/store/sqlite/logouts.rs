//! Table `logouts`.

use oidc::ids::{ClientId, SessionId, Subject, Uid};
use oidc::records::{LogoutNotice, SessionClient};
use oidc::time::Time;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::fault::Fault;
use super::{statements, values};
use crate::{Ended, MAX_LOGOUTS, Touched};

/// Writes down who is to hear that the session ends, before it does; answers for how many there was no room.
pub(super) fn put(connection: &Connection, session: SessionId, now: Time) -> Result<u64, Fault> {
    let session = session.uuid();
    let mut statement = connection.prepare_cached(statements::COUNT_CLIENTS_OF_SESSION)?;
    let clients: i64 = statement.query_row([session.as_bytes()], |row| row.get(0))?;
    if clients == 0 {
        return Ok(0);
    }
    let mut statement = connection.prepare_cached(statements::PUT_LOGOUTS_OF_SESSION)?;
    Ok(left_out(clients, statement.execute(params![now.millis(), session.as_bytes(), MAX_LOGOUTS])?))
}

/// The same for every session of a person but one.
pub(super) fn put_of_user(
    connection: &Connection,
    issuer: &str,
    user: &str,
    except: Uuid,
    now: Time,
) -> Result<u64, Fault> {
    let mut statement = connection.prepare_cached(statements::COUNT_CLIENTS_OF_SESSIONS)?;
    let clients: i64 = statement.query_row(params![user, issuer, except.as_bytes()], |row| row.get(0))?;
    if clients == 0 {
        return Ok(0);
    }
    let mut statement = connection.prepare_cached(statements::PUT_LOGOUTS_OF_SESSIONS)?;
    let put = statement.execute(params![now.millis(), user, issuer, except.as_bytes(), MAX_LOGOUTS])?;
    Ok(left_out(clients, put))
}

fn left_out(clients: i64, put: usize) -> u64 {
    u64::try_from(clients).unwrap_or_default().saturating_sub(u64::try_from(put).unwrap_or(u64::MAX))
}

pub(super) fn take(connection: &Connection, now: Time, until: Time, limit: u32) -> Result<Vec<LogoutNotice>, Fault> {
    let mut statement = connection.prepare_cached(statements::TAKE_LOGOUTS)?;
    let mut rows = statement.query(params![until.millis(), now.millis(), limit])?;
    let mut notices = Vec::new();
    while let Some(row) = rows.next()? {
        let client = SessionClient {
            application_uid: Uid::new(row.get::<_, String>("application_uid")?),
            client: ClientId::new(row.get::<_, String>("client")?),
            sid: SessionId::new(Uuid::from_bytes(row.get("sid")?)),
        };
        notices.push(LogoutNotice {
            session: SessionId::new(Uuid::from_bytes(row.get("session")?)),
            client,
            issuer: row.get("issuer")?,
            subject: Subject::new(row.get::<_, String>("subject")?),
            ended_at: values::time(row, "ended_at")?,
            attempt: row.get("attempt")?,
        });
    }
    Ok(notices)
}

pub(super) fn defer(connection: &Connection, notice: &LogoutNotice, at: Time) -> Result<Touched, Fault> {
    let mut statement = connection.prepare_cached(statements::DEFER_LOGOUT)?;
    let (session, application) = (notice.session.uuid(), notice.client.application_uid.as_str());
    let changed = statement.execute(params![at.millis(), session.as_bytes(), application, notice.attempt])?;
    Ok(if changed == 0 { Touched::Gone } else { Touched::Done })
}

pub(super) fn settle(connection: &Connection, notice: &LogoutNotice) -> Result<Ended, Fault> {
    let mut statement = connection.prepare_cached(statements::SETTLE_LOGOUT)?;
    let (session, application) = (notice.session.uuid(), notice.client.application_uid.as_str());
    Ok(values::ended(statement.execute(params![session.as_bytes(), application, notice.attempt])?))
}
