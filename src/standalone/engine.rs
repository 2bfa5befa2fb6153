//! One pass from files to a catalog: read → identities → keys → compile → publish → credentials → report.
//!
//! Nothing is used before it is kept: UIDs and keys are on the disk before a catalog that depends on them is published.
//! Everything else can be made again from them, so a process that is killed at any point goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::{ConditionType, Kind, ObjectKey, OidcProvider, OidcUserSpec, Reason, Signing};
use compile::inputs::{USER_PASSWORD_TYPE, UserPassword};
use compile::keys::schedule;
use compile::passwords::Passwords;
use compile::{Compiled, CredentialSecret, Mode, ObjectRef, ProviderMaterial, Synced};
use crypto::rotation::advance;
use crypto::{KeyRing, PasswordHash, SigningKey};
use oidc::catalog::{Catalog, Realm};
use oidc::ids::Uid;

use crate::StartError;
use crate::finding::Finding;
use crate::identities::{Identities, Observed, SeedReplaced};
use crate::manifests::Reader;
use crate::report::{News, Report};
use crate::state::credentials::{self, Changes, Owners};
use crate::state::folder::{Folder, StateError};
use crate::state::issuers::IssuerKeys;
use crate::state::keys::Keys;
use crate::world::World;

const IDENTITIES: &str = "uids.json";

/// Who can reach the public listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Programs on this machine only.
    Loopback,
    /// Maybe others.
    Network,
}

/// What the passes need between them.
#[derive(Debug)]
pub struct Engine {
    reader: Reader,
    folder: Folder,
    provider: ObjectKey,
    reach: Reach,
    identities: Identities,
    /// Whether the identities on the disk are older than those in memory.
    unsaved: bool,
    keys: Keys,
    issuers: IssuerKeys,
    /// The epoch of the client secret that each file holds, as of the last pass.
    handed_out: BTreeMap<(Uid, Option<String>), u64>,
    /// The hashes of passwords.
    pub passwords: Passwords,
    published: Option<Published>,
    report: Report,
}

#[derive(Debug)]
struct Published {
    provider_uid: Uid,
    digest: String,
}

/// What a pass has led to.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    /// What is served now, if a catalog was published.
    pub serving: Option<Serving>,
    /// What to tell the user.
    pub news: News,
    /// Changes of the applications' credentials.
    pub credentials: Changes,
    /// Objects whose names belong to nobody any more.
    pub forgotten: Vec<ObjectRef>,
    /// When another pass is due even if nothing changes, in seconds since 1970.
    pub next: Option<i64>,
}

/// What is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// The issuers; none while the provider is refused.
    pub issuers: Vec<String>,
    /// Applications that can be used.
    pub applications: usize,
    /// Users who can log in.
    pub users: usize,
    /// Documents of other kinds.
    pub ignored: usize,
}

impl Engine {
    /// Finds the provider to serve, locks the state folder, and reads or makes the keys.
    pub fn open(
        manifests: Vec<PathBuf>,
        state: &Path,
        provider: Option<&ObjectKey>,
        reach: Reach,
        passwords: Passwords,
    ) -> Result<Self, StartError> {
        let roots = manifests.clone();
        let mut reader = Reader::new(manifests);
        let reading = reader.read();
        let world = World::new(&reading);
        let provider = choose(&world, provider)?;
        let object = world.providers().find(|(key, _)| **key == provider);
        if let Some(finding) = object.and_then(|(_, object)| plain_http(&world, &provider, object, reach)) {
            return Err(StartError::PlainHttp(Box::new(finding)));
        }
        let folder = Folder::open(state)?;
        if let Some(manifests) = roots.into_iter().find(|root| contains(root, state)) {
            return Err(StartError::StateAmongManifests { state: state.to_owned(), manifests });
        }
        let mut engine = Self::with_folder(reader, folder, provider, reach, passwords)?;
        // Hashing begins at once, since nobody can log in before.
        engine.look_up_passwords(&world);
        Ok(engine)
    }

