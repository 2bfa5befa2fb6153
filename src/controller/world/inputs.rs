//! What the compile step must know besides objects: key material, derivations, hashes, times of change.

use std::collections::{BTreeMap, BTreeSet};

use api::{ObjectKey, OidcApplication, OidcProvider, OidcUser};
use compile::inputs::{Holdings, SecretInput, UserPassword};
use compile::logins::{Logins, SealedLogins};
use compile::names::{Name, Names};
use compile::record::{ClaimsAt, KnownPassword, Record, UserPayload};
use compile::{Compiled, Inputs, Synced};
use crypto::{PasswordHash, ServerKeys};
use oidc::ids::Uid;

use super::{Access, RecordId, World};
use crate::observed::ObservedRecord;

impl World {
    /// Compiles everything but the applications whose namespaces have not been looked into. `now` is in seconds since
    /// 1970.
    pub(crate) fn compile(&mut self, now: i64) -> Compiled {
        self.material_inputs();
        self.issuer_keys_of_records();
        self.rotate(now);
        self.holders(now);
        self.claims(now);
        self.recall_logins();
        self.password_inputs();
        self.logins(now);
        let waiting = self.take_waiting();
        let home = self.inputs.provider_namespace.clone();
        let inputs = std::mem::replace(&mut self.inputs, compile::Inputs::empty(home, compile::Mode::Cluster));
        // Every watch was complete before this was called, and a namespace that was not is left out.
        let synced = Synced::after_first_list(inputs);
        let compiled = compile::compile(&synced);
        self.inputs = synced.into_inner();
        self.inputs.applications.extend(waiting);
        self.judge_rotations(&compiled, now);
        compiled
    }

    fn take_waiting(&mut self) -> BTreeMap<ObjectKey, OidcApplication> {
        let namespaces: BTreeSet<String> = self.inputs.applications.keys().map(|key| key.namespace.clone()).collect();
        let unknown: Vec<_> =
            namespaces.into_iter().filter(|namespace| self.access(namespace) == Access::Unknown).collect();
        if unknown.is_empty() {
            return BTreeMap::new();
        }
        let waiting = |key: &ObjectKey| unknown.contains(&key.namespace);
        let keys: Vec<_> = self.inputs.applications.keys().filter(|key| waiting(key)).cloned().collect();
        keys.into_iter().filter_map(|key| self.inputs.applications.remove_entry(&key)).collect()
    }

    fn material_inputs(&mut self) {
        let whole = self.inputs.providers.keys().filter_map(|key| {
            let (remembered, _) = self.remembered(key);
            Some((key.clone(), self.materials.get(key)?.whole(Some(&remembered))?))
        });
        self.inputs.materials = whole.collect();
    }

    fn issuer_keys_of_records(&mut self) {
        let Self { issuer_keys, records, inputs, .. } = self;
        let uids = inputs.providers.iter().filter_map(|(key, object)| {
            Some((object.metadata.uid.as_deref()?, &inputs.materials.get(key)?.server_keys))
        });
        let server_keys: BTreeMap<&str, _> = uids.collect();
        let with_keys = records.values().filter(|found| found.noted.has_keys()).map(|found| &found.record);
        issuer_keys.read(with_keys.filter_map(|record| Some((record, *server_keys.get(record.provider.as_str())?))));
        inputs.issuer_keys = issuer_keys.rings();
    }

    /// The fingerprints of the generations of a provider's seed that some secret was derived from, and whether any was.
    pub(crate) fn remembered(&self, provider: &ObjectKey) -> (BTreeMap<u32, String>, bool) {
        let uid = self.inputs.providers.get(provider).and_then(|object| object.metadata.uid.as_deref());
        let here = self.records.values().filter(|found| Some(found.record.provider.as_str()) == uid);
        let rotations = here.filter_map(|found| found.noted.rotations());
        let used: BTreeSet<u32> = rotations.flat_map(|one| one.generations().collect::<Vec<_>>()).collect();
        let noted = self.provider_records.get(provider).filter(|found| !self.is_forged(found));
        let noted = noted.map(|record| &record.noted.seeds);
        let remembered = noted.into_iter().flatten().filter(|(generation, _)| used.contains(generation));
        (remembered.map(|(generation, fingerprint)| (*generation, fingerprint.clone())).collect(), !used.is_empty())
    }

