//! RFC 7517, RFC 7518, RFC 8037, RFC 5208: key pairs and public keys, parsed once and bound to one algorithm.

mod private_jwk;
mod verifying;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use serde_json::Value;

pub use self::verifying::VerifyingKey;
pub(crate) use self::verifying::shared_secret;
use crate::alg::Algorithm;
use crate::jwk::{Curve, JwkError, KeyId, Material, PublicJwk};
use crate::secret::Secret;

/// A private key with its one algorithm and its public half. Cloning copies a pointer.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    pair: Pair,
    kid: KeyId,
    jwk: PublicJwk,
    verifying: VerifyingKey,
}

/// The parsed key pair and how it signs.
pub(crate) enum Pair {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// The library could not compute a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the signature could not be computed")]
pub(crate) struct SignatureFailed;

impl SigningKey {
    /// A new key; RSA keys have 2048 bits and take tens of milliseconds, so generate them off the request path.
    ///
    /// `HS256` is refused: its key is a client's secret, not a key of ours.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Generation;
        let pair = match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => {
                Pair::rsa(algorithm, RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?)?
            }
            Algorithm::ES256 | Algorithm::ES384 => Pair::Ec(EcdsaKeyPair::generate(ecdsa(algorithm)?).map_err(failed)?),
            Algorithm::EdDSA => Pair::Ed(Ed25519KeyPair::generate().map_err(failed)?),
            Algorithm::HS256 => return Err(KeyError::Symmetric),
        };
        Self::new(algorithm, pair)
    }

    /// Reads a PKCS#8 document (RFC 5208; version 2 of RFC 5958 too for Ed25519). The key must fit the algorithm; an
    /// RSA key needs at least 2048 bits.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => {
                Pair::rsa(algorithm, RsaKeyPair::from_pkcs8(pkcs8).map_err(|rejected| KeyError::pkcs8(&rejected))?)?
            }
            Algorithm::ES256 | Algorithm::ES384 => Pair::Ec(
                EcdsaKeyPair::from_pkcs8(ecdsa(algorithm)?, pkcs8).map_err(|rejected| KeyError::pkcs8(&rejected))?,
            ),
            Algorithm::EdDSA => {
                Pair::Ed(Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|rejected| KeyError::pkcs8(&rejected))?)
            }
            Algorithm::HS256 => return Err(KeyError::Symmetric),
        };
        Self::new(algorithm, pair)
    }

    /// The key as a PKCS#8 version 1 document.
    pub fn to_pkcs8(&self) -> Secret<Vec<u8>> {
        self.0.pair.to_pkcs8()
    }

    /// Reads a private JWK (RFC 7517 A.2). `alg` may be left out where the curve implies it. A `kid`, if given, must be
    /// the thumbprint, so that a key's name is always bound to the key.
    pub fn from_private_jwk(jwk: &Value) -> Result<Self, KeyError> {
        private_jwk::read(jwk)
    }

    /// The key as a private JWK, as one line of JSON.
    pub fn to_private_jwk(&self) -> Secret<String> {
        private_jwk::write(self)
    }

    /// The RFC 7638 thumbprint of the public key.
    pub fn kid(&self) -> &KeyId {
        &self.0.kid
    }

    /// The only algorithm that this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.0.verifying.algorithm()
    }

    /// The public key as it is published: with `kid`, `alg` and `use`.
    pub fn public_jwk(&self) -> &PublicJwk {
        &self.0.jwk
    }

    /// The public key, ready to verify with.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.0.verifying
    }

    pub(crate) fn new(algorithm: Algorithm, pair: Pair) -> Result<Self, KeyError> {
        let material = pair.material().ok_or(KeyError::Malformed)?;
        let kid = material.thumbprint();
        let jwk = PublicJwk { material, kid: Some(kid.as_str().to_owned()), alg: Some(algorithm) };
        let verifying = VerifyingKey::from_jwk(&jwk, algorithm)?;
        Ok(Self(Arc::new(Inner { pair, kid, jwk, verifying })))
    }

    pub(crate) fn pair(&self) -> &Pair {
        &self.0.pair
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid().as_str())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

