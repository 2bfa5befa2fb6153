//! From a request to an answer, without a socket: everything between the accept loop and the handlers.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Once};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::MethodRouter;
use crypto::PasswordPool;
use futures::FutureExt as _;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use oidc::catalog::Catalog;
use oidc::discovery::Endpoint;
use oidc::time::Time;
use store::Store;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt as _};

use crate::address::{client_address, is_disbelieved};
use crate::backchannel::{self, PostToken};
use crate::call::{Call, CallParts, Shared};
use crate::cidr::Cidr;
use crate::client_keys::{ClientKeyCache, FetchKeys};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::headers::strict_transport;
use crate::metrics::{Metrics, method_name, route_name};
use crate::negotiate::Wants;
use crate::places::{Place, Places};
use crate::snapshot::CatalogHandle;
use crate::throttle::Throttle;
use crate::trouble::Trouble;
use crate::until_sent::UntilSent;
use crate::{dispatch, routes};

/// Octets of a request target at the most.
const MAX_TARGET: usize = 48 * 1024;

/// The time in which a request must have been answered: a login that waits its turn, with room to spare.
const DEADLINE: Duration = Duration::from_secs(30);

/// Requests at work at the most, slow bodies, logins that wait and answers on their way included: each may hold as much as
/// its head and its body may be long, and HTTP/2 brings many on one connection.
const MAX_REQUESTS: usize = 4096;

/// Counts that the throttle keeps: about four megabytes of them.
const THROTTLE_CAPACITY: usize = 256 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the application reaches the world through.
#[derive(Clone)]
pub struct Ports {
    /// What survives a restart.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Threads for passwords.
    pub passwords: Arc<PasswordPool>,
    /// Keys that clients publish.
    pub keys: Arc<dyn FetchKeys>,
    /// Applications that hear of a logout.
    pub logout_tokens: Arc<dyn PostToken>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("passwords", &self.passwords).finish_non_exhaustive()
    }
}

/// Who opened the connection: put into a request's extensions by the accept loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The provider as a service. Cloning copies a pointer.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    catalogs: CatalogHandle,
    trusted_proxies: Vec<Cidr>,
    /// Said once: a proxy that we were not told of sends the header with every request.
    disbelieved: Once,
    /// Room for requests at work.
    requests: Arc<Semaphore>,
    /// The same for each network, so that none takes all of it.
    networks: Arc<Places>,
    routes: Vec<(Endpoint, MethodRouter)>,
    shared: Arc<Shared>,
}

impl App {
    /// The application. `trusted_proxies` are those whose `X-Forwarded-For` is believed.
    pub fn new(ports: Ports, catalogs: CatalogHandle, trusted_proxies: Vec<Cidr>) -> Self {
        let Ports { store, clock, entropy, passwords, keys, logout_tokens } = ports;
        let throttle = Throttle::new(THROTTLE_CAPACITY, entropy.bytes());
        // An eighth of the queue for each network.
        let places = Places::new((passwords.capacity() / 8).max(2));
        let metrics = Metrics::new();
        let client_keys = ClientKeyCache::new(keys, Arc::clone(&clock), metrics.key_fetches());
        let ended = Notify::new();
        let shared =
            Shared { store, clock, entropy, passwords, throttle, places, client_keys, logout_tokens, ended, metrics };
        let inner = Inner {
            catalogs,
            trusted_proxies,
            disbelieved: Once::new(),
            requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
            networks: Places::new(MAX_REQUESTS / 8),
            routes: Endpoint::ALL.iter().map(|endpoint| (*endpoint, routes::methods(*endpoint))).collect(),
            shared: Arc::new(shared),
        };
        Self(Arc::new(inner))
    }

