//! An OidcApplication: from the provider it names and the policy that allows it to the client that is served.

mod asks;
mod client;
mod logout;
mod principal;
mod secret;
mod sector;

use std::collections::BTreeSet;

use api::{
    ConditionType, FetchPrivateAddresses, IdTokenSigningAlgorithm, ObjectKey, OidcApplication, Reason,
    UserinfoSigningAlgorithm,
};
use crypto::{Algorithm, KeyRing};
use oidc::client::{OfflineAccess, PrivateAddresses};
use oidc::ids::{GroupName, Uid};
use oidc::logout::{BackchannelLogout, FrontchannelLogout};
use oidc::scope::{ScopeSet, ScopeToken};
use oidc::uri::{Issuer, IssuerError, RedirectKind, RedirectUri};

pub(crate) use client::{account_client, client};
pub(crate) use principal::Principal;
pub(crate) use secret::{Credentials, credentials};
pub(crate) use sector::sector_key;

use crate::group::Groups;
use crate::inputs::Inputs;
use crate::policy::{Allowances, Decision, Need};
use crate::provider::{Provider, algorithm_of};
use crate::reference::not_permitted;
use crate::text::{disguise, looks_derived};
use crate::unsupported;
use crate::verdict::Diagnostic;

/// Lifetimes that a manifest without a word about them gets.
const DEFAULT_LIFETIME_SECONDS: i64 = 3600;

/// An application under judgement.
#[derive(Debug)]
pub(crate) struct Application<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) object: &'a OidcApplication,
    pub(crate) uid: Option<Uid>,
    /// The application as a client.
    pub(crate) own: Principal<'a>,
    /// Its programmatic access accounts.
    pub(crate) accounts: Vec<Principal<'a>>,
    /// Audiences whose tokens it may introspect.
    pub(crate) introspects: BTreeSet<String>,
    /// What its provider, if there is one that permits the namespace, says.
    pub(crate) attached: Option<Attached<'a>>,
    redirect_uris: Vec<RedirectUri>,
    post_logout_redirect_uris: Vec<RedirectUri>,
    frontchannel_logout: Option<FrontchannelLogout>,
    backchannel_logout: Option<BackchannelLogout>,
    /// Of pairwise subjects; none: they are public.
    sector: Option<String>,
    scopes: ScopeSet,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// What an application knows only of a provider that permits its namespace.
#[derive(Debug)]
pub(crate) struct Attached<'a> {
    pub(crate) provider: &'a ObjectKey,
    pub(crate) policy_name: Option<String>,
    /// Whether some policy allows its client ID: then it can hold it.
    pub(crate) may_hold_client_id: bool,
    /// The issuer of its own that it asks for.
    pub(crate) issuer: Option<Issuer>,
    /// Whether some policy allows that host.
    pub(crate) may_hold_issuer: bool,
    id_token_seconds: i64,
    pub(crate) access_token_seconds: i64,
    refresh_token_seconds: i64,
    /// Whether people are asked about offline access where they are asked about nothing else.
    offline_access: OfflineAccess,
    /// Whether what it has servers call may have a private address.
    private_addresses: PrivateAddresses,
    /// So long may an access token live at the most, in seconds.
    pub(crate) max_access_token_seconds: i64,
    /// Values of the groups that may log in.
    groups: Vec<GroupName>,
}

