//! What one provider serves, immutable. A request sees exactly one catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::{Jwks, KeyRing, ServerKeys};
use serde::{Deserialize, Serialize};

use crate::account::Accounts;
use crate::client::Client;
use crate::discovery;
use crate::ids::{ClientId, Uid};
use crate::uri::Issuer;

/// Everything that a server of one provider needs to answer requests.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// UID of the `OidcProvider`.
    pub provider_uid: Uid,
    /// Seals, MACs and handles.
    pub server_keys: ServerKeys,
    by_host: BTreeMap<String, Arc<Realm>>,
    /// A hash of the content: equal catalogs have equal digests.
    pub digest: String,
}

/// One issuer with all that belongs to it. A code, token, session, handle or key of one realm is nothing in another.
#[derive(Clone, Debug)]
pub struct Realm {
    /// Its identifier.
    pub issuer: Issuer,
    /// The name on its pages.
    pub display_name: String,
    /// Its colour on its pages, `#rrggbb`.
    pub primary_color: String,
    /// Its signing keys.
    pub keys: KeyRing,
    /// What its provider sets.
    pub settings: RealmSettings,
    /// Its clients.
    pub clients: BTreeMap<ClientId, Arc<Client>>,
    /// The people who may log in.
    pub accounts: Arc<Accounts>,
    /// The discovery document, made once.
    pub discovery: Document,
    /// The JWKS, made once.
    pub jwks: Document,
}

/// What a provider sets for its realms; times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RealmSettings {
    /// Life of an authorization code.
    pub code_seconds: i64,
    /// Life of a session, from login.
    pub session_seconds: i64,
    /// Life of a session without use.
    pub session_idle_seconds: i64,
    /// For how long verifiers may cache the JWKS.
    pub jwks_max_age_seconds: i64,
    /// Whether applications may watch the login in a frame (OpenID Connect Session Management).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub session_management: bool,
}

/// A document that is the same for everybody, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// JSON.
    pub body: Arc<[u8]>,
    /// A strong validator (RFC 9110 §8.8.3), quotes included.
    pub etag: String,
}

/// What the compile step knows of a realm.
#[derive(Debug)]
pub struct RealmParts {
    /// See [`Realm::issuer`].
    pub issuer: Issuer,
    /// See [`Realm::display_name`].
    pub display_name: String,
    /// See [`Realm::primary_color`].
    pub primary_color: String,
    /// See [`Realm::keys`].
    pub keys: KeyRing,
    /// See [`Realm::settings`].
    pub settings: RealmSettings,
    /// See [`Realm::clients`].
    pub clients: Vec<Arc<Client>>,
    /// See [`Realm::accounts`].
    pub accounts: Arc<Accounts>,
}

impl Catalog {
    /// Joins realms; each host belongs to one (two issuers that differ only in their path share a host and are refused
    /// by the compile step: cookies know no paths).
    pub fn new<R: Into<Arc<Realm>>>(
        provider_uid: Uid,
        server_keys: ServerKeys,
        realms: Vec<R>,
        digest: String,
    ) -> Self {
        let realms = realms.into_iter().map(Into::into);
        let by_host = realms.map(|realm: Arc<Realm>| (realm.issuer.host().to_owned(), realm)).collect();
        Self { provider_uid, server_keys, by_host, digest }
    }

    /// The realm that a `Host` header names, exactly.
    pub fn realm(&self, host: &str) -> Option<&Arc<Realm>> {
        self.by_host.get(host)
    }

    /// All realms, by host.
    pub fn realms(&self) -> impl Iterator<Item = &Arc<Realm>> {
        self.by_host.values()
    }
}

impl Realm {
    /// Makes the documents and indexes the clients.
    pub fn new(parts: RealmParts) -> Self {
        let RealmParts { issuer, display_name, primary_color, keys, settings, clients, accounts } = parts;
        let discovery = Document::new(&discovery::document(&issuer, &keys, settings));
        let jwks: Jwks = keys.published();
        let jwks = Document::new(&jwks);
        let clients = clients.into_iter().map(|client| (client.id.clone(), client)).collect();
        Self { issuer, display_name, primary_color, keys, settings, clients, accounts, discovery, jwks }
    }

    /// The client with this ID.
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id).map(Arc::as_ref)
    }
}

impl Document {
    fn new<T: serde::Serialize>(value: &T) -> Self {
        // Serialising maps and strings cannot fail; an empty body would be visible at once in every test.
        let body: Arc<[u8]> = serde_json::to_vec(value).unwrap_or_default().into();
        let hash = crypto::hash::sha256(&body);
        let etag = format!("\"{}\"", crypto::b64::encode(hash.get(..12).unwrap_or_default()));
        Self { body, etag }
    }
}
