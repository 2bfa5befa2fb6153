//! How a process is told to end.

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Cancels at SIGTERM and SIGINT. A second one ends the process at once: the state is whole at any moment.
pub(super) fn signals(shutdown: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        tracing::info!("stopping: requests in progress are finished first");
        shutdown.cancel();
        next().await;
        std::process::exit(1);
    })
}

/// Spawns a part without which the rest must not go on: the rest is told to end however it ends, by a panic too.
pub(super) fn spawn_vital<T: Send + 'static>(
    shutdown: &CancellationToken,
    part: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let ends = shutdown.clone().drop_guard();
    tokio::spawn(async move {
        let _ends = ends;
        part.await
    })
}

/// Does `part` of what a process does; the rest is told to end when it has ended.
pub(super) async fn then_cancel<T>(shutdown: &CancellationToken, part: impl Future<Output = T>) -> T {
    let ended = part.await;
    shutdown.cancel();
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_ends_the_rest() {
        let shutdown = CancellationToken::new();
        let part = spawn_vital(&shutdown, async { panic!("a bug") });
        shutdown.cancelled().await;
        assert!(part.await.is_err());
    }
}
