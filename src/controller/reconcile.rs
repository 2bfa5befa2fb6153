//! The one task that thinks: news come in, what is next goes out.
//!
//! ```text
//! watches ─┐                     ┌─▶ writes (bounded, one per object at a time)
//! answers ─┼─▶ World ─compile─▶ Desired ─next─┤
//! servers ─┘                     └─▶ timers
//! ```
//!
//! Nothing here is shared, so nothing is locked. A process that does not lead takes in the news all the same and thinks
//! about none of them: when it comes to lead, it starts from what it knows and not from empty lists.

mod issuers;
mod materials;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::ObjectKey;
use compile::ObjectRef;
use compile::passwords::Passwords;
use crypto::PasswordPool;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kube::Client;
use kube::runtime::events::{Recorder, Reporter};
use oidc::acknowledge::Acknowledgement;
use oidc::ids::Uid;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::apply::Written;
use crate::desired::Desired;
use crate::failure::Failure;
use crate::issuers::Moved;
use crate::lease::Leadership;
use crate::material::Due;
use crate::metrics::Metrics;
use crate::plan::{Memory, Said};
use crate::queue::{Queue, Urgency};
use crate::servers::Replicas;
use crate::servers::ask::Silent;
use crate::servers::endpoints::Endpoint;
use crate::settings::{Servers, Settings};
use crate::source::{News, Source, start};
use crate::watch::Watch;
use crate::world::{Touched, World};

/// Writes under way at once.
const AT_ONCE: usize = 16;

/// News that wait to be taken in, and how many are taken in before anything else is looked at.
const NEWS: usize = 1024;

/// Passwords that wait for a thread.
const PASSWORD_QUEUE: usize = 64;

/// What came of something that was begun.
enum Done {
    /// A write for an object.
    Write(ObjectRef, Result<Written, Failure>),
    /// The same, of a status, with what is to be told about it.
    Status(ObjectRef, Written, Option<(Option<Uid>, Said)>),
    /// Something was told.
    Told,
    /// A Secret at the name where one was to be created: its type, if it is not ours to overwrite.
    Found(ObjectRef, ObjectKey, Option<String>),
    /// A Secret that cannot be changed, and why.
    Refused(ObjectRef, ObjectKey, String),
    /// A Secret that may not be written, and why.
    Denied(ObjectRef, ObjectKey, String),
    /// A record that is not taken, and why.
    Unrecorded(ObjectRef, Failure),
    /// A look at a provider's key material.
    Material(ObjectKey, Due, Option<Result<Written, Failure>>),
    /// A look at the keys of applications' own issuers; none: it has failed.
    Issuers(Option<Moved>),
    /// A question to a server.
    Asked(Endpoint, Result<(ObjectKey, Acknowledgement), Silent>),
    /// Records that had lost their source: whether some may be left.
    Garbage(Result<usize, Failure>),
}

/// What is remembered of an object.
#[derive(Default)]
struct Record {
    memory: Memory,
    failures: u32,
    not_before: Option<Instant>,
    /// The last write, and how often it was made in a row.
    last: Option<String>,
    repeated: u32,
    /// Until when it waits for that.
    brake_until: Option<Instant>,
}

/// What is remembered of a provider's key material.
#[derive(Default)]
struct Keys {
    failures: u32,
    not_before: Option<Instant>,
    /// In seconds since 1970.
    next: Option<i64>,
}

