//! The only thread that writes. It gathers what is waiting into one transaction, and answers after its COMMIT: the
//! price of making a write durable is shared by all who wait for it.

use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::fault::Fault;

/// Operations that wait for the writer at the most; further callers wait for a place.
const QUEUE: usize = 1024;
/// Operations in one transaction at the most.
const BATCH: usize = 512;
/// A transaction that takes longer is worth a warning.
const SLOW: Duration = Duration::from_secs(1);

/// A handle on the thread. Dropping it waits until everything queued is written.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Operation>>>,
    thread: Option<JoinHandle<Result<(), Fault>>>,
}

/// What the thread owns. The order matters: the lock on the file goes after the connection.
struct Owned {
    connection: Connection,
    lock: File,
}

impl Writer {
    /// Starts the thread; the lock is held until the connection is closed.
    pub(super) fn start(connection: Connection, lock: File) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let owned = Owned { connection, lock };
        let thread =
            std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || serve(owned, waiting))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Whether the thread still takes operations.
    pub(super) fn is_alive(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_closed())
    }

    /// Runs `work` inside a transaction, and answers when that is durable. `work` must leave nothing behind when it
    /// fails: it is one statement, or wrapped in [`wholly`].
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let operation = Box::new(Pending { work: Some(work), outcome: None, reply });
        self.queue.as_ref().ok_or(Fault::Gone)?.send(operation).await.map_err(|_| Fault::Gone)?;
        answer.await.map_err(|_| Fault::Gone)?
    }

    /// Writes what is queued, folds the log into the database file, and waits for the thread's end. Blocks.
    pub(super) fn stop(&mut self) -> Result<(), Fault> {
        drop(self.queue.take());
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or(Err(Fault::Gone)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(fault) = self.stop() {
            tracing::error!(error = %fault, "the database was not closed in order; what was acknowledged is in its log");
        }
    }
}

/// Runs several statements as one, inside the transaction of a batch: all of them, or none.
pub(super) fn wholly<T>(connection: &Connection, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    connection.prepare_cached("SAVEPOINT wholly")?.execute(())?;
    let outcome = work();
    if connection.is_autocommit() {
        // The failure took the whole transaction along, and the savepoint with it.
        return outcome;
    }
    if outcome.is_err() && connection.prepare_cached("ROLLBACK TO wholly")?.execute(()).is_err() {
        // Better lose the batch than keep a half of this operation.
        connection.execute_batch("ROLLBACK")?;
        return outcome;
    }
    connection.prepare_cached("RELEASE wholly")?.execute(())?;
    outcome
}

/// One queued operation, whatever it answers with.
trait Operation: Send {
    /// Does the work inside the open transaction and keeps the outcome.
    fn run(&mut self, connection: &Connection);
    /// Tells the caller, now that the fate of the transaction is known.
    fn answer(self: Box<Self>, fate: &Result<(), Arc<rusqlite::Error>>);
}

struct Pending<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, Fault>>,
    reply: oneshot::Sender<Result<T, Fault>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T, Fault> + Send> Operation for Pending<T, F> {
    fn run(&mut self, connection: &Connection) {
        self.outcome = self.work.take().map(|work| work(connection));
    }

    fn answer(self: Box<Self>, fate: &Result<(), Arc<rusqlite::Error>>) {
        let Self { work: _, outcome, reply } = *self;
        let answer = match (outcome, fate) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(lost)) => Err(Fault::RolledBack(lost.clone())),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(Fault::Gone),
        };
        // A caller that went away has no use for the answer.
        drop(reply.send(answer));
    }
}

/// The thread's life: until every handle on the queue is gone.
fn serve(owned: Owned, mut waiting: mpsc::Receiver<Box<dyn Operation>>) -> Result<(), Fault> {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.blocking_recv_many(&mut batch, BATCH) > 0 {
        let began = Instant::now();
        let fate = commit(&owned.connection, &mut batch).map_err(Arc::new);
        let took = began.elapsed();
        if took >= SLOW {
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(operations = batch.len(), took_ms = millis, "a commit was slow; is the disk overloaded?");
        }
        if let Err(error) = &fate {
            tracing::error!(operations = batch.len(), %error, "a transaction was rolled back");
        }
        for operation in batch.drain(..) {
            operation.answer(&fate);
        }
    }
    // Here too the connection goes first: what is bound last is dropped first.
    let Owned { lock: _lock, connection } = owned;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
    Ok(connection.close().map_err(|(_, error)| error)?)
}

/// Runs a batch in one transaction. An operation that fails takes back its own changes only; an error here means that
/// nothing of the whole batch was kept.
fn commit(connection: &Connection, batch: &mut [Box<dyn Operation>]) -> rusqlite::Result<()> {
    if !connection.is_autocommit() {
        // An earlier rollback failed.
        connection.execute_batch("ROLLBACK")?;
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    for operation in batch {
        operation.run(connection);
        if connection.is_autocommit() {
            // SQLite gave up the transaction by itself, as it does when the disk is full: nothing may follow in it.
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK),
                None,
            ));
        }
    }
    transaction.commit()
}
