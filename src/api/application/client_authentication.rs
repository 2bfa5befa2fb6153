//! How a client proves who it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClientSecret;
use crate::cel::rules;
use crate::text::{HttpsUri, KeyId, SubdomainName};
use crate::wire::wire_enum;

/// How a client proves who it is. The type says which of the other fields belongs here.
///
/// The rules ask for `type` with `has()`, since the schema has no default for it inside
/// the list of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([
    (
        "!has(self.clientSecret) || !has(self.type) || self.type == 'ClientSecret'",
        "clientSecret needs type ClientSecret: take it out or change the type",
    ),
    (
        "has(self.serviceAccountToken) == (has(self.type) && self.type == 'ServiceAccountToken')",
        "serviceAccountToken is required with type ServiceAccountToken and refused with any other",
    ),
    (
        "has(self.privateKeyJwt) == (has(self.type) && self.type == 'PrivateKeyJwt')",
        "privateKeyJwt is required with type PrivateKeyJwt and refused with any other",
    ),
])))]
pub struct ClientAuthentication {
    /// ClientSecret (the default), ServiceAccountToken (a projected token of this
    /// namespace; no secret at all), PrivateKeyJwt (RFC 7523) or None (a public client).
    #[serde(rename = "type")]
    pub type_: ClientAuthenticationType,

    /// The client secret, with type ClientSecret. Absent: a generated one with the
    /// defaults below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<ClientSecret>,

    /// The ServiceAccounts, with type ServiceAccountToken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_token: Option<ServiceAccountToken>,

    /// The public keys, with type PrivateKeyJwt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key_jwt: Option<PrivateKeyJwt>,
}

wire_enum! {
    /// How a client proves who it is.
    #[derive(Default)]
    pub enum ClientAuthenticationType {
        /// With a secret that both sides know.
        #[default]
        ClientSecret = "ClientSecret",
        /// With a token of a Kubernetes ServiceAccount.
        ServiceAccountToken = "ServiceAccountToken",
        /// With a JWT signed by a key of its own.
        PrivateKeyJwt = "PrivateKeyJwt",
        /// Not at all: a public client.
        None = "None",
    }
}

/// Client authentication with tokens of ServiceAccounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountToken {
    /// The ServiceAccounts of this namespace whose tokens count. The audience of a token
    /// has to be the issuer, and nothing else.
    #[schemars(length(min = 1, max = 20), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = rules([(
        "self.all(x, self.exists_one(y, x.name == y.name))",
        "the list names a ServiceAccount twice: keep one of them",
    )])))]
    pub service_accounts: Vec<ServiceAccountRef>,
}

/// A ServiceAccount of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountRef {
    /// The name of the ServiceAccount.
    pub name: SubdomainName,
}

/// Client authentication with keys of the client's own (RFC 7523 §2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([(
    "(has(self.keys) && size(self.keys) > 0) != has(self.jwksURI)",
    "privateKeyJwt has exactly one of keys and jwksURI",
)])))]
pub struct PrivateKeyJwt {
    /// The public keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["keyID"]))]
    pub keys: Vec<PublicKey>,

    /// The https address of the client's JWK Set, where policy allows its host. It is fetched
    /// when an assertion needs it and kept for 1 to 60 minutes, as its Cache-Control says (5
    /// without a word); a key ID that is not in it has it fetched again, at most every 30
    /// seconds, so publish a new key before signing with it. The answer has to be status 200,
    /// application/json or application/jwk-set+json, with at most 64 KiB and 20 public keys;
    /// redirects are not followed.
    #[serde(rename = "jwksURI", skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<HttpsUri>,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicKey {
    /// The key ID that the client puts into the header of its JWTs.
    #[serde(rename = "keyID")]
    pub key_id: KeyId,

    /// The public key as a JWK (RFC 7517) in JSON. A private key is refused.
    #[schemars(length(min = 2, max = 8192))]
    pub jwk: String,
}
