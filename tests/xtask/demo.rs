//! `cargo xtask demo`: the quickstart, running.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use crate::quickstart::{self, Addresses};
use crate::stack::{Plan, Stack};
use crate::walk::{self, Person};
use crate::{binaries, paths};

/// Flags of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the provider listens.
    #[arg(long, default_value_t = Addresses::WRITTEN.provider)]
    listen: SocketAddr,
    /// Where the provider's probes and metrics listen.
    #[arg(long, default_value_t = Addresses::WRITTEN.internal)]
    internal_listen: SocketAddr,
    /// Where the application listens.
    #[arg(long, default_value_t = Addresses::WRITTEN.app)]
    app_listen: SocketAddr,
    /// The provider's state, kept between runs [default: demo-state in the target folder].
    #[arg(long)]
    state: Option<PathBuf>,
    /// Log in once without a browser, then stop.
    #[arg(long)]
    check: bool,
}

/// Runs until Ctrl-C, or with `--check` until a login has succeeded.
pub fn run(args: &Args) -> Result<()> {
    let target = paths::target()?;
    let addresses = Addresses { provider: args.listen, internal: args.internal_listen, app: args.app_listen };
    let manifests = manifests(addresses, target.join("demo-manifests"))?;
    let binaries = binaries::build()?;
    let state = args.state.clone().unwrap_or_else(|| target.join("demo-state"));
    let plan = Plan { addresses, manifests, state, logs: None };
    let password = quickstart::password()?;

    // The handlers stand before the programs do, so that an early Ctrl-C stops those too.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let mut stack = Stack::spawn(&binaries, &plan)?;
        while !stack.ready()? {
            tokio::select! {
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                _ = tick.tick() => {}
            }
        }
        if args.check {
            let login = Url::parse(&addresses.app("/login")).context("a URL of ours")?;
            let person = Person { username: quickstart::USERNAME, password: &password };
            let subject = walk::log_in(&login, person)?;
            println!("{} logged in; the application knows them as {subject}", person.username);
            return stack.check();
        }
        println!("\n  open      {}", addresses.app("/"));
        println!("  log in    {} / {password}", quickstart::USERNAME);
        println!("  edit      {} (changes are taken up at once)", plan.manifests.display());
        println!("  stop      Ctrl-C\n");
        loop {
            tokio::select! {
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                _ = tick.tick() => stack.check()?,
            }
        }
    })
}

/// The committed folder itself, so that edits are seen; a rewritten copy when addresses differ.
fn manifests(addresses: Addresses, copy: PathBuf) -> Result<PathBuf> {
    if (addresses.provider, addresses.app) == (Addresses::WRITTEN.provider, Addresses::WRITTEN.app) {
        return Ok(quickstart::folder());
    }
    quickstart::copy(&copy, addresses)?;
    Ok(copy)
}
