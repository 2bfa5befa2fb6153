//! Records to catalog: the half of this member that runs in the server. It reads one namespace, and writes nothing.
//!
//! ```text
//! ConfigMap <provider>-record ──┐
//! Secret <provider>-server-key ─┤
//! Secret <provider>-signing-keys┼─▶ Store ─ MACs verified ─▶ Catalog ─▶ published ─▶ Loaded (what the controller is told)
//! OidcClientRecords ────────────┤
//! OidcUserRecords ──────────────┘
//! ```
//!
//! - Nothing is published before every list is complete: a server is ready with all of its clients, or not at all.
//! - A record is opened once per version; a change of one record costs one record.
//! - A record whose MAC does not hold is not served, and the controller is told so. One of a format of another version
//!   leaves what was served in its place.
//! - Records that vanish together with their kind were not deleted by anybody.

pub(crate) mod assembly;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{ObjectKey, RecordKind};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::{Api, Client, Error};
use oidc::acknowledge::Loaded;
use oidc::catalog::Catalog;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::assembly::Assembly;
use crate::apply::records;
use crate::names::{provider_record, with_suffix};
use crate::source::Item;
use crate::tracker::{Delta, Tracker};
use crate::watch::{Select, Told, Trouble, WATCH_SECONDS, Watch, watch};

/// News that wait.
const NEWS: usize = 4096;

/// How often the API server is asked for a sign of life while nothing changes.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Where much is gone at once, it has to stay gone for so long before it is believed, with the kind there at every look:
/// while a kind is being removed, its objects are deleted one by one, and the kind itself goes last.
const SETTLING: Duration = Duration::from_secs(2);

/// How often that is looked at.
const RECHECK: Duration = Duration::from_millis(250);

/// For how long records are kept that vanished with their kind, once it is back: the controller writes them again.
const GRACE: Duration = Duration::from_secs(10);

/// What a server serves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The provider.
    pub provider: ObjectKey,
    /// Whether an `http` issuer may be served: only where nobody but this machine can listen in (RFC 6749 §3.1).
    pub plain_http: bool,
    /// How long a watch lasts at the most, in seconds: a connection that nobody answers any more is given up a little
    /// later.
    pub watch_seconds: u32,
}

impl Settings {
    /// How long a watch lasts if nothing else is said.
    pub const WATCH_SECONDS: u32 = WATCH_SECONDS;
}

/// Where a feed delivers.
pub struct Outlets {
    /// A catalog to serve from now on.
    pub publish: Box<dyn Fn(Arc<Catalog>) + Send + Sync>,
    /// What is loaded, told after it was published.
    pub loaded: Box<dyn Fn(Loaded) + Send + Sync>,
    /// A sign of life of the API server.
    pub heard: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Outlets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlets").finish_non_exhaustive()
    }
}

/// One watch of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Its record.
    Provider,
    /// What the records are verified with.
    ServerKey,
    /// What tokens are signed with.
    SigningKeys,
    /// Those of its applications, or of its people.
    Records(RecordKind),
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Provider,
        Self::ServerKey,
        Self::SigningKeys,
        Self::Records(RecordKind::OidcClientRecord),
        Self::Records(RecordKind::OidcUserRecord),
    ];

    fn title(self, provider: &ObjectKey) -> String {
        match self {
            Self::Provider => format!("ConfigMap {}", provider_record(provider)),
            Self::ServerKey => format!("Secret {}", with_suffix(provider, compile::keys::SERVER_KEY_SUFFIX)),
            Self::SigningKeys => format!("Secret {}", with_suffix(provider, compile::keys::SIGNING_KEYS_SUFFIX)),
            Self::Records(kind) => format!("{} in namespace {}", kind.plural(), provider.namespace),
        }
    }
}

/// Feeds until `shutdown`. What the API server says is never a reason to end.
pub async fn run(client: Client, settings: Settings, outlets: Outlets, shutdown: CancellationToken) {
    let (news, mut told) = mpsc::channel(NEWS);
    let watches: Vec<Watch> = Part::ALL.iter().map(|part| start(&client, &settings, *part, news.clone())).collect();
    let mut feed = Feed {
        client,
        provider: settings.provider.clone(),
        outlets,
        trackers: Part::ALL.iter().map(|part| (*part, Tracker::default())).collect(),
        troubles: BTreeSet::new(),
        assembly: Assembly::new(settings.provider, settings.plain_http),
        changed: false,
        deleted: Instant::now(),
        confirmed: false,
        vanished: None,
    };
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    let mut recheck = tokio::time::interval(RECHECK);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some((part, one)) = told.recv() => {
                feed.take(part, one);
                while let Ok((part, one)) = told.try_recv() {
                    feed.take(part, one);
                }
                feed.publish();
            }
            _ = heartbeat.tick() => feed.heartbeat().await,
            _ = recheck.tick(), if feed.assembly.lost_records() => {
                feed.confirmed = !feed.assembly.lost_much() || feed.deletions_are_real().await;
                feed.changed = true;
                feed.publish();
            }
        }
    }
    drop(watches);
}

