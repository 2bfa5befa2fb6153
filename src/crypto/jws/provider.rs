//! RFC 7515 §3.1, §7.1: the compact form, signed by `jsonwebtoken` with a key that has been parsed already.
//!
//! The library's keys are octets, which its own provider parses at every signature: for RSA that takes longer than the
//! signature itself. So the library gets a provider of ours and, as the key, a marker. The key pair itself is put into
//! the hand of the current thread just before the call, and the provider takes it out at the start of the call, on the
//! same thread. Private keys thus have one home, [`SigningKey`], and no table of them exists that could outlive a
//! removed key or that threads would have to lock.
//!
//! Keys other than the marker go to the library's own provider.

use std::cell::RefCell;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, aws_lc};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::signature::{Error, Signer};
use jsonwebtoken::{Algorithm as JwtAlgorithm, EncodingKey};
use serde::Serialize;

use super::SignError;
use crate::alg::Algorithm;
use crate::key::SigningKey;

pub(super) fn sign<T: Serialize>(key: &SigningKey, typ: &str, claims: &T) -> Result<String, SignError> {
    let algorithm = key.algorithm();
    let input = signing_input(&Header { typ, alg: algorithm, kid: Some(key.kid().as_str()) }, claims)?;
    IN_HAND.set(Some(key.clone()));
    let token = finish(input, marker(algorithm), algorithm);
    // Already empty, unless the signer was never asked for.
    IN_HAND.set(None);
    token
}

pub(super) fn sign_hs256<T: Serialize>(secret: &[u8], typ: &str, claims: &T) -> Result<String, SignError> {
    let input = signing_input(&Header { typ, alg: Algorithm::HS256, kid: None }, claims)?;
    // The real key: a marker would be a secret that anybody knows.
    finish(input, &EncodingKey::from_secret(secret), Algorithm::HS256)
}

/// Appends the signature. The only caller of the library: it keeps the provider that it finds at its first use for good,
/// so that one has to be ours.
fn finish(mut input: String, key: &EncodingKey, algorithm: Algorithm) -> Result<String, SignError> {
    if !*INSTALLED {
        return Err(SignError::Provider);
    }
    let signature =
        jsonwebtoken::crypto::sign(input.as_bytes(), key, wire(algorithm)).map_err(|_| SignError::Failed)?;
    input.push('.');
    input.push_str(&signature);
    Ok(input)
}

#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: Algorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

/// `base64url(header) . base64url(claims)`, with room left for the signature.
fn signing_input<T: Serialize>(header: &Header<'_>, claims: &T) -> Result<String, SignError> {
    let header = serde_json::to_vec(header).map_err(|_| SignError::Failed)?;
    let claims = serde_json::to_vec(claims).map_err(|_| SignError::Failed)?;
    // Room for the signature of RSA with 2048 bits, the longest in common use.
    let mut out = String::with_capacity((header.len() + claims.len()) * 4 / 3 + 8 + 342);
    URL_SAFE_NO_PAD.encode_string(header, &mut out);
    out.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut out);
    Ok(out)
}

/// Not a key in any encoding, so a provider that tries to parse it refuses it.
const MARKER: &[u8] = b"the key in hand";

/// The marker in the family of the algorithm.
fn marker(algorithm: Algorithm) -> &'static EncodingKey {
    static RSA: LazyLock<EncodingKey> = LazyLock::new(|| EncodingKey::from_rsa_der(MARKER));
    static EC: LazyLock<EncodingKey> = LazyLock::new(|| EncodingKey::from_ec_der(MARKER));
    static ED: LazyLock<EncodingKey> = LazyLock::new(|| EncodingKey::from_ed_der(MARKER));
    match algorithm {
        Algorithm::RS256 | Algorithm::PS256 => &RSA,
        Algorithm::ES256 | Algorithm::ES384 => &EC,
        // No SigningKey is for HS256, and the marker is never a secret.
        Algorithm::EdDSA | Algorithm::HS256 => &ED,
    }
}

const fn wire(algorithm: Algorithm) -> JwtAlgorithm {
    match algorithm {
        Algorithm::RS256 => JwtAlgorithm::RS256,
        Algorithm::PS256 => JwtAlgorithm::PS256,
        Algorithm::ES256 => JwtAlgorithm::ES256,
        Algorithm::ES384 => JwtAlgorithm::ES384,
        Algorithm::EdDSA => JwtAlgorithm::EdDSA,
        Algorithm::HS256 => JwtAlgorithm::HS256,
    }
}

/// Whether the process-wide provider is ours. Installed at the first signature; `false` if somebody was faster.
static INSTALLED: LazyLock<bool> = LazyLock::new(|| PROVIDER.install_default().is_ok());

static PROVIDER: LazyLock<CryptoProvider> = LazyLock::new(|| CryptoProvider {
    signer_factory: |algorithm, key| signer(*algorithm, key),
    ..aws_lc::DEFAULT_PROVIDER.clone()
});

thread_local! {
    static IN_HAND: RefCell<Option<SigningKey>> = const { RefCell::new(None) };
}

fn signer(algorithm: JwtAlgorithm, key: &EncodingKey) -> JwtResult<Box<dyn JwtSigner>> {
    if key.as_bytes() != MARKER {
        return (aws_lc::DEFAULT_PROVIDER.signer_factory)(&algorithm, key);
    }
    match IN_HAND.take() {
        Some(held) if wire(held.algorithm()) == algorithm => Ok(Box::new(Held(held))),
        _ => Err(ErrorKind::InvalidKeyFormat.into()),
    }
}

struct Held(SigningKey);

impl Signer<Vec<u8>> for Held {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.pair().sign(message).map_err(Error::from_source)
    }
}

impl JwtSigner for Held {
    fn algorithm(&self) -> JwtAlgorithm {
        wire(self.0.algorithm())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish_marker(algorithm: Algorithm) -> Result<String, SignError> {
        finish("m".to_owned(), marker(algorithm), algorithm)
    }

    #[test]
    fn a_marker_without_a_key_in_hand_signs_nothing() {
        for algorithm in Algorithm::ALL {
            assert_eq!(finish_marker(algorithm), Err(SignError::Failed), "{algorithm}");
        }
        let as_secret = EncodingKey::from_secret(MARKER);
        assert_eq!(finish("m".to_owned(), &as_secret, Algorithm::HS256), Err(SignError::Failed));
    }

    #[test]
    fn a_key_in_hand_signs_once_and_for_its_algorithm_only() {
        let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
        IN_HAND.set(Some(key.clone()));
        assert_eq!(finish_marker(Algorithm::ES256), Err(SignError::Failed));
        assert!(IN_HAND.take().is_none());
        IN_HAND.set(Some(key));
        assert!(finish_marker(Algorithm::EdDSA).is_ok());
        assert_eq!(finish_marker(Algorithm::EdDSA), Err(SignError::Failed));
    }

    #[test]
    fn other_keys_are_the_librarys_business() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let der = EncodingKey::from_ec_der(key.to_pkcs8().expose());
        let signed = finish("m".to_owned(), &der, Algorithm::ES256).unwrap();
        let signature = signed.strip_prefix("m.").unwrap();
        assert!(key.verifying_key().verify(b"m", &crate::b64::decode(signature).unwrap()));
    }
}