    /// Reads what is in the folder, and makes keys that are missing.
    fn with_folder(
        reader: Reader,
        folder: Folder,
        provider: ObjectKey,
        reach: Reach,
        passwords: Passwords,
    ) -> Result<Self, StartError> {
        let mut identities = match folder.read(IDENTITIES)? {
            None => Identities::default(),
            Some(content) => Identities::from_json(&content).map_err(|error| StateError::Damaged {
                path: folder.file(IDENTITIES),
                why: error.to_string(),
                loss: "if it is removed, every user becomes another subject and every client secret changes",
            })?,
        };
        let used = identities != Identities::default();
        let replaced = |replaced| StartError::Seed {
            seed: Keys::seed_file(&folder),
            identities: folder.file(IDENTITIES),
            replaced,
        };
        if let Some(generation) = identities.seed_generations().next()
            && !Keys::has_seed(&folder)?
        {
            return Err(replaced(SeedReplaced::Missing(generation)));
        }
        let keys = Keys::open(&folder, &provider)?;
        let issuers = IssuerKeys::open(&folder)?;
        let unsaved = identities.judge_seed(&keys.seeds).map_err(replaced)?;
        if used {
            for (name, loss) in &keys.missing {
                tracing::warn!("{} was missing and is made anew: {loss}", folder.file(name).display());
            }
        }
        let (published, report, handed_out) = (None, Report::default(), BTreeMap::new());
        Ok(Self {
            reader,
            folder,
            provider,
            reach,
            identities,
            unsaved,
            keys,
            issuers,
            handed_out,
            passwords,
            published,
            report,
        })
    }

    /// The provider that is served.
    pub fn provider(&self) -> &ObjectKey {
        &self.provider
    }

    /// The state folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// One pass. `now` is in seconds since 1970. After an error, what was published before stays published, and the next
    /// pass tries again.
    pub fn pass(&mut self, now: i64, publish: &dyn Fn(Arc<Catalog>)) -> Result<Passed, StateError> {
        let reading = self.reader.read();
        let world = World::new(&reading);
        let Observed { changed, forgotten, next } =
            self.identities.observe(&world.present, reading.problems.is_empty(), now, &mut fresh_uid);
        self.unsaved |= changed;
        let newest = self.keys.seeds.newest();
        let (rotated, rotation_due) = self.identities.rotate(world.applications(), newest, &self.handed_out, now);
        self.unsaved |= rotated;
        self.unsaved |= self.advance_logins(&world, now);
        if self.unsaved {
            self.folder.write(IDENTITIES, &self.identities.to_json())?;
            self.unsaved = false;
        }
        let provider = world.providers().find(|(key, _)| **key == self.provider).map(|(_, object)| object);
        let due = match provider {
            Some(provider) => self.advance_keys(&provider.spec.signing, now)?,
            None => None,
        };
        let mut compiled = self.compile(&world);
        let (made, issuers_due) = match provider {
            Some(provider) => {
                let schedule = schedule(&provider.spec.signing);
                self.issuers.advance(&self.folder, &compiled.issuers, &schedule, now)?
            }
            None => (false, None),
        };
        if made {
            compiled = self.compile(&world);
        }
        let refused = provider.and_then(|object| plain_http(&world, &self.provider, object, self.reach));
        let owners = self.owners(&world, reading.problems.is_empty(), &compiled);
        self.issuers.clear(&self.folder, &compiled.issuers, &owners)?;
        let sync = |engine: &Self| credentials::sync(&engine.folder, &compiled.credentials, &owners);
        // A secret is handed out once it is accepted. Only what is served first waits for the files, so that whoever
        // meets a server that is ready finds them.
        let early = self.published.is_none().then(|| sync(self)).transpose()?;
        let serving = self.publish(&world, &compiled, refused.is_none(), publish);
        let credentials = match early {
            Some(changes) => changes,
            None => sync(self)?,
        };
        self.handed_out = handed_out(&compiled, &credentials);
        // What was handed out just now may let a rotation go on.
        let mut then = self.identities.clone();
        let (moves_on, _) = then.rotate(world.applications(), newest, &self.handed_out, now);
        let rotation_due = rotation_due.into_iter().chain(moves_on.then_some(now)).min();
        let mut findings = self.findings(&world, &compiled, &credentials);
        findings.extend(refused);
        let news = self.report.update(findings);
        let next = next.into_iter().chain(due).chain(issuers_due).chain(rotation_due).min();
        Ok(Passed { serving, news, credentials, forgotten, next })
    }

    /// Has every password hashed that is new, or that an earlier process hashed.
    fn look_up_passwords(&mut self, world: &World<'_>) {
        let users = || world.users().filter_map(|(object, spec)| Some((object, password_secret(object, spec)?)));
        let last = self.identities.last_hashes(users().map(|(object, _)| object), &self.keys.server_keys);
        let before: BTreeMap<ObjectKey, &PasswordHash> =
            users().filter_map(|(object, secret)| Some((secret, last.get(object)?))).collect();
        for (key, secret) in world.secrets() {
            if secret.type_ == USER_PASSWORD_TYPE {
                self.passwords.look_up(key, &secret.data, before.get(key).copied());
            }
        }
    }

