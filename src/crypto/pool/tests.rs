use std::sync::mpsc;
use std::task::Wake;
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::*;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<R>(pending: Pending<R>) -> Result<R, Lost> {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut pending = std::pin::pin!(pending);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if let Poll::Ready(result) = pending.as_mut().poll(&mut Context::from_waker(&waker)) {
            return result;
        }
        thread::park_timeout(Duration::from_secs(30));
    }
    panic!("nothing woke the waiting side");
}

/// A job that holds its thread until the sender is dropped or used, and tells when it has begun.
fn hold(pool: &PasswordPool) -> (mpsc::Sender<()>, Pending<()>) {
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let pending = pool
        .submit(move || {
            begin.send(()).unwrap();
            released.recv().unwrap_err();
        })
        .unwrap();
    begun.recv_timeout(Duration::from_secs(30)).unwrap();
    (release, pending)
}

#[test]
fn results_arrive() {
    let pool = PasswordPool::new(2, 100).unwrap();
    let pending: Vec<_> = (0..50).map(|n| pool.submit(move || n * 2).unwrap()).collect();
    for (n, pending) in pending.into_iter().enumerate() {
        assert_eq!(block_on(pending), Ok(n * 2));
    }
    assert_eq!(pool.depth(), 0);
}

#[test]
fn t_p34_a_full_queue_refuses() {
    let pool = PasswordPool::new(1, 2).unwrap();
    let (release, held) = hold(&pool);
    let queued = [pool.submit(|| 1).unwrap(), pool.submit(|| 2).unwrap()];
    assert_eq!(pool.depth(), 2);
    assert_eq!(pool.submit(|| 3).unwrap_err(), QueueFull);
    assert_eq!(format!("{pool:?}"), "PasswordPool { depth: 2, capacity: 2, .. }");
    drop(release);
    assert_eq!(block_on(held), Ok(()));
    assert_eq!(queued.map(block_on), [Ok(1), Ok(2)]);
    assert_eq!(block_on(pool.submit(|| 4).unwrap()), Ok(4));
}

#[test]
fn a_panic_loses_one_job_and_no_thread() {
    struct PanicsOnDrop;
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("expected by the test");
        }
    }
    let pool = PasswordPool::new(1, 10).unwrap();
    let panics = pool.submit(|| -> u8 { panic!("expected by the test") }).unwrap();
    assert_eq!(block_on(panics), Err(Lost));
    let (release, held) = hold(&pool);
    let value = PanicsOnDrop;
    drop(pool.submit(move || drop(value)).unwrap());
    drop(release);
    assert_eq!(block_on(held), Ok(()));
    assert_eq!(block_on(pool.submit(|| 7).unwrap()), Ok(7));
}

#[test]
fn a_job_that_nobody_awaits_is_skipped() {
    let pool = PasswordPool::new(1, 10).unwrap();
    let (release, held) = hold(&pool);
    let (ran, runs) = mpsc::channel();
    drop(pool.submit(move || ran.send(()).unwrap()).unwrap());
    drop(release);
    assert_eq!(block_on(held), Ok(()));
    assert_eq!(block_on(pool.submit(|| ()).unwrap()), Ok(()));
    assert!(runs.try_recv().is_err());
}

#[test]
fn dropping_the_pool_loses_queued_jobs_and_ends_the_threads() {
    let pool = PasswordPool::new(1, 10).unwrap();
    let (release, held) = hold(&pool);
    let queued = pool.submit(|| 1).unwrap();
    let queue = Arc::downgrade(&pool.queue);
    drop(pool);
    assert_eq!(block_on(queued), Err(Lost));
    drop(release);
    assert_eq!(block_on(held), Ok(()), "the job at hand is finished");
    for _ in 0..1000 {
        if queue.upgrade().is_none() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("a thread is still there");
}

#[test]
fn zero_means_one() {
    let pool = PasswordPool::new(0, 0).unwrap();
    assert_eq!(block_on(pool.submit(|| 5).unwrap()), Ok(5));
}
