//! Which policy of a provider allows what an object asks for.
//!
//! One policy has to allow everything: two teams that each got half of a power have not got it together. Where none
//! does, the errors are those of the nearest policy, and policies for other namespaces are never mentioned.

mod ask;
mod hosts;
mod selector;

use api::{ApplicationPolicy, LoopbackRedirects, Namespaces, NamespacesType, OidcProviderSpec, ResourcePolicy};

pub(crate) use ask::{Ask, Need};
pub(crate) use hosts::matches_any;
pub(crate) use selector::{NamespaceLabels, selects};

use crate::verdict::Diagnostic;

/// What one policy allows.
#[derive(Clone, Debug)]
pub(crate) struct Allowances {
    /// The policy as written, or filled with the defaults.
    pub(crate) policy: ApplicationPolicy,
    /// Whether it was written, or stands in for a list without policies.
    pub(crate) origin: Origin,
}

/// Where allowances come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From `applicationPolicies`.
    Written,
    /// From its emptiness: the provider's own namespace, any https host, loopback addresses, and defaults.
    Implicit,
}

/// The application policies of a provider.
pub(crate) fn application_policies(spec: &OidcProviderSpec) -> Vec<Allowances> {
    if spec.application_policies.is_empty() {
        let namespaces = Namespaces { type_: NamespacesType::Same, selector: None };
        let mut policy = ApplicationPolicy::with_defaults(String::new().into(), namespaces);
        policy.loopback_redirects = LoopbackRedirects::AddressOnly;
        return vec![Allowances { policy, origin: Origin::Implicit }];
    }
    let written = |policy: &ApplicationPolicy| Allowances { policy: policy.clone(), origin: Origin::Written };
    spec.application_policies.iter().map(written).collect()
}

/// What the policies for a namespace say to an application.
#[derive(Clone, Debug)]
pub(crate) struct Decision<'p> {
    /// The policy that allows everything, or the one with the fewest objections, the first of those.
    pub(crate) nearest: &'p Allowances,
    /// Its objections; none: it allows the application.
    pub(crate) objections: Vec<Diagnostic>,
}

impl<'p> Decision<'p> {
    /// The allowances, and whether they suffice.
    pub(crate) fn of(policies: &[&'p Allowances], asks: &[Ask]) -> Option<Self> {
        let mut best: Option<Self> = None;
        for nearest in policies {
            let objections: Vec<Diagnostic> = asks.iter().filter_map(|ask| ask.objection(nearest)).collect();
            if objections.is_empty() {
                return Some(Self { nearest, objections });
            }
            if best.as_ref().is_none_or(|best| objections.len() < best.objections.len()) {
                best = Some(Self { nearest, objections });
            }
        }
        best
    }

    /// Name of the policy that allows the application; an implicit one has none.
    pub(crate) fn policy_name(&self) -> Option<String> {
        match self.nearest.origin {
            Origin::Written if self.objections.is_empty() => Some(self.nearest.policy.name.to_string()),
            Origin::Written | Origin::Implicit => None,
        }
    }
}

/// The resource policy that lets an audience's host be registered from a namespace.
pub(crate) fn resource_policy<'p>(policies: &[&'p ResourcePolicy], host: &str) -> Option<&'p ResourcePolicy> {
    policies.iter().find(|policy| matches_any(&policy.allowed_audience_hosts, host)).copied()
}

#[cfg(test)]
mod tests;
