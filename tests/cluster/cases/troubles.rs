//! What is forbidden, gone, or in the way, one thing at a time: the rest goes on.

use std::time::Duration;

use anyhow::{Context, Result};
use api::Kind;
use cluster::{Cluster, Inside, cluster, text};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use xtask::control_plane::Part;

/// Takes the rules about these resources out of a ClusterRole; returns it as it was.
async fn forbid(inside: &Inside, role: &str, resource: &str) -> Result<ClusterRole> {
    let roles: Api<ClusterRole> = Api::all(inside.admin().clone());
    let before = roles.get(role).await?;
    let mut without = before.clone();
    for rule in without.rules.iter_mut().flatten() {
        rule.resources = rule.resources.take().map(|all| all.into_iter().filter(|one| one != resource).collect());
    }
    without.rules = without.rules.map(|rules| {
        rules.into_iter().filter(|rule| rule.resources.as_ref().is_some_and(|all| !all.is_empty())).collect()
    });
    roles.replace(role, &PostParams::default(), &without).await.context("take a rule away")?;
    Ok(before)
}

async fn permit(inside: &Inside, before: ClusterRole) -> Result<()> {
    let roles: Api<ClusterRole> = Api::all(inside.admin().clone());
    let name = before.metadata.name.clone().context("a role has a name")?;
    let rules = json!({"rules": before.rules});
    roles.patch(&name, &PatchParams::default(), &Patch::Merge(rules)).await.context("give a rule back")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f33_what_is_forbidden_alone_hurts_itself_alone() -> Result<()> {
    let own = Cluster::start("forbidden")?;
    let inside = Inside::start(&own, "forbidden").await?;

    // Events are told to whoever wants to hear them; nothing rests on one.
    let before = forbid(&inside, "portcullis-controller", "events").await?;
    inside.application("untold").await?;
    permit(&inside, before).await?;

    // Without the right to report, what can be done is done, and it is reported once it may be.
    let before = forbid(&inside, "portcullis-controller", "oidcapplications/status").await?;
    inside.apply(Kind::OidcApplication, "silent", inside.application_spec()).await?;
    let id = format!("{}.silent", inside.tenant);
    let served = async || {
        let found = inside.tenant_secrets().get_opt("silent-oidc").await?;
        let accepted = found.is_some_and(|secret| inside.serving().accepts(&id, &text(&secret, "OIDC_CLIENT_SECRET")));
        Ok(if accepted { Ok(()) } else { Err("not served".to_owned()) })
    };
    inside.until("it is served without a word", served).await?;
    inside.apply(Kind::OidcUser, "alice", json!({})).await?;
    inside.ready(Kind::OidcUser, "alice").await?;
    permit(&inside, before).await?;
    inside.ready(Kind::OidcApplication, "silent").await?;

    // Without the right to write records nothing new is served, and what was served is.
    let before = forbid(&inside, "portcullis-controller-provider", "oidcclientrecords").await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    inside.apply(Kind::OidcApplication, "late", inside.application_spec()).await?;
    let why = inside.condition(Kind::OidcApplication, "late", "Programmed", "False", "Forbidden").await?;
    assert!(why.contains("its record cannot be written") && why.contains("oidcclientrecords"), "{why}");
    assert!(inside.serving().clients().contains(&id));
    permit(&inside, before).await?;
    inside.ready(Kind::OidcApplication, "late").await
}

/// Without finalizers nothing waits for somebody who is not there any more.
#[tokio::test(flavor = "multi_thread")]
async fn f39_with_the_controller_gone_first_everything_can_be_removed() -> Result<()> {
    let own = Cluster::start("uninstall")?;
    let mut inside = Inside::start(&own, "uninstall").await?;
    inside.apply(Kind::OidcApplication, "notes", inside.application_spec()).await?;
    inside.apply(Kind::OidcUser, "alice", json!({})).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    inside.ready(Kind::OidcUser, "alice").await?;
    inside.kill_controller();
    inside.stop_feed().await;
    inside.kubectl(&["delete", "namespace", &inside.tenant, &inside.provider, "--timeout=60s"])?;
    let folder = xtask::paths::root().join("crds").display().to_string();
    inside.kubectl(&["delete", "-f", &folder, "--timeout=60s"])?;
    let definitions: Api<CustomResourceDefinition> = Api::all(inside.admin().clone());
    let left = definitions.list(&ListParams::default()).await?.items;
    assert!(left.is_empty(), "{:?}", left.into_iter().map(|one| one.metadata.name).collect::<Vec<_>>());
    Ok(())
}

/// What a backup, or `--cascade=orphan`, leaves behind: a Secret whose application is another one, or none.
#[tokio::test(flavor = "multi_thread")]
async fn f41_a_secret_that_outlived_its_application_gives_way_to_the_next() -> Result<()> {
    let mut inside = Inside::start(cluster()?, "orphan").await?;
    inside.application("notes").await?;
    let before = inside.secret("notes-oidc").await?;
    // What the garbage collector does for `--cascade=orphan`, without waiting for it.
    inside.kill_controller();
    let orphaned = json!({"metadata": {"ownerReferences": null}});
    inside.tenant_secrets().patch("notes-oidc", &PatchParams::default(), &Patch::Merge(orphaned)).await?;
    inside.objects(Kind::OidcApplication).delete("notes", &DeleteParams::default()).await?;
    inside.start_controller(None).await?;
    let gone = async || {
        let served = inside.serving().clients();
        Ok(if served.is_empty() { Ok(()) } else { Err(format!("{served:?}")) })
    };
    inside.until("the application is gone", gone).await?;
    assert_eq!(
        inside.secret("notes-oidc").await?.data,
        before.data,
        "what is mounted stays while nobody wants its name"
    );
    inside.application("notes").await?;
    let after = inside.secret("notes-oidc").await?;
    assert_ne!(text(&after, "OIDC_CLIENT_SECRET"), text(&before, "OIDC_CLIENT_SECRET"));

    // A restored Secret names an owner that never was in this cluster.
    inside.kill_controller();
    inside.objects(Kind::OidcApplication).delete("notes", &DeleteParams::default()).await?;
    drop(inside.tenant_secrets().delete("notes-oidc", &DeleteParams::default()).await);
    let mut restored = before;
    restored.metadata.uid = None;
    restored.metadata.resource_version = None;
    restored.metadata.managed_fields = None;
    inside.tenant_secrets().create(&PostParams::default(), &restored).await?;
    inside.start_controller(None).await?;
    inside.application("notes").await?;
    let (after, id) = (inside.secret("notes-oidc").await?, format!("{}.notes", inside.tenant));
    assert!(inside.serving().accepts(&id, &text(&after, "OIDC_CLIENT_SECRET")));
    Ok(())
}

/// The same complaint is told once, however often it is looked at.
#[tokio::test(flavor = "multi_thread")]
async fn f53_a_complaint_that_stays_is_one_event() -> Result<()> {
    let inside = Inside::start(cluster()?, "events").await?;
    let mut bad = inside.application_spec();
    bad["redirectURIs"] = json!(["https://evil.example.org/cb"]);
    inside.apply(Kind::OidcApplication, "notes", bad.clone()).await?;
    inside.condition(Kind::OidcApplication, "notes", "Accepted", "False", "RedirectHostNotAllowed").await?;
    for number in 0..10 {
        bad["displayName"] = format!("Notes {number}").into();
        inside.apply(Kind::OidcApplication, "notes", bad.clone()).await?;
        inside.condition(Kind::OidcApplication, "notes", "Accepted", "False", "RedirectHostNotAllowed").await?;
    }
    let events: Api<Event> = Api::namespaced(inside.admin().clone(), &inside.tenant);
    let told = async || {
        let all = events.list(&ListParams::default()).await?.items;
        let reasons: Vec<String> = all.into_iter().filter_map(|event| event.reason).collect();
        Ok(if reasons.is_empty() { Err("none".to_owned()) } else { Ok(reasons) })
    };
    let reasons = inside.until("an Event", told).await?;
    assert_eq!(reasons, ["RedirectHostNotAllowed"]);
    inside.application("notes").await?;
    let told = async || {
        let all = events.list(&ListParams::default()).await?.items;
        let notes: Vec<_> = all.iter().map(|one| (one.reason.clone(), one.note.clone())).collect();
        Ok(if all.len() == 2 { Ok(()) } else { Err(format!("{notes:?}")) })
    };
    inside.until("that it is well now is told too", told).await
}

/// Longer than any watch lasts would take an hour of somebody's life; that nothing is lost shows in seconds.
#[tokio::test(flavor = "multi_thread")]
async fn f05_without_an_api_server_what_was_loaded_is_served_and_what_changed_comes_later() -> Result<()> {
    let mut own = Cluster::start("away")?;
    let inside = Inside::start(&own, "away").await?;
    inside.application("notes").await?;
    let id = format!("{}.notes", inside.tenant);
    own.plane_mut().kill(Part::ApiServer)?;
    own.plane_mut().kill(Part::Etcd)?;
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(inside.serving().clients().contains(&id));
    }
    own.plane_mut().restart(Part::Etcd)?;
    own.plane_mut().restart(Part::ApiServer)?;
    inside.application("later").await?;

    // Stopped in the middle of its connections, it answers nothing and says nothing.
    own.plane_mut().pause(Part::ApiServer)?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(inside.serving().clients().contains(&id));
    own.plane_mut().resume(Part::ApiServer)?;
    inside.objects(Kind::OidcApplication).delete("notes", &DeleteParams::default()).await?;
    let gone = async || {
        let served = inside.serving().clients().contains(&id);
        Ok(if served { Err("served".to_owned()) } else { Ok(()) })
    };
    inside.until("what was deleted afterwards is not served", gone).await
}

