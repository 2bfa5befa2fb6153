//! The OidcApplication kind: one relying party, and its programmatic access accounts.

mod access;
mod claims;
mod client_authentication;
mod client_secret;
mod logout;
mod rules;
mod status;
mod tokens;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use access::{GroupsClaim, ProgrammaticAccess, ResourceGrant, UserAccess, UserAccessType};
pub use claims::{ClaimName, ClaimTarget, ExtraClaim, RESERVED_CLAIMS};
pub use client_authentication::{
    ClientAuthentication, ClientAuthenticationType, PrivateKeyJwt, PublicKey, ServiceAccountRef, ServiceAccountToken,
};
pub use client_secret::{
    ClientSecret, ClientSecretMethod, DEFAULT_DATA, DeletionPolicy, SecretData, SecretKeyRef, SecretMetadata,
    SecretRotation, SecretSource, SecretTarget, ValueSource,
};
pub use logout::{BackchannelLogout, FrontchannelLogout};
pub use status::{AccountStatus, ClientSecretStatus, OidcApplicationStatus};
pub use tokens::{
    AbsentClaims, AccessToken, AccessTokenFormat, AtHash, DefaultAudience, IdToken, RefreshToken, RefreshTokenIssuance,
    ScopeClaims, TypeHeader, Userinfo,
};

use crate::cel::{NAME_MESSAGE, NAME_RULE, unique};
use crate::reference::ProviderRef;
use crate::text::{CustomClientId, DisplayName, Host, RedirectUri, ScopeToken, WebUri};
use crate::wire::wire_enum;

/// What a relying party is and asks for.
#[derive(CustomResource, JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "portcullis.dev",
    version = "v1alpha1",
    kind = "OidcApplication",
    namespaced,
    status = "OidcApplicationStatus",
    derive = "PartialEq",
    doc = "One relying party of an OidcProvider. Its client ID is <namespace>.<name>; its credentials are written into the Secret <name>-oidc beside it, ready for envFrom. The smallest useful spec is a list of redirectURIs.",
    shortname = "oapp",
    category = "oidc",
    selectable = ".spec.providerRef.name",
    selectable = ".spec.clientAuthentication.type",
    selectable = ".status.clientID",
    selectable = ".status.issuer",
    selectable = ".status.policyName",
    validation = Rule::new(NAME_RULE).message(NAME_MESSAGE),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Client ID", type_ = "string", json_path = ".status.clientID"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Issuer", type_ = "string", json_path = ".status.issuer", priority = 1),
    printcolumn(name = "Secret", type_ = "string", json_path = ".status.clientSecret.secretName", priority = 1),
    printcolumn(name = "Policy", type_ = "string", json_path = ".status.policyName", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::spec_rules()))]
pub struct OidcApplicationSpec {
    /// The provider to attach to. Absent: the OidcProvider named default in the provider
    /// namespace that the operator was started with. It never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<ProviderRef>,

    /// The name on the login and consent pages. Absent: the client ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<DisplayName>,

    /// An issuer of its own, with keys and sessions of its own: the application and its
    /// accounts are served there and nowhere else. An API that they call has to trust it.
    /// Absent: the provider's issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<DedicatedIssuer>,

    /// Where the browser may be sent after login. A request has to name one of them
    /// exactly; a native application may vary the port of a loopback address.
    #[serde(rename = "redirectURIs", default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique()))]
    pub redirect_uris: Vec<RedirectUri>,

    /// Where the browser may be sent after logout. A logout request has to name one of them
    /// exactly, and the application by its client ID or an ID token of it.
    #[serde(rename = "postLogoutRedirectURIs", default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique()))]
    pub post_logout_redirect_uris: Vec<RedirectUri>,

    /// How tokens may be obtained: authorization_code, implicit, client_credentials,
    /// password, refresh_token, and the URNs of device authorization (RFC 8628) and token
    /// exchange (RFC 8693).
    #[serde(default = "grant_types")]
    #[schemars(length(max = 7), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique()))]
    pub grant_types: Vec<GrantType>,

