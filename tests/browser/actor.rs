//! What a person does with a browser.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use thirtyfour::{By, WebDriver, WebElement};
use xtask::quickstart::{self, Addresses};

/// How long a page may take to show what is looked for.
const PATIENCE: Duration = Duration::from_secs(15);

/// The person in front of the browser.
#[derive(Clone, Debug)]
pub struct Actor {
    driver: WebDriver,
    addresses: Addresses,
    password: String,
}

impl Actor {
    /// Sits down at `driver`, knowing alice's password.
    pub fn new(driver: WebDriver, addresses: Addresses) -> Result<Self> {
        Ok(Self { driver, addresses, password: quickstart::password()? })
    }

    /// The browser itself.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// Opens a URL and waits until its page is loaded.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.driver.goto(url).await.with_context(|| format!("open {url}"))
    }

    /// The address of a path of the application.
    pub fn app(&self, path: &str) -> String {
        self.addresses.app(path)
    }

    /// Opens a path of the application.
    pub async fn open_app(&self, path: &str) -> Result<()> {
        self.open(&self.addresses.app(path)).await
    }

    /// The address of a path below the issuer.
    pub fn provider(&self, path: &str) -> String {
        format!("{}{path}", self.addresses.issuer())
    }

    /// Opens a path below the issuer.
    pub async fn open_provider(&self, path: &str) -> Result<()> {
        self.open(&self.provider(path)).await
    }

    /// Waits for a visible element.
    pub async fn see(&self, css: &str) -> Result<WebElement> {
        Ok(self.see_one_of(&[css]).await?.1)
    }

    /// Waits until one of these is visible; says which. A page that is just being left may fail any
    /// question, so errors count only when the time is over.
    pub async fn see_one_of<'a>(&self, choices: &[&'a str]) -> Result<(&'a str, WebElement)> {
        let started = Instant::now();
        let mut last = None;
        while started.elapsed() < PATIENCE {
            for css in choices {
                match self.visible(css).await {
                    Ok(Some(element)) => return Ok((css, element)),
                    Ok(None) => {}
                    Err(error) => last = Some(error),
                }
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        bail!("none of {choices:?} on {}; last error: {last:?}", self.describe().await)
    }

    async fn visible(&self, css: &str) -> Result<Option<WebElement>> {
        for element in self.driver.find_all(By::Css(css)).await? {
            if element.is_displayed().await? {
                return Ok(Some(element));
            }
        }
        Ok(None)
    }

    /// Whether an element is on the page that is shown right now.
    pub async fn has(&self, css: &str) -> Result<bool> {
        Ok(!self.driver.find_all(By::Css(css)).await?.is_empty())
    }

    /// The visible text of an element, once it is there.
    pub async fn text(&self, css: &str) -> Result<String> {
        self.see(css).await?.text().await.with_context(|| format!("read {css}"))
    }

    /// The value of an input, once it is there.
    pub async fn value(&self, css: &str) -> Result<String> {
        Ok(self.see(css).await?.prop("value").await.with_context(|| format!("read {css}"))?.unwrap_or_default())
    }

    /// Clicks an element, once it is there.
    pub async fn click(&self, css: &str) -> Result<()> {
        self.see(css).await?.click().await.with_context(|| format!("click {css}"))
    }

    /// Types into an input in place of what stands there.
    pub async fn fill(&self, css: &str, text: &str) -> Result<()> {
        let input = self.see(css).await?;
        input.clear().await.with_context(|| format!("clear {css}"))?;
        input.send_keys(text).await.with_context(|| format!("type into {css}"))
    }

    /// Fills in the login form as `username` and sends it.
    pub async fn log_in_as(&self, username: &str, password: &str) -> Result<()> {
        self.fill("form#login input[name=username]", username).await?;
        self.fill("form#login input[name=password]", password).await?;
        self.click("button#login-submit").await
    }

    /// Fills in the login form as alice and sends it.
    pub async fn log_in(&self) -> Result<()> {
        self.log_in_as(quickstart::USERNAME, &self.password).await
    }

    /// Agrees on the consent page.
    pub async fn allow(&self) -> Result<()> {
        self.click("form#consent button[name=decision][value=allow]").await
    }

    /// Logs alice in at the application from nothing, consent included.
    pub async fn sign_in(&self) -> Result<()> {
        self.open_app("/login").await?;
        self.log_in().await?;
        self.allow().await?;
        self.see_signed_in().await.map(drop)
    }

    /// Waits for the application's signed-in page; returns the id_token's claims and userinfo.
    pub async fn see_signed_in(&self) -> Result<(Value, Value)> {
        let (shown, element) = self.see_one_of(&["#sub", "#error", "#error-title"]).await?;
        ensure!(shown == "#sub", "not signed in, but {shown}: {}", element.text().await?);
        let at = self.driver.current_url().await.context("ask for the address")?;
        ensure!(at.as_str() == self.addresses.app("/"), "signed in at {at}");
        let claims = serde_json::from_str(&self.text("#claims").await?).context("the claims are JSON")?;
        let userinfo = serde_json::from_str(&self.text("#userinfo").await?).context("the userinfo is JSON")?;
        Ok((claims, userinfo))
    }

    /// The status code of the page that is shown.
    pub async fn status(&self) -> Result<u64> {
        let script = "return performance.getEntriesByType('navigation')[0].responseStatus";
        let status = self.driver.execute(script, Vec::new()).await.context("ask for the status")?;
        status.json().as_u64().context("the status is a number")
    }

    /// Whether the page that is shown came from the provider.
    pub async fn at_provider(&self) -> Result<bool> {
        let at = self.driver.current_url().await.context("ask for the address")?;
        Ok(at.as_str().starts_with(&self.addresses.issuer()))
    }

    /// Address, title and text of the page, for messages.
    pub async fn describe(&self) -> String {
        let at = self.driver.current_url().await.map_or_else(|error| error.to_string(), Into::into);
        let title = self.driver.title().await.unwrap_or_default();
        let text = match self.driver.find(By::Tag("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        format!("{at} “{title}”:\n{text}\n")
    }
}