    /// Answers one request. The address of the peer is taken from the extension [`Peer`].
    pub async fn handle(&self, request: Request) -> Response {
        let shared = &self.0.shared;
        let started = shared.clock.elapsed();
        let now = shared.clock.now();
        let id = shared.entropy.uuid(now).to_string();
        let method = request.method().clone();
        let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let address = client_address(peer, request.headers(), &self.0.trusted_proxies);
        if is_disbelieved(peer, request.headers(), &self.0.trusted_proxies) {
            self.0.disbelieved.call_once(|| warn_of_proxy(peer));
        }

        let (endpoint, mut response) = match self.admit(address) {
            Some(room) => {
                let (endpoint, response) = self.serve(request, &id, now, address).await;
                (endpoint, response.map(|body| Body::new(UntilSent::new(body, room))))
            }
            None => (None, come_back()),
        };

        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::try_from(&id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if method == Method::HEAD {
            // HTTP/2 would send the body of an error all the same (RFC 9110 §9.3.2).
            *response.body_mut() = Body::empty();
        }
        let took = shared.clock.elapsed().saturating_sub(started);
        let code = response.status().as_u16();
        shared.metrics.request(endpoint, &method, code, took);
        // The target is not logged: its query can hold what a person typed, and `resume` what a browser was given.
        tracing::debug!(
            target: "access",
            route = endpoint.map_or("none", route_name),
            request.id = %id,
            client.address = %address,
            method = method_name(&method),
            code,
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        response
    }

    /// Tells applications of logouts (OpenID Connect Back-Channel Logout 1.0), until told to stop.
    pub async fn tell_logouts(&self, shutdown: &CancellationToken) {
        backchannel::run(self, shutdown).await;
    }

    /// Tells what is due now, and waits for the answers; answers how many attempts that were.
    pub async fn tell_due_logouts(&self) -> usize {
        backchannel::tell_due(self, &CancellationToken::new()).await
    }

    /// The catalog that is served, once one has been published.
    pub(crate) fn catalog(&self) -> Option<Arc<Catalog>> {
        Some(Arc::clone(&self.0.catalogs.current()?.catalog))
    }

    /// What is shared by all requests.
    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Room for one more request, if there is any, and any for this network.
    fn admit(&self, address: IpAddr) -> Option<(Place, OwnedSemaphorePermit)> {
        let place = self.0.networks.take(address)?;
        Some((place, Arc::clone(&self.0.requests).try_acquire_owned().ok()?))
    }

    /// Finds out what is called, and calls it.
    async fn serve(&self, request: Request, id: &str, now: Time, address: IpAddr) -> (Option<Endpoint>, Response) {
        let Some(snapshot) = self.0.catalogs.current() else { return (None, come_back()) };
        let Some(site) = dispatch::site(&snapshot, request.uri(), request.headers()).cloned() else {
            return (None, bare(StatusCode::MISDIRECTED_REQUEST));
        };
        let endpoint = dispatch::endpoint(&site.realm.issuer, request.uri().path());
        let wants = Wants::of(request.headers());
        let shared = Arc::clone(&self.0.shared);
        let call = Call::new(CallParts { shared, snapshot, site, id: id.to_owned(), now, address, wants });
        let mut response = self.answer(endpoint, call.clone(), request).await;
        strict_transport(&call.site.realm.issuer, response.headers_mut());
        (endpoint, response)
    }

    async fn answer(&self, endpoint: Option<Endpoint>, call: Call, mut request: Request) -> Response {
        let Some((endpoint, methods)) = self.0.routes.iter().find(|(known, _)| Some(*known) == endpoint) else {
            return Trouble::NotFound.respond(&call);
        };
        let allowed = routes::allowed(*endpoint);
        if !allowed.split(", ").any(|method| method == request.method().as_str()) {
            return Trouble::Method(HeaderValue::from_static(allowed)).respond(&call);
        }
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if target > MAX_TARGET {
            return Trouble::TooLarge.respond(&call);
        }
        request.extensions_mut().insert(call.clone());
        // A panic costs this one request: what it had in hand is dropped, and all that is shared is either immutable or
        // changed by single assignments.
        let handled = AssertUnwindSafe(methods.clone().oneshot(request)).catch_unwind();
        match tokio::time::timeout(DEADLINE, handled).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(_panic)) => Trouble::Defect.respond(&call),
            Err(_elapsed) => Trouble::Overdue.respond(&call),
            Ok(Ok(Err(impossible))) => match impossible {},
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("catalogs", &self.0.catalogs).finish_non_exhaustive()
    }
}

impl Service<Request> for App {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let app = self.clone();
        Box::pin(async move { Ok(app.handle(request).await) })
    }
}

fn warn_of_proxy(peer: IpAddr) {
    let peer = peer.to_canonical();
    tracing::warn!(
        client.address = %peer,
        "X-Forwarded-For is ignored where it comes from {peer}, which is no trusted proxy: all requests from there count \
         as one client's. If it is a proxy of yours, name it, or its range, with `--trusted-proxy {peer}`"
    );
}

/// Nothing can be said: before the first catalog nobody knows which hosts are served, and without room nobody looks.
fn come_back() -> Response {
    let mut response = bare(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    response
}

fn bare(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