    /// What the authorization endpoint may return: code, id_token, id_token token,
    /// code id_token, code token, code id_token token. Absent: code, if grantTypes has
    /// authorization_code, else nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique()))]
    pub response_types: Option<Vec<ResponseType>>,

    /// The scopes it may ask for. offline_access is needed for refresh tokens.
    #[serde(default = "scopes")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique()))]
    pub scopes: Vec<ScopeToken>,

    /// Proof Key for Code Exchange, method S256 (RFC 7636): Required or Optional.
    #[serde(default)]
    pub pkce: Pkce,

    /// Whether the person is asked before claims are released: Required or, where policy
    /// allows it, Skip.
    #[serde(default)]
    pub consent: ConsentMode,

    /// Web, or Native for an application on the person's own device: its loopback port may
    /// vary, it may use private-use schemes, and it never skips consent (RFC 8252).
    #[serde(default)]
    pub application_type: ApplicationType,

    /// Whether this application sees the person's Public subject identifier or one of its
    /// own, Pairwise (OpenID Connect Core §8).
    #[serde(default)]
    pub subject_type: SubjectType,

    /// Settings of pairwise subject identifiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairwise: Option<Pairwise>,

    /// The ID token.
    #[serde(default)]
    pub id_token: IdToken,

    /// The access token.
    #[serde(default)]
    pub access_token: AccessToken,

    /// The userinfo answer.
    #[serde(default)]
    pub userinfo: Userinfo,

    /// The refresh token.
    #[serde(default)]
    pub refresh_token: RefreshToken,

    /// Claims to add. Names that a specification or this provider gives a meaning are
    /// refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub claims: Vec<ExtraClaim>,

    /// Who may log in to this application.
    #[serde(default)]
    pub user_access: UserAccess,

    /// Which groups the scope groups releases: None, Matching (those of userAccess.groups
    /// that the person is in) or All.
    #[serde(default)]
    pub groups_claim: GroupsClaim,

    /// Seconds after which a login counts as too old, unless the request says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub default_max_age_seconds: Option<i64>,

    /// Whether the ID token always says when the person logged in (`auth_time`).
    #[serde(default)]
    pub require_auth_time: bool,

    /// Where a login that starts elsewhere may begin (OpenID Connect Core §4).
    #[serde(rename = "initiateLoginURI", default, skip_serializing_if = "Option::is_none")]
    pub initiate_login_uri: Option<WebUri>,

    /// The logo. Shown, never fetched by the provider.
    #[serde(rename = "logoURI", default, skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<WebUri>,

    /// The page that says what the application does with claims. Shown, never fetched.
    #[serde(rename = "policyURI", default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<WebUri>,

    /// The page with the terms of service. Shown, never fetched.
    #[serde(rename = "tosURI", default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<WebUri>,

    /// How the application proves at the token endpoint who it is.
    #[serde(default)]
    pub client_authentication: ClientAuthentication,

    /// The APIs it wants to call. The owner's OidcResource has to allow it too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = access::unique_resources()))]
    pub resources: Vec<ResourceGrant>,

    /// Programmatic access accounts: clients of their own for services and scripts, with
    /// the grant client_credentials only. The client ID of an account is
    /// <namespace>.<application>.<account>.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend(
            "x-kubernetes-list-type" = "map",
            "x-kubernetes-list-map-keys" = ["name"],
            "x-kubernetes-validations" = access::account_target_rules()
        )
    )]
    pub programmatic_access: Vec<ProgrammaticAccess>,

    /// Logout notices from the provider's server to the application's
    /// (OpenID Connect Back-Channel Logout).
    #[serde(default)]
    pub backchannel_logout: BackchannelLogout,

    /// Logout notices through the person's browser (OpenID Connect Front-Channel Logout).
    #[serde(default)]
    pub frontchannel_logout: FrontchannelLogout,

    /// A client ID of your choice, where policy allows it, for applications that cannot
    /// change theirs. It never changes. Absent: <namespace>.<name>.
    #[serde(rename = "clientID", default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<CustomClientId>,
}

