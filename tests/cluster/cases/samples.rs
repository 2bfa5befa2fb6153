//! What is applied is what is stored: comparing tools such as Argo CD show no drift.

use std::fs;

use anyhow::{Context, Result};
use api::Kind;
use cluster::objects::{apply, create};
use cluster::{NamespaceKind, Role, cluster};
use serde_json::Value;

use crate::rule_cases;

/// The first place where `live` differs from what was written. Fields that were not written are
/// defaults and no drift, except inside list items, which are compared as a whole.
fn drift(written: &Value, live: &Value, at: &str) -> Option<String> {
    match (written, live) {
        (Value::Object(written), Value::Object(live)) => written.iter().find_map(|(name, written)| {
            drift(written, live.get(name).unwrap_or(&Value::Null), &format!("{at}.{name}"))
        }),
        (written, live) => (written != live).then(|| format!("{at}: written {written}, live {live}")),
    }
}

#[test]
fn a_default_in_a_list_item_is_drift() {
    let (written, live) = (serde_json::json!({"a": [{"b": 1}]}), serde_json::json!({"a": [{"b": 1, "c": 2}], "d": 3}));
    assert!(drift(&written, &live, "").is_some());
    assert_eq!(drift(&serde_json::json!({}), &live, ""), None);
}

/// Every sample, as `kubectl apply --server-side` sends it.
#[tokio::test]
async fn every_sample_is_stored_as_it_is_written() -> Result<()> {
    let cluster = cluster()?;
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let mut folders = vec![xtask::paths::root().join("crds/samples")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        // Each folder is a world of its own, with a provider of its own.
        let namespace = cluster.namespace("samples", NamespaceKind::Provider).await?;
        for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let documents: Vec<Value> = serde_yaml::from_multiple(&fs::read_to_string(&path)?)?;
            for mut document in documents {
                let Some(kind) = Kind::ALL.iter().find(|kind| document["kind"] == kind.as_str()) else { continue };
                document["metadata"]["namespace"] = namespace.clone().into();
                let stored = apply(&crate::objects(&client, *kind, &namespace), "samples", &document).await?;
                let stored = stored.unwrap_or_else(|status| panic!("{}: {}", path.display(), status.message));
                assert_eq!(drift(&document["spec"], &stored["spec"], "spec"), None, "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 4, "only {seen} samples were found");
    Ok(())
}

/// The same for every object that the tables accept: they use every field.
#[tokio::test]
async fn every_accepted_object_is_stored_as_it_is_written() -> Result<()> {
    let cluster = cluster()?;
    let namespace = cluster.namespace("live", NamespaceKind::Provider).await?;
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let whole = rule_cases::load().into_iter().filter(|case| case.want.is_empty() && case.name.ends_with("everything"));
    let mut seen = 0;
    for case in whole {
        let mut object = case.object;
        object["apiVersion"] = Kind::api_version().into();
        object["kind"] = case.kind.as_str().into();
        object["metadata"]["namespace"] = namespace.clone().into();
        let stored = create(&crate::objects(&client, case.kind, &namespace), &object).await?;
        let stored = stored.unwrap_or_else(|status| panic!("{}: {}", case.name, status.message));
        assert_eq!(drift(&object["spec"], &stored["spec"], "spec"), None, "{}", case.name);
        seen += 1;
    }
    assert!(seen >= 3, "only {seen} objects with every field");
    Ok(())
}
