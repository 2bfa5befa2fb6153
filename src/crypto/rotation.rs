//! The life of signing keys: Pending → Active → Retiring → removed (OIDC Core §10.1.1). Pure: time and new keys are
//! arguments.

use std::collections::BTreeSet;

use crate::alg::Algorithm;
use crate::key::{KeyError, SigningKey};
use crate::ring::{KeyState, RingKey};

/// When keys come and go. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The algorithms to keep keys for.
    pub algorithms: BTreeSet<Algorithm>,
    /// Age at which a key is replaced; `None`: never.
    pub period: Option<i64>,
    /// For how long a key is published before it signs.
    pub pre_publish: i64,
    /// For how long a key stays published after it has signed for the last time.
    pub retire: i64,
    /// Keys to remove at once.
    pub revoked: BTreeSet<String>,
    /// Any text: a key that was made under another one is replaced, as if its time had come.
    pub trigger: String,
}

/// The keys at a point in time.
#[derive(Debug)]
pub struct Advanced {
    /// The keys.
    pub keys: Vec<RingKey>,
    /// Whether they differ from those before, and so have to be kept before they are used.
    pub changed: bool,
    /// When something is due next, in seconds since 1970.
    pub next: Option<i64>,
}

/// Moves the keys to where the schedule wants them at `now`, in seconds since 1970.
///
/// The keys of an empty ring are active at once: nobody has a copy of the JWKS yet. One that is added later has to be
/// published first, or verifiers would meet a key that their copy of the JWKS does not have.
pub fn advance(
    keys: Vec<RingKey>,
    schedule: &Schedule,
    now: i64,
    make: &mut dyn FnMut(Algorithm) -> Result<SigningKey, KeyError>,
) -> Result<Advanced, KeyError> {
    let Schedule { algorithms, period, pre_publish, retire, revoked, trigger } = schedule;
    let first = keys.is_empty();
    let before = keys.len();
    let mut ring = Ring { keys, changed: false, now, trigger };
    ring.keys.retain(|key| {
        let removed = key.state == KeyState::Retiring && key.since.saturating_add(*retire) <= now;
        // One that has signed nothing yet can be dropped.
        let unwanted =
            key.state == KeyState::Pending && (!algorithms.contains(&key.key.algorithm()) || key.trigger != *trigger);
        !removed && !unwanted && !revoked.contains(key.key.kid().as_str())
    });
    ring.changed = ring.keys.len() != before;
    ring.set(|key| !algorithms.contains(&key.key.algorithm()) && key.state == KeyState::Active, KeyState::Retiring);
    for &algorithm in algorithms {
        let due = |key: &RingKey| key.state == KeyState::Pending && key.since.saturating_add(*pre_publish) <= now;
        if ring.newest(algorithm, due).is_some() {
            ring.set(|key| key.key.algorithm() == algorithm && key.state == KeyState::Active, KeyState::Retiring);
            ring.set(|key| key.key.algorithm() == algorithm && due(key), KeyState::Active);
        }
        let active = ring.newest(algorithm, |key| key.state == KeyState::Active);
        let active = active.map(|key| (key.since, key.trigger != *trigger));
        let pending = ring.newest(algorithm, |key| key.state == KeyState::Pending).is_some();
        match active {
            Some((since, triggered)) => {
                let old = period.is_some_and(|period| since.saturating_add(period - pre_publish) <= now);
                if (old || triggered) && !pending {
                    ring.add(make(algorithm)?, KeyState::Pending);
                }
            }
            None if pending => {}
            None => {
                // An algorithm that comes back while its last key is still published goes on with that key.
                let last = ring.newest(algorithm, |key| key.state == KeyState::Retiring);
                match last.map(|key| key.key.kid().clone()) {
                    Some(kid) => ring.set(|key| *key.key.kid() == kid, KeyState::Active),
                    None if first => ring.add(make(algorithm)?, KeyState::Active),
                    None => ring.add(make(algorithm)?, KeyState::Pending),
                }
            }
        }
    }
    let next = ring.keys.iter().filter_map(|key| match key.state {
        KeyState::Pending => Some(key.since.saturating_add(*pre_publish)),
        KeyState::Active => period.map(|period| key.since.saturating_add(period - pre_publish)),
        KeyState::Retiring => Some(key.since.saturating_add(*retire)),
    });
    let next = next.filter(|due| *due > now).min();
    let Ring { keys, changed, .. } = ring;
    Ok(Advanced { keys, changed, next })
}

struct Ring<'s> {
    keys: Vec<RingKey>,
    changed: bool,
    now: i64,
    trigger: &'s str,
}

impl Ring<'_> {
    fn newest(&self, algorithm: Algorithm, which: impl Fn(&RingKey) -> bool) -> Option<&RingKey> {
        let of_algorithm = self.keys.iter().filter(|key| key.key.algorithm() == algorithm && which(key));
        of_algorithm.max_by_key(|key| key.since)
    }

    fn set(&mut self, which: impl Fn(&RingKey) -> bool, state: KeyState) {
        for key in self.keys.iter_mut().filter(|key| which(key)) {
            key.state = state;
            key.since = self.now;
            self.changed = true;
        }
    }

    fn add(&mut self, key: SigningKey, state: KeyState) {
        self.keys.push(RingKey { key, state, since: self.now, trigger: self.trigger.to_owned() });
        self.changed = true;
    }
}

#[cfg(test)]
mod tests;
