//! The server as a process runs it: two sockets, the threads for passwords, housekeeping, and an orderly end.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use crypto::PasswordPool;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Ports};
use crate::backchannel::TokenPoster;
use crate::cidr::Cidr;
use crate::client_keys::KeyFetcher;
use crate::clock::{Clock, SystemClock};
use crate::entropy::SystemEntropy;
use crate::freshness::Freshness;
use crate::housekeeping;
use crate::internal::{self, Sources};
use crate::listen::{self, Bounds, Each};
use crate::loaded::LoadedHandle;
use crate::open_metrics::ExtraMetrics;
use crate::outbound::Outbound;
use crate::snapshot::CatalogHandle;
use crate::tls::{self, TlsError, TlsFiles, Watch};

/// Connections of the internal port: probes, a few scrapers and the controller, each from an address of its own. Any pod
/// may come that no NetworkPolicy keeps away, and must not be able to take the place of the probes.
const INTERNAL_CONNECTIONS: usize = 256;

/// Those of one address.
const INTERNAL_CONNECTIONS_EACH: usize = 16;

/// How the server listens and what it takes.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--listen`: where browsers and applications come in.
    pub listen: SocketAddr,
    /// `--internal-listen`: health, readiness and metrics.
    pub internal_listen: SocketAddr,
    /// `--tls-cert-file` and `--tls-key-file`: what the public port speaks TLS with; without any, it speaks plain HTTP. The
    /// internal port always does.
    pub tls: Vec<TlsFiles>,
    /// `--trusted-proxy`: whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Threads that verify passwords.
    pub password_threads: usize,
    /// Passwords that may wait for a thread; whoever comes next is answered 429.
    pub password_queue: usize,
    /// Connections at once; fewer where the system gives the process fewer files. One network gets an eighth of them.
    pub max_connections: usize,
    /// How long requests may take to finish once the server stops.
    pub drain: Duration,
    /// Which replica this is, and what it has loaded: the internal port tells the controller on `/loaded`. `None` where no
    /// controller asks.
    pub acknowledge: Option<(String, LoadedHandle)>,
    /// When the API server was heard from; `None` where there is none.
    pub freshness: Option<Freshness>,
    /// `--max-staleness-seconds`: the server is not ready once [`Options::freshness`] knows of a longer silence. `None`: it
    /// stays ready, and serves what it has.
    pub max_staleness: Option<Duration>,
    /// What `/metrics` tells beside the server's own.
    pub extra_metrics: Option<ExtraMetrics>,
    /// Hosts, names or addresses, that are never called for a manifest's sake, whatever policy says: the API server's.
    pub api_server: Vec<String>,
}

impl Default for Options {
    /// Loopback, no proxy, half of the processors for passwords, and no controller.
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let password_threads = (processors / 2).max(1);
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            internal_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
            tls: Vec::new(),
            trusted_proxies: Vec::new(),
            password_threads,
            password_queue: password_threads * 32,
            max_connections: 10_000,
            drain: Duration::from_secs(10),
            acknowledge: None,
            freshness: None,
            max_staleness: None,
            extra_metrics: None,
            api_server: Vec::new(),
        }
    }
}

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {hint}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What to change.
        hint: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A certificate cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system gives no threads.
    #[error("cannot start the threads that verify passwords")]
    Threads(#[source] io::Error),
}

/// A server whose sockets are open and wait.
#[derive(Debug)]
pub struct Server {
    options: Options,
    certificates: Option<Watch>,
    public: TcpListener,
    internal: TcpListener,
}

/// Opens the sockets and serves until `shutdown` is cancelled.
///
/// # Errors
/// A certificate, a socket or a thread cannot be had.
pub async fn serve(
    options: Options,
    catalogs: CatalogHandle,
    store: Arc<dyn Store>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    Server::bind(options).await?.serve(catalogs, store, shutdown).await
}

