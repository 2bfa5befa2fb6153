//! What was issued ends with what it rests on: a person, an application, a permission (T-P11, T-K21).

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::Kind;
use cluster::cluster;
use cluster::objects::merge;
use cluster::programs::{Scene, Server, built};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;
use xtask::http::{self, Response};

/// So long may it take at the most, in seconds.
const SECONDS: u64 = 5;

const PASSWORD: &str = "correct horse battery staple";

/// A server, and whoever calls it as one client.
struct Caller<'s> {
    scene: &'s Scene<'s>,
    server: &'s Server,
    id: String,
    secret: String,
}

impl<'s> Caller<'s> {
    /// The client whose Secret is `<name>-oidc`.
    async fn new(scene: &'s Scene<'s>, server: &'s Server, name: &str) -> Result<Self> {
        let secret = scene.secret(name).await?.with_context(|| format!("{name} has no Secret"))?;
        let text = |key: &str| secret.get(key).cloned().with_context(|| format!("no {key}"));
        Ok(Self { scene, server, id: text("OIDC_CLIENT_ID")?, secret: text("OIDC_CLIENT_SECRET")? })
    }

    fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Result<Value> {
        let client = [("client_id", self.id.as_str()), ("client_secret", self.secret.as_str())];
        let form = Serializer::new(String::new()).extend_pairs(pairs).extend_pairs(client).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let Response { body, .. } = self.send(path, "POST", &headers, &form)?;
        serde_json::from_str(&body).with_context(|| format!("{path}: no JSON: {body}"))
    }

    fn send(&self, path: &str, method: &str, headers: &[(&str, &str)], body: &str) -> Result<Response> {
        let url = Url::parse(&format!("http://{}/oidc{path}", self.scene.issuer)).context("a URL of ours")?;
        http::send_to(&[self.server.listen], &url, method, headers, body).context("ask the server")
    }

    fn refresh(&self, tokens: &Value) -> Result<Value> {
        self.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", text(tokens, "refresh_token")?)])
    }

    fn is_active(&self, token: &str) -> Result<bool> {
        Ok(self.post("/token/introspection", &[("token", token)])?["active"] == true)
    }

    fn me(&self, token: &str) -> Result<u16> {
        Ok(self.send("/me", "GET", &[("authorization", &format!("Bearer {token}"))], "")?.status)
    }
}

fn text<'v>(answer: &'v Value, name: &str) -> Result<&'v str> {
    answer[name].as_str().with_context(|| format!("no {name}: {answer}"))
}

/// Looks again and again, until it is so; it may not take long.
async fn within(scene: &Scene<'_>, what: &str, mut check: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !check()? {
        ensure!(began.elapsed() < Duration::from_secs(SECONDS), "not within {SECONDS} s: {what}\n{}", scene.logged());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Ok(())
}

async fn patch(scene: &Scene<'_>, kind: Kind, name: &str, spec: Value) -> Result<()> {
    let merged = merge(&scene.objects(kind), name, json!({ "spec": spec })).await?;
    merged.map(drop).map_err(|status| anyhow::anyhow!("{kind} {name}: {}", status.message))
}

/// A provider whose policies allow what these tests need; a controller and a server.
async fn scene(name: &str) -> Result<(Scene<'static>, Server, cluster::programs::Program)> {
    let scene = Scene::new(cluster()?, name, built()?).await?;
    let policies = json!([{
        "name": "all", "namespaces": {"type": "All"}, "loopbackRedirects": "AddressOnly",
        "grantTypes": ["authorization_code", "refresh_token", "client_credentials", "password"],
    }]);
    let apis = json!([{"name": "apis", "namespaces": {"type": "All"}, "allowedAudienceHosts": ["*.api.example.com"]}]);
    patch(&scene, Kind::OidcProvider, "default", json!({"applicationPolicies": policies, "resourcePolicies": apis}))
        .await?;
    let server = scene.server("server").await?;
    let controller = scene.controller("controller", &["--server-endpoint", &server.program.internal()]).await?;
    Ok((scene, server, controller))
}

