//! `cargo xtask demo`: the quickstart, running, from a folder or on a cluster.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use crate::cluster_stack::{self, ClusterStack};
use crate::quickstart::{self, Addresses};
use crate::running::Running;
use crate::stack::{self, Stack};
use crate::walk::{self, Person};
use crate::{binaries, paths, tools};

/// Flags of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run controller and server on a Kubernetes control plane of their own, instead of `standalone`.
    #[arg(long)]
    cluster: bool,
    /// Where the provider listens.
    #[arg(long, default_value_t = Addresses::WRITTEN.provider)]
    listen: SocketAddr,
    /// Where the provider's probes and metrics listen.
    #[arg(long, default_value_t = Addresses::WRITTEN.internal)]
    internal_listen: SocketAddr,
    /// Where the application listens.
    #[arg(long, default_value_t = Addresses::WRITTEN.app)]
    app_listen: SocketAddr,
    /// Where the controller's probes and metrics listen.
    #[arg(long, requires = "cluster", default_value = "127.0.0.1:9191")]
    controller_listen: SocketAddr,
    /// The provider's state, kept between runs [default: demo-state in the target folder].
    #[arg(long, conflicts_with = "cluster")]
    state: Option<PathBuf>,
    /// Log in once without a browser, then stop.
    #[arg(long)]
    check: bool,
}

/// Runs until Ctrl-C, or with `--check` until a login has succeeded.
pub fn run(args: &Args) -> Result<()> {
    let target = paths::target()?;
    let addresses = Addresses { provider: args.listen, internal: args.internal_listen, app: args.app_listen };
    let binaries = binaries::build()?;
    if args.cluster {
        let folder = target.join("demo-cluster");
        let manifests = manifests(addresses, folder.join("manifests"))?;
        let plan = cluster_stack::Plan { addresses, controller: args.controller_listen, manifests, folder };
        return play(args.check, || ClusterStack::spawn(&binaries, &plan), |stack| on_cluster(stack, args.check));
    }
    let manifests = manifests(addresses, target.join("demo-manifests"))?;
    let state = args.state.clone().unwrap_or_else(|| target.join("demo-state"));
    let plan = stack::Plan { addresses, manifests, state, logs: None };
    play(args.check, || Stack::spawn(&binaries, &plan), |_| from_folder(&plan.manifests, args.check))
}

/// Starts it and says what to do with it, or with `check` does it; `hints` is what differs.
fn play<S: Running>(check: bool, spawn: impl FnOnce() -> Result<S>, hints: impl FnOnce(&S) -> String) -> Result<()> {
    let password = quickstart::password()?;
    // The handlers stand before the programs do, so that an early Ctrl-C stops those too.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let mut running = spawn()?;
        while !running.ready()? {
            tokio::select! {
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                _ = tick.tick() => {}
            }
        }
        let hints = hints(&running);
        if check {
            print!("{hints}");
            let login = Url::parse(&running.addresses().app("/login")).context("a URL of ours")?;
            let person = Person { username: quickstart::USERNAME, password: &password };
            let subject = walk::log_in(&login, person)?;
            println!("{} logged in; the application knows them as {subject}", person.username);
            return running.check();
        }
        println!("\n  open      {}", running.addresses().app("/"));
        println!("  log in    {} / {password}", quickstart::USERNAME);
        print!("{hints}");
        println!("  stop      Ctrl-C\n");
        loop {
            tokio::select! {
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                _ = tick.tick() => running.check()?,
            }
        }
    })
}

fn from_folder(manifests: &Path, check: bool) -> String {
    if check {
        return String::new();
    }
    format!("  edit      {} (changes are taken up at once)\n", manifests.display())
}

/// How long it took; and for somebody who stays, what to try.
fn on_cluster(stack: &ClusterStack, check: bool) -> String {
    let mut lines = Vec::new();
    if let Some(time) = stack.ready_after() {
        let (ready, kubectl) = (time.as_secs_f64(), stack.kubectl_took().as_secs_f64());
        lines.push(format!("  ready     {ready:.1} s after `kubectl apply` began, which took {kubectl:.1} s itself"));
    }
    if check {
        return lines.concat() + "\n";
    }
    lines.push(format!("  kubectl   export KUBECONFIG={}", stack.plane().kubeconfig().display()));
    if let (None, Some(folder)) = (tools::find("kubectl"), stack.plane().kubectl().parent()) {
        lines.push(format!("            export PATH={}:$PATH", folder.display()));
    }
    for words in [
        "get oidc -A",
        "describe oapp notes -n team-a",
        "get secret notes-oidc -n team-a -o yaml",
        "edit ouser alice -n identity",
    ] {
        lines.push(format!("            kubectl {words}"));
    }
    lines.push(format!("  logs      {}", stack.logs().display()));
    lines.into_iter().map(|line| line + "\n").collect()
}

/// The committed folder itself, so that edits are seen; a rewritten copy when addresses differ.
fn manifests(addresses: Addresses, copy: PathBuf) -> Result<PathBuf> {
    if (addresses.provider, addresses.app) == (Addresses::WRITTEN.provider, Addresses::WRITTEN.app) {
        return Ok(quickstart::folder());
    }
    quickstart::copy(&copy, addresses)?;
    Ok(copy)
}
