//! Logout, asked for by the application.

use anyhow::{Result, ensure};
use browser::{Actor, JavaScript, audit, scene};

/// Where the application sends the browser; it says who it is and where to go afterwards.
async fn ask(alice: &Actor) -> Result<()> {
    let back: String = url::form_urlencoded::byte_serialize(alice.app("/").as_bytes()).collect();
    alice.open_provider(&format!("/session/end?client_id=team-a.notes&post_logout_redirect_uri={back}")).await
}

/// The page loads the application's in a frame, which ends her session there; then the browser goes to the application,
/// where she has to log in, and at the provider too.
async fn told_and_sent_on(alice: &Actor) -> Result<()> {
    alice.see("#login").await?;
    ensure!(!alice.at_provider().await?, "the browser goes on");
    alice.open_app("/login").await?;
    alice.see("form#login").await.map(drop)
}

async fn she_stays_or_leaves(alice: &Actor) -> Result<()> {
    alice.sign_in().await?;
    ask(alice).await?;
    alice.see("form#logout").await?;
    audit::page(alice.driver(), "logout").await?;
    alice.click("form#logout button[value=stay]").await?;
    alice.see("#not-signed-out").await?;
    audit::page(alice.driver(), "not-signed-out").await?;
    alice.open_app("/login").await?;
    alice.see_signed_in().await?;

    ask(alice).await?;
    alice.click("form#logout button[value=leave]").await?;
    alice.see("#signed-out").await?;
    audit::page(alice.driver(), "signed-out-with-frames").await?;
    told_and_sent_on(alice).await?;
    // Nobody hears of it this time, so the form leads to the application by a redirect: Chromium applies `form-action` to
    // that, and follows it.
    ask(alice).await?;
    alice.click("form#logout button[value=leave]").await?;
    alice.see("#login").await?;
    ensure!(!alice.at_provider().await?, "the application goes on");
    alice.open_app("/login").await?;
    alice.see("form#login").await?;

    alice.open_provider("/session/end").await?;
    alice.click("form#logout button[value=leave]").await?;
    alice.see("#signed-out").await?;
    audit::page(alice.driver(), "signed-out").await
}

#[tokio::test(flavor = "multi_thread")]
async fn t_p31_a_person_says_whether_they_leave() -> Result<()> {
    scene("logout", JavaScript::On, she_stays_or_leaves).await
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_needs_no_javascript() -> Result<()> {
    scene("logout-no-script", JavaScript::Off, async |alice| {
        alice.sign_in().await?;
        ask(alice).await?;
        alice.click("form#logout button[value=leave]").await?;
        told_and_sent_on(alice).await
    })
    .await
}
