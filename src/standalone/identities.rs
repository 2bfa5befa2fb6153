//! `uids.json`: which object is still the same one, as the API server would know it. Pure: time and new UIDs are
//! arguments.
//!
//! A name that is used again after its object was gone is somebody else: another subject, another client secret. But an
//! editor that replaces a file, or a link that points elsewhere for a moment, must change nobody's identity: so an object
//! has to be gone for a while.

use std::collections::{BTreeMap, BTreeSet};

use api::{Activation, Kind, ObjectKey, OidcApplicationSpec};
use compile::logins::{Logins, SealedLogins};
use compile::rotation::{Advanced, Rotations};
use compile::{Epoch, ObjectRef};
use crypto::{PasswordHash, Seeds, ServerKeys};
use oidc::ids::Uid;
use serde::{Deserialize, Serialize};

/// For how many seconds an object has to be gone from all files before its name belongs to nobody.
pub const LINGER_SECONDS: i64 = 60;

/// What the API server would keep about each object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identities {
    objects: BTreeMap<ObjectRef, Identity>,
    /// Fingerprint of each generation of the seed that client secrets were derived from.
    seed: BTreeMap<u32, String>,
    /// Objects that are gone, and since when. Not kept: for as long as nobody looks, nothing is gone.
    gone: BTreeMap<ObjectRef, i64>,
}

/// What the API server would keep about one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.creationTimestamp`, in seconds since 1970.
    pub created: i64,
    /// `metadata.generation`: rises by one with every change of the spec.
    pub generation: i64,
    /// Digest of the spec of that generation.
    pub spec: String,
    /// Of a user: the digest of their claims, and when those changed last, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<ClaimsAt>,
    /// Of a user: under which of their logins they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logins: Option<SealedLogins>,
    /// Of an application: where its client secrets stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotations: Option<Rotations>,
}

/// The last change of a user's claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimsAt {
    /// Digest of the claims.
    pub digest: String,
    /// In seconds since 1970.
    pub updated_at: i64,
}

/// What tells one content of an object from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the spec.
    pub spec: String,
    /// Of a user's claims.
    pub claims: Option<String>,
}

/// What an observation has led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Whether there is something to keep before it is used.
    pub changed: bool,
    /// Objects whose names now belong to nobody.
    pub forgotten: Vec<ObjectRef>,
    /// When an object that is gone will be forgotten, in seconds since 1970.
    pub next: Option<i64>,
}

/// Why the file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentitiesError {
    /// Not the JSON that was written.
    #[error("line {0} is not what was written there")]
    Json(usize),
    /// Written by a later version.
    #[error("it has version {0}, and this program knows version {VERSION}: use the program that wrote it")]
    Version(u32),
    /// A name that is none.
    #[error("`{0}` is not an object: `<Kind> <namespace>/<name>`")]
    Name(String),
    /// The same UID twice: two objects would be one.
    #[error("the UID {0} stands there twice")]
    Duplicate(String),
}

const VERSION: u32 = 1;

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    seed: BTreeMap<u32, String>,
    objects: BTreeMap<String, Identity>,
    version: u32,
}

/// What a file of any version says.
#[derive(Deserialize)]
struct AnyFile {
    version: u32,
}

impl Identities {
    /// Reads the file.
    pub fn from_json(content: &[u8]) -> Result<Self, IdentitiesError> {
        let json = |error: serde_json::Error| IdentitiesError::Json(error.line());
        let AnyFile { version } = serde_json::from_slice(content).map_err(json)?;
        if version != VERSION {
            return Err(IdentitiesError::Version(version));
        }
        let File { seed, objects: named, version: _ } = serde_json::from_slice(content).map_err(json)?;
        let mut objects = BTreeMap::new();
        let mut uids = BTreeSet::new();
        for (name, identity) in named {
            if !uids.insert(identity.uid.clone()) {
                return Err(IdentitiesError::Duplicate(identity.uid));
            }
            let object = parse_name(&name).ok_or(IdentitiesError::Name(name))?;
            objects.insert(object, identity);
        }
        Ok(Self { objects, seed, gone: BTreeMap::new() })
    }

