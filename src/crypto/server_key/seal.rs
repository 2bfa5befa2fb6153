//! RFC 5116, RFC 8452: sealed values.
//!
//! ```text
//! length of the key ID (1 octet) ‖ key ID ‖ nonce (12 octets) ‖ ciphertext ‖ tag (16 octets)
//! ```
//!
//! The AEAD is AES-256-GCM-SIV. Plain GCM with random nonces must stop at 2^32 messages per key (NIST SP 800-38D §8.3),
//! and strangers decide how many login handles are sealed; a repeated nonce there would give away the key that
//! authenticates them. With GCM-SIV a repeated nonce shows at most that two equal values are equal.

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};

use super::{Purpose, ServerKeys};
use crate::secret::Secret;
use crate::{fail, frame, random};

/// The value did not come out of the seal. The reasons are for logs; to a client they are all the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// Not a sealed value.
    #[error("the sealed value is malformed")]
    Malformed,
    /// Sealed with a server key that is not live any more, or never was.
    #[error("the sealed value names an unknown server key")]
    UnknownKey,
    /// Altered, or sealed for another purpose or with other associated data.
    #[error("the sealed value is not authentic")]
    NotAuthentic,
}

impl ServerKeys {
    /// Seals the value for the purpose under the current key. The same associated data, part by part, must be given to
    /// [`ServerKeys::open`]: it says where the value belongs, so that it cannot be moved.
    pub fn seal(&self, purpose: Purpose, aad: &[&[u8]], plaintext: &[u8]) -> Vec<u8> {
        self.seal_under(random::bytes::<NONCE_LEN>(), purpose, aad, plaintext)
    }

    /// As [`ServerKeys::seal`], but equal values at equal places seal alike: what is compared with what is stored is then
    /// written only when it differs. The nonce is a MAC over both (RFC 8452 §9 asks for no more than that two values
    /// under one nonce may show whether they are equal, which is what is wanted here).
    pub fn seal_alike(&self, purpose: Purpose, aad: &[&[u8]], plaintext: &[u8]) -> Vec<u8> {
        let parts: Vec<&[u8]> = aad.iter().copied().chain([plaintext]).collect();
        let mut nonce = [0; NONCE_LEN];
        for (octet, tag) in nonce.iter_mut().zip(self.mac(purpose, &parts).tag) {
            *octet = tag;
        }
        self.seal_under(nonce, purpose, aad, plaintext)
    }

    fn seal_under(&self, nonce: [u8; NONCE_LEN], purpose: Purpose, aad: &[&[u8]], plaintext: &[u8]) -> Vec<u8> {
        let live = &self.0.current;
        let mut out = Vec::with_capacity(1 + live.id.len() + NONCE_LEN + plaintext.len() + 16);
        // IDs have at most 64 characters.
        out.push(fail::or_abort(u8::try_from(live.id.len())));
        out.extend_from_slice(live.id.as_bytes());
        out.extend_from_slice(&nonce);
        let start = out.len();
        out.extend_from_slice(plaintext);
        let (_, in_out) = out.split_at_mut(start);
        let aead = &live.sub_key(purpose).aead;
        let tag = fail::or_abort(aead.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(frame::frame64(aad)),
            in_out,
        ));
        out.extend_from_slice(tag.as_ref());
        out
    }

    /// Opens what [`ServerKeys::seal`] made, under whichever live key it names.
    pub fn open(&self, purpose: Purpose, aad: &[&[u8]], sealed: &[u8]) -> Result<Secret<Vec<u8>>, OpenError> {
        let (length, rest) = sealed.split_first().ok_or(OpenError::Malformed)?;
        let (id, rest) = rest.split_at_checked(usize::from(*length)).ok_or(OpenError::Malformed)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::Malformed)?;
        let id = std::str::from_utf8(id).map_err(|_| OpenError::Malformed)?;
        let live = self.by_id(id).ok_or(OpenError::UnknownKey)?;
        let mut in_out = ciphertext.to_vec();
        let aead = &live.sub_key(purpose).aead;
        let length = aead
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(frame::frame64(aad)), &mut in_out)
            .map_err(|_| OpenError::NotAuthentic)?
            .len();
        in_out.truncate(length);
        Ok(Secret::new(in_out))
    }
}

/// The associated data of a secret value inside a record: where it belongs. A value cannot be moved to another
/// provider, kind, source object or field.
pub fn record_aad(provider_uid: &str, kind: &str, source_uid: &str, field_path: &str) -> Vec<u8> {
    let parts = ["portcullis/1", provider_uid, kind, source_uid, field_path];
    frame::frame64(&parts.map(str::as_bytes))
}
