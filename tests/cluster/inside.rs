//! A controller and a server's feed inside the test: both can be stopped at any write, and looked into.
//!
//! They are the same code as in the programs, under the controller's and the server's own roles. What is missing are the
//! sockets: the server's word on what it has loaded goes from memory to memory.

mod cut;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use api::{Kind, ObjectKey, RecordKind};
use controller::feed::{self, Outlets};
use controller::lease::Leadership;
use controller::{Metrics, Parts, Readiness, SecretsPower, Servers, Settings};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use oidc::acknowledge::Loaded;
use oidc::catalog::Catalog;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::cut::{Cut, CutLayer, Moment};
use crate::objects::manifest;
use crate::{Cluster, NamespaceKind, Role, objects, role};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A provider, a namespace of applications, and whoever runs between them.
pub struct Inside {
    kubectl: PathBuf,
    kubeconfigs: Kubeconfigs,
    /// The namespace of the provider `default`.
    pub provider: String,
    /// The namespace of applications.
    pub tenant: String,
    admin: Client,
    controller: Option<Running>,
    feed: Option<Running>,
    serving: Serving,
    /// What the controller may do with Secrets.
    pub secrets: SecretsPower,
}

/// One for each role.
struct Kubeconfigs {
    admin: PathBuf,
    controller: PathBuf,
    server: PathBuf,
}

/// What the feed has delivered.
#[derive(Clone, Default)]
pub struct Serving(Arc<Mutex<Delivered>>);

#[derive(Default)]
struct Delivered {
    catalog: Option<Arc<Catalog>>,
    loaded: Option<Arc<Loaded>>,
    published: usize,
}

struct Running {
    task: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl Running {
    /// As a process that is killed: nothing is finished.
    fn kill(self) {
        self.task.abort();
    }

    async fn stop(self) {
        self.shutdown.cancel();
        drop(self.task.await);
    }
}

impl Serving {
    /// What is served now.
    pub fn catalog(&self) -> Option<Arc<Catalog>> {
        self.0.lock().ok()?.catalog.clone()
    }

    /// What was acknowledged.
    pub fn loaded(&self) -> Option<Arc<Loaded>> {
        self.0.lock().ok()?.loaded.clone()
    }

    /// How many catalogs there were.
    pub fn published(&self) -> usize {
        self.0.lock().map(|delivered| delivered.published).unwrap_or_default()
    }

    /// The client IDs that are served.
    pub fn clients(&self) -> Vec<String> {
        let catalog = self.catalog();
        let realms = catalog.iter().flat_map(|catalog| catalog.realms());
        realms.flat_map(|realm| realm.clients.keys().map(ToString::to_string)).collect()
    }

    /// Whether a client with this ID and secret would be let in.
    pub fn accepts(&self, client_id: &str, secret: &str) -> bool {
        let Some(catalog) = self.catalog() else { return false };
        let accepts = |client: &oidc::client::Client| match &client.authentication {
            oidc::client::ClientAuthentication::Public
            | oidc::client::ClientAuthentication::Keys(_)
            | oidc::client::ClientAuthentication::PublishedKeys(_) => false,
            oidc::client::ClientAuthentication::Secret { verifiers, .. } => {
                verifiers.iter().any(|one| one.verify(&catalog.server_keys, client_id, secret.as_bytes()))
            }
        };
        catalog.realms().any(|realm| realm.client(client_id).is_some_and(accepts))
    }
}

impl Inside {
    /// Makes the namespaces; nothing runs yet, and nothing else is there.
    pub async fn new(cluster: &Cluster, name: &str) -> Result<Self> {
        let provider = cluster.namespace(&format!("{name}-id"), NamespaceKind::Provider).await?;
        let tenant = cluster.namespace(name, NamespaceKind::Tenant).await?;
        let admin = cluster.client(&Role::ClusterAdmin).await?;
        let kubeconfigs = Kubeconfigs {
            admin: cluster.plane().kubeconfig(),
            controller: cluster.kubeconfig(&Role::Controller).await?,
            server: cluster.kubeconfig(&Role::Server(&provider)).await?,
        };
        let kubectl = cluster.plane().kubectl().to_path_buf();
        let (serving, secrets) = (Serving::default(), SecretsPower::PerNamespace);
        Ok(Self { kubectl, kubeconfigs, provider, tenant, admin, controller: None, feed: None, serving, secrets })
    }

    /// With a provider that permits the tenant, the RoleBinding for its Secrets, and both halves running.
    pub async fn start(cluster: &Cluster, name: &str) -> Result<Self> {
        let mut inside = Self::new(cluster, name).await?;
        inside.bind().await?;
        inside.apply(Kind::OidcProvider, "default", inside.provider_spec()).await?;
        inside.start_feed().await?;
        inside.start_controller(None).await?;
        Ok(inside)
    }

