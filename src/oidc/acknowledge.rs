//! What a server tells the controller about what it has loaded, and how the controller knows that it was that server.
//!
//! ```text
//! controller ── GET /loaded?nonce=N ──▶ server ──▶ body, and a MAC over (N, body) under the server key
//! ```
//!
//! Resource versions are compared per resource: they are numbers that rise with every write (KEP-5504; etcd before).

use std::collections::BTreeMap;

use crypto::{Mac, Purpose, ServerKeys};
use serde::{Deserialize, Serialize};

use crate::ids::Uid;

/// The header that carries the MAC.
pub const MAC_HEADER: &str = "portcullis-mac";

/// Characters of a nonce at the most.
pub const MAX_NONCE: usize = 64;

/// Records that a server names at the most because it does not serve them.
pub const MAX_UNREADABLE: usize = 100;

/// What a server serves from, as of one moment. Made after the catalog was published, never before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Loaded {
    /// UID of the provider.
    pub provider: Uid,
    /// The forms of records that this server can read.
    pub record_formats: Vec<u32>,
    /// The newest resource version that is loaded: of each kind of records by its plural name, of single objects by
    /// `secrets/<name>` or `configmaps/<name>`.
    pub loaded: BTreeMap<String, String>,
    /// Records that are there and are not served, by name, with the reason: a MAC that does not hold, a form that is not
    /// known. At most [`MAX_UNREADABLE`] are named.
    pub unreadable: BTreeMap<String, String>,
    /// How many more there are.
    pub more_unreadable: usize,
    /// The digest of the catalog.
    pub digest: String,
}

/// A server's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Which replica speaks: the UID of its Pod.
    pub instance: String,
    /// What it has loaded.
    #[serde(flatten)]
    pub loaded: Loaded,
}

/// Why a server's word does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAcknowledged {
    /// Not made by a holder of the server key, for another nonce, or altered.
    #[error("the MAC does not hold")]
    Mac,
    /// Not of this form.
    #[error("the answer cannot be read")]
    Form,
}

impl Loaded {
    /// Whether a write with this resource version is loaded. Text that is no number is not.
    pub fn has(&self, resource: &str, version: &str) -> bool {
        let number = |text: &str| text.parse::<u128>().ok();
        let (loaded, wanted) = (self.loaded.get(resource).and_then(|text| number(text)), number(version));
        loaded.zip(wanted).is_some_and(|(loaded, wanted)| loaded >= wanted)
    }

    /// As [`Loaded::has`], of a record that must also be served.
    pub fn has_record(&self, resource: &str, name: &str, version: &str) -> bool {
        self.has(resource, version) && self.more_unreadable == 0 && !self.unreadable.contains_key(name)
    }
}

/// Speaks: the body and the value of [`MAC_HEADER`].
pub fn speak(keys: &ServerKeys, nonce: &str, word: &Acknowledgement) -> (Vec<u8>, String) {
    // Maps and strings cannot fail to be written; an empty body is refused by the reader.
    let body = serde_json::to_vec(word).unwrap_or_default();
    let mac = keys.mac(Purpose::Acknowledge, &[nonce.as_bytes(), &body]).encode();
    (body, mac)
}

/// Believes the word of a server that knows the server key and answers this very question.
pub fn believe(keys: &ServerKeys, nonce: &str, body: &[u8], mac: &str) -> Result<Acknowledgement, NotAcknowledged> {
    let mac = Mac::decode(mac).ok_or(NotAcknowledged::Mac)?;
    if !keys.verify_mac(Purpose::Acknowledge, &[nonce.as_bytes(), body], &mac) {
        return Err(NotAcknowledged::Mac);
    }
    serde_json::from_slice(body).map_err(|_| NotAcknowledged::Form)
}

#[cfg(test)]
mod tests {
    use crypto::Secret;

    use super::*;

    fn keys(octet: u8) -> ServerKeys {
        ServerKeys::new([("k".to_owned(), Secret::new([octet; 32]))].into(), "k".to_owned()).unwrap()
    }

    fn word() -> Acknowledgement {
        let loaded = [("oidcclientrecords", "12"), ("secrets/default-signing-keys", "7")];
        let loaded = Loaded {
            provider: Uid::new("p"),
            record_formats: vec![1],
            loaded: loaded.map(|(name, version)| (name.to_owned(), version.to_owned())).into(),
            unreadable: [("r2".to_owned(), "its MAC does not hold".to_owned())].into(),
            more_unreadable: 0,
            digest: "d".to_owned(),
        };
        Acknowledgement { instance: "pod-1".to_owned(), loaded }
    }

    #[test]
    fn a_word_is_believed_for_its_nonce_and_key_alone() {
        let (body, mac) = speak(&keys(1), "n1", &word());
        assert_eq!(believe(&keys(1), "n1", &body, &mac), Ok(word()));
        assert_eq!(believe(&keys(1), "n2", &body, &mac), Err(NotAcknowledged::Mac));
        assert_eq!(believe(&keys(2), "n1", &body, &mac), Err(NotAcknowledged::Mac));
        assert_eq!(believe(&keys(1), "n1", &body[1..], &mac), Err(NotAcknowledged::Mac));
        assert_eq!(believe(&keys(1), "n1", &body, "no MAC"), Err(NotAcknowledged::Mac));
        let mac = keys(1).mac(Purpose::Acknowledge, &[b"n1", b"{}"]).encode();
        assert_eq!(believe(&keys(1), "n1", b"{}", &mac), Err(NotAcknowledged::Form));
    }

    #[test]
    fn versions_are_compared_as_numbers_and_per_resource() {
        let loaded = word().loaded;
        assert!(loaded.has("oidcclientrecords", "9"), "as text, 12 comes before 9");
        assert!(loaded.has("oidcclientrecords", "12"));
        assert!(!loaded.has("oidcclientrecords", "13"));
        assert!(!loaded.has("oidcuserrecords", "1"));
        assert!(!loaded.has("oidcclientrecords", "x"));
        assert!(loaded.has_record("oidcclientrecords", "r1", "12"));
        assert!(!loaded.has_record("oidcclientrecords", "r2", "12"), "it is there and not served");
        assert!(!Loaded { more_unreadable: 1, ..loaded }.has_record("oidcclientrecords", "r1", "12"));
    }
}
