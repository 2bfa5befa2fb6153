//! An OidcResource: an audience, and who may register it. What is served of it stands with the clients that may call it.

use api::{ConditionType, ObjectKey, OidcResource, OidcResourceSpec, Reason, ResourcePolicy};
use oidc::scope::{ScopeToken, StandardScope};
use oidc::uri::RedirectUri;

use crate::policy::{NamespaceLabels, resource_policy, selects};
use crate::provider::Provider;
use crate::reference::not_permitted;
use crate::text::disguise;
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
        shapes(spec, &mut diagnostics);
        let provider = permitting.map(|(provider, _)| provider.key);
        Self { key, object, provider, policy_name, diagnostics }
    }
}

impl Resource<'_> {
    /// Whether nothing speaks against it.
    pub(crate) fn accepted(&self) -> bool {
        self.diagnostics.iter().all(|diagnostic| diagnostic.condition != ConditionType::Accepted)
    }
}

/// What the schema judged. A stored object may be older than the schema.
fn shapes(spec: &OidcResourceSpec, diagnostics: &mut Vec<Diagnostic>) {
    for (index, scope) in spec.scopes.iter().enumerate() {
        let mut refuse = |field: &str, message: String| {
            let path = format!("spec.scopes[{index}].{field}");
            diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, path, message));
        };
        match ScopeToken::parse(&scope.name) {
            Ok(token) if StandardScope::from_token(token.as_str()).is_some() => {
                refuse("name", "is a scope of OpenID Connect or of this provider: choose another name".to_owned());
            }
            Ok(_) => {}
            Err(error) => refuse("name", error.to_string()),
        }
        // People read it on the consent page, among the provider's own words.
        if let Some(message) = scope.description.as_ref().and_then(|text| disguise(text)) {
            refuse("description", message.to_owned());
        }
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
