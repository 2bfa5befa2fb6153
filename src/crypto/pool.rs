//! A few threads for password hashes, and a short queue before them.
//!
//! Hashing is slow on purpose. On threads of its own it cannot delay token requests, the number of threads bounds the
//! memory in use, and a full queue tells the caller to answer "try again later" instead of letting a login storm pile
//! up.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::{fmt, io, thread};

type Job = Box<dyn FnOnce() + Send>;

/// The threads. Dropping the pool ends them after the job at hand; jobs still queued are lost.
pub struct PasswordPool {
    queue: Arc<Queue>,
    capacity: usize,
}

/// The queue has no room: answer "try again later".
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the password queue is full")]
pub struct QueueFull;

/// The job will give no result: it panicked, or the pool was dropped before it began.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the password job was lost")]
pub struct Lost;

/// The result of a job, to be awaited. Dropping it before the job has begun cancels the job, so that a client that has
/// gone away costs nothing.
#[must_use = "dropping it cancels the job"]
pub struct Pending<R>(Arc<Mutex<Slot<R>>>);

enum Slot<R> {
    Waiting(Option<Waker>),
    Done(Result<R, Lost>),
    /// The result was taken, or nobody wants it any more.
    Closed,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl PasswordPool {
    /// Starts the threads (at least one); up to `queue_capacity` jobs (at least one) wait for them. Fails if the
    /// operating system gives no thread.
    pub fn new(threads: usize, queue_capacity: usize) -> io::Result<Self> {
        let pool = Self { queue: Arc::default(), capacity: queue_capacity.max(1) };
        for number in 0..threads.max(1) {
            let queue = Arc::clone(&pool.queue);
            thread::Builder::new().name(format!("password-{number}")).spawn(move || queue.work())?;
        }
        Ok(pool)
    }

    /// Queues a job.
    pub fn submit<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> Result<Pending<R>, QueueFull> {
        let mut state = lock(&self.queue.state);
        if state.jobs.len() >= self.capacity {
            return Err(QueueFull);
        }
        let slot = Arc::new(Mutex::new(Slot::Waiting(None)));
        let finish = Finish(Arc::clone(&slot));
        state.jobs.push_back(Box::new(move || {
            if finish.is_wanted() {
                finish.give(Ok(job()));
            }
        }));
        drop(state);
        self.queue.ready.notify_one();
        Ok(Pending(slot))
    }

    /// How many jobs may wait.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Jobs that wait for a thread now; for a metric.
    pub fn depth(&self) -> usize {
        lock(&self.queue.state).jobs.len()
    }
}

impl Drop for PasswordPool {
    fn drop(&mut self) {
        let mut state = lock(&self.queue.state);
        state.closed = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        self.queue.ready.notify_all();
        // Outside the lock: dropping a job wakes whoever awaits it.
        drop(jobs);
    }
}

impl fmt::Debug for PasswordPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPool")
            .field("depth", &self.depth())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl Queue {
    fn work(&self) {
        while let Some(job) = self.next() {
            // A job owns what it works on, so whatever a panic leaves half done is dropped with it; and as its end of
            // the slot is dropped too, whoever waits is told.
            drop(catch_unwind(AssertUnwindSafe(job)));
        }
    }

    fn next(&self) -> Option<Job> {
        let idle = |state: &mut State| state.jobs.is_empty() && !state.closed;
        let mut state = self.ready.wait_while(lock(&self.state), idle).unwrap_or_else(PoisonError::into_inner);
        state.jobs.pop_front()
    }
}

impl<R> Future for Pending<R> {
    type Output = Result<R, Lost>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = lock(&self.0);
        match std::mem::replace(&mut *slot, Slot::Closed) {
            Slot::Done(result) => Poll::Ready(result),
            Slot::Waiting(_) => {
                *slot = Slot::Waiting(Some(context.waker().clone()));
                Poll::Pending
            }
            Slot::Closed => Poll::Ready(Err(Lost)),
        }
    }
}

impl<R> Drop for Pending<R> {
    fn drop(&mut self) {
        let last = std::mem::replace(&mut *lock(&self.0), Slot::Closed);
        // Outside the lock: a result may have a destructor of its own.
        drop(last);
    }
}

impl<R> fmt::Debug for Pending<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// The job's end of the slot. If it is dropped unused, the job is lost and whoever waits is told.
struct Finish<R>(Arc<Mutex<Slot<R>>>);

impl<R> Finish<R> {
    fn is_wanted(&self) -> bool {
        !matches!(*lock(&self.0), Slot::Closed)
    }

    fn give(&self, result: Result<R, Lost>) {
        let mut slot = lock(&self.0);
        let waker = match &mut *slot {
            Slot::Waiting(waker) => waker.take(),
            Slot::Done(_) | Slot::Closed => return,
        };
        *slot = Slot::Done(result);
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<R> Drop for Finish<R> {
    fn drop(&mut self) {
        self.give(Err(Lost));
    }
}

/// Every change under these locks is one assignment, so a panic of another holder leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
