//! RFC 6749 §2.3, OIDC Core §9: how a client proves that it is itself.

use std::collections::BTreeSet;

use crypto::{Algorithm, Jwks, KeyError, PublicJwk, SecretVerifier, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::published_keys::PublishedKeys;
use crate::time::Time;

wire_enum! {
    /// How a client proves itself at the token endpoint (OIDC Core §9).
    ClientAuthMethod {
        /// HTTP Basic.
        ClientSecretBasic = "client_secret_basic",
        /// Form parameters.
        ClientSecretPost = "client_secret_post",
        /// RFC 7523 §2.2, a JWT under the client secret.
        ClientSecretJwt = "client_secret_jwt",
        /// RFC 7523 §2.2, a JWT under a key of the client's own.
        PrivateKeyJwt = "private_key_jwt",
        /// A public client names itself.
        None = "none",
    }
}

/// How a client proves that it is itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ClientAuthentication {
    /// It cannot keep a secret: PKCE always, `none` at the token endpoint.
    Public,
    /// It shares a secret.
    Secret {
        /// Methods that it may use.
        methods: BTreeSet<ClientAuthMethod>,
        /// One for each live secret, the newest first; two while a rotation overlaps.
        verifiers: Vec<SecretVerifier>,
        /// When all but the newest end, if that is known: a server needs nobody to tell it that the time has come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_ends: Option<Time>,
    },
    /// It has keys of its own, and signs with them.
    Keys(ClientKeys),
    /// The same, and the keys stand where the client publishes them.
    PublishedKeys(PublishedKeys),
}

/// The public keys of a client, parsed once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<PublicJwk>", into = "Vec<PublicJwk>")]
pub struct ClientKeys {
    jwks: Vec<PublicJwk>,
    keys: Vec<VerifyingKey>,
}

impl ClientKeys {
    /// Those of a published set that assertions can be verified with. One that is too short, say, is left out: it proves
    /// nothing, and the others are still its owner's.
    pub fn usable(set: Jwks) -> Self {
        let usable = set.keys.into_iter().filter_map(|jwk| Self::try_from(vec![jwk]).ok());
        usable.fold(Self::default(), |mut all, Self { jwks, keys }| {
            all.jwks.extend(jwks);
            all.keys.extend(keys);
            all
        })
    }

    /// Whether a key may be the one that an assertion with this header is signed with: of its algorithm, and of its key
    /// ID where both sides name one. `false`: another set is needed, if there is one.
    pub fn may_verify(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        self.keys
            .iter()
            .any(|key| key.algorithm() == algorithm && kid.zip(key.kid()).is_none_or(|(asked, own)| asked == own))
    }

    /// As they were published.
    pub fn jwks(&self) -> &[PublicJwk] {
        &self.jwks
    }

    /// One for each key and algorithm that it may be used with.
    pub(crate) fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }
}

impl TryFrom<Vec<PublicJwk>> for ClientKeys {
    type Error = KeyError;

    fn try_from(jwks: Vec<PublicJwk>) -> Result<Self, KeyError> {
        let pairs = jwks.iter().flat_map(|jwk| jwk.algorithms().into_iter().map(move |algorithm| (jwk, algorithm)));
        let keys = pairs.map(|(jwk, algorithm)| VerifyingKey::from_jwk(jwk, algorithm)).collect::<Result<_, _>>()?;
        Ok(Self { jwks, keys })
    }
}

impl From<ClientKeys> for Vec<PublicJwk> {
    fn from(keys: ClientKeys) -> Self {
        keys.jwks
    }
}
