//! The loop, against a service that answers as the API server would.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use http::{Method, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use super::super::{Leadership, run};
use super::*;

/// Short, but a busy machine must not lose it.
const LEASE: Duration = Duration::from_secs(2);

#[derive(Clone, Default)]
struct Server {
    store: Arc<Mutex<Store>>,
    /// Takes requests and says nothing.
    silent: Arc<AtomicBool>,
}

impl Server {
    fn client(&self) -> kube::Client {
        let server = self.clone();
        let service = service_fn(move |request: http::Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        kube::Client::new(service, "ns")
    }

    async fn answer(&self, request: http::Request<Body>) -> Response<Body> {
        if self.silent.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
        let (head, body) = request.into_parts();
        let path = "/apis/coordination.k8s.io/v1/namespaces/ns/leases";
        let named = format!("{path}/portcullis");
        let body = body.collect().await.unwrap().to_bytes();
        let request = match (head.method, head.uri.path()) {
            (Method::GET, path) if path == named => Request::Read,
            (Method::POST, asked) if asked == path => Request::Create(serde_json::from_slice(&body).unwrap()),
            (Method::PUT, path) if path == named => Request::Replace(serde_json::from_slice(&body).unwrap()),
            other => panic!("{other:?}"),
        };
        let (code, body) = match self.store.lock().unwrap().handle(&request) {
            Answer::Absent => (404, status(404, "NotFound")),
            Answer::Conflict => {
                (409, status(409, if matches!(request, Request::Create(_)) { "AlreadyExists" } else { "Conflict" }))
            }
            Answer::Read(lease) | Answer::Written(lease) => (200, serde_json::to_vec(&lease).unwrap()),
            Answer::Failed => (500, status(500, "InternalError")),
        };
        Response::builder().status(code).body(Body::from(body)).unwrap()
    }

    fn start(&self, identity: &str) -> Candidate {
        let leadership = Leadership::elected();
        let shutdown = CancellationToken::new();
        let settings = Settings::new("ns", "portcullis", identity, LEASE);
        let task = tokio::spawn(run(self.client(), settings, leadership.clone(), wall, shutdown.clone()));
        Candidate { leadership, shutdown, task }
    }

    fn holder(&self) -> Option<String> {
        self.store.lock().unwrap().spec().holder_identity
    }
}

fn status(code: u16, reason: &str) -> Vec<u8> {
    serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": reason, "metadata": {}})
    .to_string()
    .into_bytes()
}

/// A wall clock that stands still.
fn wall() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

struct Candidate {
    leadership: Leadership,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Candidate {
    async fn told(&self, leads: bool) {
        let mut told = self.leadership.subscribe();
        timeout(10 * SECOND, told.wait_for(|told| *told == leads)).await.unwrap().unwrap();
        assert_eq!(self.leadership.leads(), leads);
    }
}

#[tokio::test]
async fn who_wins_leads_and_who_is_shut_down_gives_it_back() {
    let server = Server::default();
    let first = server.start("first");
    first.told(true).await;
    let second = server.start("second");
    // Longer than the lease: it is renewed.
    tokio::time::sleep(LEASE * 3 / 2).await;
    assert!(first.leadership.leads() && !second.leadership.leads());
    assert_eq!(server.holder().as_deref(), Some("first"));
    first.shutdown.cancel();
    first.task.await.unwrap();
    assert!(!first.leadership.leads());
    // The next look comes sooner than the lease would have expired.
    timeout(LEASE / 2, second.told(true)).await.unwrap();
    assert_eq!(server.holder().as_deref(), Some("second"));
    second.task.abort();
    assert!(second.task.await.unwrap_err().is_cancelled());
    assert!(!second.leadership.leads());
}

#[tokio::test]
async fn when_nothing_answers_leading_ends_before_the_lease_expires() {
    let server = Server::default();
    let only = server.start("only");
    only.told(true).await;
    let silent = Instant::now();
    server.silent.store(true, Ordering::SeqCst);
    only.told(false).await;
    assert!(silent.elapsed() < LEASE, "{:?}", silent.elapsed());
    server.silent.store(false, Ordering::SeqCst);
    only.told(true).await;
    server.silent.store(true, Ordering::SeqCst);
    // And shutting down does not hang.
    only.shutdown.cancel();
    timeout(LEASE, only.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_always_leads_was_told_so() {
    let leadership = Leadership::always();
    assert!(leadership.leads());
    assert!(*leadership.subscribe().borrow());
}
