//! What the commands that talk to a cluster have in common.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use api::ObjectKey;
use clap::builder::ArgPredicate;
use controller::feed::{self, Outlets};
use crypto::{b64, random};
use k8s_openapi::jiff::Timestamp;
use server::{CatalogHandle, Cidr, Clock as _, Freshness, LoadedHandle, ServeError, Server, SystemClock};
use store::Store;
use store::sqlite::{OpenError, Sqlite};
use tokio_util::sync::CancellationToken;

use super::logging::{Logging, LoggingError};
use super::signals::{signals, spawn_vital};
use super::tls::{self, TlsArgs};

/// Why a command that talks to a cluster does not begin, or has ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClusterError {
    #[error(transparent)]
    Logging(#[from] LoggingError),
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error(
        "no cluster is configured: run inside of one with a ServiceAccount, or set KUBECONFIG to a kubeconfig of one"
    )]
    Config(#[from] Box<kube::config::InferConfigError>),
    #[error("cannot make a client for the cluster")]
    Client(#[from] Box<kube::Error>),
    #[error("cannot open the store {}", path.display())]
    Store { path: PathBuf, source: OpenError },
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Controller(#[from] controller::RunError),
    #[error("a part of this process has ended unexpectedly: the log says why")]
    Ended,
}

impl ClusterError {
    /// What was asked for cannot be done: 2. What was begun has failed: 1.
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Logging(_)
            | Self::Runtime(_)
            | Self::Config(_)
            | Self::Client(_)
            | Self::Store { .. }
            | Self::Serve(_)
            | Self::Controller(_) => super::EXIT_USAGE,
            Self::Ended => 1,
        }
    }
}

/// Starts a command: `work` is given what the API server is asked with, and is told to end by a signal.
pub(super) fn run(
    logging: &Logging,
    work: impl AsyncFnOnce(kube::Config, CancellationToken) -> Result<(), ClusterError>,
) -> ExitCode {
    match begin(logging, work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::fail(&error, error.status()),
    }
}

fn begin(
    logging: &Logging,
    work: impl AsyncFnOnce(kube::Config, CancellationToken) -> Result<(), ClusterError>,
) -> Result<(), ClusterError> {
    logging.set_up()?;
    let runtime = tokio::runtime::Runtime::new().map_err(ClusterError::Runtime)?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        tokio::spawn(signals(shutdown.clone()).map_err(ClusterError::Runtime)?);
        let config = kube::Config::infer().await.map_err(Box::new)?;
        work(config, shutdown).await
    })
}

/// Everywhere: in a Pod, others come in by the Pod's address.
pub(super) const fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

/// The wall clock.
pub(super) fn now() -> Timestamp {
    Timestamp::from_second(SystemClock::new().now().secs()).unwrap_or_default()
}

/// Something that no other process calls itself.
pub(super) fn unique(name: &str) -> String {
    format!("{name}_{}", b64::encode(&random::bytes::<6>()))
}

/// The name of the Pod, or of the machine.
pub(super) fn hostname() -> String {
    std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "portcullis".to_owned())
}

/// The API server, as Kubernetes tells every container where it is.
pub(super) fn api_server() -> Vec<String> {
    std::env::var("KUBERNETES_SERVICE_HOST").ok().filter(|host| !host.is_empty()).into_iter().collect()
}

/// Where sessions, codes and the like are kept.
#[derive(Clone, Debug)]
pub(super) struct StorePath(PathBuf);

impl FromStr for StorePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self(PathBuf::from(path))),
            Some(("postgres-file", _)) => {
                Err("PostgreSQL is not supported yet: use sqlite:PATH, with one replica".to_owned())
            }
            Some(_) | None => Err("write sqlite:PATH, such as sqlite:/var/lib/portcullis/state.db".to_owned()),
        }
    }
}

impl StorePath {
    pub(super) fn open(&self) -> Result<Arc<dyn Store>, ClusterError> {
        let store = Sqlite::open(&self.0).map_err(|source| ClusterError::Store { path: self.0.clone(), source })?;
        Ok(Arc::new(store))
    }
}

/// What a server of a cluster is told.
#[derive(Debug, clap::Args)]
pub(super) struct ServerArgs {
    /// The OidcProvider to serve.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_PROVIDER", default_value = "default")]
    pub(super) provider: String,

