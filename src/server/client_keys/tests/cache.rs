use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use oidc::client::{ClientKeys, PrivateAddresses, PublishedKeys};
use tokio::sync::Semaphore;

use super::{keys, published};
use crate::client_keys::{ClientKeyCache, FetchError, FetchKeys, Fetched};
use crate::metrics::Metrics;
use crate::testing::{FixedClock, captured};

/// A host of many addresses that does as it is told.
struct Scripted {
    outcome: Mutex<Result<Fetched, FetchError>>,
    fetches: AtomicUsize,
    /// Answers that may be given.
    allowed: Arc<Semaphore>,
}

impl FetchKeys for Scripted {
    fn fetch(&self, _from: &PublishedKeys) -> BoxFuture<'static, Result<Fetched, FetchError>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let (outcome, allowed) = (self.outcome.lock().unwrap().clone(), Arc::clone(&self.allowed));
        Box::pin(async move {
            allowed.acquire().await.unwrap().forget();
            outcome
        })
    }
}

struct World {
    host: Arc<Scripted>,
    clock: FixedClock,
    metrics: Metrics,
    cache: Arc<ClientKeyCache>,
}

const URI: &str = "https://keys.example.com/jwks.json";

impl World {
    fn new() -> Self {
        let outcome = Ok(Fetched { keys: keys(), max_age: None });
        let allowed = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let host = Arc::new(Scripted { outcome: Mutex::new(outcome), fetches: AtomicUsize::new(0), allowed });
        let (clock, metrics) = (FixedClock::default(), Metrics::new());
        let cache = Arc::new(ClientKeyCache::new(host.clone(), Arc::new(clock.clone()), metrics.key_fetches()));
        Self { host, clock, metrics, cache }
    }

    /// One whose host answers nobody until [`World::answer`].
    fn silent() -> Self {
        let world = Self::new();
        world.host.allowed.forget_permits(Semaphore::MAX_PERMITS);
        world
    }

