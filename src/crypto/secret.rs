//! A value that cannot leak by accident.

use std::fmt;

use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, Zeroizing};

use crate::{hash, random};

/// A secret value: wiped from memory on drop, and without `Display`, `Serialize`, `PartialEq` or a telling `Debug`.
///
/// The one way to the value is [`Secret::expose`], so that a search for that word lists every place where it leaves.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in. Copies that the caller made before are the caller's to wipe.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl Secret<[u8; 32]> {
    /// A new secret from the operating system's generator.
    pub fn generate() -> Self {
        Self::new(random::bytes())
    }
}

macro_rules! verify {
    ($($type:ty),+) => {$(
        impl Secret<$type> {
            /// Whether `presented` is this secret.
            ///
            /// The time depends neither on how many leading octets agree nor on how the lengths compare: digests of
            /// equal length are compared, not the values.
            pub fn verify(&self, presented: &[u8]) -> bool {
                let own: &[u8] = self.0.as_ref();
                constant_time_eq(&hash::sha256(own), &hash::sha256(presented))
            }
        }
    )+};
}
verify!(Vec<u8>, String, [u8; 32]);

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret<String> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Whether the two are equal. The time depends on the lengths only, which are public.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_says_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(…)");
        assert_eq!(format!("{:#?}", Some(Secret::new(vec![1_u8, 2]))), "Some(\n    Secret(…),\n)");
    }

    #[test]
    fn t_p33_secrets_are_compared_by_digest() {
        let secret = Secret::new("correct".to_owned());
        for (presented, expect) in [
            ("correct", true),
            ("correcT", false),
            ("correct ", false),
            ("correc", false),
            ("", false),
            ("correctcorrect", false),
        ] {
            assert_eq!(secret.verify(presented.as_bytes()), expect, "{presented:?}");
        }
        assert!(Secret::new(vec![7_u8; 32]).verify(&[7; 32]));
        assert!(!Secret::new([7_u8; 32]).verify(&[7; 31]));
        assert!(Secret::new(String::new()).verify(b""));
    }

    #[test]
    fn equality_needs_equal_lengths() {
        assert!(constant_time_eq(b"", b""));
        assert!(constant_time_eq(b"ab", b"ab"));
        assert!(!constant_time_eq(b"ab", b"aB"));
        assert!(!constant_time_eq(b"ab", b"abc"));
    }

    #[test]
    fn a_secret_can_be_read_from_input() {
        let secret: Secret<String> = serde_json::from_str("\"s3cret\"").unwrap();
        assert_eq!(secret.expose(), "s3cret");
        assert!(serde_json::from_str::<Secret<String>>("7").is_err());
    }

    #[test]
    fn generated_secrets_differ() {
        assert!(!Secret::generate().verify(Secret::generate().expose()));
    }
}
