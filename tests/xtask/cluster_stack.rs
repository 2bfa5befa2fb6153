//! Controller, server and relying party on a control plane of their own.
//!
//! What an administrator of a cluster does by hand is done here in the same order: the kinds, the
//! roles, a namespace of an application team that lets the controller write Secrets, the programs,
//! each as its own ServiceAccount, and then the manifests of the quickstart.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::binaries::Binaries;
use crate::control_plane::ControlPlane;
use crate::process::{Log, Process};
use crate::quickstart::Addresses;
use crate::running::{self, Running};
use crate::stack::{app, private_folder};
use crate::watchdog::Watchdog;
use crate::{cluster, lock, paths};

/// How long the application may take to become Ready, and the programs to answer after that.
const PATIENCE: Duration = Duration::from_mins(1);

/// Longer than anybody demonstrates: the API server refuses the programs afterwards.
const TOKEN_LIFE: &str = "--duration=12h";

/// The namespace of the application, and who owns it.
const TENANT: &str = "team-a";

/// The roles of the programs and of people.
const ROLES: [&str; 3] = ["controller.yaml", "provider.yaml", "roles.yaml"];

/// What to start, and where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where server and relying party listen; the manifests must say the same.
    pub addresses: Addresses,
    /// Where the controller's probes and metrics listen.
    pub controller: SocketAddr,
    /// The folder of manifests.
    pub manifests: PathBuf,
    /// A folder for logs, the administrator's kubeconfig, and what is private as long as it runs.
    pub folder: PathBuf,
}

/// All of it, running. Whatever becomes of its owner, no process and nothing private stay behind;
/// the logs do.
#[derive(Debug)]
pub struct ClusterStack {
    // The control plane ends last: a controller that is told to end gives its Lease back.
    app: Option<Process>,
    server: Process,
    controller: Process,
    /// `kubectl wait`, until the application is Ready.
    waiting: Option<Process>,
    watchdog: Watchdog,
    plane: ControlPlane,
    applied: Instant,
    kubectl_took: Duration,
    ready_after: Option<Duration>,
    binaries: Binaries,
    plan: Plan,
    /// Held as long as we run: another run would clear our files.
    _alone: File,
}

impl ClusterStack {
    /// Starts everything and waits until somebody can log in.
    pub fn start(binaries: &Binaries, plan: &Plan) -> Result<Self> {
        running::wait(Self::spawn(binaries, plan)?)
    }

    /// Starts the control plane, installs, starts the programs and applies the manifests; does not
    /// wait for what becomes of them. The relying party is started once its Secret is there.
    pub fn spawn(binaries: &Binaries, plan: &Plan) -> Result<Self> {
        let Some(alone) = lock::take(&plan.folder.join("lock"))? else {
            bail!("another one runs in {}", plan.folder.display())
        };
        let private = plan.private();
        if private.exists() {
            fs::remove_dir_all(&private).with_context(|| format!("clear {}", private.display()))?;
        }
        private_folder(&private)?;
        // Before there is anything to remove, and from then on whatever happens.
        let mut watchdog = Watchdog::start(&private)?;
        let plane = ControlPlane::start(&plan.folder.join("control-plane"))?;
        install(&plane)?;

        let controller = account(&plane, plan, "portcullis-system", "portcullis-controller")?;
        let server = account(&plane, plan, "identity", "portcullis-server")?;
        let log = |name| Log::File(plan.folder.join(name));
        let controller = Process::start("controller", plan.controller(binaries, &controller), log("controller.log"))?;
        let server = Process::start("server", plan.server(binaries, &server), log("server.log"))?;
        watchdog.guard([controller.id(), server.id()].into_iter())?;

        let applied = Instant::now();
        plane.apply(&plan.manifests)?;
        let kubectl_took = applied.elapsed();
        let waiting = Process::start("kubectl wait", wait(&plane), log("wait.log"))?;
        watchdog.guard([controller.id(), server.id(), waiting.id()].into_iter())?;
        let (binaries, plan) = (binaries.clone(), plan.clone());
        Ok(Self {
            app: None,
            server,
            controller,
            waiting: Some(waiting),
            watchdog,
            plane,
            applied,
            kubectl_took,
            ready_after: None,
            binaries,
            plan,
            _alone: alone,
        })
    }

    /// The control plane.
    pub fn plane(&self) -> &ControlPlane {
        &self.plane
    }

    /// Where the logs are.
    pub fn logs(&self) -> &Path {
        &self.plan.folder
    }

    /// How long after the beginning of `kubectl apply` the application was Ready, once it was.
    pub fn ready_after(&self) -> Option<Duration> {
        self.ready_after
    }

    /// The part of that in which `kubectl apply` ran.
    pub fn kubectl_took(&self) -> Duration {
        self.kubectl_took
    }

    /// Runs `kubectl <words>` as the administrator, which must succeed, and returns its output.
    pub fn kubectl(&self, words: &[&str]) -> Result<String> {
        output(&self.plane, words)
    }

