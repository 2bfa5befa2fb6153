//! One running program.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use url::Url;
use xtask::http;
use xtask::process::{Log, Process};
use xtask::watchdog::Watchdog;

use super::PATIENCE;

/// A program that is ended with its owner, and leaves nothing but its log.
#[derive(Debug)]
pub struct Program {
    // In this order: the watchdog finds nobody left.
    process: Process,
    _watchdog: Watchdog,
    internal: SocketAddr,
    /// What the API server calls the token that this program comes with; no other program has it.
    pub credential: String,
}

impl Program {
    /// Starts the program with the flags that all commands have in common.
    pub(super) fn start(mut command: Command, kubeconfig: &Path, internal: SocketAddr, log: &Path) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let data = std::env::temp_dir().join(format!("portcullis-program-{}-{number}", std::process::id()));
        fs::create_dir(&data).with_context(|| format!("make {}", data.display()))?;
        let mut watchdog = Watchdog::start(&data)?;
        let store = format!("sqlite:{}", data.join("state.db").display());
        command.env("KUBECONFIG", kubeconfig).env("PORTCULLIS_STORE", store);
        command.args(["--internal-listen", &internal.to_string()]);
        let process = Process::start("portcullis", command, Log::File(log.to_path_buf()))?;
        watchdog.guard([process.id()].into_iter())?;
        Ok(Self { process, _watchdog: watchdog, internal, credential: credential(kubeconfig)? })
    }

    /// Its port for probes, as a URL.
    pub fn internal(&self) -> String {
        format!("http://{}", self.internal)
    }

    /// The same as an address.
    pub fn internal_address(&self) -> SocketAddr {
        self.internal
    }

    /// Waits until it is ready: a controller has seen everything, a server serves.
    pub async fn wait_ready(&mut self) -> Result<()> {
        let (url, asked) =
            (Url::parse(&format!("{}/readyz", self.internal())).context("a URL of ours")?, Instant::now());
        while !http::get(&url).is_ok_and(|answer| answer.status == 200) {
            if let Some(status) = self.process.exited()? {
                bail!("it has ended: {status}\n{}", self.process.logged());
            }
            if asked.elapsed() > PATIENCE {
                bail!("not ready within {PATIENCE:?}\n{}", self.process.logged());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// SIGSTOP: connections stay open and are not answered.
    pub fn pause(&self) -> Result<()> {
        self.process.pause()
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// SIGKILL, and nothing else.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill();
        while self.process.exited()?.is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Ok(())
    }

    /// What it has said.
    pub fn logged(&self) -> String {
        self.process.logged()
    }

    /// The value of one of its metrics, by its name and labels.
    pub fn metric(&self, name: &str) -> Result<Option<f64>> {
        let url = Url::parse(&format!("{}/metrics", self.internal())).context("a URL of ours")?;
        let answer = http::get(&url)?;
        let line = answer.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map(|value| value.parse().with_context(|| format!("{name} is {value}"))).transpose()
    }

    /// Memory that it holds, in KiB.
    pub fn resident(&self) -> Result<u64> {
        let path = PathBuf::from(format!("/proc/{}/status", self.process.id()));
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        line.trim().trim_end_matches(" kB").trim().parse().with_context(|| format!("VmRSS is {line}"))
    }
}

/// The identifier of the token in a kubeconfig, as audit events have it (`JTI=…`).
fn credential(kubeconfig: &Path) -> Result<String> {
    let text = fs::read_to_string(kubeconfig).context("read a kubeconfig of ours")?;
    let token = text.split("token: '").nth(1).and_then(|rest| rest.split('\'').next()).context("no token")?;
    let claims = token.split('.').nth(1).context("the token is no JWT")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).context("the token is no JWT")?)?;
    let identifier = claims.get("jti").and_then(Value::as_str).context("the token has no identifier")?;
    Ok(format!("JTI={identifier}"))
}

/// The end of a log, long enough to hold the reason.
pub(super) fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|error| format!("(no log: {error})"));
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(15));
    let last: String = last.map(|line| ["    ", line, "\n"].concat()).collect();
    format!("--- {}\n{last}", path.display())
}