    /// Where browsers and applications come in; with TLS, by default on port 8443.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "PORTCULLIS_LISTEN",
        default_value_t = everywhere(8080),
        default_value_if(tls::CERTIFICATES, ArgPredicate::IsPresent, "0.0.0.0:8443")
    )]
    pub(super) listen: SocketAddr,

    /// Health, readiness, metrics, and what is loaded; for the cluster only.
    #[arg(long, value_name = "ADDRESS", env = "PORTCULLIS_INTERNAL_LISTEN", default_value_t = everywhere(9090))]
    pub(super) internal_listen: SocketAddr,

    #[command(flatten)]
    pub(super) tls: TlsArgs,

    /// Where sessions, codes and consents are kept: sqlite:PATH.
    #[arg(long, value_name = "STORE", env = "PORTCULLIS_STORE")]
    pub(super) store: StorePath,

    /// Addresses of proxies whose X-Forwarded-For header is believed; may be given several times.
    #[arg(long, value_name = "CIDR", env = "PORTCULLIS_TRUSTED_PROXY", value_delimiter = ',', value_parser = Cidr::from_str)]
    pub(super) trusted_proxy: Vec<Cidr>,

    /// The UID of this Pod, by which the controller knows it again; by default something random.
    #[arg(long, value_name = "UID", env = "PORTCULLIS_INSTANCE")]
    pub(super) instance: Option<String>,

    /// Not ready any more once nothing was heard from the API server for so long; 0: what was loaded is served for ever.
    #[arg(long, value_name = "SECONDS", env = "PORTCULLIS_MAX_STALENESS_SECONDS", default_value_t = 0)]
    pub(super) max_staleness_seconds: u64,
}

/// A server whose sockets are open, and the feed that it serves from.
pub(super) struct Fed {
    server: Server,
    store: Arc<dyn Store>,
    catalogs: CatalogHandle,
    settings: feed::Settings,
    outlets: Outlets,
}

impl ServerArgs {
    /// Opens the store and the sockets. What is loaded is told to `loaded`.
    pub(super) async fn bind(
        self,
        namespace: &str,
        extra_metrics: Option<server::ExtraMetrics>,
        loaded: LoadedHandle,
    ) -> Result<Fed, ClusterError> {
        let Self { provider, listen, internal_listen, tls, store, trusted_proxy, instance, max_staleness_seconds } =
            self;
        let tls = tls.pairs().map_err(ServeError::from)?;
        let store = store.open()?;
        let (catalogs, freshness) = (CatalogHandle::new(), Freshness::new());
        let instance = instance.unwrap_or_else(|| unique(&hostname()));
        let options = server::Options {
            listen,
            internal_listen,
            tls,
            trusted_proxies: trusted_proxy,
            acknowledge: Some((instance, loaded.clone())),
            freshness: Some(freshness.clone()),
            max_staleness: (max_staleness_seconds > 0).then(|| Duration::from_secs(max_staleness_seconds)),
            extra_metrics,
            api_server: api_server(),
            ..server::Options::default()
        };
        let server = Server::bind(options).await?;
        let outlets = Outlets {
            publish: {
                let catalogs = catalogs.clone();
                Box::new(move |catalog| {
                    catalogs.publish(catalog);
                })
            },
            loaded: Box::new(move |word| loaded.set(word)),
            heard: Box::new(move || freshness.heard()),
        };
        let settings = feed::Settings {
            provider: ObjectKey::new(namespace, provider),
            plain_http: listen.ip().is_loopback(),
            watch_seconds: feed::Settings::WATCH_SECONDS,
        };
        Ok(Fed { server, store, catalogs, settings, outlets })
    }
}

impl Fed {
    /// Serves until `shutdown`.
    pub(super) async fn serve(self, client: kube::Client, shutdown: CancellationToken) -> Result<(), ClusterError> {
        let Self { server, store, catalogs, settings, outlets } = self;
        // Without its feed a server would serve what is ever older.
        let feeding = spawn_vital(&shutdown, feed::run(client, settings, outlets, shutdown.clone()));
        let served = server.serve(catalogs, store, shutdown.clone()).await;
        let expected = shutdown.is_cancelled();
        shutdown.cancel();
        let fed = feeding.await;
        served?;
        if expected && fed.is_ok() { Ok(()) } else { Err(ClusterError::Ended) }
    }
}
