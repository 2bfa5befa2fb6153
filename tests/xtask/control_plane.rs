//! etcd, kube-apiserver and kube-controller-manager on loopback ports, with throw-away data.

use std::fs::{self, File};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use url::Url;

use crate::kubernetes::Programs;
use crate::process::{Log, Process};
use crate::watchdog::Watchdog;
use crate::{http, ports, steps};

/// How long a part may take until it is ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the audit log is about: writes, whose contents it leaves out.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
- level: None
";

/// One process of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The database; nothing is synced to disk.
    Etcd,
    /// The API server.
    ApiServer,
    /// Garbage collection, the end of namespaces, aggregated roles; nothing else.
    ControllerManager,
}

impl Part {
    /// In the order in which they are started.
    pub const ALL: [Self; 3] = [Self::Etcd, Self::ApiServer, Self::ControllerManager];

    fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
        }
    }
}

/// A running control plane. Whatever becomes of its owner, no process and no data stay behind;
/// the logs do.
#[derive(Debug)]
pub struct ControlPlane {
    etcd: Option<Process>,
    api_server: Option<Process>,
    controller_manager: Option<Process>,
    watchdog: Watchdog,
    settings: Settings,
}

#[derive(Debug)]
struct Settings {
    programs: Programs,
    data: PathBuf,
    logs: PathBuf,
    etcd: SocketAddr,
    etcd_peer: SocketAddr,
    api_server: SocketAddr,
    controller_manager: SocketAddr,
    token: String,
}

