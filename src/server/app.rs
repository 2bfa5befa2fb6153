//! From a request to an answer, without a socket: everything between the accept loop and the handlers.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::MethodRouter;
use crypto::PasswordPool;
use futures::FutureExt as _;
use http::{HeaderName, HeaderValue, StatusCode, header};
use oidc::discovery::Endpoint;
use store::Store;
use tower::{Service, ServiceExt as _};

use crate::address::client_address;
use crate::call::{Call, CallParts, Shared};
use crate::cidr::Cidr;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::metrics::{Metrics, method_name, route_name};
use crate::negotiate::Wants;
use crate::places::Places;
use crate::snapshot::CatalogHandle;
use crate::throttle::Throttle;
use crate::trouble::Trouble;
use crate::{dispatch, routes};

/// Octets of a request target at the most.
const MAX_TARGET: usize = 48 * 1024;

/// The time in which a request must have been answered: a login that waits its turn, with room to spare.
const DEADLINE: Duration = Duration::from_secs(30);

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
    routes: Vec<(Endpoint, MethodRouter)>,
    shared: Arc<Shared>,
}

impl App {
    /// The application. `trusted_proxies` are those whose `X-Forwarded-For` is believed.
    pub fn new(ports: Ports, catalogs: CatalogHandle, trusted_proxies: Vec<Cidr>) -> Self {
        let Ports { store, clock, entropy, passwords } = ports;
        let throttle = Throttle::new(THROTTLE_CAPACITY, entropy.bytes());
        let places = Places::of_queue(passwords.capacity());
        let shared = Shared { store, clock, entropy, passwords, throttle, places, metrics: Metrics::new() };
        let shared = Arc::new(shared);
        let routes = Endpoint::ALL.iter().map(|endpoint| (*endpoint, routes::methods(*endpoint))).collect();
        Self(Arc::new(Inner { catalogs, trusted_proxies, routes, shared }))
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

        let mut secure = false;
        let (endpoint, mut response) = match self.0.catalogs.current() {
            None => (None, not_ready()),
            Some(snapshot) => match dispatch::site(&snapshot, request.uri(), request.headers()).cloned() {
                None => (None, bare(StatusCode::MISDIRECTED_REQUEST)),
                Some(site) => {
                    let endpoint = dispatch::endpoint(&site.realm.issuer, request.uri().path());
                    secure = !site.realm.issuer.is_loopback_http();
                    let wants = Wants::of(request.headers());
                    let shared = Arc::clone(shared);
                    let parts = CallParts { shared, snapshot, site, id: id.clone(), now, address, wants };
                    (endpoint, self.answer(endpoint, Call::new(parts), request).await)
                }
            },
        };

        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::try_from(&id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if secure {
            // RFC 6797 §7.1; ignored by browsers where it comes over plain http.
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
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

    /// Whether a catalog has been published.
    pub(crate) fn catalog_digest(&self) -> Option<String> {
        self.0.catalogs.digest()
    }

    /// What is shared by all requests.
    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    async fn answer(&self, endpoint: Option<Endpoint>, call: Call, mut request: Request) -> Response {
        let Some((_, methods)) = self.0.routes.iter().find(|(known, _)| Some(*known) == endpoint) else {
            return Trouble::NotFound.respond(&call);
        };
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if target > MAX_TARGET {
            return Trouble::TooLarge.respond(&call);
        }
        request.extensions_mut().insert(call.clone());
        // A panic costs this one request: what it had in hand is dropped, and all that is shared is either immutable or
        // changed by single assignments.
        let handled = AssertUnwindSafe(methods.clone().oneshot(request)).catch_unwind();
        let response = match tokio::time::timeout(DEADLINE, handled).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(_panic)) => return Trouble::Defect.respond(&call),
            Err(_elapsed) => return Trouble::Overdue.respond(&call),
            Ok(Ok(Err(impossible))) => match impossible {},
        };
        // The table of routes answers an unknown method by itself, without a body and with `Allow`.
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            let allow = response.headers().get(header::ALLOW).cloned();
            return Trouble::Method(allow.unwrap_or_else(|| HeaderValue::from_static(""))).respond(&call);
        }
        response
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

/// Before the first catalog nobody knows which hosts are served, so that nothing can be said to anybody.
fn not_ready() -> Response {
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
