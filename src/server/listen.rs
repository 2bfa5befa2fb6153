//! RFC 9112, RFC 9113: the accept loop. How many connections there may be, and from one network, for how long each may
//! keep one without using it, and how all of them end. A handshake is a part of its connection, and has no time of its
//! own.

mod watch;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Once};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use self::watch::{Activity, Watched};
use crate::app::Peer;
use crate::cidr::Cidr;
use crate::places::{Place, Places};
use crate::tls::Tls;
use crate::until_sent::UntilSent;

/// Octets of an HTTP/1 head at the most: the largest request target beside its headers.
const MAX_HEAD: usize = 96 * 1024;

/// The same for HTTP/2, after decompression.
const MAX_HEADER_LIST: u32 = 96 * 1024;

/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;

/// How often an idle HTTP/2 peer is asked whether it is still there, and for how long it may think about it.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long an idle peer may take to hear that the connection ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// The pause after the system had no socket for us, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bounds of one listener.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// Connections at once; whoever comes next waits in the system's queue.
    pub(crate) connections: usize,
    /// Those of one peer; whoever comes next is hung up on, so that it keeps nobody else waiting.
    pub(crate) each: Each,
    /// Proxies, through which everybody may come: to them only the first bound applies.
    pub(crate) proxies: Vec<Cidr>,
    /// How long requests may take to finish once the server stops.
    pub(crate) drain: Duration,
}

/// Who counts as one peer, and has this many connections.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Each {
    /// A share of a network ([`crate::cidr::networks`]): on the internet.
    Network(usize),
    /// An address: in a cluster, where neighbours have nothing to do with each other.
    Address(usize),
}

/// Accepts connections and serves them until told to stop, then lets them finish. With `tls` they are plain to nobody.
pub(crate) async fn accept<S>(
    listener: TcpListener,
    tls: Option<Tls>,
    service: S,
    bounds: Bounds,
    shutdown: CancellationToken,
) where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let permits = Arc::new(Semaphore::new(bounds.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let places = match bounds.each {
        Each::Network(most) => Places::new(most),
        Each::Address(most) => Places::of_addresses(most),
    };
    let networks = Networks { places, proxies: bounds.proxies, told: Once::new() };
    let (connections, kill) = (TaskTracker::new(), CancellationToken::new());
    let builder = Arc::new(builder());
    while let Some((stream, peer, permit)) = next(&listener, &permits, &shutdown).await {
        let Ok(place) = networks.take(peer.ip()) else { continue };
        let (builder, tls) = (Arc::clone(&builder), tls.clone());
        let (shutdown, kill) = (shutdown.clone(), kill.clone());
        let connection = Connection { builder, tls, peer, room: (permit, place), shutdown, kill };
        connections.spawn(connection.serve(stream, service.clone()));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(bounds.drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "closing connections that did not finish in time");
        kill.cancel();
        connections.wait().await;
    }
}

/// Who may have one more connection.
struct Networks {
    places: Arc<Places>,
    proxies: Vec<Cidr>,
    /// Said once: whoever takes too many comes back at once.
    told: Once,
}

/// This network has as many connections as one may have.
struct Crowded;

impl Networks {
    /// A place for one more, or none where none is needed.
    fn take(&self, peer: IpAddr) -> Result<Option<Place>, Crowded> {
        if self.proxies.iter().any(|range| range.contains(peer)) {
            return Ok(None);
        }
        let place = self.places.take(peer);
        if place.is_none() {
            self.told.call_once(|| warn_of_crowd(peer));
        }
        place.map(Some).ok_or(Crowded)
    }
}

fn warn_of_crowd(peer: IpAddr) {
    let peer = peer.to_canonical();
    tracing::warn!(
        client.address = %peer,
        "{peer} has as many connections as one network may have, and gets no more. If it is a proxy of yours, name it, \
         or its range, with `--trusted-proxy {peer}`"
    );
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(MAX_HEAD).header_read_timeout(None);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEADER_LIST)
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// The next connection, or `None` once the server stops. The permit is taken first: a connection that could not be
/// served is not accepted.
async fn next(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = until(shutdown, Arc::clone(permits).acquire_owned()).await?.ok()?;
    loop {
        match until(shutdown, listener.accept()).await? {
            Ok((stream, peer)) => return Some((stream, peer, permit)),
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!("cannot accept connections: {error}; trying again");
                until(shutdown, tokio::time::sleep(ACCEPT_PAUSE)).await?;
            }
        }
    }
}

async fn until<F: Future>(shutdown: &CancellationToken, future: F) -> Option<F::Output> {
    tokio::select! {
        () = shutdown.cancelled() => None,
        output = future => Some(output),
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

struct Connection {
    builder: Arc<Builder<TokioExecutor>>,
    tls: Option<Tls>,
    peer: SocketAddr,
    /// Given back when the connection ends.
    room: (OwnedSemaphorePermit, Option<Place>),
    shutdown: CancellationToken,
    kill: CancellationToken,
}

impl Connection {
    async fn serve<S>(self, stream: TcpStream, service: S)
    where
        S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        let Self { builder, tls, peer, room, shutdown, kill } = self;
        // Answers are small and sent at once; where this fails they are only slower.
        drop(stream.set_nodelay(true));
        let activity = Activity::new();
        let stream = match tls {
            None => Either::Left(stream),
            Some(tls) => match handshake(&tls, stream, peer, &activity, &shutdown).await {
                // In a box: of its size would be all others, too.
                Some(stream) => Either::Right(Box::new(stream)),
                None => return,
            },
        };
        let service = {
            let activity = Arc::clone(&activity);
            service_fn(move |request: http::Request<Incoming>| {
                let version = request.version();
                let busy = activity.request(version);
                let mut service = service.clone();
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(Peer(peer));
                async move {
                    let response = service.call(request).await?;
                    Ok::<_, Infallible>(response.map(|body| UntilSent::by(version, body, busy.answered())))
                }
            })
        };
        // Octets count once they are decrypted: records of TLS's own are no sign of a request.
        let io = Watched::new(TokioIo::new(stream), Arc::clone(&activity));
        let mut connection = pin!(builder.serve_connection(io, service));
        let (mut stopping, mut leaving) = (false, false);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(client.address = %peer.ip(), "connection ended: {error}");
                    }
                    break;
                }
                () = kill.cancelled() => break,
                () = shutdown.cancelled(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = activity.expired(), if !leaving => {
                    if stopping || activity.is_stuck() {
                        break;
                    }
                    // A request may be on its way: GOAWAY tells the client to send it again elsewhere (RFC 9113 §6.8). An
                    // HTTP/1 connection ends with close_notify, by which nobody takes it for cut off (RFC 8446 §6.1).
                    leaving = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = async { tokio::time::sleep(FAREWELL).await; activity.expired().await }, if leaving => break,
            }
        }
        drop(room);
    }
}

/// `None`: it has failed, has taken longer than a connection may take until its first head, or the server stops.
async fn handshake(
    tls: &Tls,
    stream: TcpStream,
    peer: SocketAddr,
    activity: &Activity,
    shutdown: &CancellationToken,
) -> Option<TlsStream<TcpStream>> {
    tokio::select! {
        shaken = tls.accept(stream) => {
            // What anybody can bring about is no news.
            let failed = |error: &io::Error| tracing::debug!(client.address = %peer.ip(), "no TLS: {error}");
            shaken.inspect_err(failed).ok()
        }
        () = activity.expired() => None,
        () = shutdown.cancelled() => None,
    }
}

#[cfg(test)]
mod tests;
