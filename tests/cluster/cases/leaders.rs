//! Two controllers, of which one writes (F43, F45, F46).

use std::time::{Duration, Instant};

use anyhow::Result;
use api::Kind;
use cluster::audit::writes;
use cluster::cluster;
use cluster::objects::merge;
use cluster::programs::{PATIENCE, Program, Scene, Server, built};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

const APPLICATION: Kind = Kind::OidcApplication;

/// Seconds of the lease.
const LEASE: u64 = 3;

/// Two controllers and a server.
struct Pair {
    _server: Server,
    leader: Program,
    standby: Program,
}

impl Pair {
    async fn start(scene: &Scene<'_>) -> Result<Self> {
        let server = scene.server("server").await?;
        let (endpoint, seconds) = (server.program.internal(), LEASE.to_string());
        let flags = ["--server-endpoint", &endpoint, "--lease-seconds", &seconds];
        let leader = scene.controller("leader", &flags).await?;
        soon(scene, "the first controller leads", || leads(&leader)).await?;
        let mut standby = scene.controller("standby", &flags).await?;
        standby.wait_ready().await?;
        assert!(leads(&leader) && !leads(&standby));
        Ok(Self { _server: server, leader, standby })
    }
}

fn leads(program: &Program) -> bool {
    program.metric("portcullis_lease_held").ok().flatten() == Some(1.0)
}

async fn soon(scene: &Scene<'_>, what: &str, mut check: impl FnMut() -> bool) -> Result<()> {
    let asked = Instant::now();
    while !check() {
        assert!(asked.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}\n{}", scene.logged());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Ok(())
}

/// Looks on for a while: never do both lead. Each look asks one of them twice, so that a change between two questions
/// does not look like two leaders.
async fn never_both(pair: &Pair, time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        let both = leads(&pair.leader) && leads(&pair.standby) && leads(&pair.leader);
        assert!(!both, "both lead");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn f43_a_leader_that_was_paused_writes_nothing_once_it_goes_on() -> Result<()> {
    let cluster = cluster()?;
    let scene = Scene::new(cluster, "paused", built()?).await?;
    let pair = Pair::start(&scene).await?;
    let Pair { leader, standby, .. } = &pair;
    scene.application("before").await?;
    scene.ready(APPLICATION, "before").await?;

    // It is in the middle of something when it is paused.
    for number in 0..20 {
        scene.application(&format!("meanwhile-{number}")).await?;
    }
    leader.pause()?;
    soon(&scene, "the second controller leads", || leads(standby)).await?;
    scene.application("after").await?;
    scene.ready(APPLICATION, "after").await?;
    for number in 0..20 {
        scene.ready(APPLICATION, &format!("meanwhile-{number}")).await?;
    }

    let before = writes(cluster, &leader.credential)?;
    assert!(!before.is_empty(), "this audit log does not know the first controller");
    leader.resume();
    never_both(&pair, Duration::from_secs(2 * LEASE)).await;
    assert!(leads(standby) && !leads(leader));
    // A request that the pause cut in two is sent to its end; what it asks for the second controller has done, so that
    // its precondition fails. No other is sent, and there is one at a time.
    let mut late = writes(cluster, &leader.credential)?.split_off(before.len());
    if late.first().is_some_and(|write| write.code == 409) {
        late.remove(0);
    }
    // Events are told beside it, and have no precondition: those that were on their way arrive.
    let written = late.len();
    late.retain(|write| write.resource != "events");
    assert!(written - late.len() <= 16, "Events go on being told");
    assert_eq!(late, [], "written without leading");
    let written = writes(cluster, &leader.credential)?.len();
    assert!(leader.logged().contains("leading no more"), "{}", leader.logged());

    // It could lead again, and does once it is asked to.
    scene.application("later").await?;
    scene.ready(APPLICATION, "later").await?;
    assert_eq!(writes(cluster, &leader.credential)?.len(), written);
    standby.pause()?;
    soon(&scene, "the first controller leads again", || leads(leader)).await?;
    scene.application("last").await?;
    scene.ready(APPLICATION, "last").await?;
    Ok(())
}

#[tokio::test]
async fn f45_a_lease_that_is_deleted_or_edited_ends_with_one_leader() -> Result<()> {
    let scene = Scene::new(cluster()?, "lease", built()?).await?;
    let pair = Pair::start(&scene).await?;
    let leases: Api<Lease> = Api::namespaced(scene.admin.clone(), "portcullis-system");
    let one = || leads(&pair.leader) != leads(&pair.standby);

    leases.delete(&scene.provider, &DeleteParams::default()).await?;
    never_both(&pair, Duration::from_secs(2 * LEASE)).await;
    soon(&scene, "one controller leads after the lease was deleted", one).await?;
    scene.application("deleted").await?;
    scene.ready(APPLICATION, "deleted").await?;

    // Somebody who does not exist has it now.
    let nobody = json!({"spec": {"holderIdentity": "nobody"}});
    leases.patch(&scene.provider, &PatchParams::default(), &Patch::Merge(nobody)).await?;
    soon(&scene, "nobody leads", || !leads(&pair.leader) && !leads(&pair.standby)).await?;
    never_both(&pair, Duration::from_secs(2 * LEASE)).await;
    soon(&scene, "one controller leads after the lease was edited", one).await?;
    scene.application("edited").await?;
    scene.ready(APPLICATION, "edited").await?;

    // Given back at the end: the other need not wait for it to expire.
    let Pair { leader, standby, .. } = pair;
    let (ends, stays) = if leads(&leader) { (leader, standby) } else { (standby, leader) };
    drop(ends);
    let dropped = Instant::now();
    soon(&scene, "the other controller leads", || leads(&stays)).await?;
    assert!(dropped.elapsed() < Duration::from_secs(LEASE), "after {:?}", dropped.elapsed());
    Ok(())
}

#[tokio::test]
async fn f46_a_standby_grows_with_the_world_and_not_with_its_changes() -> Result<()> {
    let scene = Scene::new(cluster()?, "standby", built()?).await?;
    let pair = Pair::start(&scene).await?;
    for number in 0..10 {
        scene.application(&format!("app-{number}")).await?;
    }
    for number in 0..10 {
        scene.ready(APPLICATION, &format!("app-{number}")).await?;
    }
    let applications = scene.objects(APPLICATION);
    let edit = async |turn: usize| {
        let name = format!("app-{}", turn % 10);
        let spec = json!({"spec": {"displayName": format!("{turn} {}", "x".repeat(50))}});
        merge(&applications, &name, spec).await.map(|verdict| verdict.map(drop).unwrap())
    };
    // Buffers and caches find their size.
    for turn in 0..200 {
        edit(turn).await?;
    }
    scene.ready(APPLICATION, "app-9").await?;
    let before = pair.standby.resident()?;
    for turn in 200..700 {
        edit(turn).await?;
    }
    scene.ready(APPLICATION, "app-9").await?;
    let after = pair.standby.resident()?;
    // 500 objects of these, each with its record, were more than 4 MiB.
    assert!(after <= before + 2048, "{before} KiB before 500 changes, {after} KiB after them");

    // And it knows what has changed.
    pair.leader.pause()?;
    soon(&scene, "the second controller leads", || leads(&pair.standby)).await?;
    scene.application("after").await?;
    scene.ready(APPLICATION, "after").await?;
    Ok(())
}