    /// The UIDs of all applications, users and providers that exist, readable or not.
    pub(crate) fn live(&self) -> BTreeSet<Uid> {
        let applications = self.inputs.applications.values().filter_map(|object| object.metadata.uid.clone());
        let users = self.inputs.users.values().filter_map(|object| object.metadata.uid.clone());
        let providers = self.inputs.providers.values().filter_map(|object| object.metadata.uid.clone());
        let unreadable = self.unreadable.values().filter_map(|object| object.uid.clone());
        applications.chain(users).chain(providers).map(Uid::new).chain(unreadable).collect()
    }

    /// The provider with this UID.
    pub(crate) fn provider_by_uid(&self, uid: &Uid) -> Option<ObjectKey> {
        let mut providers = self.inputs.providers.iter();
        let found = providers.find(|(_, object)| object.metadata.uid.as_deref() == Some(uid.as_str()));
        found.map(|(key, _)| key.clone())
    }

    /// Who has a name keeps it: the records say so, and of a Secret its label.
    fn holders(&mut self, now: i64) {
        let mut holders: BTreeMap<Uid, Holdings> = BTreeMap::new();
        for found in self.records.values().chain(self.provider_records.values()).filter(|found| !self.is_forged(found))
        {
            found.noted.hold(holders.entry(found.record.source_uid.clone()).or_default());
        }
        for (uid, secrets) in &self.credentials_of {
            // A label can name anybody's UID; a name is held in the namespace of its application alone.
            let Some(namespace) = self.namespace_of(uid) else { continue };
            let names = secrets.iter().filter(|secret| secret.namespace == namespace);
            let names = names.map(|secret| secret.name.clone());
            holders.entry(uid.clone()).or_default().secrets.extend(names);
        }
        self.inputs.names.clear();
        for (provider, object) in &self.inputs.providers {
            let Some(uid) = object.metadata.uid.clone().map(Uid::new) else { continue };
            let (mut recorded, clients) = self.names_of(provider, &uid);
            for (text, name) in &recorded {
                if name.until.is_none() {
                    holders.entry(name.uid.clone()).or_default().identifiers.insert(text.clone());
                }
            }
            recorded.retain(|_, name| name.until.is_none_or(|until| until > now));
            recorded.extend(clients);
            self.inputs.names.insert(provider.clone(), recorded);
        }
        self.inputs.holders = holders;
    }

    /// The names that a provider's own record knows, and those that the records of its clients do.
    pub(crate) fn names_of(&self, provider: &ObjectKey, uid: &Uid) -> (Names, Names) {
        let own = self.provider_records.get(provider).filter(|found| found.record.provider == *uid);
        let own = own.filter(|found| !self.is_forged(found)).map(|found| found.noted.names.clone());
        let clients = self.records.values().filter(|found| found.record.provider == *uid);
        let clients = clients.filter(|found| found.noted.names().next().is_some() && !self.is_forged(found));
        let clients = clients.flat_map(|found| {
            let Record { source, source_uid, .. } = &found.record;
            let name = Name { namespace: source.namespace.clone(), uid: source_uid.clone(), until: None };
            found.noted.names().map(move |text| (text.to_owned(), name.clone()))
        });
        (own.unwrap_or_default(), clients.collect())
    }

    /// The objects that exist, and had no part in the last compilation.
    pub(crate) fn unjudged(&self) -> BTreeSet<Uid> {
        let waiting = self.inputs.applications.iter().filter(|(key, _)| self.access(&key.namespace) == Access::Unknown);
        let waiting = waiting.filter_map(|(_, object)| object.metadata.uid.clone().map(Uid::new));
        waiting.chain(self.unreadable.values().filter_map(|object| object.uid.clone())).collect()
    }

    /// Whether a record says that it was made with a key that is here, and was not.
    pub(super) fn is_forged(&self, found: &ObservedRecord) -> bool {
        let providers = self.inputs.providers.iter();
        let mut keys = providers
            .filter(|(_, object)| object.metadata.uid.as_deref() == Some(found.record.provider.as_str()))
            .filter_map(|(key, _)| self.materials.get(key)?.server_keys());
        keys.any(|keys| found.record.is_forged(keys))
    }

