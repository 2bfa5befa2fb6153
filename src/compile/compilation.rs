//! The steps of a compilation, in the order in which one needs the outcome of another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::{Kind, ObjectKey, Reason};
use crypto::KeyRing;
use oidc::account::{Account, Accounts};
use oidc::catalog::{Catalog, Realm, RealmParts};
use oidc::uri::Issuer;

use crate::across::{Age, Claim, settle};
use crate::application::Application;
use crate::clients::{self, AtProvider, Clients, Dedicated};
use crate::group::{Group, Groups, memberships};
use crate::inputs::{CLIENT_CREDENTIALS_TYPE, Inputs, Mode, SecretInput};
use crate::policy::{Allowances, NamespaceLabels};
use crate::provider::{Able, Provider, Providers};
use crate::reference::provider_key;
use crate::resource::Resource;
use crate::user::User;
use crate::verdict::Diagnostic;
use crate::{Compiled, digest, grants, identifiers, issuers, verdicts};

/// All objects under judgement.
#[derive(Debug)]
pub(crate) struct World<'a> {
    pub(crate) providers: Providers<'a>,
    pub(crate) groups: Groups<'a>,
    pub(crate) users: BTreeMap<&'a ObjectKey, User<'a>>,
    pub(crate) resources: BTreeMap<&'a ObjectKey, Resource<'a>>,
    pub(crate) applications: BTreeMap<&'a ObjectKey, Application<'a>>,
}

/// Compiles.
pub(crate) fn run(inputs: &Inputs) -> Compiled {
    let mut world = judge_each(inputs);
    names_of_users(inputs, &mut world);
    names_of_secrets(inputs, &mut world);
    issuers::hosts(inputs, &mut world);
    let names = identifiers::settle(inputs, &mut world);
    grants::settle(inputs, &mut world);
    let (clients, credentials) = clients::clients(inputs, &mut world);
    let accounts = accounts(inputs, &mut world);
    let catalogs = catalogs(&world, clients, &accounts);
    let issuers = issuers::held(&world);
    let verdicts = verdicts::verdicts(inputs, world, &catalogs);
    Compiled { catalogs, verdicts, credentials, issuers, names }
}

/// Each object by itself and by what it refers to; names that decide what others refer to are settled in between.
fn judge_each(inputs: &Inputs) -> World<'_> {
    let mut providers: Providers<'_> =
        inputs.providers.iter().map(|(key, object)| (key, Provider::judge(inputs, key, object))).collect();
    hosts_of_providers(inputs, &mut providers);
    let mut groups: Groups<'_> =
        inputs.groups.iter().map(|(key, object)| (key, Group::judge(&inputs.users, key, object))).collect();
    values_of_groups(&mut groups);
    let users = inputs.users.iter().map(|(key, object)| (key, User::judge(inputs, key, object))).collect();
    let labels = |namespace| match (inputs.namespaces.get(namespace), inputs.mode) {
        (Some(labels), _) => NamespaceLabels::Known(namespace, Some(labels)),
        (None, Mode::Cluster) => NamespaceLabels::Unseen(namespace),
        (None, Mode::Standalone | Mode::Check) => NamespaceLabels::Known(namespace, None),
    };
    let resources = inputs.resources.iter().map(|(key, object)| {
        let wanted = provider_key(object.spec.provider_ref.as_ref(), &inputs.provider_namespace);
        let provider = (&wanted, providers.get(&wanted));
        (key, Resource::judge(provider, labels(&key.namespace), key, object))
    });
    let resources = resources.collect();
    // Policies are looked up once for each namespace, not once for each of its applications.
    let mut policies: BTreeMap<(ObjectKey, &str), Vec<&Allowances>> = BTreeMap::new();
    let mut applications = BTreeMap::new();
    for (key, object) in &inputs.applications {
        let wanted = provider_key(object.spec.provider_ref.as_ref(), &inputs.provider_namespace);
        let provider = providers.get(&wanted);
        let policies = policies.entry((wanted.clone(), &key.namespace)).or_insert_with(|| {
            provider.map(|provider| provider.policies_for(labels(&key.namespace))).unwrap_or_default()
        });
        let application = Application::judge(inputs, (&wanted, provider), &groups, policies, key, object);
        applications.insert(key, application);
    }
    drop(policies);
    World { providers, groups, users, resources, applications }
}

/// One host is one issuer's: a catalog tells issuers by the `Host` header, and cookies know no paths.
fn hosts_of_providers(inputs: &Inputs, providers: &mut Providers<'_>) {
    let claims = providers.values().filter_map(|provider| {
        let host = provider.issuer.as_ref()?.host();
        let holds = inputs.holds(provider.uid.as_ref(), |held| held.issuer_host.as_deref() == Some(host));
        Some(Claim {
            name: host,
            age: Age::of(&provider.object.metadata, provider.key).holding(holds),
            kind: Kind::OidcProvider,
        })
    });
    for loser in settle(claims.collect()).into_keys() {
        if let Some(provider) = providers.get_mut(&loser.key) {
            let message = "the host of this issuer is already that of an older OidcProvider: each issuer needs its own";
            provider.diagnostics.insert(0, Diagnostic::new(Reason::IssuerConflict, "spec.issuer", message));
        }
    }
}

/// One value is one group's: the right to edit a group is the right to say who is in that group, not in another.
fn values_of_groups(groups: &mut Groups<'_>) {
    let claims = groups.values().map(|group| Claim {
        name: (&group.key.namespace, &group.claim_value),
        age: Age::of(&group.object.metadata, group.key),
        kind: Kind::OidcGroup,
    });
    for (loser, holder) in settle(claims.collect()) {
        if let Some(group) = groups.get_mut(&loser.key) {
            let message = format!(
                "`{}` is already the value of OidcGroup `{}`: choose another",
                group.claim_value, holder.key.name
            );
            group.diagnostics.insert(0, Diagnostic::new(Reason::UnsupportedValue, "spec.claimValue", message));
        }
    }
}

