//! The payload of an OidcClientRecord.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::{RingKey, Secret, ServerKeys, record_aad};
use oidc::client::Client;
use oidc::ids::Uid;
use oidc::uri::Issuer;
use serde::{Deserialize, Serialize};

use super::{Record, RecordError};
use crate::keys::{signing_data, signing_keys};
use crate::rotation::{Rotation, Rotations, is_zero};

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
    /// The newest client secrets that something is signed with, sealed, by client ID.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    shared_secrets: BTreeMap<String, String>,
    /// The ones before those, while a rotation overlaps.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    previous_secrets: BTreeMap<String, String>,
    /// The key of its sector, sealed, where it sees pairwise subjects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sector_key: Option<String>,
    /// The client ID that it chose and holds, refused or not.
    #[serde(rename = "clientID", default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Where its client secret stands: the authority, of which the status is a copy.
    secrets: Rotation,
    /// The same of each of its accounts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    account_secrets: BTreeMap<String, Rotation>,
    /// The highest epoch of any account that is gone.
    #[serde(default, skip_serializing_if = "is_zero")]
    spent_epoch: u64,
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
    /// Where the client secrets stand.
    pub secrets: Rotations,
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
        let seal = |index: usize, field: fn(&Client) -> String| {
            let clients = client.iter().chain(&accounts);
            let sealed = clients.filter_map(|client| {
                let aad = aad(provider, application, &field(client));
                Some((client.id.to_string(), super::seal(keys, &aad, client.shared_secrets.get(index)?)))
            });
            sealed.collect()
        };
        let (shared_secrets, previous_secrets) = (seal(0, shared_secret), seal(1, previous_secret));
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
        let Rotations { own: secrets, accounts: account_secrets, spent: spent_epoch } = secrets;
        Self {
            client,
            accounts,
            shared_secrets,
            previous_secrets,
            sector_key,
            client_id,
            secrets,
            account_secrets,
            spent_epoch,
            issuer,
        }
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
        let Self { client, accounts, shared_secrets, previous_secrets, sector_key, .. } = &mut payload;
        if let Some((client, sealed)) = client.as_mut().zip(sector_key.as_ref()) {
            let aad = aad(&record.provider, &record.source_uid, SECTOR_KEY);
            Arc::make_mut(client).sector_key = Some(super::unseal(keys, &aad, sealed, "the sector key")?);
        }
        for client in client.iter_mut().chain(accounts) {
            let Some(newest) = shared_secrets.get(client.id.as_str()) else { continue };
            let previous = previous_secrets.get(client.id.as_str());
            let sealed = [(Some(newest), shared_secret(client)), (previous, previous_secret(client))];
            let mut secrets = Vec::new();
            for (sealed, field) in sealed.iter().filter_map(|(sealed, field)| Some((sealed.as_ref()?, field))) {
                let aad = aad(&record.provider, &record.source_uid, field);
                secrets.push(super::unseal(keys, &aad, sealed, "the client secret")?);
            }
            Arc::make_mut(client).shared_secrets = secrets;
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

    /// Where the client secrets stand.
    pub fn rotations(&self) -> Rotations {
        let Self { secrets, account_secrets, spent_epoch, .. } = self;
        Rotations { own: secrets.clone(), accounts: account_secrets.clone(), spent: *spent_epoch }
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

fn previous_secret(client: &Client) -> String {
    format!("spec.payload.previousSecrets.{}", client.id)
}

fn signing_key(name: &str) -> String {
    format!("spec.payload.issuer.keys.{name}")
}

/// Binds a sealed value to its field in the record of this application.
fn aad(provider: &Uid, application: &Uid, field: &str) -> Vec<u8> {
    record_aad(provider.as_str(), api::RecordKind::OidcClientRecord.as_str(), application.as_str(), field)
}
