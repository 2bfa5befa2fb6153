//! The admission policies: who may write records, and where persons, groups and providers live.

use std::time::{Duration, Instant};

use anyhow::Result;
use api::{Kind, RecordKind};
use cluster::objects::{self, create, manifest, merge, records};
use cluster::{Cluster, NamespaceKind, Role, cluster};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Error};
use serde_json::{Value, json};

const UID: &str = "0b2c1a52-63f6-4b2e-9c8e-8d2f5c6f1a11";
const PATIENCE: Duration = Duration::from_mins(1);

fn record(kind: RecordKind, namespace: &str) -> Value {
    let source = json!({"namespace": namespace, "name": "notes", "uid": UID});
    let mac = format!("k1.{}", "A".repeat(43));
    let spec = json!({"recordFormat": 1, "providerUID": UID, "source": source, "payload": "{}", "mac": mac});
    manifest(kind.as_str(), &name(kind), &spec)
}

/// A record of a user says for which provider it is.
fn name(kind: RecordKind) -> String {
    match kind {
        RecordKind::OidcClientRecord => UID.to_owned(),
        RecordKind::OidcUserRecord => format!("{UID}.{UID}"),
    }
}

/// A policy comes into force a moment after it was written.
async fn in_force(cluster: &Cluster) -> Result<()> {
    let namespace = cluster.namespace("in-force", NamespaceKind::Tenant).await?;
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let groups = crate::objects(&client, Kind::OidcGroup, &namespace);
    let kind = RecordKind::OidcUserRecord;
    let started = Instant::now();
    loop {
        let group =
            objects::ask(&client, &groups, objects::Old::Absent, &manifest("OidcGroup", "x", &json!({}))).await?;
        let records = records(&client, kind, &namespace);
        let record = objects::ask(&client, &records, objects::Old::Absent, &record(kind, &namespace)).await?;
        if group.is_err() && record.is_err() {
            return Ok(());
        }
        assert!(started.elapsed() < PATIENCE, "the admission policies never came into force");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[track_caller]
fn forbidden(verdict: Result<impl std::fmt::Debug, Error>, why: &str) {
    match verdict {
        Err(Error::Api(status)) => {
            assert!(status.code == 403 && status.message.contains(why), "{} {}", status.code, status.message);
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn records_are_written_by_the_controller_alone() -> Result<()> {
    let cluster = cluster()?;
    in_force(cluster).await?;
    let namespace = cluster.namespace("records", NamespaceKind::Provider).await?;
    let admin = cluster.client(&Role::ClusterAdmin).await?;
    let controller = cluster.client(&Role::Controller).await?;
    let why = "records are written by the Portcullis controller alone";
    for kind in RecordKind::ALL {
        let theirs = records(&controller, *kind, &namespace);
        let ours = records(&admin, *kind, &namespace);
        let refused = create(&ours, &record(*kind, &namespace)).await?.unwrap_err();
        assert!(refused.code == 403 && refused.message.contains(why), "{refused:?}");
        create(&theirs, &record(*kind, &namespace)).await?.unwrap();

        let uid = &name(*kind);
        let merge = |patch: Value| Patch::Merge(patch);
        let params = PatchParams::default();
        forbidden(ours.patch(uid, &params, &merge(json!({"spec": {"payload": "[]"}}))).await, why);
        forbidden(ours.patch(uid, &params, &merge(json!({"metadata": {"labels": {"a": "b"}}}))).await, why);
        forbidden(ours.delete(uid, &DeleteParams::default()).await, why);
        forbidden(ours.delete_collection(&DeleteParams::default(), &ListParams::default()).await, why);

        theirs.patch(uid, &params, &merge(json!({"spec": {"payload": "[1]"}}))).await?;
        assert_eq!(ours.get(uid).await?.data["spec"]["payload"], "[1]");
        theirs.delete(uid, &DeleteParams::default()).await?;
    }
    Ok(())
}

/// The end of a namespace, and of an owner, is not held up by records that nobody may delete.
#[tokio::test]
async fn records_end_with_their_namespace() -> Result<()> {
    let cluster = cluster()?;
    in_force(cluster).await?;
    let namespace = cluster.namespace("ending", NamespaceKind::Provider).await?;
    let controller = cluster.client(&Role::Controller).await?;
    let kind = RecordKind::OidcClientRecord;
    create(&records(&controller, kind, &namespace), &record(kind, &namespace)).await?.unwrap();
    let namespaces: Api<Namespace> = Api::all(cluster.client(&Role::ClusterAdmin).await?);
    namespaces.delete(&namespace, &DeleteParams::default()).await?;
    let started = Instant::now();
    while namespaces.get_opt(&namespace).await?.is_some() {
        assert!(started.elapsed() < PATIENCE, "namespace {namespace} does not end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::test]
async fn persons_groups_and_providers_live_in_provider_namespaces_only() -> Result<()> {
    let cluster = cluster()?;
    in_force(cluster).await?;
    let tenant = cluster.namespace("tenant", NamespaceKind::Tenant).await?;
    let provider = cluster.namespace("identity", NamespaceKind::Provider).await?;
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let guarded = [
        (Kind::OidcProvider, json!({"issuer": "https://id.example/oidc"})),
        (Kind::OidcUser, json!({})),
        (Kind::OidcGroup, json!({})),
    ];
    for (kind, spec) in &guarded {
        let manifest = manifest(kind.as_str(), "x", spec);
        let refused = create(&crate::objects(&client, *kind, &tenant), &manifest).await?.unwrap_err();
        let why = format!("{kind} is allowed only in namespaces labelled portcullis.dev/provider-namespace=true");
        assert!(refused.code == 403 && refused.message.contains(&why), "{refused:?}");
        create(&crate::objects(&client, *kind, &provider), &manifest).await?.unwrap();
    }
    for (kind, spec) in [
        (Kind::OidcApplication, json!({"redirectURIs": ["https://a.example/cb"]})),
        (Kind::OidcResource, json!({"audience": "https://api.example"})),
    ] {
        create(&crate::objects(&client, kind, &tenant), &manifest(kind.as_str(), "x", &spec)).await?.unwrap();
    }

    // A namespace that loses its label keeps what it has: it can be taken away, not changed.
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let unlabel = Patch::Merge(json!({"metadata": {"labels": {"portcullis.dev/provider-namespace": null}}}));
    namespaces.patch(&provider, &PatchParams::default(), &unlabel).await?;
    let started = Instant::now();
    let users = crate::objects(&client, Kind::OidcUser, &provider);
    while merge(&users, "x", json!({"spec": {"email": "a@b.example"}})).await?.is_ok() {
        assert!(started.elapsed() < PATIENCE, "the label's end went unnoticed");
        let undo = json!({"spec": {"email": null}});
        drop(merge(&users, "x", undo).await?);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for (kind, _) in &guarded {
        crate::objects(&client, *kind, &provider).delete("x", &DeleteParams::default()).await?;
    }
    Ok(())
}