impl<'a> Application<'a> {
    /// Judges an application by itself, by the policies for its namespace and by what it refers to.
    pub(crate) fn judge(
        inputs: &'a Inputs,
        provider: (&ObjectKey, Option<&Provider<'a>>),
        groups: &Groups<'_>,
        policies: &[&Allowances],
        key: &'a ObjectKey,
        object: &'a OidcApplication,
    ) -> Self {
        let (wanted, provider) = provider;
        let spec = &object.spec;
        let mut diagnostics = Vec::new();
        // What is wrong in the manifest alone is told after what the provider has against it.
        let mut shaped = Vec::new();
        let client_id =
            spec.client_id.as_ref().map_or_else(|| format!("{}.{}", key.namespace, key.name), ToString::to_string);
        let mut own = Principal::own(key, client_id, &spec.client_authentication, &mut shaped);
        own.signs_with_secret |= spec.id_token.signing_algorithm == IdTokenSigningAlgorithm::HS256;
        let accounts = spec.programmatic_access.iter().enumerate();
        let mut accounts: Vec<_> =
            accounts.map(|(index, account)| Principal::account(key, index, account, &mut shaped)).collect();
        let asks = asks::asks(spec);
        let decided = provider.and_then(|provider| Some((provider, Decision::of(policies, &asks)?)));
        let attached = match decided {
            None => {
                diagnostics.push(not_permitted(wanted, "applications", &key.namespace));
                None
            }
            Some((provider, decision)) => {
                diagnostics.extend(decision.objections.iter().cloned());
                provider.waits_for(&mut diagnostics);
                for (path, algorithm) in algorithms(object) {
                    // HS256 has no key of the provider: it is signed with the client's secret.
                    if algorithm.is_asymmetric() && !provider.lists(algorithm) {
                        let message = format!(
                            "the provider keeps no {algorithm} key: use another algorithm, or have its team add it to signing.algorithms"
                        );
                        diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, path, message));
                    }
                }
                let tokens = &provider.object.spec.tokens;
                let allowed = decision.nearest.policy.max_access_token_lifetime_seconds;
                let private_addresses = match decision.nearest.policy.fetch_private_addresses {
                    FetchPrivateAddresses::Denied => PrivateAddresses::Denied,
                    FetchPrivateAddresses::Allowed => PrivateAddresses::Allowed,
                };
                for principal in std::iter::once(&mut own).chain(&mut accounts) {
                    principal.fetch_from(private_addresses);
                }
                if decision.objections.iter().all(|one| one.reason != Reason::SecretReferenceNotAllowed) {
                    for principal in std::iter::once(&mut own).chain(&mut accounts) {
                        principal.find_secret(inputs, key, &mut diagnostics);
                    }
                }
                let own_host = spec.issuer.as_ref().map(|issuer| issuer.host.to_string());
                let issuer = own_issuer(provider, own_host.as_deref(), &own.client_id, &mut diagnostics);
                Some(Attached {
                    provider: provider.key,
                    issuer,
                    may_hold_issuer: own_host.is_some_and(|host| is_met(&Need::IssuerHost(host), policies)),
                    policy_name: decision.policy_name(),
                    may_hold_client_id: may_hold(spec.client_id.as_ref().map(ToString::to_string), policies),
                    id_token_seconds: spec.id_token.lifetime_seconds.min(tokens.id_token_lifetime_seconds),
                    access_token_seconds: spec
                        .access_token
                        .lifetime_seconds
                        .min(tokens.access_token_lifetime_seconds)
                        .min(allowed),
                    refresh_token_seconds: spec
                        .refresh_token
                        .lifetime_seconds
                        .min(tokens.refresh_token_lifetime_seconds),
                    offline_access: match decision.nearest.policy.offline_access {
                        api::OfflineAccess::Consent => OfflineAccess::Consent,
                        api::OfflineAccess::Silent => OfflineAccess::Silent,
                    },
                    private_addresses,
                    max_access_token_seconds: allowed.min(tokens.access_token_lifetime_seconds),
                    groups: group_values(groups, provider.key, object, &mut diagnostics),
                })
            }
        };
        diagnostics.extend(unsupported::application(spec));
        let Shapes { redirect_uris, post_logout_redirect_uris, scopes } = shapes(object, &mut diagnostics);
        let frontchannel_logout = logout::frontchannel(spec, &redirect_uris, &mut diagnostics);
        let private = attached.as_ref().map_or(PrivateAddresses::Denied, |attached| attached.private_addresses);
        let backchannel_logout = logout::backchannel(spec, private, &mut diagnostics);
        let sector = sector::sector(spec, &redirect_uris).unwrap_or_else(|diagnostic| {
            diagnostics.push(diagnostic);
            None
        });
        diagnostics.append(&mut shaped);
        // What the reader sees first is what decides.
        diagnostics.sort_by_key(|diagnostic| diagnostic.condition != ConditionType::Accepted);
        let uid = object.metadata.uid.clone().map(Uid::new);
        let introspects = BTreeSet::new();
        Self {
            key,
            object,
            uid,
            own,
            accounts,
            introspects,
            attached,
            redirect_uris,
            post_logout_redirect_uris,
            frontchannel_logout,
            backchannel_logout,
            sector,
            scopes,
            diagnostics,
        }
    }

    /// The application and its accounts.
    pub(crate) fn principals(&self) -> impl Iterator<Item = &Principal<'a>> {
        std::iter::once(&self.own).chain(&self.accounts)
    }

    /// As [`Self::principals`], and in the same order.
    pub(crate) fn principals_mut(&mut self) -> impl Iterator<Item = &mut Principal<'a>> {
        std::iter::once(&mut self.own).chain(&mut self.accounts)
    }

    /// Whether nothing speaks against it but, maybe, what it refers to.
    pub(crate) fn accepted(&self) -> bool {
        self.diagnostics.iter().all(|diagnostic| diagnostic.condition != ConditionType::Accepted)
    }

    /// Whether the ring can sign what it asks for; says so if not.
    pub(crate) fn can_be_signed(&mut self, ring: &KeyRing) -> bool {
        let missing: Vec<_> = algorithms(self.object)
            .into_iter()
            .filter(|(_, algorithm)| algorithm.is_asymmetric() && ring.signing(*algorithm).is_none())
            .collect();
        for (path, algorithm) in &missing {
            let message = format!("the provider has no active {algorithm} key yet");
            self.diagnostics.push(Diagnostic::pending(ConditionType::Programmed, *path, message));
        }
        missing.is_empty()
    }
}

