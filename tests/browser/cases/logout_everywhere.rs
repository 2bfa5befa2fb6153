//! Logout that an application asks for with its id_token, heard by two applications on two sites.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use browser::{Actor, JavaScript, manifests, scene, state};
use xtask::process::{Log, Process};
use xtask::{binaries, ports};

const NAME: &str = "logout-everywhere";

/// Another application, at `localhost`: to a browser that is another site than `127.0.0.1`, where the issuer is.
fn wiki(port: u16) -> String {
    format!(
        "apiVersion: portcullis.dev/v1alpha1\nkind: OidcApplication\nmetadata: {{name: wiki, namespace: team-a}}\nspec:\n\
         \x20 providerRef: {{name: default, namespace: identity}}\n  redirectURIs: ['http://localhost:{port}/callback']\n\
         \x20 frontchannelLogout: {{uri: 'http://localhost:{port}/logged-out'}}\n  scopes: [openid, profile, email, groups]\n"
    )
}

/// Waits for the Secret of the other application, and starts it.
async fn start_wiki(at: SocketAddr, url: &str, credentials: &Path) -> Result<Process> {
    let started = Instant::now();
    while !credentials.exists() {
        ensure!(started.elapsed() < Duration::from_secs(20), "no credentials");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut command = Command::new(&binaries::build()?.demo_app);
    command.args(["--listen", &at.to_string(), "--url", url]).arg("--credentials").arg(credentials);
    let mut process = Process::start("wiki", command, Log::File(state(NAME)?.join("../wiki.log")))?;
    process.wait_ready(&format!("http://{at}/").parse().context("its address")?, Duration::from_secs(20))?;
    Ok(process)
}

async fn both_hear_of_it(alice: &Actor) -> Result<()> {
    let at = ports::free()?;
    let url = format!("http://localhost:{}", at.port());
    let path = manifests(NAME)?.join("provider.yaml");
    let text = fs::read_to_string(&path).context("read the provider")?;
    let permitted = text.replace("loopbackRedirects: AddressOnly", "loopbackRedirects: IncludingLocalhost");
    ensure!(permitted != text, "the policy is another one");
    fs::write(&path, permitted).context("permit localhost")?;
    fs::write(manifests(NAME)?.join("wiki.yaml"), wiki(at.port())).context("write the application")?;
    let _wiki = start_wiki(at, &url, &state(NAME)?.join("credentials/team-a_wiki-oidc.yaml")).await?;

    alice.sign_in().await?;
    alice.open(&format!("{url}/login")).await?;
    alice.allow().await?;
    alice.see("#sub").await?;

    // The id_token is of this session: nobody has to be asked whether they mean it.
    alice.open_app("/").await?;
    alice.click("#logout-everywhere").await?;
    alice.see("#login").await?;
    ensure!(!alice.at_provider().await?, "the browser comes back");
    for page in [alice.app("/"), format!("{url}/")] {
        alice.open(&page).await?;
        alice.see("#login").await?;
        ensure!(!alice.has("#sub").await?, "{page} has heard of it");
    }
    for login in [alice.app("/login"), format!("{url}/login")] {
        alice.open(&login).await?;
        alice.see("form#login").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_with_a_hint_is_heard_by_two_applications() -> Result<()> {
    scene(NAME, JavaScript::On, both_hear_of_it).await
}
