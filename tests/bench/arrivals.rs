//! When each object became Ready, as a watch tells it: asking again and again would measure the asking.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cluster::programs::status_of;
use futures::StreamExt as _;
use kube::Api;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long the next object may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The objects of one kind and namespace that have become Ready.
pub(crate) struct Arrivals {
    known: BTreeMap<String, Instant>,
    told: mpsc::UnboundedReceiver<(String, Instant)>,
    watch: JoinHandle<()>,
}

impl Arrivals {
    /// Looks on from now.
    pub(crate) fn of(objects: Api<DynamicObject>) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let watch = tokio::spawn(async move {
            let mut events = Box::pin(watcher(objects, watcher::Config::default().streaming_lists()));
            while let Some(event) = events.next().await {
                let Ok(Event::Apply(object) | Event::InitApply(object)) = event else { continue };
                let now = Instant::now();
                let name = object.metadata.name.clone();
                let ready = serde_json::to_value(&object).is_ok_and(|one| status_of(&one, "Ready") == Some("True"));
                if let Some(name) = name.filter(|_| ready)
                    && tell.send((name, now)).is_err()
                {
                    return;
                }
            }
        });
        Self { known: BTreeMap::new(), told, watch }
    }

    /// When this object became Ready; waits for it.
    pub(crate) async fn at(&mut self, name: &str) -> Result<Instant> {
        loop {
            if let Some(at) = self.known.get(name) {
                return Ok(*at);
            }
            let next = tokio::time::timeout(PATIENCE, self.told.recv()).await;
            let next = next.with_context(|| format!("{name} is not Ready within {PATIENCE:?}"))?;
            let (name, at) = next.context("the watch has ended")?;
            self.known.entry(name).or_insert(at);
        }
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.watch.abort();
    }
}
