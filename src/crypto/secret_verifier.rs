//! RFC 2104: what the server keeps of a generated client secret.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::secret::Secret;
use crate::server_key::{Mac, Purpose, ServerKeys};

/// Enough to check a client secret and not enough to know it.
///
/// A generated secret has 256 random bits, so a keyed hash is all it takes: nothing could be guessed, and a slow hash
/// would only slow down every token request. The client ID is part of the MAC, so a verifier cannot be moved to another
/// client.
#[derive(Clone, Debug)]
pub struct SecretVerifier(Mac);

impl SecretVerifier {
    /// The verifier of this client's secret, under the current server key.
    pub fn new(keys: &ServerKeys, client_id: &str, secret: &Secret<String>) -> Self {
        Self(keys.mac(Purpose::ClientSecret, &[client_id.as_bytes(), secret.expose().as_bytes()]))
    }

    /// Whether the client presented its secret. The time does not depend on how much of it was right.
    pub fn verify(&self, keys: &ServerKeys, client_id: &str, presented: &[u8]) -> bool {
        keys.verify_mac(Purpose::ClientSecret, &[client_id.as_bytes(), presented], &self.0)
    }
}

impl Serialize for SecretVerifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.encode())
    }
}

impl<'de> Deserialize<'de> for SecretVerifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mac = Mac::decode(&text).ok_or_else(|| {
            serde::de::Error::custom("a secret verifier is `<server key ID>.<base64url of 32 octets>`")
        })?;
        Ok(Self(mac))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn keys(ids: &[(&str, u8)], current: &str) -> ServerKeys {
        let keys: BTreeMap<_, _> = ids.iter().map(|(id, o)| ((*id).to_owned(), Secret::new([*o; 32]))).collect();
        ServerKeys::new(keys, current.to_owned()).unwrap()
    }

    #[test]
    fn t_p33_a_secret_is_bound_to_client_and_server_key() {
        let old = keys(&[("a", 1)], "a");
        let rotated = keys(&[("a", 1), ("b", 2)], "b");
        let replaced = keys(&[("a", 3)], "a");
        let secret = Secret::new("kR3x".to_owned());
        let verifier = SecretVerifier::new(&old, "ns.app", &secret);
        for (keys, client_id, presented, expect) in [
            (&old, "ns.app", "kR3x", true),
            (&rotated, "ns.app", "kR3x", true),
            (&replaced, "ns.app", "kR3x", false),
            (&old, "ns.other", "kR3x", false),
            (&old, "ns.app", "kR3", false),
            (&old, "ns.app", "kR3xx", false),
            (&old, "ns.app", "", false),
            (&old, "ns.appk", "R3x", false),
        ] {
            assert_eq!(verifier.verify(keys, client_id, presented.as_bytes()), expect, "{client_id} {presented}");
        }
        let gone = keys(&[("b", 2)], "b");
        assert!(!verifier.verify(&gone, "ns.app", b"kR3x"), "its server key was removed");
    }

    #[test]
    fn it_is_stored_as_text_and_shown_without_the_tag() {
        let keys = keys(&[("k.1", 9)], "k.1");
        let verifier = SecretVerifier::new(&keys, "c", &Secret::new("s".to_owned()));
        let json = serde_json::to_string(&verifier).unwrap();
        assert!(json.starts_with("\"k.1."), "{json}");
        let read: SecretVerifier = serde_json::from_str(&json).unwrap();
        assert!(read.verify(&keys, "c", b"s"));
        assert!(!format!("{verifier:?}").contains(json.trim_matches('"').rsplit_once('.').unwrap().1));
        for bad in ["\"\"", "\"k\"", "\"k.AA\"", "\".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", "7"] {
            assert!(serde_json::from_str::<SecretVerifier>(bad).is_err(), "{bad}");
        }
    }
}
