//! The Secrets of a provider with its key material: their types, their names, and what stands in them.
//!
//! ```text
//! <provider>-seed          <generation>: 32 octets
//! <provider>-server-key    <id>: 32 octets; the annotation says which one is current
//! <provider>-signing-keys  <kid>.json: {jwk, state, since, trigger}
//! ```
//!
//! No message of an error repeats anything of a key.

use std::collections::BTreeMap;

use api::Signing;
use crypto::rotation::Schedule;
use crypto::{Algorithm, KeyRing, KeyState, RingKey, Secret, Seeds, ServerKeys, SigningKey};
use serde::Deserialize;
use serde_json::Value;

/// The type of the Secret that client secrets are derived from.
pub const SEED_TYPE: &str = "portcullis.dev/seed";

/// The type of the Secret that the server seals with.
pub const SERVER_KEY_TYPE: &str = "portcullis.dev/server-key";

/// The type of the Secret that tokens are signed with.
pub const SIGNING_KEYS_TYPE: &str = "portcullis.dev/signing-keys";

/// What follows the provider's name and `-` in the name of the Secret of type [`SEED_TYPE`].
pub const SEED_SUFFIX: &str = "seed";

/// What follows the provider's name and `-` in the name of the Secret of type [`SERVER_KEY_TYPE`].
pub const SERVER_KEY_SUFFIX: &str = "server-key";

/// What follows the provider's name and `-` in the name of the Secret of type [`SIGNING_KEYS_TYPE`].
pub const SIGNING_KEYS_SUFFIX: &str = "signing-keys";

/// The annotation with the ID of the server key that new values are made with.
pub const CURRENT_ANNOTATION: &str = "portcullis.dev/current";

/// The content of a Secret.
type Data = BTreeMap<String, Secret<Vec<u8>>>;

type Annotations = BTreeMap<String, String>;

/// Reads the content of a Secret of type [`SEED_TYPE`].
pub fn seeds(data: &Data) -> Result<Seeds, String> {
    let mut generations = BTreeMap::new();
    for (name, octets) in data {
        let generation = name.parse().ok().filter(|generation: &u32| generation.to_string() == *name);
        let generation = generation.ok_or_else(|| format!("the key `{name}` is not the number of a generation"))?;
        generations.insert(generation, octets_32(name, octets)?);
    }
    Seeds::new(generations).map_err(|error| error.to_string())
}

/// Reads a Secret of type [`SERVER_KEY_TYPE`].
pub fn server_keys(data: &Data, annotations: &Annotations) -> Result<ServerKeys, String> {
    let mut keys = BTreeMap::new();
    for (id, octets) in data {
        keys.insert(id.clone(), octets_32(id, octets)?);
    }
    let current =
        annotations.get(CURRENT_ANNOTATION).ok_or_else(|| format!("the annotation {CURRENT_ANNOTATION} is missing"))?;
    ServerKeys::new(keys, current.clone()).map_err(|error| error.to_string())
}

/// Reads the content of a Secret of type [`SIGNING_KEYS_TYPE`]. What it returns forms a [`KeyRing`] and is not empty.
pub fn signing_keys(data: &Data) -> Result<Vec<RingKey>, String> {
    let mut keys = Vec::new();
    for (name, octets) in data {
        // The parser's own words could repeat a part of the key.
        let StoredKey { jwk, state, since, trigger } =
            serde_json::from_slice(octets.expose()).map_err(|_| format!("`{name}` is not {{jwk, state, since}}"))?;
        let key = SigningKey::from_private_jwk(&jwk).map_err(|error| format!("`{name}`: {error}"))?;
        if *name != file_name(&key) {
            return Err(format!("`{name}` holds the key {}", key.kid()));
        }
        keys.push(RingKey { key, state, since, trigger });
    }
    if keys.is_empty() {
        return Err("it holds no key".to_owned());
    }
    KeyRing::new(keys.clone()).map(|_| keys).map_err(|error| error.to_string())
}

/// The content of a Secret of type [`SIGNING_KEYS_TYPE`] with these keys.
pub fn signing_data(keys: &[RingKey]) -> Data {
    keys.iter().map(|key| (file_name(&key.key), stored_key(key))).collect()
}

/// The content of a new Secret of type [`SEED_TYPE`]: a first generation, drawn at random.
pub fn fresh_seed() -> Data {
    [("1".to_owned(), widen(&Secret::generate()))].into()
}

/// Content and annotations of a new Secret of type [`SERVER_KEY_TYPE`]: one key, drawn at random.
pub fn fresh_server_key() -> (Data, Annotations) {
    let (id, key) = ServerKeys::generate();
    ([(id.clone(), widen(&key))].into(), [(CURRENT_ANNOTATION.to_owned(), id)].into())
}

/// When the signing keys of a provider come and go.
pub fn schedule(signing: &Signing) -> Schedule {
    let Signing {
        algorithms,
        rotation_period_seconds,
        pre_publish_seconds,
        retire_seconds,
        jwks_max_age_seconds: _,
        trigger,
        revoked_key_ids,
    } = signing;
    Schedule {
        algorithms: algorithms.iter().filter_map(|algorithm| algorithm.as_str().parse::<Algorithm>().ok()).collect(),
        period: Some(*rotation_period_seconds).filter(|period| *period > 0),
        pre_publish: *pre_publish_seconds,
        retire: *retire_seconds,
        revoked: revoked_key_ids.iter().map(ToString::to_string).collect(),
        trigger: trigger.to_string(),
    }
}

/// What stands under `<kid>.json`; `since` is in seconds since 1970.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    jwk: Value,
    state: KeyState,
    since: i64,
    /// Left out where it is empty.
    #[serde(default)]
    trigger: String,
}

fn stored_key(key: &RingKey) -> Secret<Vec<u8>> {
    let state = match key.state {
        KeyState::Pending => "Pending",
        KeyState::Active => "Active",
        KeyState::Retiring => "Retiring",
    };
    let jwk = key.key.to_private_jwk();
    // Serialising a text cannot fail.
    let text = || serde_json::to_string(&key.trigger).unwrap_or_default();
    let trigger = if key.trigger.is_empty() { String::new() } else { format!(r#","trigger":{}"#, text()) };
    let since = key.since;
    Secret::new(format!(r#"{{"jwk":{},"state":"{state}","since":{since}{trigger}}}"#, jwk.expose()).into_bytes())
}

fn file_name(key: &SigningKey) -> String {
    format!("{}.json", key.kid())
}

fn octets_32(name: &str, octets: &Secret<Vec<u8>>) -> Result<Secret<[u8; 32]>, String> {
    let octets = octets.expose().as_slice().try_into();
    octets.map(Secret::new).map_err(|_| format!("the key `{name}` does not have 32 bytes"))
}

fn widen(octets: &Secret<[u8; 32]>) -> Secret<Vec<u8>> {
    Secret::new(octets.expose().to_vec())
}

#[cfg(test)]
mod tests;
