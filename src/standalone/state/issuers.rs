//! `issuers/<namespace>_<application>.yaml`: the signing keys of issuers that are applications' own. In a cluster they are in
//! the records of their applications, and vanish with them, as they do here.

use std::collections::BTreeMap;

use compile::OwnIssuer;
use compile::credentials::APPLICATION_UID_LABEL;
use compile::keys::{self, SIGNING_KEYS_TYPE};
use crypto::rotation::{Schedule, advance};
use crypto::{KeyRing, RingKey, Secret, SigningKey};
use oidc::ids::Uid;

use super::credentials::Owners;
use super::folder::{Folder, StateError};
use super::manifest::{Content, Manifest, Stored};
use crate::parallel;

const FOLDER: &str = "issuers";
const WHAT: &str = "Private keys of an application's own issuer: keep this file secret, and in your backup.";
const LOSS: &str = "if it is removed, new keys are made, and tokens of that issuer become invalid";

/// The keys of every such issuer, by the UID of its application.
#[derive(Debug, Default)]
pub struct IssuerKeys(BTreeMap<Uid, Kept>);

#[derive(Clone, Debug)]
struct Kept {
    file: String,
    keys: Vec<RingKey>,
}

impl IssuerKeys {
    /// Reads the files. One that is damaged is an error: fresh keys in its place would end every token of its issuer.
    pub fn open(folder: &Folder) -> Result<Self, StateError> {
        let mut all = BTreeMap::new();
        for name in folder.names(FOLDER)? {
            let file = format!("{FOLDER}/{name}");
            let damaged = |why| StateError::Damaged { path: folder.file(&file), why, loss: LOSS };
            let Some(content) = folder.read(&file)?.map(Secret::new) else { continue };
            let stored = Stored::from_yaml(content.expose(), SIGNING_KEYS_TYPE).map_err(damaged)?;
            let uid = stored.labels.get(APPLICATION_UID_LABEL).cloned();
            let uid = uid.ok_or_else(|| damaged(format!("the label {APPLICATION_UID_LABEL} is missing")))?;
            let keys = keys::signing_keys(&stored.data).map_err(damaged)?;
            all.insert(Uid::new(uid), Kept { file, keys });
        }
        Ok(Self(all))
    }

    /// The rings, for the compile step.
    pub fn rings(&self) -> BTreeMap<Uid, KeyRing> {
        let rings = self.0.iter().filter_map(|(uid, kept)| {
            // Keys that were read were judged as a ring, and made ones are all different.
            Some((uid.clone(), KeyRing::new(kept.keys.clone()).ok()?))
        });
        rings.collect()
    }

    /// Makes the keys that are missing and moves the others on, each written before it is used. Returns whether anything
    /// has changed, and when something is due next.
    pub fn advance(
        &mut self,
        folder: &Folder,
        issuers: &BTreeMap<Uid, OwnIssuer>,
        schedule: &Schedule,
        now: i64,
    ) -> Result<(bool, Option<i64>), StateError> {
        let here = issuers.iter().filter(|(uid, issuer)| issuer.accepted || self.0.contains_key(*uid));
        let here: Vec<_> = here
            .map(|(uid, issuer)| {
                let file = format!("{FOLDER}/{}_{}.yaml", issuer.application.namespace, issuer.application.name);
                (uid, issuer, self.0.get(uid).cloned().unwrap_or(Kept { file, keys: Vec::new() }))
            })
            .collect();
        // An RSA key takes a while to be found.
        let advanced = parallel::map(here, |(uid, issuer, Kept { file, keys })| {
            (uid, issuer, file, advance(keys, schedule, now, &mut SigningKey::generate))
        });
        let (mut changed, mut next) = (false, None::<i64>);
        for (uid, issuer, file, advanced) in advanced {
            let advanced = advanced?;
            next = next.into_iter().chain(advanced.next).min();
            if advanced.changed {
                changed = true;
                write(folder, &file, uid, issuer, &advanced.keys)?;
                self.0.insert(uid.clone(), Kept { file, keys: advanced.keys });
            }
        }
        Ok((changed, next))
    }

    /// Removes the keys of applications that are gone, or are in order and ask for no issuer of their own any more.
    pub fn clear(
        &mut self,
        folder: &Folder,
        issuers: &BTreeMap<Uid, OwnIssuer>,
        owners: &Owners,
    ) -> Result<(), StateError> {
        let left_over: Vec<Uid> =
            self.0.keys().filter(|uid| !issuers.contains_key(*uid) && owners.left(uid.as_str())).cloned().collect();
        for uid in left_over {
            let Some(kept) = self.0.remove(&uid) else { continue };
            // The name may be another application's by now.
            if !self.0.values().any(|other| other.file == kept.file) {
                folder.remove(&kept.file)?;
            }
        }
        Ok(())
    }
}

fn write(folder: &Folder, file: &str, uid: &Uid, issuer: &OwnIssuer, keys: &[RingKey]) -> Result<(), StateError> {
    let damaged = |why| StateError::Damaged { path: folder.file(file), why, loss: LOSS };
    let data = keys::signing_data(keys);
    let name = format!("{}-{}", issuer.application.name, keys::SIGNING_KEYS_SUFFIX);
    let manifest = Manifest {
        namespace: &issuer.application.namespace,
        name: &name,
        type_: SIGNING_KEYS_TYPE,
        labels: [(APPLICATION_UID_LABEL.to_owned(), uid.to_string())].into(),
        annotations: BTreeMap::new(),
        content: Content::Data(data.iter().map(|(key, octets)| (key.clone(), octets.expose().as_slice())).collect()),
    };
    let yaml = manifest.to_yaml(WHAT).map_err(|error| damaged(error.to_string()))?;
    folder.make_folder(FOLDER)?;
    folder.write(file, yaml.expose().as_bytes())
}
