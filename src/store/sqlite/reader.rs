//! A few threads that read, each on a connection of its own. They never wait for the writer, nor it for them.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::fault::Fault;

/// Reads that wait for a thread at the most; further callers wait for a place.
const QUEUE: usize = 1024;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// A handle on the threads. Dropping it waits for their end.
#[derive(Debug)]
pub(super) struct Readers {
    queue: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts a thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        let start = |connection| {
            let waiting = waiting.clone();
            std::thread::Builder::new().name("store-reader".to_owned()).spawn(move || serve(&connection, &waiting))
        };
        let threads = connections.into_iter().map(start).collect::<std::io::Result<_>>()?;
        Ok(Self { queue: Some(queue), threads })
    }

    /// Runs `work`, which sees everything that was acknowledged before this call.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        // A caller that went away has no use for the answer.
        let read = Box::new(move |connection: &Connection| drop(reply.send(work(connection))));
        self.queue.as_ref().ok_or(Fault::Gone)?.send(read).await.map_err(|_| Fault::Gone)?;
        answer.await.map_err(|_| Fault::Gone)?
    }

    /// Waits for the threads' end. Blocks.
    pub(super) fn stop(&mut self) {
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that reads the database had ended by a panic");
            }
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(connection: &Connection, waiting: &Mutex<mpsc::Receiver<Read>>) {
    loop {
        // The lock is held while waiting for work, never while doing it, so no panic can leave a queue half changed.
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        match next {
            Some(read) => read(connection),
            None => return,
        }
    }
}
