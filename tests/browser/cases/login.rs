//! Logging in: the whole way, with and without scripts, and with a wrong password.

use anyhow::{Result, ensure};
use browser::{Actor, JavaScript, scene};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn seed_authorization_code_alice_logs_in_and_is_asked_nothing_the_second_time() -> Result<()> {
    scene("login", JavaScript::On, async |alice| log_in_twice(alice).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn login_works_without_javascript() -> Result<()> {
    scene("login-without-javascript", JavaScript::Off, async |alice| log_in_twice(alice).await).await
}

async fn log_in_twice(alice: &Actor) -> Result<()> {
    alice.open_app("/").await?;
    alice.click("#login").await?;
    alice.see("form#login").await?;
    ensure!(alice.at_provider().await?, "the password is typed at the provider only");
    alice.log_in().await?;
    alice.see("form#consent").await?;
    ensure!(alice.at_provider().await?, "consent is given at the provider only");
    alice.allow().await?;
    let (claims, userinfo) = alice.see_signed_in().await?;
    let subject = alice.text("#sub").await?;
    ensure!(!subject.is_empty() && subject != "alice", "the subject is the object's UID, not a name: {subject}");
    for (name, expect) in [
        ("sub", Value::from(subject.as_str())),
        ("email", Value::from("alice@example.com")),
        ("email_verified", Value::from(true)),
        ("name", Value::from("Alice Liddell")),
        ("groups", serde_json::json!(["writers"])),
    ] {
        ensure!(userinfo.get(name) == Some(&expect), "userinfo {name}: {userinfo:#}");
    }
    ensure!(claims.get("sub") == Some(&Value::from(subject.as_str())), "{claims:#}");
    ensure!(
        claims.get("email").is_none(),
        "profile claims are for userinfo unless the application says so: {claims:#}"
    );

    alice.click("#logout").await?;
    alice.see("a#login.button").await?;
    ensure!(!alice.has("#sub").await?, "logged out at the application");
    alice.click("#login").await?;
    let (again, _) = alice.see_signed_in().await?;
    ensure!(again.get("sub") == claims.get("sub"), "the same person: {again:#}");
    ensure!(
        again.get("sid").is_some() && again.get("sid") == claims.get("sid"),
        "no second login: {again:#} {claims:#}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_the_user_name_stays() -> Result<()> {
    scene("wrong-password", JavaScript::On, async |alice| {
        alice.open_app("/login").await?;
        alice.log_in_as("alice", "not her password").await?;
        let error = alice.see("#login-error").await?;
        ensure!(!error.text().await?.is_empty(), "it says what is wrong");
        ensure!(error.attr("role").await?.as_deref() == Some("alert"), "and says it to screen readers");
        ensure!(alice.value("input[name=username]").await? == "alice", "the user name is kept");
        ensure!(alice.value("input[name=password]").await?.is_empty(), "the password is not");
        let status = alice.status().await?;
        ensure!((400..500).contains(&status), "machines are told as well: {status}");

        alice.log_in().await?;
        alice.allow().await?;
        alice.see_signed_in().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_is_told_the_same_as_a_wrong_password() -> Result<()> {
    scene("unknown-user", JavaScript::On, async |stranger| {
        stranger.open_app("/login").await?;
        stranger.log_in_as("alice", "not her password").await?;
        let known = stranger.text("#login-error").await?;
        stranger.open_app("/login").await?;
        stranger.log_in_as("nobody", "not her password").await?;
        let unknown = stranger.text("#login-error").await?;
        ensure!(known == unknown, "the message tells who exists: `{known}` and `{unknown}`");
        Ok(())
    })
    .await
}