    /// Whether the application is Ready.
    fn is_ready(&mut self) -> Result<bool> {
        let Some(waiting) = &mut self.waiting else { return Ok(true) };
        let Some(status) = waiting.exited()? else { return Ok(false) };
        let told = waiting.logged();
        self.waiting = None;
        if !status.success() {
            let objects = self.kubectl(&["get", "oidc", "-A", "-o", "wide"]).unwrap_or_default();
            bail!("the application is not Ready: {told}{objects}\n{}", self.logged());
        }
        self.ready_after = Some(self.applied.elapsed());
        Ok(true)
    }

    /// Starts the relying party with the Secret that the controller has written.
    fn start_app(&mut self) -> Result<()> {
        let secret = self.kubectl(&["get", "secret", "notes-oidc", "-n", TENANT, "-o", "yaml"])?;
        let path = self.plan.private().join("notes-oidc.yaml");
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(secret.as_bytes()));
        written.with_context(|| format!("write {}", path.display()))?;
        let log = Log::File(self.plan.folder.join("demo-app.log"));
        let app = Process::start("demo-app", app(&self.binaries, self.plan.addresses, &path), log)?;
        self.watchdog.guard([app.id(), self.controller.id(), self.server.id()].into_iter())?;
        self.app = Some(app);
        Ok(())
    }
}

impl Running for ClusterStack {
    fn ready(&mut self) -> Result<bool> {
        self.check()?;
        if !self.is_ready()? {
            return Ok(false);
        }
        if self.app.is_none() {
            self.start_app()?;
        }
        let silent = running::silent(self.plan.addresses)?;
        if let Some(why) = &silent {
            let limit = PATIENCE * 2;
            ensure!(self.applied.elapsed() < limit, "nobody can log in within {limit:?}: {why}\n{}", self.logged());
        }
        Ok(silent.is_none())
    }

    fn check(&mut self) -> Result<()> {
        running::alive([&mut self.controller, &mut self.server].into_iter().chain(&mut self.app))
    }

    fn addresses(&self) -> Addresses {
        self.plan.addresses
    }

    fn logged(&self) -> String {
        running::logged([&self.controller, &self.server].into_iter().chain(&self.app))
    }
}

impl Plan {
    /// Tokens, the server's store and the client secret; gone when the stack is.
    fn private(&self) -> PathBuf {
        self.folder.join("private")
    }

    fn controller(&self, binaries: &Binaries, kubeconfig: &Path) -> Command {
        let mut command = Command::new(&binaries.portcullis);
        command.env("KUBECONFIG", kubeconfig).arg("controller");
        command.arg("--internal-listen").arg(self.controller.to_string());
        // There is no Pod and so no EndpointSlice to find the server by.
        command.arg("--server-endpoint").arg(format!("http://{}", self.addresses.internal));
        command
    }

    fn server(&self, binaries: &Binaries, kubeconfig: &Path) -> Command {
        let mut command = Command::new(&binaries.portcullis);
        command.env("KUBECONFIG", kubeconfig).arg("server");
        command.arg("--listen").arg(self.addresses.provider.to_string());
        command.arg("--internal-listen").arg(self.addresses.internal.to_string());
        command.arg("--store").arg(format!("sqlite:{}", self.private().join("state.db").display()));
        command
    }
}

/// The kinds, the roles, and the application team's namespace with its consent to Secrets.
fn install(plane: &ControlPlane) -> Result<()> {
    cluster::install(plane)?;
    for roles in ROLES {
        plane.apply(&paths::root().join("charts/rbac").join(roles))?;
    }
    plane.run_kubectl(&["create", "namespace", TENANT])?;
    plane.run_kubectl(&[
        "create",
        "rolebinding",
        "portcullis-secrets",
        "--namespace",
        TENANT,
        "--clusterrole=portcullis-tenant-secrets",
        "--serviceaccount=portcullis-system:portcullis-controller",
    ])
}

/// A kubeconfig of a ServiceAccount, in its own namespace.
fn account(plane: &ControlPlane, plan: &Plan, namespace: &str, name: &str) -> Result<PathBuf> {
    let token = output(plane, &["create", "token", name, "--namespace", namespace, TOKEN_LIFE])?;
    let path = plan.private().join(name).with_extension("kubeconfig");
    plane.write_kubeconfig(&path, token.trim(), namespace)?;
    Ok(path)
}

/// Ends when the application is Ready.
fn wait(plane: &ControlPlane) -> Command {
    let mut kubectl = plane.administer();
    kubectl.args(["wait", "--for=condition=Ready", "oapp/notes", "--namespace", TENANT]);
    kubectl.arg(format!("--timeout={}s", PATIENCE.as_secs()));
    kubectl
}

fn output(plane: &ControlPlane, words: &[&str]) -> Result<String> {
    let done = plane.administer().args(words).stdin(Stdio::null()).output().context("run kubectl")?;
    let line = words.join(" ");
    ensure!(done.status.success(), "`kubectl {line}`: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).with_context(|| format!("read from `kubectl {line}`"))
}
