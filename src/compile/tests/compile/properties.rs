//! What holds of every world: a bad object hurts itself only, what is served is what one policy allows, and no order shows.

use std::collections::BTreeSet;

use api::{ConditionType, Kind, Reason};
use compile::{Compiled, Inputs, Mode, ObjectRef, Synced, Verdict, compile};
use oidc::catalog::Catalog;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support;

fn object(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    })
}

fn world(documents: &[Value]) -> Inputs {
    let mut inputs = support::empty(Mode::Standalone);
    for (position, document) in documents.iter().enumerate() {
        support::add(&mut inputs, document, position);
    }
    support::equip(&mut inputs);
    inputs
}

fn run(documents: &[Value]) -> Compiled {
    compile(&Synced::after_first_list(world(documents)))
}

/// A subset of a list.
fn some(of: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::sample::subsequence(of.to_vec(), 0..=of.len()).prop_map(|list| json!(list))
}

/// The list, or now and then a subset of it: where everything is random, nothing is ever allowed.
fn mostly(of: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![4 => Just(json!(of)), 1 => some(of)]
}

fn any_policy() -> impl Strategy<Value = Value> {
    let namespaces = prop_oneof![
        Just(json!({"type": "Same"})),
        Just(json!({"type": "All"})),
        Just(json!({"type": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "team-a"}}})),
        Just(
            json!({"type": "Selector", "selector": {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["backend"]}]}})
        ),
    ];
    (
        namespaces,
        mostly(&["a.example", "*.a.example", "b.example"]),
        prop::sample::select(vec!["Denied", "AddressOnly", "IncludingLocalhost"]),
        mostly(&["authorization_code", "refresh_token"]),
        mostly(&["openid", "profile", "email", "groups"]),
        mostly(&["ClientSecret", "None"]),
        mostly(&["Required", "Skip"]),
        mostly(&["legacy-"]),
        prop::sample::select(vec![60, 3600, 7200]),
    )
        .prop_map(|(namespaces, hosts, loopback, grants, scopes, authentications, consent, prefixes, lifetime)| {
            json!({
                "name": "p", "namespaces": namespaces, "allowedRedirectHosts": hosts, "loopbackRedirects": loopback,
                "grantTypes": grants, "scopes": scopes, "clientAuthentications": authentications, "consent": consent,
                "customClientIDPrefixes": prefixes, "maxAccessTokenLifetimeSeconds": lifetime,
            })
        })
}

fn any_provider() -> impl Strategy<Value = Value> {
    prop::collection::vec(any_policy(), 0..4).prop_map(|mut policies| {
        for (index, policy) in policies.iter_mut().enumerate() {
            policy["name"] = format!("p{index}").into();
        }
        object(
            "OidcProvider",
            "identity",
            "default",
            &json!({"issuer": "https://id.example.com", "applicationPolicies": policies}),
        )
    })
}

fn any_application(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let good =
        prop::sample::subsequence(vec!["https://a.example/cb", "https://x.a.example/cb", "http://127.0.0.1/cb"], 1..=2);
    let any = prop::sample::subsequence(
        vec!["https://a.example/cb", "https://evil.example/cb", "http://localhost/cb"],
        1..=2,
    );
    let uris = prop_oneof![2 => good, 1 => any];
    (
        prop::sample::select(vec!["identity", "team-a", "team-b"]),
        prop::sample::select(names),
        uris,
        prop_oneof![4 => some(&["openid", "profile", "groups"]), 1 => some(&["openid", "offline_access"])],
        prop::sample::select(vec!["ClientSecret", "None"]),
        prop::sample::select(vec!["Required", "Skip"]),
        prop::option::weighted(0.3, prop::sample::select(vec!["legacy-x", "legacy-y", "other"])),
        prop::sample::select(vec![60, 3600, 7200]),
        prop::option::weighted(0.3, prop::sample::select(vec!["sre", "ghosts"])),
    )
        .prop_map(|(namespace, name, uris, scopes, authentication, consent, id, lifetime, group)| {
            let mut spec = json!({
                "redirectURIs": uris, "scopes": scopes, "clientAuthentication": {"type": authentication},
                "consent": consent, "accessToken": {"lifetimeSeconds": lifetime},
            });
            if let Some(id) = id {
                spec["clientID"] = id.into();
            }
            if let Some(group) = group {
                spec["userAccess"] = json!({"type": "Groups", "groups": [group]});
            }
            object("OidcApplication", namespace, name, &spec)
        })
}