/// See the module.
#[expect(clippy::struct_excessive_bools, reason = "each says whether one thing is due or under way")]
pub(crate) struct Reconciler {
    client: Client,
    settings: Arc<Settings>,
    leadership: Leadership,
    metrics: Metrics,
    recorder: Recorder,
    /// Whom to bind where the controller may not write.
    account: Option<String>,
    world: World,
    desired: Desired,
    replicas: Replicas,
    watches: BTreeMap<Source, Watch>,
    news: mpsc::Sender<News>,
    queue: Queue<ObjectRef>,
    /// Whether there are objects to look at that were left for later.
    more: bool,
    busy: BTreeSet<ObjectRef>,
    records: BTreeMap<ObjectRef, Record>,
    /// Objects that wait for servers.
    waiting: BTreeSet<ObjectRef>,
    timers: BTreeSet<(Instant, ObjectRef)>,
    keys: BTreeMap<ObjectKey, Keys>,
    keys_due: BTreeSet<ObjectKey>,
    keys_busy: BTreeSet<ObjectKey>,
    issuers_due: bool,
    issuers_busy: bool,
    /// When keys of applications' own issuers are due next, in seconds since 1970.
    issuers_next: Option<i64>,
    /// Whether to compile, and when at the earliest.
    stale: bool,
    compile_at: Instant,
    garbage: bool,
    garbage_busy: bool,
    garbage_at: Instant,
    resync_at: Instant,
    led: bool,
    tasks: FuturesUnordered<BoxFuture<'static, Done>>,
    ready: Arc<std::sync::Mutex<Vec<String>>>,
}

/// What others may ask of a running controller.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<std::sync::Mutex<Vec<String>>>);

impl Readiness {
    /// At first, nothing has been seen.
    pub fn new() -> Self {
        Self(Arc::new(std::sync::Mutex::new(vec!["everything".to_owned()])))
    }

    /// The watches that have not delivered a complete list yet; none: it is ready.
    pub fn missing(&self) -> Vec<String> {
        self.0.lock().map(|missing| missing.clone()).unwrap_or_default()
    }
}

/// Why a controller has ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system gives no threads for password hashes.
    #[error("cannot start a thread")]
    Threads(#[source] std::io::Error),
    /// A setting without which nothing can be done.
    #[error("no namespace of providers was named: give at least one with --provider-namespace")]
    NoProviderNamespace,
}

/// What a controller runs with.
pub struct Parts {
    /// How to talk to the API server; fenced, see [`crate::fence`].
    pub client: Client,
    /// What it was told.
    pub settings: Settings,
    /// Whether it leads.
    pub leadership: Leadership,
    /// Where it counts.
    pub metrics: Metrics,
    /// Where it says that it has seen everything.
    pub readiness: Readiness,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Reconciles until `shutdown`.
///
/// # Errors
/// It cannot begin. Once begun, it goes on whatever the API server says.
pub async fn run(parts: Parts, shutdown: CancellationToken) -> Result<(), RunError> {
    let (mut reconciler, mut news) = Reconciler::new(parts).await?;
    let mut leadership = reconciler.leadership.subscribe();
    reconciler.watch();
    loop {
        reconciler.think();
        let next = reconciler.next();
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(told) = news.recv() => {
                let mut touched = reconciler.take(told);
                for _ in 0..NEWS {
                    let Ok(told) = news.try_recv() else { break };
                    touched.join(reconciler.take(told));
                }
                reconciler.touch(touched);
            }
            Some(done) = reconciler.tasks.next() => reconciler.done(done),
            () = poll_fn(|context| reconciler.world.passwords.poll(context)) => reconciler.stale = true,
            Ok(()) = leadership.changed() => {}
            () = tokio::time::sleep_until(next.into()) => {}
        }
    }
    // What was sent is answered; nothing more is sent.
    let finish = async { while reconciler.tasks.next().await.is_some() {} };
    drop(tokio::time::timeout(Duration::from_secs(5), finish).await);
    Ok(())
}

