//! Parameters of the authorization request that change what the browser goes through.

use anyhow::{Result, ensure};
use browser::{JavaScript, scene};

#[tokio::test(flavor = "multi_thread")]
async fn prompt_none_without_a_session_is_login_required() -> Result<()> {
    scene("prompt-none", JavaScript::On, async |alice| {
        alice.open_app("/login?prompt=none").await?;
        let error = alice.text("#error").await?;
        ensure!(error.contains("login_required"), "{error}");

        alice.sign_in().await?;
        alice.open_app("/login?prompt=none").await?;
        alice.see_signed_in().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn prompt_login_asks_for_the_password_again() -> Result<()> {
    scene("prompt-login", JavaScript::On, async |alice| {
        alice.sign_in().await?;
        alice.open_app("/login?prompt=login").await?;
        alice.log_in().await?;
        alice.see_signed_in().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn form_post_reaches_the_application_by_itself() -> Result<()> {
    scene("form-post", JavaScript::On, async |alice| {
        alice.open_app("/login?response_mode=form_post").await?;
        alice.log_in().await?;
        alice.allow().await?;
        alice.see_signed_in().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn form_post_without_javascript_has_a_button() -> Result<()> {
    scene("form-post-without-javascript", JavaScript::Off, async |alice| {
        alice.open_app("/login?response_mode=form_post").await?;
        alice.log_in().await?;
        alice.allow().await?;
        alice.click("form[action$='/callback'] button").await?;
        alice.see_signed_in().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn prompt_select_account_offers_the_session_or_another_login() -> Result<()> {
    scene("select-account", JavaScript::On, async |alice| {
        alice.sign_in().await?;
        alice.open_app("/login?prompt=select_account").await?;
        alice.click("form#select-account button[name=choice][value=continue]").await?;
        alice.see_signed_in().await?;

        alice.open_app("/login?prompt=select_account").await?;
        alice.click("form#select-account button[name=choice][value=other]").await?;
        alice.see("form#login").await.map(drop)
    })
    .await
}
