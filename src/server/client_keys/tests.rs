mod cache;
mod fetch;
mod token;

use oidc::client::{CalledUri, ClientKeys, PrivateAddresses, PublishedKeys};
use oidc::testing::KEY;

use crate::outbound::testing::Host;

/// Published at this address, by a client that may not have a private one.
fn published(uri: &str) -> PublishedKeys {
    PublishedKeys { uri: CalledUri::parse(uri).unwrap(), private_addresses: PrivateAddresses::Denied }
}

/// Published by this host.
fn published_by(host: &Host) -> PublishedKeys {
    published(&host.uri())
}

fn keys() -> ClientKeys {
    ClientKeys::try_from(vec![KEY.public_jwk().clone()]).unwrap()
}
