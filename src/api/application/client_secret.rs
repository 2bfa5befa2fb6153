//! The client secret: where it comes from, how it rotates, and the Secret it is written to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cel::{rules, unique};
use crate::text::{AnnotationValue, DataKey, LabelValue, SubdomainName, Trigger};
use crate::wire::wire_enum;

/// A client secret.
///
/// The rules ask for defaulted fields with `has()`, since the schema has no defaults
/// inside the list of accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([
    (
        "has(self.reference) == (has(self.source) && self.source == 'Reference')",
        "reference is required with source Reference and refused with Generated",
    ),
    (
        "!(has(self.source) && self.source == 'Reference') || !has(self.rotation) || !has(self.rotation.periodSeconds) || self.rotation.periodSeconds == 0",
        "rotation.periodSeconds must be 0 with source Reference: whoever wrote that Secret rotates it",
    ),
])))]
pub struct ClientSecret {
    /// The methods of the token endpoint: client_secret_basic, client_secret_post,
    /// client_secret_jwt. Default: the first two. With the third the server keeps the
    /// secret itself, sealed, instead of a hash of it.
    #[schemars(length(min = 1, max = 3), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique()))]
    pub methods: Vec<ClientSecretMethod>,

    /// Generated (the default), or Reference for one that you chose, where policy allows
    /// it.
    pub source: SecretSource,

    /// The Secret to take it from, with source Reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<SecretKeyRef>,

    /// When a generated secret is replaced.
    pub rotation: SecretRotation,

    /// The Secret that is written into this namespace.
    pub target: SecretTarget,
}

impl Default for ClientSecret {
    fn default() -> Self {
        Self {
            methods: vec![ClientSecretMethod::ClientSecretBasic, ClientSecretMethod::ClientSecretPost],
            source: SecretSource::default(),
            reference: None,
            rotation: SecretRotation::default(),
            target: SecretTarget::default(),
        }
    }
}

wire_enum! {
    /// How the secret is presented, as in `token_endpoint_auth_method`.
    pub enum ClientSecretMethod {
        /// In the Authorization header.
        ClientSecretBasic = "client_secret_basic",
        /// In the form.
        ClientSecretPost = "client_secret_post",
        /// As the key of a MAC over a JWT.
        ClientSecretJwt = "client_secret_jwt",
    }
}

wire_enum! {
    /// Where the secret comes from.
    #[derive(Default)]
    pub enum SecretSource {
        /// The controller derives it.
        #[default]
        Generated = "Generated",
        /// A Secret of this namespace holds it.
        Reference = "Reference",
    }
}

/// One key of a Secret of this namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// The name of the Secret. Its type has to be portcullis.dev/client-secret-input, so
    /// that nobody can make the controller read another.
    pub name: SubdomainName,

    /// The key that holds the secret: 32 to 256 printable ASCII characters. Default:
    /// client-secret.
    #[serde(default = "client_secret_key")]
    pub key: DataKey,
}

fn client_secret_key() -> DataKey {
    DataKey::from("client-secret")
}

/// When a generated secret is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([(
    "!has(self.periodSeconds) || self.periodSeconds == 0 || self.periodSeconds > (has(self.overlapSeconds) ? self.overlapSeconds : 86400)",
    "overlapSeconds must be less than periodSeconds: at most two secrets are valid at a time",
)])))]
pub struct SecretRotation {
    /// Seconds after which the secret is replaced. 0 (the default): never on its own.
    #[schemars(range(min = 0, max = 315_360_000))]
    pub period_seconds: i64,

    /// Seconds for which the secret before it is still accepted, from when the new one
    /// stands in the Secret. Default: 86400.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub overlap_seconds: i64,

    /// Any text; every change of it rotates the secret at once, or at the end of an overlap
    /// that has begun: to have it sooner, shorten overlapSeconds as well.
    pub trigger: Trigger,
}

impl SecretRotation {
    /// What a manifest without a word about it gets.
    pub const NEVER: Self = Self { period_seconds: 0, overlap_seconds: 86_400, trigger: Trigger(String::new()) };
}

impl Default for SecretRotation {
    fn default() -> Self {
        Self::NEVER
    }
}

/// The Secret that is written for the application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SecretTarget {
    /// The name of the Secret. It never changes. Absent: <name>-oidc, and
    /// <application>.<account>-oidc for an account. A Secret that exists and is not ours
    /// is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<SubdomainName>,

    /// What becomes of the Secret with the application: Delete (the default) or Retain.
    pub deletion_policy: DeletionPolicy,

    /// Labels and annotations to set on the Secret.
    pub metadata: SecretMetadata,

    /// The keys of the Secret. Absent or empty: OIDC_CLIENT_ID, OIDC_CLIENT_SECRET,
    /// OIDC_ISSUER_URL, OIDC_DISCOVERY_URL, OIDC_AUTHORIZATION_URL, OIDC_TOKEN_URL,
    /// OIDC_USERINFO_URL, OIDC_JWKS_URL, OIDC_END_SESSION_URL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key"]))]
    pub data: Vec<SecretData>,
}

