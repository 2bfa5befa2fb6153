//! An API server in memory, and servers that load what is written there, or are paused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use api::{Kind, ObjectKey, OidcApplication, OidcProvider, OidcResource, OidcUser, Reason, RecordKind};
use compile::credentials::APPLICATION_UID_LABEL;
use compile::inputs::CLIENT_CREDENTIALS_TYPE;
use compile::keys::{fresh_seed, fresh_server_key, signing_data};
use compile::passwords::Passwords;
use compile::record::{ClientPayload, Record, Subject, UserPayload};
use compile::{Diagnostic, ObjectRef};
use crypto::{Algorithm, KeyState, PasswordPool, RingKey, Secret, ServerKeys, SigningKey};
use k8s_openapi::jiff::Timestamp;
use kube::api::Patch;
use oidc::acknowledge::{Acknowledgement, Loaded};
use oidc::client::ClientAuthentication;
use oidc::ids::Uid;
use serde_json::{Value, json};

use super::super::{Memory, Next, SecretBody, Trouble, View, Write, annotations};
use crate::desired::Desired;
use crate::feed::Part;
use crate::feed::assembly::Assembly;
use crate::garbage::Garbage;
use crate::names::{provider_record, with_suffix};
use crate::observed::{ObservedRecord, ObservedSecret};
use crate::servers::Replicas;
use crate::servers::endpoints::Endpoint;
use crate::settings::{SecretsPower, Servers, Settings};
use crate::source::{Item, News, Scope, SecretType, Source, What};
use crate::tracker::{Delta, Event, Object};
use crate::watch::Told;
use crate::world::World;

const HOME: &str = "identity";
const TENANT: &str = "team-a";
const PROVIDER: &str = "3ce8b807-9a12-4ca7-a2b8-855587c25b94";

/// What was written, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    ProviderRecord,
    Record(String),
    DeleteRecord(String),
    CreateSecret(String),
    ApplySecret(String),
    Trim(String),
    DeleteSecret(String),
    /// And whether it says Ready.
    Status(Kind, String, bool),
}

pub(super) struct Simulation {
    world: World,
    desired: Desired,
    replicas: Replicas,
    endpoints: Vec<Endpoint>,
    paused: BTreeSet<usize>,
    /// Secrets that the API server does not take.
    refused: BTreeSet<&'static str>,
    /// What each server has loaded: the records, by the UID of their source.
    loaded: Vec<BTreeMap<String, Record>>,
    memories: BTreeMap<ObjectRef, Memory>,
    /// The provider's key material.
    keys: BTreeMap<SecretType, ObservedSecret>,
    version: u128,
    now: Instant,
    wall: i64,
}

/// A key is dear to make.
static SIGNING: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::RS256).unwrap());

impl Simulation {
    /// A provider with its keys, and nothing else.
    pub(super) fn new() -> Self {
        let settings = Arc::new(Settings {
            provider_namespaces: vec![HOME.to_owned()],
            watch_namespaces: vec![TENANT.to_owned()],
            secrets: SecretsPower::PerNamespace,
            servers: Servers::Endpoints(Vec::new()),
            resync: Duration::from_mins(10),
            clock: || Timestamp::UNIX_EPOCH,
        });
        let mut simulation = Self {
            world: World::new(settings, Passwords::new(PasswordPool::new(1, 4).unwrap())),
            desired: Desired::default(),
            replicas: Replicas::default(),
            endpoints: Vec::new(),
            paused: BTreeSet::new(),
            refused: BTreeSet::new(),
            loaded: Vec::new(),
            memories: BTreeMap::new(),
            keys: BTreeMap::new(),
            version: 100,
            now: Instant::now(),
            wall: 1_000_000,
        };
        for source in simulation.world.wanted() {
            simulation.complete(source);
        }
        let labels = [("team".to_owned(), "a".to_owned())].into();
        simulation.seen(What::Namespaces, ObjectKey::new("", TENANT), Item::Namespace(labels));
        let key = ObjectKey::new(HOME, "default");
        simulation.provider(json!([{
            "name": "a", "namespaces": {"type": "Selector", "selector": {"matchLabels": {"team": "a"}}},
            "allowedRedirectHosts": ["*.example.com"], "customClientIDPrefixes": ["legacy-"],
        }]));
        let ring = [RingKey { key: SIGNING.clone(), state: KeyState::Active, since: 0, trigger: String::new() }];
        let (server_key, current) = fresh_server_key();
        for (type_, suffix, data, notes) in [
            (SecretType::Seed, "seed", fresh_seed(), BTreeMap::new()),
            (SecretType::ServerKey, "server-key", server_key, current),
            (SecretType::SigningKeys, "signing-keys", signing_data(&ring), BTreeMap::new()),
        ] {
            let secret = simulation.a_secret(type_.as_str(), BTreeMap::new(), notes, data);
            simulation.keys.insert(type_, secret.clone());
            simulation.seen(What::Secrets(type_), with_suffix(&key, suffix), Item::Secret(Box::new(secret)));
        }
        simulation.recompile();
        simulation
    }

