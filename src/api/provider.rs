//! The OidcProvider kind: an issuer, its keys and lifetimes, and the policies that say
//! which namespaces may attach what.

mod policy;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use policy::{
    ApplicationPolicy, FetchPrivateAddresses, LabelExpression, LabelOperator, LabelSelector, LoopbackRedirects,
    Namespaces, NamespacesType, OfflineAccess, ResourcePolicy, SecretReferences,
};

use crate::algorithm::SigningAlgorithm;
use crate::cel::{NAME_MESSAGE, NAME_RULE, rules, rules_at, unique};
use crate::status::{Condition, lenient, lenient_list, never_observed, unseen};
use crate::text::{DisplayName, IssuerUrl, KeyId, Locale, OptionalHttpsUri, Trigger};
use crate::wire::wire_enum;

/// What an OpenID Provider is and whom it serves.
#[derive(CustomResource, JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "portcullis.dev",
    version = "v1alpha1",
    kind = "OidcProvider",
    namespaced,
    status = "OidcProviderStatus",
    derive = "PartialEq",
    doc = "An OpenID Provider: its issuer, signing keys, lifetimes and login, and the policies that say which namespaces may attach applications and APIs. Users and groups of the same namespace belong to it.",
    shortname = "oprov",
    category = "oidc",
    selectable = ".spec.issuer",
    validation = Rule::new(NAME_RULE).message(NAME_MESSAGE),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Issuer", type_ = "string", json_path = ".spec.issuer"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Applications", type_ = "integer", json_path = ".status.attachedApplications", priority = 1),
    printcolumn(name = "Servers", type_ = "integer", json_path = ".status.servers.synced", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules_at([(".signing.retireSeconds", RETIRE_RULE, RETIRE_MESSAGE)])))]
pub struct OidcProviderSpec {
    /// The issuer URL: https, or http on a loopback host, without query, fragment or
    /// trailing slash. It stands in every token and never changes.
    pub issuer: IssuerUrl,

    /// The name on the login page. Absent: the issuer's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<DisplayName>,

    /// The signing keys: algorithms and rotation.
    #[serde(default)]
    pub signing: Signing,

    /// How long tokens live, unless an application says less.
    #[serde(default)]
    pub tokens: Tokens,

    /// How long a login lasts.
    #[serde(default)]
    pub sessions: Sessions,

    /// Whether relying parties may watch the login state in an iframe (OpenID Connect
    /// Session Management): Disabled or Enabled. Browsers that partition third-party
    /// cookies let it work on the same site only.
    #[serde(default)]
    pub session_management: SessionManagement,

    /// The login page.
    #[serde(default)]
    pub login: Login,

    /// Which namespaces may attach applications, and what those may ask for. One policy has
    /// to allow the whole application; two are never combined. Empty: applications of this
    /// namespace may attach, with any https redirect host and loopback addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub application_policies: Vec<ApplicationPolicy>,

    /// Which namespaces may register APIs, and under which audience hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub resource_policies: Vec<ResourcePolicy>,
}

const RETIRE_RULE: &str = "self.signing.retireSeconds >= self.tokens.accessTokenLifetimeSeconds && \
     self.signing.retireSeconds >= self.tokens.idTokenLifetimeSeconds && \
     (!has(self.applicationPolicies) || self.applicationPolicies.all(p, \
     !has(p.maxAccessTokenLifetimeSeconds) || self.signing.retireSeconds >= p.maxAccessTokenLifetimeSeconds))";
const RETIRE_MESSAGE: &str = "signing.retireSeconds must be at least the longest lifetime of a signed token \
     (tokens.accessTokenLifetimeSeconds, tokens.idTokenLifetimeSeconds, maxAccessTokenLifetimeSeconds of each policy): \
     a key that leaves the JWKS earlier makes live tokens invalid";

/// The signing keys of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([
    (
        "self.prePublishSeconds >= self.jwksMaxAgeSeconds",
        "prePublishSeconds must be at least jwksMaxAgeSeconds: relying parties would meet a key that their cached JWKS does not have",
    ),
    (
        "self.rotationPeriodSeconds == 0 || self.rotationPeriodSeconds >= self.prePublishSeconds",
        "rotationPeriodSeconds must be 0 (never) or at least prePublishSeconds: keys would be replaced before their first use",
    ),
])))]
pub struct Signing {
    /// The algorithms to keep keys for: RS256, PS256, ES256, ES384, EdDSA. RS256 has to be
    /// among them (OpenID Connect Discovery §3). One that is added later is published for
    /// prePublishSeconds before its first use.
    #[schemars(length(min = 1, max = 5), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = rules([
        ("self.exists(a, a == 'RS256')", "must contain RS256: OpenID Connect Discovery §3 requires it of every provider"),
        ("self.all(x, self.exists_one(y, x == y))", "the list names a value twice: keep one of them"),
    ])))]
    pub algorithms: Vec<SigningAlgorithm>,

    /// Seconds after which a key is replaced. 0: never on its own.
    #[schemars(range(min = 0, max = 315_360_000))]
    pub rotation_period_seconds: i64,

    /// Seconds that a new key stands in the JWKS before its first use. At least
    /// jwksMaxAgeSeconds.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub pre_publish_seconds: i64,

    /// Seconds that a key stays in the JWKS after its last use. At least the longest
    /// lifetime of a signed token.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub retire_seconds: i64,

    /// Seconds for which relying parties may cache the JWKS.
    #[schemars(range(min = 0, max = 604_800))]
    pub jwks_max_age_seconds: i64,

    /// Any text; every change of it rotates the keys at once. Nothing is written back.
    pub trigger: Trigger,

    /// Key IDs to take out of the JWKS at once, such as those of a leaked key. Tokens that
    /// they signed become invalid. Where none is left to sign with, nothing is issued until
    /// the next was published for prePublishSeconds: shorten that in the same edit.
    #[serde(rename = "revokedKeyIDs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique()))]
    pub revoked_key_ids: Vec<KeyId>,
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            algorithms: vec![SigningAlgorithm::RS256, SigningAlgorithm::ES256],
            rotation_period_seconds: 2_592_000,
            pre_publish_seconds: 86_400,
            retire_seconds: 172_800,
            jwks_max_age_seconds: 3600,
            trigger: Trigger::default(),
            revoked_key_ids: Vec::new(),
        }
    }
}

