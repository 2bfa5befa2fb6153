//! Which watches there are, and what each of them delivers.

use std::collections::{BTreeMap, BTreeSet};

use api::{Kind, OidcApplication, OidcGroup, OidcProvider, OidcResource, OidcUser, RecordKind};
use compile::inputs::{CLIENT_CREDENTIALS_TYPE, CLIENT_SECRET_INPUT_TYPE, USER_PASSWORD_TYPE};
use compile::keys::{SEED_TYPE, SERVER_KEY_TYPE, SIGNING_KEYS_TYPE};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use tokio::sync::mpsc;

use crate::decode::{Unreadable, decode};
use crate::names::RECORD_LABEL;
use crate::observed::{ObservedRecord, ObservedSecret};
use crate::settings::{PROVIDER_LABEL, SecretsPower, Servers, Settings};
use crate::watch::{Select, Told, Watch, watch};

/// One watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    /// What is watched.
    pub(crate) what: What,
    /// Where.
    pub(crate) scope: Scope,
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// A kind that people write.
    Kind(Kind),
    /// Namespaces, for their labels.
    Namespaces,
    /// A kind of records.
    Records(RecordKind),
    /// The records of providers.
    ProviderRecords,
    /// Where servers are.
    EndpointSlices,
    /// Secrets of one type: no other Secret of the cluster ever reaches this process.
    Secrets(SecretType),
}

/// A type of Secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SecretType {
    /// Written for applications.
    Credentials,
    /// Client secrets that applications refer to.
    ClientSecretInput,
    /// Passwords of users.
    UserPassword,
    /// Key material: see [`compile::keys`].
    Seed,
    /// Key material.
    ServerKey,
    /// Key material.
    SigningKeys,
}

impl SecretType {
    /// The value of `type`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => CLIENT_CREDENTIALS_TYPE,
            Self::ClientSecretInput => CLIENT_SECRET_INPUT_TYPE,
            Self::UserPassword => USER_PASSWORD_TYPE,
            Self::Seed => SEED_TYPE,
            Self::ServerKey => SERVER_KEY_TYPE,
            Self::SigningKeys => SIGNING_KEYS_TYPE,
        }
    }
}

/// Where is watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Everywhere.
    All,
    /// In one namespace.
    Namespace(String),
}

/// An object that a watch delivers.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// See [`Kind::OidcProvider`]; so with the next.
    Provider(Result<Box<OidcProvider>, Box<Unreadable>>),
    /// An application.
    Application(Result<Box<OidcApplication>, Box<Unreadable>>),
    /// A resource.
    Resource(Result<Box<OidcResource>, Box<Unreadable>>),
    /// A user.
    User(Result<Box<OidcUser>, Box<Unreadable>>),
    /// A group.
    Group(Result<Box<OidcGroup>, Box<Unreadable>>),
    /// The labels of a namespace.
    Namespace(BTreeMap<String, String>),
    /// A record of whatever subject.
    Record(Box<ObservedRecord>),
    /// Where servers are.
    EndpointSlice(Box<EndpointSlice>),
    /// A Secret of one of our types.
    Secret(Box<ObservedSecret>),
}

impl Item {
    /// What makes an item of an object of a kind that people write.
    pub(crate) fn of(kind: Kind) -> fn(DynamicObject) -> Self {
        match kind {
            Kind::OidcProvider => |object| Self::Provider(decode(object).map(Box::new)),
            Kind::OidcApplication => |object| Self::Application(decode(object).map(Box::new)),
            Kind::OidcResource => |object| Self::Resource(decode(object).map(Box::new)),
            Kind::OidcUser => |object| Self::User(decode(object).map(Box::new)),
            Kind::OidcGroup => |object| Self::Group(decode(object).map(Box::new)),
        }
    }

    /// What makes an item of a record.
    pub(crate) fn record(kind: RecordKind) -> fn(DynamicObject) -> Self {
        match kind {
            RecordKind::OidcClientRecord => |object| Self::Record(Box::new(ObservedRecord::of_client(object))),
            RecordKind::OidcUserRecord => |object| Self::Record(Box::new(ObservedRecord::of_user(object))),
        }
    }

