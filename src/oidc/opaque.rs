//! Opaque values that name a row and prove themselves: authorization codes and session cookies.

use crypto::{Secret, b64, hash};
use uuid::Uuid;

/// `uuidv7 ‖ 32 random bytes`, base64url: the row is found by the time-ordered part, the rest is compared as a hash
/// in constant time. A reader of the store learns nothing that could be presented.
#[derive(Debug)]
pub struct Opaque {
    row: Uuid,
    proof: Secret<[u8; 32]>,
}

/// SHA-256 of the random part: what the store keeps.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ProofHash([u8; 32]);

/// Characters of the text form: 48 bytes in base64url.
const TEXT_LENGTH: usize = 64;

impl Opaque {
    /// Joins a time-ordered row ID and 32 fresh random bytes.
    pub fn new(row: Uuid, proof: [u8; 32]) -> Self {
        Self { row, proof: Secret::new(proof) }
    }

    /// Reads what a party presented; `None` for anything that this system cannot have made.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TEXT_LENGTH {
            return None;
        }
        let bytes = b64::decode(text)?;
        let (row, proof) = bytes.split_first_chunk::<16>()?;
        Some(Self::new(Uuid::from_bytes(*row), proof.try_into().ok()?))
    }

    /// The row that it names.
    pub fn row(&self) -> Uuid {
        self.row
    }

    /// The text to hand out.
    pub fn text(&self) -> Secret<String> {
        let mut bytes = Vec::with_capacity(48);
        bytes.extend_from_slice(self.row.as_bytes());
        bytes.extend_from_slice(self.proof.expose());
        Secret::new(b64::encode(&bytes))
    }

    /// What the store keeps.
    pub fn hash(&self) -> ProofHash {
        ProofHash(hash::sha256(self.proof.expose()))
    }

    /// Whether this is the value whose hash was stored, in constant time.
    pub fn proves(&self, stored: &ProofHash) -> bool {
        crypto::constant_time_eq(&hash::sha256(self.proof.expose()), &stored.0)
    }
}

impl ProofHash {
    /// From the stored bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Opaque {
        Opaque::new(Uuid::from_u128(7), [9; 32])
    }

    #[test]
    fn text_reads_back_and_proves() {
        let text = sample().text();
        assert_eq!(text.expose().len(), TEXT_LENGTH);
        let read = Opaque::parse(text.expose()).unwrap();
        assert_eq!(read.row(), sample().row());
        assert!(read.proves(&sample().hash()));
    }

    #[test]
    fn t_p21_truncated_extended_and_foreign_text_is_nothing() {
        let text = sample().text();
        for bad in [
            "",
            "x",
            text.expose().get(..63).unwrap(),
            &format!("{}A", text.expose()),
            &"=".repeat(64),
            &"é".repeat(32),
        ] {
            assert!(Opaque::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn another_proof_for_the_same_row_is_refused() {
        assert!(!Opaque::new(Uuid::from_u128(7), [8; 32]).proves(&sample().hash()));
    }
}