/// Token lifetimes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Tokens {
    /// Seconds that an access token lives.
    #[schemars(range(min = 10, max = 2_592_000))]
    pub access_token_lifetime_seconds: i64,

    /// Seconds that an ID token lives.
    #[schemars(range(min = 10, max = 2_592_000))]
    pub id_token_lifetime_seconds: i64,

    /// Seconds within which an authorization code has to be redeemed.
    #[schemars(range(min = 5, max = 600))]
    pub authorization_code_lifetime_seconds: i64,

    /// Seconds that an unused refresh token lives.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub refresh_token_lifetime_seconds: i64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            access_token_lifetime_seconds: 3600,
            id_token_lifetime_seconds: 3600,
            authorization_code_lifetime_seconds: 60,
            refresh_token_lifetime_seconds: 1_209_600,
        }
    }
}

/// Login sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([(
    "self.idleSeconds <= self.lifetimeSeconds",
    "idleSeconds must not be greater than lifetimeSeconds: the session would end before it could be idle for so long",
)])))]
pub struct Sessions {
    /// Seconds after which a person has to log in again, whatever happens in between.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub lifetime_seconds: i64,

    /// Seconds without any use after which a person has to log in again.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub idle_seconds: i64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { lifetime_seconds: 1_209_600, idle_seconds: 43_200 }
    }
}

wire_enum! {
    /// Whether check_session_iframe is offered.
    #[derive(Default)]
    pub enum SessionManagement {
        /// It is not offered.
        #[default]
        Disabled = "Disabled",
        /// It is offered and announced.
        Enabled = "Enabled",
    }
}

/// The login page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Login {
    /// What people may type to say who they are: Username, Email. An e-mail address counts
    /// only when it is verified and belongs to one user.
    #[schemars(length(min = 1, max = 2), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique()))]
    pub identifiers: Vec<LoginIdentifier>,

    /// The languages of the pages, the fallback first, as language tags (RFC 5646).
    #[schemars(length(min = 1, max = 20), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique()))]
    pub supported_locales: Vec<Locale>,

    /// The look of the pages.
    pub branding: Branding,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            identifiers: vec![LoginIdentifier::Username],
            supported_locales: vec![Locale::from("en")],
            branding: Branding::default(),
        }
    }
}

wire_enum! {
    /// What identifies a person on the login page.
    pub enum LoginIdentifier {
        /// The user name.
        Username = "Username",
        /// The e-mail address, if verified and unique.
        Email = "Email",
    }
}

/// The look of the pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Branding {
    /// The colour of buttons and links, as `#` and six hexadecimal digits.
    #[schemars(length(max = 7), regex(pattern = "^#[0-9A-Fa-f]{6}$"))]
    pub primary_color: String,

    /// The https address of a logo. Empty: none. Browsers load it, this provider does not.
    #[serde(rename = "logoURL")]
    pub logo_url: OptionalHttpsUri,
}

impl Default for Branding {
    fn default() -> Self {
        Self { primary_color: "#0b5fff".to_owned(), logo_url: OptionalHttpsUri::default() }
    }
}

/// What the controller last saw and did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = unseen()))]
pub struct OidcProviderStatus {
    /// The `metadata.generation` this status speaks of; -1 before the first look.
    #[serde(default = "never_observed", deserialize_with = "lenient")]
    pub observed_generation: i64,

    /// How many applications are attached.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub attached_applications: Option<i64>,

    /// The issuers served: the provider's own and those dedicated to an application.
    #[serde(default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(max = 1024)), extend("x-kubernetes-list-type" = "atomic"))]
    pub issuers: Vec<String>,

    /// The signing keys and where each stands in its life.
    #[serde(default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["keyID"]))]
    pub keys: Vec<KeyStatus>,

    /// The servers of this provider.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub servers: Option<ServersStatus>,

    /// What holds and what does not.
    #[serde(default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// One signing key, without its secret part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatus {
    /// The key ID: the key's thumbprint (RFC 7638).
    #[serde(rename = "keyID")]
    #[schemars(length(max = 128))]
    pub key_id: String,

    /// The algorithm it signs with.
    pub algorithm: SigningAlgorithm,

    /// Where it stands: Pending (published, not used), Active, Retiring (published, no
    /// longer used).
    pub state: KeyState,

    /// When it is or was first used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,

    /// When it leaves the JWKS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_at: Option<Time>,
}

wire_enum! {
    /// Where a signing key stands in its life.
    pub enum KeyState {
        /// In the JWKS, not used yet; becomes Active after prePublishSeconds.
        Pending = "Pending",
        /// Signs new tokens; becomes Retiring when a Pending key takes over.
        Active = "Active",
        /// In the JWKS for tokens it has signed; leaves after retireSeconds.
        Retiring = "Retiring",
    }
}

/// How many servers there are and how many have loaded everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServersStatus {
    /// Servers that answer requests.
    pub ready: i64,
    /// Servers among them that have loaded the current state.
    pub synced: i64,
}