    /// Somebody applies the provider with these policies.
    pub(super) fn provider(&mut self, policies: Value) {
        let key = ObjectKey::new(HOME, "default");
        let before = self.world.inputs.providers.get(&key);
        let generation = before.and_then(|before| before.metadata.generation).unwrap_or(0) + 1;
        let status = before.and_then(|before| before.status.clone());
        let mut provider: OidcProvider = serde_json::from_value(json!({
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "OidcProvider",
            "metadata": {"name": "default", "namespace": HOME, "uid": PROVIDER, "generation": generation},
            "spec": {
                "issuer": "https://id.example.com/oidc", "signing": {"algorithms": ["RS256"]},
                "applicationPolicies": policies,
                "resourcePolicies": [
                    {"name": "apis", "namespaces": {"type": "All"}, "allowedAudienceHosts": ["*.api.example.com"]},
                ],
            },
        }))
        .unwrap();
        provider.status = status;
        self.seen(What::Kind(Kind::OidcProvider), key, Item::Provider(Ok(Box::new(provider))));
        self.recompile();
    }

    /// The clients that a server serves which starts now.
    pub(super) fn served(&self) -> BTreeSet<String> {
        let provider = ObjectKey::new(HOME, "default");
        let mut server = Assembly::new(provider.clone(), false);
        let mut told = |part, key: &ObjectKey, item| server.take(part, Delta::Put(key.clone(), item));
        for (part, type_) in [(Part::ServerKey, SecretType::ServerKey), (Part::SigningKeys, SecretType::SigningKeys)] {
            told(part, &provider, Item::Secret(Box::new(self.keys[&type_].clone())));
        }
        let record = self.world.provider_records[&provider].clone();
        told(Part::Provider, &provider, Item::Record(Box::new(record)));
        for (id, record) in &self.world.records {
            told(Part::Records(id.kind), &id.key, Item::Record(Box::new(record.clone())));
        }
        let (catalog, _) = server.assemble().unwrap();
        let clients = catalog.realms().flat_map(|realm| realm.clients.values());
        clients.map(|client| client.name.clone()).collect()
    }

    fn a_secret(
        &self,
        type_: &str,
        labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
        data: BTreeMap<String, Secret<Vec<u8>>>,
    ) -> ObservedSecret {
        ObservedSecret {
            uid: format!("secret-{}", self.version),
            version: self.version,
            type_: type_.to_owned(),
            labels,
            annotations,
            own_keys: data.keys().cloned().collect(),
            data,
            owners: Vec::new(),
            own_labels: [].into(),
            own_annotations: [].into(),
            appliers: BTreeMap::new(),
        }
    }

    fn complete(&mut self, source: Source) {
        for event in [Event::Begin, Event::Complete] {
            let _ = self.world.take(News { source: source.clone(), told: Told::Event(event) });
        }
    }

