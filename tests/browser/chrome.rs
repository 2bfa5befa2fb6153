//! ChromeDriver, and a Chromium that talks to nobody but us.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};
use xtask::process::{Log, Process};
use xtask::tools;

/// Whether pages may run scripts. WebDriver itself works either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JavaScript {
    /// As people have it.
    On,
    /// Refused by the browser's settings.
    Off,
}

/// Without a sandbox, because containers run as root; without the requests that a browser makes on
/// its own, because a closed network would refuse them by the dozen.
const ARGUMENTS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en",
    "--window-size=1280,800",
];

const PATIENCE: Duration = Duration::from_secs(20);

/// A browser and the driver that started it; both end with this value.
#[derive(Debug)]
pub struct Chrome {
    // The session ends first, then the driver's process group, then its profile.
    driver: WebDriver,
    _process: Process,
    _profile: TempDir,
}

impl Chrome {
    /// Starts both with an empty profile; the driver's log goes into the folder `logs`.
    pub async fn start(javascript: JavaScript, logs: &Path) -> Result<Self> {
        // Built together with the server, the driver's HTTP client is one that is told its cryptography, and panics where
        // it is not. That somebody else has told it already is as good.
        let _told = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let chromium = tools::require("chromium")?;
        let profile = tempfile::tempdir().context("make a browser profile")?;
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&chromium.display().to_string())?;
        for argument in ARGUMENTS {
            capabilities.add_arg(argument)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
        if javascript == JavaScript::Off {
            let blocked = 2;
            let settings = json!({ "profile.managed_default_content_settings.javascript": blocked });
            capabilities.add_experimental_option("prefs", settings)?;
        }

        let mut command = Command::new(tools::require("chromedriver")?);
        command.arg("--port=0");
        let mut process = Process::start("chromedriver", command, Log::File(logs.join("chromedriver.log")))?;
        let port = port(&mut process).await?;
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await;
        let driver = driver.with_context(|| format!("start Chromium\n{}", process.logged()))?;
        Ok(Self { driver, _process: process, _profile: profile })
    }

    /// The WebDriver session.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// Ends the browser and waits for that.
    pub async fn quit(self) -> Result<()> {
        self.driver.quit().await.context("quit Chromium")
    }
}

/// The port that ChromeDriver chose and announced.
async fn port(process: &mut Process) -> Result<u16> {
    let started = Instant::now();
    loop {
        let log = process.logged();
        if let Some((_, after)) = log.split_once("started successfully on port ") {
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            return digits.parse().with_context(|| format!("ChromeDriver's port in: {log}"));
        }
        ensure!(process.exited()?.is_none(), "ChromeDriver ended:\n{log}");
        ensure!(started.elapsed() < PATIENCE, "ChromeDriver names no port:\n{log}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
