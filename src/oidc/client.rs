//! RFC 6749 §2: a client as the compile step left it. What cannot be together cannot be written down here.

use std::collections::{BTreeMap, BTreeSet};

use crypto::{Algorithm, Secret};
use serde::{Deserialize, Serialize};

use crate::claims::ExtraClaim;
use crate::ids::{ClientId, GroupName, Uid};
use crate::logout::{BackchannelLogout, FrontchannelLogout};
use crate::scope::{ScopeSet, ScopeToken};
use crate::subject::SubjectType;
use crate::time::Time;
use crate::uri::RedirectUri;

wire_enum! {
    /// A way to obtain tokens (RFC 6749 §4).
    GrantType {
        /// RFC 6749 §4.1.
        AuthorizationCode = "authorization_code",
        /// RFC 6749 §4.2, OIDC Core §3.2: tokens from the authorization endpoint. No token request has this type.
        Implicit = "implicit",
        /// RFC 6749 §6.
        RefreshToken = "refresh_token",
        /// RFC 6749 §4.4.
        ClientCredentials = "client_credentials",
        /// RFC 6749 §4.3.
        Password = "password",
    }
}

wire_enum! {
    /// A response type of the authorization endpoint, its members sorted (OAuth 2.0 Multiple Response Types §5).
    ResponseType {
        /// RFC 6749 §4.1.1.
        Code = "code",
        /// OIDC Core §3.3.
        CodeIdToken = "code id_token",
        /// OIDC Core §3.3.
        CodeIdTokenToken = "code id_token token",
        /// OIDC Core §3.3.
        CodeToken = "code token",
        /// OIDC Core §3.2.
        IdToken = "id_token",
        /// OIDC Core §3.2.
        IdTokenToken = "id_token token",
    }
}

impl ResponseType {
    /// Reads the parameter: the order of its members says nothing (OAuth 2.0 Multiple Response Types §5).
    pub fn parse(sent: &str) -> Option<Self> {
        let sorted: BTreeSet<&str> = sent.split(' ').filter(|word| !word.is_empty()).collect();
        Self::from_wire(&sorted.into_iter().collect::<Vec<_>>().join(" "))
    }

    /// Whether a code is returned.
    pub fn has_code(self) -> bool {
        self.members().any(|member| member == "code")
    }

    /// Whether an id_token is returned from the authorization endpoint.
    pub fn has_id_token(self) -> bool {
        self.members().any(|member| member == "id_token")
    }

    /// Whether an access token is returned from the authorization endpoint.
    pub fn has_token(self) -> bool {
        self.members().any(|member| member == "token")
    }

    fn members(self) -> impl Iterator<Item = &'static str> {
        self.as_str().split(' ')
    }
}

wire_enum! {
    /// How the authorization response travels (OAuth 2.0 Multiple Response Types §2.1, Form Post §2).
    ResponseMode {
        /// In the query of the redirect URI.
        Query = "query",
        /// In the fragment of the redirect URI.
        Fragment = "fragment",
        /// As a form that the browser posts.
        FormPost = "form_post",
    }
}

mod authentication;
mod called_uri;
mod published_keys;
mod secrets;

pub use self::authentication::{ClientAuthMethod, ClientAuthentication, ClientKeys};
pub use self::called_uri::{CalledUri, CalledUriError, PrivateAddresses};
pub use self::published_keys::PublishedKeys;
pub use self::secrets::SecretAge;

