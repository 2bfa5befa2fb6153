//! The loop: asks the election what to do, does it, and tells everybody who leads.

use std::future::Future;
use std::pin::pin;
use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::election::{Answer, Election, Request, Step};
use super::{Leadership, Settings};

/// Takes part in the election until `shutdown`, and then gives the lease back. `now` is the wall clock, for the times
/// in the lease.
///
/// Leading ends with `shutdown` at once, before the lease is given back: stop what writes no later than that. It ends
/// as well if this future is dropped, but then others wait for the lease to expire. To give back takes a request, and
/// no longer than four timeouts if nothing answers.
pub async fn run(
    client: kube::Client,
    settings: Settings,
    leadership: Leadership,
    now: fn() -> Timestamp,
    shutdown: CancellationToken,
) {
    let api = Api::namespaced(client, settings.namespace());
    let election = Election::new(settings.clone());
    let mut candidate = Candidate { settings, api, election, leadership, shutdown, leading: false, failing: false };
    loop {
        let answer = match candidate.election.next(Instant::now(), now()) {
            Step::Done => return,
            Step::Wait(wait) => {
                let shutdown = candidate.shutdown.clone();
                // Either end will do: the election says what is next.
                drop(candidate.watching(timeout(wait, shutdown.cancelled())).await);
                continue;
            }
            Step::Send(request) => candidate.request(request).await,
        };
        candidate.election.answer(Instant::now(), answer);
        candidate.tell();
    }
}

struct Candidate {
    settings: Settings,
    api: Api<Lease>,
    election: Election,
    leadership: Leadership,
    shutdown: CancellationToken,
    /// What was said last, so that it is said once.
    leading: bool,
    failing: bool,
}

impl Candidate {
    async fn request(&mut self, request: Request) -> Answer {
        let creates = matches!(request, Request::Create(_));
        let sent = send(self.api.clone(), self.settings.name().to_owned(), request);
        let answer = self.watching(timeout(self.settings.timeout(), sent)).await;
        let trouble = match answer {
            Ok(Ok(answer)) => {
                self.failing = false;
                return answer;
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => return Answer::Conflict,
            // To a creation it means that there is no namespace.
            Ok(Err(kube::Error::Api(status))) if status.code == 404 && !creates => return Answer::Absent,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {:?}", self.settings.timeout()),
        };
        if !std::mem::replace(&mut self.failing, true) {
            let (namespace, name) = (self.settings.namespace(), self.settings.name());
            tracing::warn!("the lease {namespace}/{name} cannot be read or written: {trouble}; this is tried again");
        }
        Answer::Failed
    }

    /// Waits for `work`, but not with the news that leading has ended, by time or by `shutdown`.
    async fn watching<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let shutdown = self.shutdown.clone();
        let mut standing = !self.election.is_retiring();
        loop {
            let until = self.election.leads_until().filter(|_| self.leading);
            tokio::select! {
                biased;
                () = shutdown.cancelled(), if standing => {
                    standing = false;
                    self.election.retire();
                    self.tell();
                }
                () = async { if let Some(until) = until { sleep_until(until.into()).await } }, if until.is_some() => {
                    self.tell();
                }
                done = &mut work => return done,
            }
        }
    }

    fn tell(&mut self) {
        self.leadership.set(self.election.leads_until());
        let leads = self.leadership.leads();
        if std::mem::replace(&mut self.leading, leads) == leads {
            return;
        }
        let (namespace, name, identity) = (self.settings.namespace(), self.settings.name(), self.settings.identity());
        if leads {
            tracing::info!("leading: {identity} holds the lease {namespace}/{name}");
        } else if self.election.is_retiring() {
            tracing::info!("leading no more: giving the lease {namespace}/{name} back");
        } else {
            tracing::warn!("leading no more: the lease {namespace}/{name} was lost or could not be renewed in time");
        }
    }
}

/// Nobody renews any more.
impl Drop for Candidate {
    fn drop(&mut self) {
        self.leadership.set(None);
    }
}

async fn send(api: Api<Lease>, name: String, request: Request) -> kube::Result<Answer> {
    let params = PostParams::default();
    match request {
        Request::Read => api.get(&name).await.map(Box::new).map(Answer::Read),
        Request::Create(lease) => api.create(&params, &lease).await.map(Box::new).map(Answer::Written),
        Request::Replace(lease) => api.replace(&name, &params, &lease).await.map(Box::new).map(Answer::Written),
    }
}
