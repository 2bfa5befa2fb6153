//! What is written while nothing changes, and how much while one thing does (F14).

use std::time::Duration;

use anyhow::Result;
use api::Kind;
use cluster::audit::{Write, writes};
use cluster::cluster;
use cluster::programs::{Program, Scene, built};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

/// How long nothing may happen. Everything is looked at again every two seconds.
const IDLE: Duration = Duration::from_secs(20);

/// Three applications, three persons with passwords, two groups.
async fn small_world(scene: &Scene<'_>) -> Result<()> {
    let secrets: Api<Secret> = Api::namespaced(scene.admin.clone(), &scene.provider);
    for name in ["alice", "bob", "carol"] {
        let password: Secret = serde_json::from_value(json!({
            "metadata": {"name": name}, "type": "portcullis.dev/user-password",
            "stringData": {"password": "correct horse battery staple"},
        }))?;
        secrets.create(&PostParams::default(), &password).await?;
        let spec = json!({
            "email": format!("{name}@example.com"), "authentication": {"passwordSecretRef": {"name": name}},
        });
        scene.create(Kind::OidcUser, name, &spec).await?;
    }
    for (name, members) in [("writers", &["alice", "bob"][..]), ("readers", &["carol"])] {
        let members: Vec<_> = members.iter().map(|name| json!({"name": name})).collect();
        scene.create(Kind::OidcGroup, name, &json!({"members": members})).await?;
    }
    for name in ["notes", "mail", "wiki"] {
        scene.application(name).await?;
    }
    for (kind, names) in [
        (Kind::OidcProvider, &["default"][..]),
        (Kind::OidcUser, &["alice", "bob", "carol"]),
        (Kind::OidcGroup, &["writers", "readers"]),
        (Kind::OidcApplication, &["notes", "mail", "wiki"]),
    ] {
        for name in names {
            scene.ready(kind, name).await?;
        }
    }
    Ok(())
}

/// Waits until a program has written nothing for a while, and returns what it had written by then.
async fn settled(program: &Program) -> Result<Vec<Write>> {
    let mut before = writes(cluster()?, &program.credential)?;
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let now = writes(cluster()?, &program.credential)?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

#[tokio::test]
async fn f14_a_settled_world_is_written_no_more() -> Result<()> {
    let cluster = cluster()?;
    let scene = Scene::new(cluster, "idle", built()?).await?;
    let server = scene.server("server").await?;
    let endpoint = server.program.internal();
    let flags = ["--server-endpoint", &endpoint, "--resync-seconds", "2"];
    let mut controller = scene.controller("controller", &flags).await?;
    small_world(&scene).await?;

    let before = settled(&controller).await?;
    assert!(!before.is_empty(), "this audit log does not know the controller");
    tokio::time::sleep(IDLE).await;
    let after = writes(cluster, &controller.credential)?;
    assert_eq!(after[before.len()..], [], "written in {IDLE:?} in which nothing changed");
    assert_eq!(writes(cluster, &server.program.credential)?, [], "a server writes nothing, ever");

    // Another process finds everything as it should be.
    controller.kill()?;
    let again = scene.controller("again", &flags).await?;
    while again.metric("portcullis_lease_held").ok().flatten() != Some(1.0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(settled(&again).await?, [], "written by a controller that found everything in order");
    Ok(())
}

/// What a controller writes comes back to it as news; that must not make it write again.
#[tokio::test]
async fn f14_one_new_application_costs_a_handful_of_writes() -> Result<()> {
    let scene = Scene::new(cluster()?, "few", built()?).await?;
    let server = scene.server("server").await?;
    let controller = scene.controller("controller", &["--server-endpoint", &server.program.internal()]).await?;
    scene.application("first").await?;
    scene.ready(Kind::OidcApplication, "first").await?;
    let before = settled(&controller).await?.len();
    scene.application("notes").await?;
    scene.ready(Kind::OidcApplication, "notes").await?;
    let all = settled(&controller).await?;
    let new = &all[before..];
    let count = |resource: &str| new.iter().filter(|write| write.resource == resource).count();
    assert_eq!((count("oidcclientrecords"), count("secrets")), (1, 1), "{new:#?}");
    assert!((1..=2).contains(&count("oidcapplications/status")), "{new:#?}");
    assert!(count("events") <= 2, "{new:#?}");
    // The provider counts its applications.
    assert!(count("oidcproviders/status") <= 1, "{new:#?}");
    let known = ["oidcclientrecords", "secrets", "oidcapplications/status", "events", "oidcproviders/status"];
    assert!(new.iter().all(|write| write.code < 300 && known.contains(&&*write.resource)), "{new:#?}");
    Ok(())
}
