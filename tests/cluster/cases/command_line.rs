//! What people see: transcripts of `kubectl`, kept as snapshots.

use std::fs;

use anyhow::{Context, Result};
use api::Kind;
use cluster::objects::merge_status;
use cluster::{Cluster, Kubectl, NamespaceKind, Role, cluster};
use serde_json::{Value, json};

/// `kubectl` as the administrator, in a namespace of its own that may hold every kind.
async fn kubectl(cluster: &Cluster, name: &str) -> Result<(Kubectl, String)> {
    let namespace = cluster.namespace(name, NamespaceKind::Provider).await?;
    Ok((Kubectl::new(cluster, &Role::ClusterAdmin, &namespace).await?, namespace))
}

/// A manifest of each kind.
const MANIFESTS: &str = r#"
apiVersion: portcullis.dev/v1alpha1
kind: OidcProvider
metadata: {name: default}
spec: {issuer: "https://id.example.com/oidc"}
---
apiVersion: portcullis.dev/v1alpha1
kind: OidcApplication
metadata: {name: notes}
spec: {redirectURIs: ["https://notes.example.com/callback"]}
---
apiVersion: portcullis.dev/v1alpha1
kind: OidcResource
metadata: {name: orders}
spec: {audience: "https://orders.example.com", scopes: [{name: orders.read}]}
---
apiVersion: portcullis.dev/v1alpha1
kind: OidcUser
metadata: {name: alice}
spec: {email: alice@example.com}
---
apiVersion: portcullis.dev/v1alpha1
kind: OidcGroup
metadata: {name: writers}
spec: {members: [{name: alice}]}
"#;

#[tokio::test]
async fn objects_are_applied_changed_refused_and_listed() -> Result<()> {
    let cluster = cluster()?;
    let (kubectl, namespace) = kubectl(cluster, "apply").await?;
    let narrowed = MANIFESTS.replace("spec: {redirectURIs:", "spec: {scopes: [openid], redirectURIs:");
    let wrong = MANIFESTS.replace("https://notes", "http://notes");
    let misspelt = r#"{"apiVersion": "portcullis.dev/v1alpha1", "kind": "OidcApplication", "metadata": {"name": "other"},
        "spec": {"redirectUris": ["https://notes.example.com/callback"]}}"#;
    let server_side = "apply --server-side --field-manager=flux -f -";
    let mut shown = String::new();
    for (words, manifest) in [
        ("apply --dry-run=server -f -", MANIFESTS),
        ("apply -f -", MANIFESTS),
        ("apply -f -", MANIFESTS),
        ("apply -f -", &narrowed),
        ("get oapp notes -o jsonpath={.spec.scopes}{\"\\n\"}", ""),
        ("apply -f -", &wrong),
        ("apply -f -", misspelt),
        (server_side, &narrowed),
        ("get oidc", ""),
        ("get oidc -o wide", ""),
    ] {
        shown += &kubectl.transcript(words, manifest)?;
        shown.push('\n');
    }
    insta::assert_snapshot!("applied", shown);

    // Once the controller has looked at them.
    let client = cluster.client(&Role::ClusterAdmin).await?;
    for (kind, name, status) in [
        (Kind::OidcProvider, "default", json!({"attachedApplications": 1})),
        (
            Kind::OidcApplication,
            "notes",
            json!({"clientID": "team-a.notes", "issuer": "https://id.example.com/oidc", "policyName": "team-a"}),
        ),
        (Kind::OidcResource, "orders", json!({})),
        (Kind::OidcUser, "alice", json!({})),
        (Kind::OidcGroup, "writers", json!({"claimValue": "writers", "members": 1})),
    ] {
        let objects = crate::objects(&client, kind, &namespace);
        let written = merge_status(&objects, name, observed(status, "True", "Ready", 1)).await?;
        written.unwrap_or_else(|status| panic!("{kind}: {}", status.message));
    }
    let mut shown = String::new();
    for words in [
        "get oprov",
        "get oprov -o wide",
        "get oapp",
        "get oapp -o wide",
        "get ores",
        "get ores -o wide",
        "get ouser",
        "get ouser -o wide",
        "get ogrp",
        "get ogrp -o wide",
        "get oidcclientrecords",
        "get all",
    ] {
        shown += &kubectl.transcript(words, "")?;
        shown.push('\n');
    }
    insta::assert_snapshot!("listed", shown);
    Ok(())
}