/// The largest objects that the schemas permit are judged within the API server's budget for rules.
#[tokio::test(flavor = "multi_thread")]
async fn f27_the_rules_are_within_the_budget_of_the_api_server() -> Result<()> {
    let inside = Inside::new(cluster()?, "budget").await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(inside.admin().clone());
    let ours = definitions.list(&ListParams::default()).await?.items;
    assert_eq!(ours.len(), Kind::ALL.len() + api::RecordKind::ALL.len());
    for definition in ours {
        let conditions = definition.status.and_then(|status| status.conditions).unwrap_or_default();
        let well = |type_: &str| conditions.iter().any(|one| one.type_ == type_ && one.status == "True");
        assert!(well("Established") && !well("NonStructuralSchema"), "{:?}: {conditions:?}", definition.metadata.name);
    }
    let path = "p".repeat(1024 - "https://app.example.com/00".len());
    let uris: Vec<String> = (10..60).map(|number| format!("https://app.example.com/{number}{path}")).collect();
    let mut spec = inside.application_spec();
    spec["redirectURIs"] = json!(uris);
    spec["claims"] = (0..20).map(|number| json!({"name": format!("c{number}"), "value": "v".repeat(256)})).collect();
    inside.apply(Kind::OidcApplication, "largest", spec).await
}

