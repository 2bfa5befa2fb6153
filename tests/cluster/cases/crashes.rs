//! A controller that ends between any two writes is followed by one that finishes what it began.

use std::time::Duration;

use anyhow::{Context, Result};
use api::{Kind, RecordKind};
use cluster::inside::{Cut, Moment};
use cluster::{Inside, cluster, text};
use kube::api::ListParams;
use serde_json::json;

/// More writes than it takes to make keys, a provider, a user and an application ready.
const WRITES: usize = 24;

/// One published secret at most was ever there, and what is published is accepted.
async fn published(inside: &Inside) -> Result<Option<String>> {
    let secret = inside.tenant_secrets().get_opt("notes-oidc").await?;
    let Some(secret) = secret else { return Ok(None) };
    let (id, value) = (text(&secret, "OIDC_CLIENT_ID"), text(&secret, "OIDC_CLIENT_SECRET"));
    let (served, notes) = (inside.serving().clients(), secret.metadata.annotations);
    assert!(
        inside.serving().accepts(&id, &value),
        "a secret is published that no server accepts: {notes:?}, {served:?}"
    );
    Ok(Some(value))
}

/// The version of the only record of a kind, which every write changes.
async fn version(inside: &Inside, kind: RecordKind) -> Result<Option<String>> {
    let record = inside.records(kind).list(&ListParams::default()).await?.items.pop().context("a record")?;
    Ok(record.metadata.resource_version)
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_crash_between_any_two_writes_of_a_creation_converges() -> Result<()> {
    f12_crashes(Moment::Before).await
}

/// The write was done, and nobody was told.
#[tokio::test(flavor = "multi_thread")]
async fn f08_a_write_whose_answer_is_lost_is_not_done_twice() -> Result<()> {
    f12_crashes(Moment::After).await
}

async fn f12_crashes(moment: Moment) -> Result<()> {
    let cluster = cluster()?;
    let mut reached = 0;
    for writes in 0..WRITES {
        let mut inside = Inside::new(cluster, "crash").await?;
        inside.bind().await?;
        inside.start_feed().await?;
        inside.apply(Kind::OidcProvider, "default", inside.provider_spec()).await?;
        inside.apply(Kind::OidcApplication, "notes", inside.application_spec()).await?;
        inside.apply(Kind::OidcUser, "alice", json!({})).await?;
        let cut = Cut::after(writes, moment);
        inside.start_controller(Some(cut.clone())).await?;
        let died = tokio::select! {
            () = cut.happened() => true,
            ready = everything(&inside) => { ready?; false }
        };
        inside.kill_controller();
        let before = published(&inside).await?;
        if died {
            reached += 1;
            inside.start_controller(None).await?;
            everything(&inside).await.with_context(|| format!("after {writes} writes, {moment:?}"))?;
        }
        let after = published(&inside).await?.context("a Secret")?;
        assert!(before.is_none_or(|before| before == after), "after {writes} writes another secret was published");
        let secret = inside.secret("notes-oidc").await?;
        assert_eq!(secret.metadata.annotations.unwrap_or_default()["portcullis.dev/epoch"], "1");
        let records = inside.records(RecordKind::OidcClientRecord);
        assert_eq!(records.list(&ListParams::default()).await?.items.len(), 1);
        if !died {
            break;
        }
    }
    assert!(reached >= 8, "only {reached} writes were cut: the harness does not see them");
    assert!(reached < WRITES, "there are more writes than were tried");
    Ok(())
}

async fn everything(inside: &Inside) -> Result<()> {
    inside.ready(Kind::OidcApplication, "notes").await?;
    inside.ready(Kind::OidcUser, "alice").await?;
    inside.ready(Kind::OidcProvider, "default").await?;
    // Events are told after the status that they speak of.
    tokio::time::sleep(Duration::from_millis(150)).await;
    Ok(())
}

/// A hash that was made once is not made again, and nobody is locked out meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_hashes_no_password_again() -> Result<()> {
    let mut inside = Inside::start(cluster()?, "hashes").await?;
    let secret = json!({
        "metadata": {"name": "alice-password"}, "type": "portcullis.dev/user-password",
        "stringData": {"password": "correct horse battery staple"},
    });
    let secret = serde_json::from_value(secret)?;
    inside.provider_secrets().create(&kube::api::PostParams::default(), &secret).await?;
    let spec =
        json!({"authentication": {"passwordSecretRef": {"name": "alice-password"}}, "profile": {"name": "Alice"}});
    inside.apply(Kind::OidcUser, "alice", spec).await?;
    inside.ready(Kind::OidcUser, "alice").await?;
    let before = version(&inside, RecordKind::OidcUserRecord).await?;
    inside.kill_controller();
    inside.start_controller(None).await?;
    inside.apply(Kind::OidcUser, "bob", json!({})).await?;
    inside.ready(Kind::OidcUser, "bob").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let user = inside.records(RecordKind::OidcUserRecord).list(&ListParams::default()).await?;
    let alice = user.items.iter().find(|record| record.data["spec"]["source"]["name"] == "alice").context("alice")?;
    assert_eq!(alice.metadata.resource_version, before, "the record was not written again");
    Ok(())
}

/// Between its start and its first look into a namespace, a controller knows less than the one before it did.
#[tokio::test(flavor = "multi_thread")]
async fn f12_a_restart_interrupts_nobody() -> Result<()> {
    let mut inside = Inside::start(cluster()?, "restart").await?;
    inside.application("notes").await?;
    let before = version(&inside, RecordKind::OidcClientRecord).await?;
    for number in 0..3 {
        inside.kill_controller();
        inside.start_controller(None).await?;
        let name = format!("later-{number}");
        inside.apply(Kind::OidcUser, &name, json!({})).await?;
        inside.ready(Kind::OidcUser, &name).await?;
        assert_eq!(version(&inside, RecordKind::OidcClientRecord).await?, before, "the record was written at a start");
        published(&inside).await?.context("a Secret")?;
    }
    Ok(())
}