/// Documents of distinct names.
fn distinct(documents: Vec<Value>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let key = |document: &Value| (document["kind"].to_string(), document["metadata"].to_string());
    documents.into_iter().filter(|document| seen.insert(key(document))).collect()
}

fn surroundings() -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-b", "labels": {"tier": "backend"}}}),
        object("OidcUser", "identity", "alice", &json!({})),
        object("OidcGroup", "identity", "sre", &json!({"members": [{"name": "alice"}]})),
    ]
}

/// Whether one policy allows the whole application, said as plainly as possible.
fn allows(policy: &Value, namespace: &str, spec: &Value) -> bool {
    let has = |list: &Value, item: &str| list.as_array().unwrap().iter().any(|one| one == item);
    let speaks = match policy["namespaces"]["type"].as_str().unwrap() {
        "Same" => namespace == "identity",
        "All" => true,
        _ if policy["namespaces"]["selector"].get("matchLabels").is_some() => namespace == "team-a",
        _ => namespace == "team-b",
    };
    let loopback = policy["loopbackRedirects"].as_str().unwrap();
    let uris = spec["redirectURIs"].as_array().unwrap().iter().all(|uri| match uri.as_str().unwrap() {
        "https://a.example/cb" => has(&policy["allowedRedirectHosts"], "a.example"),
        "https://x.a.example/cb" => has(&policy["allowedRedirectHosts"], "*.a.example"),
        "http://127.0.0.1/cb" => loopback != "Denied",
        "http://localhost/cb" => loopback == "IncludingLocalhost",
        _ => false,
    });
    let lifetime = spec["accessToken"]["lifetimeSeconds"].as_i64().unwrap();
    speaks
        && uris
        && has(&policy["grantTypes"], "authorization_code")
        && spec["scopes"].as_array().unwrap().iter().all(|scope| has(&policy["scopes"], scope.as_str().unwrap()))
        && has(&policy["clientAuthentications"], spec["clientAuthentication"]["type"].as_str().unwrap())
        && (spec["consent"] == "Required" || has(&policy["consent"], "Skip"))
        && (spec["clientID"].is_null()
            || spec["clientID"].as_str().unwrap().starts_with("legacy-")
                && has(&policy["customClientIDPrefixes"], "legacy-"))
        && (lifetime == 3600 || lifetime <= policy["maxAccessTokenLifetimeSeconds"].as_i64().unwrap())
}

/// Reasons that come from what two objects both claim.
fn is_conflict(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ClientIDConflict
            | Reason::SubjectConflict
            | Reason::IssuerConflict
            | Reason::UsernameConflict
            | Reason::AudienceConflict
            | Reason::SecretConflict
    )
}