/// The algorithms of its tokens, each with its field.
fn algorithms(object: &OidcApplication) -> Vec<(&'static str, Algorithm)> {
    let userinfo = userinfo_algorithm(object.spec.userinfo.signing_algorithm);
    let mut all = vec![
        ("spec.idToken.signingAlgorithm", id_token_algorithm(object.spec.id_token.signing_algorithm)),
        ("spec.accessToken.signingAlgorithm", algorithm_of(object.spec.access_token.signing_algorithm)),
    ];
    all.extend(userinfo.map(|algorithm| ("spec.userinfo.signingAlgorithm", algorithm)));
    all
}

const fn userinfo_algorithm(algorithm: UserinfoSigningAlgorithm) -> Option<Algorithm> {
    match algorithm {
        UserinfoSigningAlgorithm::None => None,
        UserinfoSigningAlgorithm::RS256 => Some(Algorithm::RS256),
        UserinfoSigningAlgorithm::PS256 => Some(Algorithm::PS256),
        UserinfoSigningAlgorithm::ES256 => Some(Algorithm::ES256),
        UserinfoSigningAlgorithm::ES384 => Some(Algorithm::ES384),
        UserinfoSigningAlgorithm::EdDSA => Some(Algorithm::EdDSA),
    }
}

const fn id_token_algorithm(algorithm: IdTokenSigningAlgorithm) -> Algorithm {
    match algorithm {
        IdTokenSigningAlgorithm::RS256 => Algorithm::RS256,
        IdTokenSigningAlgorithm::PS256 => Algorithm::PS256,
        IdTokenSigningAlgorithm::ES256 => Algorithm::ES256,
        IdTokenSigningAlgorithm::ES384 => Algorithm::ES384,
        IdTokenSigningAlgorithm::EdDSA => Algorithm::EdDSA,
        IdTokenSigningAlgorithm::HS256 => Algorithm::HS256,
    }
}

/// Whether the application may hold its client ID: a derived one always, a custom one where any policy grants it, even
/// if no policy grants all the rest. One that poses as derived is held by nobody but its namespace.
fn may_hold(custom: Option<String>, policies: &[&Allowances]) -> bool {
    let Some(id) = custom else { return true };
    if looks_derived(&id) {
        return false;
    }
    is_met(&Need::ClientId(id), policies)
}

fn is_met(need: &Need, policies: &[&Allowances]) -> bool {
    policies.iter().any(|policy| need.is_met_by(policy))
}

