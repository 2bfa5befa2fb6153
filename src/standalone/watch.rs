//! Notices edits by looking: a `stat` of every file a few times per second works on every kind of mount, where
//! notifications do not, and costs next to nothing.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::manifests::walk::{Listing, list};

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(300);

/// A folder with very many files is looked at so often that looking takes a tenth of the time, but at least this often.
const LONGEST_INTERVAL: Duration = Duration::from_millis(600);

/// How long files have to be left alone after a change, so that a file that is half written is not read.
const QUIET: Duration = Duration::from_millis(100);

/// Files that are changed all the time are read nevertheless after so many quiet times.
const MOST_WAITS: usize = 4;

/// Sends after each change of a manifest below the paths, until the receiver is dropped. Changes that come before the
/// receiver has looked are one. What is read after this returns is either what was there then, or a change.
pub async fn watch(roots: Vec<PathBuf>) -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    let first = look(&roots).await;
    tokio::spawn(async move {
        let Some(mut before) = first else { return };
        let mut interval = INTERVAL;
        while !sender.is_closed() {
            sleep(interval).await;
            let start = Instant::now();
            let Some(mut now) = look(&roots).await else { return };
            interval = (start.elapsed() * 10).clamp(INTERVAL, LONGEST_INTERVAL);
            if now == before {
                continue;
            }
            for _ in 0..MOST_WAITS {
                sleep(QUIET).await;
                let Some(later) = look(&roots).await else { return };
                if later == now {
                    break;
                }
                now = later;
            }
            before = now;
            // A full channel means that the receiver will look anyway.
            if let Err(mpsc::error::TrySendError::Closed(())) = sender.try_send(()) {
                return;
            }
        }
    });
    receiver
}

/// `None` when the runtime is shutting down.
async fn look(roots: &[PathBuf]) -> Option<Listing> {
    let roots = roots.to_vec();
    tokio::task::spawn_blocking(move || list(&roots)).await.ok()
}

#[cfg(test)]
mod tests;
