//! Consent refused, and consent for more.

use anyhow::{Result, ensure};
use browser::{JavaScript, scene};

#[tokio::test(flavor = "multi_thread")]
async fn refused_consent_reaches_the_application_and_is_not_remembered() -> Result<()> {
    scene("consent-refused", JavaScript::On, async |alice| {
        alice.open_app("/login").await?;
        alice.log_in().await?;
        alice.click("form#consent button[name=decision][value=deny]").await?;
        let error = alice.text("#error").await?;
        ensure!(error.contains("access_denied"), "{error}");
        ensure!(!alice.at_provider().await?, "the application shows it");

        alice.click("#login").await?;
        alice.allow().await?;
        alice.see_signed_in().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_scope_more_is_asked_for_and_what_was_agreed_to_is_not_asked_again() -> Result<()> {
    scene("consent-more", JavaScript::On, async |alice| {
        alice.open_app("/login?scope=openid+profile").await?;
        alice.log_in().await?;
        let asked = alice.text("#scopes").await?;
        ensure!(!asked.contains("email"), "{asked}");
        alice.allow().await?;
        let (_, userinfo) = alice.see_signed_in().await?;
        ensure!(userinfo.get("email").is_none(), "{userinfo}");

        alice.open_app("/login?scope=openid+profile").await?;
        alice.see_signed_in().await.map(drop)?;

        alice.open_app("/login?scope=openid+profile+email").await?;
        let asked = alice.text("#scopes").await?;
        ensure!(asked.contains("email"), "{asked}");
        alice.allow().await?;
        let (_, userinfo) = alice.see_signed_in().await?;
        ensure!(userinfo["email"] == "alice@example.com", "{userinfo}");

        alice.open_app("/login?scope=openid+email").await?;
        alice.see_signed_in().await.map(drop)
    })
    .await
}