/// The keys of a target Secret whose `data` is absent or empty.
pub const DEFAULT_DATA: &[(&str, ValueSource)] = &[
    ("OIDC_CLIENT_ID", ValueSource::ClientID),
    ("OIDC_CLIENT_SECRET", ValueSource::ClientSecret),
    ("OIDC_ISSUER_URL", ValueSource::IssuerURL),
    ("OIDC_DISCOVERY_URL", ValueSource::DiscoveryURL),
    ("OIDC_AUTHORIZATION_URL", ValueSource::AuthorizationURL),
    ("OIDC_TOKEN_URL", ValueSource::TokenURL),
    ("OIDC_USERINFO_URL", ValueSource::UserinfoURL),
    ("OIDC_JWKS_URL", ValueSource::JWKSURL),
    ("OIDC_END_SESSION_URL", ValueSource::EndSessionURL),
];

wire_enum! {
    /// What becomes of a Secret when its application is deleted.
    #[derive(Default)]
    pub enum DeletionPolicy {
        /// It goes too.
        #[default]
        Delete = "Delete",
        /// It stays.
        Retain = "Retain",
    }
}

/// Labels and annotations of the target Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SecretMetadata {
    /// Labels. Prefixes of Kubernetes, Argo CD and Portcullis are refused,
    /// app.kubernetes.io/part-of excepted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20, "x-kubernetes-validations" = metadata_keys()))]
    pub labels: BTreeMap<String, LabelValue>,

    /// Annotations. Prefixes of Kubernetes, Argo CD and Portcullis are refused,
    /// app.kubernetes.io/part-of excepted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20, "x-kubernetes-validations" = metadata_keys()))]
    pub annotations: BTreeMap<String, AnnotationValue>,
}

/// Labels and annotations steer other controllers: an annotation turns a Secret into a
/// ServiceAccount token, a label into a cluster credential of Argo CD. The recommended label
/// that says of what application an object is a part steers none, and without it Argo CD does
/// not read the Secret that its own settings name.
fn metadata_keys() -> Value {
    rules([
        (
            "self.all(k, k.matches('^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$'))",
            "a key must be a name of at most 63 letters, digits and `- _ .`, with a DNS name and `/` in front if any",
        ),
        (
            "!self.exists(k, k != 'app.kubernetes.io/part-of' && k.matches('^([^/]*[.])?(kubernetes[.]io|k8s[.]io|argoproj[.]io|portcullis[.]dev)/'))",
            "has a reserved prefix (kubernetes.io, k8s.io, argoproj.io, portcullis.dev, or below one of them): other controllers act on those",
        ),
    ])
}

/// One key of the target Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([(
    "has(self.valueFrom) != has(self.template)",
    "a key has exactly one of valueFrom and template",
)])))]
pub struct SecretData {
    /// The key in the Secret.
    pub key: DataKey,

    /// The value: ClientID, ClientSecret, IssuerURL, DiscoveryURL, AuthorizationURL,
    /// TokenURL, UserinfoURL, JWKSURL, EndSessionURL, or DerivedKey (32 stable bytes of
    /// its own for this application and key, such as a cookie secret).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<ValueSource>,

    /// Text in which ${ClientID} and the other values stand for themselves; $${ is a
    /// literal ${.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), extend("x-kubernetes-validations" = template_rules()))]
    pub template: Option<String>,
}

wire_enum! {
    /// What a key of the target Secret may hold.
    pub enum ValueSource {
        /// The client ID.
        ClientID = "ClientID",
        /// The client secret.
        ClientSecret = "ClientSecret",
        /// The issuer.
        IssuerURL = "IssuerURL",
        /// The address of the discovery document.
        DiscoveryURL = "DiscoveryURL",
        /// The authorization endpoint.
        AuthorizationURL = "AuthorizationURL",
        /// The token endpoint.
        TokenURL = "TokenURL",
        /// The userinfo endpoint.
        UserinfoURL = "UserinfoURL",
        /// The address of the keys.
        JWKSURL = "JWKSURL",
        /// The logout endpoint.
        EndSessionURL = "EndSessionURL",
        /// 32 stable bytes per application and key.
        DerivedKey = "DerivedKey",
    }
}

/// A run of dollar signs is literal unless `{` follows: one sign then begins a reference,
/// two a literal, and three or more are refused as ambiguous.
fn template_rules() -> Value {
    let names: Vec<&str> = ValueSource::ALL.iter().map(|source| source.as_str()).collect();
    let names = names.join("|");
    rules([(
        &format!(r"self.matches(r'^(?:[^$]|\$+[^${{]|\$\$\{{|\$\{{(?:{names})\}})*\$*$')"),
        &format!("a template knows only ${{{}}}; write $${{ for a literal ${{", names.replace('|', "}, ${")),
    )])
}
