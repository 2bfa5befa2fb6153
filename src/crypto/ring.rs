//! OIDC Core §10.1.1: signing keys and their rotation.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alg::Algorithm;
use crate::jwk::{Jwks, KeyId};
use crate::key::{SigningKey, VerifyingKey};

/// Where a key stands in its life. It only ever moves down this list, and is then removed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum KeyState {
    /// Published so that clients can learn it; signs nothing yet. Becomes active when caches of the JWK Set have had
    /// time to expire.
    Pending,
    /// Signs.
    Active,
    /// Signs nothing more, stays published until its last token has expired.
    Retiring,
}

/// A key and where it stands.
#[derive(Clone, Debug)]
pub struct RingKey {
    /// The key pair.
    pub key: SigningKey,
    /// Its state.
    pub state: KeyState,
    /// When it reached that state, in seconds since 1970.
    pub since: i64,
    /// What the schedule's trigger was when it was made: another one asks for another key.
    pub trigger: String,
}

/// The keys of one issuer: which one signs, and which ones are published. Cloning copies a pointer.
///
/// Each issuer has its own ring and `kid` is looked up in that ring only, so equal IDs elsewhere have no meaning here.
#[derive(Clone, Debug)]
pub struct KeyRing(Arc<[RingKey]>);

/// Why the keys do not form a ring.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RingError {
    /// Two keys share a key ID; as the ID is the thumbprint, they are the same key, maybe for two algorithms.
    #[error("the key `{0}` is listed twice: a key belongs to one algorithm and one state")]
    DuplicateKeyId(KeyId),
}

impl KeyRing {
    /// Puts the keys together. An empty ring is fine: it signs and verifies nothing.
    pub fn new(mut keys: Vec<RingKey>) -> Result<Self, RingError> {
        let mut seen = BTreeSet::new();
        if let Some(twice) = keys.iter().find(|ring_key| !seen.insert(ring_key.key.kid().as_str())) {
            return Err(RingError::DuplicateKeyId(twice.key.kid().clone()));
        }
        keys.sort_by(|a, b| order(a).cmp(&order(b)));
        Ok(Self(keys.into()))
    }

    /// The key that signs with the algorithm: the active one, the newest if several are active.
    pub fn signing(&self, algorithm: Algorithm) -> Option<&SigningKey> {
        self.active().find(|ring_key| ring_key.key.algorithm() == algorithm).map(|ring_key| &ring_key.key)
    }

    /// The JWK Set to publish: every key in whatever state, grouped by algorithm, active ones first, then by key ID. The
    /// order depends on nothing else, so that replicas publish the same octets.
    pub fn published(&self) -> Jwks {
        let mut keys: Vec<_> = self.0.iter().collect();
        keys.sort_by_key(|ring_key| {
            (ring_key.key.algorithm(), ring_key.state != KeyState::Active, ring_key.key.kid().as_str())
        });
        Jwks { keys: keys.into_iter().map(|ring_key| ring_key.key.public_jwk().clone()).collect() }
    }

    /// The public key with this ID, in whatever state. The text is compared and otherwise unused: it comes from a token.
    pub fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.0.iter().find(|ring_key| ring_key.key.kid().as_str() == kid).map(|ring_key| ring_key.key.verifying_key())
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &RingKey> {
        self.0.iter()
    }

    /// The algorithms that this ring can sign with, sorted.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let found: BTreeSet<_> = self.active().map(|ring_key| ring_key.key.algorithm()).collect();
        found.into_iter().collect()
    }

    fn active(&self) -> impl Iterator<Item = &RingKey> {
        self.0.iter().filter(|ring_key| ring_key.state == KeyState::Active)
    }
}

/// By algorithm, the newest first; the key ID decides between keys of the same second.
fn order(ring_key: &RingKey) -> (Algorithm, std::cmp::Reverse<i64>, &str) {
    (ring_key.key.algorithm(), std::cmp::Reverse(ring_key.since), ring_key.key.kid().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(algorithm: Algorithm, state: KeyState, since: i64) -> RingKey {
        RingKey { key: SigningKey::generate(algorithm).unwrap(), state, since, trigger: String::new() }
    }

    #[test]
    fn the_newest_active_key_signs() {
        let old = key(Algorithm::ES256, KeyState::Active, 100);
        let new = key(Algorithm::ES256, KeyState::Active, 200);
        let pending = key(Algorithm::ES256, KeyState::Pending, 300);
        let retiring = key(Algorithm::EdDSA, KeyState::Retiring, 400);
        let ring = KeyRing::new(vec![old, pending, retiring, new.clone()]).unwrap();
        assert_eq!(ring.signing(Algorithm::ES256).unwrap().kid(), new.key.kid());
        assert!(ring.signing(Algorithm::EdDSA).is_none(), "a retiring key signs nothing");
        assert!(ring.signing(Algorithm::ES384).is_none());
        assert_eq!(ring.algorithms(), [Algorithm::ES256]);
        assert_eq!(ring.keys().count(), 4);
    }

    #[test]
    fn t_p46_every_state_is_published_and_found() {
        let keys = [KeyState::Retiring, KeyState::Pending, KeyState::Active].map(|s| key(Algorithm::EdDSA, s, 1));
        let es256 = key(Algorithm::ES256, KeyState::Active, 1);
        let all = [keys.to_vec(), vec![es256.clone()]].concat();
        let ring = KeyRing::new(all.clone()).unwrap();
        let published = ring.published();
        assert_eq!(published.keys.len(), 4);
        assert_eq!(published.keys[0].kid(), Some(es256.key.kid().as_str()));
        assert_eq!(published.keys[1].kid(), Some(keys[2].key.kid().as_str()), "the active key comes first");
        assert!(published.keys[2].kid() < published.keys[3].kid());
        for ring_key in &all {
            let found = ring.find(ring_key.key.kid().as_str()).unwrap();
            assert_eq!(found.kid(), Some(ring_key.key.kid().as_str()));
        }
        let shuffled = KeyRing::new(all.into_iter().rev().collect()).unwrap();
        assert_eq!(shuffled.published(), published, "the order of the input does not show");
    }

    #[test]
    fn t_p19_a_kid_is_looked_up_and_nothing_else() {
        let ring = KeyRing::new(vec![key(Algorithm::ES256, KeyState::Active, 1)]).unwrap();
        for kid in ["", "../../etc/passwd", "*", "%00", "a/b"] {
            assert!(ring.find(kid).is_none(), "{kid:?}");
        }
        assert!(KeyRing::new(Vec::new()).unwrap().published().keys.is_empty());
    }

    #[test]
    fn t_p19_duplicate_kid_is_refused() {
        let one = key(Algorithm::EdDSA, KeyState::Active, 1);
        let again = RingKey { state: KeyState::Pending, ..one.clone() };
        assert_eq!(
            KeyRing::new(vec![one.clone(), again]).unwrap_err(),
            RingError::DuplicateKeyId(one.key.kid().clone())
        );
    }

    #[test]
    fn one_rsa_key_cannot_serve_two_algorithms() {
        let rs256 = SigningKey::generate(Algorithm::RS256).unwrap();
        let ps256 = SigningKey::from_pkcs8(Algorithm::PS256, rs256.to_pkcs8().expose()).unwrap();
        let ring = |key| RingKey { key, state: KeyState::Active, since: 1, trigger: String::new() };
        assert!(KeyRing::new(vec![ring(rs256), ring(ps256)]).is_err());
    }
}
