//! Whatever is applied first, the end is the same, without a restart.

use std::time::Duration;

use anyhow::Result;
use api::{Kind, RecordKind};
use cluster::{Cluster, Inside, cluster};
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use serde_json::{Value, json};

/// The parts of a working whole.
const PARTS: [&str; 6] = ["provider", "binding", "application", "user", "password", "group"];

async fn add(inside: &Inside, part: &str) -> Result<()> {
    match part {
        "provider" => inside.apply(Kind::OidcProvider, "default", inside.provider_spec()).await,
        "binding" => inside.bind().await,
        "application" => {
            let mut spec: Value = inside.application_spec();
            spec["userAccess"] = json!({"type": "Groups", "groups": ["writers"]});
            inside.apply(Kind::OidcApplication, "notes", spec).await
        }
        "user" => {
            let spec = json!({"authentication": {"passwordSecretRef": {"name": "alice-password"}}});
            inside.apply(Kind::OidcUser, "alice", spec).await
        }
        "password" => {
            let secret: Secret = serde_json::from_value(json!({
                "metadata": {"name": "alice-password"}, "type": "portcullis.dev/user-password",
                "stringData": {"password": "correct horse battery staple"},
            }))?;
            inside.provider_secrets().create(&PostParams::default(), &secret).await?;
            Ok(())
        }
        _ => inside.apply(Kind::OidcGroup, "writers", json!({"members": [{"name": "alice"}]})).await,
    }
}

