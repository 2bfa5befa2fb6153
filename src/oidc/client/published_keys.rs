//! RFC 7591 §2, `jwks_uri`: keys that a client publishes at an address of its own, to be fetched when they are needed.

use serde::{Deserialize, Serialize};

use super::called_uri::{CalledUri, PrivateAddresses};

/// Where a client publishes its keys, and how far a server may go to fetch them. Two clients with the same address and
/// the same permission share what was fetched; with another permission they do not, so that nobody is given through a
/// neighbour what its own policy denies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublishedKeys {
    /// The address of the JWK Set (RFC 7517 §5).
    pub uri: CalledUri,
    /// Whether the host may have a private address.
    pub private_addresses: PrivateAddresses,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_travel_as_address_and_permission() {
        let keys = PublishedKeys {
            uri: CalledUri::parse("https://keys.example.com/a").unwrap(),
            private_addresses: PrivateAddresses::Denied,
        };
        let json = r#"{"uri":"https://keys.example.com/a","privateAddresses":"Denied"}"#;
        assert_eq!(serde_json::to_string(&keys).unwrap(), json);
        assert_eq!(serde_json::from_str::<PublishedKeys>(json).unwrap(), keys);
    }
}
