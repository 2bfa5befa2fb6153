mod cache;
mod fetch;
mod host;
mod token;

use oidc::client::{ClientKeys, KeysUri, PrivateAddresses, PublishedKeys};
use oidc::testing::KEY;

/// Published at this address, by a client that may not have a private one.
fn published(uri: &str) -> PublishedKeys {
    PublishedKeys { uri: KeysUri::parse(uri).unwrap(), private_addresses: PrivateAddresses::Denied }
}

fn keys() -> ClientKeys {
    ClientKeys::try_from(vec![KEY.public_jwk().clone()]).unwrap()
}