    fn answer(&self) {
        self.host.allowed.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn says(&self, max_age: Option<u64>) {
        let max_age = max_age.map(Duration::from_secs);
        *self.host.outcome.lock().unwrap() = Ok(Fetched { keys: keys(), max_age });
    }

    fn fails(&self) {
        *self.host.outcome.lock().unwrap() = Err(FetchError::Status(503));
    }

    /// Whether there are keys, and how often the host was asked so far.
    async fn find(&self, suits: bool) -> (bool, usize) {
        self.find_at(URI, suits).await
    }

    async fn find_at(&self, uri: &str, suits: bool) -> (bool, usize) {
        let found = self.cache.find(&published(uri), |_: &ClientKeys| suits).await;
        (found.is_some(), self.host.fetches.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn an_answer_counts_for_as_long_as_it_says_within_bounds() {
    for (max_age, seconds) in
        [(None, 300), (Some(0), 60), (Some(59), 60), (Some(61), 61), (Some(3600), 3600), (Some(86_400), 3600)]
    {
        let world = World::new();
        world.says(max_age);
        assert_eq!(world.find(true).await, (true, 1));
        world.clock.advance(seconds - 1);
        assert_eq!(world.find(true).await, (true, 1), "{max_age:?}");
        world.clock.advance(1);
        assert_eq!(world.find(true).await, (true, 2), "{max_age:?}");
    }
}

#[tokio::test]
async fn t_p32_a_flood_of_unknown_keys_is_two_fetches_a_minute() {
    let world = World::new();
    assert_eq!(world.find(false).await, (true, 1), "judged by what there is");
    for _ in 0..100 {
        assert_eq!(world.find(false).await, (true, 1));
    }
    world.clock.advance(29);
    assert_eq!(world.find(false).await, (true, 1));
    world.clock.advance(1);
    assert_eq!(world.find(false).await, (true, 2), "the key may be new");
    assert_eq!(world.find(false).await, (true, 2));
    assert_eq!(world.find(true).await, (true, 2), "nobody else notices");
}

#[tokio::test]
async fn t_p32_a_failure_is_remembered() {
    let world = World::new();
    world.fails();
    for _ in 0..100 {
        assert_eq!(world.find(true).await, (false, 1));
    }
    world.clock.advance(9);
    assert_eq!(world.find(true).await, (false, 1));
    world.clock.advance(1);
    assert_eq!(world.find(true).await, (false, 2));
    world.clock.advance(10);
    world.says(None);
    assert_eq!(world.find(true).await, (true, 3), "it is up again");
}

#[tokio::test]
async fn what_a_host_said_before_it_went_down_counts_for_an_hour_more() {
    let world = World::new();
    assert_eq!(world.find(true).await, (true, 1));
    world.fails();
    world.clock.advance(300);
    assert_eq!(world.find(true).await, (true, 2), "asked, in vain");
    assert_eq!(world.find(true).await, (true, 2));
    assert_eq!(world.find(false).await, (true, 2), "an unknown key is unknown");
    world.clock.advance(3599);
    assert!(world.find(true).await.0);
    world.clock.advance(1);
    assert!(!world.find(true).await.0, "it had its time");
    assert!(!world.find(false).await.0);
}

#[tokio::test]
async fn nobody_waits_for_a_host_to_fail_again() {
    let world = World::silent();
    let first = tokio::spawn({
        let cache = Arc::clone(&world.cache);
        async move { cache.find(&published(URI), |_: &ClientKeys| true).await.is_some() }
    });
    tokio::task::yield_now().await;
    assert!(!first.is_finished(), "the first has nothing else to go by");
    world.host.allowed.add_permits(1);
    assert!(first.await.unwrap());
    world.fails();
    world.clock.advance(300);
    world.host.allowed.add_permits(1);
    assert_eq!(world.find(true).await, (true, 2), "who asks first learns that it is down");
    world.clock.advance(10);
    let found = tokio::time::timeout(Duration::from_secs(5), world.find(true)).await;
    assert_eq!(found.unwrap(), (true, 3), "it is asked, and meanwhile the old keys count");
}

#[tokio::test]
async fn t_p32_of_64_at_once_one_fetches() {
    let world = World::silent();
    let asking = (0..64).map(|_| {
        let cache = Arc::clone(&world.cache);
        tokio::spawn(async move { cache.find(&published(URI), |_: &ClientKeys| true).await.is_some() })
    });
    let asking: Vec<_> = asking.collect();
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert!(asking.iter().all(|one| !one.is_finished()));
    assert_eq!(world.host.fetches.load(Ordering::SeqCst), 1);
    // The first of them hangs up, and the others get their answer all the same.
    let (first, others) = asking.split_first().unwrap();
    first.abort();
    world.answer();
    while !others.iter().all(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.find(true).await, (true, 1));
}

#[tokio::test]
async fn another_address_or_another_permission_is_another_matter() {
    let world = World::new();
    assert_eq!(world.find(true).await, (true, 1));
    assert_eq!(world.find_at("https://keys.example.com/new.json", true).await, (true, 2));
    let private = PublishedKeys { private_addresses: PrivateAddresses::Allowed, ..published(URI) };
    assert!(world.cache.find(&private, |_: &ClientKeys| true).await.is_some());
    assert_eq!(world.host.fetches.load(Ordering::SeqCst), 3);
    assert_eq!(world.find(true).await, (true, 3));
}

#[tokio::test(start_paused = true)]
async fn t_p32_fetches_at_once_are_bounded() {
    let world = World::silent();
    let uris: Vec<String> = (0..40).map(|number| format!("https://keys.example.com/{number}")).collect();
    let asking: Vec<_> = uris
        .iter()
        .map(|uri| {
            let (cache, from) = (Arc::clone(&world.cache), published(uri));
            tokio::spawn(async move { cache.find(&from, |_: &ClientKeys| true).await.is_some() })
        })
        .collect();
    // Those for whom there is no turn are told so before the others have their answer.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(asking.iter().filter(|one| one.is_finished()).count(), 8);
    world.answer();
    let found = join_all(asking).await.into_iter().filter(|found| *found.as_ref().unwrap()).count();
    assert_eq!(found, 32);
    let text = world.metrics.encode(0).unwrap();
    for line in [
        r#"portcullis_client_key_fetches_total{outcome="busy"} 8"#,
        r#"portcullis_client_key_fetches_total{outcome="success"} 32"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{text}");
    }
}

/// A fetch that dies is over, and does not begin again with every request.
#[tokio::test]
async fn a_fetch_that_dies_is_a_failure() {
    struct Dies(AtomicUsize);
    impl FetchKeys for Dies {
        fn fetch(&self, _from: &PublishedKeys) -> BoxFuture<'static, Result<Fetched, FetchError>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { panic!("as a test wants it") })
        }
    }
    let (dies, clock) = (Arc::new(Dies(AtomicUsize::new(0))), FixedClock::default());
    let cache = ClientKeyCache::new(dies.clone(), Arc::new(clock.clone()), Metrics::new().key_fetches());
    for _ in 0..3 {
        assert!(cache.find(&published(URI), |_: &ClientKeys| true).await.is_none());
    }
    assert_eq!(dies.0.load(Ordering::SeqCst), 1);
    clock.advance(10);
    assert!(cache.find(&published(URI), |_: &ClientKeys| true).await.is_none());
    assert_eq!(dies.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_failure_is_logged_with_its_reason_and_without_the_query() {
    let world = World::new();
    world.fails();
    let (lines, _) = captured(world.find_at("https://keys.example.com/a?key=s3cret", true)).await;
    let line = lines.iter().find(|line| line.contains("cannot fetch")).unwrap();
    for part in ["https://keys.example.com/a:", "reason=\"status\"", "the answer has the status 503, not 200"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(lines.iter().all(|line| !line.contains("s3cret")), "{lines:?}");
}
