//! The Secrets of applications: repaired when ours, left alone when not.

use std::time::{Duration, Instant};

use anyhow::Result;
use api::Kind;
use cluster::{Inside, cluster, text};
use controller::SecretsPower;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

async fn started(name: &str) -> Result<(Inside, Secret)> {
    let inside = Inside::start(cluster()?, name).await?;
    inside.application("notes").await?;
    let secret = inside.secret("notes-oidc").await?;
    Ok((inside, secret))
}

/// Waits until the Secret holds what it held, and its labels, annotations and owners are what they were.
async fn restored(inside: &Inside, before: &Secret) -> Result<()> {
    let same = |one: &Secret| {
        let (found, wanted) = (&one.metadata, &before.metadata);
        one.data == before.data
            && found.labels == wanted.labels
            && found.annotations == wanted.annotations
            && found.owner_references == wanted.owner_references
            && one.type_ == before.type_
    };
    let secrets = inside.tenant_secrets();
    let look = async || {
        let found = secrets.get_opt("notes-oidc").await?;
        Ok(if found.as_ref().is_some_and(same) { Ok(()) } else { Err(format!("{:?}", found.map(|one| one.metadata))) })
    };
    inside.until("the Secret is what it was", look).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_a_secret_that_was_deleted_is_back_within_a_second_octet_for_octet() -> Result<()> {
    let (inside, before) = started("deleted").await?;
    inside.tenant_secrets().delete("notes-oidc", &DeleteParams::default()).await?;
    let deleted = Instant::now();
    restored(&inside, &before).await?;
    let took = deleted.elapsed();
    // Said, and not asserted to the millisecond: machines differ.
    println!("back after {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_secret_that_was_edited_is_repaired() -> Result<()> {
    let (inside, before) = started("edited").await?;
    let secrets = inside.tenant_secrets();
    for patch in [
        json!({"data": {"OIDC_CLIENT_SECRET": "aGFja2Vk"}}),
        json!({"data": {"OIDC_CLIENT_ID": null}}),
        json!({"metadata": {"ownerReferences": null}}),
        json!({"metadata": {"annotations": {"portcullis.dev/epoch": "7"}}}),
    ] {
        secrets.patch("notes-oidc", &PatchParams::default(), &Patch::Merge(patch.clone())).await?;
        restored(&inside, &before).await.map_err(|error| error.context(patch.to_string()))?;
    }
    // Without its label it is not ours to see, and comes back under its name only once that is free.
    let unlabelled = json!({"metadata": {"labels": {"portcullis.dev/application-uid": null}}});
    secrets.patch("notes-oidc", &PatchParams::default(), &Patch::Merge(unlabelled)).await?;
    inside.condition(Kind::OidcApplication, "notes", "CredentialsReady", "False", "SecretConflict").await?;
    secrets.delete("notes-oidc", &DeleteParams::default()).await?;
    restored(&inside, &before).await?;
    inside.ready(Kind::OidcApplication, "notes").await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_not_wanted_any_more_go_and_those_of_others_stay() -> Result<()> {
    let (inside, _) = started("keys").await?;
    let secrets = inside.tenant_secrets();
    let theirs = json!({"data": {"THEIRS": "eQ=="}});
    secrets.patch("notes-oidc", &PatchParams::default(), &Patch::Merge(theirs)).await?;
    let mut spec = inside.application_spec();
    let data = json!([{"key": "id", "valueFrom": "ClientID"}, {"key": "app.env", "template": "S=${ClientSecret}\n"}]);
    spec["clientAuthentication"] =
        json!({"clientSecret": {"target": {"data": data, "metadata": {"labels": {"team": "a"}}}}});
    inside.apply(Kind::OidcApplication, "notes", spec).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    let look = async || {
        let secret = secrets.get("notes-oidc").await?;
        let names: Vec<&String> = secret.data.iter().flatten().map(|(name, _)| name).collect();
        Ok(if names == ["THEIRS", "app.env", "id"] { Ok(()) } else { Err(format!("{names:?}")) })
    };
    inside.until("exactly these keys", look).await?;
    assert_eq!(inside.secret("notes-oidc").await?.metadata.labels.unwrap_or_default()["team"], "a");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f19_a_rotation_waits_for_a_server_that_is_away_and_then_both_secrets_are_good_for_a_while() -> Result<()> {
    let (mut inside, before) = started("rotated").await?;
    let old = text(&before, "OIDC_CLIENT_SECRET");
    let client_id = text(&before, "OIDC_CLIENT_ID");
    let mut spec = inside.application_spec();
    let rotation = json!({"overlapSeconds": 10, "trigger": "leak"});
    spec["clientAuthentication"] = json!({"clientSecret": {"rotation": rotation}});
    inside.stop_feed().await;
    inside.apply(Kind::OidcApplication, "notes", spec.clone()).await?;
    inside.condition(Kind::OidcApplication, "notes", "CredentialsReady", "False", "Rotating").await?;
    assert_eq!(inside.secret("notes-oidc").await?.data, before.data, "a server would refuse another one");

    inside.start_feed().await?;
    let new = inside
        .until("another secret", async || {
            let found = text(&inside.secret("notes-oidc").await?, "OIDC_CLIENT_SECRET");
            Ok(if found == old { Err("the old one".to_owned()) } else { Ok(found) })
        })
        .await?;
    for secret in [&old, &new] {
        assert!(inside.serving().accepts(&client_id, secret), "both are good");
    }
    inside.ready(Kind::OidcApplication, "notes").await?;
    let applications = inside.objects(Kind::OidcApplication);
    let status = async || {
        let object = applications.get("notes").await?;
        anyhow::Ok(object.data["status"]["clientSecret"].clone())
    };
    inside
        .until("its status says so", async || {
            let said = status().await?;
            let well = said["epoch"] == 2 && said["observedTrigger"] == "leak" && said["lastRotationTime"].is_string();
            Ok(if well { Ok(()) } else { Err(said.to_string()) })
        })
        .await?;
    inside
        .until("the overlap is over", async || {
            let (served, said) = (inside.serving().accepts(&client_id, &old), status().await?);
            let over = !served && said["previousExpirationTime"].is_null();
            Ok(if over { Ok(()) } else { Err(said.to_string()) })
        })
        .await?;
    assert!(inside.serving().accepts(&client_id, &new));
    // A controller that is new to all this rotates nothing.
    let settled = inside.secret("notes-oidc").await?;
    inside.kill_controller();
    inside.start_controller(None).await?;
    spec["displayName"] = "Notes".into();
    inside.apply(Kind::OidcApplication, "notes", spec).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    assert_eq!(inside.secret("notes-oidc").await?.data, settled.data);
    Ok(())
}

fn foreign(name: &str, type_: &str) -> Result<Secret> {
    Ok(serde_json::from_value(json!({
        "metadata": {"name": name}, "type": type_, "stringData": {"password": "theirs"},
    }))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_a_secret_of_somebody_else_is_left_alone_until_it_is_gone() -> Result<()> {
    let inside = Inside::start(cluster()?, "foreign").await?;
    let secrets = inside.tenant_secrets();
    for (name, type_) in [("a-oidc", "Opaque"), ("b-oidc", "portcullis.dev/user-password")] {
        secrets.create(&PostParams::default(), &foreign(name, type_)?).await?;
        let application = name.trim_end_matches("-oidc");
        inside.apply(Kind::OidcApplication, application, inside.application_spec()).await?;
        let message =
            inside.condition(Kind::OidcApplication, application, "CredentialsReady", "False", "SecretConflict").await?;
        assert!(message.contains("not ours"), "{message}");
        let found = secrets.get(name).await?;
        assert_eq!(text(&found, "password"), "theirs");
        assert_eq!(found.metadata.labels, None);
        secrets.delete(name, &DeleteParams::default()).await?;
        inside.ready(Kind::OidcApplication, application).await?;
    }
    // That of one account is no matter of the others, and the message says whose it is.
    secrets.create(&PostParams::default(), &foreign("c.job-oidc", "Opaque")?).await?;
    let mut spec = inside.application_spec();
    spec["programmaticAccess"] = json!([{"name": "job"}, {"name": "other"}]);
    inside.apply(Kind::OidcApplication, "c", spec).await?;
    let message = inside.condition(Kind::OidcApplication, "c", "CredentialsReady", "False", "SecretConflict").await?;
    let path = "spec.programmaticAccess[0].clientAuthentication.clientSecret.target.name: ";
    assert!(message.contains(path), "{message}");
    for name in ["c-oidc", "c.other-oidc"] {
        inside.secret(name).await?;
    }
    secrets.delete("c.job-oidc", &DeleteParams::default()).await?;
    inside.ready(Kind::OidcApplication, "c").await
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_an_immutable_secret_is_a_conflict() -> Result<()> {
    let (inside, _) = started("immutable").await?;
    let secrets = inside.tenant_secrets();
    secrets.patch("notes-oidc", &PatchParams::default(), &Patch::Merge(json!({"immutable": true}))).await?;
    let mut spec = inside.application_spec();
    spec["clientAuthentication"] =
        json!({"clientSecret": {"target": {"data": [{"key": "id", "template": "other ${ClientID}"}]}}});
    inside.apply(Kind::OidcApplication, "notes", spec).await?;
    let message =
        inside.condition(Kind::OidcApplication, "notes", "CredentialsReady", "False", "SecretConflict").await?;
    assert!(message.contains("immutable"), "{message}");
    secrets.delete("notes-oidc", &DeleteParams::default()).await?;
    inside.ready(Kind::OidcApplication, "notes").await
}

/// A tool that keeps applying another value would fight for ever: it is told, and not overwritten.
#[tokio::test(flavor = "multi_thread")]
async fn f10_another_manager_that_keeps_applying_is_told_and_not_overwritten() -> Result<()> {
    let (inside, before) = started("contested").await?;
    let secrets = inside.tenant_secrets();
    let theirs =
        |data: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "notes-oidc"}, "data": data});
    let (params, data) = (PatchParams::apply("argocd").force(), json!({"OIDC_CLIENT_SECRET": "dGhlaXJz"}));
    secrets.patch("notes-oidc", &params, &Patch::Apply(theirs(data))).await?;
    let message =
        inside.condition(Kind::OidcApplication, "notes", "CredentialsReady", "False", "SecretConflict").await?;
    assert!(message.contains("argocd") && message.contains("OIDC_CLIENT_SECRET"), "{message}");
    assert_eq!(text(&inside.secret("notes-oidc").await?, "OIDC_CLIENT_SECRET"), "theirs");
    secrets.patch("notes-oidc", &PatchParams::apply("argocd"), &Patch::Apply(theirs(json!({})))).await?;
    restored(&inside, &before).await?;
    inside.ready(Kind::OidcApplication, "notes").await
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_without_the_role_binding_the_status_says_what_mends_it() -> Result<()> {
    let mut inside = Inside::new(cluster()?, "unbound").await?;
    inside.apply(Kind::OidcProvider, "default", inside.provider_spec()).await?;
    inside.start_feed().await?;
    inside.start_controller(None).await?;
    inside.apply(Kind::OidcApplication, "notes", inside.application_spec()).await?;
    let mut public = inside.application_spec();
    public["clientAuthentication"] = json!({"type": "None"});
    inside.apply(Kind::OidcApplication, "public", public).await?;
    let message = inside.condition(Kind::OidcApplication, "notes", "CredentialsReady", "False", "Forbidden").await?;
    let command = format!(
        "kubectl create rolebinding portcullis-secrets --namespace {} --clusterrole portcullis-tenant-secrets \
         --serviceaccount portcullis-system:portcullis-controller",
        inside.tenant
    );
    assert!(message.contains(&command), "{message}");
    inside.ready(Kind::OidcApplication, "public").await?;

    // The very command of the message.
    inside.kubectl(&command.split(' ').skip(1).collect::<Vec<_>>())?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    let before = inside.secret("notes-oidc").await?;

    // Taken away again, in the middle: what is missing cannot be put back, which is said, and the others go on.
    inside.unbind().await?;
    inside.tenant_secrets().delete("notes-oidc", &DeleteParams::default()).await?;
    let message = inside.condition(Kind::OidcApplication, "notes", "CredentialsReady", "False", "Forbidden").await?;
    assert!(message.contains(&command), "{message}");
    inside.apply(Kind::OidcUser, "alice", json!({})).await?;
    inside.ready(Kind::OidcUser, "alice").await?;
    inside.bind().await?;
    restored(&inside, &before).await?;
    inside.ready(Kind::OidcApplication, "notes").await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_power_over_secrets_an_application_is_told_so() -> Result<()> {
    let mut inside = Inside::new(cluster()?, "powerless").await?;
    inside.secrets = SecretsPower::None;
    inside.apply(Kind::OidcProvider, "default", inside.provider_spec()).await?;
    inside.start_feed().await?;
    inside.start_controller(None).await?;
    inside.apply(Kind::OidcApplication, "notes", inside.application_spec()).await?;
    let message = inside.condition(Kind::OidcApplication, "notes", "CredentialsReady", "False", "Forbidden").await?;
    assert!(message.contains("--secrets None"), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_when_it_is_not_wanted_and_stays_when_it_is_to_be_retained() -> Result<()> {
    let (inside, _) = started("policy").await?;
    let mut public = inside.application_spec();
    public["clientAuthentication"] = json!({"type": "None"});
    inside.apply(Kind::OidcApplication, "notes", public).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    let gone = async || {
        let found = inside.tenant_secrets().get_opt("notes-oidc").await?;
        Ok(if found.is_none() { Ok(()) } else { Err("it is there".to_owned()) })
    };
    inside.until("a public client has no Secret", gone).await?;

    let mut kept = inside.application_spec();
    kept["clientAuthentication"] = json!({"clientSecret": {"target": {"deletionPolicy": "Retain"}}});
    inside.apply(Kind::OidcApplication, "kept", kept.clone()).await?;
    inside.ready(Kind::OidcApplication, "kept").await?;
    let before = inside.secret("kept-oidc").await?;
    assert_eq!(before.metadata.owner_references, None);
    inside.objects(Kind::OidcApplication).delete("kept", &DeleteParams::default()).await?;
    let unserved = async || {
        let served = inside.serving().clients().contains(&format!("{}.kept", inside.tenant));
        Ok(if served { Err("served".to_owned()) } else { Ok(()) })
    };
    inside.until("it is not served", unserved).await?;
    let after = inside.secret("kept-oidc").await?;
    assert!(after.data == before.data, "{:?} {:?}", before.metadata, after.metadata);
    // Whoever comes by that name does not get it.
    inside.apply(Kind::OidcApplication, "kept", kept).await?;
    inside.condition(Kind::OidcApplication, "kept", "CredentialsReady", "False", "SecretConflict").await?;
    assert_eq!(inside.secret("kept-oidc").await?.data, before.data);
    Ok(())
}

/// Whoever created a field owns it: what is taken out of the manifest goes all the same, the owner included.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_to_be_retained_from_now_on_loses_its_owner_and_what_is_not_wanted() -> Result<()> {
    let inside = Inside::start(cluster()?, "from-now-on").await?;
    let spec = |target: Value| {
        let mut spec = inside.application_spec();
        spec["clientAuthentication"] = json!({"clientSecret": {"target": target}});
        spec
    };
    let metadata = json!({"labels": {"team": "a", "extra": "b"}, "annotations": {"note": "c"}});
    inside.apply(Kind::OidcApplication, "notes", spec(json!({"metadata": metadata}))).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    let before = inside.secret("notes-oidc").await?;
    assert!(
        before.metadata.owner_references.is_some() && before.metadata.labels.unwrap_or_default().contains_key("extra")
    );

    let target = json!({"deletionPolicy": "Retain", "metadata": {"labels": {"team": "a"}}});
    inside.apply(Kind::OidcApplication, "notes", spec(target)).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    let trimmed = async || {
        let metadata = inside.secret("notes-oidc").await?.metadata;
        let labels = metadata.labels.clone().unwrap_or_default();
        let notes = metadata.annotations.clone().unwrap_or_default();
        let well = metadata.owner_references.is_none()
            && labels.contains_key("team")
            && !labels.contains_key("extra")
            && !notes.contains_key("note")
            && notes["portcullis.dev/deletion-policy"] == "Retain";
        Ok(if well { Ok(metadata.resource_version) } else { Err(format!("{metadata:?}")) })
    };
    let version = inside.until("it is trimmed", trimmed).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = inside.secret("notes-oidc").await?;
    assert_eq!(after.metadata.resource_version, version, "and then it is left in peace");
    assert_eq!(after.data, before.data);
    Ok(())
}

/// The schema of this kind takes it, and that of Secrets does not.
#[tokio::test(flavor = "multi_thread")]
async fn f54_a_secret_that_the_api_server_does_not_take_is_told() -> Result<()> {
    let inside = Inside::start(cluster()?, "refused").await?;
    let mut spec = inside.application_spec();
    let data = json!([{"key": "..", "valueFrom": "ClientID"}]);
    spec["clientAuthentication"] = json!({"clientSecret": {"target": {"data": data}}});
    inside.apply(Kind::OidcApplication, "notes", spec).await?;
    let message =
        inside.condition(Kind::OidcApplication, "notes", "CredentialsReady", "False", "SecretConflict").await?;
    assert!(message.contains("the API server does not take the Secret"), "{message}");
    inside.application("notes").await
}

/// What is kept is JSON in JSON, with escapes of the API server's own: as much as a compilation lets through is taken, and
/// what is more fails closed instead of leaving on the servers what was there before.
#[tokio::test(flavor = "multi_thread")]
async fn f54_the_largest_record_is_stored_and_a_larger_one_is_refused() -> Result<()> {
    let inside = Inside::start(cluster()?, "large").await?;
    let spec = |accounts: usize, text: &str| {
        let claim = |n| json!({"name": format!("c{n}"), "value": text, "targets": ["IDToken"]});
        let mut spec = inside.application_spec();
        spec["claims"] = (0..50).map(claim).collect();
        spec["programmaticAccess"] = (0..accounts).map(|n| json!({"name": format!("a{n}")})).collect();
        spec
    };
    // Each client has 50 claims of the longest texts, and there is no room for another.
    for (name, accounts, text) in [("signs", 2, "&".repeat(1024)), ("quotes", 3, "\"".repeat(1024))] {
        inside.apply(Kind::OidcApplication, name, spec(accounts, &text)).await?;
        inside.ready(Kind::OidcApplication, name).await?;
        inside.apply(Kind::OidcApplication, name, spec(32, &text)).await?;
        let message = inside.condition(Kind::OidcApplication, name, "Accepted", "False", "UnsupportedValue").await?;
        assert!(message.starts_with("spec.programmaticAccess: "), "{message}");
        let gone = async || {
            let clients = inside.serving().clients();
            Ok(if clients.iter().any(|id| id.contains(name)) { Err(format!("{clients:?}")) } else { Ok(()) })
        };
        inside.until("nobody is served by what was there before", gone).await?;
    }
    Ok(())
}
