//! RFC 7517, RFC 7518 §6, RFC 8037 §2, RFC 7638: public keys on the wire.
//!
//! A [`PublicJwk`] is well-formed by construction: supported type, strict base64url, lengths that fit the curve. Whether
//! the numbers are a usable key is for [`crate::VerifyingKey`] to say.

mod wire;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use self::wire::RawJwk;
use crate::alg::Algorithm;
use crate::{b64, hash};

/// A public signature key. Never holds a private member: a JWK that carries one is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicJwk {
    pub(crate) material: Material,
    pub(crate) kid: Option<String>,
    pub(crate) alg: Option<Algorithm>,
}

/// The numbers of a public key, decoded. RSA numbers are big-endian without leading zeros; coordinates have the full
/// length of their field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

/// The NIST curves of RFC 7518 §6.2.1.1 that have an algorithm here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Curve {
    P256,
    P384,
}

impl Curve {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// Octets in a coordinate and in the private scalar.
    pub(crate) const fn field_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

impl Material {
    /// Whether a key of this type and curve can be used with the algorithm.
    pub(crate) const fn fits(&self, algorithm: Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (Self::Rsa { .. }, Algorithm::RS256 | Algorithm::PS256)
                | (Self::Ec { curve: Curve::P256, .. }, Algorithm::ES256)
                | (Self::Ec { curve: Curve::P384, .. }, Algorithm::ES384)
                | (Self::Ed25519 { .. }, Algorithm::EdDSA)
        )
    }

    /// The algorithm, where type and curve leave no choice: RSA leaves one.
    pub(crate) const fn only_algorithm(&self) -> Option<Algorithm> {
        match self {
            Self::Rsa { .. } => None,
            Self::Ec { curve: Curve::P256, .. } => Some(Algorithm::ES256),
            Self::Ec { curve: Curve::P384, .. } => Some(Algorithm::ES384),
            Self::Ed25519 { .. } => Some(Algorithm::EdDSA),
        }
    }

    /// RFC 7638 §3: SHA-256 over the required members in lexicographic order, without white space. The members need no
    /// JSON escapes: they are fixed words and base64url.
    pub(crate) fn thumbprint(&self) -> KeyId {
        let canonical = match self {
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64::encode(e), b64::encode(n)),
            Self::Ec { curve, x, y } => {
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, curve.name(), b64::encode(x), b64::encode(y))
            }
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64::encode(x)),
        };
        KeyId(b64::encode(&hash::sha256(canonical.as_bytes())))
    }
}

impl PublicJwk {
    /// The key ID, if the JWK names one. Of a foreign key it is any string; of our own it is the thumbprint.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm, if the JWK names one.
    pub fn alg(&self) -> Option<Algorithm> {
        self.alg
    }

    /// Every algorithm that this key may be used with: the one it names, else those that its type allows.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        match self.alg {
            Some(named) => vec![named],
            None => Algorithm::ASYMMETRIC.into_iter().filter(|algorithm| self.material.fits(*algorithm)).collect(),
        }
    }

    /// RFC 7638 with SHA-256.
    pub fn thumbprint(&self) -> KeyId {
        self.material.thumbprint()
    }
}

/// A key ID of ours: the base64url SHA-256 thumbprint of the public key (RFC 7638), always 43 characters. It is safe as
/// a file name, as a key of a Secret and in a URL.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// The key ID that the text spells, or `None` if it is not the base64url text of 32 octets.
    pub fn parse(text: &str) -> Option<Self> {
        (b64::decode(text)?.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The base64url text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a key ID is the base64url text of 32 octets"))
    }
}

/// A JWK Set (RFC 7517 §5).
///
/// When read, keys of other types, curves, uses or algorithms are left out, as §5 advises; a key that is of a known
/// type but malformed, or that carries a private member, fails the whole set: its owner has to hear of it.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Jwks {
    /// The keys, in the order of the document.
    pub keys: Vec<PublicJwk>,
}

/// Why a JWK was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JwkError {
    /// A key type, curve, `use`, `key_ops` or `alg` that no algorithm here can verify with.
    #[error("the JWK's `{0}` is not one that signatures are verified with here")]
    Unsupported(&'static str),
    /// A required member is absent.
    #[error("the JWK lacks the member `{0}`")]
    Missing(&'static str),
    /// The member is not strict base64url, has leading zeros, or the wrong length for the curve.
    #[error("the JWK's member `{0}` is not base64url without padding of the length that the key type asks for")]
    Malformed(&'static str),
    /// A private or symmetric member where a public key belongs: the key must be considered disclosed.
    #[error("the JWK carries the private member `{0}`: publish the public part only, and replace this key")]
    Private(&'static str),
    /// `alg` does not go with the key type or curve.
    #[error("the JWK's `alg` does not fit its key type and curve")]
    AlgorithmMismatch,
}

#[cfg(test)]
mod tests;