impl ControlPlane {
    /// Starts all parts and waits until they are ready. Logs and the administrator's kubeconfig
    /// go into `folder`, which is cleared first.
    pub fn start(folder: &Path) -> Result<Self> {
        let programs = Programs::get()?;
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("clear {}", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let token = random()?;
        let data = std::env::temp_dir().join(format!("portcullis-control-plane-{}", random()?));
        fs::create_dir(&data).with_context(|| format!("make {}", data.display()))?;
        let settings = Settings {
            programs,
            logs: folder.to_path_buf(),
            etcd: ports::free()?,
            etcd_peer: ports::free()?,
            api_server: ports::free()?,
            controller_manager: ports::free()?,
            token,
            data,
        };
        settings.write_files()?;
        let watchdog = Watchdog::start(&settings.data)?;
        let mut plane = Self { controller_manager: None, api_server: None, etcd: None, watchdog, settings };
        for part in Part::ALL {
            plane.restart(part)?;
        }
        Ok(plane)
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.settings.kubeconfig()
    }

    /// A kubeconfig whose user is whom the API server takes `token` for; `namespace` is where
    /// `kubectl` looks by default.
    pub fn write_kubeconfig(&self, path: &Path, token: &str, namespace: &str) -> Result<()> {
        self.settings.write_kubeconfig(path, token, namespace)
    }

    /// `kubectl` as the administrator; what it remembers of this API server goes when that goes.
    pub fn administer(&self) -> Command {
        let mut kubectl = Command::new(self.kubectl());
        kubectl.arg("--kubeconfig").arg(self.kubeconfig()).arg("--cache-dir").arg(self.settings.data.join("kubectl"));
        kubectl
    }

    /// Runs `kubectl <words>` as the administrator, which must succeed. Only its errors are shown.
    pub fn run_kubectl(&self, words: &[&str]) -> Result<()> {
        let mut kubectl = self.administer();
        kubectl.args(words).stdout(Stdio::null());
        steps::succeed(kubectl)
    }

    /// Applies a manifest, or a folder of manifests, as the administrator.
    pub fn apply(&self, manifests: &Path) -> Result<()> {
        self.run_kubectl(&["apply", "-f", &manifests.display().to_string()])
    }

    /// The `kubectl` of this control plane's version.
    pub fn kubectl(&self) -> &Path {
        &self.settings.programs.kubectl
    }

    /// Where the logs are.
    pub fn logs(&self) -> &Path {
        &self.settings.logs
    }

    /// Who has written what: an event of audit.k8s.io as JSON in each line, there before the write is answered.
    pub fn audit(&self) -> PathBuf {
        self.settings.audit()
    }

    /// Ends a part at once, as a lost machine would; it stays away until [`Self::restart`].
    pub fn kill(&mut self, part: Part) -> Result<()> {
        if let Some(mut process) = self.slot(part).take() {
            process.kill();
        }
        self.tell_watchdog()
    }

    /// Stops a part without ending it: connections stay open and are not answered.
    pub fn pause(&mut self, part: Part) -> Result<()> {
        self.running(part)?.pause()
    }

    /// Lets a paused part go on.
    pub fn resume(&mut self, part: Part) -> Result<()> {
        self.running(part)?.resume();
        Ok(())
    }

    /// Starts a part anew, on the same data and address, and waits until it is ready.
    pub fn restart(&mut self, part: Part) -> Result<()> {
        self.kill(part)?;
        let process = Process::start(part.name(), self.settings.command(part), self.settings.log(part))?;
        *self.slot(part) = Some(process);
        self.tell_watchdog()?;
        let started = Instant::now();
        while !self.settings.ready(part)? {
            let process = self.running(part)?;
            if let Some(status) = process.exited()? {
                bail!("{} ended: {status}\n{}", part.name(), tail(&process.logged()));
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "{} was not ready within {PATIENCE:?}\n{}",
                part.name(),
                tail(&process.logged())
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Makes etcd forget every state but the latest; the answer is its revision, from which on a
    /// list or watch is possible.
    pub fn compact(&self) -> Result<u64> {
        // The key NUL, base64: any range answers with the store's revision.
        let answer = self.settings.ask_etcd("/v3/kv/range", r#"{"key":"AA=="}"#)?;
        let revision = answer.pointer("/header/revision").and_then(serde_json::Value::as_str);
        let revision: u64 = revision.context("etcd names no revision")?.parse().context("etcd's revision")?;
        self.settings.ask_etcd("/v3/kv/compaction", &format!(r#"{{"revision":"{revision}","physical":true}}"#))?;
        Ok(revision)
    }

    fn slot(&mut self, part: Part) -> &mut Option<Process> {
        match part {
            Part::Etcd => &mut self.etcd,
            Part::ApiServer => &mut self.api_server,
            Part::ControllerManager => &mut self.controller_manager,
        }
    }

    fn running(&mut self, part: Part) -> Result<&mut Process> {
        self.slot(part).as_mut().with_context(|| format!("{} is not running", part.name()))
    }

    fn tell_watchdog(&mut self) -> Result<()> {
        let Self { controller_manager, api_server, etcd, watchdog, settings: _ } = self;
        watchdog.guard([controller_manager, api_server, etcd].into_iter().flatten().map(|process| process.id()))
    }
}

impl Drop for ControlPlane {
    /// All at once: nobody needs these data again, and an orderly end takes an API server seconds.
    fn drop(&mut self) {
        for part in Part::ALL {
            if let Some(process) = self.slot(part) {
                process.kill();
            }
        }
    }
}

impl Settings {
    fn kubeconfig(&self) -> PathBuf {
        self.logs.join("admin.kubeconfig")
    }

    fn certificates(&self) -> PathBuf {
        self.data.join("certificates")
    }

    fn tokens(&self) -> PathBuf {
        self.data.join("tokens.csv")
    }

    fn audit_policy(&self) -> PathBuf {
        self.data.join("audit.yaml")
    }

    fn audit(&self) -> PathBuf {
        self.logs.join("audit.log")
    }

    fn write_files(&self) -> Result<()> {
        fs::write(self.tokens(), format!("{},admin,admin,system:masters\n", self.token)).context("write tokens.csv")?;
        fs::write(self.audit_policy(), AUDIT_POLICY).context("write audit.yaml")?;
        self.write_kubeconfig(&self.kubeconfig(), &self.token, "default")
    }

    fn write_kubeconfig(&self, path: &Path, token: &str, namespace: &str) -> Result<()> {
        let (address, authority) = (self.api_server, self.certificates().join("apiserver.crt"));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: 'https://{address}', certificate-authority: '{}'}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: test, namespace: '{namespace}'}}}}]\n\
             users: [{{name: test, user: {{token: '{token}'}}}}]\n",
            authority.display()
        );
        fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    fn log(&self, part: Part) -> Log {
        Log::File(self.logs.join(part.name()).with_extension("log"))
    }

    fn command(&self, part: Part) -> Command {
        match part {
            Part::Etcd => self.etcd(),
            Part::ApiServer => self.api_server(),
            Part::ControllerManager => self.controller_manager(),
        }
    }

    fn etcd(&self) -> Command {
        let (client, peer) = (format!("http://{}", self.etcd), format!("http://{}", self.etcd_peer));
        let mut etcd = Command::new(&self.programs.etcd);
        etcd.arg("--unsafe-no-fsync").arg("--data-dir").arg(self.data.join("etcd"));
        etcd.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        etcd.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        etcd.arg(format!("--initial-cluster=default={peer}"));
        etcd
    }

    fn api_server(&self) -> Command {
        let certificates = self.certificates();
        // The pair that the API server makes for its own address signs ServiceAccount tokens too.
        let key = certificates.join("apiserver.key");
        let mut server = Command::new(&self.programs.api_server);
        server.arg(format!("--etcd-servers=http://{}", self.etcd));
        server.arg("--cert-dir").arg(&certificates);
        server.arg(format!("--secure-port={}", self.api_server.port()));
        server.args(["--bind-address=127.0.0.1", "--service-cluster-ip-range=10.0.0.0/24"]);
        server.arg("--service-account-issuer=https://kubernetes.default.svc");
        server.arg("--service-account-key-file").arg(&key);
        server.arg("--service-account-signing-key-file").arg(&key);
        server.args(["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount"]);
        server.arg("--token-auth-file").arg(self.tokens());
        server.arg("--audit-policy-file").arg(self.audit_policy());
        server.arg("--audit-log-path").arg(self.audit()).arg("--audit-log-mode=blocking");
        server
    }

    fn controller_manager(&self) -> Command {
        let mut manager = Command::new(&self.programs.controller_manager);
        manager.arg("--kubeconfig").arg(self.kubeconfig());
        manager.args(["--bind-address=127.0.0.1", "--leader-elect=false", "--use-service-account-credentials"]);
        manager.arg(format!("--secure-port={}", self.controller_manager.port()));
        manager.arg("--cert-dir").arg(self.data.join("controller-manager"));
        manager.arg("--service-account-private-key-file").arg(self.certificates().join("apiserver.key"));
        manager.arg(
            "--controllers=garbage-collector-controller,namespace-controller,\
             clusterrole-aggregation-controller,serviceaccount-controller",
        );
        manager
    }

    fn ready(&self, part: Part) -> Result<bool> {
        match part {
            Part::Etcd => {
                let health = Url::parse(&format!("http://{}/health", self.etcd)).context("a URL of ours")?;
                Ok(http::get(&health).is_ok_and(|answer| answer.status == 200))
            }
            Part::ApiServer => Ok(self.certificates().join("apiserver.crt").is_file() && self.readyz()?),
            // It writes its own certificate before it listens.
            Part::ControllerManager => Ok(std::net::TcpStream::connect(self.controller_manager).is_ok()),
        }
    }

    fn readyz(&self) -> Result<bool> {
        let mut kubectl = Command::new(&self.programs.kubectl);
        kubectl.arg("--kubeconfig").arg(self.kubeconfig()).args(["--request-timeout=5s", "get", "--raw=/readyz"]);
        kubectl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(kubectl.status().context("run kubectl")?.success())
    }

    fn ask_etcd(&self, path: &str, body: &str) -> Result<serde_json::Value> {
        let url = Url::parse(&format!("http://{}{path}", self.etcd)).context("a URL of ours")?;
        let answer = http::send(&url, "POST", &[("content-type", "application/json")], body)?;
        ensure!(answer.status == 200, "etcd refused {path}: {} {}", answer.status, answer.body);
        serde_json::from_str(&answer.body).with_context(|| format!("etcd's answer to {path}: {}", answer.body))
    }
}

/// The end of a log, long enough to hold the reason.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(20));
    last.map(|line| ["    ", line, "\n"].concat()).collect()
}

/// 128 bits as hexadecimal digits.
fn random() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("read /dev/urandom")?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
