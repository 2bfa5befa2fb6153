//! Objects of a newer release: what this one cannot read must not hide the rest.

use std::time::Duration;

use anyhow::{Context, Result};
use api::{Kind, OidcApplication};
use cluster::objects::{create, manifest, merge};
use cluster::{Cluster, NamespaceKind, Role};
use futures::StreamExt;
use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::error_boundary::DeserializeGuard;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::json;

const URI: &str = "https://notes.example/callback";
const PATIENCE: Duration = Duration::from_secs(30);

/// The definition of applications as a newer release might have it: another value of an
/// enumeration, and another field.
async fn upgrade(cluster: &Cluster) -> Result<()> {
    let mut definition = api::crd(Kind::OidcApplication).clone();
    let spec = definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties").unwrap();
    spec["pkce"]["enum"].as_array_mut().unwrap().push(json!("PostQuantum"));
    spec["newer"] = json!({"type": "string", "maxLength": 10});
    let kind = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let definitions: Api<DynamicObject> = Api::all_with(client, &ApiResource::from_gvk(&kind));
    let params = PatchParams::apply("newer").force();
    definitions.patch("oidcapplications.portcullis.dev", &params, &Patch::Apply(definition)).await?;
    Ok(())
}

/// The definition is everybody's, so this test has a control plane of its own.
#[tokio::test]
async fn f28_what_a_newer_release_wrote_is_reported_and_does_not_stop_the_watch() -> Result<()> {
    let cluster = Cluster::start("watching")?;
    let namespace = cluster.namespace("newer", NamespaceKind::Tenant).await?;
    let client = cluster.client(&Role::ClusterAdmin).await?;
    upgrade(&cluster).await?;
    let objects = crate::objects(&client, Kind::OidcApplication, &namespace);
    create(&objects, &manifest("OidcApplication", "old", &json!({"redirectURIs": [URI]}))).await?.unwrap();
    let newer = manifest("OidcApplication", "newer", &json!({"redirectURIs": [URI], "pkce": "PostQuantum"}));
    let waited = std::time::Instant::now();
    while let Err(status) = create(&objects, &newer).await? {
        assert!(waited.elapsed() < PATIENCE, "the newer definition never came into force: {}", status.message);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // Without the guard, one such object fails the list of all.
    let bare: Api<OidcApplication> = Api::namespaced(client.clone(), &namespace);
    assert!(bare.list(&ListParams::default()).await.is_err());

    let guarded: Api<DeserializeGuard<OidcApplication>> = Api::namespaced(client, &namespace);
    let mut events = Box::pin(watcher(guarded, watcher::Config::default().streaming_lists()));
    let mut read = Vec::new();
    let mut unread = Vec::new();
    while let Some(event) = tokio::time::timeout(PATIENCE, events.next()).await.context("no event")? {
        match event? {
            Event::Init => {
                // What comes after an unreadable object comes all the same.
                create(&objects, &manifest("OidcApplication", "later", &json!({"redirectURIs": [URI]})))
                    .await?
                    .unwrap();
                merge(&objects, "old", json!({"spec": {"newer": "x"}})).await?.unwrap();
            }
            Event::InitDone | Event::Delete(_) => {}
            Event::InitApply(object) | Event::Apply(object) => match object.0 {
                Ok(object) => read.push(object.metadata.name.context("a name")?),
                Err(invalid) => {
                    assert!(invalid.error.contains("PostQuantum"), "{}", invalid.error);
                    assert!(invalid.metadata.uid.is_some() && invalid.metadata.generation.is_some());
                    unread.push(invalid.metadata.name.context("a name")?);
                }
            },
        }
        let all_came = ["old", "later"].iter().all(|name| read.iter().any(|read| read == name));
        if all_came && !unread.is_empty() {
            break;
        }
    }
    assert_eq!(unread, ["newer"]);

    // A typed object has lost the field of the newer release without a word; the raw one tells.
    let stored = serde_json::to_value(objects.get("old").await?)?;
    assert_eq!(stored["spec"]["newer"], "x");
    let told = compile::admit(stored).err().unwrap_or_default();
    assert_eq!(told.iter().map(|error| error.path.as_str()).collect::<Vec<_>>(), ["spec.newer"], "{told:?}");
    assert!(told[0].message.contains("no such field"), "{told:?}");
    Ok(())
}