    /// The record of a provider.
    pub(crate) fn provider_record(object: ConfigMap) -> Self {
        Self::Record(Box::new(ObservedRecord::of_provider(object)))
    }

    /// A Secret.
    pub(crate) fn secret(object: Secret) -> Self {
        Self::Secret(Box::new(ObservedSecret::of(object)))
    }
}

/// How objects of this API group are asked for.
pub(crate) fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(api::GROUP, api::VERSION, kind), plural)
}

/// News of a watch.
#[derive(Clone, Debug)]
pub(crate) struct News {
    /// Which.
    pub(crate) source: Source,
    /// What.
    pub(crate) told: Told<Item>,
}

/// The watches that are there from the start.
pub(crate) fn fixed(settings: &Settings) -> BTreeSet<Source> {
    let mut sources = BTreeSet::from([Source { what: What::Namespaces, scope: Scope::All }]);
    for namespace in &settings.provider_namespaces {
        let mut here = |what| sources.insert(Source { what, scope: Scope::Namespace(namespace.clone()) });
        for kind in [Kind::OidcProvider, Kind::OidcUser, Kind::OidcGroup] {
            here(What::Kind(kind));
        }
        for kind in RecordKind::ALL {
            here(What::Records(*kind));
        }
        here(What::ProviderRecords);
        if matches!(settings.servers, Servers::EndpointSlices) {
            here(What::EndpointSlices);
        }
        for type_ in [SecretType::UserPassword, SecretType::Seed, SecretType::ServerKey, SecretType::SigningKeys] {
            here(What::Secrets(type_));
        }
    }
    let scopes: Vec<Scope> = match settings.watch_namespaces.as_slice() {
        [] => vec![Scope::All],
        some => some.iter().cloned().map(Scope::Namespace).collect(),
    };
    for scope in scopes {
        for kind in [Kind::OidcApplication, Kind::OidcResource] {
            sources.insert(Source { what: What::Kind(kind), scope: scope.clone() });
        }
    }
    if settings.secrets == SecretsPower::Cluster {
        sources.extend(tenant_secrets(Scope::All));
    }
    sources
}

/// The watches of the Secrets that belong to applications.
pub(crate) fn tenant_secrets(scope: Scope) -> [Source; 2] {
    [SecretType::Credentials, SecretType::ClientSecretInput]
        .map(|type_| Source { what: What::Secrets(type_), scope: scope.clone() })
}

/// Starts a watch.
pub(crate) fn start(client: &Client, source: Source, out: mpsc::Sender<News>) -> Watch {
    let client = client.clone();
    let wrap = {
        let source = source.clone();
        move |told| News { source: source.clone(), told }
    };
    let dynamic = |name: &str, plural: &str| {
        let resource = resource(name, plural);
        match &source.scope {
            Scope::All => Api::<DynamicObject>::all_with(client.clone(), &resource),
            Scope::Namespace(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        }
    };
    match source.what {
        What::Kind(kind) => watch(dynamic(kind.as_str(), kind.plural()), Select::all(), Item::of(kind), wrap, out),
        What::Records(kind) => {
            watch(dynamic(kind.as_str(), kind.plural()), Select::all(), Item::record(kind), wrap, out)
        }
        What::Namespaces => {
            let labels = |object: Namespace| Item::Namespace(object.metadata.labels.unwrap_or_default());
            watch(Api::<Namespace>::all(client), Select::all(), labels, wrap, out)
        }
        What::ProviderRecords => {
            let select = Select::labelled(RECORD_LABEL);
            watch(scoped(client, &source.scope), select, Item::provider_record, wrap, out)
        }
        What::EndpointSlices => {
            let convert = |object| Item::EndpointSlice(Box::new(object));
            watch(scoped::<EndpointSlice>(client, &source.scope), Select::labelled(PROVIDER_LABEL), convert, wrap, out)
        }
        What::Secrets(type_) => {
            watch(scoped(client, &source.scope), Select::of_type(type_.as_str()), Item::secret, wrap, out)
        }
    }
}

fn scoped<K>(client: Client, scope: &Scope) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match scope {
        Scope::All => Api::all(client),
        Scope::Namespace(namespace) => Api::namespaced(client, namespace),
    }
}