    fn seen(&mut self, what: What, key: ObjectKey, item: Item) {
        self.version += 1;
        let object = Object { key, version: self.version, value: item };
        let _ = self.world.wrote(what, object);
        for source in self.world.wanted() {
            if source.scope == Scope::Namespace(TENANT.to_owned()) && matches!(source.what, What::Secrets(_)) {
                self.complete_once(source);
            }
        }
    }

    /// The namespace of applications is looked into as soon as it has one.
    fn complete_once(&mut self, source: Source) {
        if self.world.access(TENANT) != crate::world::Access::Granted {
            self.complete(source);
        }
    }

    pub(super) fn servers(&mut self, count: usize) {
        self.endpoints = (0..count).map(|number| Endpoint::named(&format!("http://server-{number}"))).collect();
        self.loaded = vec![BTreeMap::new(); count];
        self.replicas.set(self.endpoints.clone(), self.now);
        self.load();
    }

    pub(super) fn pause(&mut self, server: usize) {
        self.paused.insert(server);
    }

    pub(super) fn go_on(&mut self, server: usize) {
        self.paused.remove(&server);
        self.load();
    }

    /// Every server that is not paused loads what is there, and says so.
    fn load(&mut self) {
        let records: BTreeMap<String, Record> = self
            .world
            .records
            .values()
            .map(|found| (found.record.source_uid.to_string(), found.record.clone()))
            .collect();
        for number in (0..self.endpoints.len()).filter(|number| !self.paused.contains(number)) {
            self.loaded[number].clone_from(&records);
            let newest = self.version.to_string();
            let names = [
                "oidcclientrecords",
                "oidcuserrecords",
                "configmaps/default-record",
                "secrets/default-server-key",
                "secrets/default-signing-keys",
            ];
            let loaded = Loaded {
                provider: Uid::new(PROVIDER),
                record_formats: vec![1],
                loaded: names.map(|name| (name.to_owned(), newest.clone())).into(),
                unreadable: BTreeMap::new(),
                more_unreadable: 0,
                digest: String::new(),
            };
            let word = Acknowledgement { instance: String::new(), loaded };
            self.replicas.answered(&self.endpoints[number], Ok((ObjectKey::new(HOME, "default"), word)), self.now);
        }
    }

    /// Somebody applies an application: what is given, on a good one.
    pub(super) fn application(&mut self, name: &str, changes: Value) {
        let key = ObjectKey::new(TENANT, name);
        let before = self.world.inputs.applications.get(&key).cloned();
        let mut spec = json!({
            "providerRef": {"name": "default", "namespace": HOME}, "redirectURIs": ["https://app.example.com/callback"],
        });
        for (field, value) in changes.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        let generation = before.as_ref().and_then(|before| before.metadata.generation).unwrap_or(0) + 1;
        let mut object: OidcApplication = serde_json::from_value(json!({
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "OidcApplication", "spec": spec,
            "metadata": {"name": name, "namespace": TENANT, "uid": uid(name), "generation": generation,
                "creationTimestamp": "2026-01-01T00:00:00Z"},
        }))
        .unwrap();
        object.status = before.as_ref().and_then(|before| before.status.clone());
        if before.is_some_and(|before| before.spec == object.spec) {
            return;
        }
        self.seen(What::Kind(Kind::OidcApplication), key, Item::Application(Ok(Box::new(object))));
        self.recompile();
    }

    /// Somebody applies an API that these applications may call.
    pub(super) fn resource(&mut self, name: &str, callers: &[&str]) {
        let key = ObjectKey::new(TENANT, name);
        let before = self.world.inputs.resources.get(&key);
        let generation = before.and_then(|before| before.metadata.generation).unwrap_or(0) + 1;
        let status = before.and_then(|before| before.status.clone());
        let allowed = callers.iter().map(|caller| json!({"name": caller, "scopes": ["read"]})).collect::<Value>();
        let mut object: OidcResource = serde_json::from_value(json!({
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "OidcResource",
            "metadata": {"name": name, "namespace": TENANT, "uid": uid(name), "generation": generation},
            "spec": {
                "audience": format!("https://{name}.api.example.com"), "scopes": [{"name": "read"}],
                "allowedClients": allowed,
            },
        }))
        .unwrap();
        object.status = status;
        self.seen(What::Kind(Kind::OidcResource), key, Item::Resource(Ok(Box::new(object))));
        self.recompile();
    }