    /// Writes the file.
    pub fn to_json(&self) -> Vec<u8> {
        let objects = self.objects.iter().map(|(object, identity)| (object.to_string(), identity.clone())).collect();
        let file = File { seed: self.seed.clone(), objects, version: VERSION };
        // Strings and numbers, written to memory: there is nothing to fail on.
        let mut json = serde_json::to_vec_pretty(&file).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// What is known of an object.
    pub fn get(&self, object: &ObjectRef) -> Option<&Identity> {
        self.objects.get(object)
    }

    /// Takes note of what the files hold now: `present` has every object that is written down, with its digests unless
    /// it was refused. `complete` says that nothing else can be written down, so that what is not there is gone.
    pub fn observe(
        &mut self,
        present: &BTreeMap<ObjectRef, Option<Digests>>,
        complete: bool,
        now: i64,
        make_uid: &mut dyn FnMut() -> Uid,
    ) -> Observed {
        let mut changed = false;
        for (object, digests) in present {
            self.gone.remove(object);
            let Some(Digests { spec, claims }) = digests else { continue };
            if let Some(identity) = self.objects.get_mut(object) {
                changed |= identity.update(spec, claims.as_deref(), now);
            } else {
                let claims = claims.clone().map(|digest| ClaimsAt { digest, updated_at: now });
                let uid = make_uid().to_string();
                let (spec, logins, rotations) = (spec.clone(), None, None);
                let identity = Identity { uid, created: now, generation: 1, spec, claims, logins, rotations };
                self.objects.insert(object.clone(), identity);
                changed = true;
            }
        }
        let mut forgotten = Vec::new();
        if complete {
            for object in self.objects.keys().filter(|object| !present.contains_key(object)) {
                let since = *self.gone.entry(object.clone()).or_insert(now);
                if now >= since.saturating_add(LINGER_SECONDS) {
                    forgotten.push(object.clone());
                }
            }
        }
        for object in &forgotten {
            self.objects.remove(object);
            self.gone.remove(object);
            changed = true;
        }
        let next = self.gone.values().min().filter(|_| complete).map(|since| since.saturating_add(LINGER_SECONDS));
        Observed { changed, forgotten, next }
    }

    /// Moves the client secrets of these applications on to where they should be at `now`. `newest` is the seed generation
    /// that new ones are derived from; `published` says which epoch the file of an application, or of an account of it,
    /// holds. Returns whether there is something to keep before it is used, and when something is due next.
    pub fn rotate<'a>(
        &mut self,
        applications: impl Iterator<Item = (&'a ObjectRef, &'a OidcApplicationSpec)>,
        newest: u32,
        published: &BTreeMap<(Uid, Option<String>), u64>,
        now: i64,
    ) -> (bool, Option<i64>) {
        let (mut changed, mut next) = (false, None);
        for (object, spec) in applications {
            let Some(identity) = self.objects.get_mut(object) else { continue };
            let uid = Uid::new(identity.uid.clone());
            let published = |account: Option<&str>| published.get(&(uid.clone(), account.map(str::to_owned))).copied();
            let first = Epoch { generation: newest, epoch: 1 };
            let known = identity.rotations.take();
            changed |= known.is_none();
            let known = known.unwrap_or_else(|| Rotations::begin(spec, first, 0));
            let advanced = known.advance(spec, newest, published, now);
            let Advanced { rotations, changed: moved, next: due } = advanced;
            changed |= moved;
            next = next.into_iter().chain(due).min();
            identity.rotations = Some(rotations);
        }
        (changed, next)
    }

    /// The last hash of the password of each of these users.
    pub fn last_hashes<'a>(
        &self,
        users: impl Iterator<Item = &'a ObjectRef>,
        keys: &ServerKeys,
    ) -> BTreeMap<&'a ObjectRef, PasswordHash> {
        let known =
            users.filter_map(|object| Some((object, self.objects.get(object)?.logins(keys)?.password()?.clone())));
        known.collect()
    }

    /// Moves on under which of their logins these users stand, each with the hash of their password where it is known.
    /// Returns whether there is something to keep before it is used.
    pub fn advance_logins<'a>(
        &mut self,
        users: impl Iterator<Item = (&'a ObjectRef, Activation, Option<PasswordHash>)>,
        keys: &ServerKeys,
        now: i64,
    ) -> bool {
        let mut changed = false;
        for (object, activation, hash) in users {
            let Some(identity) = self.objects.get_mut(object) else { continue };
            let known = identity.logins(keys);
            let advanced = Logins::advance(known.as_ref(), activation, hash.as_ref(), now);
            let advanced = Some(advanced.seal(keys, &identity.logins_aad()));
            changed |= identity.logins != advanced;
            identity.logins = advanced;
        }
        changed
    }

    /// The generations of the seed that client secrets were derived from so far.
    pub fn seed_generations(&self) -> impl Iterator<Item = u32> {
        self.seed.keys().copied()
    }

    /// Compares the seed with the one that client secrets were derived from so far. A generation that was added is taken
    /// note of; one that is missing or differs is an error, since every secret derived from it would change.
    pub fn judge_seed(&mut self, seeds: &Seeds) -> Result<bool, SeedReplaced> {
        for (&generation, known) in &self.seed {
            match seeds.generation_fingerprint(generation) {
                Some(found) if found == *known => {}
                Some(_) => return Err(SeedReplaced::Differs(generation)),
                None => return Err(SeedReplaced::Missing(generation)),
            }
        }
        let before = self.seed.len();
        for generation in seeds.generations() {
            if let Some(fingerprint) = seeds.generation_fingerprint(generation) {
                self.seed.insert(generation, fingerprint);
            }
        }
        Ok(self.seed.len() != before)
    }
}

/// The seed is not the one that client secrets were derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedReplaced {
    /// A generation is gone.
    #[error("generation {0} of the seed is missing")]
    Missing(u32),
    /// A generation is another one.
    #[error("generation {0} of the seed is not the one that client secrets were derived from")]
    Differs(u32),
}

impl Identity {
    fn logins(&self, keys: &ServerKeys) -> Option<Logins> {
        self.logins.as_ref()?.open(keys, &self.logins_aad())
    }

    fn logins_aad(&self) -> Vec<u8> {
        format!("uids.json logins {}", self.uid).into_bytes()
    }

    fn update(&mut self, spec: &str, claims: Option<&str>, now: i64) -> bool {
        let mut changed = false;
        if self.spec != spec {
            spec.clone_into(&mut self.spec);
            self.generation = self.generation.saturating_add(1);
            changed = true;
        }
        if let Some(digest) = claims
            && self.claims.as_ref().is_none_or(|known| known.digest != digest)
        {
            self.claims = Some(ClaimsAt { digest: digest.to_owned(), updated_at: now });
            changed = true;
        }
        changed
    }
}

fn parse_name(text: &str) -> Option<ObjectRef> {
    let (kind, key) = text.split_once(' ')?;
    let (namespace, name) = key.split_once('/')?;
    Some(ObjectRef::new(kind.parse::<Kind>().ok()?, ObjectKey::new(namespace, name)))
}

#[cfg(test)]
mod tests;
