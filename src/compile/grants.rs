//! Who may call which API: the caller's manifest asks, and the manifest of the API's owner allows. Neither alone is enough.
//!
//! An API that does not exist, is not accepted, or allows the caller nothing gives one answer: nobody finds out which APIs
//! there are by asking for them. In a review all manifests are the reader's own, and what is not among them can be told.

use std::collections::BTreeMap;

use api::{ObjectKey, OidcResourceSpec, Reason, ResourceGrant};
use oidc::client::ResourceAccess;
use oidc::scope::ScopeToken;

use crate::application::Application;
use crate::compilation::World;
use crate::inputs::{Inputs, Mode};
use crate::resource::Resource;
use crate::verdict::Diagnostic;

/// Settles them all, now that it is known which audiences are whose.
pub(crate) fn settle(inputs: &Inputs, world: &mut World<'_>) {
    let World { resources, applications, .. } = world;
    let resources: BTreeMap<&ObjectKey, &Resource<'_>> =
        resources.iter().filter(|(_, resource)| resource.accepted()).map(|(key, resource)| (*key, resource)).collect();
    for application in applications.values_mut() {
        let Some(provider) = application.attached.as_ref().map(|attached| attached.provider) else { continue };
        let here = |key: &ObjectKey| resources.get(key).filter(|resource| resource.provider == Some(provider)).copied();
        resolve(inputs, application, here);
    }
    for resource in resources.values() {
        for reference in &resource.object.spec.introspection {
            let key = ObjectKey::new(resource.key.namespace.clone(), reference.name.as_str());
            let Some(application) = applications.get_mut(&key) else { continue };
            if application.attached.as_ref().map(|attached| attached.provider) == resource.provider {
                application.introspects.insert(resource.object.spec.audience.to_string());
            }
        }
    }
}

fn resolve<'r>(
    inputs: &Inputs,
    application: &mut Application<'_>,
    find: impl Fn(&ObjectKey) -> Option<&'r Resource<'r>>,
) {
    let spec = &application.object.spec;
    let Some(attached) = &application.attached else { return };
    let lifetime = |spec: &OidcResourceSpec| {
        let own = spec.access_token_lifetime_seconds.unwrap_or(attached.access_token_seconds);
        own.min(attached.max_access_token_seconds)
    };
    let caller = |account| Caller { application: application.key, account };
    let own = (&mut application.own, &spec.resources, "spec".to_owned());
    let accounts = application.accounts.iter_mut().zip(&spec.programmatic_access).enumerate().map(
        |(index, (principal, account))| (principal, &account.resources, format!("spec.programmaticAccess[{index}]")),
    );
    for (principal, grants, base) in std::iter::once(own).chain(accounts) {
        let caller = caller(principal.account);
        for (index, grant) in grants.iter().enumerate() {
            let key = resource_key(grant, application.key);
            let found = find(&key);
            let scopes = found.map(|resource| caller.allowed(resource, grant)).unwrap_or_default();
            let missing: Vec<&str> =
                grant.scopes.iter().map(api::ScopeToken::as_str).filter(|scope| !names(&scopes, scope)).collect();
            let is_absent = inputs.mode == Mode::Check && !inputs.resources.contains_key(&key);
            if is_absent && key.namespace != application.key.namespace {
                // Another team's, and kept where that team keeps its manifests. Theirs is the last word in any case.
                continue;
            }
            if !missing.is_empty() {
                let message = if is_absent {
                    format!(
                        "there is no OidcResource `{key}` among these manifests: check the reference, or add the file \
                         that it is in"
                    )
                } else {
                    format!(
                        "there is no OidcResource `{key}` that allows this client {}: check the reference, or ask its \
                         owner for an entry in allowedClients",
                        missing.join(", ")
                    )
                };
                let path = format!("{base}.resources[{index}]");
                application.diagnostics.push(Diagnostic::new(Reason::ResourceNotFoundOrNotPermitted, path, message));
            }
            if let Some(resource) = found.filter(|_| !scopes.is_empty()) {
                let spec = &resource.object.spec;
                let (audience, lifetime_seconds) = (spec.audience.to_string(), lifetime(spec));
                principal.resources.push(ResourceAccess { audience, scopes, lifetime_seconds });
            }
        }
    }
}

fn names(scopes: &BTreeMap<ScopeToken, Option<String>>, scope: &str) -> bool {
    scopes.keys().any(|token| token.as_str() == scope)
}

fn resource_key(grant: &ResourceGrant, application: &ObjectKey) -> ObjectKey {
    let namespace = grant.resource_ref.namespace.as_ref().map_or(application.namespace.as_str(), |name| name.as_str());
    ObjectKey::new(namespace, grant.resource_ref.name.as_str())
}

/// Who asks.
#[derive(Clone, Copy)]
struct Caller<'a> {
    application: &'a ObjectKey,
    account: Option<&'a str>,
}

impl Caller<'_> {
    /// What the owner of the API allows of what is asked for, with the owner's words.
    fn allowed(self, resource: &Resource<'_>, grant: &ResourceGrant) -> BTreeMap<ScopeToken, Option<String>> {
        let spec = &resource.object.spec;
        let is_me = |entry: &&api::AllowedClient| {
            let namespace = entry.namespace.as_ref().map_or(resource.key.namespace.as_str(), |name| name.as_str());
            namespace == self.application.namespace
                && entry.name.as_str() == self.application.name
                && entry.account.as_ref().map(api::LabelName::as_str) == self.account
        };
        let allowed = || spec.allowed_clients.iter().filter(is_me).flat_map(|entry| &entry.scopes);
        let wanted = grant.scopes.iter().filter(|scope| allowed().any(|allowed| allowed == *scope));
        let known = wanted.filter_map(|scope| spec.scopes.iter().find(|known| known.name == *scope));
        // Nobody is asked for consent by an account: then the words are the owner's to fill its record with, and no more.
        let words = |known: &api::ResourceScope| known.description.clone().filter(|_| self.account.is_none());
        known.filter_map(|known| Some((ScopeToken::parse(&known.name).ok()?, words(known)))).collect()
    }
}
