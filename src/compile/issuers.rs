//! Issuers of applications' own: the provider's issuer on another host, with keys and sessions that belong to it alone.

use std::collections::{BTreeMap, BTreeSet};

use api::{Kind, ObjectKey, Reason};
use oidc::ids::Uid;
use oidc::uri::Issuer;

use crate::across::{Age, Claim, settle};
use crate::compilation::World;
use crate::inputs::Inputs;
use crate::verdict::{Diagnostic, ObjectRef};

/// An issuer that an application holds, whether the application is refused for another reason or not: its keys are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnIssuer {
    /// The application.
    pub application: ObjectKey,
    /// Its provider, whose schedule the keys follow.
    pub provider: ObjectKey,
    /// The identifier.
    pub issuer: Issuer,
    /// Whether nothing speaks against the application: for one that is refused no keys are made.
    pub accepted: bool,
}

/// One host is one issuer's, at whatever provider: a browser and its cookies know hosts, and whoever sends requests on
/// knows nothing else of them.
pub(crate) fn hosts(inputs: &Inputs, world: &mut World<'_>) {
    let own = world.applications.values().filter_map(|application| {
        let attached = application.attached.as_ref().filter(|attached| attached.may_hold_issuer)?;
        let host = attached.issuer.as_ref()?.host();
        let holds = inputs.holds(application.uid.as_ref(), |held| held.issuer_host.as_deref() == Some(host));
        let age = Age::of(&application.object.metadata, application.key).holding(holds);
        Some(Claim { name: host, age, kind: Kind::OidcApplication })
    });
    // Those of providers were settled among themselves.
    let shared = world.providers.values().filter_map(|provider| {
        let host = provider.issuer.as_ref()?.host();
        Some(Claim { name: host, age: Age::ever(provider.key), kind: Kind::OidcProvider })
    });
    let losers: BTreeSet<ObjectRef> = settle(own.chain(shared).collect()).into_keys().collect();
    for loser in losers.into_iter().filter(|loser| loser.kind == Kind::OidcApplication) {
        if let Some(application) = world.applications.get_mut(&loser.key) {
            let message = "the host is already that of another issuer: choose another";
            application.diagnostics.insert(0, Diagnostic::new(Reason::IssuerConflict, "spec.issuer.host", message));
        }
    }
}

/// The issuers that are held, by the UIDs of their applications.
pub(crate) fn held(world: &World<'_>) -> BTreeMap<Uid, OwnIssuer> {
    let own = world.applications.values().filter_map(|application| {
        let attached = application.attached.as_ref().filter(|attached| attached.may_hold_issuer)?;
        let lost = application.diagnostics.iter().any(|diagnostic| diagnostic.reason == Reason::IssuerConflict);
        let issuer = attached.issuer.clone().filter(|_| !lost)?;
        let (application, provider, accepted) =
            (application.key.clone(), attached.provider.clone(), application.accepted());
        let uid = world.applications.get(&application)?.uid.clone()?;
        Some((uid, OwnIssuer { application, provider, issuer, accepted }))
    });
    own.collect()
}