    /// The spec of a provider of which the tenant may use everything that is built.
    pub fn provider_spec(&self) -> Value {
        json!({
            "issuer": format!("https://{}.example.com/oidc", self.provider),
            "signing": {"algorithms": ["RS256"]},
            "applicationPolicies": [{
                "name": "tenant",
                "namespaces": {"type": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": self.tenant}}},
                "allowedRedirectHosts": ["*.example.com"],
            }],
        })
    }

    /// The spec of a small application of this provider.
    pub fn application_spec(&self) -> Value {
        json!({
            "providerRef": {"name": "default", "namespace": self.provider},
            "redirectURIs": ["https://app.example.com/callback"],
        })
    }

    /// Lets the controller write Secrets of the tenant.
    pub async fn bind(&self) -> Result<()> {
        role::permit_secrets(&self.admin, &self.tenant).await
    }

    /// Takes that away again.
    pub async fn unbind(&self) -> Result<()> {
        let api: Api<k8s_openapi::api::rbac::v1::RoleBinding> = Api::namespaced(self.admin.clone(), &self.tenant);
        api.delete(role::SECRETS_BINDING, &kube::api::DeleteParams::default())
            .await
            .context("unbind the controller")?;
        Ok(())
    }

    /// Starts the controller, which goes no further than `cut`.
    pub async fn start_controller(&mut self, cut: Option<Cut>) -> Result<()> {
        let config = config(&self.kubeconfigs.controller).await?;
        let builder = ClientBuilder::try_from(config).context("make a client")?;
        let client = match cut {
            None => builder.build(),
            Some(cut) => builder.with_layer(&CutLayer(cut)).build(),
        };
        let serving = self.serving.clone();
        let settings = Settings {
            provider_namespaces: vec![self.provider.clone()],
            watch_namespaces: vec![self.tenant.clone()],
            secrets: self.secrets,
            servers: Servers::InProcess(Arc::new(move || serving.loaded())),
            resync: Duration::from_mins(10),
            clock,
        };
        let parts = Parts {
            client,
            settings,
            leadership: Leadership::always(),
            metrics: Metrics::new(),
            readiness: Readiness::new(),
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { drop(controller::run(parts, shutdown).await) }
        });
        self.controller = Some(Running { task, shutdown });
        Ok(())
    }

    /// Ends the controller as a lost machine would.
    pub fn kill_controller(&mut self) {
        if let Some(running) = self.controller.take() {
            running.kill();
        }
    }

    /// Starts what a server does with records.
    pub async fn start_feed(&mut self) -> Result<()> {
        let config = config(&self.kubeconfigs.server).await?;
        self.feed_through(config, feed::Settings::WATCH_SECONDS)
    }

    /// The same through a proxy on this machine, by watches that last so many seconds.
    pub async fn start_feed_through(&mut self, proxy: SocketAddr, watch_seconds: u32) -> Result<()> {
        let mut config = config(&self.kubeconfigs.server).await?;
        // The certificate names the API server's own address.
        config.tls_server_name = config.cluster_url.host().map(str::to_owned);
        config.cluster_url = format!("https://{proxy}").parse().context("the proxy's URL")?;
        self.feed_through(config, watch_seconds)
    }

    /// Where the API server listens.
    pub async fn api_server(&self) -> Result<SocketAddr> {
        let config = config(&self.kubeconfigs.admin).await?;
        let authority = config.cluster_url.authority().context("the API server's address")?.to_string();
        authority.parse().context("the API server's address")
    }

