//! The payload of an OidcClientRecord.

use std::sync::Arc;

use oidc::client::Client;
use serde::{Deserialize, Serialize};

use super::{Record, RecordError};
use crate::inputs::Epoch;
use crypto::ServerKeys;

/// What the servers and a later controller must know of an application.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientPayload {
    /// The client; none while the application exists and is refused. Then the record stays, so that its derivation is
    /// not forgotten and its name is not given away.
    pub client: Option<Arc<Client>>,
    /// Its programmatic access accounts, which are served with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Arc<Client>>,
    /// The client ID that it chose and holds, refused or not.
    #[serde(rename = "clientID", default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Where the derivation of its secrets stands: the authority, of which the status is a copy.
    pub secrets: Epoch,
}

impl ClientPayload {
    /// Reads a record, and holds the client against its source.
    pub fn read(keys: &ServerKeys, record: &Record) -> Result<Self, RecordError> {
        let payload: Self = record.open(keys)?;
        let is_own = |client: &Arc<Client>| {
            client.application_uid() == record.source_uid.as_str()
                && client.namespace == record.source.namespace
                && client.name == record.source.name
        };
        if payload.clients().all(is_own) { Ok(payload) } else { Err(RecordError::Source) }
    }

    /// The client and its accounts.
    pub fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.client.iter().chain(&self.accounts)
    }
}
