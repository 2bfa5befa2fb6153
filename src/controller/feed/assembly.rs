//! What a server has been told, put together. It logs, and is pure else.

mod entries;

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{ObjectKey, RecordKind};
use compile::keys::{SERVER_KEY_SUFFIX, SIGNING_KEYS_SUFFIX, server_keys, signing_keys};
use compile::record::{ClientPayload, DedicatedIssuer, FORMAT, ProviderPayload, RealmPayload, UserPayload};
use crypto::{KeyRing, ServerKeys, b64, hash};
use oidc::account::{Account, Accounts};
use oidc::acknowledge::{Loaded, MAX_UNREADABLE};
use oidc::catalog::{Catalog, Realm, RealmParts};
use oidc::client::Client;
use oidc::ids::Uid;
use oidc::uri::Issuer;

use self::entries::Entries;
use super::Part;
use crate::names::{provider_record, with_suffix};
use crate::observed::{ObservedRecord, ObservedSecret};
use crate::source::Item;
use crate::tracker::Delta;

/// See the module.
#[derive(Debug)]
pub(crate) struct Assembly {
    provider: ObjectKey,
    plain_http: bool,
    record: Option<ObservedRecord>,
    server_key: Option<(u128, Option<ServerKeys>)>,
    signing: Option<(u128, Option<KeyRing>)>,
    clients: Entries<Arc<Application>>,
    users: Entries<Arc<Account>>,
    /// The realms of applications' own issuers in the last catalog, by the names of their records: most of a change leaves
    /// most of them as they are.
    dedicated: BTreeMap<String, Dedicated>,
    /// The people of the last catalog, while none of them has changed.
    accounts: Option<Arc<Accounts>>,
    /// What was last read of the provider's record.
    realm: Option<RealmPayload>,
    /// Whether a catalog was made before: then a provider that is gone is one that nobody may be served by any more.
    made: bool,
}

/// What is served of an application.
#[derive(Debug)]
struct Application {
    /// Its client and its accounts.
    clients: Vec<Arc<Client>>,
    /// The issuer of its own where they are served, and nowhere else.
    issuer: Option<(Issuer, KeyRing)>,
}

/// A realm of an application's own issuer, and what it was made from.
#[derive(Debug)]
struct Dedicated {
    application: Arc<Application>,
    settings: RealmPayload,
    realm: Arc<Realm>,
}

/// The digest of a catalog without issuers.
const NOTHING: &str = "none";

impl Assembly {
    /// A server of this provider, that was told nothing yet.
    pub(crate) fn new(provider: ObjectKey, plain_http: bool) -> Self {
        Self {
            provider,
            plain_http,
            record: None,
            server_key: None,
            signing: None,
            clients: Entries::default(),
            users: Entries::default(),
            dedicated: BTreeMap::new(),
            accounts: None,
            realm: None,
            made: false,
        }
    }

    /// Takes in what a watch has told.
    pub(crate) fn take(&mut self, part: Part, delta: Delta<Item>) {
        match (part, delta) {
            (Part::Provider, Delta::Put(_, Item::Record(record))) => {
                let uid = |record: &ObservedRecord| record.record.provider.clone();
                if self.record.as_ref().map(uid) != Some(uid(&record)) {
                    self.look_again();
                }
                self.record = Some(*record);
            }
            (Part::Provider, Delta::Dropped(_)) => self.record = None,
            (Part::ServerKey, Delta::Put(_, Item::Secret(secret))) => {
                let ObservedSecret { version, data, annotations, .. } = *secret;
                let keys = server_keys(&data, &annotations).map_err(|why| self.unusable(Part::ServerKey, &why)).ok();
                self.server_key = Some((version, keys));
                self.look_again();
            }
            (Part::ServerKey, Delta::Dropped(_)) => self.server_key = None,
            (Part::SigningKeys, Delta::Put(_, Item::Secret(secret))) => {
                let ObservedSecret { version, data, .. } = *secret;
                let keys = signing_keys(&data).map_err(|why| self.unusable(Part::SigningKeys, &why)).ok();
                self.signing = Some((version, keys.and_then(|keys| KeyRing::new(keys).ok())));
            }
            (Part::SigningKeys, Delta::Dropped(_)) => self.signing = None,
            (Part::Records(RecordKind::OidcClientRecord), delta) => self.clients.take(delta),
            (Part::Records(RecordKind::OidcUserRecord), delta) => self.users.take(delta),
            (Part::Provider | Part::ServerKey | Part::SigningKeys, Delta::Put(..)) => {}
        }
    }