impl Reconciler {
    async fn new(parts: Parts) -> Result<(Self, mpsc::Receiver<News>), RunError> {
        let Parts { client, settings, leadership, metrics, readiness } = parts;
        if settings.provider_namespaces.is_empty() {
            return Err(RunError::NoProviderNamespace);
        }
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let pool = PasswordPool::new(threads, PASSWORD_QUEUE).map_err(RunError::Threads)?;
        let settings = Arc::new(settings);
        let (news, told) = mpsc::channel(NEWS);
        let now = Instant::now();
        let reporter = Reporter { controller: "portcullis.dev/controller".to_owned(), instance: None };
        let account = steps::account(&client).await;
        let reconciler = Self {
            recorder: Recorder::new(client.clone(), reporter),
            world: World::new(Arc::clone(&settings), Passwords::new(pool)),
            account,
            client,
            leadership,
            metrics,
            desired: Desired::default(),
            replicas: Replicas::default(),
            watches: BTreeMap::new(),
            news,
            queue: Queue::default(),
            more: false,
            busy: BTreeSet::new(),
            records: BTreeMap::new(),
            waiting: BTreeSet::new(),
            timers: BTreeSet::new(),
            keys: BTreeMap::new(),
            keys_due: BTreeSet::new(),
            keys_busy: BTreeSet::new(),
            issuers_due: false,
            issuers_busy: false,
            issuers_next: None,
            stale: true,
            compile_at: now,
            garbage: false,
            garbage_busy: false,
            garbage_at: now,
            resync_at: now + settings.resync,
            led: false,
            tasks: FuturesUnordered::new(),
            ready: readiness.0,
            settings,
        };
        Ok((reconciler, told))
    }

    /// Starts the watches that are wanted, and ends the others.
    fn watch(&mut self) {
        let wanted = self.world.wanted();
        let unwanted: Vec<Source> = self.watches.keys().filter(|source| !wanted.contains(*source)).cloned().collect();
        for source in unwanted {
            self.watches.remove(&source);
            let touched = self.world.forget(&source);
            self.touch(touched);
        }
        for source in wanted {
            let Self { watches, client, news, .. } = self;
            watches.entry(source).or_insert_with_key(|source| start(client, source.clone(), news.clone()));
        }
    }

    /// Takes in news, unless they are the last ones of a watch that has ended.
    fn take(&mut self, told: News) -> Touched {
        if self.watches.contains_key(&told.source) { self.world.take(told) } else { Touched::default() }
    }

    /// Notes what has to be thought about.
    fn touch(&mut self, touched: Touched) {
        let Touched { inputs, objects, materials, garbage, servers, namespaces } = touched;
        self.stale |= inputs;
        self.garbage |= garbage;
        self.keys_due.extend(materials);
        for object in objects {
            self.look_at(object, Urgency::Edit);
        }
        if servers {
            self.set_servers();
        }
        if namespaces {
            self.watch();
        }
    }

    fn look_at(&mut self, object: ObjectRef, urgency: Urgency) {
        // A standby remembers nothing: it will look at everything.
        if self.led {
            let namespace = object.key.namespace.clone();
            self.queue.add(object, &namespace, urgency);
        }
    }

    fn set_servers(&mut self) {
        let endpoints: BTreeSet<Endpoint> = match &self.settings.servers {
            Servers::EndpointSlices => self.world.slices.values().flat_map(Endpoint::of).collect(),
            Servers::Endpoints(urls) => urls.iter().map(|url| Endpoint::named(url)).collect(),
            Servers::InProcess(_) => [Endpoint::here()].into(),
        };
        if self.replicas.set(endpoints, Instant::now()) {
            self.look_at_everything(Urgency::Resync);
        }
    }

    fn look_at_everything(&mut self, urgency: Urgency) {
        let verdicts = self.desired.compiled.iter().flat_map(|compiled| compiled.verdicts.keys().cloned());
        let objects: Vec<ObjectRef> = verdicts.chain(self.world.unreadable.keys().cloned()).collect();
        for object in objects {
            self.look_at(object, urgency);
        }
    }

    /// Everything that can be begun now is begun.
    fn think(&mut self) {
        let missing = if self.world.is_complete() { Vec::new() } else { self.world.missing() };
        let complete = missing.is_empty();
        if let Ok(mut ready) = self.ready.lock() {
            *ready = missing;
        }
        self.lead();
        if !self.led || !complete {
            return;
        }
        self.begin_materials();
        self.compile();
        self.begin_issuers();
        self.collect();
        self.ask();
        self.resync();
        self.begin_writes();
    }