impl Server {
    /// Reads the certificates and opens both sockets. Connections wait until [`Server::serve`].
    ///
    /// # Errors
    /// A certificate cannot be served, or an address cannot be listened on.
    pub async fn bind(options: Options) -> Result<Self, ServeError> {
        let certificates = Watch::open(options.tls.clone(), SystemClock::new().now())?;
        let public = bind(options.listen, "--listen").await?;
        let internal = bind(options.internal_listen, "--internal-listen").await?;
        Ok(Self { options, certificates, public, internal })
    }

    /// Where the public port listens; useful where the options ask for any free port.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// Where the internal port listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn internal_address(&self) -> io::Result<SocketAddr> {
        self.internal.local_addr()
    }

    /// Serves until `shutdown` is cancelled, then lets requests finish.
    ///
    /// # Errors
    /// The system gives no threads.
    pub async fn serve(
        self,
        catalogs: CatalogHandle,
        store: Arc<dyn Store>,
        shutdown: CancellationToken,
    ) -> Result<(), ServeError> {
        let Self { options, certificates, public, internal } = self;
        let Options {
            listen: _,
            internal_listen: _,
            tls: _,
            trusted_proxies,
            password_threads,
            password_queue,
            max_connections,
            drain,
            acknowledge,
            freshness,
            max_staleness,
            extra_metrics,
            api_server,
        } = options;
        let passwords = PasswordPool::new(password_threads, password_queue).map_err(ServeError::Threads)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let outbound = Outbound::new(&api_server);
        let ports = Ports {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            entropy: Arc::new(SystemEntropy),
            passwords: Arc::new(passwords),
            keys: Arc::new(KeyFetcher::new(outbound.clone())),
            logout_tokens: Arc::new(TokenPoster::new(outbound)),
        };
        let app = App::new(ports, catalogs, trusted_proxies.clone());
        let connections = connections(max_connections, open_files());
        let bounds =
            Bounds { connections, each: Each::Network((connections / 8).max(1)), proxies: trusted_proxies, drain };
        // The internal port outlives the public one, so that what happens during the end can still be seen.
        let drained = CancellationToken::new();
        let tls = certificates.as_ref().map(Watch::tls);
        let public = async {
            listen::accept(public, tls, app.clone(), bounds, shutdown.clone()).await;
            drained.cancel();
        };
        let renewals = async {
            if let Some(certificates) = certificates {
                certificates.run(app.shared().metrics.tls(), &*clock, tls::INTERVAL, &shutdown).await;
            }
        };
        let sources = Sources { app: app.clone(), acknowledge, freshness, max_staleness, extra_metrics };
        let internal = listen::accept(internal, None, internal::router(sources), internal_bounds(), drained.clone());
        let telling = app.tell_logouts(&shutdown);
        tokio::join!(public, internal, renewals, telling, housekeeping::run(&*store, &*clock, &shutdown));
        Ok(())
    }
}

/// Bounds of an internal port.
pub(crate) const fn internal_bounds() -> Bounds {
    Bounds {
        connections: INTERNAL_CONNECTIONS,
        each: Each::Address(INTERNAL_CONNECTIONS_EACH),
        proxies: Vec::new(),
        drain: Duration::from_secs(1),
    }
}

/// How many files the process may have open. The soft limit is a default for programs that use `select`; a server takes
/// what the hard limit gives it.
fn open_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current }
}

/// How many connections are taken: half of the files that the process may have open at the most, so that with all of
/// them in use the store still gets its own, and no accepted connection is refused for want of one.
fn connections(wanted: usize, files: Option<u64>) -> usize {
    let possible = files.map_or(usize::MAX, |files| usize::try_from(files / 2).unwrap_or(usize::MAX)).max(1);
    let connections = wanted.clamp(1, possible);
    if connections < wanted {
        tracing::warn!(
            connections,
            wanted,
            "fewer connections than wanted: each needs an open file, and the process may have {}; raise its limit \
             (`ulimit -n`, RLIMIT_NOFILE)",
            files.unwrap_or_default()
        );
    } else {
        tracing::info!(connections, "connections are bounded");
    }
    connections
}

