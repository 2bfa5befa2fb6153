//! Policies of an OidcProvider: what the platform team lets other namespaces do.
//!
//! The lists have no defaults in the schema, since tools that compare manifests show a
//! default inside a list item as drift; decoding fills them in. Naming a value twice in a
//! list changes nothing, so no rule spends the cost budget on it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::application::{ClientAuthenticationType, ConsentMode, GrantType, ResponseType};
use crate::cel::rules;
use crate::text::{ClientIdPrefix, HostPattern, LabelKey, LabelName, LabelValue, PrivateUseScheme, ScopeToken};
use crate::wire::wire_enum;

/// What the applications of some namespaces may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationPolicy {
    /// The name of the policy. Applications show it in `status.policyName`.
    pub name: LabelName,

    /// The namespaces it speaks of.
    pub namespaces: Namespaces,

    /// The hosts of redirect URIs, and of post-logout, front-channel logout and login URIs.
    /// `*.` in front stands for exactly one label. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub allowed_redirect_hosts: Vec<HostPattern>,

    /// The hosts on which an application may have an issuer of its own. `*.` in front
    /// stands for exactly one label. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub dedicated_issuer_hosts: Vec<HostPattern>,

    /// Redirects to the person's own machine, as command-line tools need them: Denied
    /// (default), AddressOnly (127.0.0.1 and [::1]), IncludingLocalhost.
    #[serde(default)]
    pub loopback_redirects: LoopbackRedirects,

    /// Private-use URI schemes of mobile applications, such as com.example.app. Default:
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub private_use_schemes: Vec<PrivateUseScheme>,

    /// The grant types: authorization_code, implicit, client_credentials, password,
    /// refresh_token. Default: authorization_code, refresh_token, client_credentials.
    #[serde(default = "grant_types")]
    #[schemars(length(max = 7), extend("x-kubernetes-list-type" = "atomic"))]
    pub grant_types: Vec<GrantType>,

    /// The response types: code, id_token, id_token token, code id_token, code token,
    /// code id_token token. Default: code.
    #[serde(default = "response_types")]
    #[schemars(length(max = 6), extend("x-kubernetes-list-type" = "atomic"))]
    pub response_types: Vec<ResponseType>,

    /// The scopes. Default: openid, profile, email, phone, address, offline_access, groups.
    #[serde(default = "scopes")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub scopes: Vec<ScopeToken>,

    /// The ways of client authentication: ClientSecret, ServiceAccountToken, PrivateKeyJwt,
    /// None. Default: all.
    #[serde(default = "client_authentications")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "atomic"))]
    pub client_authentications: Vec<ClientAuthenticationType>,

    /// The consent modes: Required, Skip. Default: Required. Grant Skip to first-party
    /// namespaces only: their applications read claims without asking the person.
    #[serde(default = "consent")]
    #[schemars(length(max = 2), extend("x-kubernetes-list-type" = "atomic"))]
    pub consent: Vec<ConsentMode>,

    /// Whether offline access is shown to the person at its first grant: Consent (default)
    /// or Silent (no page for applications that skip consent).
    #[serde(default)]
    pub offline_access: OfflineAccess,

    /// The beginnings of custom client IDs. Default: none, so `clientID` is refused.
    #[serde(rename = "customClientIDPrefixes", default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub custom_client_id_prefixes: Vec<ClientIdPrefix>,

    /// Whether a client secret may come from a Secret that the application's team wrote:
    /// Denied (default) or Allowed.
    #[serde(default)]
    pub secret_references: SecretReferences,

    /// The only hosts a jwksURI is fetched from. `*.` in front stands for exactly one label.
    /// Default: none.
    #[serde(rename = "jwksURIHosts", default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub jwks_uri_hosts: Vec<HostPattern>,

    /// The only hosts a back-channel logout token is sent to. `*.` in front stands for
    /// exactly one label. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub backchannel_logout_hosts: Vec<HostPattern>,

    /// Whether those hosts may have private addresses, as inside a cluster: Denied (default)
    /// or Allowed. Loopback and link-local addresses, metadata services of clouds and the API
    /// server stay refused.
    #[serde(default)]
    pub fetch_private_addresses: FetchPrivateAddresses,

    /// The longest access token lifetime an application may ask for, in seconds. Default:
    /// 3600.
    #[serde(default = "max_access_token_lifetime")]
    #[schemars(range(min = 10, max = 2_592_000))]
    pub max_access_token_lifetime_seconds: i64,
}

impl ApplicationPolicy {
    /// A policy in which nothing but the required fields is written.
    pub fn with_defaults(name: LabelName, namespaces: Namespaces) -> Self {
        Self {
            name,
            namespaces,
            allowed_redirect_hosts: Vec::new(),
            dedicated_issuer_hosts: Vec::new(),
            loopback_redirects: LoopbackRedirects::default(),
            private_use_schemes: Vec::new(),
            grant_types: grant_types(),
            response_types: response_types(),
            scopes: scopes(),
            client_authentications: client_authentications(),
            consent: consent(),
            offline_access: OfflineAccess::default(),
            custom_client_id_prefixes: Vec::new(),
            secret_references: SecretReferences::default(),
            jwks_uri_hosts: Vec::new(),
            backchannel_logout_hosts: Vec::new(),
            fetch_private_addresses: FetchPrivateAddresses::default(),
            max_access_token_lifetime_seconds: max_access_token_lifetime(),
        }
    }
}

