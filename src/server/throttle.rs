//! OWASP ASVS §2.2.1: guessing passwords is slow, and nobody can lock out anybody else.
//!
//! Three counts, all in a table of constant size. Per user: the more failures lately, the longer every attempt on that
//! user waits before the password is looked at, up to five seconds. Whoever knows the password still gets in: a stranger
//! elsewhere can slow a login down but never prevent it. Per user and network (what counts as one is the matter of
//! [`networks`]): a budget that refills with time; when it is spent, that network is told to wait, and only that network.
//! Per network alone:
//! a budget that an office at nine in the morning does not spend, as a success gives its attempt back, and that
//! one password tried on everybody's name does. How many may wait for a password thread at once is the matter of `places`.
//!
//! An attempt is counted before the password is checked, so that a thousand at once count a thousand; a success gives the
//! budget back. The wait comes before the check and does not depend on its outcome, so that its length tells nothing.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crypto::hash;
use oidc::time::Time;

use crate::cidr::{Network, networks};

/// Attempts that a share of a network has on one user before it must wait.
const BUDGET: u32 = 10;
/// Time in which one attempt of the budget comes back.
const REFILL: Duration = Duration::from_secs(30);
/// Failed attempts that it has on all users together before it must wait.
const NETWORK_BUDGET: u32 = 120;
/// Time in which one attempt of that budget comes back.
const NETWORK_REFILL: Duration = Duration::from_secs(1);
/// Failures on a user that cost nothing: people mistype.
const FREE_FAILURES: u32 = 3;
/// A user's count stops soon after the wait has stopped growing: more would only take longer to forget.
const MAX_FAILURES: u32 = 11;
/// The wait after the first failure that is not free; it doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(250);
/// The longest wait.
const MAX_DELAY: Duration = Duration::from_secs(5);
/// Time in which one failure on a user is forgotten.
const FORGET: Duration = Duration::from_mins(1);

/// Slots in a set; a key may stand in any of them.
const WAYS: usize = 4;

/// The counts.
#[derive(Debug)]
pub(crate) struct Throttle {
    table: Mutex<Vec<[Slot; WAYS]>>,
    /// Mixed into every key, so that nobody outside can choose names that push another's count out of the table.
    salt: [u8; 32],
}

/// A count that leaks: it falls by one in every period.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    key: u64,
    /// When the count will have leaked to nothing, in milliseconds since the epoch; not later than now: free.
    empty_at: i64,
}

/// One attempt that may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the wait must be waited for"]
pub(crate) struct Attempt {
    /// How long to wait before the password is looked at.
    pub(crate) delay: Duration,
    user: u64,
    /// The user from each network of the address.
    pairs: Vec<u64>,
    /// Each network alone.
    networks: Vec<u64>,
}

/// This network has spent its budget, on this user or on all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted {
    /// When it is worth trying again.
    pub(crate) retry_after: Duration,
}

impl Throttle {
    /// An empty table for about `capacity` counts, 16 octets each.
    pub(crate) fn new(capacity: usize, salt: [u8; 32]) -> Self {
        let sets = capacity.div_ceil(WAYS).max(1);
        Self { table: Mutex::new(vec![[Slot::default(); WAYS]; sets]), salt }
    }

    /// Counts an attempt of this address's network on this user. At whatever issuer of the provider they log in, they are the same
    /// person with the same password: a guesser would otherwise have a budget at each.
    pub(crate) fn attempt(&self, user: &str, from: IpAddr, now: Time) -> Result<Attempt, Exhausted> {
        let user_key = self.key(user, None);
        let pairs: Vec<_> =
            networks(from).map(|(network, shares)| (self.key(user, Some(network)), BUDGET * shares)).collect();
        let networks: Vec<_> =
            networks(from).map(|(network, shares)| (self.network_key(network), NETWORK_BUDGET * shares)).collect();
        let budgets = || {
            let pairs = pairs.iter().map(|(key, budget)| (*key, *budget, REFILL));
            pairs.chain(networks.iter().map(|(key, budget)| (*key, *budget, NETWORK_REFILL)))
        };
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        // Counts from before the clock was set back would otherwise last until it has caught up.
        let bounds = budgets().map(|(key, budget, refill)| (key, refill * budget));
        for (key, most) in bounds.chain([(user_key, FORGET * MAX_FAILURES)]) {
            if let Some(slot) = find(&mut table, key) {
                slot.empty_at = slot.empty_at.min(now.millis().saturating_add(millis(most)));
            }
        }
        for (key, budget, refill) in budgets() {
            let spent = count(&table, key, refill, now);
            if spent >= budget {
                let over = i64::from(spent - budget + 1).saturating_mul(millis(refill));
                let leaked = remainder(&table, key, refill, now);
                let wait = u64::try_from(over.saturating_sub(leaked)).unwrap_or_default();
                return Err(Exhausted { retry_after: Duration::from_millis(wait) });
            }
        }
        for (key, _, refill) in budgets() {
            add(&mut table, key, refill, now);
        }
        let failures = count(&table, user_key, FORGET, now);
        if failures < MAX_FAILURES {
            add(&mut table, user_key, FORGET, now);
        }
        let keys = |counts: &[(u64, u32)]| counts.iter().map(|(key, _)| *key).collect();
        Ok(Attempt { delay: delay(failures), user: user_key, pairs: keys(&pairs), networks: keys(&networks) })
    }

