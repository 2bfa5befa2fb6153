//! What should be there, according to the last compilation. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::{Kind, ObjectKey, OidcResource, OidcUser, RecordKind};
use compile::names::{self, Held, Names};
use compile::record::{
    ClientParts, ClientPayload, DedicatedIssuer, Place, ProviderPayload, RealmPayload, Record, Subject, UserPayload,
};
use compile::{Compiled, ObjectRef, OwnIssuer, Verdict};
use crypto::ServerKeys;
use oidc::account::Account;
use oidc::catalog::Catalog;
use oidc::client::Client;
use oidc::ids::Uid;
use oidc::uri::Issuer;

use crate::material::fingerprints;
use crate::observed::ObservedRecord;
use crate::world::{Access, RecordId, World};

/// What should be there.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    /// The outcome of the compilation.
    pub(crate) compiled: Option<Compiled>,
    /// The record of each provider; none where it is left as it is.
    pub(crate) providers: BTreeMap<ObjectKey, Record>,
    /// The records of each application and user. What is not listed is left as it is.
    pub(crate) records: BTreeMap<ObjectRef, BTreeMap<RecordId, Record>>,
    /// The names of the Secrets of each application that should have any.
    pub(crate) secrets: BTreeMap<ObjectKey, BTreeSet<ObjectKey>>,
    /// The applications that the owner of each API names, or named before: what they may do there stands in their records.
    pub(crate) callers: BTreeMap<ObjectKey, BTreeSet<ObjectKey>>,
    /// The table of names of each provider whose record is not left as it is.
    pub(crate) names: BTreeMap<ObjectKey, Names>,
}

impl Desired {
    /// From a compilation of this world. `now` is in seconds since 1970.
    pub(crate) fn new(world: &World, compiled: Compiled, now: i64) -> Self {
        let callers = world.inputs.resources.iter().map(|(key, object)| (key.clone(), callers(key, object)));
        let mut desired = Self { callers: callers.collect(), ..Self::default() };
        for (key, secret) in &compiled.credentials {
            desired.secrets.entry(secret.application.clone()).or_default().insert(key.clone());
        }
        let keepers: Vec<Keeper<'_>> = Keeper::all(world, &compiled).collect();
        let unjudged = world.unjudged();
        for keeper in keepers.iter().filter(|keeper| !keeper.frozen) {
            let (recorded, clients) = world.names_of(keeper.key, &keeper.uid);
            let names = names::next(&recorded, &clients, keeper.held, |uid| unjudged.contains(uid), now);
            desired.providers.insert(keeper.key.clone(), keeper.record(world, &names));
            desired.names.insert(keeper.key.clone(), names);
        }
        for (key, object) in &world.inputs.applications {
            let Some(uid) = object.metadata.uid.clone().map(Uid::new) else { continue };
            if world.access(&key.namespace) == Access::Unknown {
                // It was not compiled either: what is served goes on until there is something to say.
                continue;
            }
            let provider = world.provider_of(object);
            let Some(keeper) = keepers.iter().find(|keeper| *keeper.key == provider) else { continue };
            let record = keeper.client(world, key, &uid, true);
            desired.put(Kind::OidcApplication, key, record);
        }
        for (key, object) in &world.inputs.users {
            let Some(uid) = object.metadata.uid.clone().map(Uid::new) else { continue };
            for keeper in keepers.iter().filter(|keeper| keeper.key.namespace == key.namespace) {
                let record = keeper.user(world, key, object, &uid);
                desired.put(Kind::OidcUser, key, record);
            }
        }
        // What exists and cannot be read is served to nobody, and loses nothing.
        for (object, unreadable) in &world.unreadable {
            let Some(uid) = &unreadable.uid else { continue };
            for keeper in &keepers {
                let record = match object.kind {
                    Kind::OidcApplication => keeper.client(world, &object.key, uid, false),
                    Kind::OidcUser => keeper.nobody(world, &object.key, uid),
                    Kind::OidcProvider | Kind::OidcResource | Kind::OidcGroup => None,
                };
                desired.put(object.kind, &object.key, record);
            }
        }
        drop(keepers);
        desired.compiled = Some(compiled);
        desired
    }

    /// Remembers who was named before: an owner who has taken an entry out is told that this holds only once it holds
    /// everywhere.
    pub(crate) fn remember_callers(&mut self, before: &Self, world: &World) {
        for (resource, callers) in &mut self.callers {
            let known = before.callers.get(resource).into_iter().flatten();
            callers.extend(known.filter(|caller| world.inputs.applications.contains_key(*caller)).cloned());
        }
    }

