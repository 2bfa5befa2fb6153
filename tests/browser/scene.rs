//! The stage of one test.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow};
use xtask::binaries::{self, Binaries};
use xtask::cluster_stack::{self, ClusterStack};
use xtask::quickstart::{self, Addresses};
use xtask::running::Running;
use xtask::stack::{self, Stack};
use xtask::{paths, ports, secrecy, tools};

use crate::actor::Actor;
use crate::chrome::{Chrome, JavaScript};

/// A provider, a relying party and a browser that no other test touches.
#[derive(Debug)]
pub struct Scene<S> {
    chrome: Chrome,
    stack: S,
    /// Manifests, state, logs; kept for reading until the test runs again.
    folder: PathBuf,
}

/// Plays `test` on a fresh stage, with a provider that serves a folder.
pub async fn scene(name: &str, javascript: JavaScript, test: impl AsyncFnOnce(&Actor) -> Result<()>) -> Result<()> {
    let scene = Scene::start(name, javascript).await?;
    play(name, scene, async |actor, _| test(actor).await).await
}

/// Plays `test` on a fresh stage, with controller and server on a control plane of their own.
pub async fn cluster_scene(
    name: &str,
    javascript: JavaScript,
    test: impl AsyncFnOnce(&Actor, &ClusterStack) -> Result<()>,
) -> Result<()> {
    let scene = Scene::start_on_cluster(name, javascript).await?;
    play(name, scene, test).await
}

/// If `test` fails, the page, a screenshot and the programs' logs are part of the error.
async fn play<S: Running>(name: &str, scene: Scene<S>, test: impl AsyncFnOnce(&Actor, &S) -> Result<()>) -> Result<()> {
    let actor = Actor::new(scene.chrome.driver().clone(), scene.addresses())?;
    if let Err(error) = test(&actor, &scene.stack).await {
        let shot = scene.folder.join("failure.png");
        let shown = match scene.chrome.driver().screenshot(&shot).await {
            Ok(()) => shot.display().to_string(),
            Err(error) => format!("no screenshot: {error}"),
        };
        let page = actor.describe().await;
        return Err(error.context(format!("{name} failed\n--- page {page}{shown}\n{}", scene.stack.logged())));
    }
    drop(actor);
    let state = scene.folder.join("state");
    if state.exists() {
        secrecy::search(&scene.stack.logged(), &state)?;
    }
    scene.chrome.quit().await
}

impl Scene<Stack> {
    /// Starts everything on free ports, in `target/browser/<name>`.
    pub async fn start(name: &str, javascript: JavaScript) -> Result<Self> {
        let (folder, manifests, addresses) = prepare(name)?;
        let plan = stack::Plan { addresses, manifests, state: folder.join("state"), logs: Some(folder.clone()) };
        let stack = Stack::start(programs()?, &plan)?;
        let chrome = Chrome::start(javascript, &folder).await?;
        Ok(Self { chrome, stack, folder })
    }
}

impl Scene<ClusterStack> {
    /// The same, on a control plane.
    pub async fn start_on_cluster(name: &str, javascript: JavaScript) -> Result<Self> {
        let (folder, manifests, addresses) = prepare(name)?;
        let plan = cluster_stack::Plan { addresses, controller: ports::free()?, manifests, folder: folder.clone() };
        let stack = ClusterStack::start(programs()?, &plan)?;
        let chrome = Chrome::start(javascript, &folder).await?;
        Ok(Self { chrome, stack, folder })
    }
}

fn folder(name: &str) -> Result<PathBuf> {
    Ok(paths::target()?.join("browser").join(name))
}

/// Where the provider of the stage `name` reads its manifests, and reads them again when they change.
pub fn manifests(name: &str) -> Result<PathBuf> {
    Ok(folder(name)?.join("manifests"))
}

/// Where the provider of the stage `name` keeps its state.
pub fn state(name: &str) -> Result<PathBuf> {
    Ok(folder(name)?.join("state"))
}

/// An empty folder, the quickstart's manifests in it, and the free addresses that they name.
fn prepare(name: &str) -> Result<(PathBuf, PathBuf, Addresses)> {
    // First of all: whoever lacks a browser should not wait for a build to learn it.
    for program in ["chromium", "chromedriver"] {
        tools::require(program)?;
    }
    let folder = folder(name)?;
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("clear {}", folder.display()))?;
    }
    let addresses = Addresses::free()?;
    let manifests = manifests(name)?;
    quickstart::copy(&manifests, addresses)?;
    Ok((folder, manifests, addresses))
}

impl<S: Running> Scene<S> {
    /// Where the programs listen.
    pub fn addresses(&self) -> Addresses {
        self.stack.addresses()
    }

    /// The browser.
    pub fn chrome(&self) -> &Chrome {
        &self.chrome
    }
}

/// The programs, built once for all tests.
fn programs() -> Result<&'static Binaries> {
    static BUILT: OnceLock<Result<Binaries, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| binaries::build().map_err(|error| format!("{error:#}")));
    built.as_ref().map_err(|error| anyhow!("{error}"))
}
