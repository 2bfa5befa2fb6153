//! An OidcResource: an audience, and who may register it. Nothing is served of it yet.

use api::{ObjectKey, OidcResource, Reason, ResourcePolicy};
use oidc::uri::RedirectUri;

use crate::policy::{NamespaceLabels, resource_policy, selects};
use crate::provider::Provider;
use crate::reference::not_permitted;
use crate::unsupported;
use crate::verdict::Diagnostic;

/// A resource under judgement.
#[derive(Debug)]
pub(crate) struct Resource<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) object: &'a OidcResource,
    /// The provider, if it permits this namespace.
    pub(crate) provider: Option<&'a ObjectKey>,
    /// The policy that allows the audience.
    pub(crate) policy_name: Option<String>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> Resource<'a> {
    /// Judges a resource by itself and by the policies of its provider.
    pub(crate) fn judge(
        provider: (&ObjectKey, Option<&Provider<'a>>),
        namespace: NamespaceLabels<'_>,
        key: &'a ObjectKey,
        object: &'a OidcResource,
    ) -> Self {
        let mut diagnostics = Vec::new();
        let spec = &object.spec;
        let (wanted, provider) = provider;
        let permitting = provider.map(|provider| (provider, policies(provider, namespace)));
        let permitting = permitting.filter(|(_, policies)| !policies.is_empty());
        let mut policy_name = None;
        match &permitting {
            None => diagnostics.push(not_permitted(wanted, "APIs", &key.namespace)),
            Some((provider, policies)) => {
                match RedirectUri::parse(&spec.audience) {
                    Ok(audience) => match audience.host().and_then(|host| resource_policy(policies, host)) {
                        Some(policy) => policy_name = Some(policy.name.to_string()),
                        None => diagnostics.push(refused(audience.host().unwrap_or_default(), policies)),
                    },
                    Err(error) => {
                        diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, "spec.audience", error.to_string()));
                    }
                }
                provider.waits_for(&mut diagnostics);
            }
        }
        diagnostics.extend(unsupported::resource(spec));
        let provider = permitting.map(|(provider, _)| provider.key);
        Self { key, object, provider, policy_name, diagnostics }
    }
}

fn policies<'p>(provider: &Provider<'p>, namespace: NamespaceLabels<'_>) -> Vec<&'p ResourcePolicy> {
    let speaks = |policy: &&ResourcePolicy| selects(&policy.namespaces, &provider.key.namespace, namespace);
    provider.object.spec.resource_policies.iter().filter(speaks).collect()
}

fn refused(host: &str, policies: &[&ResourcePolicy]) -> Diagnostic {
    let allowed: Vec<String> =
        policies.iter().flat_map(|policy| &policy.allowed_audience_hosts).map(|host| format!("`{host}`")).collect();
    let allowed = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
    let message =
        format!("host `{host}` is not allowed by the resource policies for this namespace: they allow {allowed}");
    Diagnostic::new(Reason::AudienceHostNotAllowed, "spec.audience", message)
}
