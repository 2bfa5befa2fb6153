//! The last step: what there is to say about each object, now that it is known what is served.

use std::collections::{BTreeMap, BTreeSet};

use api::{ClientAuthenticationType, Kind, ObjectKey, Reason, SecretSource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use oidc::catalog::Catalog;
use oidc::ids::{ClientId, Uid};

use crate::application::{Application, Attached, Principal};
use crate::compilation::World;
use crate::inputs::{Inputs, Mode};
use crate::provider::Provider;
use crate::rotation::{Epoch, Rotation, Rotations};
use crate::verdict::{
    AccountFacts, ApplicationFacts, Credentials, Diagnostic, Facts, GroupFacts, ObjectRef, ProviderFacts,
    ResourceFacts, SecretFacts, UserFacts, Verdict,
};

type Verdicts = BTreeMap<ObjectRef, Verdict>;
type Catalogs = BTreeMap<ObjectKey, Catalog>;

/// The verdict of every object.
pub(crate) fn verdicts(inputs: &Inputs, world: World<'_>, catalogs: &Catalogs) -> Verdicts {
    let mut verdicts = Verdicts::new();
    let served = Served::of(inputs, catalogs);
    let World { providers, groups, users, resources, applications } = world;
    let mut attached: BTreeMap<&ObjectKey, usize> = BTreeMap::new();
    for application in applications.values().filter(|application| application.accepted()) {
        if let Some(provider) = application.attached.as_ref().map(|attached| attached.provider) {
            *attached.entry(provider).or_default() += 1;
        }
    }
    for application in applications.into_values() {
        let facts = Facts::Application(application_facts(inputs, &providers, &application, &served));
        let served = served.application(&application);
        let Application { key, object, mut diagnostics, .. } = application;
        served.note(&mut diagnostics);
        insert(&mut verdicts, Kind::OidcApplication, key, &object.metadata, diagnostics, served.is(), facts);
    }
    for resource in resources.into_values() {
        let served = served.of_provider(resource.provider);
        let issuer = resource.provider.and_then(|key| providers.get(key)).and_then(issuer_text);
        let accepted = resource.accepted();
        let facts = Facts::Resource(ResourceFacts { issuer, policy_name: resource.policy_name });
        let mut diagnostics = resource.diagnostics;
        served.note(&mut diagnostics);
        let served = served.is() && accepted;
        insert(&mut verdicts, Kind::OidcResource, resource.key, &resource.object.metadata, diagnostics, served, facts);
    }
    for user in users.into_values() {
        let accepted = user.accepted();
        let served = served.of_namespace(&user.key.namespace);
        let facts = Facts::User(UserFacts { username: user.username, subject: user.subject });
        let mut diagnostics = user.diagnostics;
        served.note(&mut diagnostics);
        let served = served.is() && accepted;
        insert(&mut verdicts, Kind::OidcUser, user.key, &user.object.metadata, diagnostics, served, facts);
    }
    for group in groups.into_values() {
        let served = served.of_namespace(&group.key.namespace).is() && group.accepted();
        let facts = GroupFacts { claim_value: group.claim_value.to_string(), members: group.members.len() };
        let (metadata, facts) = (&group.object.metadata, Facts::Group(facts));
        insert(&mut verdicts, Kind::OidcGroup, group.key, metadata, group.diagnostics, served, facts);
    }
    for provider in providers.into_values() {
        let served = catalogs.contains_key(provider.key);
        let facts = Facts::Provider(ProviderFacts {
            attached_applications: attached.get(provider.key).copied().unwrap_or_default(),
            issuers: issuers_of(&provider, catalogs.get(provider.key)),
            keys: provider.key_facts(),
        });
        let Provider { key, object, diagnostics, .. } = provider;
        insert(&mut verdicts, Kind::OidcProvider, key, &object.metadata, diagnostics, served, facts);
    }
    verdicts
}

fn insert(
    verdicts: &mut Verdicts,
    kind: Kind,
    key: &ObjectKey,
    metadata: &ObjectMeta,
    diagnostics: Vec<Diagnostic>,
    served: bool,
    facts: Facts,
) {
    let uid = metadata.uid.clone().map(Uid::new);
    let verdict = Verdict { uid, generation: metadata.generation, diagnostics, served, facts };
    verdicts.insert(ObjectRef::new(kind, key.clone()), verdict);
}

/// What the catalogs hold.
struct Served<'c> {
    mode: Mode,
    clients: BTreeMap<&'c ObjectKey, BTreeSet<&'c str>>,
    namespaces: BTreeSet<&'c str>,
}

/// Whether an object is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    /// It is.
    Given,
    /// Nobody serves its provider.
    NoProvider,
    /// It is not, for a reason that its diagnostics give.
    Refused,
}

impl Service {
    fn is(self) -> bool {
        self == Self::Given
    }

    /// Says why an object in which nothing is wrong is not served.
    fn note(self, diagnostics: &mut Vec<Diagnostic>) {
        if self == Self::NoProvider && diagnostics.is_empty() {
            let message = "nobody serves the provider: the status of the OidcProvider says why";
            diagnostics.push(Diagnostic::new(Reason::NoServers, "", message));
        }
    }
}