/// Alice with her password, and an application that she may use. Answers the Secret with the password.
async fn people_and_portal(scene: &Scene<'_>) -> Result<Secret> {
    let password: Secret = serde_json::from_value(json!({
        "metadata": {"name": "alice-password"}, "type": "portcullis.dev/user-password",
        "stringData": {"password": PASSWORD},
    }))?;
    let secrets: Api<Secret> = Api::namespaced(scene.admin.clone(), &scene.provider);
    secrets.create(&PostParams::default(), &password).await?;
    scene
        .create(Kind::OidcUser, "alice", &json!({"authentication": {"passwordSecretRef": {"name": "alice-password"}}}))
        .await?;
    let spec = json!({
        "redirectURIs": ["http://127.0.0.1:8081/callback"],
        "grantTypes": ["authorization_code", "password", "refresh_token"],
        "scopes": ["openid", "offline_access"], "refreshToken": {"reuseGraceSeconds": 60},
    });
    scene.create(Kind::OidcApplication, "portal", &spec).await?;
    scene.ready(Kind::OidcUser, "alice").await?;
    scene.ready(Kind::OidcApplication, "portal").await?;
    Ok(password)
}

const LOG_IN: [(&str, &str); 4] =
    [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD), ("scope", "openid offline_access")];

#[tokio::test]
async fn t_p11_a_withdrawn_policy_and_a_deleted_person_end_what_rests_on_them() -> Result<()> {
    let (scene, server, _controller) = scene("withdrawn-tokens").await?;
    people_and_portal(&scene).await?;
    let portal = Caller::new(&scene, &server, "portal").await?;
    let tokens = portal.post("/token", &LOG_IN)?;
    let access = text(&tokens, "access_token")?;
    assert!(portal.is_active(access)? && portal.me(access)? == 200);
    let provider = scene.objects(Kind::OidcProvider).get("default").await?;
    let policies = provider.data["spec"]["applicationPolicies"].clone();
    patch(&scene, Kind::OidcProvider, "default", json!({"applicationPolicies": []})).await?;
    within(&scene, "the policy ends refresh", || Ok(portal.refresh(&tokens)?["error"] == "invalid_client")).await?;
    assert_eq!((portal.is_active(access)?, portal.me(access)?), (false, 401));
    patch(&scene, Kind::OidcProvider, "default", json!({"applicationPolicies": policies})).await?;
    within(&scene, "the policy is back", || Ok(portal.post("/token", &LOG_IN)?.get("error").is_none())).await?;

    let tokens = portal.post("/token", &LOG_IN)?;
    let access = text(&tokens, "access_token")?;
    scene.objects(Kind::OidcUser).delete("alice", &DeleteParams::default()).await?;
    within(&scene, "her end ends refresh", || Ok(portal.refresh(&tokens)?["error"] == "invalid_grant")).await?;
    assert_eq!((portal.is_active(access)?, portal.me(access)?), (false, 401));
    assert_eq!(portal.post("/token", &LOG_IN)?["error"], "invalid_grant");
    Ok(())
}

#[tokio::test]
async fn t_p11_what_a_person_was_issued_ends_within_seconds_of_their_being_disabled() -> Result<()> {
    let (scene, server, _controller) = scene("persons-tokens").await?;
    let password = people_and_portal(&scene).await?;
    let secrets: Api<Secret> = Api::namespaced(scene.admin.clone(), &scene.provider);
    let portal = Caller::new(&scene, &server, "portal").await?;
    let log_in = LOG_IN;
    let tokens = portal.post("/token", &log_in)?;
    let access = text(&tokens, "access_token")?;
    assert!(portal.is_active(access)?);
    assert_eq!(portal.me(access)?, 200);
    let tokens = portal.refresh(&tokens)?;
    text(&tokens, "refresh_token")?;

    patch(&scene, Kind::OidcUser, "alice", json!({"activation": "Disabled"})).await?;
    within(&scene, "refresh ends", || Ok(portal.refresh(&tokens)?["error"] == "invalid_grant")).await?;
    assert_eq!((portal.is_active(access)?, portal.me(access)?), (false, 401));
    assert_eq!(portal.post("/token", &log_in)?["error"], "invalid_grant");
    patch(&scene, Kind::OidcUser, "alice", json!({"activation": "Enabled"})).await?;
    within(&scene, "they can log in", || Ok(portal.post("/token", &log_in)?.get("error").is_none())).await?;
    assert_eq!(portal.refresh(&tokens)?["error"], "invalid_grant", "what had ended stays ended");

    let tokens = portal.post("/token", &log_in)?;
    assert!(portal.refresh(&tokens)?.get("error").is_none());
    let label = json!({"metadata": {"labels": {"team": "green"}}});
    secrets.patch("alice-password", &PatchParams::default(), &Patch::Merge(label)).await?;
    let other = json!({"stringData": {"password": "quite another passphrase"}});
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(portal.refresh(&tokens)?.get("error").is_none(), "a label is no password");
    secrets.delete("alice-password", &DeleteParams::default()).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    secrets.create(&PostParams::default(), &password).await?;
    within(&scene, "they can log in", || Ok(portal.post("/token", &log_in)?.get("error").is_none())).await?;
    assert!(portal.refresh(&tokens)?.get("error").is_none(), "nor is a Secret that was made anew");
    secrets.patch("alice-password", &PatchParams::default(), &Patch::Merge(other)).await?;
    within(&scene, "a new password ends refresh", || Ok(portal.refresh(&tokens)?["error"] == "invalid_grant")).await?;

    scene.objects(Kind::OidcApplication).delete("portal", &DeleteParams::default()).await?;
    within(&scene, "the application ends", || Ok(portal.refresh(&tokens)?["error"] == "invalid_client")).await?;
    assert_eq!(portal.me(access)?, 401);
    Ok(())
}

