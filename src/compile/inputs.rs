//! Everything that the compile step may know, as values.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use api::{ObjectKey, OidcApplication, OidcGroup, OidcProvider, OidcResource, OidcUser};
use crypto::{KeyRing, PasswordHash, Secret, Seeds, ServerKeys};
use oidc::ids::{LoginEpoch, Uid};

use crate::names::Names;
use crate::rotation::Rotations;

/// A consistent view of the whole world.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Where an absent `providerRef` points: to the provider `default` of this namespace.
    pub provider_namespace: String,
    /// Who asks.
    pub mode: Mode,
    /// All providers. Metadata carries UID, generation and creation time, here as below.
    pub providers: BTreeMap<ObjectKey, OidcProvider>,
    /// All applications.
    pub applications: BTreeMap<ObjectKey, OidcApplication>,
    /// All resources.
    pub resources: BTreeMap<ObjectKey, OidcResource>,
    /// All users.
    pub users: BTreeMap<ObjectKey, OidcUser>,
    /// All groups.
    pub groups: BTreeMap<ObjectKey, OidcGroup>,
    /// Labels of the namespaces. `kubernetes.io/metadata.name` is implied, whatever stands here.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// Secrets that users and applications may refer to.
    pub secrets: BTreeMap<ObjectKey, SecretInput>,
    /// Key material of the providers.
    pub materials: BTreeMap<ObjectKey, ProviderMaterial>,
    /// Where the client secrets of an application and its accounts stand. Absent: the newest seed generation, epoch 1.
    pub rotations: BTreeMap<Uid, Rotations>,
    /// The names that objects have already, by UID. Absent: whoever is oldest gets a name.
    pub holders: BTreeMap<Uid, Holdings>,
    /// The names that are some namespace's at a provider: held there, or given up a short while ago.
    pub names: BTreeMap<ObjectKey, Names>,
    /// The signing keys of applications that have an issuer of their own, by UID, once they were made. They are kept
    /// wherever inputs come from, and move on by the schedule of the provider.
    pub issuer_keys: BTreeMap<Uid, KeyRing>,
    /// When a user's claims last changed, in seconds since 1970: `updated_at`. Absent: no such claim.
    pub claims_changed: BTreeMap<Uid, i64>,
    /// Under which of their logins a user stands ([`crate::logins`]). Absent: the first.
    pub login_epochs: BTreeMap<Uid, LoginEpoch>,
}

impl Inputs {
    /// Whether an object has a name already.
    pub(crate) fn holds(&self, uid: Option<&Uid>, has: impl FnOnce(&Holdings) -> bool) -> bool {
        uid.and_then(|uid| self.holders.get(uid)).is_some_and(has)
    }

    /// A world without objects.
    pub fn empty(provider_namespace: impl Into<String>, mode: Mode) -> Self {
        Self {
            provider_namespace: provider_namespace.into(),
            mode,
            providers: BTreeMap::new(),
            applications: BTreeMap::new(),
            resources: BTreeMap::new(),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            secrets: BTreeMap::new(),
            materials: BTreeMap::new(),
            rotations: BTreeMap::new(),
            holders: BTreeMap::new(),
            names: BTreeMap::new(),
            issuer_keys: BTreeMap::new(),
            claims_changed: BTreeMap::new(),
            login_epochs: BTreeMap::new(),
        }
    }
}

/// The names that one object has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Client ID, subject or audience.
    pub identifiers: BTreeSet<String>,
    /// User name.
    pub username: Option<String>,
    /// Host of the issuer.
    pub issuer_host: Option<String>,
    /// Names of its Secrets, in its namespace.
    pub secrets: BTreeSet<String>,
}

/// Who asks, and thereby what can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The controller: every namespace has an object, and one without is on its way in or out.
    Cluster,
    /// Files: namespaces need no object of their own.
    Standalone,
    /// Files in a review: there is no key material, and Secrets are mostly kept elsewhere, as are the APIs of other
    /// namespaces. None of these is judged by its absence, and no catalog is made.
    Check,
}

/// A Secret that an object may refer to, reduced to what it was typed for.
#[derive(Clone, Debug)]
pub enum SecretInput {
    /// Of type [`USER_PASSWORD_TYPE`].
    UserPassword(UserPassword),
    /// Of type [`CLIENT_SECRET_INPUT_TYPE`]: all of its keys.
    ClientSecretInput(BTreeMap<String, Secret<Vec<u8>>>),
    /// Of another type, which is named. Its content was not read.
    WrongType(String),
}

/// The type of a Secret with a user's password or its hash.
pub const USER_PASSWORD_TYPE: &str = "portcullis.dev/user-password";

/// The type of a Secret with a client secret that its owner chose: the type is the owner's consent to have it read.
pub const CLIENT_SECRET_INPUT_TYPE: &str = "portcullis.dev/client-secret-input";

/// The type of the Secrets written for applications.
pub const CLIENT_CREDENTIALS_TYPE: &str = "portcullis.dev/client-credentials";

/// What a user's password Secret holds.
#[derive(Clone, Debug)]
pub enum UserPassword {
    /// A hash, given or computed.
    Hash(PasswordHash),
    /// A hash that cannot be verified, and why.
    Unsupported(String),
    /// Neither key `hash` nor key `password`.
    Missing,
    /// A password that is being hashed.
    Pending,
}

/// The key material of one provider.
#[derive(Clone, Debug)]
pub struct ProviderMaterial {
    /// What client secrets are derived from.
    pub seeds: Seeds,
    /// What seals and MACs are made with.
    pub server_keys: ServerKeys,
    /// What tokens are signed with.
    pub signing: KeyRing,
}

/// Inputs of which every source has delivered its first full list. A cluster that is listed by half looks just like one
/// whose other half was deleted, so [`crate::compile`] takes nothing else.
#[derive(Clone, Debug)]
pub struct Synced<T>(T);

impl<T> Synced<T> {
    /// Vouches that each watch has delivered a complete first list, or that every file of the folder has been read (or
    /// has kept what was last read from it). Later changes may be applied one by one: a view may lag, but never have
    /// holes.
    pub fn after_first_list(value: T) -> Self {
        Self(value)
    }

    /// The value, to apply further changes to.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Synced<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
