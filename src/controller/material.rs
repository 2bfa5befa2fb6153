//! The key material of a provider: what is there, what is missing, and what may be made anew. Pure.
//!
//! | lost | what happens |
//! |---|---|
//! | seed | nothing is derived, and nothing changes, until somebody restores it: a new one would change every client secret |
//! | server key | a new one is made; every record is sealed anew, logins in progress and refresh tokens end |
//! | signing keys | new ones are made; tokens that were issued are refused (OIDC Core §10.1.1) |

use std::collections::BTreeMap;

use api::Signing;
use compile::ProviderMaterial;
use compile::keys::{fresh_seed, fresh_server_key, schedule, seeds, server_keys, signing_data, signing_keys};
use crypto::rotation::advance;
use crypto::{Algorithm, KeyError, KeyRing, RingKey, Secret, Seeds, ServerKeys, SigningKey};

use crate::observed::ObservedSecret;
use crate::source::SecretType;

/// What is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Material {
    seed: Option<Part<Seeds>>,
    server_key: Option<Part<ServerKeys>>,
    signing: Option<Part<Vec<RingKey>>>,
}

/// One Secret.
#[derive(Clone, Debug)]
struct Part<T> {
    uid: String,
    version: u128,
    content: Result<T, String>,
}

/// A Secret to write.
#[derive(Clone, Debug)]
pub(crate) struct KeyWrite {
    /// Which.
    pub(crate) type_: SecretType,
    /// Its content.
    pub(crate) data: BTreeMap<String, Secret<Vec<u8>>>,
    /// Its annotations.
    pub(crate) annotations: BTreeMap<String, String>,
    /// UID and resource version of the one that it replaces; none: it must not exist.
    pub(crate) replaces: Option<(String, u128)>,
}

/// What is to be done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Due {
    /// The next Secret to write.
    pub(crate) write: Option<KeyWrite>,
    /// What keeps the provider from being served, for its status.
    pub(crate) lost: Option<String>,
    /// When keys are due next, in seconds since 1970.
    pub(crate) next: Option<i64>,
}

impl Material {
    /// A Secret is there.
    pub(crate) fn put(&mut self, type_: SecretType, secret: ObservedSecret) {
        let ObservedSecret { uid, version, data, annotations, .. } = secret;
        match type_ {
            SecretType::Seed => self.seed = Some(Part { uid, version, content: seeds(&data) }),
            SecretType::ServerKey => {
                self.server_key = Some(Part { uid, version, content: server_keys(&data, &annotations) });
            }
            SecretType::SigningKeys => self.signing = Some(Part { uid, version, content: signing_keys(&data) }),
            SecretType::Credentials | SecretType::ClientSecretInput | SecretType::UserPassword => {}
        }
    }

    /// A Secret is gone.
    pub(crate) fn remove(&mut self, type_: SecretType) {
        match type_ {
            SecretType::Seed => self.seed = None,
            SecretType::ServerKey => self.server_key = None,
            SecretType::SigningKeys => self.signing = None,
            SecretType::Credentials | SecretType::ClientSecretInput | SecretType::UserPassword => {}
        }
    }

    /// The server key, for seals and MACs.
    pub(crate) fn server_keys(&self) -> Option<&ServerKeys> {
        self.server_key.as_ref()?.content.as_ref().ok()
    }

    /// The seed.
    pub(crate) fn seeds(&self) -> Option<&Seeds> {
        self.seed.as_ref()?.content.as_ref().ok()
    }

    /// The resource versions of what the servers load: server key and signing keys.
    pub(crate) fn versions(&self) -> Option<(u128, u128)> {
        Some((self.server_key.as_ref()?.version, self.signing.as_ref()?.version))
    }

    /// Everything that the compile step needs. `remembered`: the fingerprints of the seed that secrets were derived from.
    pub(crate) fn whole(&self, remembered: Option<&BTreeMap<u32, String>>) -> Option<ProviderMaterial> {
        let seeds = self.seeds()?;
        if remembered.is_some_and(|remembered| replaced(seeds, remembered).is_some()) {
            return None;
        }
        let signing = KeyRing::new(self.signing.as_ref()?.content.as_ref().ok()?.clone()).ok()?;
        Some(ProviderMaterial { seeds: seeds.clone(), server_keys: self.server_keys()?.clone(), signing })
    }

    /// What is to be done at `now`, in seconds since 1970. `used`: whether secrets were derived from a seed before.
    pub(crate) fn due(
        &self,
        signing: &Signing,
        remembered: &BTreeMap<u32, String>,
        used: bool,
        now: i64,
        make: &mut dyn FnMut(Algorithm) -> Result<SigningKey, KeyError>,
    ) -> Due {
        let create = |type_, data, annotations| KeyWrite { type_, data, annotations, replaces: None };
        let mut due = Due::default();
        match self.seed.as_ref().map(|part| &part.content) {
            None if used || !remembered.is_empty() => {
                due.lost = Some("the seed of derived secrets is gone: restore its Secret from a backup".to_owned());
            }
            None => due.write = Some(create(SecretType::Seed, fresh_seed(), BTreeMap::new())),
            Some(Err(why)) => due.lost = Some(format!("the seed of derived secrets cannot be read: {why}")),
            Some(Ok(seeds)) => due.lost = replaced(seeds, remembered),
        }
        match self.server_key.as_ref().map(|part| &part.content) {
            None => {
                let (data, annotations) = fresh_server_key();
                due.write.get_or_insert_with(|| create(SecretType::ServerKey, data, annotations));
            }
            Some(Err(why)) => {
                due.lost.get_or_insert_with(|| format!("the server key cannot be read: {why}"));
            }
            Some(Ok(_)) => {}
        }
        let (keys, replaces) = match &self.signing {
            None => (Vec::new(), None),
            Some(Part { content: Err(why), .. }) => {
                due.lost.get_or_insert_with(|| format!("the signing keys cannot be read: {why}"));
                return due;
            }
            Some(Part { uid, version, content: Ok(keys) }) => (keys.clone(), Some((uid.clone(), *version))),
        };
        match advance(keys, &schedule(signing), now, make) {
            Ok(advanced) => {
                due.next = advanced.next;
                if advanced.changed {
                    due.write.get_or_insert_with(|| KeyWrite {
                        type_: SecretType::SigningKeys,
                        data: signing_data(&advanced.keys),
                        annotations: BTreeMap::new(),
                        replaces,
                    });
                }
            }
            Err(error) => {
                due.lost.get_or_insert_with(|| format!("no signing key can be made: {error}"));
            }
        }
        due
    }
}