#[tokio::test]
async fn seed_client_credentials_in_a_cluster_from_the_account_s_own_secret() -> Result<()> {
    let (scene, server, _controller) = scene("accounts").await?;
    let allowed = json!([{"name": "billing", "account": "worker", "scopes": ["orders.read"]}]);
    let api = json!({
        "audience": "https://orders.api.example.com", "scopes": [{"name": "orders.read"}], "allowedClients": allowed,
    });
    scene.create(Kind::OidcResource, "orders", &api).await?;
    scene.ready(Kind::OidcResource, "orders").await?;
    let resources = json!([{"resourceRef": {"name": "orders"}, "scopes": ["orders.read"]}]);
    let spec = json!({
        "grantTypes": ["client_credentials"], "scopes": [],
        "programmaticAccess": [{"name": "worker", "resources": resources}],
    });
    scene.create(Kind::OidcApplication, "billing", &spec).await?;
    let ready = scene.ready(Kind::OidcApplication, "billing").await?;
    let account = ready.pointer("/status/accounts/0").context("no account in the status")?;
    assert_eq!(account["clientID"], format!("{}.billing.worker", scene.tenant));
    assert_eq!(account["clientSecret"]["secretName"], "billing.worker-oidc");

    let worker = Caller::new(&scene, &server, "billing.worker").await?;
    let ask = || worker.post("/token", &[("grant_type", "client_credentials"), ("scope", "orders.read")]);
    let tokens = ask()?;
    let token = text(&tokens, "access_token")?;
    assert!(worker.is_active(token)?, "Ready means that it is served: {tokens}");

    patch(&scene, Kind::OidcResource, "orders", json!({"allowedClients": []})).await?;
    within(&scene, "the permission ends", || Ok(ask()?["error"] == "invalid_scope")).await?;
    assert!(!worker.is_active(token)?);
    let told = |object: &Value| cluster::programs::status_of(object, "ResolvedRefs") == Some("False");
    scene.until(Kind::OidcApplication, "billing", "says what it lacks", told).await?;
    patch(&scene, Kind::OidcResource, "orders", json!({"allowedClients": allowed})).await?;
    within(&scene, "the permission is back", || Ok(ask()?.get("error").is_none())).await?;

    patch(&scene, Kind::OidcApplication, "billing", json!({"programmaticAccess": []})).await?;
    within(&scene, "the account ends", || Ok(ask()?["error"] == "invalid_client")).await?;
    let secrets: Api<Secret> = Api::namespaced(scene.admin.clone(), &scene.tenant);
    scene.ready(Kind::OidcApplication, "billing").await?;
    let gone = Instant::now();
    while secrets.get_opt("billing.worker-oidc").await?.is_some() {
        ensure!(gone.elapsed() < Duration::from_secs(SECONDS), "its Secret stays\n{}", scene.logged());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Ok(())
}
