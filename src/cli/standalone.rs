//! `portcullis standalone`: manifests from files, an embedded store, and the server, in one process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use ::standalone::{Options, Reach, RunError, Standalone, StartError};
use api::ObjectKey;
use server::{CatalogHandle, Cidr, Clock as _, ServeError, Server, SystemClock};
use store::Store;
use store::sqlite::{OpenError, Sqlite};
use tokio_util::sync::CancellationToken;

use super::cluster::api_server;
use super::signals::{signals, then_cancel};
use super::tls::TlsArgs;
use super::{EXIT_USAGE, fail, logging};

/// What to serve, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder with the manifests; edits are served within a second.
    #[arg(long, value_name = "DIR", env = "PORTCULLIS_MANIFESTS")]
    manifests: PathBuf,

    /// The folder for keys, identities, credentials of applications and sessions. Made if it does not exist; nobody else
    /// may have access to it.
    #[arg(long, value_name = "DIR", env = "PORTCULLIS_STATE")]
    state: PathBuf,

    /// The OidcProvider to serve, if the manifests hold several.
    #[arg(long, value_name = "NAMESPACE/NAME", env = "PORTCULLIS_PROVIDER", value_parser = provider)]
    provider: Option<ObjectKey>,

    /// Where browsers and applications come in.
    #[arg(long, value_name = "ADDRESS", env = "PORTCULLIS_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Health, readiness and metrics.
    #[arg(long, value_name = "ADDRESS", env = "PORTCULLIS_INTERNAL_LISTEN", default_value = "127.0.0.1:9090")]
    internal_listen: SocketAddr,

    #[command(flatten)]
    tls: TlsArgs,

    /// Addresses of proxies whose X-Forwarded-For header is believed; may be given several times.
    #[arg(long, value_name = "CIDR", env = "PORTCULLIS_TRUSTED_PROXY", value_delimiter = ',', value_parser = Cidr::from_str)]
    trusted_proxy: Vec<Cidr>,

    #[command(flatten)]
    logging: logging::Logging,
}

/// Why serving did not begin, or ended.
#[derive(Debug, thiserror::Error)]
enum StandaloneError {
    #[error(transparent)]
    Logging(#[from] logging::LoggingError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot open the store {}", path.display())]
    Store { path: PathBuf, source: OpenError },
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error("the server has ended unexpectedly: the log says why")]
    Ended,
    #[error(transparent)]
    Run(#[from] RunError),
}

impl StandaloneError {
    /// What was asked for cannot be done: 2. What was begun has failed: 1.
    fn status(&self) -> u8 {
        match self {
            Self::Logging(_) | Self::Start(_) | Self::Store { .. } | Self::Serve(_) | Self::Runtime(_) => EXIT_USAGE,
            Self::Ended | Self::Run(_) => 1,
        }
    }
}

pub(super) fn run(args: Args) -> ExitCode {
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, error.status()),
    }
}

fn serve(args: Args) -> Result<(), StandaloneError> {
    let Args { manifests, state, provider, listen, internal_listen, tls, trusted_proxy, logging } = args;
    logging.set_up()?;
    let tls = tls.pairs().map_err(ServeError::from)?;
    let reach = if listen.ip().is_loopback() { Reach::Loopback } else { Reach::Network };
    let clock = || SystemClock::new().now().secs();
    let standalone = Standalone::start(Options { manifests, state, provider, reach, clock })?;
    let path = standalone.state_db();
    // Requests that are finished at the end still write to the store.
    let _lock = standalone.lock();
    let store = Sqlite::open(&path).map_err(|source| StandaloneError::Store { path, source })?;
    let options = server::Options {
        listen,
        internal_listen,
        tls,
        trusted_proxies: trusted_proxy,
        api_server: api_server(),
        ..server::Options::default()
    };
    let runtime = tokio::runtime::Runtime::new().map_err(StandaloneError::Runtime)?;
    runtime.block_on(join(standalone, Arc::new(store), options))
}

/// Serves until a signal, or until one half has failed; then the other ends in good order.
async fn join(standalone: Standalone, store: Arc<dyn Store>, options: server::Options) -> Result<(), StandaloneError> {
    let shutdown = CancellationToken::new();
    let signals = signals(shutdown.clone()).map_err(StandaloneError::Runtime)?;
    tokio::spawn(signals);
    let server = Server::bind(options).await?;
    let catalogs = CatalogHandle::new();
    let publish = {
        let catalogs = catalogs.clone();
        move |catalog| {
            catalogs.publish(catalog);
        }
    };
    let serving = then_cancel(&shutdown, async {
        server.serve(catalogs, store, shutdown.clone()).await?;
        if shutdown.is_cancelled() { Ok(()) } else { Err(StandaloneError::Ended) }
    });
    let running = then_cancel(&shutdown, standalone.run(publish, shutdown.clone().cancelled_owned()));
    let (served, ran) = tokio::join!(serving, running);
    ran?;
    served
}

fn provider(text: &str) -> Result<ObjectKey, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(ObjectKey::new(namespace, name))
        }
        Some(_) | None => Err("write NAMESPACE/NAME, such as identity/default".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_named_with_its_namespace() {
        assert_eq!(provider("identity/default"), Ok(ObjectKey::new("identity", "default")));
        for bad in ["", "default", "/default", "identity/", "a/b/c"] {
            assert!(provider(bad).is_err(), "{bad}");
        }
    }
}
