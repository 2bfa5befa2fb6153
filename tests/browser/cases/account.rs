//! A person's own page: what it shows, and what its buttons do.

use anyhow::{Context, Result, ensure};
use browser::{Actor, JavaScript, audit, scene};
use thirtyfour::By;

#[tokio::test(flavor = "multi_thread")]
async fn alice_withdraws_what_she_agreed_to_and_ends_her_other_session() -> Result<()> {
    scene("account", JavaScript::On, async |alice| {
        alice.sign_in().await?;
        alice.open_provider("/account").await?;
        alice.see("form#end-session-0").await?;
        ensure!(!alice.has("form#end-other-sessions").await?, "there is no other session");

        // As from another browser: the session that she had here goes on without her.
        alice.driver().delete_all_cookies().await.context("forget who was here")?;
        alice.open_provider("/account").await?;
        alice.see("form#login").await?;
        audit::page(alice.driver(), "account-login").await?;
        alice.log_in().await?;
        ensure!(alice.text("#account-username").await? == "alice", "{}", alice.describe().await);
        ensure!(sessions(alice).await? == 2, "{}", alice.describe().await);
        let grant = alice.text("#grants").await?;
        for shown in ["Confirm who you are", "team-a.notes", "team-a", "UTC"] {
            ensure!(grant.contains(shown), "`{shown}` is not in: {grant}");
        }
        audit::page(alice.driver(), "account").await?;

        alice.click("form#withdraw-0 button").await?;
        alice.see("#no-grants").await?;
        alice.click("form#end-session-1 button").await?;
        gone(alice, "form#end-session-1").await?;
        ensure!(sessions(alice).await? == 1, "{}", alice.describe().await);
        audit::page(alice.driver(), "account-of-nothing").await?;

        alice.open_app("/login").await?;
        alice.see("form#consent").await.context("the application has to ask again")?;
        alice.open_provider("/account").await?;
        alice.click("form#end-all-sessions button").await?;
        alice.see("form#login").await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_works_without_javascript() -> Result<()> {
    scene("account-without-javascript", JavaScript::Off, async |alice| {
        alice.open_provider("/account").await?;
        alice.log_in().await?;
        alice.see("#no-grants").await?;
        alice.click("form#end-session-0 button").await?;
        alice.see("form#login").await.map(drop)
    })
    .await
}

async fn sessions(alice: &Actor) -> Result<usize> {
    alice.see("#sessions").await?;
    Ok(alice.driver().find_all(By::Css("#sessions > li")).await.context("count sessions")?.len())
}

/// Waits for the page on which it is not any more.
async fn gone(alice: &Actor, css: &str) -> Result<()> {
    for _ in 0..200 {
        if !alice.has(css).await? {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    anyhow::bail!("{css} is still on {}", alice.describe().await)
}