pub(crate) async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| {
        let kind = source.kind();
        let hint = if kind == io::ErrorKind::AddrInUse {
            format!("another process listens there; stop it, or choose another address with `{flag}`")
        } else if kind == io::ErrorKind::AddrNotAvailable {
            format!("this machine does not have that address; choose one that it has with `{flag}`")
        } else if kind == io::ErrorKind::PermissionDenied {
            format!("ports below 1024 need a privilege; choose a higher one with `{flag}`")
        } else {
            format!("the system refused; the address is set with `{flag}`")
        };
        ServeError::Listen { address, hint, source }
    })
}

#[cfg(test)]
mod tests {
    use store::memory::Memory;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::testing;

    fn options() -> Options {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Options { listen: any, internal_listen: any, ..Options::default() }
    }

    #[tokio::test]
    async fn a_taken_address_is_named_with_the_flag_that_changes_it() {
        let taken = Server::bind(options()).await.unwrap();
        let (public, internal) = (taken.address().unwrap(), taken.internal_address().unwrap());
        let check = async |options: Options, address: SocketAddr, flag: &str| {
            let error = Server::bind(options).await.unwrap_err().to_string();
            let expect = format!(
                "cannot listen on {address}: another process listens there; stop it, or choose another address with `{flag}`"
            );
            assert_eq!(error, expect);
        };
        check(Options { listen: public, ..options() }, public, "--listen").await;
        check(Options { internal_listen: internal, ..options() }, internal, "--internal-listen").await;
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_refused() {
        let elsewhere = "192.0.2.1:8080".parse().unwrap();
        let error = Server::bind(Options { listen: elsewhere, ..options() }).await.unwrap_err().to_string();
        assert!(error.ends_with("choose one that it has with `--listen`"), "{error}");
    }

    #[tokio::test]
    async fn connections_never_take_the_last_file() {
        let check = async |wanted: usize, files: Option<u64>, expect: usize| {
            let (lines, found) = testing::captured(async { connections(wanted, files) }).await;
            assert_eq!(found, expect, "{wanted} {files:?}");
            assert_eq!(
                lines.iter().filter(|line| line.contains("RLIMIT_NOFILE")).count(),
                usize::from(expect < wanted)
            );
            assert!(lines.iter().any(|line| line.contains(&format!("connections={expect}"))), "{lines:?}");
        };
        check(10_000, Some(1024), 512).await;
        check(10_000, Some(20_000), 10_000).await;
        check(10_000, None, 10_000).await;
        check(100, Some(1024), 100).await;
        check(100, Some(1), 1).await;
    }

    #[tokio::test]
    async fn it_ends_when_it_is_told_to() {
        let server = Server::bind(options()).await.unwrap();
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let served = server.serve(CatalogHandle::new(), Arc::new(Memory::new()), shutdown);
        tokio::time::timeout(Duration::from_secs(5), served).await.unwrap().unwrap();
    }

    /// The status line and body of a GET.
    async fn get(address: SocketAddr, host: &str, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn a_published_catalog_is_served() {
        let server = Server::bind(options()).await.unwrap();
        let (public, internal) = (server.address().unwrap(), server.internal_address().unwrap());
        let (catalogs, shutdown) = (CatalogHandle::new(), CancellationToken::new());
        let served = tokio::spawn(server.serve(catalogs.clone(), Arc::new(Memory::new()), shutdown.clone()));

        assert!(get(internal, "x", "/readyz").await.starts_with("HTTP/1.1 503 "));
        let discovery = "/oidc/.well-known/openid-configuration";
        assert!(get(public, "id.example.com", discovery).await.starts_with("HTTP/1.1 503 "));
        catalogs.publish(testing::catalog(vec![testing::realm()], "d1"));
        assert!(get(internal, "x", "/readyz").await.starts_with("HTTP/1.1 200 "));
        let document = get(public, "id.example.com", discovery).await;
        assert!(document.contains("\"issuer\":\"https://id.example.com/oidc\""), "{document}");
        assert!(get(public, "id.example.com", "/metrics").await.starts_with("HTTP/1.1 404 "), "not on this port");
        assert!(get(internal, "x", "/metrics").await.contains("portcullis_http_requests_total{route=\"discovery\""));

        shutdown.cancel();
        served.await.unwrap().unwrap();
    }
}