    /// When the first reserved name becomes free, in seconds since 1970.
    pub(crate) fn next_free(&self) -> Option<i64> {
        self.names.values().filter_map(names::next_free).min()
    }

    /// Whether a name that a record holds is to be reserved before the record may go, and is not yet.
    pub(crate) fn is_unreserved(&self, world: &World, record: &ObservedRecord) -> bool {
        let Some(provider) = world.provider_by_uid(&record.record.provider) else { return false };
        record.noted.names().any(|text| {
            let reserved = |names: &Names| names.get(text).is_some_and(|name| name.until.is_some());
            let wanted = self.names.get(&provider).is_some_and(reserved);
            wanted && !world.provider_records.get(&provider).is_some_and(|found| reserved(&found.noted.names))
        })
    }

    /// The verdict on an object.
    pub(crate) fn verdict(&self, object: &ObjectRef) -> Option<&Verdict> {
        self.compiled.as_ref()?.verdicts.get(object)
    }

    /// The objects for which something else should be there than before.
    pub(crate) fn differing(&self, before: &Self) -> Vec<ObjectRef> {
        let verdicts = self.compiled.iter().flat_map(|compiled| &compiled.verdicts);
        verdicts
            .filter(|(object, verdict)| {
                before.verdict(object) != Some(verdict)
                    || before.records.get(object) != self.records.get(object)
                    || object.kind == Kind::OidcProvider
                        && before.providers.get(&object.key) != self.providers.get(&object.key)
            })
            .map(|(object, _)| object.clone())
            .collect()
    }

    fn put(&mut self, kind: Kind, key: &ObjectKey, record: Option<(RecordId, Record)>) {
        if let Some((id, record)) = record {
            self.records.entry(ObjectRef::new(kind, key.clone())).or_default().insert(id, record);
        }
    }
}

/// The applications that the owner of an API names.
fn callers(key: &ObjectKey, resource: &OidcResource) -> BTreeSet<ObjectKey> {
    let allowed = resource.spec.allowed_clients.iter().map(|client| {
        let namespace = client.namespace.as_ref().map_or(key.namespace.as_str(), |name| name.as_str());
        ObjectKey::new(namespace, client.name.as_str())
    });
    let introspecting = resource.spec.introspection.iter();
    let introspecting = introspecting.map(|one| ObjectKey::new(key.namespace.as_str(), one.name.as_str()));
    allowed.chain(introspecting).collect()
}

/// The client of an application, if it is served, and its accounts.
type ClientAndAccounts = (Option<Arc<Client>>, Vec<Arc<Client>>);

/// Of a provider at which nobody holds a name.
static NOTHING: Held = Held { client_ids: Names::new(), issuers: Names::new(), audiences: Names::new() };

/// A provider that can seal.
struct Keeper<'w> {
    key: &'w ObjectKey,
    uid: Uid,
    keys: &'w ServerKeys,
    catalog: Option<&'w Catalog>,
    accounts: BTreeMap<&'w Uid, &'w Account>,
    /// The client of each application, and its accounts, by the application's UID.
    clients: BTreeMap<&'w str, ClientAndAccounts>,
    held: &'w Held,
    /// The issuers that applications hold.
    issuers: &'w BTreeMap<Uid, OwnIssuer>,
    /// The client IDs that were chosen and are held.
    client_ids: BTreeMap<&'w Uid, &'w String>,
    /// Accepted, and yet something of its key material is missing: then nobody can tell what should be served, and what
    /// is served goes on.
    frozen: bool,
}

impl<'w> Keeper<'w> {
    fn all(world: &'w World, compiled: &'w Compiled) -> impl Iterator<Item = Self> {
        world.inputs.providers.iter().filter_map(|(key, object)| {
            let uid = object.metadata.uid.clone().map(Uid::new)?;
            let keys = world.materials.get(key)?.server_keys()?;
            let catalog = compiled.catalogs.get(key);
            let accepted =
                compiled.verdicts.get(&ObjectRef::new(Kind::OidcProvider, key.clone())).is_some_and(Verdict::accepted);
            let held = compiled.names.get(key).unwrap_or(&NOTHING);
            let realms = || catalog.into_iter().flat_map(Catalog::realms);
            Some(Self {
                key,
                uid,
                keys,
                catalog,
                accounts: realms().flat_map(|realm| realm.accounts.iter()).map(|one| (&one.uid, one)).collect(),
                clients: by_application(realms().flat_map(|realm| realm.clients.values())),
                client_ids: held.client_ids.iter().map(|(id, name)| (&name.uid, id)).collect(),
                held,
                issuers: &compiled.issuers,
                frozen: accepted && !world.inputs.materials.contains_key(key),
            })
        })
    }