/// Forwards connections, until it is told to let those that there are hang.
async fn proxy(to: std::net::SocketAddr) -> Result<(std::net::SocketAddr, tokio::sync::watch::Sender<bool>)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (hang, hanging) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut hanging = hanging.clone();
            // Those that come later are not meant.
            hanging.mark_unchanged();
            tokio::spawn(async move {
                let Ok(mut server) = tokio::net::TcpStream::connect(to).await else { return };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                    _ = hanging.changed() => std::future::pending().await,
                }
            });
        }
    });
    Ok((address, hang))
}

/// A router forgets a connection: both ends believe in it, and nothing comes.
#[tokio::test(flavor = "multi_thread")]
async fn f03_a_watch_on_a_dead_connection_is_given_up_and_begun_again() -> Result<()> {
    let mut inside = Inside::new(cluster()?, "hanging").await?;
    inside.bind().await?;
    inside.apply(Kind::OidcProvider, "default", inside.provider_spec()).await?;
    let (address, hang) = proxy(inside.api_server().await?).await?;
    inside.start_feed_through(address, 2).await?;
    inside.start_controller(None).await?;
    inside.application("notes").await?;
    hang.send_replace(true);
    inside.apply(Kind::OidcApplication, "later", inside.application_spec()).await?;
    inside.condition(Kind::OidcApplication, "later", "Programmed", "False", "WaitingForServers").await?;
    assert!(inside.tenant_secrets().get_opt("later-oidc").await?.is_none(), "nothing is handed out meanwhile");
    inside.ready(Kind::OidcApplication, "later").await
}

/// A healthy installation, everything at once: nobody reads a warning that was true for a moment.
#[tokio::test(flavor = "multi_thread")]
async fn f53_a_first_installation_warns_of_nothing() -> Result<()> {
    let mut inside = Inside::new(cluster()?, "first").await?;
    inside.bind().await?;
    inside.start_feed().await?;
    inside.start_controller(None).await?;
    inside.apply(Kind::OidcApplication, "notes", inside.application_spec()).await?;
    inside.apply(Kind::OidcProvider, "default", inside.provider_spec()).await?;
    let secret = json!({
        "metadata": {"name": "alice-password"}, "type": "portcullis.dev/user-password", "stringData": {"password": "p w"},
    });
    inside.provider_secrets().create(&PostParams::default(), &serde_json::from_value(secret)?).await?;
    let spec = json!({"authentication": {"passwordSecretRef": {"name": "alice-password"}}});
    inside.apply(Kind::OidcUser, "alice", spec).await?;
    for (kind, name) in [(Kind::OidcProvider, "default"), (Kind::OidcApplication, "notes"), (Kind::OidcUser, "alice")] {
        inside.ready(kind, name).await?;
    }
    for namespace in [&inside.provider, &inside.tenant] {
        let events: Api<Event> = Api::namespaced(inside.admin().clone(), namespace);
        let warnings = events.list(&ListParams::default()).await?.items.into_iter();
        let warnings = warnings.filter(|event| event.type_.as_deref() == Some("Warning"));
        let told: Vec<_> = warnings.filter_map(|event| event.reason).collect();
        // What somebody can do something about may be told: that the application came before its provider, that a
        // machine which is busy keeps everybody waiting.
        let alarming = ["Pending", "NoServers", "KeySecretMissing", "NoActiveKey", "SeedMissing"];
        assert!(!told.iter().any(|reason| alarming.contains(&reason.as_str())), "{told:?}");
    }
    Ok(())
}