    pub(super) fn recompile(&mut self) {
        let compiled = self.world.compile(self.wall);
        let before = std::mem::replace(&mut self.desired, Desired::new(&self.world, compiled, self.wall));
        self.desired.remember_callers(&before, &self.world);
    }

    /// Somebody applies alice, who may log in or not.
    pub(super) fn person(&mut self, activation: &str) {
        let user: OidcUser = serde_json::from_value(json!({
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "OidcUser",
            "metadata": {"name": "alice", "namespace": HOME, "uid": "alice-uid", "generation": 1},
            "spec": {"activation": activation},
        }))
        .unwrap();
        self.seen(What::Kind(Kind::OidcUser), ObjectKey::new(HOME, "alice"), Item::User(Ok(Box::new(user))));
        self.recompile();
    }

    /// Under which of her logins alice stands.
    pub(super) fn epoch(&self) -> i64 {
        self.world.inputs.login_epochs["alice-uid"].number()
    }

    /// A record of alice's appears, written by another controller, or by somebody who has no key.
    pub(super) fn recorded(&mut self, epoch: i64, disabled: bool, authentic: bool) {
        let keys = if authentic {
            self.world.inputs.materials[&ObjectKey::new(HOME, "default")].server_keys.clone()
        } else {
            let current =
                self.world.inputs.materials[&ObjectKey::new(HOME, "default")].server_keys.current_id().to_owned();
            ServerKeys::new([(current.clone(), Secret::new([9; 32]))].into(), current).unwrap()
        };
        let (provider, alice) = (Uid::new(PROVIDER), Uid::new("alice-uid"));
        let logins = serde_json::from_value(json!({"epoch": epoch, "disabled": disabled})).unwrap();
        let payload = UserPayload::new(&keys, &provider, &alice, None, None, None, Some(logins));
        let source = ObjectKey::new(HOME, "alice");
        let record = Record::new(&keys, Subject::User, &provider, (&source, &alice), &payload);
        let observed = ObservedRecord::new(Some("record-alice".to_owned()), self.version + 1, record);
        let id = ObjectKey::new(HOME, format!("{alice}.{provider}"));
        self.seen(What::Records(RecordKind::OidcUserRecord), id, Item::Record(Box::new(observed)));
        self.recompile();
    }

    /// Another controller takes over: it remembers nothing.
    pub(super) fn restart(&mut self) {
        self.world.forget_logins();
        self.memories.clear();
        self.replicas = Replicas::default();
        self.replicas.set(self.endpoints.clone(), self.now);
        self.load();
        self.recompile();
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.wall += i64::try_from(seconds).unwrap();
    }

    fn gone(&mut self, what: What, key: &ObjectKey) -> BTreeSet<ObjectRef> {
        self.version += 1;
        let source = Source { what, scope: Scope::Namespace(key.namespace.clone()) };
        let told = Told::Event(Event::Gone(key.clone(), self.version));
        let touched = self.world.take(News { source, told });
        if touched.inputs {
            self.recompile();
        }
        touched.objects
    }

    pub(super) fn delete_application(&mut self, name: &str) {
        self.gone(What::Kind(Kind::OidcApplication), &ObjectKey::new(TENANT, name));
    }

    /// Deletes the records that may go, as if each had been confirmed. Returns how many.
    pub(super) fn collect(&mut self) -> usize {
        let names = Garbage::of(&self.world, &self.desired).names();
        for key in &names {
            self.gone(What::Records(RecordKind::OidcClientRecord), key);
        }
        names.len()
    }

