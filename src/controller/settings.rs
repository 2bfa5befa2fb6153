//! What a controller is told at its start.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use oidc::acknowledge::Loaded;

/// How a controller works.
#[derive(Clone)]
pub struct Settings {
    /// Where providers, people and groups are, at least one namespace. An absent `providerRef` means the provider
    /// `default` of the first.
    pub provider_namespaces: Vec<String>,
    /// Where applications and resources are looked for; none: everywhere.
    pub watch_namespaces: Vec<String>,
    /// What it may do with Secrets of tenants.
    pub secrets: SecretsPower,
    /// Where it hears what servers have loaded.
    pub servers: Servers,
    /// Everything is looked at again after this time. What is as it should be is not written.
    pub resync: Duration,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider_namespaces, watch_namespaces, secrets, servers, resync, clock: _ } = self;
        f.debug_struct("Settings")
            .field("provider_namespaces", provider_namespaces)
            .field("watch_namespaces", watch_namespaces)
            .field("secrets", secrets)
            .field("servers", servers)
            .field("resync", resync)
            .finish_non_exhaustive()
    }
}

/// The controller's power over Secrets in the namespaces of applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretsPower {
    /// Where a RoleBinding grants it, namespace by namespace.
    PerNamespace,
    /// Everywhere.
    Cluster,
    /// Nowhere: applications must do without a Secret.
    None,
}

/// Where the controller hears what servers have loaded.
#[derive(Clone)]
pub enum Servers {
    /// At the serving endpoints of the EndpointSlices with the label [`PROVIDER_LABEL`].
    EndpointSlices,
    /// At these URLs, such as `http://10.0.0.7:9090`.
    Endpoints(Vec<String>),
    /// In this process.
    InProcess(Arc<dyn Fn() -> Option<Arc<Loaded>> + Send + Sync>),
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndpointSlices => f.write_str("EndpointSlices"),
            Self::Endpoints(urls) => f.debug_tuple("Endpoints").field(urls).finish(),
            Self::InProcess(_) => f.write_str("InProcess"),
        }
    }
}

/// The label of a Service, and thereby of its EndpointSlices, whose Pods serve the provider that it names.
pub const PROVIDER_LABEL: &str = "portcullis.dev/provider";

/// The port of `/loaded` where an EndpointSlice names none `internal`.
pub const INTERNAL_PORT: u16 = 9090;
