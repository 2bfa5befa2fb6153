//! How long things take. Everything follows from the duration of the lease, so that no two settings contradict.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Which lease, who wants it, and for how long it is held.
#[derive(Clone, Debug)]
pub struct Settings {
    namespace: String,
    name: String,
    identity: String,
    seconds: i32,
}

impl Settings {
    /// How long a lease lasts, if nothing else is said.
    pub const DURATION: Duration = Duration::from_secs(15);

    /// `identity` must be another one for every start of every process, such as the name of the pod and something
    /// random. A candidate takes a lease with its own name that it did not write for somebody else's, and waits.
    ///
    /// The `duration` is rounded up to whole seconds, since the lease says it so.
    pub fn new(
        namespace: impl Into<String>,
        name: impl Into<String>,
        identity: impl Into<String>,
        duration: Duration,
    ) -> Self {
        let whole = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
        let seconds = i32::try_from(whole).unwrap_or(i32::MAX).max(1);
        Self { namespace: namespace.into(), name: name.into(), identity: identity.into(), seconds }
    }

    /// The namespace of the lease.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name of the lease.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who wants it.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// As the lease says it.
    pub(super) fn seconds(&self) -> i32 {
        self.seconds
    }

    /// For how long others leave the lease alone after they have seen it renewed: 15 s.
    pub fn duration(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds.unsigned_abs()))
    }

    /// For how long the holder leads, from the moment it began to write: 10 s of 15. The rest is the margin: for clocks
    /// that run at different speeds, and for writes that are on their way when leading ends.
    pub fn hold(&self) -> Duration {
        self.duration() * 2 / 3
    }

    /// When the holder renews, from the same moment: after 5 s of 15, so that three attempts fit.
    pub fn renew(&self) -> Duration {
        self.duration() / 3
    }

    /// How long until the next look or attempt, from the last: 2 s of 15, and up to a quarter more, always the same
    /// for one identity, so that candidates that start together do not stay together.
    pub fn retry(&self) -> Duration {
        let base = self.duration() * 2 / 15;
        let mut hasher = DefaultHasher::new();
        self.identity.hash(&mut hasher);
        let [spread, ..] = hasher.finish().to_le_bytes();
        base + base * u32::from(spread) / 1024
    }

    /// For how long a request may take: 1.5 s of 15, less than a retry.
    pub fn timeout(&self) -> Duration {
        self.duration() / 10
    }
}
