//! The loop: a pass after every edit, after every password that was hashed, and when keys are due.

use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use api::ObjectKey;
use compile::passwords::Passwords;
use crypto::PasswordPool;
use oidc::catalog::Catalog;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use crate::engine::{Engine, Passed, Reach, Serving};
use crate::report::News;
use crate::state::folder::{StateError, StateLock};
use crate::watch::watch;
use crate::{RunError, StartError};

/// For how long the first catalog waits for passwords, so that whoever meets a ready server can log in.
const FIRST_HASHES: Duration = Duration::from_secs(10);

/// How often a catalog is made at the most while many passwords are hashed.
const HASHES_TOGETHER: Duration = Duration::from_millis(500);

/// After which time to try again what the disk refused.
const RETRY: Duration = Duration::from_secs(5);

/// Timers look at the clock at least this often, since it may be set.
const LONGEST_SLEEP: Duration = Duration::from_mins(10);

/// Passwords that wait for a thread at the most.
const QUEUE: usize = 64;

/// What to serve, and where things are.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder with the manifests.
    pub manifests: PathBuf,
    /// The state folder.
    pub state: PathBuf,
    /// The provider to serve; by default, the only one.
    pub provider: Option<ObjectKey>,
    /// Who can reach the public listener.
    pub reach: Reach,
    /// The clock: seconds since 1970.
    pub clock: fn() -> i64,
}

/// A locked state folder with keys, ready to serve what the manifests say.
#[derive(Debug)]
pub struct Standalone {
    engine: Engine,
    options: Options,
}

impl Standalone {
    /// Finds the provider, locks the state folder, and reads or makes the keys. Waits for the disk.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let pool = PasswordPool::new(threads, QUEUE).map_err(StartError::Threads)?;
        let Options { manifests, state, provider, reach, clock: _ } = &options;
        let engine = Engine::open(vec![manifests.clone()], state, provider.as_ref(), *reach, Passwords::new(pool))?;
        Ok(Self { engine, options })
    }

    /// Where the store keeps sessions, codes and the like: in the state folder.
    pub fn state_db(&self) -> PathBuf {
        self.engine.folder().file("state.db")
    }

    /// Keeps the state folder from other processes. To be held for as long as the store is in use.
    pub fn lock(&self) -> StateLock {
        self.engine.folder().lock()
    }

    /// Publishes a catalog, and another one whenever the manifests say something new, until `shutdown`.
    ///
    /// # Errors
    ///
    /// Only the first pass can fail. Whatever fails later is logged and tried again, while the last catalog is served.
    pub async fn run(
        self,
        publish: impl Fn(Arc<Catalog>) + Send + Sync + 'static,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), RunError> {
        let Self { engine, options } = self;
        let mut worker = Worker { engine, clock: options.clock, publish: Arc::new(publish) };
        let mut shutdown = pin!(shutdown);
        let credentials = options.state.join("credentials");
        let mut edits = tokio::select! {
            () = &mut shutdown => return Ok(()),
            edits = watch(vec![options.manifests.clone(), credentials]) => edits,
        };
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            hashed = timeout(FIRST_HASHES, worker.all_hashed()) => {
                if hashed.is_err() {
                    tracing::info!("some passwords are still being hashed: their users can log in later");
                }
            }
        }
        let (mut worker, first) = worker.pass().await?;
        let first = first?;
        if first.serving.is_none() {
            let provider = worker.engine.provider();
            tracing::warn!("serving nothing yet: the OidcProvider {provider} is refused; its errors follow");
        }
        let mut next = worker.tell(first);
        let mut last = Instant::now();
        // What is tried again and again is said once.
        let mut failure = None;
        loop {
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                edit = edits.recv() => if edit.is_none() { return Err(RunError::Watch) },
                () = worker.hashed() => {
                    if !worker.engine.passwords.is_idle() && last.elapsed() < HASHES_TOGETHER {
                        continue;
                    }
                }
                () = sleep(next) => {}
            }
            let (same, passed) = worker.pass().await?;
            worker = same;
            next = match passed {
                Ok(passed) => {
                    failure = None;
                    worker.tell(passed)
                }
                Err(error) => {
                    let error = error.to_string();
                    if failure.as_ref() != Some(&error) {
                        tracing::error!("{error}; what was served before is still served, and this is tried again");
                    }
                    failure = Some(error);
                    RETRY
                }
            };
            last = Instant::now();
        }
    }
}

/// The engine, on whichever thread it is.
struct Worker {
    engine: Engine,
    clock: fn() -> i64,
    publish: Arc<dyn Fn(Arc<Catalog>) + Send + Sync>,
}

impl Worker {
    /// A pass reads files, makes keys and compiles: not on a thread that serves requests.
    async fn pass(mut self) -> Result<(Self, Result<Passed, StateError>), RunError> {
        let passed = spawn_blocking(move || {
            let passed = self.engine.pass((self.clock)(), &*self.publish);
            (self, passed)
        });
        passed.await.map_err(|_| RunError::Broken)
    }

    async fn hashed(&mut self) {
        poll_fn(|context| self.engine.passwords.poll(context)).await;
    }

    async fn all_hashed(&mut self) {
        while !self.engine.passwords.is_idle() {
            self.hashed().await;
        }
    }

    /// Logs what has happened; returns for how long there is nothing to do.
    fn tell(&self, passed: Passed) -> Duration {
        let Passed { serving, news, credentials, forgotten, next } = passed;
        let News { wrong, mended } = news;
        for finding in wrong {
            tracing::warn!("{finding}");
        }
        for finding in mended {
            tracing::info!("mended: {finding}");
        }
        for object in forgotten {
            tracing::info!("{object} is gone for good: an object with its name will be another one");
        }
        for file in credentials.written {
            tracing::info!("wrote {}", self.engine.folder().file(&file).display());
        }
        for file in credentials.removed {
            tracing::info!("removed {}", self.engine.folder().file(&file).display());
        }
        match serving {
            Some(Serving { issuers, applications, users, ignored }) if !issuers.is_empty() => tracing::info!(
                "serving {} (applications: {applications}, users: {users}, manifests of other kinds: {ignored}); state in {}",
                issuers.join(", "),
                self.engine.folder().path().display()
            ),
            Some(_) => tracing::warn!(
                "serving nothing: the OidcProvider {} is refused or gone; see what was said about it",
                self.engine.provider()
            ),
            None => {}
        }
        let wait = next.map(|next| u64::try_from(next.saturating_sub((self.clock)())).unwrap_or_default().max(1));
        wait.map_or(LONGEST_SLEEP, |seconds| Duration::from_secs(seconds).min(LONGEST_SLEEP))
    }
}

#[cfg(test)]
mod tests;