struct Feed {
    client: Client,
    provider: ObjectKey,
    outlets: Outlets,
    trackers: std::collections::BTreeMap<Part, Tracker<Item>>,
    troubles: BTreeSet<Part>,
    assembly: Assembly,
    changed: bool,
    /// When a record was deleted last.
    deleted: Instant,
    /// Whether the API server has said since then that the kind is there all the same.
    confirmed: bool,
    /// Since when records are kept that vanished with their kind.
    vanished: Option<Instant>,
}

impl Feed {
    fn take(&mut self, part: Part, told: Told<Item>) {
        match told {
            Told::Trouble(trouble) => {
                if matches!((part, &trouble), (Part::Records(_), Trouble::NotInstalled)) {
                    self.vanished = Some(Instant::now());
                    self.confirmed = false;
                }
                if self.troubles.insert(part) {
                    tracing::warn!(
                        "cannot watch {}: {trouble}; what was loaded is served, and this is tried again",
                        part.title(&self.provider)
                    );
                }
            }
            Told::Event(event) => {
                (self.outlets.heard)();
                if self.troubles.remove(&part) {
                    tracing::info!("watching {} again", part.title(&self.provider));
                }
                let tracker = self.trackers.entry(part).or_default();
                let before = tracker.is_complete();
                let deltas = tracker.take(event);
                self.changed |= !before && tracker.is_complete();
                for delta in deltas {
                    self.changed = true;
                    if matches!(delta, Delta::Dropped(_)) {
                        self.deleted = Instant::now();
                        self.confirmed = false;
                    }
                    self.assembly.take(part, delta);
                }
            }
        }
    }

    /// Publishes what there is now, if everything is there.
    fn publish(&mut self) {
        if !self.changed || !self.trackers.values().all(Tracker::is_complete) {
            return;
        }
        self.changed = false;
        if !self.assembly.lost_much() || self.confirmed && self.deleted.elapsed() >= SETTLING {
            self.assembly.settle();
        }
        let Some((catalog, loaded)) = tokio::task::block_in_place(|| self.assembly.assemble()) else { return };
        (self.outlets.publish)(Arc::new(catalog));
        (self.outlets.loaded)(loaded);
    }

    /// Whether records that are gone were deleted, rather than their kind with all of them.
    async fn deletions_are_real(&mut self) -> bool {
        let only_one = ListParams { limit: Some(1), ..ListParams::default() };
        for kind in RecordKind::ALL {
            let api = records(&self.client, *kind, &self.provider.namespace);
            match tokio::time::timeout(Duration::from_secs(2), api.list_metadata(&only_one)).await {
                Ok(Err(Error::Api(status))) if status.code == 404 => {
                    if self.vanished.is_none() {
                        tracing::error!(
                            "the definition of {} is gone: what was loaded is served until it is back",
                            kind.plural()
                        );
                    }
                    self.vanished = Some(Instant::now());
                    return false;
                }
                Ok(Ok(_)) => {}
                // While a kind is being installed its objects cannot be listed; then nothing is known.
                Ok(Err(_)) | Err(_) => return false,
            }
        }
        match self.vanished {
            Some(since) if since.elapsed() < GRACE => false,
            Some(_) | None => {
                self.vanished = None;
                true
            }
        }
    }

    /// Asks for a sign of life.
    async fn heartbeat(&mut self) {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.provider.namespace);
        let name = provider_record(&self.provider).name;
        let asked = tokio::time::timeout(Duration::from_secs(2), api.get_metadata_opt(&name)).await;
        if matches!(asked, Ok(Ok(_))) {
            (self.outlets.heard)();
        }
    }
}

fn start(client: &Client, settings: &Settings, part: Part, out: mpsc::Sender<(Part, Told<Item>)>) -> Watch {
    let Settings { provider, plain_http: _, watch_seconds } = settings;
    let wrap = move |told| (part, told);
    let named = |name: &str| Select::named(name).for_seconds(*watch_seconds);
    let (client, namespace) = (client.clone(), provider.namespace.as_str());
    match part {
        Part::Provider => {
            let select = named(&provider_record(provider).name);
            watch(Api::namespaced(client, namespace), select, Item::provider_record, wrap, out)
        }
        Part::ServerKey => {
            let select = named(&with_suffix(provider, compile::keys::SERVER_KEY_SUFFIX).name);
            watch(Api::namespaced(client, namespace), select, Item::secret, wrap, out)
        }
        Part::SigningKeys => {
            let select = named(&with_suffix(provider, compile::keys::SIGNING_KEYS_SUFFIX).name);
            watch(Api::namespaced(client, namespace), select, Item::secret, wrap, out)
        }
        Part::Records(kind) => {
            let select = Select::all().for_seconds(*watch_seconds);
            watch(records(&client, kind, namespace), select, Item::record(kind), wrap, out)
        }
    }
}
