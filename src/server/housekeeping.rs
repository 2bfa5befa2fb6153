//! Deletes what is of no use any more: expired codes, sessions and families.

use std::time::Duration;

use store::Store;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// Time between two rounds.
const INTERVAL: Duration = Duration::from_mins(1);

/// Rows of each table that one transaction deletes: few enough that a request which waits for it does not notice.
const BATCH: u32 = 500;

/// Batches of one round. A backlog is worked off over several, so that deleting never becomes what the store does most.
const ROUNDS: u32 = 100;

/// Purges the store every minute, until told to stop.
pub(crate) async fn run(store: &dyn Store, clock: &dyn Clock, shutdown: &CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = clock.sleep(INTERVAL) => {}
        }
        purge(store, clock, shutdown).await;
    }
}

async fn purge(store: &dyn Store, clock: &dyn Clock, shutdown: &CancellationToken) {
    for _ in 0..ROUNDS {
        if shutdown.is_cancelled() {
            return;
        }
        match store.purge(clock.now(), BATCH).await {
            Ok(0) => return,
            Ok(rows) => tracing::debug!(rows, "purged expired rows"),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(cause, "{error}; the next round tries again");
                return;
            }
        }
        tokio::task::yield_now().await;
    }
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
        for number in 1..=1200 {
            store.open_session(&begin(number), None).await.unwrap();
        }
        let last = SessionId::new(uuid::Uuid::from_u128(1200));
        purge(&store, &clock, &CancellationToken::new()).await;
        assert!(store.find_session(last).await.unwrap().is_some(), "nothing has expired yet");
        clock.advance(7200);
        purge(&store, &clock, &CancellationToken::new()).await;
        assert!(store.find_session(last).await.unwrap().is_none());
    }
}
