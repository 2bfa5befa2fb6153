//! What the servers have loaded, as far as they were heard.
//!
//! A write counts for an object once every serving replica has said that it has loaded it. A replica is asked while
//! something waits for it, and else left in peace. What it has said stays true for as long as it is the same replica: a
//! paused one has loaded what it had loaded. One that appears is asked first and counted then; a replica becomes ready only
//! after it has loaded everything, so nothing is said too early.

pub(crate) mod ask;
pub(crate) mod endpoints;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use api::ObjectKey;
use compile::status;
use oidc::acknowledge::{Acknowledgement, Loaded};
use oidc::ids::Uid;

use self::endpoints::Endpoint;

/// For how long a replica that has appeared may say nothing before it counts as one that has loaded nothing.
const INTRODUCTION: Duration = Duration::from_secs(2);

/// The first pause after something began to wait, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The pause after a replica has not answered: it grows while it stays silent.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_RETRY_PAUSE: Duration = Duration::from_secs(4);

/// Something that a replica must have loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Required {
    /// A record: plural name of its kind, name, version.
    Record(&'static str, String, u128),
    /// A single object: `secrets/<name>` or `configmaps/<name>`, version.
    Object(String, u128),
}

impl Required {
    fn is_loaded(&self, loaded: &Loaded) -> bool {
        match self {
            Self::Record(plural, name, version) => loaded.has_record(plural, name, &version.to_string()),
            Self::Object(name, version) => loaded.has(name, &version.to_string()),
        }
    }
}

/// The replicas of all providers.
#[derive(Debug, Default)]
pub(crate) struct Replicas {
    known: BTreeMap<Endpoint, Replica>,
}

#[derive(Debug)]
struct Replica {
    appeared: Instant,
    heard: Option<Heard>,
    asking: bool,
    pause: Duration,
    retry: Duration,
    not_before: Instant,
}

#[derive(Debug)]
struct Heard {
    provider: ObjectKey,
    word: Acknowledgement,
}

impl Replicas {
    /// These serve now. Returns whether that is news.
    pub(crate) fn set(&mut self, endpoints: impl IntoIterator<Item = Endpoint>, now: Instant) -> bool {
        let mut before = std::mem::take(&mut self.known);
        let mut changed = false;
        for endpoint in endpoints {
            let replica = before.remove(&endpoint).unwrap_or_else(|| {
                changed = true;
                Replica {
                    appeared: now,
                    heard: None,
                    asking: false,
                    pause: FIRST_PAUSE,
                    retry: RETRY_PAUSE,
                    not_before: now,
                }
            });
            self.known.insert(endpoint, replica);
        }
        changed || !before.is_empty()
    }

    /// How many replicas serve a provider, and how many of them have loaded all this. `None`: one has just appeared, and
    /// may say so in a moment.
    ///
    /// What was loaded for an earlier provider of the same name does not count: `uid` says which one is meant.
    pub(crate) fn of(
        &self,
        provider: &ObjectKey,
        uid: &Uid,
        required: &[Required],
        now: Instant,
    ) -> Option<status::Servers> {
        let mut servers = status::Servers::default();
        for (endpoint, replica) in &self.known {
            match &replica.heard {
                Some(heard) if heard.provider == *provider => {
                    servers.serving += 1;
                    let loaded = &heard.word.loaded;
                    if loaded.provider == *uid && required.iter().all(|one| one.is_loaded(loaded)) {
                        servers.loaded += 1;
                    }
                }
                Some(_) => {}
                None if !endpoint.may_serve(provider) => {}
                None if now.duration_since(replica.appeared) < INTRODUCTION => return None,
                None => servers.serving += 1,
            }
        }
        Some(servers)
    }

    /// Something has begun to wait: whoever was left in peace is asked soon.
    pub(crate) fn hurry(&mut self, now: Instant) {
        for replica in self.known.values_mut() {
            replica.pause = FIRST_PAUSE;
            replica.retry = RETRY_PAUSE;
            replica.not_before = replica.not_before.min(now + FIRST_PAUSE);
        }
    }

    /// Whom to ask now. `waiting`: whether anything waits; if not, only those that were never heard are asked.
    pub(crate) fn ask(&mut self, waiting: bool, now: Instant) -> Vec<Endpoint> {
        let due = self.known.iter_mut().filter(|(_, replica)| {
            !replica.asking && (waiting || replica.heard.is_none()) && replica.not_before <= now
        });
        due.map(|(endpoint, replica)| {
            replica.asking = true;
            endpoint.clone()
        })
        .collect()
    }

    /// When somebody is to be asked, or, having said nothing for so long, counts.
    pub(crate) fn next(&self, waiting: bool, now: Instant) -> Option<Instant> {
        let due = self.known.values().filter(|replica| !replica.asking && (waiting || replica.heard.is_none()));
        let silent = self.known.values().filter(|replica| replica.heard.is_none());
        let counts = silent.map(|replica| replica.appeared + INTRODUCTION).filter(|at| *at > now);
        due.map(|replica| replica.not_before).chain(counts).min()
    }

    /// A replica has spoken, or failed to. Returns whether that is news.
    pub(crate) fn answered(
        &mut self,
        endpoint: &Endpoint,
        answer: Result<(ObjectKey, Acknowledgement), ask::Silent>,
        now: Instant,
    ) -> bool {
        let Some(replica) = self.known.get_mut(endpoint) else { return false };
        replica.asking = false;
        match answer {
            Ok((provider, word)) => {
                replica.retry = RETRY_PAUSE;
                replica.not_before = now + replica.pause;
                replica.pause = (replica.pause * 2).min(LONGEST_PAUSE);
                let same = |heard: &Heard| heard.provider == provider && heard.word == word;
                let news = !replica.heard.as_ref().is_some_and(same);
                replica.heard = Some(Heard { provider, word });
                news
            }
            Err(silent) => {
                let first = replica.retry == RETRY_PAUSE;
                replica.not_before = now + replica.retry;
                replica.retry = (replica.retry * 2).min(LONGEST_RETRY_PAUSE);
                if first && matches!(silent, ask::Silent::AnotherInstance | ask::Silent::NotAuthentic) {
                    let url = endpoint.url();
                    tracing::warn!(
                        "what {url} has loaded does not count: {silent}; a server in a Pod needs the Pod's UID as \
                         PORTCULLIS_INSTANCE, and the server key of its provider"
                    );
                }
                tracing::debug!(server = endpoint.url(), "a server does not say what it has loaded: {silent}");
                // Another process at this address knows nothing of what the one before had said.
                silent == ask::Silent::AnotherInstance && replica.heard.take().is_some()
            }
        }
    }
}

#[cfg(test)]
mod tests;
