//! The programs as processes: a provider's namespace, one of applications, and whoever runs between them.
//!
//! Each runs as its ServiceAccount, on ports of its own, and looks at the namespaces of its scene alone: many scenes fit
//! on one control plane.

mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use api::Kind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use url::Url;
use xtask::http::{self, Response};
use xtask::{binaries, ports, secrecy};

pub use self::process::Program;
use crate::objects::{self, manifest};
use crate::{Cluster, NamespaceKind, Role, role};

/// How long anything may take that is to happen soon.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A provider and its namespaces.
pub struct Scene<'c> {
    cluster: &'c Cluster,
    /// The administrator of the cluster.
    pub admin: Client,
    /// The namespace of the provider `default`.
    pub provider: String,
    /// The namespace of applications, where the controller may write Secrets.
    pub tenant: String,
    /// Where the issuer's host is.
    pub issuer: SocketAddr,
    /// Whether a server was started there.
    served: AtomicBool,
    binary: PathBuf,
    logs: Mutex<Vec<PathBuf>>,
    /// What none of the logs may hold: the secrets that were read here, and the provider's own.
    secrets: Mutex<BTreeSet<String>>,
}

/// Whatever a test did, no program may have logged a secret.
impl Drop for Scene<'_> {
    fn drop(&mut self) {
        let (Ok(logs), Ok(secrets)) = (self.logs.lock(), self.secrets.lock()) else { return };
        if std::thread::panicking() {
            return;
        }
        for path in logs.iter() {
            let log = std::fs::read_to_string(path).unwrap_or_default();
            let logged = secrets.iter().any(|secret| log.contains(secret.as_str()));
            assert!(!logged, "{} holds a secret", path.display());
        }
    }
}

impl std::fmt::Debug for Scene<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scene").field("provider", &self.provider).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// A server, and where it is.
#[derive(Debug)]
pub struct Server {
    /// The process.
    pub program: Program,
    /// Where browsers and applications come in.
    pub listen: SocketAddr,
    /// As which it makes itself known.
    pub instance: String,
}

/// The program as this workspace has it now.
pub fn built() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| match binaries::build() {
        Ok(binaries) => Ok(binaries.portcullis),
        Err(error) => Err(format!("{error:#}")),
    });
    built.as_deref().map_err(|error| anyhow!("{error}"))
}

impl<'c> Scene<'c> {
    /// The namespaces, and a provider whose issuer is a free port of this machine. Their names begin with `name`, and so
    /// do those of the logs.
    pub async fn new(cluster: &'c Cluster, name: &str, binary: &Path) -> Result<Self> {
        let provider = cluster.namespace(&format!("{name}-identity"), NamespaceKind::Provider).await?;
        let tenant = cluster.namespace(&format!("{name}-apps"), NamespaceKind::Tenant).await?;
        let admin = cluster.client(&Role::ClusterAdmin).await?;
        let (issuer, binary) = (ports::free()?, binary.to_path_buf());
        let (logs, secrets) = (Mutex::default(), Mutex::default());
        let served = AtomicBool::new(false);
        let scene = Self { cluster, admin, provider, tenant, issuer, served, binary, logs, secrets };
        role::permit_secrets(&scene.admin, &scene.tenant).await?;
        let policy = json!({"name": "all", "namespaces": {"type": "All"}, "loopbackRedirects": "AddressOnly"});
        let spec = json!({"issuer": format!("http://{issuer}/oidc"), "applicationPolicies": [policy]});
        scene.create(Kind::OidcProvider, "default", &spec).await?;
        Ok(scene)
    }

    /// The objects of a kind of ours: applications and APIs in the tenant's namespace, all others in the provider's.
    pub fn objects(&self, kind: Kind) -> Api<DynamicObject> {
        let namespace = match kind {
            Kind::OidcApplication | Kind::OidcResource => &self.tenant,
            Kind::OidcProvider | Kind::OidcUser | Kind::OidcGroup => &self.provider,
        };
        objects::api(&self.admin, kind.as_str(), kind.plural(), namespace)
    }

    /// Creates an object of a kind of ours.
    pub async fn create(&self, kind: Kind, name: &str, spec: &Value) -> Result<()> {
        let created = objects::create(&self.objects(kind), &manifest(kind.as_str(), name, spec)).await?;
        created.map(drop).map_err(|status| anyhow!("{kind} {name}: {}", status.message))
    }

    /// Creates an application with a generated client secret.
    pub async fn application(&self, name: &str) -> Result<()> {
        self.create(Kind::OidcApplication, name, &json!({"redirectURIs": ["http://127.0.0.1:8081/callback"]})).await
    }

    /// Starts a controller for this scene, which looks for servers in EndpointSlices unless `arguments` name some.
    pub async fn controller(&self, name: &str, arguments: &[&str]) -> Result<Program> {
        let kubeconfig = self.cluster.kubeconfig(&Role::Controller).await?;
        let mut command = Command::new(&self.binary);
        command.arg("controller").args(["--provider-namespace", &self.provider, "--watch-namespace", &self.tenant]);
        command.args(["--lease-name", &self.provider]).args(arguments);
        self.start(name, command, &kubeconfig, ports::free()?)
    }

    /// Starts a server of the provider. The first is where the issuer's host is.
    pub async fn server(&self, name: &str) -> Result<Server> {
        let kubeconfig = self.cluster.kubeconfig(&Role::Server(&self.provider)).await?;
        let listen = if self.served.swap(true, Ordering::Relaxed) { ports::free()? } else { self.issuer };
        let instance = format!("{}-{name}", self.provider);
        let internal = ports::free()?;
        let mut command = Command::new(&self.binary);
        command.args(["server", "--instance", &instance]).args(["--listen", &listen.to_string()]);
        let program = self.start(name, command, &kubeconfig, internal)?;
        Ok(Server { program, listen, instance })
    }

