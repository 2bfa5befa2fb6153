//! What the controller has no use for never reaches it.

use anyhow::Result;
use api::Kind;
use cluster::cluster;
use cluster::programs::{Scene, built};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

/// Kubernetes tells Secrets apart by type on its own side: those of others cost neither memory nor trust.
#[tokio::test]
async fn f51_secrets_of_others_leave_the_memory_as_it_is() -> Result<()> {
    let scene = Scene::new(cluster()?, "foreign", built()?).await?;
    let server = scene.server("server").await?;
    let controller = scene.controller("controller", &["--server-endpoint", &server.program.internal()]).await?;
    scene.application("before").await?;
    scene.ready(Kind::OidcApplication, "before").await?;
    let before = controller.resident()?;
    let secrets: Api<Secret> = Api::namespaced(scene.admin.clone(), &scene.tenant);
    for number in 0..100 {
        let foreign: Secret = serde_json::from_value(json!({
            "metadata": {"name": format!("foreign-{number}")}, "type": "Opaque",
            "stringData": {"content": "x".repeat(500_000)},
        }))?;
        secrets.create(&PostParams::default(), &foreign).await?;
    }
    scene.application("after").await?;
    scene.ready(Kind::OidcApplication, "after").await?;
    let after = controller.resident()?;
    // They are 50 MB.
    assert!(after < before + 16 * 1024, "{before} KiB before, {after} KiB after");
    Ok(())
}