    /// The namespace of the application with this UID, by its record.
    fn namespace_of(&self, uid: &Uid) -> Option<String> {
        let record = self.records_of.get(uid)?.iter().find_map(|id| self.records.get(id))?;
        Some(record.record.source.namespace.clone())
    }

    /// The provider that an application names.
    pub(crate) fn provider_of(&self, object: &OidcApplication) -> ObjectKey {
        compile::provider_key(object.spec.provider_ref.as_ref(), &self.inputs.provider_namespace)
    }

    fn claims(&mut self, now: i64) {
        let mut changed = BTreeMap::new();
        for object in self.inputs.users.values() {
            let Some(uid) = object.metadata.uid.clone().map(Uid::new) else { continue };
            let at = self.claims_of(object, &uid).map_or(now, |claims| claims.updated_at);
            changed.insert(uid, at);
        }
        self.inputs.claims_changed = changed;
    }

    /// When the claims of a user changed last, if they are those that were recorded.
    fn claims_of(&self, object: &OidcUser, uid: &Uid) -> Option<&ClaimsAt> {
        let digest = compile::claims_digest(&object.spec);
        let recorded = self.records_of.get(uid)?.iter().filter_map(|id| self.records.get(id)?.noted.claims.as_ref());
        // The record of a provider that cannot be written may be behind.
        recorded.into_iter().find(|claims| claims.digest == digest)
    }

    /// The last change of a user's claims, as of the last compilation.
    pub(crate) fn claims_at(&self, object: &OidcUser, uid: &Uid) -> Option<ClaimsAt> {
        let updated_at = *self.inputs.claims_changed.get(uid)?;
        Some(ClaimsAt { digest: compile::claims_digest(&object.spec), updated_at })
    }

    /// Another process may lead from now on, or has led: what is remembered may be older than what is recorded, and what
    /// was hashed here another hash than the recorded one.
    pub(crate) fn forget_logins(&mut self) {
        self.logins.clear();
        self.introduced.clear();
    }

    /// Remembers under which of their logins users stand, where a record knows that better.
    fn recall_logins(&mut self) {
        let mut known = std::mem::take(&mut self.logins);
        let uids: BTreeSet<Uid> =
            self.inputs.users.values().filter_map(|user| user.metadata.uid.clone().map(Uid::new)).collect();
        known.retain(|uid, _| uids.contains(uid));
        for uid in uids {
            // The record of a provider that cannot be written may be behind; one that another process wrote may be ahead.
            for id in self.records_of.get(&uid).into_iter().flatten() {
                let order = known.get(&uid).map(Logins::order);
                let is_later = |found: &&ObservedRecord| {
                    let noted = found.noted.logins.as_ref().map(SealedLogins::order);
                    noted.is_some() && noted > order
                };
                let found = self.records.get(id).filter(is_later);
                let opened = found.and_then(|found| {
                    let (keys, payload) = open_user(&self.inputs, id, found)?;
                    payload.logins(keys, &found.record)
                });
                known.extend(opened.map(|logins| (uid.clone(), logins)));
            }
        }
        self.logins = known;
    }

    /// Moves on under which of their logins users stand.
    fn logins(&mut self, now: i64) {
        let (mut logins, mut epochs) = (BTreeMap::new(), BTreeMap::new());
        for (key, object) in &self.inputs.users {
            let Some(uid) = object.metadata.uid.clone().map(Uid::new) else { continue };
            let known = self.logins.get(&uid);
            // Nothing is decided before what stands in the records can be read.
            if known.is_none() && self.is_keyless(&key.namespace) {
                continue;
            }
            let advanced = Logins::advance(known, object.spec.activation, self.hash(key, object), now);
            epochs.insert(uid.clone(), advanced.epoch);
            logins.insert(uid, advanced);
        }
        self.inputs.login_epochs = epochs;
        self.logins = logins;
    }

    /// Whether no provider of a namespace has its keys: then none of its records can be read, and none is written.
    fn is_keyless(&self, namespace: &str) -> bool {
        !self.inputs.materials.keys().any(|provider| provider.namespace == namespace)
    }

    /// The hash of a user's password, disabled or not.
    pub(crate) fn hash(&self, key: &ObjectKey, object: &OidcUser) -> Option<&PasswordHash> {
        let name = object.spec.authentication.password_secret_ref.as_ref()?.name.as_str();
        match self.inputs.secrets.get(&ObjectKey::new(&key.namespace, name))? {
            SecretInput::UserPassword(UserPassword::Hash(hash)) => Some(hash),
            SecretInput::UserPassword(_) | SecretInput::ClientSecretInput(_) | SecretInput::WrongType(_) => None,
        }
    }