async fn all_is_well(inside: &Inside) -> Result<()> {
    for (kind, name) in [
        (Kind::OidcProvider, "default"),
        (Kind::OidcApplication, "notes"),
        (Kind::OidcUser, "alice"),
        (Kind::OidcGroup, "writers"),
    ] {
        inside.ready(kind, name).await?;
    }
    let can_log_in = async || {
        let catalog = inside.serving().catalog();
        let realm = catalog.iter().flat_map(|catalog| catalog.realms()).next().cloned();
        let account = realm.as_ref().and_then(|realm| realm.accounts.by_username("alice"));
        let found = account.map(|account| (account.password.is_some(), account.groups.len()));
        Ok(if found == Some((true, 1)) { Ok(()) } else { Err(format!("{found:?}")) })
    };
    inside.until("alice can log in, as one of the group", can_log_in).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_every_order_of_applying_ends_alike() -> Result<()> {
    let cluster = cluster()?;
    // Each part is first once, and last once.
    for turn in 0..PARTS.len() {
        let mut inside = Inside::new(cluster, "order").await?;
        inside.start_feed().await?;
        inside.start_controller(None).await?;
        let mut parts = PARTS;
        parts.rotate_left(turn);
        if turn % 2 == 1 {
            parts.reverse();
        }
        for part in parts {
            add(&inside, part).await.map_err(|error| error.context(format!("{parts:?}")))?;
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        all_is_well(&inside).await.map_err(|error| error.context(format!("{parts:?}")))?;
    }
    Ok(())
}

/// What waits for something says for what.
#[tokio::test(flavor = "multi_thread")]
async fn f13_what_is_missing_is_named_until_it_comes() -> Result<()> {
    let mut inside = Inside::new(cluster()?, "missing").await?;
    inside.bind().await?;
    inside.start_feed().await?;
    inside.start_controller(None).await?;
    add(&inside, "application").await?;
    inside.condition(Kind::OidcApplication, "notes", "Accepted", "False", "ProviderNotFoundOrNotPermitted").await?;
    add(&inside, "provider").await?;
    inside.condition(Kind::OidcApplication, "notes", "ResolvedRefs", "False", "GroupNotFound").await?;
    add(&inside, "group").await?;
    inside.condition(Kind::OidcGroup, "writers", "ResolvedRefs", "False", "MemberNotFound").await?;
    add(&inside, "user").await?;
    inside.condition(Kind::OidcUser, "alice", "ResolvedRefs", "False", "SecretNotFoundOrWrongType").await?;
    add(&inside, "password").await?;
    all_is_well(&inside).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f24_a_client_secret_by_reference_is_picked_up_when_it_comes() -> Result<()> {
    let inside = Inside::start(cluster()?, "reference").await?;
    let mut provider = inside.provider_spec();
    provider["applicationPolicies"][0]["secretReferences"] = "Allowed".into();
    inside.apply(Kind::OidcProvider, "default", provider).await?;
    let mut spec = inside.application_spec();
    let reference = json!({"source": "Reference", "reference": {"name": "chosen"}});
    spec["clientAuthentication"] = json!({"clientSecret": reference});
    inside.apply(Kind::OidcApplication, "notes", spec).await?;
    let missing = "SecretNotFoundOrWrongType";
    inside.condition(Kind::OidcApplication, "notes", "ResolvedRefs", "False", missing).await?;
    let secret = |type_: &str, value: &str| {
        serde_json::from_value::<Secret>(json!({
            "metadata": {"name": "chosen"}, "type": type_, "stringData": {"client-secret": value},
        }))
    };
    let (secrets, good) = (inside.tenant_secrets(), "0123456789abcdef0123456789abcdef");
    for (type_, value) in [("Opaque", good), ("portcullis.dev/client-secret-input", "short")] {
        secrets.create(&PostParams::default(), &secret(type_, value)?).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        inside.condition(Kind::OidcApplication, "notes", "ResolvedRefs", "False", missing).await?;
        secrets.delete("chosen", &kube::api::DeleteParams::default()).await?;
    }
    secrets.create(&PostParams::default(), &secret("portcullis.dev/client-secret-input", good)?).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    assert!(inside.serving().accepts(&format!("{}.notes", inside.tenant), good));
    Ok(())
}

fn remove_definition(inside: &Inside, plural: &str) -> Result<()> {
    inside.kubectl(&["delete", "crd", &format!("{plural}.portcullis.dev"), "--wait=true", "--timeout=60s"])
}

fn install_definition(inside: &Inside, plural: &str) -> Result<()> {
    let file = xtask::paths::root().join(format!("crds/{plural}.yaml")).display().to_string();
    inside.kubectl(&["apply", "-f", &file])?;
    inside.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &file])
}

/// Nobody deleted the applications; their kind went, and what they left is served until it is back.
#[tokio::test(flavor = "multi_thread")]
async fn f29_a_kind_that_is_removed_and_comes_back_is_no_deletion() -> Result<()> {
    let own = Cluster::start("definitions")?;
    let mut inside = Inside::new(&own, "kinds").await?;
    inside.bind().await?;
    // Late: nothing is installed yet that the controller needs.
    remove_definition(&inside, "oidcapplications")?;
    inside.apply(Kind::OidcProvider, "default", inside.provider_spec()).await?;
    inside.start_feed().await?;
    inside.start_controller(None).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    install_definition(&inside, "oidcapplications")?;
    inside.application("notes").await?;
    let id = format!("{}.notes", inside.tenant);

    // Removed: the API server deletes every application with it, one by one.
    remove_definition(&inside, "oidcapplications")?;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(inside.serving().clients().contains(&id), "it is served although nobody deleted it");
    }
    install_definition(&inside, "oidcapplications")?;
    inside.application("notes").await?;

    // The records' own kind: the servers go on, and the controller writes them again.
    remove_definition(&inside, "oidcclientrecords")?;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(inside.serving().clients().contains(&id), "it is served although its record is gone");
    }
    install_definition(&inside, "oidcclientrecords")?;
    let api = inside.records(RecordKind::OidcClientRecord);
    let written = async || {
        let count = api.list(&kube::api::ListParams::default()).await?.items.len();
        assert!(inside.serving().clients().contains(&id), "there is no gap");
        Ok(if count == 1 { Ok(()) } else { Err(format!("{count} records")) })
    };
    inside.until("the record is written again", written).await?;
    inside.ready(Kind::OidcApplication, "notes").await
}
