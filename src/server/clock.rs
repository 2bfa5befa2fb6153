//! The only reader of the clock in this member.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use oidc::time::Time;

/// Time, as a port: a test hands in a clock that stands still until it is told to move.
pub trait Clock: Send + Sync + 'static {
    /// What the wall clock says.
    fn now(&self) -> Time;

    /// Time since some fixed moment, never going backwards; for measuring.
    fn elapsed(&self) -> Duration;

    /// Waits.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// The machine's clock.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Time {
        // Before 1970 the clock is broken; every token would be refused as not yet valid, which is the safe side.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_in_this_century_and_moves_on() {
        let clock = SystemClock::new();
        assert!(clock.now() > Time::from_secs(1_700_000_000));
        assert!(clock.now() < Time::from_secs(4_102_444_800));
        let before = clock.elapsed();
        assert!(clock.elapsed() >= before);
    }
}