impl OidcApplicationSpec {
    /// The response types in force: those written, else code if the grant authorization_code
    /// is there.
    pub fn effective_response_types(&self) -> Vec<ResponseType> {
        match &self.response_types {
            Some(written) => written.clone(),
            None if self.grant_types.contains(&GrantType::AuthorizationCode) => vec![ResponseType::Code],
            None => Vec::new(),
        }
    }
}

fn grant_types() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode]
}

fn scopes() -> Vec<ScopeToken> {
    ["openid", "profile", "email"].map(ScopeToken::from).into()
}

/// An issuer that serves one application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DedicatedIssuer {
    /// The host that takes the place of the host in the provider's issuer URL.
    pub host: Host,
}

/// Settings of pairwise subject identifiers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pairwise {
    /// The host that subject identifiers are made for. Applications with the same one see
    /// the same identifiers. Absent: the host that all redirect URIs share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier: Option<Host>,
}

wire_enum! {
    /// A way to obtain tokens, as in `grant_type`.
    pub enum GrantType {
        /// RFC 6749 §4.1.
        AuthorizationCode = "authorization_code",
        /// RFC 6749 §4.2 and OpenID Connect Core §3.2, §3.3.
        Implicit = "implicit",
        /// RFC 6749 §4.4.
        ClientCredentials = "client_credentials",
        /// RFC 6749 §4.3.
        Password = "password",
        /// RFC 6749 §6.
        RefreshToken = "refresh_token",
        /// RFC 8628.
        DeviceCode = "urn:ietf:params:oauth:grant-type:device_code",
        /// RFC 8693.
        TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange",
    }
}

wire_enum! {
    /// What the authorization endpoint returns, as in `response_type`.
    pub enum ResponseType {
        /// A code.
        Code = "code",
        /// An ID token.
        IdToken = "id_token",
        /// An ID token and an access token.
        IdTokenToken = "id_token token",
        /// A code and an ID token.
        CodeIdToken = "code id_token",
        /// A code and an access token.
        CodeToken = "code token",
        /// A code, an ID token and an access token.
        CodeIdTokenToken = "code id_token token",
    }
}

wire_enum! {
    /// Proof Key for Code Exchange.
    #[derive(Default)]
    pub enum Pkce {
        /// A request without a challenge is refused.
        #[default]
        Required = "Required",
        /// A challenge is checked if it is there.
        Optional = "Optional",
    }
}

wire_enum! {
    /// Whether the person is asked.
    #[derive(Default)]
    pub enum ConsentMode {
        /// The person is asked once for what is new.
        #[default]
        Required = "Required",
        /// The person is not asked.
        Skip = "Skip",
    }
}

wire_enum! {
    /// Where the application runs.
    #[derive(Default)]
    pub enum ApplicationType {
        /// On a server or in a page.
        #[default]
        Web = "Web",
        /// On the person's own device.
        Native = "Native",
    }
}

wire_enum! {
    /// Which subject identifier the application sees.
    #[derive(Default)]
    pub enum SubjectType {
        /// The same as every other application.
        #[default]
        Public = "Public",
        /// One that no application of another sector sees.
        Pairwise = "Pairwise",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn response_types_follow_the_grants_when_absent() {
        let check = |spec: Value, expect: &[ResponseType]| {
            let spec: OidcApplicationSpec = serde_json::from_value(spec).unwrap();
            assert_eq!(spec.effective_response_types(), expect, "{spec:?}");
        };
        check(json!({}), &[ResponseType::Code]);
        check(json!({"grantTypes": ["client_credentials"]}), &[]);
        check(json!({"responseTypes": []}), &[]);
        check(json!({"grantTypes": ["implicit"], "responseTypes": ["id_token token"]}), &[ResponseType::IdTokenToken]);
    }

    #[test]
    fn values_on_the_wire_read_back() {
        for grant in GrantType::ALL {
            assert_eq!(grant.as_str().parse(), Ok(*grant));
            assert_eq!(serde_json::to_value(grant).unwrap(), grant.as_str());
            assert_eq!(serde_json::from_value::<GrantType>(json!(grant.as_str())).unwrap(), *grant);
        }
        assert!("magic".parse::<GrantType>().is_err());
        assert!(serde_json::from_value::<GrantType>(json!("magic")).is_err());
    }
}
