//! What is applied is served, what is changed is changed everywhere, what is gone is gone.

use anyhow::{Context, Result};
use api::{Kind, RecordKind};
use cluster::{Inside, NamespaceKind, cluster, objects, text};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_served_with_the_secret_that_it_was_given() -> Result<()> {
    let inside = Inside::start(cluster()?, "served").await?;
    inside.application("notes").await?;
    inside.ready(Kind::OidcProvider, "default").await?;
    let secret = inside.secret("notes-oidc").await?;
    let (id, value) = (text(&secret, "OIDC_CLIENT_ID"), text(&secret, "OIDC_CLIENT_SECRET"));
    assert_eq!(id, format!("{}.notes", inside.tenant));
    assert!(inside.serving().accepts(&id, &value), "Ready means that it is accepted already");
    assert!(!inside.serving().accepts(&id, "another"));
    assert_eq!(secret.type_.as_deref(), Some("portcullis.dev/client-credentials"));
    let owners = secret.metadata.owner_references.unwrap_or_default();
    assert!(owners.iter().any(|owner| owner.kind == "OidcApplication" && owner.controller == Some(true)), "{owners:?}");
    Ok(())
}

/// The status is a report: whoever writes one decides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn f14_a_status_written_by_hand_is_put_right() -> Result<()> {
    let inside = Inside::start(cluster()?, "status").await?;
    inside.application("notes").await?;
    let objects = inside.objects(Kind::OidcApplication);
    let forged = json!({"status": {"clientID": "team-b.portal", "policyName": "all"}});
    objects.patch_status("notes", &PatchParams::default(), &Patch::Merge(forged)).await?;
    let id = format!("{}.notes", inside.tenant);
    inside
        .until("the status is ours again", async || {
            let found = objects.get("notes").await?.data["status"]["clientID"].clone();
            Ok(if found == id.as_str() { Ok(()) } else { Err(found.to_string()) })
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn f34_a_policy_that_is_withdrawn_ends_service_and_one_that_returns_restores_it() -> Result<()> {
    let inside = Inside::start(cluster()?, "policy").await?;
    inside.application("notes").await?;
    let before = text(&inside.secret("notes-oidc").await?, "OIDC_CLIENT_SECRET");
    let mut spec = inside.provider_spec();
    spec["applicationPolicies"][0]["allowedRedirectHosts"] = json!(["elsewhere.example.org"]);
    inside.apply(Kind::OidcProvider, "default", spec).await?;
    inside.condition(Kind::OidcApplication, "notes", "Accepted", "False", "RedirectHostNotAllowed").await?;
    let gone = async || Ok(if inside.serving().clients().is_empty() { Ok(()) } else { Err("served".to_owned()) });
    inside.until("it is not served any more", gone).await?;
    assert_eq!(text(&inside.secret("notes-oidc").await?, "OIDC_CLIENT_SECRET"), before, "what is mounted stays");

    inside.apply(Kind::OidcProvider, "default", inside.provider_spec()).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    assert_eq!(text(&inside.secret("notes-oidc").await?, "OIDC_CLIENT_SECRET"), before, "and works again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn t_k15_an_application_that_is_created_again_inherits_nothing() -> Result<()> {
    let inside = Inside::start(cluster()?, "again").await?;
    inside.application("notes").await?;
    let before = inside.secret("notes-oidc").await?;
    let id = text(&before, "OIDC_CLIENT_ID");
    inside.objects(Kind::OidcApplication).delete("notes", &DeleteParams::default()).await?;
    let gone = async || Ok(if inside.serving().clients().is_empty() { Ok(()) } else { Err("served".to_owned()) });
    inside.until("the deleted application is not served", gone).await?;
    inside.application("notes").await?;
    let after = inside.secret("notes-oidc").await?;
    assert_ne!(text(&after, "OIDC_CLIENT_SECRET"), text(&before, "OIDC_CLIENT_SECRET"));
    assert!(!inside.serving().accepts(&id, &text(&before, "OIDC_CLIENT_SECRET")));
    assert!(inside.serving().accepts(&id, &text(&after, "OIDC_CLIENT_SECRET")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn t_k05_a_client_id_that_was_given_up_stays_with_its_namespace() -> Result<()> {
    let inside = Inside::start(cluster()?, "names").await?;
    let mut provider = inside.provider_spec();
    provider["applicationPolicies"][0]["customClientIDPrefixes"] = json!(["legacy-"]);
    provider["applicationPolicies"][0]["clientAuthentications"] = json!(["ClientSecret", "None"]);
    inside.apply(Kind::OidcProvider, "default", provider).await?;
    let mut spec = inside.application_spec();
    spec["clientID"] = "legacy-portal".into();
    spec["clientAuthentication"] = json!({"type": "None"});
    inside.apply(Kind::OidcApplication, "notes", spec.clone()).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    inside.objects(Kind::OidcApplication).delete("notes", &DeleteParams::default()).await?;
    let records = inside.records(RecordKind::OidcClientRecord);
    let gone = async || {
        let left = records.list(&ListParams::default()).await?.items.len();
        Ok(if left == 0 { Ok(()) } else { Err(format!("{left} records")) })
    };
    inside.until("its record is gone", gone).await?;

    let settings: Api<ConfigMap> = Api::namespaced(inside.admin().clone(), &inside.provider);
    let payload = async || {
        let data = settings.get("default-record").await?.data.unwrap_or_default();
        anyhow::Ok(serde_json::from_str::<Value>(&data["payload"])?)
    };
    let name = payload().await?["names"]["legacy-portal"].clone();
    assert_eq!(name["namespace"], inside.tenant.as_str(), "it is reserved by the time the record is gone");
    assert!(name["until"].is_i64());
    inside.apply(Kind::OidcApplication, "again", spec).await?;
    inside.ready(Kind::OidcApplication, "again").await?;
    assert_eq!(inside.serving().clients(), ["legacy-portal"]);
    let freed = async || {
        let names = payload().await?["names"].clone();
        Ok(if names.is_null() { Ok(()) } else { Err(names.to_string()) })
    };
    inside.until("it is held again, and reserved no more", freed).await
}

/// Deleted and created again before the controller has looked.
#[tokio::test(flavor = "multi_thread")]
async fn f40_another_object_of_the_same_name_is_another_one() -> Result<()> {
    let mut inside = Inside::start(cluster()?, "batch").await?;
    inside.apply(Kind::OidcApplication, "notes", inside.application_spec()).await?;
    inside.apply(Kind::OidcUser, "alice", json!({})).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    inside.ready(Kind::OidcUser, "alice").await?;
    let before = text(&inside.secret("notes-oidc").await?, "OIDC_CLIENT_SECRET");
    let subject = inside.objects(Kind::OidcUser).get("alice").await?.data["status"]["subject"].clone();
    inside.kill_controller();
    for (kind, name) in [(Kind::OidcApplication, "notes"), (Kind::OidcUser, "alice")] {
        inside.objects(kind).delete(name, &DeleteParams::default()).await?;
    }
    inside.apply(Kind::OidcApplication, "notes", inside.application_spec()).await?;
    inside.apply(Kind::OidcUser, "alice", json!({})).await?;
    inside.start_controller(None).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    inside.ready(Kind::OidcUser, "alice").await?;
    assert_ne!(text(&inside.secret("notes-oidc").await?, "OIDC_CLIENT_SECRET"), before);
    assert_ne!(inside.objects(Kind::OidcUser).get("alice").await?.data["status"]["subject"], subject);
    let one = async || {
        let records = inside.records(RecordKind::OidcClientRecord);
        let count = records.list(&ListParams::default()).await?.items.len();
        Ok(if count == 1 { Ok(()) } else { Err(format!("{count} records")) })
    };
    inside.until("the record of the first one goes", one).await
}

/// Nobody else may write records; where the admission policy is not installed, what somebody wrote is undone.
#[tokio::test(flavor = "multi_thread")]
async fn t_k08_a_record_that_was_altered_is_not_served_and_is_put_right() -> Result<()> {
    let cluster = cluster()?;
    let inside = Inside::start(cluster, "altered").await?;
    inside.application("notes").await?;
    let controller = cluster.client(&cluster::Role::Controller).await?;
    let records = objects::records(&controller, RecordKind::OidcClientRecord, &inside.provider);
    let record = records.list(&ListParams::default()).await?.items.pop().context("a record")?;
    let name = record.metadata.name.context("a name")?;
    let payload = record.data["spec"]["payload"].as_str().unwrap().to_owned();
    let forged = json!({"spec": {"payload": payload.replace("app.example.com", "evil.example.com")}});
    records.patch(&name, &PatchParams::default(), &Patch::Merge(forged)).await?;
    let restored = async || {
        let found = records.get(&name).await?.data["spec"]["payload"].as_str().unwrap_or_default().to_owned();
        Ok(if found == payload { Ok(()) } else { Err(found) })
    };
    inside.until("the record says again what was compiled", restored).await?;
    let served = async || {
        let catalog = inside.serving().catalog().context("a catalog")?;
        let uris = catalog.realms().flat_map(|realm| realm.clients.values()).flat_map(|client| &client.redirect_uris);
        let uris: Vec<_> = uris.map(|uri| uri.as_str().to_owned()).collect();
        assert!(!uris.iter().any(|uri| uri.contains("evil")), "{uris:?}");
        Ok(if uris.len() == 1 { Ok(()) } else { Err(format!("{uris:?}")) })
    };
    inside.until("the application is served again", served).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f42_without_its_provider_an_application_is_refused_and_another_provider_is_another_issuer() -> Result<()> {
    let inside = Inside::start(cluster()?, "orphan").await?;
    inside.application("notes").await?;
    let keys = async || {
        let secrets = inside.provider_secrets();
        Ok::<_, anyhow::Error>(
            secrets.get("default-signing-keys").await?.data.unwrap_or_default().into_keys().collect::<Vec<_>>(),
        )
    };
    let before = (keys().await?, text(&inside.secret("notes-oidc").await?, "OIDC_CLIENT_SECRET"));
    inside.objects(Kind::OidcProvider).delete("default", &DeleteParams::default()).await?;
    inside.condition(Kind::OidcApplication, "notes", "Accepted", "False", "ProviderNotFoundOrNotPermitted").await?;
    let nobody = async || Ok(if inside.serving().clients().is_empty() { Ok(()) } else { Err("served".to_owned()) });
    inside.until("nobody is served", nobody).await?;
    let gone = async || {
        let found = inside.provider_secrets().get_opt("default-signing-keys").await?;
        Ok(if found.is_none() { Ok(()) } else { Err("the signing keys are still there".to_owned()) })
    };
    inside.until("its keys go with it", gone).await?;
    inside.apply(Kind::OidcProvider, "default", inside.provider_spec()).await?;
    inside.ready(Kind::OidcApplication, "notes").await?;
    let after = (keys().await?, text(&inside.secret("notes-oidc").await?, "OIDC_CLIENT_SECRET"));
    assert_ne!(after.0, before.0, "another issuer has other keys");
    assert_ne!(after.1, before.1, "and other secrets");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f38_a_namespace_ends_with_all_of_its_applications() -> Result<()> {
    let cluster = cluster()?;
    let mut inside = Inside::start(cluster, "ending").await?;
    for number in 0..30 {
        inside.apply(Kind::OidcApplication, &format!("a{number}"), inside.application_spec()).await?;
    }
    inside.ready(Kind::OidcApplication, "a29").await?;
    // While nobody looks: nothing holds the namespace up, and what is left over goes once somebody does.
    inside.kill_controller();
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(inside.admin().clone());
    namespaces.delete(&inside.tenant, &DeleteParams::default()).await?;
    let ended =
        async || Ok(if namespaces.get_opt(&inside.tenant).await?.is_none() { Ok(()) } else { Err("there".to_owned()) });
    inside.until("the namespace ends", ended).await?;
    inside.start_controller(None).await?;
    let swept = async || {
        let records = inside.records(RecordKind::OidcClientRecord);
        let count = records.list(&ListParams::default()).await?.items.len();
        Ok(if count == 0 && inside.serving().clients().is_empty() { Ok(()) } else { Err(format!("{count} records")) })
    };
    inside.until("the records go", swept).await
}

#[tokio::test(flavor = "multi_thread")]
async fn t_k01_a_provider_elsewhere_is_nobodys() -> Result<()> {
    let cluster = cluster()?;
    let inside = Inside::start(cluster, "elsewhere").await?;
    let other = cluster.namespace("rogue", NamespaceKind::Provider).await?;
    let rogue = objects::api(inside.admin(), "OidcProvider", "oidcproviders", &other);
    let manifest = objects::manifest("OidcProvider", "default", &inside.provider_spec());
    objects::create(&rogue, &manifest).await?.unwrap();
    inside.application("notes").await?;
    inside.ready(Kind::OidcProvider, "default").await?;
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(inside.admin().clone(), &other);
    assert!(secrets.get_opt("default-seed").await?.is_none(), "no key is made for it");
    Ok(())
}

/// The provider's own record is put back like any other: a slip of somebody's hand costs a moment, not ten minutes.
#[tokio::test(flavor = "multi_thread")]
async fn t_k08_the_record_of_a_provider_is_put_right_at_once() -> Result<()> {
    let inside = Inside::start(cluster()?, "slip").await?;
    inside.application("notes").await?;
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(inside.admin().clone(), &inside.provider);
    let before = maps.get("default-record").await?.data;
    let served = async || {
        let found = maps.get_opt("default-record").await?.and_then(|found| found.data);
        let served = inside.serving().clients().len() == 1;
        Ok(if served && found == before { Ok(()) } else { Err(format!("served: {served}")) })
    };
    maps.delete("default-record", &DeleteParams::default()).await?;
    inside.until("it is back after it was deleted", served).await?;
    for patch in [
        json!({"data": {"mac": "k.forged"}}),
        json!({"data": {"payload": "{}"}}),
        json!({"metadata": {"labels": {"portcullis.dev/provider-record": null}}}),
    ] {
        maps.patch("default-record", &PatchParams::default(), &Patch::Merge(patch)).await?;
        inside.until("it is what it was after it was edited", served).await?;
    }
    Ok(())
}