    /// Until when a name is reserved, according to the provider's record, in seconds from now.
    pub(super) fn reserved(&self, text: &str) -> Option<i64> {
        let record = &self.world.provider_records[&ObjectKey::new(HOME, "default")];
        Some(record.noted.names.get(text)?.until? - self.wall)
    }

    pub(super) fn lose_seed(&mut self) {
        self.gone(What::Secrets(SecretType::Seed), &ObjectKey::new(HOME, "default-seed"));
    }

    /// Returns whom it concerns.
    pub(super) fn lose_secret(&mut self, name: &str) -> Vec<String> {
        let concerned = self.gone(What::Secrets(SecretType::Credentials), &ObjectKey::new(TENANT, name));
        concerned.into_iter().map(|object| object.key.name).collect()
    }

    /// Somebody has a Secret of our type under this name.
    pub(super) fn a_secret_of_somebody_else(&mut self, name: &str) {
        let labels = [(APPLICATION_UID_LABEL.to_owned(), uid("somebody else"))].into();
        let secret = self.a_secret(CLIENT_CREDENTIALS_TYPE, labels, BTreeMap::new(), BTreeMap::new());
        let key = ObjectKey::new(TENANT, name);
        self.seen(What::Secrets(SecretType::Credentials), key, Item::Secret(Box::new(secret)));
    }

    /// The API server has refused to write a Secret, as it is refused again and again.
    pub(super) fn refuse(&mut self, name: &'static str) {
        self.refused.insert(name);
    }

    pub(super) fn take_again(&mut self) {
        self.refused.clear();
    }

    pub(super) fn lose_record(&mut self, name: &str) {
        self.gone(What::Records(RecordKind::OidcClientRecord), &ObjectKey::new(HOME, uid(name)));
    }

    /// Does the next thing for every object, once. Returns what was written.
    pub(super) fn step(&mut self) -> Vec<Written> {
        let mut objects: Vec<ObjectRef> =
            self.desired.compiled.iter().flat_map(|one| one.verdicts.keys().cloned()).collect();
        objects.sort_by_key(|object| object.kind != Kind::OidcProvider);
        let mut written = Vec::new();
        for object in objects {
            let mut memory = self.memories.remove(&object).unwrap_or_default();
            let view = View {
                world: &self.world,
                desired: &self.desired,
                replicas: &self.replicas,
                account: None,
                now: self.now,
                wall: Timestamp::from_second(self.wall).unwrap(),
            };
            let next = view.next(&object, &mut memory);
            if let Next::Write(write) = &next
                && let Some(key) = write.secret().filter(|key| self.refused.contains(key.name.as_str()))
            {
                let against = Diagnostic::new(Reason::SecretConflict, "path of its own", "the API server says no");
                let until = self.now + Duration::from_secs(3);
                memory.troubles.insert(key.clone(), Trouble { against, until });
                self.memories.insert(object, memory);
                continue;
            }
            self.memories.insert(object, memory);
            if let Next::Write(write) = next {
                written.push(self.write(*write));
                self.load();
            }
        }
        written
    }

    /// Goes on until nothing is left to do, not even after a while.
    pub(super) fn settle(&mut self) -> Vec<Written> {
        let mut written = Vec::new();
        let mut idle = 0;
        for _ in 0..100 {
            let step = self.step();
            idle = if step.is_empty() { idle + 1 } else { 0 };
            written.extend(step);
            if idle > 3 {
                // In the order of the objects, as a person would tell it.
                written.sort_by_key(|one| {
                    !matches!(one, Written::ProviderRecord | Written::Status(Kind::OidcProvider, ..))
                });
                return written;
            }
            self.wait(1);
        }
        panic!("it never comes to rest: {written:?}");
    }