/// The provider's issuer on the application's own host.
fn own_issuer(
    provider: &Provider<'_>,
    host: Option<&str>,
    client_id: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Issuer> {
    let mut refuse = |message: String| {
        diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, "spec.issuer.host", message));
        None
    };
    match provider.issuer.as_ref()?.on(host?) {
        Ok(issuer) if issuer.as_str() == client_id => {
            refuse("its issuer would be its client ID: tokens could not tell the two apart".to_owned())
        }
        Ok(issuer) => Some(issuer),
        Err(IssuerError::Scheme) => refuse(
            "the provider's issuer is http, which stays on this machine: write localhost or a name below it".to_owned(),
        ),
        Err(error @ (IssuerError::Form | IssuerError::Extra)) => refuse(error.to_string()),
    }
}

/// The claim values of the groups that may log in. One that is missing lets nobody in, and the others still do.
fn group_values(
    groups: &Groups<'_>,
    provider: &ObjectKey,
    object: &OidcApplication,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<GroupName> {
    let mut values = Vec::new();
    for (index, name) in object.spec.user_access.groups.iter().enumerate() {
        let key = ObjectKey::new(provider.namespace.clone(), name.as_str());
        if let Some(group) = groups.get(&key).filter(|group| group.accepted()) {
            values.push(group.claim_value.clone());
        } else {
            let message = format!("there is no OidcGroup `{name}` at the provider: nobody logs in through it");
            let path = format!("spec.userAccess.groups[{index}]");
            diagnostics.push(Diagnostic::new(Reason::GroupNotFound, path, message));
        }
    }
    values
}

/// See [`shapes`].
struct Shapes {
    redirect_uris: Vec<RedirectUri>,
    post_logout_redirect_uris: Vec<RedirectUri>,
    scopes: ScopeSet,
}

/// What the schema judged, as the types that the server trusts. A stored object may be older than the schema.
fn shapes(object: &OidcApplication, diagnostics: &mut Vec<Diagnostic>) -> Shapes {
    let spec = &object.spec;
    let mut refuse = |path: String, message: String| {
        diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, path, message));
    };
    let mut uris = |field: &str, written: &[api::RedirectUri]| {
        let mut uris = Vec::new();
        for (index, uri) in written.iter().enumerate() {
            match RedirectUri::parse(uri) {
                Ok(uri) => uris.push(uri),
                Err(error) => refuse(format!("spec.{field}[{index}]"), error.to_string()),
            }
        }
        uris
    };
    let redirect_uris = uris("redirectURIs", &spec.redirect_uris);
    let post_logout_redirect_uris = uris("postLogoutRedirectURIs", &spec.post_logout_redirect_uris);
    let mut scopes = Vec::new();
    for (index, scope) in spec.scopes.iter().enumerate() {
        match ScopeToken::parse(scope) {
            Ok(scope) => scopes.push(scope),
            Err(error) => refuse(format!("spec.scopes[{index}]"), error.to_string()),
        }
    }
    if let Some(message) = spec.display_name.as_ref().and_then(|name| disguise(name)) {
        refuse("spec.displayName".to_owned(), message.to_owned());
    }
    for (path, link) in [("spec.policyURI", &spec.policy_uri), ("spec.tosURI", &spec.tos_uri)] {
        let Some(link) = link else { continue };
        // A link on our page must lead to a page, not run a script there.
        match RedirectUri::parse(link).map(|uri| uri.kind()) {
            Ok(RedirectKind::Https | RedirectKind::LoopbackAddress | RedirectKind::Localhost) => {}
            Ok(RedirectKind::PrivateUse) | Err(_) => {
                refuse(path.to_owned(), "must be an https URL, or http on a loopback host".to_owned());
            }
        }
    }
    for (index, claim) in spec.claims.iter().enumerate() {
        if api::RESERVED_CLAIMS.contains(&claim.name.as_str()) {
            let message = format!("`{}` is a reserved claim name: choose another", claim.name);
            refuse(format!("spec.claims[{index}].name"), message);
        }
        if claim.value.is_some() == claim.from_attribute.is_some() {
            let message = "a claim has exactly one of value and fromAttribute".to_owned();
            refuse(format!("spec.claims[{index}]"), message);
        }
    }
    if spec.client_id.as_ref().is_some_and(|id| looks_derived(id)) {
        let message = "must not look like a derived client ID (labels joined by dots): those belong to namespaces";
        diagnostics.push(Diagnostic::new(Reason::ClientIDNotAllowed, "spec.clientID", message));
    }
    Shapes { redirect_uris, post_logout_redirect_uris, scopes: scopes.into_iter().collect() }
}
