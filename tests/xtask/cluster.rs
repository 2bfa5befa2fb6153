//! `cargo xtask cluster up|down|kubectl …`: the test control plane, for people.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::control_plane::ControlPlane;
use crate::kubernetes::Programs;
use crate::{lock, paths};

/// How long a control plane may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(90);

/// What to do with the control plane.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Start it in the background, on empty data, and install the kinds.
    Up,
    /// End it and forget its data.
    Down,
    /// Run kubectl in it, as its administrator.
    #[command(disable_help_flag = true)]
    Kubectl {
        /// The arguments of kubectl.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Run it until told to end; `up` starts this.
    #[command(hide = true)]
    Serve,
}

/// Does it.
pub fn run(args: Args) -> Result<()> {
    let place = Place { folder: paths::target()?.join("cluster/up") };
    match args.command {
        Action::Up => place.up(),
        Action::Down => place.down(),
        Action::Kubectl { words } => place.kubectl(&words),
        Action::Serve => place.serve(),
    }
}

/// The files by which the commands find each other. Whoever serves holds the lock, and its
/// process ID is believed only while somebody does.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn lock(&self) -> PathBuf {
        self.folder.with_extension("lock")
    }

    fn process(&self) -> PathBuf {
        self.folder.with_extension("pid")
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }

    /// The lock, unless somebody serves.
    fn free(&self) -> Result<Option<File>> {
        lock::take(&self.lock())
    }

    fn up(&self) -> Result<()> {
        Programs::get()?;
        let Some(lock) = self.free()? else { bail!("it is up: `cargo xtask cluster kubectl get oidc -A`") };
        drop(lock);
        drop(fs::remove_file(self.process()));
        let log_path = self.folder.with_extension("log");
        let log = File::create(&log_path).with_context(|| format!("make {}", log_path.display()))?;
        let mut server = Command::new(std::env::current_exe().context("find this program")?);
        server.args(["cluster", "serve"]).process_group(0).stdin(Stdio::null());
        server.stdout(log.try_clone().context("share a log file")?).stderr(log);
        let mut server = server.spawn().context("start the control plane")?;
        let started = Instant::now();
        while !self.process().is_file() {
            if let Some(status) = server.try_wait().context("ask after the control plane")? {
                bail!("it did not start: {status}\n{}", fs::read_to_string(&log_path).unwrap_or_default());
            }
            ensure!(started.elapsed() < PATIENCE, "it did not start; see {}", log_path.display());
            std::thread::sleep(Duration::from_millis(50));
        }
        println!("  up in      {:.1} s", started.elapsed().as_secs_f64());
        println!("  kubectl    cargo xtask cluster kubectl get oidc -A");
        println!("  elsewhere  export KUBECONFIG={}", self.kubeconfig().display());
        println!("  logs       {}", self.folder.display());
        println!("  end        cargo xtask cluster down");
        Ok(())
    }

    fn down(&self) -> Result<()> {
        if self.free()?.is_some() {
            println!("  it is not up");
            return Ok(());
        }
        let text = fs::read_to_string(self.process()).context("find the control plane; is it starting?")?;
        let process = text.trim().parse().ok().and_then(Pid::from_raw).context("the control plane's process ID")?;
        kill_process(process, Signal::TERM).context("end the control plane")?;
        let asked = Instant::now();
        while self.free()?.is_none() {
            ensure!(asked.elapsed() < PATIENCE, "process {text} does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
        println!("  down; its data are gone");
        Ok(())
    }

    fn kubectl(&self, words: &[String]) -> Result<()> {
        ensure!(self.free()?.is_none(), "it is not up: `cargo xtask cluster up`");
        let mut kubectl = Command::new(Programs::get()?.kubectl);
        kubectl.args(words).env("KUBECONFIG", self.kubeconfig());
        // Returns only when it fails: kubectl's exit status is ours.
        Err(kubectl.exec()).context("run kubectl")
    }

    fn serve(&self) -> Result<()> {
        let Some(_lock) = self.free()? else { bail!("it is up already") };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
        runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
            let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
            let plane = ControlPlane::start(&self.folder)?;
            install(&plane)?;
            fs::write(self.process(), std::process::id().to_string()).context("write the process ID")?;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            drop(fs::remove_file(self.process()));
            drop(plane);
            Ok(())
        })
    }
}

/// Installs the kinds and the admission policies, and waits until they are served.
pub fn install(plane: &ControlPlane) -> Result<()> {
    let crds = paths::root().join("crds");
    plane.apply(&crds)?;
    let folder = crds.display().to_string();
    plane.run_kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "--recursive=false", "-f", &folder])?;
    plane.apply(&crds.join("admission"))
}
