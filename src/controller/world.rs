//! Everything that the watches have told, sorted: what is to be compiled, and what was written before.
//!
//! One task owns it. Nothing is compiled before every watch has delivered a complete first list; where an application's
//! namespace has not been looked into yet, that application waits, and nobody else.

mod inputs;
mod rotations;
mod sorted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::{Kind, ObjectKey, RecordKind};
use compile::logins::Logins;
use compile::passwords::Passwords;
use compile::record::Subject;
use compile::{Inputs, Mode, ObjectRef};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use oidc::ids::Uid;

use crate::decode::Unreadable;
use crate::issuers::IssuerKeys;
use crate::material::Material;
use crate::names::without_suffix;
use crate::observed::{ObservedRecord, ObservedSecret};
use crate::settings::{SecretsPower, Settings};
use crate::source::{Item, News, Scope, SecretType, Source, What, fixed, tenant_secrets};
use crate::tracker::{Delta, Object, Tracker};
use crate::watch::{Told, Trouble};

use self::rotations::Pending;

/// A record among all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordId {
    /// Of an application or of a user; the record of a provider is found by the provider.
    pub(crate) kind: RecordKind,
    /// Where it is.
    pub(crate) key: ObjectKey,
}

/// What has to be thought about again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether one thing has to be thought about")]
pub(crate) struct Touched {
    /// Whether what is compiled has changed.
    pub(crate) inputs: bool,
    /// Objects to look at in any case: somebody has changed them, or what was written for them.
    pub(crate) objects: BTreeSet<ObjectRef>,
    /// Providers whose key material has changed.
    pub(crate) materials: BTreeSet<ObjectKey>,
    /// Whether records may have lost their source.
    pub(crate) garbage: bool,
    /// Whether servers may have come or gone.
    pub(crate) servers: bool,
    /// Whether other namespaces have to be looked into.
    pub(crate) namespaces: bool,
}

impl Touched {
    /// Both.
    pub(crate) fn join(&mut self, other: Self) {
        let Self { inputs, objects, materials, garbage, servers, namespaces } = other;
        self.inputs |= inputs;
        self.objects.extend(objects);
        self.materials.extend(materials);
        self.garbage |= garbage;
        self.servers |= servers;
        self.namespaces |= namespaces;
    }