    fn write(&mut self, write: Write) -> Written {
        match write {
            Write::PutRecord(id, record, known) => {
                assert_eq!(known.is_some(), self.world.records.contains_key(&id));
                let name = record.source.name.clone();
                let observed = ObservedRecord::new(Some(format!("record-{name}")), self.version + 1, record);
                self.seen(What::Records(id.kind), id.key, Item::Record(Box::new(observed)));
                Written::Record(name)
            }
            Write::DeleteRecord(id, _) => {
                self.gone(What::Records(id.kind), &id.key);
                Written::DeleteRecord(id.key.name)
            }
            Write::PutProviderRecord(provider, record) => {
                let observed = ObservedRecord::new(None, self.version + 1, record);
                self.seen(What::ProviderRecords, provider_record(&provider), Item::Record(Box::new(observed)));
                Written::ProviderRecord
            }
            Write::CreateSecret(key, body) => {
                assert!(!self.world.credentials.contains_key(&key), "{key} exists");
                self.put_secret(&key, &body);
                self.check_that_what_is_published_is_accepted(&key);
                Written::CreateSecret(key.name)
            }
            Write::ApplySecret(key, body, _) => {
                self.put_secret(&key, &body);
                self.check_that_what_is_published_is_accepted(&key);
                Written::ApplySecret(key.name)
            }
            Write::Trim(key, _) => Written::Trim(key.name),
            Write::DeleteSecret(key, ..) => {
                self.gone(What::Secrets(SecretType::Credentials), &key);
                Written::DeleteSecret(key.name)
            }
            Write::PutStatus(object, _, patch, _) => self.put_status(&object, &patch),
        }
    }

    fn put_secret(&mut self, key: &ObjectKey, body: &SecretBody) {
        let SecretBody { secret, owner } = body;
        let data =
            secret.data.iter().map(|(name, value)| (name.clone(), Secret::new(value.expose().as_bytes().to_vec())));
        let mut observed =
            self.a_secret(CLIENT_CREDENTIALS_TYPE, secret.labels.clone(), annotations(secret), data.collect());
        observed.owners.extend(owner.clone());
        observed.version = self.version + 1;
        self.seen(What::Secrets(SecretType::Credentials), key.clone(), Item::Secret(Box::new(observed)));
    }

    fn put_status(&mut self, object: &ObjectRef, patch: &Patch<Value>) -> Written {
        let Patch::Apply(patch) = patch else { panic!("a status is applied") };
        let status = &patch["status"];
        let conditions = status["conditions"].as_array().unwrap();
        let ready = conditions.iter().find(|one| one["type"] == "Ready").expect("every status carries Ready");
        let written = Written::Status(object.kind, object.key.name.clone(), ready["status"] == "True");
        match object.kind {
            Kind::OidcApplication => {
                let mut found = self.world.inputs.applications[&object.key].clone();
                found.status = Some(serde_json::from_value(status.clone()).unwrap());
                let item = Item::Application(Ok(Box::new(found)));
                self.seen(What::Kind(object.kind), object.key.clone(), item);
            }
            Kind::OidcProvider => {
                let mut found = self.world.inputs.providers[&object.key].clone();
                found.status = Some(serde_json::from_value(status.clone()).unwrap());
                self.seen(What::Kind(object.kind), object.key.clone(), Item::Provider(Ok(Box::new(found))));
            }
            Kind::OidcResource => {
                let mut found = self.world.inputs.resources[&object.key].clone();
                found.status = Some(serde_json::from_value(status.clone()).unwrap());
                self.seen(What::Kind(object.kind), object.key.clone(), Item::Resource(Ok(Box::new(found))));
            }
            Kind::OidcUser | Kind::OidcGroup => {}
        }
        written
    }

