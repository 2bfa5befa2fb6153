//! Every page in every view: photographed, accessible, nothing cut off.

use anyhow::{Context, Result, ensure};
use browser::{Actor, JavaScript, audit, scene};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_on_a_phone_and_on_a_desk() -> Result<()> {
    scene("pages", JavaScript::On, async |alice| {
        alice.open_app("/").await?;
        audit::page(alice.driver(), "app-signed-out").await?;

        alice.click("#login").await?;
        alice.see("form#login").await?;
        provider_page(alice, "login").await?;

        alice.log_in_as("alice", "not her password").await?;
        alice.see("#login-error").await?;
        provider_page(alice, "login-error").await?;

        alice.log_in().await?;
        alice.see("form#consent").await?;
        provider_page(alice, "consent").await?;

        alice.allow().await?;
        alice.see_signed_in().await?;
        audit::page(alice.driver(), "app-signed-in").await?;

        alice.open_app("/login?prompt=select_account").await?;
        alice.see("form#select-account").await?;
        provider_page(alice, "select-account").await?;

        alice.open_provider("/auth?client_id=nobody").await?;
        alice.see("#error-title").await?;
        provider_page(alice, "error").await?;

        alice.open_app("/callback?error=access_denied").await?;
        alice.see("#error").await?;
        audit::page(alice.driver(), "app-refused").await
    })
    .await
}

/// A page of the provider says whose it is.
async fn provider_page(alice: &Actor, name: &str) -> Result<()> {
    let title = alice.driver().title().await.context("read the title")?;
    ensure!(title.ends_with("Portcullis Quickstart"), "the title of `{name}` is `{title}`");
    audit::page(alice.driver(), name).await
}
