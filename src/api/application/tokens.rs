//! What an application's tokens look like and how long they live.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::algorithm::{IdTokenSigningAlgorithm, SigningAlgorithm, UserinfoSigningAlgorithm};
use crate::cel::rules;
use crate::wire::wire_enum;

/// The ID token (OpenID Connect Core §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct IdToken {
    /// The signature: RS256, PS256, ES256, ES384 or EdDSA with a key of the provider, or
    /// HS256 with the client secret.
    pub signing_algorithm: IdTokenSigningAlgorithm,

    /// Seconds that the token lives.
    #[schemars(range(min = 10, max = 2_592_000))]
    pub lifetime_seconds: i64,

    /// Where the claims of scopes go when an access token is issued too: UserinfoOnly
    /// (OpenID Connect Core §5.4) or IdTokenToo.
    pub scope_claims: ScopeClaims,

    /// How a claim is written that the person does not have: Omit or Null.
    pub absent_claims: AbsentClaims,

    /// When the token carries the hash of the access token beside it: Always, or only
    /// when both come from the AuthorizationEndpoint.
    pub at_hash: AtHash,
}

impl Default for IdToken {
    fn default() -> Self {
        Self {
            signing_algorithm: IdTokenSigningAlgorithm::default(),
            lifetime_seconds: 3600,
            scope_claims: ScopeClaims::default(),
            absent_claims: AbsentClaims::default(),
            at_hash: AtHash::default(),
        }
    }
}

wire_enum! {
    /// Where the claims of scopes go.
    #[derive(Default)]
    pub enum ScopeClaims {
        /// To the userinfo endpoint.
        #[default]
        UserinfoOnly = "UserinfoOnly",
        /// Into the ID token as well.
        IdTokenToo = "IdTokenToo",
    }
}

wire_enum! {
    /// How an absent claim is written.
    #[derive(Default)]
    pub enum AbsentClaims {
        /// Left out.
        #[default]
        Omit = "Omit",
        /// As null.
        Null = "Null",
    }
}

wire_enum! {
    /// When an ID token carries `at_hash`.
    #[derive(Default)]
    pub enum AtHash {
        /// Whenever an access token comes with it.
        #[default]
        Always = "Always",
        /// Only when both come from the authorization endpoint.
        AuthorizationEndpoint = "AuthorizationEndpoint",
    }
}

/// The access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AccessToken {
    /// JWT (RFC 9068), which APIs verify by themselves, or Opaque, which they introspect.
    pub format: AccessTokenFormat,

    /// The signature of a JWT: RS256, PS256, ES256, ES384 or EdDSA.
    pub signing_algorithm: SigningAlgorithm,

    /// Seconds that the token lives. The policy sets the upper bound.
    #[schemars(range(min = 10, max = 2_592_000))]
    pub lifetime_seconds: i64,

    /// The audience of a token that was asked for without a resource: Issuer or ClientID.
    pub default_audience: DefaultAudience,

    /// The `typ` header of a JWT: at+jwt (RFC 9068), or JWT for decoders that know no
    /// other.
    pub type_header: TypeHeader,
}

impl Default for AccessToken {
    fn default() -> Self {
        Self {
            format: AccessTokenFormat::default(),
            signing_algorithm: SigningAlgorithm::default(),
            lifetime_seconds: 3600,
            default_audience: DefaultAudience::default(),
            type_header: TypeHeader::default(),
        }
    }
}

wire_enum! {
    /// What an access token is made of.
    #[derive(Default)]
    pub enum AccessTokenFormat {
        /// A signed JWT.
        #[default]
        JWT = "JWT",
        /// A text without meaning to anyone else.
        Opaque = "Opaque",
    }
}

wire_enum! {
    /// The audience when no resource was named.
    #[derive(Default)]
    pub enum DefaultAudience {
        /// The issuer.
        #[default]
        Issuer = "Issuer",
        /// The client ID of the application.
        ClientID = "ClientID",
    }
}

wire_enum! {
    /// The `typ` header of a JWT access token.
    #[derive(Default)]
    pub enum TypeHeader {
        /// RFC 9068 §2.1.
        #[default]
        AtJwt = "at+jwt",
        /// RFC 7519 §5.1.
        Jwt = "JWT",
    }
}

/// The userinfo answer (OpenID Connect Core §5.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Userinfo {
    /// None for plain JSON, or the algorithm that signs the answer: RS256, PS256, ES256,
    /// ES384, EdDSA.
    pub signing_algorithm: UserinfoSigningAlgorithm,
}

/// The refresh token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([(
    "self.lifetimeSeconds <= self.maxLifetimeSeconds",
    "lifetimeSeconds must not be greater than maxLifetimeSeconds: the family would end before its token",
)])))]
pub struct RefreshToken {
    /// When one is issued: PromptConsent (the scope offline_access and prompt=consent, as
    /// OpenID Connect Core §11 says) or OfflineAccess (the scope is enough once the person
    /// has agreed).
    pub issuance: RefreshTokenIssuance,

    /// Seconds that an unused token lives; each use starts them anew.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub lifetime_seconds: i64,

    /// Seconds after which the person has to log in again, however often the token was
    /// used.
    #[schemars(range(min = 60, max = 315_360_000))]
    pub max_lifetime_seconds: i64,

    /// Seconds within which a used token still gets the answer it got, for clients whose
    /// connection broke. Later, its use revokes the whole family.
    #[schemars(range(min = 0, max = 300))]
    pub reuse_grace_seconds: i64,
}

impl Default for RefreshToken {
    fn default() -> Self {
        Self {
            issuance: RefreshTokenIssuance::default(),
            lifetime_seconds: 1_209_600,
            max_lifetime_seconds: 7_776_000,
            reuse_grace_seconds: 10,
        }
    }
}

wire_enum! {
    /// When a refresh token is issued.
    #[derive(Default)]
    pub enum RefreshTokenIssuance {
        /// With the scope offline_access and prompt=consent.
        #[default]
        PromptConsent = "PromptConsent",
        /// With the scope offline_access.
        OfflineAccess = "OfflineAccess",
    }
}