fn names_of_users(inputs: &Inputs, world: &mut World<'_>) {
    let claims = world.users.values().map(|user| Claim {
        name: (&user.key.namespace, &user.username),
        age: Age::of(&user.object.metadata, user.key)
            .holding(inputs.holds(user.uid.as_ref(), |held| held.username.as_deref() == Some(user.username.as_str()))),
        kind: Kind::OidcUser,
    });
    for (loser, holder) in settle(claims.collect()) {
        if let Some(user) = world.users.get_mut(&loser.key) {
            let message = format!(
                "`{}` is already the user name of OidcUser `{}`: choose another",
                user.username, holder.key.name
            );
            user.diagnostics.insert(0, Diagnostic::new(Reason::UsernameConflict, "spec.username", message));
        }
    }
}

/// One Secret is written for one client, and never over a Secret that somebody else wrote.
fn names_of_secrets(inputs: &Inputs, world: &mut World<'_>) {
    type Claimant<'a> = (Age<'a>, usize);
    let mut claims: BTreeMap<(String, String), Vec<Claimant<'_>>> = BTreeMap::new();
    for application in world.applications.values() {
        for (index, principal) in application.principals().enumerate() {
            let Some(plan) = &principal.plan else { continue };
            let holds = inputs.holds(application.uid.as_ref(), |held| held.secrets.contains(&plan.name));
            let age = Age::of(&application.object.metadata, application.key).holding(holds);
            let name = (application.key.namespace.clone(), plan.name.clone());
            claims.entry(name).or_default().push((age, index));
        }
    }
    let mut taken: BTreeMap<(ObjectKey, usize), String> = BTreeMap::new();
    for ((namespace, name), mut claimants) in claims {
        let foreign = match inputs.secrets.get(&ObjectKey::new(namespace, name.clone())) {
            Some(SecretInput::WrongType(type_)) => type_ != CLIENT_CREDENTIALS_TYPE,
            Some(SecretInput::UserPassword(_) | SecretInput::ClientSecretInput(_)) => true,
            None => false,
        };
        claimants.sort_unstable();
        let holder = claimants.first().map(|(age, _)| age.key().clone());
        for (age, index) in claimants.into_iter().skip(usize::from(!foreign)) {
            let message = match &holder {
                Some(holder) if !foreign => format!(
                    "Secret `{name}` is already written for OidcApplication `{}`: choose another name",
                    holder.name
                ),
                Some(_) | None => format!("Secret `{name}` exists and is not ours: choose another name, or delete it"),
            };
            taken.insert((age.key().clone(), index), message);
        }
    }
    for ((key, index), message) in taken {
        let Some(application) = world.applications.get_mut(&key) else { continue };
        let Some(principal) = application.principals_mut().nth(index) else { continue };
        principal.name_is_taken = true;
        let path = format!("{}.clientSecret.target.name", principal.path);
        application.diagnostics.push(Diagnostic::new(Reason::SecretConflict, path, message));
    }
}

/// The people of each namespace that has a provider.
fn accounts<'w>(inputs: &Inputs, world: &mut World<'w>) -> BTreeMap<&'w str, Arc<Accounts>> {
    let memberships = memberships(&world.groups);
    let able = world.providers.values().filter(|provider| provider.able().is_some());
    let namespaces: BTreeSet<&'w str> = able.map(|provider| provider.key.namespace.as_str()).collect();
    let mut accounts: BTreeMap<&'w str, Vec<Account>> = namespaces.into_iter().map(|name| (name, Vec::new())).collect();
    for user in world.users.values_mut() {
        let Some(here) = accounts.get_mut(user.key.namespace.as_str()) else { continue };
        let account = user.account(memberships.get(user.key), inputs);
        here.extend(account.filter(|account| user.fits(account)));
    }
    accounts.into_iter().map(|(namespace, accounts)| (namespace, Arc::new(Accounts::new(accounts)))).collect()
}

/// A catalog for each provider that is accepted and can sign.
fn catalogs(
    world: &World<'_>,
    mut clients: Clients<'_>,
    accounts: &BTreeMap<&str, Arc<Accounts>>,
) -> BTreeMap<ObjectKey, Catalog> {
    let mut catalogs = BTreeMap::new();
    for provider in world.providers.values() {
        let Some(Able { issuer, uid, material }) = provider.able() else { continue };
        let people = accounts.get(provider.key.namespace.as_str()).cloned().unwrap_or_default();
        let realm = |issuer: &Issuer, keys: &KeyRing, clients| {
            Realm::new(RealmParts {
                issuer: issuer.clone(),
                display_name: provider.display_name(),
                primary_color: provider.object.spec.login.branding.primary_color.clone(),
                keys: keys.clone(),
                settings: provider.settings(),
                clients,
                accounts: Arc::clone(&people),
            })
        };
        let AtProvider { shared, dedicated } = clients.remove(provider.key).unwrap_or_default();
        let own = dedicated.into_iter().map(|Dedicated { issuer, keys, clients }| realm(&issuer, keys, clients));
        let realms: Vec<Realm> = std::iter::once(realm(issuer, &material.signing, shared)).chain(own).collect();
        let digest = digest::digest(uid, &material.server_keys, &realms);
        let catalog = Catalog::new(uid.clone(), material.server_keys.clone(), realms, digest);
        catalogs.insert(provider.key.clone(), catalog);
    }
    catalogs
}
