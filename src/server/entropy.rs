//! The only drawer of randomness in this member. RFC 9562 §5.7: identifiers that keep rows in time order.

use crypto::Secret;
use oidc::opaque::Opaque;
use oidc::time::Time;
use uuid::{Builder, Uuid};

/// Randomness, as a port: a test hands in a seeded generator.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the buffer with octets that nobody can guess.
    fn fill(&self, buf: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buf: &mut [u8]) {
        crypto::random::fill(buf);
    }
}

impl dyn Entropy {
    /// `N` random octets.
    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// A UUID of version 7: the time, then randomness.
    pub(crate) fn uuid(&self, now: Time) -> Uuid {
        let millis = u64::try_from(now.millis()).unwrap_or_default();
        Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    /// A row ID with a proof that only its holder knows: a code, or the value of a session cookie.
    pub(crate) fn opaque(&self, now: Time) -> Opaque {
        Opaque::new(self.uuid(now), self.bytes())
    }

    /// 32 random octets that are a secret.
    pub(crate) fn secret(&self) -> Secret<[u8; 32]> {
        Secret::new(self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_7_and_in_time_order() {
        let entropy: &dyn Entropy = &SystemEntropy;
        let early = entropy.uuid(Time::from_secs(1_800_000_000));
        let late = entropy.uuid(Time::from_secs(1_800_000_001));
        assert_eq!(early.get_version_num(), 7);
        assert!(early < late);
        assert_ne!(late, entropy.uuid(Time::from_secs(1_800_000_001)));
    }

    #[test]
    fn two_opaque_values_prove_different_things() {
        let entropy: &dyn Entropy = &SystemEntropy;
        let (one, other) = (entropy.opaque(Time::from_secs(0)), entropy.opaque(Time::from_secs(0)));
        assert!(one.proves(&one.hash()));
        assert!(!one.proves(&other.hash()));
    }
}