    fn advance_logins(&mut self, world: &World<'_>, now: i64) -> bool {
        self.look_up_passwords(world);
        let Self { identities, keys, passwords, .. } = self;
        let secrets: BTreeMap<_, _> =
            world.secrets().filter(|(_, secret)| secret.type_ == USER_PASSWORD_TYPE).collect();
        let users = world.users().map(|(object, spec)| {
            let secret = password_secret(object, spec);
            let password = secret.and_then(|key| Some(passwords.look_up(&key, &secrets.get(&key)?.data, None)));
            let hash = if let Some(UserPassword::Hash(hash)) = password { Some(hash) } else { None };
            (object, spec.activation, hash)
        });
        identities.advance_logins(users, &keys.server_keys, now)
    }

    /// Moves the signing keys on; returns when they are due next.
    fn advance_keys(&mut self, signing: &Signing, now: i64) -> Result<Option<i64>, StateError> {
        let schedule = schedule(signing);
        let advanced = advance(self.keys.signing.clone(), &schedule, now, &mut SigningKey::generate)?;
        if advanced.changed {
            Keys::write_signing(&self.folder, &self.provider, &advanced.keys)?;
            self.keys.signing = advanced.keys;
        }
        Ok(advanced.next)
    }

    fn compile(&mut self, world: &World<'_>) -> Compiled {
        let Self { provider, identities, keys, issuers, passwords, .. } = self;
        let mut seen = BTreeSet::new();
        let mut inputs = world.inputs(&provider.namespace, Mode::Standalone, Some(identities), &mut |key, secret| {
            seen.insert(key.clone());
            passwords.look_up(key, &secret.data, None)
        });
        passwords.retain(|key| seen.contains(key));
        inputs.issuer_keys = issuers.rings();
        // Keys that were read were judged as a ring, and made ones are all different.
        if let Ok(signing) = KeyRing::new(keys.signing.clone()) {
            let (seeds, server_keys) = (keys.seeds.clone(), keys.server_keys.clone());
            inputs.materials.insert(provider.clone(), ProviderMaterial { seeds, server_keys, signing });
        }
        // Every file has been read, or has kept what was last read from it, or is new and was never served.
        compile::compile(&Synced::after_first_list(inputs))
    }

    /// Publishes the catalog if it says something new. A provider that is refused, or gone, serves nobody.
    fn publish(
        &mut self,
        world: &World<'_>,
        compiled: &Compiled,
        permitted: bool,
        publish: &dyn Fn(Arc<Catalog>),
    ) -> Option<Serving> {
        let catalog = compiled.catalogs.get(&self.provider).filter(|_| permitted).cloned();
        let catalog = catalog.or_else(|| {
            // Before anything was served there is nothing to take back.
            let provider_uid = self.published.as_ref()?.provider_uid.clone();
            Some(Catalog::new(provider_uid, self.keys.server_keys.clone(), Vec::<Realm>::new(), "none".to_owned()))
        })?;
        if self.published.as_ref().is_some_and(|published| published.digest == catalog.digest) {
            return None;
        }
        let provider_uid = catalog.provider_uid.clone();
        self.published = Some(Published { provider_uid, digest: catalog.digest.clone() });
        let issuers: Vec<_> = catalog.realms().map(|realm| realm.issuer.as_str().to_owned()).collect();
        publish(Arc::new(catalog));
        let served = |kind: Kind| {
            let served = compiled.verdicts.iter().filter(|(object, verdict)| object.kind == kind && verdict.served);
            if issuers.is_empty() { 0 } else { served.count() }
        };
        let (applications, users) = (served(Kind::OidcApplication), served(Kind::OidcUser));
        Some(Serving { issuers, applications, users, ignored: world.others })
    }

    fn owners(&self, world: &World<'_>, complete: bool, compiled: &Compiled) -> Owners {
        let uid = |object: &ObjectRef| self.identities.get(object).map(|identity| identity.uid.clone());
        let applications = world.present.keys().filter(|object| object.kind == Kind::OidcApplication);
        let settled = compiled
            .verdicts
            .iter()
            .filter(|(object, verdict)| object.kind == Kind::OidcApplication && verdict.settles_secrets());
        Owners {
            present: applications.filter_map(uid).collect(),
            settled: settled.filter_map(|(object, _)| uid(object)).collect(),
            complete,
        }
    }

