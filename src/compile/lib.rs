//! Custom resources in; catalogs, credentials and verdicts out: pure and total.
//!
//! ```text
//! manifest ─admit─► object ─┐
//!                           ├─► Inputs ─compile─┬─► Catalog          what a server serves
//! watch ────────────────────┘                   ├─► CredentialSecret what applications receive
//!                                               └─► Verdict ─status─► what every object reports
//! ```
//!
//! Reading order: [`mod@admit`] (what the API server would say) → [`inputs`], [`keys`], [`passwords`] (what is
//! known) → `policy` → one file per kind → `across` (what only holds among all objects) → [`verdict`] → [`status`].
//!
//! - [`keys`], [`passwords`] and [`logins`] serve those who make inputs: new keys are random, passwords are hashed on
//!   threads, and what a person proved before counts for as long as neither they nor their password were gone.
//! - A compilation cannot fail. Every object gets a verdict with all that is wrong with it, each with its field.
//! - A bad object hurts itself only: it is not served, and nothing else changes, unless both claim the same name.
//! - An invalid edit of a live object removes that object. What was valid before is not kept: nobody could say why it
//!   is still served.

mod across;
pub mod admit;
mod application;
mod clients;
mod compilation;
pub mod credentials;
mod digest;
mod grants;
mod group;
mod identifiers;
pub mod inputs;
mod issuers;
pub mod keys;
pub mod logins;
pub mod names;
pub mod passwords;
mod policy;
mod provider;
pub mod record;
mod reference;
mod resource;
pub mod rotation;
pub mod status;
mod text;
mod unsupported;
mod user;
pub mod verdict;
mod verdicts;

use std::collections::BTreeMap;

use api::ObjectKey;
use crypto::Secret;
use oidc::catalog::Catalog;
use oidc::ids::Uid;

pub use admit::{FieldError, FieldReason, Object, admit, admit_update};
pub use inputs::{Holdings, Inputs, Mode, ProviderMaterial, SecretInput, Synced, UserPassword};
pub use issuers::OwnIssuer;
pub use reference::provider_key;
pub use rotation::Epoch;
pub use user::claims_digest;
pub use verdict::{Diagnostic, Facts, ObjectRef, Verdict};

/// Judges every object and makes what is to be served.
///
/// Equal inputs give equal outcomes: nothing here reads a clock or draws randomness, and no order of arrival shows.
pub fn compile(inputs: &Synced<Inputs>) -> Compiled {
    compilation::run(inputs)
}

/// The outcome of a compilation.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What the server of each provider serves. A provider that is not accepted, has no key material or no active RS256
    /// key has none.
    pub catalogs: BTreeMap<ObjectKey, Catalog>,
    /// What there is to say about every object.
    pub verdicts: BTreeMap<ObjectRef, Verdict>,
    /// The Secrets of the clients that are served, by namespace and name. That one is not listed is no order to delete
    /// it: an application that is refused for now keeps the Secret that its pods have mounted.
    pub credentials: BTreeMap<ObjectKey, CredentialSecret>,
    /// The issuers that applications hold, by UID.
    pub issuers: BTreeMap<Uid, OwnIssuer>,
    /// The names that are held, by provider. An object that is refused for another reason keeps its name.
    pub names: BTreeMap<ObjectKey, names::Held>,
}

/// A Secret that an application should have, of type [`inputs::CLIENT_CREDENTIALS_TYPE`] and no other.
#[derive(Clone, Debug)]
pub struct CredentialSecret {
    /// Whose it is.
    pub application: ObjectKey,
    /// UID of that application.
    pub application_uid: Uid,
    /// The account of the application whose client secret stands in it; none: its own.
    pub account: Option<String>,
    /// The field in which the application says what Secret it wants.
    pub path: String,
    /// Labels, the application's UID among them.
    pub labels: BTreeMap<String, String>,
    /// Annotations, the epoch among them.
    pub annotations: BTreeMap<String, String>,
    /// Content.
    pub data: BTreeMap<String, Secret<String>>,
    /// The epoch of the client secret in it.
    pub epoch: u64,
    /// Whether it is to take the place of one with the secret before: that is good until this is handed out.
    pub is_rotating: bool,
    /// What becomes of it when the application goes.
    pub deletion_policy: api::DeletionPolicy,
}