fn grant_types() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials]
}

fn response_types() -> Vec<ResponseType> {
    vec![ResponseType::Code]
}

fn scopes() -> Vec<ScopeToken> {
    ["openid", "profile", "email", "phone", "address", "offline_access", "groups"].map(ScopeToken::from).into()
}

fn client_authentications() -> Vec<ClientAuthenticationType> {
    vec![
        ClientAuthenticationType::ClientSecret,
        ClientAuthenticationType::ServiceAccountToken,
        ClientAuthenticationType::PrivateKeyJwt,
        ClientAuthenticationType::None,
    ]
}

fn consent() -> Vec<ConsentMode> {
    vec![ConsentMode::Required]
}

fn max_access_token_lifetime() -> i64 {
    3600
}

/// The audiences that some namespaces may register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourcePolicy {
    /// The name of the policy. Resources show it in `status.policyName`.
    pub name: LabelName,

    /// The namespaces it speaks of.
    pub namespaces: Namespaces,

    /// The hosts of audiences. `*.` in front stands for exactly one label. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub allowed_audience_hosts: Vec<HostPattern>,
}

/// Which namespaces a policy speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([(
    "(self.type == 'Selector') == has(self.selector)",
    "selector is required with type Selector and refused with any other",
)])))]
pub struct Namespaces {
    /// Same (that of the provider), Selector (those whose labels match) or All.
    #[serde(rename = "type")]
    pub type_: NamespacesType,

    /// The labels of the namespaces, with type Selector. The label
    /// kubernetes.io/metadata.name is set by the API server and cannot be forged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

wire_enum! {
    /// How namespaces are chosen.
    pub enum NamespacesType {
        /// The provider's own namespace.
        Same = "Same",
        /// Namespaces whose labels match.
        Selector = "Selector",
        /// Every namespace.
        All = "All",
    }
}

/// Requirements on labels; all of them have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([(
    "(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
    "an empty selector matches every namespace: write type All if that is meant",
)])))]
pub struct LabelSelector {
    /// Labels that have exactly these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub match_labels: BTreeMap<String, LabelValue>,

    /// Requirements that values alone cannot express.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub match_expressions: Vec<LabelExpression>,
}

/// One requirement on a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([(
    "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
    "values is required with operator In and NotIn and refused with Exists and DoesNotExist",
)])))]
pub struct LabelExpression {
    /// The label.
    pub key: LabelKey,

    /// In, NotIn (the label is absent or has none of the values), Exists or DoesNotExist.
    pub operator: LabelOperator,

    /// The values of In and NotIn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub values: Vec<LabelValue>,
}

wire_enum! {
    /// How a label is compared.
    pub enum LabelOperator {
        /// The label has one of the values.
        In = "In",
        /// The label is absent or has none of the values.
        NotIn = "NotIn",
        /// The label is present.
        Exists = "Exists",
        /// The label is absent.
        DoesNotExist = "DoesNotExist",
    }
}

wire_enum! {
    /// Redirects to the person's own machine.
    #[derive(Default)]
    pub enum LoopbackRedirects {
        /// None.
        #[default]
        Denied = "Denied",
        /// To 127.0.0.1 and [::1].
        AddressOnly = "AddressOnly",
        /// To localhost too, which a resolver may send elsewhere.
        IncludingLocalhost = "IncludingLocalhost",
    }
}

wire_enum! {
    /// How offline access is granted to applications that skip consent.
    #[derive(Default)]
    pub enum OfflineAccess {
        /// The person is asked once.
        #[default]
        Consent = "Consent",
        /// Nobody is asked.
        Silent = "Silent",
    }
}

wire_enum! {
    /// Client secrets that the application's team chose.
    #[derive(Default)]
    pub enum SecretReferences {
        /// Refused.
        #[default]
        Denied = "Denied",
        /// Taken from the Secret referred to.
        Allowed = "Allowed",
    }
}

wire_enum! {
    /// Outgoing requests to private addresses.
    #[derive(Default)]
    pub enum FetchPrivateAddresses {
        /// Refused.
        #[default]
        Denied = "Denied",
        /// Sent, to the listed hosts only.
        Allowed = "Allowed",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_with_defaults_is_what_the_shortest_manifest_means() {
        let written = json!({"name": "a", "namespaces": {"type": "All"}});
        let namespaces = Namespaces { type_: NamespacesType::All, selector: None };
        assert_eq!(
            serde_json::from_value::<ApplicationPolicy>(written).unwrap(),
            ApplicationPolicy::with_defaults("a".into(), namespaces)
        );
    }
}
