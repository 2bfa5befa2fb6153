//! Where each thing that a watch delivers belongs, and whom a change of it concerns.

use api::{Kind, ObjectKey, OidcApplication};
use compile::record::Subject;
use compile::{ObjectRef, SecretInput};
use oidc::ids::Uid;

use super::{RecordId, Touched, World};
use crate::observed::{ObservedRecord, ObservedSecret};
use crate::source::{Item, Scope, SecretType, Source, What};

impl World {
    pub(super) fn put_item(&mut self, what: What, key: ObjectKey, item: Item) -> Touched {
        macro_rules! put {
            ($kind:ident, $map:ident, $object:expr) => {{
                let object = ObjectRef::new(Kind::$kind, key.clone());
                let mut touched = Touched::object(Kind::$kind, &key);
                match $object {
                    Ok(object_read) => {
                        self.unreadable.remove(&object);
                        let new = (object_read.metadata.uid.clone(), object_read.metadata.generation);
                        let before = self.inputs.$map.get(&key);
                        let old = before.map(|before| (before.metadata.uid.clone(), before.metadata.generation));
                        // A new status, or a new label, is nothing to compile.
                        touched.inputs =
                            old.as_ref() != Some(&new) || before.is_none_or(|before| before.spec != object_read.spec);
                        // Another object of the same name: what was written for the one before has lost its source.
                        touched.garbage = old.is_some_and(|(uid, _)| uid != new.0);
                        self.inputs.$map.insert(key, *object_read);
                    }
                    Err(unreadable) => {
                        self.inputs.$map.remove(&key);
                        self.unreadable.insert(object, *unreadable);
                    }
                }
                touched
            }};
        }
        match item {
            Item::Provider(object) => {
                let provider = key.clone();
                let mut touched = put!(OidcProvider, providers, object);
                touched.materials.insert(provider);
                touched.servers = true;
                touched
            }
            Item::Application(object) => {
                let new = self.applications_in(&key.namespace).next().is_none();
                let mut touched = put!(OidcApplication, applications, object);
                touched.namespaces = new;
                touched
            }
            Item::Resource(object) => put!(OidcResource, resources, object),
            Item::User(object) => put!(OidcUser, users, object),
            Item::Group(object) => put!(OidcGroup, groups, object),
            Item::Namespace(labels) => {
                let changed = self.inputs.namespaces.get(&key.name) != Some(&labels);
                self.inputs.namespaces.insert(key.name, labels);
                Touched { inputs: changed, ..Touched::default() }
            }
            Item::Record(record) => match what {
                What::Records(kind) => self.put_record(RecordId { kind, key }, *record),
                What::Kind(_) | What::Namespaces | What::ProviderRecords | What::EndpointSlices | What::Secrets(_) => {
                    self.put_provider_record(&key, *record)
                }
            },
            Item::EndpointSlice(slice) => {
                self.slices.insert(key, *slice);
                Touched { servers: true, ..Touched::default() }
            }
            Item::Secret(secret) => match what {
                What::Secrets(type_) => self.put_secret(type_, key, *secret),
                What::Kind(_) | What::Namespaces | What::Records(_) | What::ProviderRecords | What::EndpointSlices => {
                    Touched::default()
                }
            },
        }
    }

    pub(super) fn drop_item(&mut self, what: What, key: &ObjectKey) -> Touched {
        match what {
            What::Kind(kind) => {
                let object = ObjectRef::new(kind, key.clone());
                self.unreadable.remove(&object);
                let mut touched = Touched { inputs: true, garbage: true, ..Touched::default() };
                match kind {
                    Kind::OidcProvider => {
                        self.inputs.providers.remove(key);
                        touched.materials.insert(key.clone());
                        touched.servers = true;
                    }
                    Kind::OidcApplication => {
                        self.inputs.applications.remove(key);
                        touched.namespaces = self.applications_in(&key.namespace).next().is_none();
                    }
                    Kind::OidcResource => drop(self.inputs.resources.remove(key)),
                    Kind::OidcUser => drop(self.inputs.users.remove(key)),
                    Kind::OidcGroup => drop(self.inputs.groups.remove(key)),
                }
                touched
            }
            What::Namespaces => {
                self.inputs.namespaces.remove(&key.name);
                Touched { inputs: true, ..Touched::default() }
            }
            What::Records(kind) => {
                let id = RecordId { kind, key: key.clone() };
                let objects = self.source_of(&id).into_iter().collect();
                self.forget_record(&id);
                // What it had noted counts no more.
                Touched { inputs: true, objects, ..Touched::default() }
            }
            What::ProviderRecords => {
                let provider = crate::names::recorded_provider(key);
                let Some(provider) = provider else { return Touched::default() };
                self.provider_records.remove(&provider);
                Touched { materials: [provider.clone()].into(), ..Touched::object(Kind::OidcProvider, &provider) }
            }
            What::EndpointSlices => {
                self.slices.remove(key);
                Touched { servers: true, ..Touched::default() }
            }
            What::Secrets(type_) => self.drop_secret(type_, key),
        }
    }

