//! `seed.yaml`, `server-key.yaml` and `signing-keys.yaml`: what a cluster keeps in the Secrets of the provider.

use std::collections::BTreeMap;
use std::path::PathBuf;

use api::ObjectKey;
use crypto::{KeyRing, KeyState, RingKey, Secret, Seeds, ServerKeys, SigningKey};
use serde::Deserialize;
use serde_json::Value;

use super::folder::{Folder, StateError};
use super::manifest::{Content, Manifest, Stored};

const CURRENT: &str = "portcullis.dev/current";

const WHAT: &str = "Private keys: keep this file secret, and in your backup.";

/// One of the key files.
struct KeyFile {
    name: &'static str,
    /// What follows the provider's name in the Secret's name.
    suffix: &'static str,
    type_: &'static str,
    /// What it costs to go on without it.
    loss: &'static str,
}

const SEED: KeyFile = KeyFile {
    name: "seed.yaml",
    suffix: "seed",
    type_: "portcullis.dev/seed",
    loss: "without it every generated client secret would change",
};

const SERVER_KEY: KeyFile = KeyFile {
    name: "server-key.yaml",
    suffix: "server-key",
    type_: "portcullis.dev/server-key",
    loss: "if it is removed, a new one is made, and sessions and refresh tokens end",
};

const SIGNING_KEYS: KeyFile = KeyFile {
    name: "signing-keys.yaml",
    suffix: "signing-keys",
    type_: "portcullis.dev/signing-keys",
    loss: "if it is removed, new keys are made, and tokens that were issued become invalid",
};

/// The keys of the provider, as they were found or made.
#[derive(Debug)]
pub struct Keys {
    /// What client secrets are derived from.
    pub seeds: Seeds,
    /// What the server seals with.
    pub server_keys: ServerKeys,
    /// What tokens are signed with. Empty if there was no file: the schedule makes the first ones.
    pub signing: Vec<RingKey>,
    /// The files that were missing, with what that means in a folder that has been used before.
    pub missing: Vec<(&'static str, &'static str)>,
}

impl Keys {
    /// Reads the files. A missing seed or server key is made and written; a file that is damaged, cannot be read or
    /// belongs to another provider is an error, since fresh keys in its place would break every application.
    pub fn open(folder: &Folder, provider: &ObjectKey) -> Result<Self, StateError> {
        let mut missing = Vec::new();
        let mut note = |file: &KeyFile| missing.push((file.name, file.loss));
        // Everything is read before anything is written: a folder with a damaged file is left as it is.
        let seed = SEED.read(folder, provider)?.map(|stored| SEED.judge(folder, seeds(stored))).transpose()?;
        let server_key = SERVER_KEY.read(folder, provider)?;
        let server_key = server_key.map(|stored| SERVER_KEY.judge(folder, server_keys(stored))).transpose()?;
        let signing = SIGNING_KEYS.read(folder, provider)?;
        let signing = signing.map(|stored| SIGNING_KEYS.judge(folder, signing_keys(stored))).transpose()?;
        let seeds = if let Some(seeds) = seed {
            seeds
        } else {
            note(&SEED);
            let fresh = Secret::generate();
            let data = [("1".to_owned(), fresh.expose().as_slice())].into();
            SEED.write(folder, provider, BTreeMap::new(), data)?;
            SEED.judge(folder, Seeds::new([(1, fresh)].into()).map_err(|error| error.to_string()))?
        };
        let server_keys = if let Some(server_keys) = server_key {
            server_keys
        } else {
            note(&SERVER_KEY);
            let (id, fresh) = ServerKeys::generate();
            let data = [(id.clone(), fresh.expose().as_slice())].into();
            SERVER_KEY.write(folder, provider, [(CURRENT.to_owned(), id.clone())].into(), data)?;
            let made = ServerKeys::new([(id.clone(), fresh)].into(), id);
            SERVER_KEY.judge(folder, made.map_err(|error| error.to_string()))?
        };
        if signing.is_none() {
            note(&SIGNING_KEYS);
        }
        Ok(Self { seeds, server_keys, signing: signing.unwrap_or_default(), missing })
    }

    /// Where the seed is.
    pub fn seed_file(folder: &Folder) -> PathBuf {
        folder.file(SEED.name)
    }

    /// Whether there is a seed, be it damaged or not.
    pub fn has_seed(folder: &Folder) -> Result<bool, StateError> {
        Ok(folder.read(SEED.name)?.map(Secret::new).is_some())
    }

