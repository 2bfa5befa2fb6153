//! The OidcResource kind: an API that access tokens are issued for.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cel::{NAME_MESSAGE, NAME_RULE, rules, rules_at};
use crate::reference::{LocalRef, PROVIDER_REF_IMMUTABLE, PROVIDER_REF_MESSAGE, ProviderRef};
use crate::status::{Condition, lenient, lenient_list, never_observed, unseen};
use crate::text::{Audience, LabelName, ScopeToken};

/// What an API is called, what it offers and who may call it.
#[derive(CustomResource, JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "portcullis.dev",
    version = "v1alpha1",
    kind = "OidcResource",
    namespaced,
    status = "OidcResourceStatus",
    derive = "PartialEq",
    doc = "An API: the audience of its access tokens, its scopes, and the applications that may call it. A caller asks for it in its OidcApplication; only this object, of the API's owner, permits it.",
    shortname = "ores",
    category = "oidc",
    selectable = ".spec.audience",
    selectable = ".spec.providerRef.name",
    selectable = ".status.policyName",
    validation = Rule::new(NAME_RULE).message(NAME_MESSAGE),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Audience", type_ = "string", json_path = ".spec.audience"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Issuer", type_ = "string", json_path = ".status.issuer", priority = 1),
    printcolumn(name = "Policy", type_ = "string", json_path = ".status.policyName", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules_at([(".providerRef", PROVIDER_REF_IMMUTABLE, PROVIDER_REF_MESSAGE), (".allowedClients", SCOPES_RULE, SCOPES_MESSAGE)])))]
pub struct OidcResourceSpec {
    /// The provider that issues its tokens. Absent: the OidcProvider named default in the
    /// provider namespace that the operator was started with. It never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<ProviderRef>,

    /// The audience of its access tokens: an https URL, unique per provider, under a host
    /// that a resource policy allows. It never changes.
    pub audience: Audience,

    /// The scopes it knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub scopes: Vec<ResourceScope>,

    /// Seconds that its access tokens live, or less where the provider or the caller's policy
    /// sets a lower limit. Absent: as long as the application's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 2_592_000))]
    pub access_token_lifetime_seconds: Option<i64>,

    /// The applications and accounts that may call it. Nobody else may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = rules([(
        "self.all(x, self.exists_one(y, x.name == y.name && \
         (has(x.__namespace__) ? x.__namespace__ : '') == (has(y.__namespace__) ? y.__namespace__ : '') && \
         (has(x.account) ? x.account : '') == (has(y.account) ? y.account : '')))",
        "the list names a client twice: put all of its scopes into one entry",
    )])))]
    pub allowed_clients: Vec<AllowedClient>,

    /// The OidcApplications of this namespace that may introspect tokens for this audience
    /// (RFC 7662).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = rules([(
        "self.all(x, self.exists_one(y, x.name == y.name))",
        "the list names an application twice: keep one of them",
    )])))]
    pub introspection: Vec<LocalRef>,
}

const SCOPES_RULE: &str = "!has(self.allowedClients) || self.allowedClients.all(c, c.scopes.all(s, \
     has(self.scopes) && self.scopes.exists(known, known.name == s)))";
const SCOPES_MESSAGE: &str = "allowedClients names a scope that is not in scopes: define it there or take it out";

/// One scope of an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceScope {
    /// The scope, as clients ask for it. The scopes of OpenID Connect are taken.
    #[schemars(extend("x-kubernetes-validations" = rules([(
        "!(self in ['openid', 'profile', 'email', 'phone', 'address', 'offline_access', 'groups'])",
        "is a scope of OpenID Connect or of this provider: choose another name, such as orders.read",
    )])))]
    pub name: ScopeToken,

    /// What it permits, for the consent page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub description: Option<String>,
}

/// A client that may call an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedClient {
    /// The namespace of the OidcApplication. Absent: that of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<LabelName>,

    /// The name of the OidcApplication.
    pub name: LabelName,

    /// The programmatic access account of the application. Absent: the application itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<LabelName>,

    /// The scopes it may have.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub scopes: Vec<ScopeToken>,
}

/// What the controller last saw and did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = unseen()))]
pub struct OidcResourceStatus {
    /// The `metadata.generation` this status speaks of; -1 before the first look.
    #[serde(default = "never_observed", deserialize_with = "lenient")]
    pub observed_generation: i64,

    /// The issuer of the provider that issues its tokens.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub issuer: Option<String>,

    /// The resource policy of the provider that permits its audience.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub policy_name: Option<String>,

    /// What holds and what does not.
    #[serde(default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
