//! The back button, and several tabs.

use anyhow::{Context, Result, ensure};
use browser::{Actor, JavaScript, scene};

/// Where a login may clearly end: signed in, or on a page that says what happened.
const ENDS: [&str; 3] = ["#sub", "#error", "#error-title"];

#[tokio::test(flavor = "multi_thread")]
async fn back_to_the_login_page_and_sent_again_ends_on_a_clear_page() -> Result<()> {
    scene("back-button", JavaScript::On, async |alice| {
        alice.open_app("/").await?;
        alice.click("#login").await?;
        alice.log_in().await?;
        alice.allow().await?;
        alice.see_signed_in().await?;

        back_to_the_provider(alice).await?;
        let mut shown = next(alice, &["form#login", "form#consent"]).await?;
        if shown == "form#login" {
            alice.log_in().await?;
            shown = next(alice, &["form#consent"]).await?;
        }
        if shown == "form#consent" {
            alice.allow().await?;
            shown = next(alice, &[]).await?;
        }
        ensure!(ENDS.contains(&shown), "ended at {shown}");

        alice.open_app("/").await?;
        alice.see_signed_in().await.map(drop)
    })
    .await
}

/// Goes back until the login page, or as far as the history of this login reaches.
async fn back_to_the_provider(alice: &Actor) -> Result<()> {
    for _ in 0..3 {
        alice.driver().back().await.context("go back")?;
        if alice.has("form#login").await? {
            break;
        }
    }
    Ok(())
}

async fn next(alice: &Actor, forms: &[&'static str]) -> Result<&'static str> {
    let choices: Vec<&'static str> = forms.iter().chain(&ENDS).copied().collect();
    Ok(alice.see_one_of(&choices).await?.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_log_in_side_by_side() -> Result<()> {
    scene("two-tabs", JavaScript::On, async |alice| {
        let driver = alice.driver();
        let first = driver.window().await.context("name the first tab")?;
        alice.open_app("/login").await?;
        alice.see("form#login").await?;

        let second = driver.new_tab().await.context("open a second tab")?;
        driver.switch_to_window(second).await.context("go to the second tab")?;
        alice.open_app("/login").await?;
        alice.log_in().await?;
        alice.allow().await?;
        let (second, _) = alice.see_signed_in().await?;

        driver.switch_to_window(first).await.context("go to the first tab")?;
        alice.log_in().await?;
        let (first, _) = alice.see_signed_in().await?;
        ensure!(first.get("sub") == second.get("sub"), "one person: {first:#} {second:#}");
        Ok(())
    })
    .await
}
