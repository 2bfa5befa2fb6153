//! What one answer writes down, over all tables.

use oidc::ids::SessionId;
use oidc::records::{ConsentRecord, SessionClient};
use rusqlite::Connection;

use super::codes::CodeRow;
use super::families::FamilyRow;
use super::fault::Fault;
use super::writer::wholly;
use super::{consents, session_clients, sessions};
use crate::{Grant, Granted};

/// A grant as it goes into its rows.
pub(super) struct GrantRows {
    session: Option<SessionId>,
    rests_on: Option<ConsentRecord>,
    consent: Option<ConsentRecord>,
    client: Option<SessionClient>,
    family: Option<FamilyRow>,
    code: Option<CodeRow>,
}

impl GrantRows {
    pub(super) fn of(grant: &Grant<'_>) -> Result<Self, Fault> {
        let Grant { session, rests_on, consent, client, family, code } = *grant;
        Ok(Self {
            session,
            rests_on: rests_on.cloned(),
            consent: consent.cloned(),
            client: client.cloned(),
            family: family.map(FamilyRow::of).transpose()?,
            code: code.map(CodeRow::of).transpose()?,
        })
    }

    /// Writes all of it, or nothing. There is one writer: what is read here stays true until all is written.
    pub(super) fn put(&self, connection: &Connection) -> Result<Granted, Fault> {
        let Self { session, rests_on, consent, client, family, code } = self;
        wholly(connection, || {
            if let Some(session) = session
                && !sessions::exists(connection, *session)?
            {
                return Ok(Granted::SessionGone);
            }
            if let Some(consent) = rests_on
                && !consents::holds(connection, consent)?
            {
                return Ok(Granted::ConsentGone);
            }
            if let Some(consent) = consent {
                consents::grant(connection, consent)?;
            }
            if let (Some(session), Some(client)) = (session, client) {
                session_clients::join(connection, *session, client)?;
            }
            if let Some(family) = family {
                family.put(connection)?;
            }
            if let Some(code) = code {
                code.put(connection)?;
            }
            Ok(Granted::Done)
        })
    }
}