    fn findings(&self, world: &World<'_>, compiled: &Compiled, credentials: &Changes) -> Vec<Finding> {
        let mut findings = world.findings.clone();
        for (object, verdict) in &compiled.verdicts {
            let served = object.kind != Kind::OidcProvider || object.key == self.provider;
            let found = world.findings_of(object, verdict).into_iter().zip(&verdict.diagnostics);
            findings.extend(found.filter_map(|(finding, diagnostic)| {
                // What resolves itself in a moment is no news.
                let passing = diagnostic.reason == Reason::Pending;
                // A provider that is not served has no keys here, and its applications no seed.
                let foreign = !served && diagnostic.condition == ConditionType::KeysReady
                    || diagnostic.reason == Reason::SeedMissing;
                (!passing && !foreign).then_some(finding)
            }));
        }
        for ((application, path), file) in &credentials.conflicts {
            let message = format!(
                "{} was kept for an application that is gone (deletionPolicy: Retain): move it away, or choose another name",
                self.folder.file(file).display()
            );
            let object = ObjectRef::new(Kind::OidcApplication, application.clone());
            findings.extend(world.finding_at(&object, path, Reason::SecretConflict.as_str(), message));
        }
        findings
    }
}

/// The Secret with a user's password.
fn password_secret(user: &ObjectRef, spec: &OidcUserSpec) -> Option<ObjectKey> {
    let name = spec.authentication.password_secret_ref.as_ref()?.name.as_str();
    Some(ObjectKey::new(&user.key.namespace, name))
}

/// The epochs that applications, and accounts of them, have in their files.
fn handed_out(compiled: &Compiled, changes: &Changes) -> BTreeMap<(Uid, Option<String>), u64> {
    let stuck = |secret: &CredentialSecret| {
        changes.conflicts.contains_key(&(secret.application.clone(), format!("{}.name", secret.path)))
    };
    let written = compiled.credentials.values().filter(|secret| !stuck(secret));
    written.map(|secret| ((secret.application_uid.clone(), secret.account.clone()), secret.epoch)).collect()
}

/// Whether the state would be read as manifests. Hidden folders are not looked into.
fn contains(manifests: &Path, state: &Path) -> bool {
    let (Ok(manifests), Ok(state)) = (manifests.canonicalize(), state.canonicalize()) else { return false };
    let hidden = |part: std::path::Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
    state.strip_prefix(manifests).is_ok_and(|inside| !inside.components().any(hidden))
}

/// The provider to serve: the only one, or the one that was asked for.
fn choose(world: &World<'_>, wanted: Option<&ObjectKey>) -> Result<ObjectKey, StartError> {
    let providers = world.present.keys().filter(|object| object.kind == Kind::OidcProvider);
    let mut found: Vec<_> = providers.map(|object| object.key.clone()).collect();
    let unreadable = || world.findings.iter().filter(|finding| finding.is_unreadable()).cloned().collect();
    match wanted {
        Some(wanted) if found.contains(wanted) => Ok(wanted.clone()),
        Some(wanted) => Err(StartError::NoSuchProvider { wanted: wanted.clone(), found, unreadable: unreadable() }),
        None if found.len() > 1 => Err(StartError::SeveralProviders { found }),
        None => found.pop().ok_or_else(|| StartError::NoProvider { unreadable: unreadable() }),
    }
}

/// RFC 6749 §3.1: plain HTTP only where nobody else can listen in. The host alone does not say so: behind
/// `http://localhost` there may be a listener on every address.
fn plain_http(world: &World<'_>, key: &ObjectKey, provider: &OidcProvider, reach: Reach) -> Option<Finding> {
    if reach == Reach::Loopback || !provider.spec.issuer.starts_with("http:") {
        return None;
    }
    let message =
        "an http issuer needs --listen on a loopback address (127.0.0.1 or [::1]): write https, or listen there";
    let object = ObjectRef::new(Kind::OidcProvider, key.clone());
    world.finding_at(&object, "spec.issuer", Reason::UnsupportedValue.as_str(), message.to_owned())
}

/// A random UUID (RFC 9562 §5.4), as the API server makes them.
fn fresh_uid() -> Uid {
    Uid::new(uuid::Builder::from_random_bytes(crypto::random::bytes()).into_uuid().to_string())
}

#[cfg(test)]
mod tests;
