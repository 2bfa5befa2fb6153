//! Objects that outlive the rules they were written under, and fields that never change.

use anyhow::Result;
use api::Kind;
use cluster::objects::{self, create, manifest, merge, merge_status};
use cluster::{Cluster, NamespaceKind, Role, cluster};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

const URI: &str = "https://notes.example/callback";

/// An application that is stored as `spec`.
async fn stored(api: &Api<DynamicObject>, name: &str, spec: Value) -> Result<()> {
    let stored = create(api, &manifest("OidcApplication", name, &spec)).await?;
    stored.map_err(|status| anyhow::anyhow!("{name}: {}", status.message))?;
    Ok(())
}

/// A field that was set, or was not, keeps being so: taking it out with all of its parents, and
/// putting it in with them, are changes like any other.
#[tokio::test]
async fn f26_an_optional_field_that_never_changes_cannot_be_taken_out_and_put_back() -> Result<()> {
    let cluster = cluster()?;
    let namespace = cluster.namespace("fixed", NamespaceKind::Provider).await?;
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let api = crate::objects(&client, Kind::OidcApplication, &namespace);
    let target = |name: &str| json!({"clientSecret": {"target": {"name": name}}});
    let cases = [
        (
            "clientid",
            json!({"clientID": "legacy-portal"}),
            vec![json!({"clientID": null}), json!({"clientID": "other"})],
        ),
        (
            "target",
            json!({"clientAuthentication": target("a")}),
            vec![
                json!({"clientAuthentication": null}),
                json!({"clientAuthentication": {"clientSecret": null}}),
                json!({"clientAuthentication": {"clientSecret": {"target": null}}}),
                json!({"clientAuthentication": {"clientSecret": {"target": {"name": null}}}}),
                json!({"clientAuthentication": target("b")}),
            ],
        ),
        ("targetless", json!({}), vec![json!({"clientAuthentication": target("b")})]),
        (
            "provider",
            json!({"providerRef": {"name": "a", "namespace": "b"}}),
            vec![json!({"providerRef": null}), json!({"providerRef": {"namespace": null}})],
        ),
        ("providerless", json!({}), vec![json!({"providerRef": {"name": "other"}})]),
    ];
    for (name, mut spec, changes) in cases {
        spec["redirectURIs"] = json!([URI]);
        stored(&api, name, spec).await?;
        for change in changes {
            let refused = merge(&api, name, json!({"spec": change})).await?.err();
            let refused = refused.unwrap_or_else(|| panic!("{name}: {change} was stored"));
            assert_eq!(refused.code, 422, "{name}: {change}: {refused}");
        }
        // Everything else still changes.
        assert!(merge(&api, name, json!({"spec": {"pkce": "Optional"}})).await?.is_ok(), "{name}");
    }
    Ok(())
}

/// Replaces the definition of applications by one in which `change` was made.
async fn tighten(cluster: &Cluster, change: impl FnOnce(&mut Value)) -> Result<()> {
    let mut definition = api::crd(Kind::OidcApplication).clone();
    change(definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap());
    let kind = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let definitions: Api<DynamicObject> = Api::all_with(client, &ApiResource::from_gvk(&kind));
    let name = "oidcapplications.portcullis.dev";
    let params = PatchParams::apply("tightened").force();
    definitions.patch(name, &params, &Patch::Apply(definition)).await?;
    Ok(())
}

/// A rule that a later release adds to a field leaves old objects usable: status, labels and other
/// fields can be written, the broken field can be mended, and only broken anew it is refused.
///
/// The definition is everybody's, so this test has a control plane of its own.
#[tokio::test]
async fn f25_an_object_older_than_a_rule_takes_status_and_unrelated_edits() -> Result<()> {
    let cluster = Cluster::start("ratcheting")?;
    let namespace = cluster.namespace("old", NamespaceKind::Tenant).await?;
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let api = crate::objects(&client, Kind::OidcApplication, &namespace);
    stored(&api, "old", json!({"redirectURIs": [URI, "https://notes.example/2"], "displayName": "Old"})).await?;

    let broken = |name: &str| manifest("OidcApplication", name, &json!({"redirectURIs": [URI], "displayName": "Old"}));
    tighten(&cluster, |spec| {
        let properties = &mut spec["properties"];
        properties["displayName"]["x-kubernetes-validations"] =
            json!([{"rule": "self.startsWith('New')", "message": "write New first"}]);
        properties["redirectURIs"]["maxItems"] = json!(1);
    })
    .await?;
    // In force once a new object that breaks it is refused.
    let waited = std::time::Instant::now();
    while objects::ask(&client, &api, objects::Old::Absent, &broken("probe")).await?.is_ok() {
        assert!(waited.elapsed().as_secs() < 30, "the tightened definition never came into force");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }

    let status = json!({"observedGeneration": 1, "conditions": [{
        "type": "Ready", "status": "False", "reason": "Pending", "message": "", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]});
    let status = merge_status(&api, "old", status).await?.map_err(|status| status.message);
    assert_eq!(status.unwrap()["status"]["observedGeneration"], 1);
    let label = merge(&api, "old", json!({"metadata": {"labels": {"team": "a"}}})).await?;
    assert!(label.is_ok(), "{label:?}");
    let other = merge(&api, "old", json!({"spec": {"pkce": "Optional"}})).await?;
    assert!(other.is_ok(), "{other:?}");
    let mended = merge(&api, "old", json!({"spec": {"displayName": "New"}})).await?;
    assert!(mended.is_ok(), "{mended:?}");
    let broken_again = merge(&api, "old", json!({"spec": {"displayName": "Older"}})).await?.unwrap_err();
    assert_eq!(objects::fields(&broken_again), ["spec.displayName"]);
    Ok(())
}
