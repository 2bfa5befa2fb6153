//! Several servers of one provider: what all of them must know, and what none of them may miss (F48).

use std::time::Duration;

use anyhow::Result;
use api::Kind;
use cluster::cluster;
use cluster::programs::{Program, Scene, Server, built, condition, status_of};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

const APPLICATION: Kind = Kind::OidcApplication;

async fn three_servers(scene: &Scene<'_>) -> Result<[Server; 3]> {
    Ok([scene.server("server-1").await?, scene.server("server-2").await?, scene.server("server-3").await?])
}

/// An application is ready, and each of these servers knows it.
async fn ready_at(scene: &Scene<'_>, application: &str, servers: &[&Server]) -> Result<()> {
    scene.ready(APPLICATION, application).await?;
    for server in servers {
        assert!(scene.accepts(server, application).await?, "{} refuses {application}", server.instance);
    }
    Ok(())
}

/// An application waits for a third server, and says so; nothing is handed out meanwhile.
async fn waits_for_the_third(scene: &Scene<'_>, application: &str) -> Result<()> {
    let what = "waits for servers";
    let waits = |object: &Value| condition(object, "Ready").is_some_and(|one| one["reason"] == "WaitingForServers");
    let object = scene.until(APPLICATION, application, what, waits).await?;
    let ready = condition(&object, "Ready").unwrap();
    assert_eq!(ready["status"], "False");
    assert!(ready["message"].as_str().unwrap().contains("2 of 3"), "{ready}");
    // The servers that go on are asked again and again, and their word alone changes nothing.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(scene.secret(application).await?, None, "a Secret that one server would refuse");
    let object = scene.until(APPLICATION, application, "exists", |_| true).await?;
    assert_eq!(status_of(&object, "Ready"), Some("False"));
    Ok(())
}

#[tokio::test]
async fn f48_an_application_is_ready_once_every_server_accepts_it() -> Result<()> {
    let scene = Scene::new(cluster()?, "replicas", built()?).await?;
    let servers = three_servers(&scene).await?;
    let urls = servers.each_ref().map(|server| server.program.internal()).join(",");
    let _controller: Program = scene.controller("controller", &["--server-endpoint", &urls]).await?;
    let [first, second, third] = &servers;
    scene.application("before").await?;
    ready_at(&scene, "before", &[first, second, third]).await?;

    third.program.pause()?;
    let before = scene.version(APPLICATION, "before").await?;
    scene.application("meanwhile").await?;
    waits_for_the_third(&scene, "meanwhile").await?;
    assert_eq!(scene.version(APPLICATION, "before").await?, before, "what was loaded stays loaded");

    third.program.resume();
    ready_at(&scene, "meanwhile", &[first, second, third]).await?;
    assert_eq!(scene.version(APPLICATION, "before").await?, before);
    Ok(())
}

/// Says where the servers are, as the control plane of a real cluster does for a Service.
async fn announce(scene: &Scene<'_>, servers: &[&Server]) -> Result<()> {
    let slices: Api<EndpointSlice> = Api::namespaced(scene.admin.clone(), &scene.provider);
    for server in servers {
        let address = server.program.internal_address();
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": server.instance, "labels": {"portcullis.dev/provider": "default"}},
            // The API server takes no loopback address; a name under `localhost` is one (RFC 6761 §6.3).
            "addressType": "FQDN",
            "ports": [{"name": "http", "port": 8080}, {"name": "internal", "port": address.port()}],
            "endpoints": [{
                "addresses": [format!("{}.localhost", server.instance)], "conditions": {"ready": true, "serving": true, "terminating": false},
                "targetRef": {"kind": "Pod", "name": server.instance, "uid": server.instance},
            }],
        });
        slices.patch(&server.instance, &PatchParams::apply("endpoints"), &Patch::Apply(slice)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn f48_a_server_that_hangs_is_waited_for_until_it_is_taken_away() -> Result<()> {
    let scene = Scene::new(cluster()?, "slices", built()?).await?;
    let servers = three_servers(&scene).await?;
    let _controller: Program = scene.controller("controller", &[]).await?;
    let [first, second, third] = &servers;
    scene.application("before").await?;
    let what = "says that there are no servers";
    let lonely = |object: &Value| condition(object, "Ready").is_some_and(|one| one["reason"] == "NoServers");
    scene.until(APPLICATION, "before", what, lonely).await?;
    announce(&scene, &[first, second, third]).await?;
    ready_at(&scene, "before", &[first, second, third]).await?;

    third.program.pause()?;
    let before = scene.version(APPLICATION, "before").await?;
    scene.application("meanwhile").await?;
    waits_for_the_third(&scene, "meanwhile").await?;

    let slices: Api<EndpointSlice> = Api::namespaced(scene.admin.clone(), &scene.provider);
    slices.delete(&third.instance, &kube::api::DeleteParams::default()).await?;
    ready_at(&scene, "meanwhile", &[first, second]).await?;
    assert_eq!(scene.version(APPLICATION, "before").await?, before, "what was loaded stays loaded");
    Ok(())
}

/// Another process at an address is another replica: what the one before had loaded counts no more.
#[tokio::test]
async fn f48_a_server_that_was_killed_has_loaded_nothing() -> Result<()> {
    let scene = Scene::new(cluster()?, "killed", built()?).await?;
    let [first, mut second, third] = three_servers(&scene).await?;
    let _controller: Program = scene.controller("controller", &[]).await?;
    announce(&scene, &[&first, &second]).await?;
    scene.application("before").await?;
    ready_at(&scene, "before", &[&first, &second]).await?;

    // It is gone, and its endpoint is still there.
    second.program.kill()?;
    scene.application("meanwhile").await?;
    let waits = |object: &Value| condition(object, "Ready").is_some_and(|one| one["reason"] == "WaitingForServers");
    scene.until(APPLICATION, "meanwhile", "waits for servers", waits).await?;
    assert_eq!(scene.secret("meanwhile").await?, None);

    // Another one comes in its place.
    let slices: Api<EndpointSlice> = Api::namespaced(scene.admin.clone(), &scene.provider);
    slices.delete(&second.instance, &kube::api::DeleteParams::default()).await?;
    announce(&scene, &[&third]).await?;
    ready_at(&scene, "meanwhile", &[&first, &third]).await?;
    ready_at(&scene, "before", &[&first, &third]).await
}