    fn feed_through(&mut self, config: Config, watch_seconds: u32) -> Result<()> {
        let client = Client::try_from(config).context("make a client")?;
        let provider = ObjectKey::new(&self.provider, "default");
        let settings = feed::Settings { provider, plain_http: false, watch_seconds };
        let (publish, tell) = (self.serving.clone(), self.serving.clone());
        let outlets = Outlets {
            publish: Box::new(move |catalog| {
                if let Ok(mut delivered) = publish.0.lock() {
                    delivered.catalog = Some(catalog);
                    delivered.published += 1;
                }
            }),
            loaded: Box::new(move |loaded| {
                if let Ok(mut delivered) = tell.0.lock() {
                    delivered.loaded = Some(Arc::new(loaded));
                }
            }),
            heard: Box::new(|| {}),
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(feed::run(client, settings, outlets, shutdown.clone()));
        self.feed = Some(Running { task, shutdown });
        Ok(())
    }

    /// Ends the feed: what was loaded is still acknowledged, and nothing more is.
    pub async fn stop_feed(&mut self) {
        if let Some(running) = self.feed.take() {
            running.stop().await;
        }
    }

    /// What the feed has delivered.
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// The administrator's client.
    pub fn admin(&self) -> &Client {
        &self.admin
    }

    /// The objects of a kind, in the namespace where they belong.
    pub fn objects(&self, kind: Kind) -> Api<DynamicObject> {
        let namespace = match kind {
            Kind::OidcApplication | Kind::OidcResource => &self.tenant,
            Kind::OidcProvider | Kind::OidcUser | Kind::OidcGroup => &self.provider,
        };
        objects::api(&self.admin, kind.as_str(), kind.plural(), namespace)
    }

    /// The provider's records of a kind.
    pub fn records(&self, kind: RecordKind) -> Api<DynamicObject> {
        objects::records(&self.admin, kind, &self.provider)
    }

    /// The Secrets of the tenant.
    pub fn tenant_secrets(&self) -> Api<Secret> {
        Api::namespaced(self.admin.clone(), &self.tenant)
    }

    /// The Secrets of the provider.
    pub fn provider_secrets(&self) -> Api<Secret> {
        Api::namespaced(self.admin.clone(), &self.provider)
    }

    /// Applies an object as its owner would.
    pub async fn apply(&self, kind: Kind, name: &str, spec: Value) -> Result<()> {
        let params = PatchParams::apply("test").force();
        let object = manifest(kind.as_str(), name, &spec);
        self.objects(kind)
            .patch(name, &params, &Patch::Apply(object))
            .await
            .with_context(|| format!("apply {kind} {name}"))?;
        Ok(())
    }

    /// Waits until something holds, and says what was there instead if it never does.
    pub async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Result<Result<T, String>>) -> Result<T> {
        let started = Instant::now();
        let mut last = String::new();
        while started.elapsed() < PATIENCE {
            match look().await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(instead)) => last = instead,
                Err(error) => last = format!("{error:#}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("{what}: not within {PATIENCE:?}; instead: {last}")
    }

    /// Waits until a condition of an object's current generation has this status and reason, and returns its message.
    pub async fn condition(&self, kind: Kind, name: &str, type_: &str, status: &str, reason: &str) -> Result<String> {
        let api = self.objects(kind);
        self.until(&format!("{kind} {name} {type_}={status}/{reason}"), async || {
            let object = api.get(name).await?;
            let conditions = object.data.pointer("/status/conditions").cloned().unwrap_or_default();
            let found = conditions.as_array().into_iter().flatten().find(|one| one["type"] == type_);
            let current = |one: &&Value| one["observedGeneration"].as_i64() == object.metadata.generation;
            let matches = |one: &&Value| one["status"] == status && one["reason"] == reason;
            Ok(match found.filter(current).filter(matches) {
                Some(one) => Ok(one["message"].as_str().unwrap_or_default().to_owned()),
                None => Err(conditions.to_string()),
            })
        })
        .await
    }

    /// Waits until an object is ready.
    pub async fn ready(&self, kind: Kind, name: &str) -> Result<()> {
        self.condition(kind, name, "Ready", "True", "Ready").await.map(drop)
    }

    /// Applies a small application of this provider, and waits until it is ready.
    pub async fn application(&self, name: &str) -> Result<()> {
        self.apply(Kind::OidcApplication, name, self.application_spec()).await?;
        self.ready(Kind::OidcApplication, name).await
    }

    /// Waits for a Secret of the tenant, and returns it.
    pub async fn secret(&self, name: &str) -> Result<Secret> {
        let api = self.tenant_secrets();
        self.until(&format!("Secret {name}"), async || {
            Ok(api.get_opt(name).await?.ok_or_else(|| "there is none".to_owned()))
        })
        .await
    }

    /// Runs `kubectl <words>` as the administrator, which must succeed.
    pub fn kubectl(&self, words: &[&str]) -> Result<()> {
        let mut kubectl = std::process::Command::new(&self.kubectl);
        kubectl.arg("--kubeconfig").arg(&self.kubeconfigs.admin).args(words).stdout(Stdio::null());
        xtask::steps::succeed(kubectl)
    }
}

/// The text under a key of a Secret.
pub fn text(secret: &Secret, key: &str) -> String {
    let ByteString(octets) = secret
        .data
        .iter()
        .flatten()
        .find(|(name, _)| *name == key)
        .map_or_else(|| ByteString(Vec::new()), |(_, value)| value.clone());
    String::from_utf8_lossy(&octets).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "a test outside of the product reads the clock")]
fn clock() -> Timestamp {
    Timestamp::now()
}

async fn config(kubeconfig: &Path) -> Result<Config> {
    let read = Kubeconfig::read_from(kubeconfig).context("read a kubeconfig of ours")?;
    Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.context("use a kubeconfig of ours")
}
