//! The provider and the relying party, started together.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use url::Url;

use crate::binaries::Binaries;
use crate::http;
use crate::process::{Log, Process};
use crate::quickstart::{self, Addresses};

/// How long both may take until they answer; a debug build hashes passwords at its start.
const PATIENCE: Duration = Duration::from_mins(1);

/// What to start, and where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where they listen; the manifests must say the same.
    pub addresses: Addresses,
    /// The folder of manifests.
    pub manifests: PathBuf,
    /// The provider's state folder, made when absent.
    pub state: PathBuf,
    /// A folder for one log file each; `None` passes their output through.
    pub logs: Option<PathBuf>,
}

/// Both programs, running. Dropping it stops them, the relying party first.
#[derive(Debug)]
pub struct Stack {
    app: Process,
    provider: Process,
    addresses: Addresses,
    started: Instant,
}

impl Stack {
    /// Starts both and waits until they are ready.
    pub fn start(binaries: &Binaries, plan: &Plan) -> Result<Self> {
        let mut stack = Self::spawn(binaries, plan)?;
        while !stack.ready()? {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(stack)
    }

    /// Starts both and returns at once.
    pub fn spawn(binaries: &Binaries, plan: &Plan) -> Result<Self> {
        private_folder(&plan.state)?;
        if let Some(logs) = &plan.logs {
            fs::create_dir_all(logs).with_context(|| format!("make {}", logs.display()))?;
        }
        let log = |name: &str| plan.logs.as_ref().map_or(Log::Inherit, |folder| Log::File(folder.join(name)));
        let provider = Process::start("portcullis", provider(binaries, plan), log("portcullis.log"))?;
        let app = Process::start("demo-app", app(binaries, plan), log("demo-app.log"))?;
        Ok(Self { app, provider, addresses: plan.addresses, started: Instant::now() })
    }

    /// Whether the provider is ready and the relying party answers; an error once a program has
    /// ended or the time for both is over.
    pub fn ready(&mut self) -> Result<bool> {
        self.check()?;
        for url in [format!("http://{}/readyz", self.addresses.internal), self.addresses.app("/")] {
            let last = match http::get(&Url::parse(&url).context("a URL of ours")?) {
                Ok(response) if response.status == 200 => continue,
                Ok(response) => format!("status {}", response.status),
                Err(error) => format!("{error:#}"),
            };
            if self.started.elapsed() > PATIENCE {
                bail!("{url} does not answer 200 within {} s: {last}\n{}", PATIENCE.as_secs(), self.logged());
            }
            return Ok(false);
        }
        Ok(true)
    }

    /// Fails with the log of a program that has ended.
    pub fn check(&mut self) -> Result<()> {
        for process in [&mut self.provider, &mut self.app] {
            if let Some(status) = process.exited()? {
                bail!("{} ended: {status}\n{}", process.name(), process.logged());
            }
        }
        Ok(())
    }

    /// Where they listen.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What both have written, when that went to files: for the message of a failed test.
    pub fn logged(&self) -> String {
        [&self.provider, &self.app].map(|process| format!("--- {}\n{}", process.name(), process.logged())).concat()
    }
}

fn provider(binaries: &Binaries, plan: &Plan) -> Command {
    let mut command = Command::new(&binaries.portcullis);
    command.arg("standalone").arg("--manifests").arg(&plan.manifests).arg("--state").arg(&plan.state);
    command.arg("--listen").arg(plan.addresses.provider.to_string());
    command.arg("--internal-listen").arg(plan.addresses.internal.to_string());
    command
}

fn app(binaries: &Binaries, plan: &Plan) -> Command {
    let mut command = Command::new(&binaries.demo_app);
    command.arg("--listen").arg(plan.addresses.app.to_string());
    command.arg("--credentials").arg(quickstart::credentials(&plan.state));
    command
}

/// The provider refuses a state folder that others may read.
fn private_folder(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("make {}", path.display()))
}
