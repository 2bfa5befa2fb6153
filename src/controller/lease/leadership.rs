//! Whether this process leads, for everybody who needs to know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Whether this process leads. Clones share it.
#[derive(Clone, Debug)]
pub struct Leadership(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Leading ends here, in milliseconds of `clock`.
    deadline: AtomicU64,
    clock: Clock,
    told: watch::Sender<bool>,
}

#[derive(Debug)]
enum Clock {
    Since(Instant),
    /// Milliseconds, set by hand.
    #[cfg(test)]
    Hand(Arc<AtomicU64>),
}

const NEVER: u64 = 0;
const ALWAYS: u64 = u64::MAX;

impl Leadership {
    /// Follows an election: does not lead until `run` has won it.
    pub fn elected() -> Self {
        Self::new(NEVER, Clock::Since(Instant::now()))
    }

    /// Leads, and no election takes place.
    pub fn always() -> Self {
        Self::new(ALWAYS, Clock::Since(Instant::now()))
    }

    fn new(deadline: u64, clock: Clock) -> Self {
        let told = watch::Sender::new(deadline == ALWAYS);
        Self(Arc::new(Shared { deadline: AtomicU64::new(deadline), clock, told }))
    }

    /// Whether this process leads at this moment. It compares two numbers, and is right even if the process was
    /// paused a moment ago and nothing else has run since.
    pub fn leads(&self) -> bool {
        self.0.clock.millis() < self.0.deadline.load(Ordering::SeqCst)
    }

    /// Wakes whoever waits when leading begins or ends. The value is what was true then: ask `leads` before a write.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.0.told.subscribe()
    }

    /// Sets until when this process leads. True if subscribers were told something new.
    pub(super) fn set(&self, until: Option<Instant>) -> bool {
        let deadline = until.map_or(NEVER, |until| self.0.clock.at(until));
        self.0.deadline.store(deadline, Ordering::SeqCst);
        let leads = self.leads();
        self.0.told.send_if_modified(|told| std::mem::replace(told, leads) != leads)
    }
}

impl Clock {
    /// Rounded down, as `at` is: so what is before the deadline in milliseconds is before it in truth.
    fn millis(&self) -> u64 {
        match self {
            Self::Since(start) => millis(start.elapsed()),
            #[cfg(test)]
            Self::Hand(now) => now.load(Ordering::SeqCst),
        }
    }

    fn at(&self, instant: Instant) -> u64 {
        match self {
            Self::Since(start) => millis(instant.saturating_duration_since(*start)),
            #[cfg(test)]
            Self::Hand(_) => ALWAYS,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(ALWAYS)
}

#[cfg(test)]
impl Leadership {
    /// Leads until the clock in the hand of the test, in milliseconds, shows `deadline`.
    pub(crate) fn by_hand(deadline: u64) -> (Self, Arc<AtomicU64>) {
        let hand = Arc::new(AtomicU64::new(0));
        (Self::new(deadline, Clock::Hand(Arc::clone(&hand))), hand)
    }
}