    /// Whether records were deleted, and that is not settled.
    pub(super) fn lost_records(&self) -> bool {
        self.clients.entries.values().any(|entry| entry.gone) || self.users.entries.values().any(|entry| entry.gone)
    }

    /// Whether so much is gone at once that something else may be behind it: everything of a kind, or a large part.
    pub(super) fn lost_much(&self) -> bool {
        self.clients.lost_much() || self.users.lost_much()
    }

    /// What was deleted is deleted.
    pub(super) fn settle(&mut self) {
        self.clients.settle();
        if self.users.settle() {
            self.accounts = None;
        }
    }

    /// The catalog, and what is loaded with it. None while there is no server key, or nothing was ever served and there
    /// is no provider: then nothing can be said, to nobody.
    pub(crate) fn assemble(&mut self) -> Option<(Catalog, Loaded)> {
        let (_, Some(keys)) = self.server_key.clone()? else { return None };
        let payload = self.record.as_ref().map(|observed| observed.record.open::<ProviderPayload>(&keys));
        match payload {
            Some(Ok(ProviderPayload { realm, seeds: _, names: _ })) => self.realm = realm,
            Some(Err(error)) => {
                tracing::error!("the record of OidcProvider {} is not loaded: {error}", self.provider);
                if !error.may_be_ahead() {
                    self.realm = None;
                }
            }
            None if !self.made => return None,
            None => self.realm = None,
        }
        self.made = true;
        let uid = self.record.as_ref().map_or_else(|| Uid::new(""), |record| record.record.provider.clone());
        let realm = self.realm.clone();
        let realms = realm.and_then(|realm| self.realms(&keys, &uid, realm)).unwrap_or_default();
        let digest = self.digest(&uid, realms.is_empty());
        let loaded = self.loaded(uid.clone(), digest.clone());
        Some((Catalog::new(uid, keys, realms, digest), loaded))
    }

    /// The provider's own realm, and that of each application which has an issuer of its own.
    fn realms(&mut self, keys: &ServerKeys, provider: &Uid, realm: RealmPayload) -> Option<Vec<Arc<Realm>>> {
        let (_, Some(ring)) = self.signing.clone()? else { return None };
        let payload = realm.clone();
        let RealmPayload { issuer, display_name, primary_color, settings } = realm;
        let issuer = Issuer::parse(&issuer).ok()?;
        if issuer.is_loopback_http() && !self.plain_http {
            let issuer = issuer.as_str();
            tracing::error!(
                "issuer {issuer} is not served: plain http needs --listen on a loopback address; write https"
            );
            return None;
        }
        self.clients.read(provider, |record| {
            let payload = ClientPayload::read(keys, record)?;
            let clients: Vec<_> = payload.clients().cloned().collect();
            if clients.is_empty() {
                return Ok(None);
            }
            let issuer = payload.issuer(keys, record)?.and_then(|DedicatedIssuer { issuer, keys }| {
                // They were judged as a ring when they were read.
                Some((issuer, KeyRing::new(keys).ok()?))
            });
            Ok(Some(Arc::new(Application { clients, issuer })))
        });
        let changed = self.users.read(provider, |record| {
            let account = UserPayload::read(keys, record)?.account(keys, record)?;
            Ok(account.map(Arc::new))
        });
        if changed {
            self.accounts = None;
        }
        let users = &self.users;
        let accounts = self.accounts.get_or_insert_with(|| {
            Arc::new(Accounts::new(users.values(provider).map(|(_, _, account)| Arc::clone(account))))
        });
        let make = |issuer, keys, clients| {
            Realm::new(RealmParts {
                issuer,
                display_name: display_name.clone(),
                primary_color: primary_color.clone(),
                keys,
                settings,
                clients,
                accounts: Arc::clone(accounts),
            })
        };
        let (mut shared, mut realms) = (Vec::new(), Vec::new());
        let mut before = std::mem::take(&mut self.dedicated);
        for (name, _, application) in self.clients.values(provider) {
            let Application { clients, issuer: own } = &**application;
            match own {
                None => shared.extend(clients.iter().cloned()),
                // The rule of the provider's own; and a host that is two issuers' would be either's, by chance.
                Some((own, _)) if own.is_loopback_http() && !self.plain_http || own.host() == issuer.host() => {
                    tracing::error!("issuer {} is not served", own.as_str());
                }
                Some((own, ring)) => {
                    let known = before.remove(name).map(|known| (known.application, known.settings, known.realm));
                    let realm = match known {
                        Some((made_from, settings, realm))
                            if Arc::ptr_eq(&made_from, application)
                                && settings == payload
                                && Arc::ptr_eq(&realm.accounts, accounts) =>
                        {
                            realm
                        }
                        Some(_) | None => Arc::new(make(own.clone(), ring.clone(), clients.clone())),
                    };
                    realms.push(Arc::clone(&realm));
                    let kept = Dedicated { application: Arc::clone(application), settings: payload.clone(), realm };
                    self.dedicated.insert(name.clone(), kept);
                }
            }
        }
        realms.push(Arc::new(make(issuer, ring, shared)));
        Some(realms)
    }

