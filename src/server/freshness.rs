//! How long ago the feed of the catalogs has heard from the API server.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, SystemClock};

/// When something was heard last. Cloning copies a pointer.
///
/// A watch that is alive and has nothing to tell still hears: the API server sends bookmarks. So silence means that the
/// catalog may be old, not that nothing has changed.
#[derive(Clone)]
pub struct Freshness(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    /// Milliseconds of the clock's elapsed time; 0 is when the clock began.
    heard: AtomicU64,
}

impl Freshness {
    /// Silence, counted from now on.
    pub fn new() -> Self {
        Self::timed_by(Arc::new(SystemClock::new()))
    }

    /// Silence, counted from the beginning of a clock. Only its elapsed time is read.
    pub fn timed_by(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { clock, heard: AtomicU64::new(0) }))
    }

    /// Something was heard: an event, a bookmark, or a list that succeeded.
    pub fn heard(&self) {
        let Inner { clock, heard } = &*self.0;
        // Of two at once the later counts, whichever comes first.
        heard.fetch_max(millis(clock.elapsed()), Ordering::Relaxed);
    }

    /// The time since something was heard.
    pub fn silence(&self) -> Duration {
        let Inner { clock, heard } = &*self.0;
        Duration::from_millis(millis(clock.elapsed()).saturating_sub(heard.load(Ordering::Relaxed)))
    }
}

impl Default for Freshness {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Freshness").field("silence", &self.silence()).finish()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FixedClock;

    #[test]
    fn silence_grows_until_something_is_heard() {
        let clock = FixedClock::default();
        let freshness = Freshness::timed_by(Arc::new(clock.clone()));
        let check = |secs: u64| assert_eq!(freshness.clone().silence(), Duration::from_secs(secs));
        check(0);
        clock.advance(30);
        check(30);
        freshness.clone().heard();
        check(0);
        clock.advance(5);
        check(5);
    }

    #[test]
    fn it_brings_a_clock_of_its_own() {
        assert!(Freshness::new().silence() < Duration::from_mins(1));
    }
}
