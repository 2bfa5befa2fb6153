//! The provider and the relying party, started together.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::binaries::Binaries;
use crate::process::{Log, Process};
use crate::quickstart::{self, Addresses};
use crate::running::{self, Running};

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
        running::wait(Self::spawn(binaries, plan)?)
    }

    /// Starts both and returns at once.
    pub fn spawn(binaries: &Binaries, plan: &Plan) -> Result<Self> {
        private_folder(&plan.state)?;
        if let Some(logs) = &plan.logs {
            fs::create_dir_all(logs).with_context(|| format!("make {}", logs.display()))?;
        }
        let log = |name: &str| plan.logs.as_ref().map_or(Log::Inherit, |folder| Log::File(folder.join(name)));
        let provider = Process::start("portcullis", provider(binaries, plan), log("portcullis.log"))?;
        let app = Process::start(
            "demo-app",
            app(binaries, plan.addresses, &quickstart::credentials(&plan.state)),
            log("demo-app.log"),
        )?;
        Ok(Self { app, provider, addresses: plan.addresses, started: Instant::now() })
    }
}

impl Running for Stack {
    fn ready(&mut self) -> Result<bool> {
        self.check()?;
        let silent = running::silent(self.addresses)?;
        if let Some(why) = &silent {
            let limit = PATIENCE.as_secs();
            ensure!(self.started.elapsed() < PATIENCE, "not ready within {limit} s: {why}\n{}", self.logged());
        }
        Ok(silent.is_none())
    }

    fn check(&mut self) -> Result<()> {
        running::alive([&mut self.provider, &mut self.app])
    }

    fn addresses(&self) -> Addresses {
        self.addresses
    }

    fn logged(&self) -> String {
        running::logged([&self.provider, &self.app])
    }
}

fn provider(binaries: &Binaries, plan: &Plan) -> Command {
    let mut command = Command::new(&binaries.portcullis);
    command.arg("standalone").arg("--manifests").arg(&plan.manifests).arg("--state").arg(&plan.state);
    command.arg("--listen").arg(plan.addresses.provider.to_string());
    command.arg("--internal-listen").arg(plan.addresses.internal.to_string());
    command
}

/// The relying party, with the Secret in the file `credentials`.
pub(crate) fn app(binaries: &Binaries, addresses: Addresses, credentials: &Path) -> Command {
    let mut command = Command::new(&binaries.demo_app);
    command.arg("--listen").arg(addresses.app.to_string()).arg("--credentials").arg(credentials);
    command
}

/// Makes a folder that others may not read: the provider refuses any other for its state.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("make {}", path.display()))
}