/// One relying party, as this issuer serves it. It is written into records: a field that a server does not know makes it
/// refuse the record, so that no restriction is dropped without a word.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Client {
    /// The client ID.
    pub id: ClientId,
    /// UID of the `OidcApplication`: codes and tokens are bound to it, so that a name used again inherits nothing.
    pub uid: Uid,
    /// Namespace of the application, always shown beside its name: a display name alone can pretend.
    pub namespace: String,
    /// Name of the application object.
    pub name: String,
    /// Name of the programmatic access account of the application, for a client that is one.
    pub account: Option<String>,
    /// When the client ends.
    pub expires_at: Option<Time>,
    /// The name that people see.
    pub display_name: String,
    /// Public or confidential.
    pub authentication: ClientAuthentication,
    /// The live client secrets themselves, the newest first, where something is signed with them: an HS256 id_token, an
    /// assertion. Records carry them sealed, beside the client.
    #[serde(skip)]
    pub shared_secrets: Vec<Secret<String>>,
    /// Who people are to it.
    #[serde(default, skip_serializing_if = "SubjectType::is_public")]
    pub subject_type: SubjectType,
    /// The key of its sector, from which pairwise subjects are made. Records carry it sealed, beside the client.
    #[serde(skip)]
    pub sector_key: Option<Secret<String>>,
    /// Registered redirect URIs, compared exactly.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where a browser may be sent after a logout, compared exactly (RP-Initiated Logout §3.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Where it hears of a logout through the browser, if it wants to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout: Option<FrontchannelLogout>,
    /// Where it hears of a logout from the server, if it wants to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout: Option<BackchannelLogout>,
    /// Web or native.
    pub application_type: ApplicationType,
    /// Grants that it may use.
    pub grant_types: BTreeSet<GrantType>,
    /// Response types that it may ask for.
    pub response_types: BTreeSet<ResponseType>,
    /// Scopes that it may ask for.
    pub scopes: ScopeSet,
    /// APIs that it may call: it asks for them, and their owners allow it.
    pub resources: Vec<ResourceAccess>,
    /// Audiences whose access tokens it may introspect, whoever they were issued to: it is the API.
    pub introspects: BTreeSet<String>,
    /// Whether a request without PKCE is refused.
    pub pkce: Pkce,
    /// Whether people are asked.
    pub consent: ConsentMode,
    /// Who may log in.
    pub user_access: UserAccess,
    /// Which groups it sees.
    pub groups_claim: GroupsClaim,
    /// Claims that it adds.
    pub extra_claims: Vec<ExtraClaim>,
    /// Its id_tokens.
    pub id_token: IdTokenSettings,
    /// Its access tokens.
    pub access_token: AccessTokenSettings,
    /// Its refresh tokens.
    pub refresh_token: RefreshTokenSettings,
    /// The signature of its userinfo; none: an object without one.
    pub userinfo_algorithm: Option<Algorithm>,
    /// `max_age` where a request names none, seconds.
    pub default_max_age_seconds: Option<i64>,
    /// `auth_time` in every id_token.
    pub require_auth_time: bool,
    /// Privacy policy, shown as a link on the consent page.
    pub policy_uri: Option<String>,
    /// Terms of service, shown as a link on the consent page.
    pub tos_uri: Option<String>,
}

/// What a client may do at an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceAccess {
    /// The audience of its access tokens (RFC 8707 §2).
    pub audience: String,
    /// The scopes that the client may have there, with what the API's owner says of them. Never empty.
    pub scopes: BTreeMap<ScopeToken, Option<String>>,
    /// Lifetime of its access tokens in seconds.
    pub lifetime_seconds: i64,
}

/// RFC 8252: where the application runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApplicationType {
    /// On a server.
    Web,
    /// On a person's device: the port of a loopback redirect URI may vary, consent is never skipped for private-use schemes.
    Native,
}

/// RFC 7636: whether a request must carry a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pkce {
    /// Refused without.
    Required,
    /// Checked where sent.
    Optional,
}

/// Whether people are asked before anything is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsentMode {
    /// Asked once, and again for what is new.
    Required,
    /// Not asked, where policy grants that.
    Skip,
}

/// Who may log in to an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserAccess {
    /// Every enabled user of the provider.
    AnyUser,
    /// Members of any of these groups.
    Groups(BTreeSet<GroupName>),
}

/// Which groups an application sees under scope `groups`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupsClaim {
    /// None.
    None,
    /// Those named in its user access that the person is in.
    Matching,
    /// All of the person's groups.
    All,
}