impl Pair {
    pub(crate) fn rsa(algorithm: Algorithm, pair: RsaKeyPair) -> Result<Self, KeyError> {
        let encoding: &'static dyn RsaEncoding = match algorithm {
            Algorithm::RS256 => &RSA_PKCS1_SHA256,
            Algorithm::PS256 => &RSA_PSS_SHA256,
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA | Algorithm::HS256 => {
                return Err(KeyError::AlgorithmMismatch);
            }
        };
        Ok(Self::Rsa(pair, encoding))
    }

    /// The JWS signature (RFC 7518 §3): for ECDSA r and s at their full width, not DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureFailed> {
        match self {
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).map_err(|_| SignatureFailed)?;
                Ok(signature)
            }
            Self::Ec(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| SignatureFailed)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed(pair) => Ok(pair.try_sign(message).map_err(|_| SignatureFailed)?.as_ref().to_vec()),
        }
    }

    fn material(&self) -> Option<Material> {
        match self {
            Self::Rsa(pair, _) => {
                let public = pair.public_key();
                Some(Material::Rsa {
                    n: public.modulus().big_endian_without_leading_zero().to_vec(),
                    e: public.exponent().big_endian_without_leading_zero().to_vec(),
                })
            }
            Self::Ec(pair) => {
                let (form, point) = pair.public_key().as_ref().split_first()?;
                let (x, y) = point.split_at_checked(point.len() / 2)?;
                let curve = [Curve::P256, Curve::P384].into_iter().find(|curve| curve.field_len() == x.len())?;
                // 0x04 marks an uncompressed point (SEC 1 §2.3.3).
                (*form == 4).then(|| Material::Ec { curve, x: x.to_vec(), y: y.to_vec() })
            }
            Self::Ed(pair) => Some(Material::Ed25519 { x: pair.public_key().as_ref().to_vec() }),
        }
    }

    fn to_pkcs8(&self) -> Secret<Vec<u8>> {
        // The octets are copied out of a buffer that the library wipes itself.
        let document = match self {
            Self::Rsa(pair, _) => {
                let der: Result<Pkcs8V1Der<'_>, _> = pair.as_der();
                der.map(|der| Secret::new(der.as_ref().to_vec()))
            }
            Self::Ec(pair) => pair.to_pkcs8v1().map(|der| Secret::new(der.as_ref().to_vec())),
            Self::Ed(pair) => pair.to_pkcs8v1().map(|der| Secret::new(der.as_ref().to_vec())),
        };
        crate::fail::or_abort(document)
    }
}

pub(crate) fn ecdsa(algorithm: Algorithm) -> Result<&'static EcdsaSigningAlgorithm, KeyError> {
    match algorithm {
        Algorithm::ES256 => Ok(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => Ok(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::EdDSA | Algorithm::HS256 => Err(KeyError::AlgorithmMismatch),
    }
}

/// Why a key was refused. No message repeats any part of the key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// `HS256` where a key pair belongs.
    #[error("HS256 has no key pair: choose RS256, PS256, ES256, ES384 or EdDSA")]
    Symmetric,
    /// The library could not generate a key.
    #[error("the key could not be generated")]
    Generation,
    /// Not a key of the expected form, or its parts contradict each other.
    #[error("the private key is malformed or its parts do not belong together")]
    Malformed,
    /// An RSA key of fewer than 2048 or more than 8192 bits, an even or oversized exponent, or a shared secret of
    /// fewer than 32 octets.
    #[error(
        "the key has an unacceptable size: RSA needs 2048 to 8192 bits and an odd exponent of at most 33 bits, HS256 32 octets"
    )]
    Size,
    /// The key is of another type or curve than the algorithm, or names another `alg`.
    #[error("the key does not go with this signature algorithm")]
    AlgorithmMismatch,
    /// An RSA private JWK must say whether it is for RS256 or PS256.
    #[error("the RSA key does not say its `alg`: RS256 or PS256")]
    AlgorithmMissing,
    /// The `kid` is not the RFC 7638 thumbprint of the key.
    #[error("the `kid` is not the SHA-256 thumbprint of the key (RFC 7638)")]
    KeyIdMismatch,
    /// An RSA key with more than two primes.
    #[error("RSA keys with more than two primes are not supported")]
    MultiPrime,
    /// The JWK itself was refused.
    #[error(transparent)]
    Jwk(#[from] JwkError),
}

impl KeyError {
    /// The library names sizes in its rejections; everything else about a private key stays unsaid.
    fn pkcs8(rejected: &aws_lc_rs::error::KeyRejected) -> Self {
        match rejected.description_() {
            "TooSmall" | "TooLarge" => Self::Size,
            _ => Self::Malformed,
        }
    }
}

#[cfg(test)]
mod tests;
