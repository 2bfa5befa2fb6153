//! Client secrets and signing keys are replaced, and nobody is refused meanwhile (F12, F19, F22).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use api::Kind;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cluster::inside::{Cut, Moment};
use cluster::objects::merge;
use cluster::programs::{PATIENCE, Program, Scene, Server, built, condition};
use cluster::{Inside, cluster, text};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;
use xtask::http::{self, Response};

const APPLICATION: Kind = Kind::OidcApplication;

/// Seconds that two secrets are good: longer than whoever uses them needs to read the new one.
const OVERLAP: u64 = 4;

/// A provider whose applications may ask for tokens of their own, three servers, and a controller that waits for them.
async fn three_servers(name: &str) -> Result<(Scene<'static>, [Server; 3], Program)> {
    let scene = Scene::new(cluster()?, name, built()?).await?;
    let policies = json!([{
        "name": "all", "namespaces": {"type": "All"}, "loopbackRedirects": "AddressOnly",
        "grantTypes": ["authorization_code", "client_credentials"],
    }]);
    let apis = json!([{"name": "apis", "namespaces": {"type": "All"}, "allowedAudienceHosts": ["*.api.example.com"]}]);
    let tokens = json!({"accessTokenLifetimeSeconds": 60, "idTokenLifetimeSeconds": 60});
    let spec = json!({"applicationPolicies": policies, "resourcePolicies": apis, "tokens": tokens});
    patch(&scene, Kind::OidcProvider, "default", spec).await?;
    let servers = [scene.server("server-1").await?, scene.server("server-2").await?, scene.server("server-3").await?];
    let urls = servers.each_ref().map(|server| server.program.internal()).join(",");
    let controller = scene.controller("controller", &["--server-endpoint", &urls]).await?;
    let allowed = json!([{"name": "billing", "account": "worker", "scopes": ["orders.read"]}]);
    let api = json!({
        "audience": "https://orders.api.example.com", "scopes": [{"name": "orders.read"}], "allowedClients": allowed,
    });
    scene.create(Kind::OidcResource, "orders", &api).await?;
    scene.create(APPLICATION, "billing", &billing("", "")).await?;
    scene.ready(APPLICATION, "billing").await?;
    Ok((scene, servers, controller))
}

/// An application with an account, each with a trigger of its own.
fn billing(own: &str, worker: &str) -> Value {
    let by = |trigger: &str| json!({"type": "ClientSecret", "clientSecret": {"rotation": {"overlapSeconds": OVERLAP, "trigger": trigger}}});
    json!({
        "redirectURIs": ["http://127.0.0.1:8081/callback"],
        "clientAuthentication": by(own),
        "programmaticAccess": [{
            "name": "worker", "clientAuthentication": by(worker),
            "resources": [{"resourceRef": {"name": "orders"}, "scopes": ["orders.read"]}],
        }],
    })
}

async fn patch(scene: &Scene<'_>, kind: Kind, name: &str, spec: Value) -> Result<()> {
    let merged = merge(&scene.objects(kind), name, json!({ "spec": spec })).await?;
    merged.map(drop).map_err(|status| anyhow!("{kind} {name}: {}", status.message))
}

/// What is handed out to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Credentials {
    id: String,
    secret: String,
    epoch: String,
}

async fn credentials(admin: &kube::Client, tenant: &str, name: &str) -> Result<Credentials> {
    let secrets: Api<Secret> = Api::namespaced(admin.clone(), tenant);
    let secret = secrets.get(&format!("{name}-oidc")).await.with_context(|| format!("the Secret of {name}"))?;
    let notes = secret.metadata.annotations.clone().unwrap_or_default();
    let epoch = notes.get("portcullis.dev/epoch").cloned().context("no epoch")?;
    Ok(Credentials { id: text(&secret, "OIDC_CLIENT_ID"), secret: text(&secret, "OIDC_CLIENT_SECRET"), epoch })
}

/// Asks one server as a client.
fn ask(url: &Url, server: &Server, client: &Credentials, pairs: &[(&str, &str)]) -> Result<Value> {
    ask_at(url, server.listen, client, pairs)
}

fn ask_at(url: &Url, address: std::net::SocketAddr, client: &Credentials, pairs: &[(&str, &str)]) -> Result<Value> {
    let proof = [("client_id", client.id.as_str()), ("client_secret", client.secret.as_str())];
    let form = Serializer::new(String::new()).extend_pairs(pairs).extend_pairs(proof).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let Response { status, body, .. } = http::send_to(&[address], url, "POST", &headers, &form)?;
    serde_json::from_str(&body).with_context(|| format!("{status}: no JSON: {body}"))
}

