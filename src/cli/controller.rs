//! `portcullis controller`: reconciles; the only writer to the cluster.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use controller::lease::{self, Leadership};
use controller::{Metrics, Parts, Readiness, SecretsPower, Servers, Settings};
use server::{Probes, serve_probes};
use tokio_util::sync::CancellationToken;

use super::cluster::{self, ClusterError, everywhere, hostname, now, unique};
use super::logging;
use super::signals::{spawn_vital, then_cancel};

/// What to reconcile.
#[derive(Debug, clap::Args)]
pub(super) struct ControllerArgs {
    /// A namespace with providers, people and groups; may be given several times. An application that names no provider
    /// gets the provider `default` of the first.
    #[arg(
        long,
        value_name = "NAMESPACE",
        env = "PORTCULLIS_PROVIDER_NAMESPACE",
        value_delimiter = ',',
        default_value = "identity"
    )]
    provider_namespace: Vec<String>,

    /// A namespace with applications and resources; may be given several times. By default all are looked at.
    #[arg(long, value_name = "NAMESPACE", env = "PORTCULLIS_WATCH_NAMESPACE", value_delimiter = ',')]
    watch_namespace: Vec<String>,

    /// What the controller may do with Secrets in the namespaces of applications.
    #[arg(long, value_name = "POWER", env = "PORTCULLIS_SECRETS", value_enum, default_value_t = Power::PerNamespace)]
    secrets: Power,

    /// The Lease by which controllers elect a leader.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_LEASE_NAME", default_value = "portcullis-controller")]
    lease_name: String,

    /// The namespace of that Lease; by default that of this process.
    #[arg(long, value_name = "NAMESPACE", env = "PORTCULLIS_LEASE_NAMESPACE")]
    lease_namespace: Option<String>,

    /// For how long others leave the Lease alone after they have seen it renewed.
    #[arg(long, value_name = "SECONDS", env = "PORTCULLIS_LEASE_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    lease_seconds: u64,

    /// Everything is looked at again after this time; what is as it should be is not written.
    #[arg(long, value_name = "SECONDS", env = "PORTCULLIS_RESYNC_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86400))]
    resync_seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Power {
    /// Where a RoleBinding grants it, namespace by namespace.
    #[value(name = "PerNamespace")]
    PerNamespace,
    /// Everywhere.
    #[value(name = "Cluster")]
    Cluster,
    /// Nowhere.
    #[value(name = "None")]
    None,
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    controller: ControllerArgs,

    /// Where a server says what it has loaded, such as http://10.0.0.7:9090; may be given several times. Takes the place
    /// of the EndpointSlices with the label portcullis.dev/provider.
    #[arg(long, value_name = "URL", env = "PORTCULLIS_SERVER_ENDPOINT", value_delimiter = ',')]
    server_endpoint: Vec<String>,

    /// Health, readiness and metrics.
    #[arg(long, value_name = "ADDRESS", env = "PORTCULLIS_INTERNAL_LISTEN", default_value_t = everywhere(9090))]
    internal_listen: SocketAddr,

    #[command(flatten)]
    logging: logging::Logging,
}

pub(super) fn run(args: Args) -> ExitCode {
    let Args { controller, server_endpoint, internal_listen, logging } = args;
    cluster::run(&logging, async |config, shutdown| {
        let servers = match server_endpoint.as_slice() {
            [] => Servers::EndpointSlices,
            some => Servers::Endpoints(some.to_vec()),
        };
        let controller = controller.ready(config, servers)?;
        let probes = serve_probes(internal_listen, controller.probes(), shutdown.clone());
        let reconciling = then_cancel(&shutdown, controller.run(shutdown.clone()));
        let probing = then_cancel(&shutdown, probes);
        let (reconciled, probed) = tokio::join!(reconciling, probing);
        probed?;
        reconciled
    })
}

/// A controller that is ready to run.
pub(super) struct Controller {
    parts: Parts,
    lease: lease::Settings,
}

impl ControllerArgs {
    /// The first namespace with providers.
    pub(super) fn home(&self) -> String {
        self.provider_namespace.first().cloned().unwrap_or_default()
    }

    /// Makes the client, which writes only while this process leads.
    pub(super) fn ready(self, config: kube::Config, servers: Servers) -> Result<Controller, ClusterError> {
        let Self {
            provider_namespace,
            watch_namespace,
            secrets,
            lease_name,
            lease_namespace,
            lease_seconds,
            resync_seconds,
        } = self;
        let namespace = lease_namespace.unwrap_or_else(|| config.default_namespace.clone());
        let identity = unique(&hostname());
        let lease = lease::Settings::new(namespace, lease_name, identity, Duration::from_secs(lease_seconds));
        let leadership = Leadership::elected();
        let client = controller::fence::client(config, &leadership).map_err(Box::new)?;
        let settings = Settings {
            provider_namespaces: provider_namespace,
            watch_namespaces: watch_namespace,
            secrets: match secrets {
                Power::PerNamespace => SecretsPower::PerNamespace,
                Power::Cluster => SecretsPower::Cluster,
                Power::None => SecretsPower::None,
            },
            servers,
            resync: Duration::from_secs(resync_seconds),
            clock: now,
        };
        let (metrics, readiness) = (Metrics::new(), Readiness::new());
        Ok(Controller { parts: Parts { client, settings, leadership, metrics, readiness }, lease })
    }
}

impl Controller {
    /// What probes and scrapers are told. A standby is ready too: it could lead at any moment.
    pub(super) fn probes(&self) -> Probes {
        let (readiness, metrics) = (self.parts.readiness.clone(), self.parts.metrics.clone());
        Probes {
            ready: Arc::new(move || match readiness.missing().as_slice() {
                [] => Ok("ok".to_owned()),
                missing => Err(format!("waiting for a first list of {}", missing.join("; "))),
            }),
            metrics: Arc::new(move || metrics.encode().unwrap_or_default()),
        }
    }

    /// Takes part in the election, and reconciles while it leads.
    pub(super) async fn run(self, shutdown: CancellationToken) -> Result<(), ClusterError> {
        let Self { parts, lease } = self;
        let (client, leadership) = (parts.client.clone(), parts.leadership.clone());
        // The lease is given back after the last write was answered.
        let over = CancellationToken::new();
        let election = spawn_vital(&shutdown, lease::run(client, lease, leadership, now, over.clone()));
        let ran = controller::run(parts, shutdown).await;
        over.cancel();
        let elected = election.await;
        ran?;
        elected.map_err(|_| ClusterError::Ended)
    }
}