fn without_conflicts(verdict: &Verdict) -> Vec<(ConditionType, Reason, String, String)> {
    let kept = verdict.diagnostics.iter().filter(|one| !is_conflict(one.reason));
    kept.map(|one| (one.condition, one.reason, one.path.clone(), one.message.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is served, one policy allows as a whole.
    #[test]
    fn t_k02_what_is_served_one_policy_allows(
        provider in any_provider(),
        applications in prop::collection::vec(any_application(&["a", "b", "c"]), 1..5),
    ) {
        let applications = distinct(applications);
        let policies = provider["spec"]["applicationPolicies"].as_array().unwrap().clone();
        let compiled = run(&[surroundings(), vec![provider], applications.clone()].concat());
        for application in &applications {
            let (namespace, name) = (application["metadata"]["namespace"].as_str().unwrap(), application["metadata"]["name"].as_str().unwrap());
            let verdict = &compiled.verdicts[&support::object(Kind::OidcApplication, namespace, name)];
            let spec = &application["spec"];
            let allowing = policies.iter().find(|policy| allows(policy, namespace, spec));
            let offline = spec["scopes"].as_array().unwrap().iter().any(|scope| scope == "offline_access");
            if policies.is_empty() {
                continue;
            }
            let conflict = verdict.diagnostics.iter().any(|one| one.reason == Reason::ClientIDConflict);
            prop_assert_eq!(verdict.accepted(), allowing.is_some() && !offline && !conflict, "{} {:#?}", application, verdict);
            prop_assert_eq!(verdict.served, verdict.accepted());
            if let (compile::Facts::Application(facts), Some(allowing)) = (&verdict.facts, allowing) {
                prop_assert_eq!(facts.policy_name.as_deref(), allowing["name"].as_str(), "the first that allows it");
            }
        }
    }

    /// One more object, good or bad, changes nothing for the others unless both claim a name.
    #[test]
    fn a_bad_object_hurts_itself_only(
        provider in any_provider(),
        applications in prop::collection::vec(any_application(&["a", "b"]), 1..4),
        another in any_application(&["x", "y"]),
        broken in any::<bool>(),
    ) {
        let documents = distinct([surroundings(), vec![provider], applications].concat());
        let before = run(&documents);
        let mut inputs = world(&documents);
        support::add(&mut inputs, &another, documents.len());
        let key = support::key(another["metadata"]["namespace"].as_str().unwrap(), another["metadata"]["name"].as_str().unwrap());
        if broken {
            // As bad as an object can be that somehow got past the door.
            let spec = &mut inputs.applications.get_mut(&key).unwrap().spec;
            spec.redirect_uris = vec!["javascript:alert(1)".into(), "".into()];
            spec.client_id = Some("team-a.a".into());
            spec.display_name = Some("\u{202e}".into());
            spec.claims = serde_json::from_value(json!([{"name": "sub", "value": "x"}])).unwrap();
        }
        let after = compile(&Synced::after_first_list(inputs));
        let added = ObjectRef::new(Kind::OidcApplication, key);
        if broken {
            prop_assert!(!after.verdicts[&added].served);
        }
        for (object, verdict) in &before.verdicts {
            let then = &after.verdicts[object];
            prop_assert_eq!(without_conflicts(then), without_conflicts(verdict), "{}", object);
            if broken {
                prop_assert_eq!(&then.diagnostics, &verdict.diagnostics, "{}", object);
            }
            let conflict = then.diagnostics.iter().any(|one| is_conflict(one.reason));
            prop_assert!(then.served == verdict.served || conflict, "{}", object);
        }
        prop_assert_eq!(after.verdicts.len(), before.verdicts.len() + 1);
    }

    /// What is not served has been told why, and what is served has an account of it in the catalog.
    #[test]
    fn verdicts_and_catalogs_agree(
        provider in any_provider(),
        applications in prop::collection::vec(any_application(&["a", "b", "c"]), 0..5),
    ) {
        let compiled = run(&distinct([surroundings(), vec![provider], applications].concat()));
        let clients: BTreeSet<&str> = compiled
            .catalogs
            .values()
            .flat_map(Catalog::realms)
            .flat_map(|realm| realm.clients.values())
            .map(|client| client.uid.as_str())
            .collect();
        for (object, verdict) in &compiled.verdicts {
            prop_assert!(verdict.served || !verdict.diagnostics.is_empty(), "{} is not served and not told why", object);
            if object.kind == Kind::OidcApplication {
                prop_assert_eq!(verdict.served, clients.contains(verdict.uid.as_ref().unwrap().as_str()), "{}", object);
            }
        }
    }
}

type Change = fn(&mut Inputs);

#[test]
fn equal_worlds_have_equal_digests_and_others_have_not() {
    let policy = json!({
        "name": "all",
        "namespaces": {"type": "All"},
        "allowedRedirectHosts": ["a.example", "b.example"],
        "backchannelLogoutHosts": ["a.example"],
    });
    let settings = json!({"issuer": "https://id.example.com", "applicationPolicies": [policy]});
    let provider = object("OidcProvider", "identity", "default", &settings);
    let application = object(
        "OidcApplication",
        "identity",
        "notes",
        &json!({"redirectURIs": ["https://a.example/cb"], "backchannelLogout": {"uri": "https://a.example/out"}}),
    );
    let documents = [surroundings(), vec![provider, application]].concat();
    let digest = |inputs: &Inputs| {
        let compiled = compile(&Synced::after_first_list(inputs.clone()));
        compiled.catalogs[&support::key("identity", "default")].digest.clone()
    };
    let first = digest(&world(&documents));
    assert_eq!(first, digest(&world(&documents)));
    let application: fn(&mut Inputs) -> &mut api::OidcApplicationSpec =
        |inputs| &mut inputs.applications.values_mut().next().unwrap().spec;
    let changes: [(&str, Change); 13] = [
        ("scopes", |inputs| drop(inputs.applications.values_mut().next().unwrap().spec.scopes.pop())),
        ("attribute", |inputs| {
            inputs.users.values_mut().next().unwrap().spec.attributes.insert("a".to_owned(), "b".into());
        }),
        ("claim", |inputs| inputs.users.values_mut().next().unwrap().spec.email = Some("a@example.com".into())),
        ("membership", |inputs| inputs.groups.values_mut().next().unwrap().spec.members.clear()),
        ("user name", |inputs| inputs.users.values_mut().next().unwrap().spec.username = Some("bob".into())),
        ("UID", |inputs| inputs.applications.values_mut().next().unwrap().metadata.uid = Some("other".to_owned())),
        ("colour", |inputs| {
            "#000000".clone_into(&mut inputs.providers.values_mut().next().unwrap().spec.login.branding.primary_color);
        }),
        ("private addresses", |inputs| {
            let policies = &mut inputs.providers.values_mut().next().unwrap().spec.application_policies;
            policies[0].fetch_private_addresses = api::FetchPrivateAddresses::Allowed;
        }),
        ("session", |inputs| inputs.providers.values_mut().next().unwrap().spec.sessions.idle_seconds = 60),
        ("epoch", |inputs| {
            let uid = oidc::ids::Uid::new("oidcapplication-identity-notes");
            let own = compile::rotation::Rotation::begin(compile::Epoch { generation: 1, epoch: 2 });
            let rotations = compile::rotation::Rotations { own, accounts: [].into(), spent: 0 };
            inputs.rotations.insert(uid, rotations);
        }),
        ("user disabled", |inputs| {
            inputs.users.values_mut().next().unwrap().spec.activation = api::Activation::Disabled;
        }),
        ("application gone", |inputs| inputs.applications.clear()),
        ("keys", |inputs| {
            let material = inputs.materials.values_mut().next().unwrap();
            let mut keys: Vec<_> = material.signing.keys().cloned().collect();
            keys[0].since += 1;
            material.signing = crypto::KeyRing::new(keys).unwrap();
        }),
    ];
    let mut digests = BTreeSet::from([first]);
    for (name, change) in changes {
        let mut inputs = world(&documents);
        change(&mut inputs);
        assert!(digests.insert(digest(&inputs)), "{name} does not show in the digest");
    }
    // Fields of a client, one by one.
    let changes: [fn(&mut api::OidcApplicationSpec); 11] = [
        |spec| spec.display_name = Some("x".into()),
        |spec| spec.redirect_uris.push("https://b.example/cb".into()),
        |spec| spec.pkce = api::Pkce::Optional,
        |spec| spec.groups_claim = api::GroupsClaim::All,
        |spec| spec.id_token.lifetime_seconds = 60,
        |spec| spec.access_token.type_header = api::TypeHeader::Jwt,
        |spec| spec.require_auth_time = true,
        |spec| spec.backchannel_logout.uri = "https://a.example/elsewhere".into(),
        |spec| spec.backchannel_logout.session_required = false,
        |spec| spec.default_max_age_seconds = Some(0),
        |spec| spec.claims = serde_json::from_value(json!([{"name": "K", "value": "V"}])).unwrap(),
    ];
    for change in changes {
        let mut inputs = world(&documents);
        change(application(&mut inputs));
        assert!(digests.insert(digest(&inputs)));
    }
}
