//! On a cluster: manifests by `kubectl apply`, and the login that they make possible.
//!
//! `cargo xtask test --no-cluster` leaves this module out by its name, so whatever needs a control
//! plane belongs here and nowhere else.

use anyhow::{Context, Result, ensure};
use browser::{Actor, JavaScript, cluster_scene};
use serde_json::Value;
use xtask::cluster_stack::ClusterStack;
use xtask::running::Running;

#[tokio::test(flavor = "multi_thread")]
async fn alice_logs_in_with_the_secret_that_the_controller_wrote() -> Result<()> {
    cluster_scene("cluster", JavaScript::On, async |alice, cluster| log_in(alice, cluster).await).await
}

/// The application verifies the id_token's signature against the key set of the issuer, its
/// issuer, audience, nonce and at_hash, before it shows anybody.
async fn log_in(alice: &Actor, cluster: &ClusterStack) -> Result<()> {
    alice.open_app("/").await?;
    alice.click("#login").await?;
    alice.see("form#login").await?;
    ensure!(alice.at_provider().await?, "the password is typed at the provider only");
    alice.log_in().await?;
    alice.allow().await?;
    let (claims, userinfo) = alice.see_signed_in().await?;

    let issuer = cluster.addresses().issuer();
    ensure!(claims.get("iss") == Some(&Value::from(issuer)), "{claims:#}");
    ensure!(userinfo.get("name") == Some(&Value::from("Alice Liddell")), "{userinfo:#}");
    ensure!(userinfo.get("groups") == Some(&serde_json::json!(["writers"])), "{userinfo:#}");
    let uid = object(cluster, "ouser/alice", "identity")?.pointer("/metadata/uid").cloned();
    ensure!(uid.is_some() && claims.get("sub") == uid.as_ref(), "the subject is the object's UID, {uid:?}: {claims:#}");

    let application = object(cluster, "oapp/notes", "team-a")?;
    let client = application.pointer("/status/clientID");
    ensure!(client == Some(&Value::from("team-a.notes")), "{application:#}");
    ensure!(audience(&claims) == client, "the token is for the client of the status: {claims:#}");
    Ok(())
}

/// The only audience of a token, which may stand in a list.
fn audience(claims: &Value) -> Option<&Value> {
    let audience = claims.get("aud")?;
    audience.as_array().map_or(Some(audience), |all| all.first().filter(|_| all.len() == 1))
}

fn object(cluster: &ClusterStack, name: &str, namespace: &str) -> Result<Value> {
    let text = cluster.kubectl(&["get", name, "--namespace", namespace, "--output", "json"])?;
    serde_json::from_str(&text).context("kubectl prints JSON")
}
