//! OpenID Connect Session Management: a page of the application asks the issuer's page in a frame.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use browser::{Actor, JavaScript, manifests, scene};
use serde_json::{Value, json};
use url::Url;

const NAME: &str = "session-management";

const CLIENT: &str = "team-a.notes";

/// A document of the application's origin whose policy, unlike that of its pages, lets the test add a frame.
const PLAIN: &str = "/style.css";

/// Loads the frame and says to it what it is given; answers what it said to each.
const ASK: &str = "
    const [frame, messages, done] = arguments;
    const iframe = document.createElement('iframe');
    const answers = [];
    const say = () => iframe.contentWindow.postMessage(messages[answers.length], new URL(frame).origin);
    window.onmessage = event => {
        if (event.source !== iframe.contentWindow || event.origin !== new URL(frame).origin) { return; }
        answers.push(event.data);
        if (answers.length < messages.length) { say(); } else { iframe.remove(); done(answers); }
    };
    iframe.onload = say;
    iframe.src = frame;
    document.body.append(iframe);";

/// Keeps a frame of the page, which asks every so often; what it is told stands in the title.
const WATCH: &str = "
    const [frame, message] = arguments;
    const iframe = document.createElement('iframe');
    window.onmessage = event => {
        if (event.source === iframe.contentWindow && event.origin === new URL(frame).origin) { document.title = event.data; }
    };
    iframe.onload = () => setInterval(() => iframe.contentWindow.postMessage(message, new URL(frame).origin), 50);
    iframe.src = frame;
    document.body.append(iframe);";

/// What an application that knows the browser state would be told, for client IDs of all lengths that a hash pads
/// differently, by the browser's own SHA-256. Cookies know no ports, so that this page may read the issuer's here.
const KNOW: &str = "
    const done = arguments[0];
    const state = document.cookie.split('; ').find(pair => /^pc-.*-s=/.test(pair)).split('=')[1];
    const one = async length => {
        const client = 'c'.repeat(length);
        const octets = new TextEncoder().encode([client, location.origin, state, 'salt'].join(' '));
        const hash = String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('SHA-256', octets)));
        return client + ' ' + btoa(hash).replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=/g, '') + '.salt';
    };
    Promise.all(Array.from({length: 130}, (_, index) => one(index + 1))).then(done);";

async fn ask(alice: &Actor, messages: Vec<Value>) -> Result<Vec<Value>> {
    let frame = json!(alice.provider("/session/check"));
    let answers = alice.driver().execute_async(ASK, vec![frame, messages.into()]).await.context("ask the frame")?;
    answers.convert().context("its answers")
}

/// The provider is told to offer it.
async fn offered(alice: &Actor) -> Result<()> {
    let path = manifests(NAME)?.join("provider.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    fs::write(&path, text.replace("\nspec:\n", "\nspec:\n  sessionManagement: Enabled\n")).context("write it")?;
    let started = Instant::now();
    loop {
        alice.open_provider("/session/check").await?;
        match alice.status().await? {
            200 => return Ok(()),
            _ => ensure!(started.elapsed() < Duration::from_secs(20), "it is not offered"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the application is told at the end of a login that it began in a hidden frame.
async fn session_state(alice: &Actor) -> Result<String> {
    let callback: String = url::form_urlencoded::byte_serialize(alice.app("/callback").as_bytes()).collect();
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    alice
        .open_provider(&format!(
            "/auth?response_type=code&client_id={CLIENT}&redirect_uri={callback}&scope=openid&prompt=none\
             &code_challenge={challenge}&code_challenge_method=S256"
        ))
        .await?;
    let at: Url = alice.driver().current_url().await.context("ask for the address")?;
    let state = at.query_pairs().find(|(name, _)| name == "session_state").map(|(_, value)| value.into_owned());
    state.with_context(|| format!("no session_state at {at}"))
}

async fn titled(alice: &Actor, expect: &str) -> Result<()> {
    let started = Instant::now();
    loop {
        let title = alice.driver().title().await.context("ask for the title")?;
        if title == expect {
            return Ok(());
        }
        ensure!(started.elapsed() < Duration::from_secs(10), "the frame says {title:?}, and not {expect:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn watched(alice: &Actor) -> Result<()> {
    offered(alice).await?;
    alice.sign_in().await?;
    let state = session_state(alice).await?;
    let message = json!(format!("{CLIENT} {state}"));

    alice.open_app(PLAIN).await?;
    let other = json!(format!("team-a.other {state}"));
    let answers = ask(alice, vec![message.clone(), other, json!("nonsense"), json!(""), message.clone()]).await?;
    ensure!(answers == ["unchanged", "changed", "error", "error", "unchanged"], "{answers:?}");

    let known = alice.driver().execute_async(KNOW, Vec::new()).await.context("compute")?;
    let answers = ask(alice, known.convert().context("its messages")?).await?;
    ensure!(answers.len() == 130 && answers.iter().all(|answer| answer == "unchanged"), "{answers:?}");

    // The frame stays where it is while she logs out in another tab.
    let driver = alice.driver();
    let watching = driver.window().await?;
    driver.execute(WATCH, vec![json!(alice.provider("/session/check")), message.clone()]).await.context("watch")?;
    titled(alice, "unchanged").await?;
    let other = driver.new_tab().await?;
    driver.switch_to_window(other).await?;
    alice.open_provider(&format!("/session/end?client_id={CLIENT}")).await?;
    alice.click("form#logout button[value=leave]").await?;
    alice.see("#signed-out").await?;
    driver.close_window().await?;
    driver.switch_to_window(watching).await?;
    titled(alice, "changed").await?;

    alice.open_app(PLAIN).await?;
    let answers = ask(alice, vec![message]).await?;
    ensure!(answers == ["changed"], "{answers:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_notices_the_logout() -> Result<()> {
    scene(NAME, JavaScript::On, watched).await
}
