//! Consent refused.

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
