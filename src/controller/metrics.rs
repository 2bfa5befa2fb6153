//! OpenMetrics 1.0: what the controller counts. Labels come from closed lists.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api::Kind;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds, seconds: from one round of the API server to a server that has to be waited for.
const DURATIONS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// All counters of a controller. Cloning copies a pointer.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    reconcile: Family<ReconcileLabels, Counter>,
    objects: Family<ObjectLabels, Gauge>,
    keys: Family<KeyLabels, Gauge>,
    apply_to_served: Histogram,
    lease_held: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReconcileLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObjectLabels {
    kind: &'static str,
    ready: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    kid: String,
    algorithm: &'static str,
    state: &'static str,
}

/// How a look at an object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Something was written.
    Written,
    /// A write failed, and is tried again.
    Failed,
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let (reconcile, objects, keys) = (Family::default(), Family::default(), Family::default());
        let (apply_to_served, lease_held) = (Histogram::new(DURATIONS), Gauge::default());
        let mut registry = Registry::with_prefix("portcullis");
        registry.register("reconcile", "Writes to the cluster", Family::clone(&reconcile));
        registry.register("objects", "Objects, by whether they are ready", Family::clone(&objects));
        registry.register("signing_key_state", "Signing keys, each with its state", Family::clone(&keys));
        registry.register(
            "apply_to_served_seconds",
            "Time from a written record to the last server that has loaded it",
            apply_to_served.clone(),
        );
        registry.register("lease_held", "Whether this process leads", lease_held.clone());
        Self(Arc::new(Inner { registry, reconcile, objects, keys, apply_to_served, lease_held }))
    }

    pub(crate) fn reconcile(&self, kind: Kind, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Written => "written",
            Outcome::Failed => "failed",
        };
        self.0.reconcile.get_or_create(&ReconcileLabels { kind: kind.as_str(), outcome }).inc();
    }

    pub(crate) fn objects(&self, kind: Kind, ready: usize, others: usize) {
        for (ready, count) in [("true", ready), ("false", others)] {
            let labels = ObjectLabels { kind: kind.as_str(), ready };
            self.0.objects.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    pub(crate) fn keys<'k>(&self, keys: impl Iterator<Item = &'k crypto::RingKey>) {
        self.0.keys.clear();
        for key in keys {
            let state = match key.state {
                crypto::KeyState::Pending => "pending",
                crypto::KeyState::Active => "active",
                crypto::KeyState::Retiring => "retiring",
            };
            let (kid, algorithm) = (key.key.kid().as_str().to_owned(), key.key.algorithm().as_str());
            self.0.keys.get_or_create(&KeyLabels { kid, algorithm, state }).set(1);
        }
    }

    pub(crate) fn served(&self, after: Duration) {
        self.0.apply_to_served.observe(after.as_secs_f64());
    }

    pub(crate) fn leads(&self, leads: bool) {
        self.0.lease_held.set(i64::from(leads));
    }

    /// The text form.
    ///
    /// # Errors
    /// None that a text buffer could have.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.0.registry)?;
        Ok(out)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