/// Why this is not the seed that secrets were derived from.
fn replaced(seeds: &Seeds, remembered: &BTreeMap<u32, String>) -> Option<String> {
    remembered.iter().find_map(|(generation, fingerprint)| {
        let found = seeds.generation_fingerprint(*generation);
        let what = match found {
            Some(found) if found == *fingerprint => return None,
            Some(_) => "is another one",
            None => "is gone",
        };
        Some(format!(
            "generation {generation} of the seed of derived secrets {what}: restore its Secret from a backup, or every \
             client secret derived from it changes"
        ))
    })
}

/// The fingerprints to remember.
pub(crate) fn fingerprints(seeds: &Seeds) -> BTreeMap<u32, String> {
    let generations = seeds.generations();
    generations.filter_map(|generation| Some((generation, seeds.generation_fingerprint(generation)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(data: BTreeMap<String, Secret<Vec<u8>>>, annotations: BTreeMap<String, String>) -> ObservedSecret {
        ObservedSecret {
            uid: "u".to_owned(),
            version: 7,
            type_: String::new(),
            labels: BTreeMap::new(),
            annotations,
            data,
            owners: Vec::new(),
            own_keys: [].into(),
            own_labels: [].into(),
            own_annotations: [].into(),
            appliers: BTreeMap::new(),
        }
    }

    fn due(material: &Material, remembered: &BTreeMap<u32, String>, used: bool) -> Due {
        let signing = Signing { algorithms: vec![api::SigningAlgorithm::ES256], ..Signing::default() };
        material.due(&signing, remembered, used, 1000, &mut SigningKey::generate)
    }

    /// Writes what is due until nothing is.
    fn made() -> Material {
        let mut material = Material::default();
        for _ in 0..3 {
            let write = due(&material, &BTreeMap::new(), false).write.unwrap();
            assert!(write.replaces.is_none());
            material.put(write.type_, secret(write.data, write.annotations));
        }
        assert!(due(&material, &BTreeMap::new(), false).write.is_none());
        material
    }

    #[test]
    fn everything_is_made_once() {
        let material = made();
        assert!(material.whole(None).is_some());
        let remembered = fingerprints(material.seeds().unwrap());
        assert!(material.whole(Some(&remembered)).is_some());
        assert!(due(&material, &remembered, true).lost.is_none());
    }

    #[test]
    fn f23_a_seed_that_is_gone_or_another_one_is_not_made_anew() {
        let mut material = made();
        let remembered = fingerprints(material.seeds().unwrap());
        let check = |material: &Material, remembered: &BTreeMap<u32, String>, used, why: &str| {
            let due = due(material, remembered, used);
            assert!(due.write.is_none(), "{:?}", due.write);
            assert!(due.lost.as_ref().is_some_and(|lost| lost.contains(why)), "{:?}", due.lost);
        };
        material.remove(SecretType::Seed);
        check(&material, &remembered, false, "restore its Secret");
        check(&material, &BTreeMap::new(), true, "restore its Secret");
        material.put(SecretType::Seed, secret(fresh_seed(), BTreeMap::new()));
        check(&material, &remembered, true, "is another one");
        assert!(material.whole(Some(&remembered)).is_none());
        material.put(SecretType::Seed, secret(BTreeMap::new(), BTreeMap::new()));
        check(&material, &remembered, true, "cannot be read");
    }

    #[test]
    fn f21_signing_keys_that_are_gone_are_made_anew_with_another_id() {
        let mut material = made();
        let kid = |material: &Material| {
            material.whole(None).unwrap().signing.keys().next().unwrap().key.kid().as_str().to_owned()
        };
        let before = kid(&material);
        material.remove(SecretType::SigningKeys);
        assert!(material.whole(None).is_none(), "nothing is served meanwhile");
        let write = due(&material, &BTreeMap::new(), true).write.unwrap();
        assert_eq!(write.type_, SecretType::SigningKeys);
        material.put(write.type_, secret(write.data, write.annotations));
        assert_ne!(kid(&material), before);
    }

    #[test]
    fn keys_that_are_damaged_are_left_alone() {
        let mut material = made();
        let damaged = [("x.json".to_owned(), Secret::new(b"{}".to_vec()))].into();
        material.put(SecretType::SigningKeys, secret(damaged, BTreeMap::new()));
        let due = due(&material, &BTreeMap::new(), true);
        assert!(due.write.is_none());
        assert!(due.lost.unwrap().contains("cannot be read"));
    }
}
