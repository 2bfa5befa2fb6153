//! RFC 7518 §3, §6: public keys and shared secrets that signatures are verified with.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, EcdsaVerificationAlgorithm, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents,
};

use super::KeyError;
use crate::alg::Algorithm;
use crate::jwk::{Curve, Material, PublicJwk};
use crate::secret::Secret;

/// A key to verify with, parsed once and bound to one algorithm, so that a token cannot choose how the key is used
/// (RFC 8725 §3.1). Cloning copies a pointer.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    kid: Option<String>,
    check: Check,
}

enum Check {
    Public(ParsedPublicKey),
    Hmac(Box<hmac::Key>),
}

/// The octets of an HS256 key, which has at least the length of the hash (RFC 7518 §3.2).
pub(crate) fn shared_secret(secret: &Secret<String>) -> Result<&[u8], KeyError> {
    let octets = secret.expose().as_bytes();
    if octets.len() < 32 { Err(KeyError::Size) } else { Ok(octets) }
}

impl VerifyingKey {
    /// Parses a public key for one algorithm. The JWK's own `alg`, if any, must be that one.
    pub fn from_jwk(jwk: &PublicJwk, algorithm: Algorithm) -> Result<Self, KeyError> {
        if jwk.alg.is_some_and(|named| named != algorithm) || !jwk.material.fits(algorithm) {
            return Err(KeyError::AlgorithmMismatch);
        }
        let key = match &jwk.material {
            Material::Rsa { n, e } => parse_rsa(n, e, algorithm)?,
            Material::Ec { curve, x, y } => parse_ec(*curve, x, y)?,
            Material::Ed25519 { x } => ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyError::Malformed)?,
        };
        Ok(Self(Arc::new(Inner { algorithm, kid: jwk.kid.clone(), check: Check::Public(key) })))
    }

    /// An HS256 key out of the octets of a client's secret (OIDC Core §10.1), for `client_secret_jwt` and for hints
    /// that were MACed. Secrets under 32 octets are refused (RFC 7518 §3.2).
    pub fn from_shared_secret(secret: &Secret<String>) -> Result<Self, KeyError> {
        Ok(Self::from_hmac_octets(shared_secret(secret)?))
    }

    pub(crate) fn from_hmac_octets(octets: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, octets);
        Self(Arc::new(Inner { algorithm: Algorithm::HS256, kid: None, check: Check::Hmac(Box::new(key)) }))
    }

    /// The only algorithm that this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The key ID of the JWK that this key was read from.
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// Whether the signature is this key's over the message, under this key's algorithm.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0.check {
            Check::Public(key) => key.verify_sig(message, signature).is_ok(),
            Check::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.0.kid)
            .field("algorithm", &self.0.algorithm)
            .finish_non_exhaustive()
    }
}

/// Sizes are checked here, because the library would check them only at the first signature: a weak key must fail when
/// it is configured. Both numbers have no leading zeros.
fn parse_rsa(n: &[u8], e: &[u8], algorithm: Algorithm) -> Result<ParsedPublicKey, KeyError> {
    let parameters: &'static RsaParameters = match algorithm {
        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA | Algorithm::HS256 => {
            return Err(KeyError::AlgorithmMismatch);
        }
    };
    // A larger exponent makes each verification slower at the will of whoever supplies the key; 1 makes every
    // signature valid.
    let odd = e.last().is_some_and(|last| last % 2 == 1);
    if !(2048..=8192).contains(&bits(n)) || !(2..=33).contains(&bits(e)) || !odd {
        return Err(KeyError::Size);
    }
    RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters).map_err(|_| KeyError::Malformed)
}

/// The library refuses coordinates that are not a point of the curve.
fn parse_ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<ParsedPublicKey, KeyError> {
    let parameters: &'static EcdsaVerificationAlgorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
    };
    ParsedPublicKey::new(parameters, [&[4], x, y].concat()).map_err(|_| KeyError::Malformed)
}

/// The length in bits of a number without leading zero octets.
fn bits(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |first| first.leading_zeros() as usize);
    (number.len() * 8).saturating_sub(zeros)
}
