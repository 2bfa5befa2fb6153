//! Logout, asked for by the application.

use anyhow::{Result, ensure};
use browser::{Actor, JavaScript, audit, scene};

/// Where the application sends the browser; it says who it is and where to go afterwards.
async fn ask(alice: &Actor) -> Result<()> {
    let back: String = url::form_urlencoded::byte_serialize(alice.app("/").as_bytes()).collect();
    alice.open_provider(&format!("/session/end?client_id=team-a.notes&post_logout_redirect_uri={back}")).await
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
    // Chromium applies `form-action` to the redirect after the form: it is followed.
    alice.see("#login, #sub").await?;
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
        alice.see("#login, #sub").await?;
        alice.open_app("/login").await?;
        alice.see("form#login").await.map(drop)
    })
    .await
}
