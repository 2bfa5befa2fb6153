//! RFC 7517, RFC 9111: what was fetched, for how long it counts, and when a host is asked again.
//!
//! Anybody can send an assertion in the name of a client, and with any key ID. What they can bring about is bounded, for
//! each address: one fetch at a time, for all who ask; the next one half a minute after an answer and ten seconds after a
//! failure at the soonest. So a host sees two requests a minute from a server at the most, six while it fails. For whoever
//! published a new key before signing with it, as one should, the first assertion under it fetches it; in the middle of
//! such a flood it may take the half minute.
//!
//! While a host is down, what it said before counts for another hour: a deployment of the client's keys is no reason to
//! lock it out. Whoever can keep the host from answering can thereby keep a withdrawn key alive for as long, and no longer.
//! An error page is no answer either; an empty set is one, and takes every key back at the next fetch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use oidc::client::{ClientKeys, PublishedKeys};
use tokio::sync::Semaphore;

use super::{FetchError, FetchKeys, Fetched};
use crate::clock::Clock;
use crate::metrics::Outcomes;

/// Addresses whose keys are kept; beyond that, those go first that were not asked for the longest time.
const CAPACITY: u64 = 4096;
/// So long an answer counts that does not say how long.
const FRESH: Duration = Duration::from_mins(5);
/// However short it says: a host must not make every assertion a fetch.
const FRESH_AT_LEAST: Duration = Duration::from_mins(1);
/// However long it says: a key that was withdrawn must go.
const FRESH_AT_MOST: Duration = Duration::from_hours(1);
/// So long it counts after that, while the host cannot be asked.
const STALE: Duration = Duration::from_hours(1);
/// From an answer to the next fetch that an unknown key ID may bring about.
const AFTER_ANSWER: Duration = Duration::from_secs(30);
/// From a failure to the next attempt.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Fetches at once, from all hosts.
const AT_ONCE: usize = 32;
/// How long a fetch waits for its turn.
const TURN: Duration = Duration::from_secs(2);

/// The keys that clients publish.
pub(crate) struct ClientKeyCache {
    slots: Cache<PublishedKeys, Arc<Slot>>,
    fetcher: Arc<dyn FetchKeys>,
    clock: Arc<dyn Clock>,
    fetches: Outcomes,
    turns: Arc<Semaphore>,
}

/// What is known of one address.
#[derive(Debug, Default)]
struct Slot(Mutex<State>);

/// Moments are those of [`Clock::elapsed`].
#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// Whether the last fetch failed.
    failing: bool,
    /// No fetch begins before.
    again_at: Duration,
    /// The fetch that is under way.
    flight: Option<Flight>,
}

#[derive(Debug)]
struct Held {
    keys: Arc<ClientKeys>,
    fresh_until: Duration,
    usable_until: Duration,
}

/// Ends when a fetch does, well or badly.
type Flight = Shared<BoxFuture<'static, ()>>;

/// What is to be done about an assertion.
enum Next {
    /// Judge it by these.
    Use(Option<Arc<ClientKeys>>),
    /// Wait, and judge it by what is there then.
    Wait(Flight),
}

impl ClientKeyCache {
    /// Nothing, as yet.
    pub(crate) fn new(fetcher: Arc<dyn FetchKeys>, clock: Arc<dyn Clock>, fetches: Outcomes) -> Self {
        let slots = Cache::builder().max_capacity(CAPACITY).eviction_policy(EvictionPolicy::lru()).build();
        Self { slots, fetcher, clock, fetches, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The keys that an assertion is to be judged by; `None`: none can be had. `suits` says whether a set may hold the one
    /// that is wanted; where it does not, the host is asked again, if its turn has come. Waits for one fetch at the most.
    pub(crate) async fn find(
        &self,
        from: &PublishedKeys,
        suits: impl Fn(&ClientKeys) -> bool,
    ) -> Option<Arc<ClientKeys>> {
        let slot = self.slots.get_with_by_ref(from, Arc::default);
        let next = slot.next(self.clock.elapsed(), suits, || self.begin(from, &slot));
        match next {
            Next::Use(keys) => keys,
            Next::Wait(flight) => {
                flight.await;
                slot.usable(self.clock.elapsed())
            }
        }
    }

    /// Fetches on a task of its own: who hangs up does not take the answer from the others.
    fn begin(&self, from: &PublishedKeys, slot: &Arc<Slot>) -> Flight {
        let (fetch, turns, slot) = (self.fetcher.fetch(from), Arc::clone(&self.turns), Arc::clone(slot));
        let (clock, fetches, from) = (Arc::clone(&self.clock), self.fetches.clone(), from.clone());
        let task = tokio::spawn(async move {
            let outcome = match tokio::time::timeout(TURN, turns.acquire()).await {
                Ok(Ok(_turn)) => fetch.await,
                Ok(Err(_)) | Err(_) => Err(FetchError::Busy),
            };
            fetches.count(outcome.as_ref().err().map_or("success", FetchError::as_str));
            match &outcome {
                Ok(fetched) => {
                    tracing::debug!(keys = fetched.keys.jwks().len(), "fetched the keys of clients from {}", from.uri);
                }
                Err(error) => tracing::warn!(
                    reason = error.as_str(),
                    "cannot fetch the keys of clients from {}: {error}; assertions under keys that are not known yet are refused",
                    from.uri
                ),
            }
            slot.settle(outcome, clock.elapsed());
        });
        // One that died has settled nothing, and is over all the same.
        task.map(drop).boxed().shared()
    }
}

impl Slot {
    /// Decides, and begins a fetch where it is time for one. `begin` must not wait.
    fn next(&self, now: Duration, suits: impl Fn(&ClientKeys) -> bool, begin: impl FnOnce() -> Flight) -> Next {
        let mut state = self.lock();
        let State { held, failing, again_at, flight } = &mut *state;
        let held = held.as_ref().filter(|held| now < held.usable_until);
        let suited = held.is_some_and(|held| suits(&held.keys));
        let keys = || held.map(|held| Arc::clone(&held.keys));
        if suited && held.is_some_and(|held| now < held.fresh_until) {
            return Next::Use(keys());
        }
        if flight.as_ref().is_some_and(|flight| flight.peek().is_some()) {
            *flight = None;
        }
        if flight.is_none() && now >= *again_at {
            // Put off at once: should the fetch die, it does not begin again with every request.
            *again_at = now + AFTER_FAILURE;
            *flight = Some(begin());
        }
        match flight {
            // The host failed of late, and what it said before still counts: nobody waits for it to fail again.
            Some(_) if *failing && suited => Next::Use(keys()),
            Some(flight) => Next::Wait(flight.clone()),
            None => Next::Use(keys()),
        }
    }

    /// What a fetch has brought.
    fn settle(&self, outcome: Result<Fetched, FetchError>, now: Duration) {
        let mut state = self.lock();
        state.flight = None;
        state.failing = outcome.is_err();
        state.again_at = now + if state.failing { AFTER_FAILURE } else { AFTER_ANSWER };
        if let Ok(Fetched { keys, max_age }) = outcome {
            let fresh_until = now + max_age.unwrap_or(FRESH).clamp(FRESH_AT_LEAST, FRESH_AT_MOST);
            state.held = Some(Held { keys: Arc::new(keys), fresh_until, usable_until: fresh_until + STALE });
        }
    }

    fn usable(&self, now: Duration) -> Option<Arc<ClientKeys>> {
        let state = self.lock();
        state.held.as_ref().filter(|held| now < held.usable_until).map(|held| Arc::clone(&held.keys))
    }

    /// Every change is an assignment: a panic elsewhere leaves none half-made.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
