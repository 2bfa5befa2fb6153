//! Table `session_clients`.

use oidc::ids::{ClientId, SessionId, Uid};
use oidc::records::SessionClient;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::fault::Fault;
use super::statements;

/// Writes down that the client was logged in to from the session, which is there.
pub(super) fn join(connection: &Connection, session: SessionId, client: &SessionClient) -> Result<(), Fault> {
    let SessionClient { application_uid, client, sid } = client;
    let mut statement = connection.prepare_cached(statements::JOIN_SESSION)?;
    let (session, sid) = (session.uuid(), sid.uuid());
    statement.execute(params![session.as_bytes(), application_uid.as_str(), client.as_str(), sid.as_bytes()])?;
    Ok(())
}

pub(super) fn of(connection: &Connection, session: SessionId, limit: u32) -> Result<Vec<SessionClient>, Fault> {
    let mut statement = connection.prepare_cached(statements::CLIENTS_OF_SESSION)?;
    let mut rows = statement.query(params![session.uuid().as_bytes(), limit])?;
    let mut clients = Vec::new();
    while let Some(row) = rows.next()? {
        clients.push(SessionClient {
            application_uid: Uid::new(row.get::<_, String>("application_uid")?),
            client: ClientId::new(row.get::<_, String>("client")?),
            sid: SessionId::new(Uuid::from_bytes(row.get("sid")?)),
        });
    }
    Ok(clients)
}
