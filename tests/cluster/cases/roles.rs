//! What each role may do.

use anyhow::Result;
use api::{Kind, RecordKind};
use cluster::objects::{create, manifest};
use cluster::{NamespaceKind, Role, cluster};
use kube::api::{DynamicObject, ListParams, PostParams};
use kube::{Api, Error};
use serde_json::{Value, json};

async fn may_list(api: &Api<DynamicObject>) -> Result<bool> {
    match api.list(&ListParams::default()).await {
        Ok(_) => Ok(true),
        Err(Error::Api(status)) if status.code == 403 => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn may_create(api: &Api<DynamicObject>, manifest: &Value) -> Result<bool> {
    let params = PostParams { dry_run: true, ..PostParams::default() };
    match api.create(&params, &serde_json::from_value(manifest.clone())?).await {
        Ok(_) => Ok(true),
        Err(Error::Api(status)) if status.code == 403 => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[tokio::test]
async fn f37_each_role_may_do_its_work_and_no_more() -> Result<()> {
    let cluster = cluster()?;
    let namespace = cluster.namespace("roles", NamespaceKind::Provider).await?;
    let elsewhere = cluster.namespace("elsewhere", NamespaceKind::Tenant).await?;
    let application = manifest("OidcApplication", "notes", &json!({"redirectURIs": ["https://a.example/cb"]}));
    let user = manifest("OidcUser", "alice", &json!({}));
    // (role, list applications, create applications, create users, list records)
    for (role, lists, edits, administers, records) in [
        (Role::ClusterAdmin, true, true, true, true),
        (Role::Controller, true, false, false, true),
        (Role::Server(&namespace), false, false, false, true),
        (Role::View(&namespace), true, false, false, false),
        (Role::Edit(&namespace), true, true, false, false),
        (Role::Admin(&namespace), true, true, true, false),
    ] {
        let client = cluster.client(&role).await?;
        let applications = crate::objects(&client, Kind::OidcApplication, &namespace);
        let users = crate::objects(&client, Kind::OidcUser, &namespace);
        let recorded = cluster::objects::records(&client, RecordKind::OidcClientRecord, &namespace);
        assert_eq!(may_list(&applications).await?, lists, "{role:?} lists applications");
        assert_eq!(may_create(&applications, &application).await?, edits, "{role:?} creates applications");
        assert_eq!(may_create(&users, &user).await?, administers, "{role:?} creates users");
        assert_eq!(may_list(&recorded).await?, records, "{role:?} lists records");
        let everywhere = matches!(role, Role::ClusterAdmin | Role::Controller);
        let foreign = crate::objects(&client, Kind::OidcApplication, &elsewhere);
        assert_eq!(may_list(&foreign).await?, everywhere, "{role:?} lists applications elsewhere");
    }
    Ok(())
}

/// The controller reports on an application and leaves what people wrote alone.
#[tokio::test]
async fn the_controller_writes_status_and_nothing_else_of_an_application() -> Result<()> {
    let cluster = cluster()?;
    let namespace = cluster.namespace("reports", NamespaceKind::Tenant).await?;
    let admin = cluster.client(&Role::ClusterAdmin).await?;
    let application = manifest("OidcApplication", "notes", &json!({"redirectURIs": ["https://a.example/cb"]}));
    create(&crate::objects(&admin, Kind::OidcApplication, &namespace), &application).await?.unwrap();
    let controller = cluster.client(&Role::Controller).await?;
    let theirs = crate::objects(&controller, Kind::OidcApplication, &namespace);
    let refused = cluster::objects::merge(&theirs, "notes", json!({"spec": {"pkce": "Optional"}})).await?.unwrap_err();
    assert_eq!(refused.code, 403);
    let status = json!({"clientID": "team-a.notes"});
    let reported = cluster::objects::merge_status(&theirs, "notes", status).await?.unwrap();
    assert_eq!(reported["status"]["clientID"], "team-a.notes");
    assert_eq!(reported["metadata"]["generation"], 1);
    Ok(())
}