impl<'c> Served<'c> {
    fn of(inputs: &Inputs, catalogs: &'c Catalogs) -> Self {
        let clients = catalogs.iter().map(|(key, catalog)| {
            (
                key,
                catalog.realms().flat_map(|realm| realm.clients.keys().map(ClientId::as_str)).collect::<BTreeSet<_>>(),
            )
        });
        let namespaces = catalogs.keys().map(|key| key.namespace.as_str()).collect();
        Self { mode: inputs.mode, clients: clients.collect(), namespaces }
    }

    /// In a review nothing is served and nothing is amiss.
    fn unless_review(&self, missing: Service) -> Service {
        if self.mode == Mode::Check { Service::Refused } else { missing }
    }

    fn application(&self, application: &Application<'_>) -> Service {
        let provider = application.attached.as_ref().map(|attached| attached.provider);
        match provider.map(|provider| self.clients.contains_key(provider)) {
            Some(true) if application.accepted() && self.holds(application, &application.own) => Service::Given,
            Some(true) | None => Service::Refused,
            Some(false) => self.unless_review(Service::NoProvider),
        }
    }

    /// Whether one of the clients of an application is served.
    fn holds(&self, application: &Application<'_>, principal: &Principal<'_>) -> bool {
        let provider = application.attached.as_ref().map(|attached| attached.provider);
        let clients = provider.and_then(|provider| self.clients.get(provider));
        clients.is_some_and(|clients| clients.contains(principal.client_id.as_str()))
    }

    fn of_provider(&self, provider: Option<&ObjectKey>) -> Service {
        match provider {
            Some(provider) if self.clients.contains_key(provider) => Service::Given,
            Some(_) => self.unless_review(Service::NoProvider),
            None => Service::Refused,
        }
    }

    fn of_namespace(&self, namespace: &str) -> Service {
        if self.namespaces.contains(namespace) { Service::Given } else { self.unless_review(Service::NoProvider) }
    }
}

fn issuer_text(provider: &Provider<'_>) -> Option<String> {
    provider.issuer.as_ref().map(|issuer| issuer.as_str().to_owned())
}

fn own_issuer(attached: &Attached<'_>) -> Option<String> {
    attached.issuer.as_ref().map(|issuer| issuer.as_str().to_owned())
}

/// So many issuers a status shows at the most.
const MAX_ISSUERS: usize = 100;

/// Its own issuer, and then those of applications.
fn issuers_of(provider: &Provider<'_>, catalog: Option<&Catalog>) -> Vec<String> {
    let Some(catalog) = catalog else { return Vec::new() };
    let shared = issuer_text(provider);
    let all = catalog.realms().map(|realm| realm.issuer.as_str().to_owned());
    let dedicated = all.filter(|issuer| Some(issuer) != shared.as_ref());
    shared.clone().into_iter().chain(dedicated).take(MAX_ISSUERS).collect()
}

fn application_facts(
    inputs: &Inputs,
    providers: &BTreeMap<&ObjectKey, Provider<'_>>,
    application: &Application<'_>,
    served: &Served<'_>,
) -> ApplicationFacts {
    // Without a provider that permits the namespace there is nothing to show, and nothing to guess from.
    let Some(attached) = &application.attached else { return ApplicationFacts::default() };
    let provider = providers.get(attached.provider);
    let rotations = application.uid.as_ref().and_then(|uid| inputs.rotations.get(uid));
    let account = |principal: &Principal<'_>| {
        let (name, client_id) = (principal.account?.to_owned(), principal.client_id.clone());
        let served = application.accepted() && served.holds(application, principal);
        Some(AccountFacts { name, client_id, credentials: shown(principal, rotations), served })
    };
    ApplicationFacts {
        client_id: Some(application.own.client_id.clone()),
        issuer: own_issuer(attached).or_else(|| provider.and_then(issuer_text)),
        policy_name: attached.policy_name.clone(),
        credentials: shown(&application.own, rotations),
        accounts: application.accounts.iter().filter_map(account).collect(),
    }
}

/// How a client proves itself, as a status shows it.
fn shown(principal: &Principal<'_>, rotations: Option<&Rotations>) -> Credentials {
    match (principal.authentication.type_, &principal.plan) {
        (ClientAuthenticationType::ClientSecret, Some(plan)) if !principal.name_is_taken => {
            let settings = principal.authentication.client_secret.as_ref();
            let generated = settings.map(|secret| secret.source) != Some(SecretSource::Reference);
            let first = || Rotation::begin(Epoch { generation: 1, epoch: 1 });
            let facts = || {
                let rotation = rotations.map_or_else(first, |rotations| rotations.of(principal.account, 1));
                SecretFacts {
                    epoch: rotation.epoch,
                    previous_ends: rotation.previous_ends(settings.map(|secret| &secret.rotation)),
                    trigger: rotation.trigger,
                    since: rotation.since,
                }
            };
            Credentials::ClientSecret { secret_name: plan.name.clone(), generated: generated.then(facts) }
        }
        (ClientAuthenticationType::ClientSecret, _) => Credentials::Unknown,
        (
            ClientAuthenticationType::None
            | ClientAuthenticationType::ServiceAccountToken
            | ClientAuthenticationType::PrivateKeyJwt,
            _,
        ) => Credentials::NotApplicable,
    }
}
