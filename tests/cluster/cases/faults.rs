//! The control plane itself: its parts can be lost, stopped and brought back.

use std::time::Duration;

use anyhow::Result;
use api::Kind;
use cluster::objects::{create, manifest};
use cluster::{Cluster, NamespaceKind, Role};
use kube::Error;
use kube::api::{ListParams, VersionMatch};
use serde_json::json;
use xtask::control_plane::Part;

#[tokio::test]
async fn parts_are_lost_stopped_and_brought_back() -> Result<()> {
    let mut cluster = Cluster::start("faults")?;
    let namespace = cluster.namespace("faults", NamespaceKind::Provider).await?;
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let groups = crate::objects(&client, Kind::OidcGroup, &namespace);
    let group = |name: &str| manifest("OidcGroup", name, &json!({}));
    create(&groups, &group("before")).await?.unwrap();
    let old = groups.list(&ListParams::default()).await?.metadata.resource_version.unwrap();

    // Stopped, it keeps connections open and answers nothing; going on, it answers again.
    cluster.plane_mut().pause(Part::ApiServer)?;
    assert!(tokio::time::timeout(Duration::from_secs(1), groups.get("before")).await.is_err(), "it answers");
    cluster.plane_mut().resume(Part::ApiServer)?;
    tokio::time::timeout(Duration::from_secs(10), groups.get("before")).await??;

    // Lost, it refuses connections; back, it knows what it knew.
    cluster.plane_mut().kill(Part::ApiServer)?;
    assert!(groups.get("before").await.is_err(), "a killed API server answers");
    cluster.plane_mut().restart(Part::ApiServer)?;
    groups.get("before").await?;

    // With the database stopped, a write is not answered with success.
    cluster.plane_mut().pause(Part::Etcd)?;
    let write = tokio::time::timeout(Duration::from_secs(1), create(&groups, &group("lost"))).await;
    assert!(write.is_err(), "written without a database: {write:?}");
    cluster.plane_mut().resume(Part::Etcd)?;

    // A state that was compacted away is gone for good: a list at it is 410.
    create(&groups, &group("after")).await?.map_err(|status| anyhow::anyhow!(status.message))?;
    let revision = cluster.plane().compact()?;
    assert!(revision > old.parse()?);
    let past =
        ListParams { resource_version: Some(old), version_match: Some(VersionMatch::Exact), ..ListParams::default() };
    match groups.list(&past).await {
        Err(Error::Api(status)) => assert_eq!(status.code, 410, "{status:?}"),
        other => panic!("the past is still there: {:?}", other.map(|list| list.items.len())),
    }
    Ok(())
}