    /// The applications of a namespace.
    pub(crate) fn applications_in<'w>(
        &'w self,
        namespace: &'w str,
    ) -> impl Iterator<Item = (&'w ObjectKey, &'w OidcApplication)> {
        let from_here = self.inputs.applications.range(ObjectKey::new(namespace, "")..);
        from_here.take_while(move |(key, _)| key.namespace == namespace)
    }

    fn put_record(&mut self, id: RecordId, record: ObservedRecord) -> Touched {
        let before = self.records.get(&id).map(|before| before.noted.clone());
        let mut objects: std::collections::BTreeSet<_> = self.source_of(&id).into_iter().collect();
        let uid = record.record.source_uid.clone();
        let rotations = record.noted.rotations();
        let logins = record.noted.logins.as_ref();
        let assumed = rotations.is_none_or(|rotations| self.inputs.rotations.get(&uid) == Some(&rotations))
            && logins.is_none_or(|logins| self.logins.get(&uid).is_some_and(|known| known.order() == logins.order()));
        // What the last compilation assumed is no news.
        let expected = before.as_ref() == Some(&record.noted)
            || assumed
                && before
                    .as_ref()
                    .is_some_and(|before| before.without_what_moves() == record.noted.without_what_moves())
            || before.is_none()
                && assumed
                && record
                    .noted
                    .claims
                    .as_ref()
                    .is_none_or(|claims| self.inputs.claims_changed.get(&uid) == Some(&claims.updated_at))
                && !record.noted.has_keys()
                && record.noted.names().all(|name| !self.is_given_up(name));
        self.forget_record(&id);
        self.records_of.entry(uid).or_default().insert(id.clone());
        self.records.insert(id.clone(), record);
        objects.extend(self.source_of(&id));
        let garbage = before.is_none() && !self.has_source(&id);
        Touched { inputs: !expected, objects, garbage, ..Touched::default() }
    }

    /// Whether a name was reserved when it was last compiled: its reservation can go once somebody is recorded to have it.
    fn is_given_up(&self, text: &str) -> bool {
        let mut tables = self.inputs.names.values();
        tables.any(|names| names.get(text).is_some_and(|name| name.until.is_some()))
    }

    /// Whether what a record was made from is seen under the name that the record gives.
    fn has_source(&self, id: &RecordId) -> bool {
        let Some(record) = self.records.get(id).map(|found| &found.record) else { return false };
        let uid = match record.subject {
            Subject::Client => self.inputs.applications.get(&record.source).map(|object| &object.metadata.uid),
            Subject::User => self.inputs.users.get(&record.source).map(|object| &object.metadata.uid),
            Subject::Provider => None,
        };
        uid.is_some_and(|uid| uid.as_deref() == Some(record.source_uid.as_str()))
    }

    fn forget_record(&mut self, id: &RecordId) {
        let Some(before) = self.records.remove(id) else { return };
        if let Some(ids) = self.records_of.get_mut(&before.record.source_uid) {
            ids.remove(id);
            if ids.is_empty() {
                self.records_of.remove(&before.record.source_uid);
            }
        }
    }

    fn put_provider_record(&mut self, key: &ObjectKey, record: ObservedRecord) -> Touched {
        let Some(provider) = crate::names::recorded_provider(key) else { return Touched::default() };
        let before = self.provider_records.insert(provider.clone(), record.clone());
        let inputs = before.as_ref().is_none_or(|before| before.noted != record.noted);
        // Records whose names are reserved now may go.
        let garbage = before.is_some_and(|before| before.noted.names != record.noted.names);
        let materials = [provider.clone()].into();
        Touched { inputs, materials, garbage, ..Touched::object(Kind::OidcProvider, &provider) }
    }

    fn put_secret(&mut self, type_: SecretType, key: ObjectKey, secret: ObservedSecret) -> Touched {
        match type_ {
            SecretType::Credentials => {
                let mut touched = self.drop_credentials(&key);
                if let Some(uid) = secret.application() {
                    // A rotation may go on from here.
                    touched.inputs |= self.rotations.waits(&uid);
                    touched.objects.extend(self.application(&uid));
                    self.credentials_of.entry(uid).or_default().insert(key.clone());
                }
                touched.objects.extend(self.writers(&key));
                self.credentials.insert(key, secret);
                touched
            }
            SecretType::ClientSecretInput => {
                self.inputs.secrets.insert(key, SecretInput::ClientSecretInput(secret.data));
                Touched { inputs: true, ..Touched::default() }
            }
            SecretType::UserPassword => {
                self.password_secrets.insert(key, secret);
                Touched { inputs: true, ..Touched::default() }
            }
            SecretType::Seed | SecretType::ServerKey | SecretType::SigningKeys => {
                let Some(provider) = Self::keeper(&key, type_) else { return Touched::default() };
                self.materials.entry(provider.clone()).or_default().put(type_, secret);
                Touched { inputs: true, materials: [provider].into(), servers: true, ..Touched::default() }
            }
        }
    }

    fn drop_secret(&mut self, type_: SecretType, key: &ObjectKey) -> Touched {
        match type_ {
            SecretType::Credentials => {
                let mut touched = self.drop_credentials(key);
                touched.objects.extend(self.writers(key));
                touched
            }
            SecretType::ClientSecretInput => {
                // One that was created again with another type has been told already.
                if matches!(self.inputs.secrets.get(key), Some(SecretInput::ClientSecretInput(_))) {
                    self.inputs.secrets.remove(key);
                }
                Touched { inputs: true, ..Touched::default() }
            }
            SecretType::UserPassword => {
                if matches!(self.inputs.secrets.get(key), Some(SecretInput::UserPassword(_))) {
                    self.inputs.secrets.remove(key);
                }
                self.password_secrets.remove(key);
                self.introduced.remove(key);
                let Self { passwords, password_secrets, .. } = self;
                passwords.retain(|known| password_secrets.contains_key(known));
                Touched { inputs: true, ..Touched::default() }
            }
            SecretType::Seed | SecretType::ServerKey | SecretType::SigningKeys => {
                let Some(provider) = Self::keeper(key, type_) else { return Touched::default() };
                self.materials.entry(provider.clone()).or_default().remove(type_);
                Touched { inputs: true, materials: [provider].into(), servers: true, ..Touched::default() }
            }
        }
    }

    fn drop_credentials(&mut self, key: &ObjectKey) -> Touched {
        let mut touched = Touched::default();
        let Some(before) = self.credentials.remove(key) else { return touched };
        let Some(uid) = before.application() else { return touched };
        touched.objects.extend(self.application(&uid));
        if let Some(keys) = self.credentials_of.get_mut(&uid) {
            keys.remove(key);
            if keys.is_empty() {
                self.credentials_of.remove(&uid);
            }
        }
        touched
    }

    /// The application with this UID, if it has a record.
    fn application(&self, uid: &Uid) -> Option<ObjectRef> {
        self.records_of.get(uid)?.iter().find_map(|id| self.source_of(id))
    }

    /// The applications of a namespace that may want a Secret of this name, for themselves or for an account.
    fn writers(&self, key: &ObjectKey) -> Vec<ObjectRef> {
        let applications = self.applications_in(&key.namespace);
        let writers = applications.filter(|(application, object)| {
            compile::credentials::names(application, &object.spec).any(|name| name == key.name)
        });
        writers.map(|(application, _)| ObjectRef::new(Kind::OidcApplication, application.clone())).collect()
    }
}

/// What a watch is about, in words.
pub(super) fn title(source: &Source) -> String {
    let what = match source.what {
        What::Kind(kind) => kind.plural().to_owned(),
        What::Namespaces => "namespaces".to_owned(),
        What::Records(kind) => kind.plural().to_owned(),
        What::ProviderRecords => "ConfigMaps of providers".to_owned(),
        What::EndpointSlices => "EndpointSlices of servers".to_owned(),
        What::Secrets(type_) => format!("Secrets of type {}", type_.as_str()),
    };
    match &source.scope {
        Scope::All => what,
        Scope::Namespace(namespace) => format!("{what} in namespace {namespace}"),
    }
}
