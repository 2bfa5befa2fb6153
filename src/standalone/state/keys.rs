//! `seed.yaml`, `server-key.yaml` and `signing-keys.yaml`: what a cluster keeps in the Secrets of the provider.

use std::collections::BTreeMap;
use std::path::PathBuf;

use api::ObjectKey;
use compile::keys;
use crypto::{RingKey, Secret, Seeds, ServerKeys};

use super::folder::{Folder, StateError};
use super::manifest::{Content, Manifest, Stored};

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
    suffix: keys::SEED_SUFFIX,
    type_: keys::SEED_TYPE,
    loss: "without it every generated client secret would change",
};

const SERVER_KEY: KeyFile = KeyFile {
    name: "server-key.yaml",
    suffix: keys::SERVER_KEY_SUFFIX,
    type_: keys::SERVER_KEY_TYPE,
    loss: "if it is removed, a new one is made, and sessions and refresh tokens end",
};

const SIGNING_KEYS: KeyFile = KeyFile {
    name: "signing-keys.yaml",
    suffix: keys::SIGNING_KEYS_SUFFIX,
    type_: keys::SIGNING_KEYS_TYPE,
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
        let seed = SEED.read(folder, provider, |stored| keys::seeds(&stored.data))?;
        let server_key =
            SERVER_KEY.read(folder, provider, |stored| keys::server_keys(&stored.data, &stored.annotations))?;
        let signing = SIGNING_KEYS.read(folder, provider, |stored| keys::signing_keys(&stored.data))?;
        let seeds = if let Some(seeds) = seed {
            seeds
        } else {
            note(&SEED);
            let data = keys::fresh_seed();
            SEED.write(folder, provider, BTreeMap::new(), &data)?;
            SEED.judge(folder, keys::seeds(&data))?
        };
        let server_keys = if let Some(server_keys) = server_key {
            server_keys
        } else {
            note(&SERVER_KEY);
            let (data, annotations) = keys::fresh_server_key();
            SERVER_KEY.write(folder, provider, annotations.clone(), &data)?;
            SERVER_KEY.judge(folder, keys::server_keys(&data, &annotations))?
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
        SIGNING_KEYS.write(folder, provider, BTreeMap::new(), &keys::signing_data(keys))
    }
}

impl KeyFile {
    fn read<T>(
        &self,
        folder: &Folder,
        provider: &ObjectKey,
        keys: impl FnOnce(&Stored) -> Result<T, String>,
    ) -> Result<Option<T>, StateError> {
        let Some(content) = folder.read(self.name)?.map(Secret::new) else { return Ok(None) };
        let stored = self.judge(folder, Stored::from_yaml(content.expose(), self.type_))?;
        let found = format!("{}/{}", stored.namespace, stored.name);
        if found == format!("{provider}-{}", self.suffix) {
            return self.judge(folder, keys(&stored)).map(Some);
        }
        let found = found.strip_suffix(&format!("-{}", self.suffix)).unwrap_or(&found).to_owned();
        Err(StateError::OtherProvider { path: folder.file(self.name), found, wanted: provider.to_string() })
    }

    fn write(
        &self,
        folder: &Folder,
        provider: &ObjectKey,
        annotations: BTreeMap<String, String>,
        data: &BTreeMap<String, Secret<Vec<u8>>>,
    ) -> Result<(), StateError> {
        let name = format!("{}-{}", provider.name, self.suffix);
        let content =
            Content::Data(data.iter().map(|(key, octets)| (key.clone(), octets.expose().as_slice())).collect());
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

#[cfg(test)]
mod tests;
