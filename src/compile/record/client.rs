//! The payload of an OidcClientRecord.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::{RingKey, Secret, ServerKeys, record_aad};
use oidc::client::Client;
use oidc::ids::Uid;
use oidc::uri::Issuer;
use serde::{Deserialize, Serialize};

use super::{Record, RecordError};
use crate::inputs::Epoch;
use crate::keys::{signing_data, signing_keys};

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
    /// Client secrets that something is signed with, sealed, by client ID.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    shared_secrets: BTreeMap<String, String>,
    /// The key of its sector, sealed, where it sees pairwise subjects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sector_key: Option<String>,
    /// The client ID that it chose and holds, refused or not.
    #[serde(rename = "clientID", default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Where the derivation of its secrets stands: the authority, of which the status is a copy.
    pub secrets: Epoch,
    /// The issuer of its own that it holds, refused or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<SealedIssuer>,
}

/// An issuer of an application's own, as a record carries it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SealedIssuer {
    url: String,
    /// By the names of [`signing_data`], each sealed by itself.
    keys: BTreeMap<String, String>,
}

/// An issuer of an application's own.
#[derive(Clone, Debug)]
pub struct DedicatedIssuer {
    /// Its identifier.
    pub issuer: Issuer,
    /// Its signing keys, which form a ring.
    pub keys: Vec<RingKey>,
}

/// What a record says of an application, but for what is sealed.
#[derive(Clone, Debug)]
pub struct ClientParts {
    /// See [`ClientPayload::client`].
    pub client: Option<Arc<Client>>,
    /// See [`ClientPayload::accounts`].
    pub accounts: Vec<Arc<Client>>,
    /// See [`ClientPayload::client_id`].
    pub client_id: Option<String>,
    /// See [`ClientPayload::secrets`].
    pub secrets: Epoch,
    /// The issuer of its own that it holds, once that has keys.
    pub issuer: Option<DedicatedIssuer>,
}

/// Whose record it is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Seals.
    pub keys: &'a ServerKeys,
    /// UID of the provider.
    pub provider: &'a Uid,
    /// UID of the application.
    pub application: &'a Uid,
}

impl ClientPayload {
    /// Takes clients apart: what is secret in them is sealed for the record of this application at this provider.
    pub fn new(place: Place<'_>, parts: ClientParts) -> Self {
        let Place { keys, provider, application } = place;
        let ClientParts { client, accounts, client_id, secrets, issuer } = parts;
        let seal = |client: &Arc<Client>| {
            let secret = client.shared_secret.as_ref()?;
            let aad = aad(provider, application, &shared_secret(client));
            Some((client.id.to_string(), super::seal(keys, &aad, secret)))
        };
        let shared_secrets = client.iter().chain(&accounts).filter_map(seal).collect();
        let sector_key = client.as_ref().and_then(|client| client.sector_key.as_ref());
        let sector_key = sector_key.map(|key| super::seal(keys, &aad(provider, application, SECTOR_KEY), key));
        let issuer = issuer.map(|DedicatedIssuer { issuer, keys: ring }| {
            let sealed = signing_data(&ring).into_iter().filter_map(|(name, key)| {
                // They are JSON.
                let key = Secret::new(String::from_utf8(key.expose().clone()).ok()?);
                let sealed = super::seal(keys, &aad(provider, application, &signing_key(&name)), &key);
                Some((name, sealed))
            });
            SealedIssuer { url: issuer.as_str().to_owned(), keys: sealed.collect() }
        });
        Self { client, accounts, shared_secrets, sector_key, client_id, secrets, issuer }
    }

    /// Reads a record, and holds the clients against its source. A secret that does not come out of its seal is an error:
    /// without it nobody could log in, and nobody would know why.
    pub fn read(keys: &ServerKeys, record: &Record) -> Result<Self, RecordError> {
        let mut payload: Self = record.open(keys)?;
        let is_own = |client: &Arc<Client>| {
            client.application_uid() == record.source_uid.as_str()
                && client.namespace == record.source.namespace
                && client.name == record.source.name
        };
        if !payload.clients().all(is_own) {
            return Err(RecordError::Source);
        }
        let Self { client, accounts, shared_secrets, sector_key, .. } = &mut payload;
        if let Some((client, sealed)) = client.as_mut().zip(sector_key.as_ref()) {
            let aad = aad(&record.provider, &record.source_uid, SECTOR_KEY);
            Arc::make_mut(client).sector_key = Some(super::unseal(keys, &aad, sealed, "the sector key")?);
        }
        for client in client.iter_mut().chain(accounts) {
            let Some(sealed) = shared_secrets.get(client.id.as_str()) else { continue };
            let aad = aad(&record.provider, &record.source_uid, &shared_secret(client));
            let secret = super::unseal(keys, &aad, sealed, "the client secret")?;
            Arc::make_mut(client).shared_secret = Some(secret);
        }
        Ok(payload)
    }

    /// The issuer of its own, unsealed from the record that this was read from.
    ///
    /// # Errors
    /// It cannot be read. Keys that do not come out of their seals are an error: without them nothing can be signed, and
    /// nobody would know why.
    pub fn issuer(&self, keys: &ServerKeys, record: &Record) -> Result<Option<DedicatedIssuer>, RecordError> {
        let Some(SealedIssuer { url, keys: sealed }) = &self.issuer else { return Ok(None) };
        let issuer = Issuer::parse(url).map_err(|error| super::unreadable("the issuer", &error.to_string()))?;
        let open = |(name, sealed): (&String, &String)| {
            let aad = aad(&record.provider, &record.source_uid, &signing_key(name));
            let key = super::unseal(keys, &aad, sealed, "a signing key")?;
            Ok((name.clone(), Secret::new(key.expose().clone().into_bytes())))
        };
        let data = sealed.iter().map(open).collect::<Result<BTreeMap<_, _>, RecordError>>()?;
        let keys = signing_keys(&data).map_err(|why| super::unreadable("the signing keys", &why))?;
        Ok(Some(DedicatedIssuer { issuer, keys }))
    }

    /// The client and its accounts.
    pub fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.client.iter().chain(&self.accounts)
    }
}

const SECTOR_KEY: &str = "spec.payload.sectorKey";

fn shared_secret(client: &Client) -> String {
    format!("spec.payload.sharedSecrets.{}", client.id)
}

fn signing_key(name: &str) -> String {
    format!("spec.payload.issuer.keys.{name}")
}

/// Binds a sealed value to its field in the record of this application.
fn aad(provider: &Uid, application: &Uid, field: &str) -> Vec<u8> {
    record_aad(provider.as_str(), api::RecordKind::OidcClientRecord.as_str(), application.as_str(), field)
}
