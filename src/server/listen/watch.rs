//! Slow and silent peers. A connection is given up when a head does not arrive in time, counted from its first octet, when
//! an answer is not fetched in time, or when nothing happens on it for longer than a proxy keeps one in store. Requests at
//! work have deadlines of their own.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Version;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::Instant;

/// The time in which a head must have arrived, and in which a new connection must send its first.
const HEAD: Duration = Duration::from_secs(10);

/// How long a connection may be idle between requests: longer than the usual proxies keep one, so that it is the proxy
/// that closes and no request is sent into a closing connection.
const IDLE: Duration = Duration::from_secs(75);

/// The time in which an answer must have been fetched: they are small, so that whoever needs more has gone, or wants us to
/// keep it.
const ANSWER: Duration = Duration::from_secs(30);

/// What happens on one connection.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests at work.
    requests: usize,
    /// Answers on their way, in their order, and when each must have gone.
    answers: BTreeMap<u64, Instant>,
    /// The number of the next answer.
    next_answer: u64,
    /// When the connection is given up, unless requests are at work.
    deadline: Instant,
    /// Whether a head is on its way.
    reading: bool,
    /// HTTP/2 has frames that belong to no request, so octets do not mean that a head is on its way.
    http2: bool,
}

/// A request at work; dropping it says that it was given up.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

/// An answer on its way; dropping it says that it was sent.
#[derive(Debug)]
pub(super) struct Answering {
    activity: Arc<Activity>,
    number: u64,
}

impl Activity {
    /// A connection that was just opened.
    pub(super) fn new() -> Arc<Self> {
        let deadline = Instant::now() + HEAD;
        let answers = BTreeMap::new();
        let state = State { requests: 0, answers, next_answer: 0, deadline, reading: true, http2: false };
        Arc::new(Self(Mutex::new(state)))
    }

    /// A request's head has arrived.
    pub(super) fn request(self: &Arc<Self>, version: Version) -> Busy {
        let mut state = self.lock();
        state.requests += 1;
        state.reading = false;
        state.http2 = version == Version::HTTP_2;
        drop(state);
        Busy(Arc::clone(self))
    }

    /// Octets have arrived.
    fn octets(&self) {
        let mut state = self.lock();
        if state.is_busy() {
            return;
        }
        // Frames of HTTP/2 buy no time: a peer that only answers pings is idle, and is closed like any other.
        if !state.http2 && !state.reading {
            state.reading = true;
            state.deadline = Instant::now() + HEAD;
        }
    }

    /// Returns when the connection is to be given up.
    pub(super) async fn expired(&self) {
        loop {
            let now = Instant::now();
            let (deadline, busy) = {
                let state = self.lock();
                if state.is_unfetched(now) {
                    return;
                }
                (state.deadline, state.is_busy())
            };
            if busy {
                // Looked at again after a while: whatever deadline follows is not sooner than that.
                tokio::time::sleep(HEAD).await;
            } else if deadline <= now {
                return;
            } else {
                // The deadline may come nearer while this sleeps, from idle to reading, but never nearer than `HEAD`.
                tokio::time::sleep_until(deadline.min(now + HEAD)).await;
            }
        }
    }

    /// Whether a head is on its way, or an answer: what is given up then is not idle, and has no claim to a farewell.
    pub(super) fn is_stuck(&self) -> bool {
        let state = self.lock();
        state.reading || state.is_unfetched(Instant::now())
    }

    /// Every change under the lock is one of plain values.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether there is something to do, or to send.
    fn is_busy(&self) -> bool {
        self.requests > 0 || !self.answers.is_empty()
    }

    /// Whether an answer has waited for too long.
    fn is_unfetched(&self, now: Instant) -> bool {
        self.answers.first_key_value().is_some_and(|(_, deadline)| *deadline <= now)
    }
}

impl Busy {
    /// It was answered: the answer is now on its way.
    pub(super) fn answered(self) -> Answering {
        let mut state = self.0.lock();
        let number = state.next_answer;
        state.next_answer += 1;
        state.answers.insert(number, Instant::now() + ANSWER);
        drop(state);
        Answering { activity: Arc::clone(&self.0), number }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.requests = state.requests.saturating_sub(1);
        state.deadline = Instant::now() + IDLE;
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.activity.lock();
        state.answers.remove(&self.number);
        state.deadline = Instant::now() + IDLE;
    }
}

/// A socket that says when octets arrive.
#[derive(Debug)]
pub(super) struct Watched<T> {
    inner: T,
    activity: Arc<Activity>,
}

impl<T> Watched<T> {
    /// Watches a socket.
    pub(super) fn new(inner: T, activity: Arc<Activity>) -> Self {
        Self { inner, activity }
    }
}

impl<T: Read + Unpin> Read for Watched<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(context, buf);
        if read.is_ready() {
            self.activity.octets();
        }
        read
    }
}

impl<T: Write + Unpin> Write for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, bufs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the connection is still kept after this long.
    async fn kept(activity: &Activity, after: Duration) -> bool {
        tokio::time::timeout(after, activity.expired()).await.is_err()
    }

    const MOMENT: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_must_send_a_head_soon() {
        let activity = Activity::new();
        assert!(kept(&activity, HEAD.saturating_sub(MOMENT)).await);
        activity.octets();
        assert!(!kept(&activity, MOMENT * 2).await, "octets buy no time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_used_may_idle() {
        let activity = Activity::new();
        drop(activity.request(Version::HTTP_11));
        assert!(kept(&activity, IDLE.saturating_sub(MOMENT)).await);
        assert!(!kept(&activity, MOMENT * 2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_must_be_fetched_whatever_else_is_done() {
        let activity = Activity::new();
        let (first, at_work) = (activity.request(Version::HTTP_2).answered(), activity.request(Version::HTTP_2));
        assert!(kept(&activity, ANSWER / 2).await);
        let second = activity.request(Version::HTTP_2).answered();
        drop(first);
        assert!(kept(&activity, ANSWER.saturating_sub(MOMENT)).await);
        drop(activity.request(Version::HTTP_2).answered());
        assert!(!kept(&activity, HEAD).await, "others that were fetched do not excuse it");
        assert!(activity.is_stuck());
        drop((second, at_work));
        assert!(kept(&activity, IDLE.saturating_sub(MOMENT)).await && !activity.is_stuck());
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_head_has_its_time_from_its_first_octet() {
        let activity = Activity::new();
        drop(activity.request(Version::HTTP_11));
        assert!(kept(&activity, IDLE / 2).await);
        activity.octets();
        assert!(kept(&activity, HEAD.saturating_sub(MOMENT)).await);
        activity.octets();
        assert!(!kept(&activity, MOMENT * 2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_of_http2_are_no_heads() {
        let activity = Activity::new();
        drop(activity.request(Version::HTTP_2));
        assert!(kept(&activity, IDLE / 2).await);
        activity.octets();
        assert!(kept(&activity, (IDLE / 2).saturating_sub(MOMENT)).await, "they end nothing early");
        activity.octets();
        assert!(!kept(&activity, MOMENT * 2).await, "and buy no time: a peer that only answers pings is idle");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_at_work_keeps_the_connection() {
        let activity = Activity::new();
        let (one, other) = (activity.request(Version::HTTP_2), activity.request(Version::HTTP_2));
        assert!(kept(&activity, IDLE * 3).await);
        drop(one);
        assert!(kept(&activity, IDLE * 3).await);
        drop(other);
        assert!(!kept(&activity, IDLE + HEAD).await);
    }
}
