//! A page as people meet it: on a phone and on a desk, by day and by night, by eye and by screen reader.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use thirtyfour::WebDriver;
use thirtyfour::cdp::domains::emulation::{MediaFeature, SetEmulatedMedia};
use xtask::{paths, tools};

/// A window, and the colours that the person prefers.
struct View {
    name: &'static str,
    width: u32,
    height: u32,
    mobile: bool,
    scheme: &'static str,
}

const VIEWS: [View; 3] = [
    View { name: "360", width: 360, height: 740, mobile: true, scheme: "light" },
    View { name: "1280", width: 1280, height: 800, mobile: false, scheme: "light" },
    View { name: "360-dark", width: 360, height: 740, mobile: true, scheme: "dark" },
];

/// Everything but loading style sheets a second time, which the pages' policy refuses to scripts.
const RUN: &str = "const done = arguments[0];
    axe.run(document, { preload: false, resultTypes: ['violations'] }).then(
        result => done(result.violations.map(({ id, impact, help, nodes }) =>
            ({ id, impact, help, elements: nodes.map(node => node.html + ' ' + node.failureSummary) }))),
        error => done(String(error)));";

const FITS: &str = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";

/// Looks at the page that is shown, in each view: photographs it into `target/shots/<page>-<view>.png`,
/// and fails when it scrolls sideways or breaks a rule of axe-core.
pub async fn page(driver: &WebDriver, page: &str) -> Result<()> {
    let folder = shots()?;
    for view in VIEWS {
        let View { name, width, height, mobile, scheme } = view;
        let cdp = driver.cdp();
        cdp.emulation().set_device_metrics_override(width, height, 1.0, mobile).await.context("resize")?;
        prefer(driver, scheme).await?;
        let picture = folder.join(format!("{page}-{name}.png"));
        driver.screenshot(&picture).await.with_context(|| format!("write {}", picture.display()))?;
        let fits = driver.execute(FITS, Vec::new()).await.context("measure the page")?;
        ensure!(fits.json() == &Value::Bool(true), "`{page}` scrolls sideways: {}", picture.display());
        let violations = violations(driver).await?;
        ensure!(violations.as_array().is_some_and(Vec::is_empty), "{}: {violations:#}", picture.display());
    }
    prefer(driver, "light").await?;
    driver.cdp().emulation().clear_device_metrics_override().await.context("resize")
}

async fn prefer(driver: &WebDriver, scheme: &str) -> Result<()> {
    let feature = MediaFeature { name: "prefers-color-scheme".to_owned(), value: scheme.to_owned() };
    let media = SetEmulatedMedia { media: None, features: Some(vec![feature]) };
    driver.cdp().send(media).await.map(drop).context("set the colour scheme")
}

/// What axe-core finds wrong with the page that is shown: a list, or its own error.
async fn violations(driver: &WebDriver) -> Result<Value> {
    static AXE: OnceLock<Result<String, String>> = OnceLock::new();
    let read = || tools::axe().and_then(|path| fs::read_to_string(path).context("read axe-core"));
    let axe = AXE
        .get_or_init(|| read().map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("{error}"))?;
    // The driver evaluates both in the page's own world, where its content policy does not reach.
    driver.execute(axe.as_str(), Vec::new()).await.context("load axe-core")?;
    let found = driver.execute_async(RUN, Vec::new()).await.context("run axe-core")?;
    Ok(found.json().clone())
}

/// `target/shots`, made when absent.
fn shots() -> Result<PathBuf> {
    let folder = paths::target()?.join("shots");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}