    fn record(&self, world: &World, names: &Names) -> Record {
        // Not that of an application, which has a record of its own.
        let issuer = world.inputs.providers.get(self.key).and_then(|object| Issuer::parse(&object.spec.issuer).ok());
        let own = self.catalog.zip(issuer).and_then(|(catalog, issuer)| catalog.realm(issuer.host()));
        let realm = own.map(|realm| RealmPayload {
            issuer: realm.issuer.as_str().to_owned(),
            display_name: realm.display_name.clone(),
            primary_color: realm.primary_color.clone(),
            settings: realm.settings,
        });
        let seeds = world.inputs.materials.get(self.key).map(|material| fingerprints(&material.seeds));
        let remembered = || world.provider_records.get(self.key).map(|record| record.noted.seeds.clone());
        let seeds = seeds.or_else(remembered).unwrap_or_default();
        let payload = ProviderPayload { realm, seeds, names: names.clone() };
        Record::new(self.keys, Subject::Provider, &self.uid, (self.key, &self.uid), &payload)
    }

    fn client(&self, world: &World, key: &ObjectKey, uid: &Uid, readable: bool) -> Option<(RecordId, Record)> {
        let id =
            RecordId { kind: RecordKind::OidcClientRecord, key: ObjectKey::new(&self.key.namespace, uid.as_str()) };
        let existing = world.records.get(&id).filter(|existing| existing.record.provider == self.uid);
        let (client, accounts) = self.clients.get(uid.as_str()).filter(|_| readable).cloned().unwrap_or_default();
        let recorded = || existing.and_then(|existing| existing.noted.rotations());
        let secrets = world.inputs.rotations.get(uid).cloned().or_else(recorded)?;
        if client.is_none() && accounts.is_empty() && (existing.is_none() || self.frozen && readable) {
            return None;
        }
        let client_id = match self.client_ids.get(uid) {
            Some(id) => Some((*id).clone()),
            // Nobody has judged it: what it has it keeps.
            None if !readable => existing.and_then(|existing| existing.noted.client_id.clone()),
            None => None,
        };
        let place = Place { keys: self.keys, provider: &self.uid, application: uid };
        let issuer = if readable {
            self.issuers.get(uid).and_then(|own| {
                let keys = world.issuer_keys.of(uid)?.clone();
                Some(DedicatedIssuer { issuer: own.issuer.clone(), keys })
            })
        } else {
            world.issuer_keys.recorded(uid).cloned()
        };
        let parts = ClientParts { client, accounts, client_id, secrets, issuer };
        let payload = ClientPayload::new(place, parts);
        Some((id, Record::new(self.keys, Subject::Client, &self.uid, (key, uid), &payload)))
    }

    fn user_id(&self, uid: &Uid) -> RecordId {
        let key = ObjectKey::new(&self.key.namespace, format!("{uid}.{}", self.uid));
        RecordId { kind: RecordKind::OidcUserRecord, key }
    }

    fn user(&self, world: &World, key: &ObjectKey, object: &OidcUser, uid: &Uid) -> Option<(RecordId, Record)> {
        let id = self.user_id(uid);
        let account = self.accounts.get(uid).copied();
        if account.is_none() && (self.frozen || !world.records.contains_key(&id)) {
            return None;
        }
        let password = world.hash(key, object).zip(world.password_source(key, object));
        let claims = world.claims_at(object, uid);
        let logins = world.logins.get(uid).map(|known| UserPayload::seal_logins(self.keys, &self.uid, uid, known));
        let payload = UserPayload::new(self.keys, &self.uid, uid, account, password, claims, logins);
        Some((id, Record::new(self.keys, Subject::User, &self.uid, (key, uid), &payload)))
    }

    fn nobody(&self, world: &World, key: &ObjectKey, uid: &Uid) -> Option<(RecordId, Record)> {
        let id = self.user_id(uid);
        let record = &world.records.get(&id)?.record;
        let logins = UserPayload::read(self.keys, record).ok().and_then(|payload| payload.sealed_logins().cloned());
        let payload = UserPayload::new(self.keys, &self.uid, uid, None, None, None, logins);
        Some((id, Record::new(self.keys, Subject::User, &self.uid, (key, uid), &payload)))
    }
}

fn by_application<'w>(clients: impl Iterator<Item = &'w Arc<Client>>) -> BTreeMap<&'w str, ClientAndAccounts> {
    let mut all: BTreeMap<&str, ClientAndAccounts> = BTreeMap::new();
    for client in clients {
        let (own, accounts) = all.entry(client.application_uid()).or_default();
        match client.account {
            None => *own = Some(Arc::clone(client)),
            Some(_) => accounts.push(Arc::clone(client)),
        }
    }
    all
}
