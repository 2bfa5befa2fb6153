//! The stage of one test.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow};
use xtask::binaries::{self, Binaries};
use xtask::quickstart::{self, Addresses};
use xtask::stack::{Plan, Stack};
use xtask::{paths, tools};

use crate::actor::Actor;
use crate::chrome::{Chrome, JavaScript};

/// A provider, a relying party and a browser that no other test touches.
#[derive(Debug)]
pub struct Scene {
    chrome: Chrome,
    stack: Stack,
    /// Manifests, state, logs; kept for reading until the test runs again.
    folder: PathBuf,
}

/// Plays `test` on a fresh stage. If it fails, the page, a screenshot and the programs' logs are
/// part of the error.
pub async fn scene(name: &str, javascript: JavaScript, test: impl AsyncFnOnce(&Actor) -> Result<()>) -> Result<()> {
    let scene = Scene::start(name, javascript).await?;
    let actor = Actor::new(scene.chrome.driver().clone(), scene.addresses())?;
    if let Err(error) = test(&actor).await {
        let shot = scene.folder.join("failure.png");
        let shown = match scene.chrome.driver().screenshot(&shot).await {
            Ok(()) => shot.display().to_string(),
            Err(error) => format!("no screenshot: {error}"),
        };
        let page = actor.describe().await;
        return Err(error.context(format!("{name} failed\n--- page {page}{shown}\n{}", scene.stack.logged())));
    }
    drop(actor);
    scene.chrome.quit().await
}

impl Scene {
    /// Starts everything on free ports, in `target/browser/<name>`.
    pub async fn start(name: &str, javascript: JavaScript) -> Result<Self> {
        // First of all: whoever lacks a browser should not wait for a build to learn it.
        for program in ["chromium", "chromedriver"] {
            tools::require(program)?;
        }
        let folder = paths::target()?.join("browser").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("clear {}", folder.display()))?;
        }
        let addresses = Addresses::free()?;
        let plan = Plan {
            addresses,
            manifests: folder.join("manifests"),
            state: folder.join("state"),
            logs: Some(folder.clone()),
        };
        quickstart::copy(&plan.manifests, addresses)?;
        let stack = Stack::start(programs()?, &plan)?;
        let chrome = Chrome::start(javascript, &folder).await?;
        Ok(Self { chrome, stack, folder })
    }

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
