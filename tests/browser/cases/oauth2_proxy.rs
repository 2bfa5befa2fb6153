//! oauth2-proxy, which we did not write, in front of an application that knows nothing of logins: as the README says,
//! with the sample's manifest and the Secret that comes of it as its environment.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use browser::{Actor, JavaScript, manifests, scene};
use serde_json::Value;
use url::Url;
use xtask::process::{Log, Process};
use xtask::{oauth2_proxy, paths, ports};

const NAME: &str = "oauth2-proxy";
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the sample's application and its provider are; the test has others.
const WRITTEN: [&str; 4] = ["https://dashboard.team-a.example.com", "http://127.0.0.1:8000", "id.example.com", "=55m"];

/// An application that shows what it is told of the person: the headers of the request.
fn upstream() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("listen")?;
    let address = listener.local_addr().context("ask for the address")?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || show_headers(&stream));
        }
    });
    Ok(address)
}

fn show_headers(mut stream: &TcpStream) -> std::io::Result<()> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let lines: Vec<String> = lines.skip(1).map(|line| line.replace('&', "&amp;").replace('<', "&lt;")).collect();
    let text = lines.join("\n");
    let page = format!("<!doctype html><title>Dashboard</title><pre id=headers>{text}</pre>");
    write!(stream, "HTTP/1.0 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n{page}")
}

/// The flags of the README, moved to where things are here.
fn flags(to: [&str; 4]) -> Result<Vec<String>> {
    let readme = fs::read_to_string(paths::root().join("README.md")).context("read the README")?;
    let chapter = readme.split_once("**oauth2-proxy 7**").context("the README has no oauth2-proxy")?.1;
    let block = chapter.split("```").nth(1).context("the README has no flags of oauth2-proxy")?;
    let flags = block.lines().filter_map(|line| line.trim().strip_prefix("- "));
    Ok(flags
        .map(|flag| WRITTEN.iter().zip(to).fold(flag.to_owned(), |flag, (from, to)| flag.replace(from, to)))
        .collect())
}

/// The keys of the Secret, which standalone writes soon after it has read the manifest.
fn secret(path: &Path) -> Result<Vec<(String, String)>> {
    let started = Instant::now();
    while !path.is_file() {
        ensure!(started.elapsed() < PATIENCE, "{} is not written", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    let secret: Value = serde_yaml::from_str(&fs::read_to_string(path).context("read the Secret")?)?;
    let data = secret.get("stringData").and_then(Value::as_object).context("the Secret has no stringData")?;
    data.iter().map(|(key, value)| Ok((key.clone(), value.as_str().context("a text")?.to_owned()))).collect()
}

struct Proxy {
    process: Process,
    address: SocketAddr,
}

impl Proxy {
    /// Starts it for the scene's provider.
    fn start(alice: &Actor) -> Result<Self> {
        let (address, upstream) = (ports::free()?, upstream()?);
        let provider = Url::parse(&alice.provider("/"))?;
        let provider = provider.socket_addrs(|| None)?.first().context("the provider has an address")?.to_string();
        let outside = format!("http://{address}");
        let sample = fs::read_to_string(paths::root().join("crds/samples/clients/oauth2-proxy.yaml"))?;
        let folder = manifests(NAME)?;
        fs::write(folder.join("oauth2-proxy.yaml"), sample.replace(WRITTEN[0], &outside))?;
        let folder = folder.parent().context("the scene has a folder")?.to_path_buf();
        let mut command = Command::new(oauth2_proxy::get()?);
        command.env_clear().envs(secret(&folder.join("state/credentials/team-a_dashboard-oidc.yaml"))?);
        command.args(flags([&outside, &format!("http://{upstream}"), &provider, "=1s"])?);
        // Beside the README's: where it listens here, and what a page of plain http and the test's eyes need.
        command.arg(format!("--http-address={address}")).args(["--cookie-secure=false", "--pass-access-token=true"]);
        let log = Log::File(folder.join("oauth2-proxy.log"));
        let mut process = Process::start(NAME, command, log)?;
        process.wait_ready(&Url::parse(&format!("{outside}/ping"))?, PATIENCE)?;
        Ok(Self { process, address })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// What the application is told under a name.
async fn told(alice: &Actor, name: &str) -> Result<String> {
    let headers = alice.text("#headers").await?;
    let line =
        headers.lines().find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)));
    Ok(line.with_context(|| format!("no {name} among\n{headers}"))?.1.to_owned())
}

async fn in_and_out(alice: &Actor, proxy: &Proxy) -> Result<()> {
    alice.open(&proxy.url("/")).await?;
    alice.click("form[action='/oauth2/start'] button").await?;
    alice.log_in().await?;
    alice.allow().await?;
    ensure!(told(alice, "X-Forwarded-Email").await? == "alice@example.com");
    ensure!(told(alice, "X-Forwarded-Preferred-Username").await? == "alice");
    ensure!(told(alice, "X-Forwarded-Groups").await? == "writers");

    // After a second, and it counts whole ones, it exchanges its refresh token: for a page, and for whatever else the
    // browser asks for at that moment.
    let mut tokens = vec![told(alice, "X-Forwarded-Access-Token").await?];
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        alice.open(&proxy.url("/")).await?;
        let token = told(alice, "X-Forwarded-Access-Token").await?;
        ensure!(!tokens.contains(&token), "the token is the old one\n{}", proxy.process.logged());
        tokens.push(token);
    }

    let back: String = url::form_urlencoded::byte_serialize(proxy.url("/").as_bytes()).collect();
    let end = alice.provider(&format!("/session/end?client_id=team-a.dashboard&post_logout_redirect_uri={back}"));
    let end: String = url::form_urlencoded::byte_serialize(end.as_bytes()).collect();
    alice.open(&proxy.url(&format!("/oauth2/sign_out?rd={end}"))).await?;
    alice.click("form#logout button[value=leave]").await?;
    // Back at the proxy, which knows nobody; and the provider neither.
    alice.click("form[action='/oauth2/start'] button").await?;
    alice.see("form#login").await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth2_proxy_logs_a_person_in_refreshes_and_logs_them_out() -> Result<()> {
    scene(NAME, JavaScript::On, async |alice| {
        let proxy = Proxy::start(alice)?;
        let outcome = in_and_out(alice, &proxy).await;
        outcome.with_context(|| format!("--- oauth2-proxy\n{}", proxy.process.logged()))
    })
    .await
}