    /// Replicas with equal digests answer alike: everything that is served is named by what its MAC covers.
    fn digest(&self, provider: &Uid, nothing: bool) -> String {
        if nothing {
            return NOTHING.to_owned();
        }
        let mut text = String::from("portcullis records 1\n");
        let mut line = |parts: &[&str]| {
            text.push_str(&parts.join(" "));
            text.push('\n');
        };
        if let Some((_, Some(keys))) = &self.server_key {
            line(&["server key", keys.current_id()]);
            keys.ids().for_each(|id| line(&[id]));
        }
        if let Some((_, Some(ring))) = &self.signing {
            for key in ring.keys() {
                line(&["key", key.key.kid().as_str(), &format!("{:?} {}", key.state, key.since)]);
            }
        }
        if let Some(record) = &self.record {
            line(&["provider", &record.record.mac]);
        }
        for (name, entry, _) in self.clients.values(provider) {
            line(&["client", name, &entry.record.mac]);
        }
        for (name, entry, _) in self.users.values(provider) {
            line(&["user", name, &entry.record.mac]);
        }
        b64::encode(&hash::sha256(text.as_bytes()))
    }

    fn loaded(&self, provider: Uid, digest: String) -> Loaded {
        let mut loaded = BTreeMap::new();
        let mut put = |name: String, version: u128| drop(loaded.insert(name, version.to_string()));
        // Records that are looked into by nobody, since nobody is served, are not loaded.
        let served = digest != NOTHING;
        if served && self.clients.version > 0 {
            put(RecordKind::OidcClientRecord.plural().to_owned(), self.clients.version);
        }
        if served && self.users.version > 0 {
            put(RecordKind::OidcUserRecord.plural().to_owned(), self.users.version);
        }
        if let Some(record) = &self.record {
            put(format!("configmaps/{}", provider_record(&self.provider).name), record.version);
        }
        if let Some((version, Some(_))) = &self.server_key {
            put(format!("secrets/{}", with_suffix(&self.provider, SERVER_KEY_SUFFIX).name), *version);
        }
        if let Some((version, Some(_))) = &self.signing {
            put(format!("secrets/{}", with_suffix(&self.provider, SIGNING_KEYS_SUFFIX).name), *version);
        }
        let unreadable = || self.clients.unreadable().chain(self.users.unreadable());
        let count = unreadable().count();
        Loaded {
            provider,
            record_formats: vec![FORMAT],
            loaded,
            unreadable: unreadable()
                .take(MAX_UNREADABLE)
                .map(|(name, error)| (name.clone(), error.to_string()))
                .collect(),
            more_unreadable: count.saturating_sub(MAX_UNREADABLE),
            digest,
        }
    }

    fn look_again(&mut self) {
        self.clients.look_again();
        self.users.look_again();
        self.accounts = None;
    }

    fn unusable(&self, part: Part, why: &str) {
        tracing::error!("{} cannot be used: {why}", part.title(&self.provider));
    }
}

#[cfg(test)]
mod tests;