fn endpoint(scene: &Scene<'_>, path: &str) -> Result<Url> {
    Url::parse(&format!("http://{}/oidc{path}", scene.issuer)).context("a URL of ours")
}

/// Whether a server knows a client by these credentials. What it asks for is refused either way.
fn is_known(scene: &Scene<'_>, server: &Server, client: &Credentials) -> Result<bool> {
    let answer =
        ask(&endpoint(scene, "/token")?, server, client, &[("grant_type", "client_credentials"), ("scope", "no")])?;
    let error = answer["error"].as_str().with_context(|| format!("no error: {answer}"))?;
    Ok(error != "invalid_client")
}

/// Waits until a client has another secret.
async fn another(scene: &Scene<'_>, name: &str, before: &Credentials) -> Result<Credentials> {
    let asked = Instant::now();
    loop {
        let found = credentials(&scene.admin, &scene.tenant, name).await?;
        if found.secret != before.secret {
            return Ok(found);
        }
        ensure!(asked.elapsed() < PATIENCE, "{name}: no other secret\n{}", scene.logged());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until no server knows these credentials any more, and says how long that took.
async fn forgotten(scene: &Scene<'_>, servers: &[Server], old: &Credentials) -> Result<Duration> {
    let asked = Instant::now();
    for server in servers {
        while is_known(scene, server, old)? {
            ensure!(asked.elapsed() < PATIENCE, "{} never ends the old secret\n{}", server.instance, scene.logged());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(asked.elapsed())
}

#[tokio::test]
async fn f19_a_rotation_waits_for_a_server_that_hangs_and_the_old_secret_works_for_the_overlap() -> Result<()> {
    let (scene, servers, _controller) = three_servers("rotation").await?;
    let [first, second, third] = &servers;
    let old = credentials(&scene.admin, &scene.tenant, "billing").await?;
    let worker = credentials(&scene.admin, &scene.tenant, "billing.worker").await?;
    assert_eq!((old.epoch.as_str(), worker.epoch.as_str()), ("1", "1"));

    third.program.pause()?;
    patch(&scene, APPLICATION, "billing", billing("leaked", "")).await?;
    let reason = |object: &Value| condition(object, "CredentialsReady").is_some_and(|one| one["reason"] == "Rotating");
    let waiting = scene.until(APPLICATION, "billing", "says that it rotates", reason).await?;
    let said = condition(&waiting, "CredentialsReady").context("a condition")?["message"].to_string();
    assert!(said.contains("2 of 3"), "{said}");
    assert_eq!(waiting["status"]["clientSecret"]["epoch"], 1, "what is handed out is the old one");
    // Longer than the overlap: that has not begun.
    tokio::time::sleep(Duration::from_secs(OVERLAP + 1)).await;
    assert_eq!(credentials(&scene.admin, &scene.tenant, "billing").await?, old);
    for server in [first, second] {
        assert!(is_known(&scene, server, &old)?, "{}", server.instance);
    }

    third.program.resume();
    let new = another(&scene, "billing", &old).await?;
    let handed_out = Instant::now();
    assert_eq!(new.epoch, "2");
    for server in &servers {
        assert!(is_known(&scene, server, &new)?, "{} refuses what is handed out", server.instance);
        assert!(is_known(&scene, server, &old)?, "{} refuses the old one at once", server.instance);
    }
    let object = scene.ready(APPLICATION, "billing").await?;
    let status = &object["status"]["clientSecret"];
    assert_eq!((&status["epoch"], &status["observedTrigger"]), (&json!(2), &json!("leaked")));
    assert!(status["previousExpirationTime"].is_string(), "{status}");
    forgotten(&scene, &servers, &old).await?;
    assert!(handed_out.elapsed() >= Duration::from_secs(OVERLAP - 1), "{:?}", handed_out.elapsed());
    let over = |object: &Value| object["status"]["clientSecret"]["previousExpirationTime"].is_null();
    scene.until(APPLICATION, "billing", "says that the overlap is over", over).await?;
    for server in &servers {
        assert!(is_known(&scene, server, &new)?);
        assert!(!is_known(&scene, server, &old)?);
        assert!(is_known(&scene, server, &worker)?, "an account's own is another matter");
    }
    assert_eq!(credentials(&scene.admin, &scene.tenant, "billing.worker").await?, worker);

    // And an account's own, by itself.
    patch(&scene, APPLICATION, "billing", billing("leaked", "leaked too")).await?;
    let next = another(&scene, "billing.worker", &worker).await?;
    assert_eq!((next.epoch.as_str(), next.id.as_str()), ("2", worker.id.as_str()));
    for server in &servers {
        assert!(is_known(&scene, server, &worker)? && is_known(&scene, server, &next)?);
    }
    forgotten(&scene, &servers, &worker).await?;
    let object = scene.ready(APPLICATION, "billing").await?;
    assert_eq!(object["status"]["accounts"][0]["clientSecret"]["observedTrigger"], "leaked too");
    assert_eq!(credentials(&scene.admin, &scene.tenant, "billing").await?, new);
    Ok(())
}

/// More writes than a rotation takes, from the record to the last status.
const WRITES: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_crash_between_any_two_writes_of_a_rotation_converges() -> Result<()> {
    crashes(Moment::Before).await
}

/// The write was done, and nobody was told: there is no second rotation.
#[tokio::test(flavor = "multi_thread")]
async fn f08_a_rotation_whose_answers_are_lost_rotates_once() -> Result<()> {
    crashes(Moment::After).await
}

async fn crashes(moment: Moment) -> Result<()> {
    let cluster = cluster()?;
    let spec = |inside: &Inside, trigger: &str| {
        let mut spec = inside.application_spec();
        spec["clientAuthentication"]["clientSecret"]["rotation"] = json!({"overlapSeconds": 1, "trigger": trigger});
        spec
    };
    let mut reached = 0;
    for writes in 0..WRITES {
        let mut inside = Inside::start(cluster, "rotation-crash").await?;
        inside.apply(APPLICATION, "notes", spec(&inside, "")).await?;
        inside.ready(APPLICATION, "notes").await?;
        let old = credentials(inside.admin(), &inside.tenant, "notes").await?;
        inside.kill_controller();
        inside.apply(APPLICATION, "notes", spec(&inside, "now")).await?;
        let cut = Cut::after(writes, moment);
        inside.start_controller(Some(cut.clone())).await?;
        let died = tokio::select! {
            () = cut.happened() => true,
            over = over(&inside) => { over?; false }
        };
        inside.kill_controller();
        let published = credentials(inside.admin(), &inside.tenant, "notes").await?;
        assert!(
            inside.serving().accepts(&published.id, &published.secret),
            "after {writes} writes: {}",
            published.epoch
        );
        if died {
            reached += 1;
            inside.start_controller(None).await?;
            over(&inside).await.with_context(|| format!("after {writes} writes, {moment:?}"))?;
        }
        let new = credentials(inside.admin(), &inside.tenant, "notes").await?;
        assert_eq!(new.epoch, "2", "after {writes} writes, {moment:?}");
        let served = inside.serving();
        assert!(served.accepts(&new.id, &new.secret));
        assert!(!served.accepts(&old.id, &old.secret), "after {writes} writes the old one is still good");
        if !died {
            break;
        }
    }
    assert!(reached >= 4, "only {reached} writes were cut: the harness does not see them");
    assert!(reached < WRITES, "there are more writes than were tried");
    Ok(())
}

/// Waits until the rotation is over, and everybody was told.
async fn over(inside: &Inside) -> Result<()> {
    let api = inside.objects(APPLICATION);
    inside
        .until("the rotation is over", async || {
            let object = serde_json::to_value(api.get("notes").await?)?;
            let status = &object["status"]["clientSecret"];
            let over = status["epoch"] == 2 && status["previousExpirationTime"].is_null();
            Ok(if over { Ok(()) } else { Err(status.to_string()) })
        })
        .await?;
    inside.ready(APPLICATION, "notes").await
}

/// For how long a verifier keeps the JWKS, and how often a client reads its Secret again.
const JWKS_SECONDS: u64 = 1;
/// Longer than a copy of the JWKS is kept by what a busy machine needs to bring a key to every server.
const PRE_PUBLISH_SECONDS: u64 = 6;
const REREAD: Duration = Duration::from_millis(500);

/// A client and the API that it calls, at all servers in turn: it reads its Secret now and then, as a program does that
/// watches a mounted file, and the API verifies what it gets by a copy of the JWKS.
struct Worker {
    tenant: String,
    admin: kube::Client,
    name: &'static str,
    token: Url,
    introspection: Url,
    jwks: Url,
    servers: [std::net::SocketAddr; 3],
    stop: Arc<AtomicBool>,
}

/// What a worker met.
#[derive(Debug, Default)]
struct Met {
    tokens: usize,
    epochs: BTreeSet<String>,
    keys: BTreeSet<String>,
}

impl Worker {
    async fn run(self, number: usize) -> Result<Met> {
        let mut met = Met::default();
        let mut client = (credentials(&self.admin, &self.tenant, self.name).await?, Instant::now());
        let mut copy: Option<(BTreeSet<String>, Instant)> = None;
        for turn in number.. {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            if client.1.elapsed() > REREAD {
                client = (credentials(&self.admin, &self.tenant, self.name).await?, Instant::now());
            }
            // Each question goes to another server than the one before.
            let at = |step: usize| self.servers[(turn + step) % self.servers.len()];
            let pairs = [("grant_type", "client_credentials"), ("scope", "orders.read")];
            let answer = tokio::task::block_in_place(|| ask_at(&self.token, at(0), &client.0, &pairs))?;
            let token = answer["access_token"]
                .as_str()
                .with_context(|| format!("{} of epoch {} gets no token: {answer}", client.0.id, client.0.epoch))?;
            let kid = key_id(token)?;
            let fresh = copy.take().filter(|(_, since)| since.elapsed() < Duration::from_secs(JWKS_SECONDS));
            let (known, since) = match fresh {
                Some(copy) => copy,
                None => (tokio::task::block_in_place(|| jwks(&self.jwks, at(1)))?, Instant::now()),
            };
            ensure!(known.contains(&kid), "signed with {kid}, which a copy of {:?} ago lacks", since.elapsed());
            copy = Some((known, since));
            let judged =
                tokio::task::block_in_place(|| ask_at(&self.introspection, at(2), &client.0, &[("token", token)]))?;
            ensure!(judged["active"] == true, "epoch {}: a good token is {judged}", client.0.epoch);
            met.tokens += 1;
            met.epochs.insert(client.0.epoch.clone());
            met.keys.insert(kid);
        }
        Ok(met)
    }
}

/// The key that a JWT says it is signed with.
fn key_id(token: &str) -> Result<String> {
    let head = token.split('.').next().unwrap_or_default();
    let head: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).context("no JWT")?)?;
    Ok(head["kid"].as_str().context("no kid")?.to_owned())
}

fn jwks(url: &Url, address: std::net::SocketAddr) -> Result<BTreeSet<String>> {
    let Response { body, .. } = http::send_to(&[address], url, "GET", &[], "")?;
    let set: Value = serde_json::from_str(&body)?;
    let keys = set["keys"].as_array().context("no keys")?;
    Ok(keys.iter().filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect())
}

/// Signing keys and a client secret are replaced again and again under load: no token is refused, and nobody who reads
/// their Secret within the overlap fails to authenticate, at any server at any instant.
#[tokio::test(flavor = "multi_thread")]
async fn f22_f19_nobody_is_refused_while_keys_and_secrets_rotate_under_load() -> Result<()> {
    let (scene, servers, _controller) = three_servers("rotation-load").await?;
    let signing = |trigger: &str| {
        json!({"signing": {
            "jwksMaxAgeSeconds": JWKS_SECONDS, "prePublishSeconds": PRE_PUBLISH_SECONDS, "retireSeconds": 3600, "trigger": trigger,
        }})
    };
    patch(&scene, Kind::OidcProvider, "default", signing("")).await?;
    scene.ready(Kind::OidcProvider, "default").await?;
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..4)
        .map(|number| {
            let worker = Worker {
                tenant: scene.tenant.clone(),
                admin: scene.admin.clone(),
                name: "billing.worker",
                token: endpoint(&scene, "/token")?,
                introspection: endpoint(&scene, "/token/introspection")?,
                jwks: endpoint(&scene, "/.well-known/jwks.json")?,
                servers: servers.each_ref().map(|server| server.listen),
                stop: Arc::clone(&stop),
            };
            Ok(tokio::spawn(worker.run(number)))
        })
        .collect::<Result<_>>()?;
    for round in ["a", "b", "c"] {
        let before = credentials(&scene.admin, &scene.tenant, "billing.worker").await?;
        let begun = Instant::now();
        patch(&scene, Kind::OidcProvider, "default", signing(round)).await?;
        patch(&scene, APPLICATION, "billing", billing("", round)).await?;
        another(&scene, "billing.worker", &before).await?;
        tokio::time::sleep(Duration::from_secs(OVERLAP)).await;
        forgotten(&scene, &servers, &before).await?;
        // The new key signs before the next one takes its place.
        let signs = Duration::from_secs(PRE_PUBLISH_SECONDS + 2);
        tokio::time::sleep(signs.saturating_sub(begun.elapsed())).await;
    }
    tokio::time::sleep(REREAD * 2).await;
    stop.store(true, Ordering::Relaxed);
    let mut counted: BTreeMap<usize, Met> = BTreeMap::new();
    for (number, worker) in workers.into_iter().enumerate() {
        counted.insert(number, worker.await?.with_context(|| scene.logged())?);
    }
    for (number, Met { tokens, epochs, keys }) in &counted {
        println!("{number}: {tokens} tokens, epochs {epochs:?}, {} keys", keys.len());
        assert!(*tokens > 50, "a load of {tokens} tokens is none");
        assert_eq!(*epochs, ["1", "2", "3", "4"].map(str::to_owned).into(), "every secret was used");
        assert_eq!(keys.len(), 4, "every key was used");
    }
    Ok(())
}