    /// The Secret that a user's hash comes from, in the version that was compiled.
    pub(crate) fn password_source(&self, key: &ObjectKey, object: &OidcUser) -> Option<KnownPassword> {
        let name = object.spec.authentication.password_secret_ref.as_ref()?.name.as_str();
        let secret = self.password_secrets.get(&ObjectKey::new(&key.namespace, name))?;
        Some(KnownPassword { uid: secret.uid.clone(), resource_version: secret.version.to_string() })
    }

    fn password_inputs(&mut self) {
        self.remember_hashes();
        let Self { inputs, logins, password_secrets, passwords, .. } = self;
        let before: BTreeMap<ObjectKey, &PasswordHash> = inputs
            .users
            .iter()
            .filter_map(|(key, user)| {
                let name = user.spec.authentication.password_secret_ref.as_ref()?.name.as_str();
                let last = logins.get(user.metadata.uid.as_deref()?)?.password()?;
                Some((ObjectKey::new(&key.namespace, name), last))
            })
            .collect();
        for (key, secret) in &*password_secrets {
            // What it was hashed to before stands in a record that cannot be read yet.
            let keyless = !inputs.materials.keys().any(|provider| provider.namespace == key.namespace);
            let found = if keyless {
                compile::passwords::without_hashing(&secret.data)
            } else {
                passwords.look_up(key, &secret.data, before.get(key).copied())
            };
            inputs.secrets.insert(key.clone(), SecretInput::UserPassword(found));
        }
    }

    /// Takes hashes that an earlier controller made out of the records, once per content of a Secret.
    fn remember_hashes(&mut self) {
        let Self { inputs, records_of, records, password_secrets, introduced, passwords, .. } = self;
        let is_new = |key: &ObjectKey, version| introduced.get(key) != Some(&version);
        if !password_secrets.iter().any(|(key, secret)| is_new(key, secret.version)) {
            return;
        }
        for (key, user) in &inputs.users {
            let Some(name) = user.spec.authentication.password_secret_ref.as_ref() else { continue };
            let secret_key = ObjectKey::new(&key.namespace, name.name.as_str());
            let Some(secret) = password_secrets.get(&secret_key) else { continue };
            if !is_new(&secret_key, secret.version) {
                continue;
            }
            let Some(uid) = user.metadata.uid.clone().map(Uid::new) else { continue };
            let source = KnownPassword { uid: secret.uid.clone(), resource_version: secret.version.to_string() };
            for id in records_of.get(&uid).into_iter().flatten() {
                let Some(record) = records.get(id).filter(|one| one.noted.password_source.as_ref() == Some(&source))
                else {
                    continue;
                };
                let hash = open_user(inputs, id, record)
                    .and_then(|(keys, payload)| payload.password(keys, &record.record).ok()?);
                if let Some(hash) = hash {
                    passwords.remember(&secret_key, &secret.data, hash);
                    break;
                }
            }
        }
        let has_keys = |key: &ObjectKey| inputs.materials.keys().any(|provider| provider.namespace == key.namespace);
        let readable = password_secrets.iter().filter(|(key, _)| has_keys(key));
        introduced.extend(readable.map(|(key, secret)| (key.clone(), secret.version)));
    }
}

/// Reads the record of a person with the keys of its own provider, and no others: whoever could write a record that is
/// believed could choose a password, or say that nothing has ended.
fn open_user<'w>(inputs: &'w Inputs, id: &RecordId, found: &ObservedRecord) -> Option<(&'w ServerKeys, UserPayload)> {
    let Record { provider, source, .. } = &found.record;
    let own = |(key, object): &(&ObjectKey, &OidcProvider)| {
        object.metadata.uid.as_deref() == Some(provider.as_str())
            && [&id.key.namespace, &source.namespace].into_iter().all(|namespace| *namespace == key.namespace)
    };
    let (key, _) = inputs.providers.iter().find(own)?;
    let keys = &inputs.materials.get(key)?.server_keys;
    Some((keys, UserPayload::read(keys, &found.record).ok()?))
}
