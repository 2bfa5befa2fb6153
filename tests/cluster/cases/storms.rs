//! The API server and its database go, and come back, while things change.

use std::time::Duration;

use anyhow::Result;
use api::{Kind, RecordKind};
use cluster::{Cluster, Inside};
use kube::api::ListParams;
use xtask::control_plane::Part;

/// The clients are served throughout: what was loaded stays loaded.
#[tokio::test(flavor = "multi_thread")]
async fn f04_restarts_under_change_lose_nothing_and_interrupt_nobody() -> Result<()> {
    let mut own = Cluster::start("storms")?;
    let names: Vec<String> = (0..12).map(|number| format!("a{number}")).collect();
    let inside = Inside::start(&own, "storm").await?;
    inside.application("before").await?;
    let id = format!("{}.before", inside.tenant);
    for (turn, name) in names.iter().enumerate() {
        let part = match turn % 4 {
            1 => Some(Part::ApiServer),
            3 => Some(Part::Etcd),
            _ => None,
        };
        if let Some(part) = part {
            own.plane_mut().kill(part)?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(inside.serving().clients().contains(&id), "served while {part:?} is away");
            own.plane_mut().restart(part)?;
        }
        // What is applied while the API server is not quite there is applied again.
        let mut applied = false;
        for _ in 0..100 {
            if inside.apply(Kind::OidcApplication, name, inside.application_spec()).await.is_ok() {
                applied = true;
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(applied, "{name} could not be applied");
    }
    for name in &names {
        inside.ready(Kind::OidcApplication, name).await?;
    }
    let records = inside.records(RecordKind::OidcClientRecord);
    assert_eq!(records.list(&ListParams::default()).await?.items.len(), names.len() + 1, "one record each");
    let secrets = inside.tenant_secrets().list(&ListParams::default()).await?.items;
    let ours = secrets.iter().filter(|one| one.type_.as_deref() == Some("portcullis.dev/client-credentials"));
    assert_eq!(ours.count(), names.len() + 1, "one Secret each");
    Ok(())
}