    fn condition(&self, name: &str, type_: &str) -> Value {
        let object = &self.world.inputs.applications[&ObjectKey::new(TENANT, name)];
        let status = serde_json::to_value(object.status.as_ref().unwrap()).unwrap();
        status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == type_).unwrap().clone()
    }

    /// Status and reason of an application's Ready.
    pub(super) fn ready(&self, name: &str) -> (String, String) {
        let ready = self.condition(name, "Ready");
        (ready["status"].as_str().unwrap().to_owned(), ready["reason"].as_str().unwrap().to_owned())
    }

    pub(super) fn transition(&self, name: &str, type_: &str) -> String {
        self.condition(name, type_)["lastTransitionTime"].as_str().unwrap().to_owned()
    }

    /// What is wrong with an application's credentials.
    pub(super) fn credentials_ready(&self, name: &str) -> (String, String) {
        let found = self.condition(name, "CredentialsReady");
        (found["reason"].as_str().unwrap().to_owned(), found["message"].as_str().unwrap().to_owned())
    }

    /// The payload of an application's record.
    pub(super) fn payload(&self, name: &str) -> String {
        let id = crate::world::RecordId { kind: RecordKind::OidcClientRecord, key: ObjectKey::new(HOME, uid(name)) };
        self.world.records[&id].record.payload.clone()
    }

    /// The client secret that is published.
    pub(super) fn secret(&self, name: &str) -> String {
        let secret = &self.world.credentials[&ObjectKey::new(TENANT, name)];
        String::from_utf8(secret.data["OIDC_CLIENT_SECRET"].expose().clone()).unwrap()
    }

    /// What the status says of an application's client secret.
    pub(super) fn rotation(&self, name: &str) -> Value {
        let object = &self.world.inputs.applications[&ObjectKey::new(TENANT, name)];
        serde_json::to_value(object.status.as_ref().unwrap()).unwrap()["clientSecret"].clone()
    }

    /// When the secret before ends, in seconds since 1970, according to the status.
    pub(super) fn previous_ends(&self, name: &str) -> Option<i64> {
        let time: Timestamp = self.rotation(name)["previousExpirationTime"].as_str()?.parse().unwrap();
        Some(time.as_second())
    }

    pub(super) fn wall(&self) -> i64 {
        self.wall
    }

    /// Whether every server accepts this client secret.
    pub(super) fn accepted_everywhere(&self, client_id: &str, value: &str) -> bool {
        let keys = self.world.materials[&ObjectKey::new(HOME, "default")].server_keys().unwrap();
        let accepts = |client: &oidc::client::Client| match &client.authentication {
            ClientAuthentication::Secret { verifiers, .. } => {
                verifiers.iter().any(|one| one.verify(keys, client_id, value.as_bytes()))
            }
            ClientAuthentication::Public | ClientAuthentication::Keys(_) | ClientAuthentication::PublishedKeys(_) => {
                false
            }
        };
        self.loaded.iter().all(|loaded| {
            let payloads = loaded.values().filter_map(|record| ClientPayload::read(keys, record).ok());
            payloads
                .flat_map(|one| one.clients().cloned().collect::<Vec<_>>())
                .any(|client| client.id.as_str() == client_id && accepts(&client))
        })
    }

    /// Whatever is handed out is accepted everywhere by then.
    pub(super) fn check_that_what_is_published_is_accepted(&self, key: &ObjectKey) {
        let keys = self.world.materials[&ObjectKey::new(HOME, "default")].server_keys().unwrap();
        let (secret, value) = (&self.world.credentials[key], self.secret(&key.name));
        let uid = secret.application().unwrap();
        for (number, loaded) in self.loaded.iter().enumerate() {
            let payload = loaded.get(uid.as_str()).map(|record| ClientPayload::read(keys, record).unwrap());
            let accepts = payload.iter().flat_map(ClientPayload::clients).any(|client| match &client.authentication {
                ClientAuthentication::Public
                | ClientAuthentication::Keys(_)
                | ClientAuthentication::PublishedKeys(_) => false,
                ClientAuthentication::Secret { verifiers, .. } => {
                    verifiers.iter().any(|one| one.verify(keys, client.id.as_str(), value.as_bytes()))
                }
            });
            assert!(accepts, "server {number} refuses what {key} holds");
        }
    }
}

fn uid(name: &str) -> String {
    let digest = crypto::hash::sha256(name.as_bytes());
    uuid::Uuid::from_slice(&digest[..16]).unwrap().to_string()
}
