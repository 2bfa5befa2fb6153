//! Files at the edge: manifests in a folder become catalogs, and a state folder keeps what a cluster would keep.
//!
//! ```text
//! manifests ─► world ─► inputs ─► compile ─► catalog ─► whoever serves it
//! (files)         │        ▲                 └──► state/credentials: what applications receive
//!            identities  keys, passwords (compile, crypto)
//!            └───── state/uids.json, seed.yaml, server-key.yaml, signing-keys.yaml ─────┘
//! ```
//!
//! Reading order: [`manifests`] (files to objects) → [`world`] (objects together) → [`identities`] (what a
//! cluster would know besides) → [`state`] (the folder) → [`engine`] (one pass) → [`watch`], [`run`] (the loop) →
//! [`mod@check`] (the same without keys and state).
//!
//! This member knows no HTTP framework and no store: it hands catalogs to a closure. Time is an argument everywhere.

pub mod check;
pub mod engine;
pub mod finding;
pub mod identities;
pub mod manifests;
mod parallel;
pub mod report;
pub mod run;
pub mod state;
pub mod watch;
pub mod world;

use std::fmt;
use std::io;
use std::path::PathBuf;

use api::ObjectKey;

pub use check::{Checked, check};
pub use engine::Reach;
pub use finding::Finding;
pub use run::{Options, Standalone};

use identities::SeedReplaced;
use state::folder::StateError;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No manifest is a provider.
    #[error("the manifests hold no OidcProvider: add one{}", Unreadable(unreadable))]
    NoProvider {
        /// Files in which it might be.
        unreadable: Vec<Finding>,
    },
    /// Which of them?
    #[error("the manifests hold several OidcProviders: choose one with --provider, out of {}", Keys(found))]
    SeveralProviders {
        /// All of them.
        found: Vec<ObjectKey>,
    },
    /// Not that one.
    #[error("the manifests hold no OidcProvider {wanted}{}{}", Others(found), Unreadable(unreadable))]
    NoSuchProvider {
        /// The one that was asked for.
        wanted: ObjectKey,
        /// Those that there are.
        found: Vec<ObjectKey>,
        /// Files in which it might be.
        unreadable: Vec<Finding>,
    },
    /// Tokens would travel in the open.
    #[error("{0}")]
    PlainHttp(Box<Finding>),
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// Every client secret would change.
    #[error(
        "{}: {replaced}. Restore it from a backup, or every client secret derived from it changes; to accept that, remove the generation under `seed` in {}",
        seed.display(),
        identities.display()
    )]
    Seed {
        /// The file of the seed.
        seed: PathBuf,
        /// The file that remembers it.
        identities: PathBuf,
        /// What is wrong.
        replaced: SeedReplaced,
    },
    /// Keys would be read as manifests.
    #[error("the state folder {} lies among the manifests in {}: give --state a path elsewhere, or one that starts with a dot", state.display(), manifests.display())]
    StateAmongManifests {
        /// The state folder.
        state: PathBuf,
        /// The folder of the manifests.
        manifests: PathBuf,
    },
    /// No threads to hash passwords with.
    #[error("cannot start a thread: {0}")]
    Threads(io::Error),
}

/// Why serving has ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The first pass failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// Nobody looks for edits any more.
    #[error("the manifests are not watched any more")]
    Watch,
    /// A pass has panicked.
    #[error("reading the manifests has failed unexpectedly: the log says where")]
    Broken,
}

struct Keys<'a>(&'a [ObjectKey]);

impl fmt::Display for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&keys.join(", "))
    }
}

struct Others<'a>(&'a [ObjectKey]);

impl fmt::Display for Others<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str(" and no other one: add it"),
            found => write!(f, ", but {}: name one of them with --provider, or add it", Keys(found)),
        }
    }
}

struct Unreadable<'a>(&'a [Finding]);

impl fmt::Display for Unreadable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        f.write_str(". It may be in what cannot be read:")?;
        self.0.iter().try_for_each(|finding| write!(f, "\n{finding}"))
    }
}