    /// The password was right: the network gets its budget back, and the attempt is taken from the user's count. What
    /// others failed at stays counted, so that a guesser does not profit from the rightful person's logins.
    pub(crate) fn succeeded(&self, attempt: Attempt, now: Time) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        // What others have failed at in the networks around stays counted.
        let mut pairs = attempt.pairs.into_iter();
        if let Some(slot) = pairs.next().and_then(|own| find(&mut table, own)) {
            *slot = Slot::default();
        }
        for pair in pairs {
            take_back(&mut table, pair, REFILL, now);
        }
        take_back(&mut table, attempt.user, FORGET, now);
        for network in attempt.networks {
            take_back(&mut table, network, NETWORK_REFILL, now);
        }
    }

    /// The attempt did not come to a check of the password: it does not count.
    pub(crate) fn withdraw(&self, attempt: Attempt, now: Time) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        take_back(&mut table, attempt.user, FORGET, now);
        for (keys, period) in [(attempt.pairs, REFILL), (attempt.networks, NETWORK_REFILL)] {
            for key in keys {
                take_back(&mut table, key, period, now);
            }
        }
    }

    fn key(&self, user: &str, from: Option<Network>) -> u64 {
        // As accounts fold what is typed, or each spelling would have a budget of its own.
        let user = user.trim().to_lowercase();
        let user = hash::sha256(user.as_bytes());
        match from {
            None => self.salted(&[&user]),
            Some(network) => self.salted(&[&user, &network.octets()]),
        }
    }

    fn network_key(&self, network: Network) -> u64 {
        self.salted(&[&network.octets()])
    }

    /// Parts are digests and networks: the length tells a list of them from every other.
    fn salted(&self, parts: &[&[u8]]) -> u64 {
        let mut text = Vec::with_capacity(120);
        text.extend_from_slice(&self.salt);
        text.extend(parts.iter().copied().flatten());
        let digest = hash::sha256(&text);
        // 0 marks a slot that was never used.
        digest.first_chunk().map_or(1, |first| u64::from_be_bytes(*first).max(1))
    }
}

fn delay(failures: u32) -> Duration {
    let Some(over) = failures.checked_sub(FREE_FAILURES) else { return Duration::ZERO };
    FIRST_DELAY.saturating_mul(1_u32.checked_shl(over).unwrap_or(u32::MAX)).min(MAX_DELAY)
}

type Table = [[Slot; WAYS]];

fn position(table: &Table, key: u64) -> usize {
    let sets = u64::try_from(table.len()).unwrap_or(1).max(1);
    usize::try_from(key % sets).unwrap_or_default()
}

fn find(table: &mut Table, key: u64) -> Option<&mut Slot> {
    let position = position(table, key);
    table.get_mut(position)?.iter_mut().find(|slot| slot.key == key)
}

/// How much of what was counted has not leaked away, in milliseconds.
fn left(table: &Table, key: u64, now: Time) -> i64 {
    let slot = table.get(position(table, key)).and_then(|set| set.iter().find(|slot| slot.key == key));
    slot.map_or(0, |slot| slot.empty_at.saturating_sub(now.millis()).max(0))
}

fn count(table: &Table, key: u64, period: Duration, now: Time) -> u32 {
    let (left, period) = (left(table, key, now), millis(period));
    u32::try_from(left.saturating_add(period - 1) / period).unwrap_or(u32::MAX)
}

/// How long ago the count last fell, in milliseconds.
fn remainder(table: &Table, key: u64, period: Duration, now: Time) -> i64 {
    (millis(period) - left(table, key, now) % millis(period)) % millis(period)
}

/// Takes one back.
fn take_back(table: &mut Table, key: u64, period: Duration, now: Time) {
    if let Some(slot) = find(table, key) {
        slot.empty_at = slot.empty_at.saturating_sub(millis(period)).max(now.millis());
    }
}

/// Adds one; where the set is full, the count that would be empty first gives way.
fn add(table: &mut Table, key: u64, period: Duration, now: Time) {
    let position = position(table, key);
    let Some(set) = table.get_mut(position) else { return };
    let slot = match set.iter().position(|slot| slot.key == key) {
        Some(found) => set.get_mut(found),
        None => set.iter_mut().min_by_key(|slot| slot.empty_at).map(|slot| {
            *slot = Slot { key, empty_at: now.millis() };
            slot
        }),
    };
    if let Some(slot) = slot {
        slot.empty_at = slot.empty_at.max(now.millis()).saturating_add(millis(period));
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