    /// Keeps the signing keys.
    pub fn write_signing(folder: &Folder, provider: &ObjectKey, keys: &[RingKey]) -> Result<(), StateError> {
        let stored: Vec<_> = keys.iter().map(|key| (format!("{}.json", key.key.kid()), stored_key(key))).collect();
        let data = stored.iter().map(|(name, json)| (name.clone(), json.expose().as_bytes())).collect();
        SIGNING_KEYS.write(folder, provider, BTreeMap::new(), data)
    }
}

impl KeyFile {
    fn read(&self, folder: &Folder, provider: &ObjectKey) -> Result<Option<Stored>, StateError> {
        let Some(content) = folder.read(self.name)?.map(Secret::new) else { return Ok(None) };
        let stored = self.judge(folder, Stored::from_yaml(content.expose(), self.type_))?;
        let found = format!("{}/{}", stored.namespace, stored.name);
        if found == format!("{provider}-{}", self.suffix) {
            return Ok(Some(stored));
        }
        let found = found.strip_suffix(&format!("-{}", self.suffix)).unwrap_or(&found).to_owned();
        Err(StateError::OtherProvider { path: folder.file(self.name), found, wanted: provider.to_string() })
    }

    fn write(
        &self,
        folder: &Folder,
        provider: &ObjectKey,
        annotations: BTreeMap<String, String>,
        data: BTreeMap<String, &[u8]>,
    ) -> Result<(), StateError> {
        let name = format!("{}-{}", provider.name, self.suffix);
        let content = Content::Data(data);
        let namespace = &provider.namespace;
        let manifest =
            Manifest { namespace, name: &name, type_: self.type_, labels: BTreeMap::new(), annotations, content };
        let yaml = self.judge(folder, manifest.to_yaml(WHAT).map_err(|error| error.to_string()))?;
        folder.write(self.name, yaml.expose().as_bytes())
    }

    fn judge<T>(&self, folder: &Folder, read: Result<T, String>) -> Result<T, StateError> {
        read.map_err(|why| StateError::Damaged { path: folder.file(self.name), why, loss: self.loss })
    }
}

fn octets_32(name: &str, octets: &Secret<Vec<u8>>) -> Result<Secret<[u8; 32]>, String> {
    let octets = octets.expose().as_slice().try_into();
    octets.map(Secret::new).map_err(|_| format!("the key `{name}` does not have 32 bytes"))
}

fn seeds(stored: Stored) -> Result<Seeds, String> {
    let mut generations = BTreeMap::new();
    for (name, octets) in &stored.data {
        let generation = name.parse().ok().filter(|generation: &u32| generation.to_string() == *name);
        let generation = generation.ok_or_else(|| format!("the key `{name}` is not the number of a generation"))?;
        generations.insert(generation, octets_32(name, octets)?);
    }
    Seeds::new(generations).map_err(|error| error.to_string())
}

fn server_keys(stored: Stored) -> Result<ServerKeys, String> {
    let mut keys = BTreeMap::new();
    for (id, octets) in &stored.data {
        keys.insert(id.clone(), octets_32(id, octets)?);
    }
    let current = stored.annotations.get(CURRENT).ok_or_else(|| format!("the annotation {CURRENT} is missing"))?;
    ServerKeys::new(keys, current.clone()).map_err(|error| error.to_string())
}

/// What stands under `<kid>.json`; `since` is in seconds since 1970.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    jwk: Value,
    state: KeyState,
    since: i64,
}

fn stored_key(key: &RingKey) -> Secret<String> {
    let state = match key.state {
        KeyState::Pending => "Pending",
        KeyState::Active => "Active",
        KeyState::Retiring => "Retiring",
    };
    let jwk = key.key.to_private_jwk();
    Secret::new(format!(r#"{{"jwk":{},"state":"{state}","since":{}}}"#, jwk.expose(), key.since))
}

fn signing_keys(stored: Stored) -> Result<Vec<RingKey>, String> {
    let mut keys = Vec::new();
    for (name, octets) in stored.data {
        // The parser's own words could repeat a part of the key.
        let StoredKey { jwk, state, since } =
            serde_json::from_slice(octets.expose()).map_err(|_| format!("`{name}` is not {{jwk, state, since}}"))?;
        let key = SigningKey::from_private_jwk(&jwk).map_err(|error| format!("`{name}`: {error}"))?;
        if name != format!("{}.json", key.kid()) {
            return Err(format!("`{name}` holds the key {}", key.kid()));
        }
        keys.push(RingKey { key, state, since });
    }
    if keys.is_empty() {
        return Err("it holds no key".to_owned());
    }
    KeyRing::new(keys.clone()).map(|_| keys).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