/// `status` with the condition that every status write carries.
fn observed(mut status: Value, ready: &str, reason: &str, generation: i64) -> Value {
    status["observedGeneration"] = generation.into();
    status["conditions"] = json!([{
        "type": "Ready", "status": ready, "reason": reason, "message": "As the test says.",
        "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]);
    status
}

#[tokio::test]
async fn fields_are_explained() -> Result<()> {
    let cluster = cluster()?;
    let (kubectl, _) = kubectl(cluster, "explain").await?;
    let mut shown = String::new();
    for field in [
        "oidcprovider.spec.issuer",
        "oidcprovider.spec.applicationPolicies.loopbackRedirects",
        "oidcapplication",
        "oidcapplication.spec.redirectURIs",
        "oidcapplication.spec.grantTypes",
        "oidcapplication.spec.pkce",
        "oidcapplication.spec.clientAuthentication.type",
        "oidcapplication.status.conditions",
        "oidcresource.spec.audience",
        "oidcuser.spec.activation",
        "oidcgroup.spec.members",
    ] {
        shown += &kubectl.transcript(&format!("explain {field}"), "")?;
    }
    insta::assert_snapshot!("explained", shown);
    Ok(())
}

/// Every field that the definitions name can be selected by.
#[tokio::test]
async fn objects_are_found_by_their_fields() -> Result<()> {
    let cluster = cluster()?;
    let (kubectl, _) = kubectl(cluster, "select").await?;
    kubectl.output("apply -f -", MANIFESTS)?;
    let mut tried = 0;
    for definition in api::crds() {
        let plural = definition["spec"]["names"]["plural"].as_str().context("a plural")?;
        for field in definition["spec"]["versions"][0]["selectableFields"].as_array().into_iter().flatten() {
            let path = field["jsonPath"].as_str().context("a path")?.trim_start_matches('.');
            let found = kubectl.output(&format!("get {plural} -o name --field-selector {path}=nobody-has-this"), "")?;
            assert_eq!(found, "", "{plural} by {path}");
            tried += 1;
        }
    }
    assert!(tried >= 5, "only {tried} fields");
    // A selector sees what is stored: a reference that is absent is absent, though it has a meaning.
    let mut shown = String::new();
    for words in [
        "get oidcproviders -o name --field-selector spec.issuer=https://id.example.com/oidc",
        "get oidcresources -o name --field-selector spec.audience=https://orders.example.com",
        "get oidcapplications -o name --field-selector spec.providerRef.name=default",
        "get oidcapplications -o name --field-selector spec.pkce=Required",
    ] {
        shown += &kubectl.transcript(words, "")?;
    }
    insta::assert_snapshot!("selected", shown);
    Ok(())
}

/// Whoever waits for Ready is not told of a state before the edit: an object that nobody has
/// processed, and one that was edited since, read as in progress.
#[tokio::test]
async fn waiting_for_ready_waits_for_this_generation() -> Result<()> {
    let cluster = cluster()?;
    let (kubectl, namespace) = kubectl(cluster, "wait").await?;
    let wait = "wait --for=condition=Ready --timeout=1s oidcapplication/notes";
    let condition = "get oapp notes -o jsonpath={.status.observedGeneration}:{.status.conditions[0].status}{\"\\n\"}";
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let applications = crate::objects(&client, Kind::OidcApplication, &namespace);
    let edited = MANIFESTS.replace("spec: {redirectURIs:", "spec: {pkce: Optional, redirectURIs:");
    let mut shown = String::new();
    kubectl.output("apply -f -", MANIFESTS)?;
    shown += &kubectl.transcript(condition, "")?;
    shown += &kubectl.transcript(wait, "")?;
    merge_status(&applications, "notes", observed(json!({}), "True", "Ready", 1)).await?.unwrap();
    shown += &kubectl.transcript(wait, "")?;
    kubectl.output("apply -f -", &edited)?;
    shown += &kubectl.transcript(condition, "")?;
    shown += &kubectl.transcript(wait, "")?;
    insta::assert_snapshot!("waited", shown);
    Ok(())
}

/// The quickstart's files, all at once, as a newcomer applies them.
#[tokio::test]
async fn the_quickstart_is_applied_as_it_lies_there() -> Result<()> {
    let cluster = cluster()?;
    let (kubectl, _) = kubectl(cluster, "quickstart").await?;
    let mut files: Vec<_> =
        fs::read_dir(xtask::paths::root().join("crds/samples/quickstart"))?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::path);
    let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file.path())).collect::<Result<_, _>>()?;
    let all = texts.join("\n---\n");
    // All into one namespace: this test is about the manifests, not about tenancy.
    let all: String =
        all.lines().filter(|line| !line.starts_with("  namespace: ")).flat_map(|line| [line, "\n"]).collect();
    let shown = kubectl.transcript("apply -f -", &all)? + &kubectl.transcript("diff -f -", &all)?;
    insta::assert_snapshot!("quickstart", shown);
    Ok(())
}
