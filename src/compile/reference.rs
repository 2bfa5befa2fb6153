//! Where `providerRef` leads.

use api::{ConditionType, ObjectKey, ProviderRef, Reason};

use crate::provider::Provider;
use crate::verdict::Diagnostic;

/// The provider that a reference names; absent: `default` in the operator's provider namespace.
pub fn provider_key(reference: Option<&ProviderRef>, provider_namespace: &str) -> ObjectKey {
    let name = reference.map_or("default", |reference| reference.name.as_str());
    let namespace = reference.and_then(|reference| reference.namespace.as_ref());
    ObjectKey::new(namespace.map_or(provider_namespace, |namespace| namespace.as_str()), name)
}

/// One answer for a provider that does not exist and for one that does not permit the namespace: otherwise anybody could
/// find out which providers there are.
pub(crate) fn not_permitted(provider: &ObjectKey, what: &str, namespace: &str) -> Diagnostic {
    let message = format!(
        "there is no OidcProvider `{provider}` that permits {what} of namespace `{namespace}`: \
         check the reference, or ask its team for a policy"
    );
    Diagnostic::new(Reason::ProviderNotFoundOrNotPermitted, "spec.providerRef", message)
}

impl Provider<'_> {
    /// Says that nothing can be attached while the provider itself is refused.
    pub(crate) fn waits_for(&self, diagnostics: &mut Vec<Diagnostic>) {
        if !self.accepted() {
            let message = format!("OidcProvider `{}` is not accepted itself: its own status says why", self.key);
            diagnostics.push(Diagnostic::pending(ConditionType::Accepted, "spec.providerRef", message));
        }
    }
}