    fn object(kind: Kind, key: &ObjectKey) -> Self {
        let objects = BTreeSet::from([ObjectRef::new(kind, key.clone())]);
        Self { inputs: true, objects, ..Self::default() }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct World {
    settings: Arc<Settings>,
    fixed: BTreeSet<Source>,
    trackers: BTreeMap<Source, Tracker<Item>>,
    /// Watches that deliver nothing, and why.
    pub(crate) troubles: BTreeMap<Source, Trouble>,
    /// What is compiled.
    pub(crate) inputs: Inputs,
    /// Objects that are there and cannot be read.
    pub(crate) unreadable: BTreeMap<ObjectRef, Unreadable>,
    /// The records of applications and users.
    pub(crate) records: BTreeMap<RecordId, ObservedRecord>,
    /// By the UID of their source.
    pub(crate) records_of: BTreeMap<Uid, BTreeSet<RecordId>>,
    /// The records of providers.
    pub(crate) provider_records: BTreeMap<ObjectKey, ObservedRecord>,
    /// The Secrets of applications.
    pub(crate) credentials: BTreeMap<ObjectKey, ObservedSecret>,
    /// By the UID of their application.
    pub(crate) credentials_of: BTreeMap<Uid, BTreeSet<ObjectKey>>,
    /// Key material, by provider.
    pub(crate) materials: BTreeMap<ObjectKey, Material>,
    /// Why the key material of a provider is not whole, where time does not mend it.
    pub(crate) lost: BTreeMap<ObjectKey, String>,
    /// The keys of applications' own issuers.
    pub(crate) issuer_keys: IssuerKeys,
    /// Under which of their logins users stand, as of the last compilation.
    pub(crate) logins: BTreeMap<Uid, Logins>,
    /// What the rotation of client secrets waits for.
    pub(crate) rotations: Pending,
    /// Passwords of users.
    password_secrets: BTreeMap<ObjectKey, ObservedSecret>,
    /// Those whose hash was looked for in the records.
    introduced: BTreeMap<ObjectKey, u128>,
    /// Hashes, and those that are being made.
    pub(crate) passwords: Passwords,
    /// Where servers are.
    pub(crate) slices: BTreeMap<ObjectKey, EndpointSlice>,
}

impl World {
    /// An empty one.
    pub(crate) fn new(settings: Arc<Settings>, passwords: Passwords) -> Self {
        let home = settings.provider_namespaces.first().cloned().unwrap_or_default();
        let fixed = fixed(&settings);
        Self {
            trackers: fixed.iter().cloned().map(|source| (source, Tracker::default())).collect(),
            fixed,
            settings,
            troubles: BTreeMap::new(),
            inputs: Inputs::empty(home, Mode::Cluster),
            unreadable: BTreeMap::new(),
            records: BTreeMap::new(),
            records_of: BTreeMap::new(),
            logins: BTreeMap::new(),
            provider_records: BTreeMap::new(),
            credentials: BTreeMap::new(),
            credentials_of: BTreeMap::new(),
            materials: BTreeMap::new(),
            lost: BTreeMap::new(),
            issuer_keys: IssuerKeys::default(),
            rotations: Pending::default(),
            password_secrets: BTreeMap::new(),
            introduced: BTreeMap::new(),
            passwords,
            slices: BTreeMap::new(),
        }
    }

    /// Whether every watch that is there from the start has delivered a complete list. Before that, what is missing could
    /// be merely unseen.
    pub(crate) fn is_complete(&self) -> bool {
        self.fixed.iter().all(|source| self.trackers.get(source).is_some_and(Tracker::is_complete))
    }

    /// The watches that have not delivered yet, for whoever asks why nothing happens.
    pub(crate) fn missing(&self) -> Vec<String> {
        let missing = self.fixed.iter().filter(|source| !self.trackers.get(*source).is_some_and(Tracker::is_complete));
        missing
            .map(|source| {
                let why = self.troubles.get(source).map(|trouble| format!(": {trouble}")).unwrap_or_default();
                format!("{}{why}", sorted::title(source))
            })
            .collect()
    }

    /// The watches that should be there now.
    pub(crate) fn wanted(&self) -> BTreeSet<Source> {
        let mut wanted = self.fixed.clone();
        if self.settings.secrets == SecretsPower::PerNamespace {
            let namespaces: BTreeSet<&String> = self.inputs.applications.keys().map(|key| &key.namespace).collect();
            wanted.extend(namespaces.into_iter().flat_map(|name| tenant_secrets(Scope::Namespace(name.clone()))));
        }
        wanted
    }

    /// Forgets what a watch has delivered that is not wanted any more.
    pub(crate) fn forget(&mut self, source: &Source) -> Touched {
        self.troubles.remove(source);
        let tracker = self.trackers.remove(source).unwrap_or_default();
        let mut touched = Touched::default();
        for key in tracker.keys() {
            touched.join(self.drop_item(source.what, key));
        }
        touched
    }

    /// What may be done with Secrets in a namespace of applications.
    pub(crate) fn access(&self, namespace: &str) -> Access {
        let scope = match self.settings.secrets {
            SecretsPower::None => return Access::Never,
            SecretsPower::Cluster => Scope::All,
            SecretsPower::PerNamespace => Scope::Namespace(namespace.to_owned()),
        };
        let sources = tenant_secrets(scope);
        let seen = |source: &Source| self.trackers.get(source).is_some_and(Tracker::is_complete);
        let denied = |source: &Source| matches!(self.troubles.get(source), Some(Trouble::Forbidden(_)));
        if sources.iter().any(denied) {
            Access::Denied
        } else if sources.iter().all(seen) {
            Access::Granted
        } else {
            Access::Unknown
        }
    }

    /// Takes in the news of a watch.
    pub(crate) fn take(&mut self, news: News) -> Touched {
        let News { source, told } = news;
        let event = match told {
            Told::Trouble(trouble) => return self.trouble(source, trouble),
            Told::Event(event) => event,
        };
        let recovered = self.troubles.remove(&source).is_some();
        let tracker = self.trackers.entry(source.clone()).or_default();
        let before = tracker.is_complete();
        let deltas = tracker.take(event);
        let completed = !before && tracker.is_complete();
        let mut touched = Touched { inputs: completed || recovered, ..Touched::default() };
        touched.garbage = completed;
        for delta in deltas {
            touched.join(self.apply(source.what, delta));
        }
        if completed || recovered {
            touched.join(self.namespace_changed(&source));
        }
        touched
    }

    /// Takes in the answer to a write of this process.
    pub(crate) fn wrote(&mut self, what: What, object: Object<Item>) -> Touched {
        let namespaced = Source { what, scope: Scope::Namespace(object.key.namespace.clone()) };
        let everywhere = Source { what, scope: Scope::All };
        let source = if self.trackers.contains_key(&namespaced) { namespaced } else { everywhere };
        // Without a watch nobody would ever tell that it is gone: what is not watched any more is not known either.
        let delta = self.trackers.get_mut(&source).and_then(|tracker| tracker.wrote(object));
        delta.map(|delta| self.apply(what, delta)).unwrap_or_default()
    }

    fn trouble(&mut self, source: Source, trouble: Trouble) -> Touched {
        if self.troubles.get(&source) == Some(&trouble) {
            return Touched::default();
        }
        let known = self
            .troubles
            .get(&source)
            .is_some_and(|known| std::mem::discriminant(known) == std::mem::discriminant(&trouble));
        if !known {
            tracing::warn!("cannot watch {}: {trouble}; this is tried again", sorted::title(&source));
        }
        self.troubles.insert(source.clone(), trouble);
        if known {
            return Touched::default();
        }
        let mut touched = self.namespace_changed(&source);
        touched.inputs = true;
        touched
    }

    /// The applications that a change of what may be done with Secrets is news for.
    fn namespace_changed(&self, source: &Source) -> Touched {
        let mut touched = Touched::default();
        if let What::Secrets(SecretType::Credentials | SecretType::ClientSecretInput) = source.what {
            let application = |key: &ObjectKey| ObjectRef::new(Kind::OidcApplication, key.clone());
            match &source.scope {
                Scope::All => touched.objects.extend(self.inputs.applications.keys().map(application)),
                Scope::Namespace(name) => {
                    touched.objects.extend(self.applications_in(name).map(|(key, _)| application(key)));
                }
            }
        }
        touched
    }

    fn apply(&mut self, what: What, delta: Delta<Item>) -> Touched {
        match delta {
            Delta::Put(key, item) => self.put_item(what, key, item),
            Delta::Dropped(key) => self.drop_item(what, &key),
        }
    }

    /// The objects that a record was made from, by its UID and what it says.
    fn source_of(&self, id: &RecordId) -> Option<ObjectRef> {
        let record = &self.records.get(id)?.record;
        let kind = match record.subject {
            Subject::Client => Kind::OidcApplication,
            Subject::User => Kind::OidcUser,
            Subject::Provider => Kind::OidcProvider,
        };
        Some(ObjectRef::new(kind, record.source.clone()))
    }

    /// The provider that a Secret of key material belongs to.
    fn keeper(key: &ObjectKey, type_: SecretType) -> Option<ObjectKey> {
        let suffix = match type_ {
            SecretType::Seed => compile::keys::SEED_SUFFIX,
            SecretType::ServerKey => compile::keys::SERVER_KEY_SUFFIX,
            SecretType::SigningKeys => compile::keys::SIGNING_KEYS_SUFFIX,
            SecretType::Credentials | SecretType::ClientSecretInput | SecretType::UserPassword => return None,
        };
        without_suffix(key, suffix)
    }
}

/// What may be done with Secrets of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// They are seen, and can be written.
    Granted,
    /// Nobody has looked yet.
    Unknown,
    /// RBAC says no.
    Denied,
    /// This controller was told to leave them alone.
    Never,
}