    /// Takes note of having come to lead, or of leading no more.
    fn lead(&mut self) {
        let leads = self.leadership.leads();
        self.metrics.leads(leads);
        if leads == self.led {
            return;
        }
        self.led = leads;
        self.queue.clear();
        self.more = false;
        self.timers.clear();
        self.records.clear();
        self.waiting.clear();
        self.desired = Desired::default();
        self.world.issuer_keys.forget_made();
        self.world.forget_logins();
        if leads {
            self.stale = true;
            self.garbage = true;
            self.keys_due.extend(self.world.inputs.providers.keys().cloned());
            // Nobody was asked while another process led: they appear now.
            self.replicas = Replicas::default();
            self.set_servers();
        }
    }

    fn compile(&mut self) {
        let now = Instant::now();
        let wall = (self.settings.clock)().as_second();
        let due = self.desired.next_free().into_iter().chain(self.world.rotations.next()).min();
        self.stale |= due.is_some_and(|due| due <= wall);
        if !self.stale || now < self.compile_at {
            return;
        }
        self.stale = false;
        let world = &mut self.world;
        // Thinking is this task's own: the others of the runtime go on elsewhere.
        let desired = tokio::task::block_in_place(|| {
            let compiled = world.compile(wall);
            Desired::new(world, compiled, wall)
        });
        let before = std::mem::replace(&mut self.desired, desired);
        self.issuers_due = true;
        self.desired.remember_callers(&before, &self.world);
        self.forget_what_is_gone();
        let differing = self.desired.differing(&before);
        for object in differing {
            self.look_at(object, Urgency::Edit);
        }
        let unreadable: Vec<ObjectRef> = self.world.unreadable.keys().cloned().collect();
        for object in unreadable {
            self.look_at(object, Urgency::Edit);
        }
        self.count();
        // With much to compile, half of the time is left to the rest.
        self.compile_at = now + now.elapsed() * 2;
    }

    /// What does not exist any more waits for nothing and is not remembered.
    fn forget_what_is_gone(&mut self) {
        let Self { desired, world, records, waiting, timers, .. } = self;
        let exists = |object: &ObjectRef| desired.verdict(object).is_some() || world.unreadable.contains_key(object);
        records.retain(|object, _| exists(object));
        waiting.retain(|object| exists(object));
        timers.retain(|(_, object)| exists(object));
    }

    fn resync(&mut self) {
        let now = Instant::now();
        if now >= self.resync_at {
            self.resync_at = now + self.settings.resync;
            self.garbage = true;
            self.keys_due.extend(self.world.inputs.providers.keys().cloned());
            self.look_at_everything(Urgency::Resync);
        }
    }

    /// When something is due even if nothing happens.
    fn next(&self) -> Instant {
        let now = Instant::now();
        let mut next = now + Duration::from_mins(1);
        let mut sooner = |at: Option<Instant>| {
            if let Some(at) = at {
                next = next.min(at);
            }
        };
        if self.led && self.world.is_complete() {
            sooner(self.more.then_some(now));
            sooner(self.timers.first().map(|(at, _)| *at));
            sooner(self.stale.then_some(self.compile_at));
            sooner((self.garbage && !self.garbage_busy).then_some(self.garbage_at));
            sooner(Some(self.resync_at));
            sooner(self.replicas.next(!self.waiting.is_empty(), now));
            let wall = (self.settings.clock)().as_second();
            let from_now = |at: i64| {
                let seconds = u64::try_from(at.saturating_sub(wall)).unwrap_or_default();
                now + Duration::from_secs(seconds.clamp(1, 600))
            };
            sooner(self.desired.next_free().map(from_now));
            let rotation = self.world.rotations.next();
            sooner(rotation.map(|due| if due <= wall { self.compile_at } else { from_now(due) }));
            sooner(self.issuers_next.filter(|_| !self.issuers_busy).map(from_now));
            for keys in self.keys.values() {
                sooner(keys.not_before.filter(|at| *at > now));
                sooner(keys.next.map(from_now));
            }
        } else {
            // Leading begins and ends with a signal; what is missing comes with news.
            sooner(Some(now + Duration::from_secs(1)));
        }
        next
    }
}
