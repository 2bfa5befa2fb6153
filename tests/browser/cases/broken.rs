//! Requests that must not be redirected anywhere.

use anyhow::{Result, ensure};
use browser::{Actor, JavaScript, scene};

#[tokio::test(flavor = "multi_thread")]
async fn t_p06_an_unknown_client_or_address_gets_an_error_page_and_no_redirect() -> Result<()> {
    scene("broken-request", JavaScript::On, async |person| {
        for (request, what) in [
            ("client_id=nobody&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcallback", "unknown client"),
            ("client_id=team-a.notes&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcallback", "unregistered redirect URI"),
            ("redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcallback", "no client"),
        ] {
            person.open_provider(&format!("/auth?response_type=code&scope=openid&state=s&{request}")).await?;
            see_error_page(person, what).await?;
        }
        Ok(())
    })
    .await
}

async fn see_error_page(person: &Actor, what: &str) -> Result<()> {
    for part in ["#error-title", "#error-description", "#error-id"] {
        ensure!(!person.text(part).await?.is_empty(), "{what}: {part} is empty");
    }
    ensure!(person.at_provider().await?, "{what}: redirected");
    let status = person.status().await?;
    ensure!((400..500).contains(&status), "{what}: status {status}");
    Ok(())
}