/// Settings of the id_token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdTokenSettings {
    /// Signature algorithm.
    pub algorithm: Algorithm,
    /// Lifetime in seconds.
    pub lifetime_seconds: i64,
    /// Whether claims asked for by scope stand in it too.
    pub scope_claims: ScopeClaims,
    /// What stands for a claim without a value.
    pub absent_claims: AbsentClaims,
    /// Where `at_hash` stands.
    pub at_hash: AtHash,
}

/// OIDC Core §5.4: where the claims asked for by scope go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScopeClaims {
    /// To userinfo only.
    UserinfoOnly,
    /// To the id_token as well.
    IdTokenToo,
}

/// OIDC Core §5.3.2: what stands for a claim without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AbsentClaims {
    /// Nothing.
    Omit,
    /// `null`.
    Null,
}

/// Where `at_hash` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AtHash {
    /// In every id_token that comes with an access token.
    Always,
    /// Only in those from the authorization endpoint, where OIDC Core §3.2.2.9 requires it.
    AuthorizationEndpoint,
}

/// What an access token is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessTokenFormat {
    /// A signed JWT (RFC 9068), which an API verifies by itself.
    Jwt,
    /// A text without meaning to anyone else: an API asks what it is worth (RFC 7662), and learns of a revocation at once.
    Opaque,
}

/// Settings of the access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessTokenSettings {
    /// What it is made of.
    pub format: AccessTokenFormat,
    /// Signature algorithm.
    pub algorithm: Algorithm,
    /// Lifetime in seconds.
    pub lifetime_seconds: i64,
    /// `aud` where no resource is asked for.
    pub default_audience: DefaultAudience,
    /// `typ`.
    pub type_header: TypeHeader,
}

/// Settings of the refresh token, where the grant is among the client's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefreshTokenSettings {
    /// What brings one.
    pub issuance: RefreshTokenIssuance,
    /// Whether the person is asked where the application skips consent.
    pub offline_access: OfflineAccess,
    /// Lifetime in seconds of each, from its issuance: it slides with every use.
    pub lifetime_seconds: i64,
    /// Seconds from the first of a family to the end of the last.
    pub max_lifetime_seconds: i64,
    /// Seconds for which a token that was used answers with its successor again, since the first answer may have been
    /// lost on its way.
    pub reuse_grace_seconds: i64,
}

/// What brings a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefreshTokenIssuance {
    /// Scope `offline_access` with `prompt=consent` (OIDC Core §11).
    PromptConsent,
    /// Scope `offline_access`: the person agreed to it once.
    OfflineAccess,
}

/// Whether a person is asked about `offline_access` by an application that skips consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OfflineAccess {
    /// Once.
    Consent,
    /// Not at all, where policy grants that.
    Silent,
}

/// `aud` of an access token for no particular resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DefaultAudience {
    /// The issuer.
    Issuer,
    /// The client ID.
    ClientId,
}

/// `typ` of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TypeHeader {
    /// `at+jwt` (RFC 9068 §2.1).
    AtJwt,
    /// `JWT`, for resource servers that know no other.
    Jwt,
}

impl TypeHeader {
    /// The text on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtJwt => "at+jwt",
            Self::Jwt => "JWT",
        }
    }
}

impl Client {
    /// The registered redirect URI that a presented one is, if any (RFC 6749 §3.1.2.3).
    pub fn registered(&self, presented: &str) -> Option<&RedirectUri> {
        let any_loopback_port = self.application_type == ApplicationType::Native;
        self.redirect_uris.iter().find(|uri| uri.matches(presented, any_loopback_port))
    }

    /// UID of the application: an account's own is made of it.
    pub fn application_uid(&self) -> &str {
        let uid = self.uid.as_str();
        uid.split_once('/').map_or(uid, |(application, _)| application)
    }

    /// Whether its time is over.
    pub fn has_ended(&self, now: Time) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether it cannot keep a secret.
    pub fn is_public(&self) -> bool {
        matches!(self.authentication, ClientAuthentication::Public)
    }
}

impl UserAccess {
    /// Whether a person with these groups may log in.
    pub fn permits(&self, groups: &BTreeSet<GroupName>) -> bool {
        match self {
            Self::AnyUser => true,
            Self::Groups(named) => !named.is_disjoint(groups),
        }
    }
}