    fn start(&self, name: &str, command: Command, kubeconfig: &Path, internal: SocketAddr) -> Result<Program> {
        let log = self.cluster.plane().logs().join(format!("{}-{name}.log", self.provider));
        let program = Program::start(command, kubeconfig, internal, &log)?;
        self.logs.lock().map_err(|_| anyhow!("another test has failed"))?.push(log);
        Ok(program)
    }

    /// Waits until an object is Ready as it is now, and returns it.
    pub async fn ready(&self, kind: Kind, name: &str) -> Result<Value> {
        self.until(kind, name, "is Ready", |object| {
            let observed = object.pointer("/status/observedGeneration");
            observed == object.pointer("/metadata/generation") && status_of(object, "Ready") == Some("True")
        })
        .await
    }

    /// Waits until an object is as it should be, and returns it. On failure the error shows its status and what the
    /// programs said last.
    pub async fn until(&self, kind: Kind, name: &str, what: &str, check: impl Fn(&Value) -> bool) -> Result<Value> {
        let (api, asked) = (self.objects(kind), Instant::now());
        loop {
            let object = serde_json::to_value(api.get(name).await.with_context(|| format!("get {kind} {name}"))?)?;
            if check(&object) {
                return Ok(object);
            }
            if asked.elapsed() > PATIENCE {
                let status = serde_json::to_string_pretty(&object.get("status"))?;
                bail!("{kind} {name}: not within {PATIENCE:?}: {what}\n{status}\n{}", self.logged());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// The version of an object, which every write changes.
    pub async fn version(&self, kind: Kind, name: &str) -> Result<String> {
        let object = self.objects(kind).get(name).await.with_context(|| format!("get {kind} {name}"))?;
        object.metadata.resource_version.context("an object without a version")
    }

    /// The Secret of an application, if there is one.
    pub async fn secret(&self, application: &str) -> Result<Option<BTreeMap<String, String>>> {
        let secrets: Api<Secret> = Api::namespaced(self.admin.clone(), &self.tenant);
        let secret = secrets.get_opt(&format!("{application}-oidc")).await.context("get a Secret")?;
        let data = secret.map(|secret| secret.data.unwrap_or_default());
        let own: Api<Secret> = Api::namespaced(self.admin.clone(), &self.provider);
        let own = own.list(&ListParams::default()).await.context("list the provider's Secrets")?;
        let own = own.items.into_iter().flat_map(|secret| secret.data.unwrap_or_default().into_values());
        let told = data.iter().flatten().filter(|(key, _)| key.contains("SECRET")).map(|(_, value)| value.clone());
        if let Ok(mut secrets) = self.secrets.lock() {
            secrets.extend(own.chain(told).flat_map(|value| secrecy::forms(&value.0)));
        }
        Ok(data.map(|data| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            data.into_iter().map(|(key, value)| (key, text(&value.0))).collect()
        }))
    }

    /// Whether a server knows an application by its Secret: a code that nobody issued is refused either way, but a client
    /// that is not authenticated is refused before it.
    pub async fn accepts(&self, server: &Server, application: &str) -> Result<bool> {
        let secret = self.secret(application).await?.with_context(|| format!("{application} has no Secret"))?;
        let client_secret = secret.get("OIDC_CLIENT_SECRET").context("no OIDC_CLIENT_SECRET")?;
        let wrong = self.refusal(server, application, "a-wrong-secret-of-thirty-two-characters")?;
        ensure!(wrong == "invalid_client", "to a wrong secret the token endpoint says {wrong}\n{}", self.logged());
        match self.refusal(server, application, client_secret)?.as_str() {
            "invalid_grant" => Ok(true),
            "invalid_client" => Ok(false),
            other => bail!("the token endpoint says {other}\n{}", self.logged()),
        }
    }

    /// What the token endpoint has against a client that comes with a bogus code: an error of RFC 6749 §5.2.
    fn refusal(&self, server: &Server, application: &str, secret: &str) -> Result<String> {
        let url = Url::parse(&format!("http://{}/oidc/token", self.issuer)).context("a URL of ours")?;
        let credentials = STANDARD.encode(format!("{}.{application}:{secret}", self.tenant));
        let headers = [
            ("authorization", &*format!("Basic {credentials}")),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        // A well-formed code: anything else is refused before anybody asks who comes with it.
        let body = format!(
            "grant_type=authorization_code&code={}&redirect_uri={}&code_verifier={}",
            "A".repeat(64),
            "http%3A%2F%2F127.0.0.1%3A8081%2Fcallback",
            "a-verifier-of-forty-three-characters-or-more",
        );
        let Response { status, headers: _, body } =
            http::send_to(&[server.listen], &url, "POST", &headers, &body).context("ask the token endpoint")?;
        let answer: Value = serde_json::from_str(&body).with_context(|| format!("{status}: no JSON: {body}"))?;
        Ok(answer.get("error").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// What the programs of this scene have said last.
    pub fn logged(&self) -> String {
        let logs = self.logs.lock().map(|logs| logs.clone()).unwrap_or_default();
        logs.iter().map(|path| process::tail(path)).collect()
    }
}

/// The condition of a type.
pub fn condition<'o>(object: &'o Value, type_: &str) -> Option<&'o Value> {
    object.pointer("/status/conditions")?.as_array()?.iter().find(|condition| condition["type"] == type_)
}

/// The status of a condition.
pub fn status_of<'o>(object: &'o Value, type_: &str) -> Option<&'o str> {
    condition(object, type_)?.get("status")?.as_str()
}
