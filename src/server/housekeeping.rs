//! Deletes what is of no use any more: expired codes, sessions and families.

use std::time::Duration;

use store::Store;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// Time between two rounds.
const INTERVAL: Duration = Duration::from_mins(1);

/// The same where a round has left something: rows must not come faster than they go.
const BACKLOG_INTERVAL: Duration = Duration::from_secs(1);

/// Rows of each table that one transaction deletes: few enough that a request which waits for it does not notice.
const BATCH: u32 = 500;

/// Batches of one round. A backlog is worked off over several, so that deleting never becomes what the store does most.
const ROUNDS: u32 = 100;

/// Purges the store every minute, until told to stop.
pub(crate) async fn run(store: &dyn Store, clock: &dyn Clock, shutdown: &CancellationToken) {
    let mut interval = INTERVAL;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = clock.sleep(interval) => {}
        }
        interval = purge(store, clock, shutdown).await;
    }
}

/// One round; answers when the next one is due.
async fn purge(store: &dyn Store, clock: &dyn Clock, shutdown: &CancellationToken) -> Duration {
    for _ in 0..ROUNDS {
        if shutdown.is_cancelled() {
            return INTERVAL;
        }
        match store.purge(clock.now(), BATCH).await {
            Ok(0) => return INTERVAL,
            Ok(rows) => tracing::debug!(rows, "purged expired rows"),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(cause, "{error}; the next round tries again");
                return INTERVAL;
            }
        }
        tokio::task::yield_now().await;
    }
    BACKLOG_INTERVAL
}

#[cfg(test)]
mod tests {
    use oidc::ids::SessionId;
    use oidc::records::SessionRecord;
    use store::memory::Memory;

    use super::*;
    use crate::session;
    use crate::testing::{self, FixedClock};

    #[tokio::test]
    async fn what_has_expired_goes_however_much_it_is() {
        let (store, clock) = (Memory::new(), FixedClock::default());
        let realm = testing::realm();
        let begin = |number: u128| -> SessionRecord {
            let fresh = oidc::opaque::Opaque::new(uuid::Uuid::from_u128(number), [1; 32]);
            session::begin(&realm, &testing::account(), &fresh, testing::NOW)
        };
        let all = u128::from(BATCH * ROUNDS) + 1;
        for number in 1..=all {
            store.open_session(&begin(number), None).await.unwrap();
        }
        let last = SessionId::new(uuid::Uuid::from_u128(all));
        assert_eq!(purge(&store, &clock, &CancellationToken::new()).await, INTERVAL);
        assert!(store.find_session(last).await.unwrap().is_some(), "nothing has expired yet");
        clock.advance(7200);
        assert_eq!(
            purge(&store, &clock, &CancellationToken::new()).await,
            BACKLOG_INTERVAL,
            "more than one round can do"
        );
        assert_eq!(purge(&store, &clock, &CancellationToken::new()).await, INTERVAL);
        assert!(store.find_session(last).await.unwrap().is_none());
    }
}
