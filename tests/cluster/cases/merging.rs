//! Server-side apply: what two managers make of one object.

use anyhow::Result;
use api::Kind;
use cluster::objects::{apply, manifest};
use cluster::{NamespaceKind, Role, cluster};
use serde_json::{Value, json};

const URI: &str = "https://notes.example/callback";

fn application(spec: Value) -> Value {
    manifest("OidcApplication", "notes", &spec)
}

/// Lists of named objects merge, and so do maps: each manager has its own entries, and taking
/// one's own out leaves the other's.
#[tokio::test]
async fn f15_two_managers_share_lists_of_named_objects_and_maps() -> Result<()> {
    let cluster = cluster()?;
    let namespace = cluster.namespace("merge", NamespaceKind::Provider).await?;
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let applications = crate::objects(&client, Kind::OidcApplication, &namespace);
    let claims = |names: &[&str]| names.iter().map(|name| json!({"name": name, "value": "x"})).collect::<Value>();

    let first = application(json!({"redirectURIs": [URI], "claims": claims(&["a", "b"])}));
    apply(&applications, "first", &first).await?.unwrap();
    let both = apply(&applications, "second", &application(json!({"claims": claims(&["c"])}))).await?.unwrap();
    assert_eq!(both["spec"]["claims"], claims(&["a", "b", "c"]));
    let fewer = application(json!({"redirectURIs": [URI], "claims": claims(&["b"])}));
    let left = apply(&applications, "first", &fewer).await?.unwrap();
    assert_eq!(left["spec"]["claims"], claims(&["b", "c"]));
    let taken = apply(&applications, "second", &application(json!({"claims": [{"name": "b", "value": "y"}]}))).await?;
    assert_eq!(taken.unwrap_err().code, 409, "a field of another manager is a conflict, not a theft");

    let users = crate::objects(&client, Kind::OidcUser, &namespace);
    let user = |attributes: Value| manifest("OidcUser", "alice", &json!({"attributes": attributes}));
    apply(&users, "first", &user(json!({"department": "R&D"}))).await?.unwrap();
    let both = apply(&users, "second", &user(json!({"floor": "3"}))).await?.unwrap();
    assert_eq!(both["spec"]["attributes"], json!({"department": "R&D", "floor": "3"}));
    let left = apply(&users, "first", &user(json!({}))).await?.unwrap();
    assert_eq!(left["spec"]["attributes"], json!({"floor": "3"}));
    Ok(())
}

/// A schema in which a list has a default, the path to it, and a value that is narrower.
fn defaulted_lists(schema: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if path.is_empty() && name != "spec" {
            continue;
        }
        let at = format!("{path}/{name}");
        match property["default"].as_array() {
            Some(items) if property["type"] == "array" => found.push((at, json!(items[..1]))),
            _ => defaulted_lists(property, &at, found),
        }
    }
}

/// Nobody owns the items of a default, so that a list which merged would keep them all: whoever
/// narrows what an application may do must get what is written.
#[tokio::test]
async fn every_list_with_a_default_can_be_narrowed() -> Result<()> {
    let cluster = cluster()?;
    let namespace = cluster.namespace("narrow", NamespaceKind::Provider).await?;
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let mut tried = 0;
    for (kind, base) in [
        (Kind::OidcApplication, json!({"redirectURIs": [URI]})),
        (Kind::OidcProvider, json!({"issuer": "https://id.example/oidc"})),
        (Kind::OidcResource, json!({"audience": "https://api.example"})),
        (Kind::OidcUser, json!({})),
        (Kind::OidcGroup, json!({})),
    ] {
        let mut lists = Vec::new();
        defaulted_lists(api::schema(kind.as_str()).unwrap(), "", &mut lists);
        for (number, (path, narrow)) in lists.into_iter().enumerate() {
            let api = crate::objects(&client, kind, &namespace);
            let name = format!("narrow-{number}");
            apply(&api, "narrower", &manifest(kind.as_str(), &name, &base)).await?.unwrap();
            let mut narrowed = manifest(kind.as_str(), &name, &base);
            put(&mut narrowed, &path, &narrow);
            let stored = apply(&api, "narrower", &narrowed).await?;
            let stored = stored.unwrap_or_else(|status| panic!("{kind}{path}: {}", status.message));
            assert_eq!(stored.pointer(&path), Some(&narrow), "{kind}{path}");
            tried += 1;
        }
    }
    assert!(tried >= 3, "only {tried} lists have a default");

    // With an empty list nothing is left, either.
    let api = crate::objects(&client, Kind::OidcApplication, &namespace);
    let nothing = manifest("OidcApplication", "narrow-0", &json!({"redirectURIs": [URI], "scopes": []}));
    assert_eq!(apply(&api, "narrower", &nothing).await?.unwrap()["spec"]["scopes"], json!([]));
    Ok(())
}

fn put(value: &mut Value, path: &str, put: &Value) {
    let mut slot = value;
    for name in path.trim_start_matches('/').split('/') {
        if slot.get(name).is_none() {
            slot[name] = json!({});
        }
        slot = &mut slot[name];
    }
    *slot = put.clone();
}
