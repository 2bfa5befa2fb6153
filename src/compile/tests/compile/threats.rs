//! Attacks that the compilation stops (T-K: by somebody who may edit objects of one namespace).

use api::{Kind, Reason};
use compile::names::Name;
use compile::{Compiled, Inputs, Mode, Synced, admit, compile};
use oidc::claims::StandardClaim;
use oidc::client::{ConsentMode, Pkce};
use oidc::ids::Uid;
use serde_json::{Value, json};

use crate::support;
use crate::worlds::{application, clients, merge, notes, object, policy, provider, reasons, run, verdict, world};

/// What comes of the application `team-a/notes` under the policies.
fn check(policies: &Value, notes_spec: &Value, expect: &[Reason]) {
    let compiled = run(&world(&[provider(policies), application("team-a", "notes", notes_spec)]));
    assert_eq!(reasons(notes(&compiled)), expect, "{notes_spec} under {policies}: {:#?}", notes(&compiled).diagnostics);
    assert_eq!(clients(&compiled).contains_key("team-a.notes"), expect.is_empty(), "{notes_spec}");
}

/// Of what is reserved there is one list, for the schema and for the compilation: what one admits and the other refuses is
/// either a surprise or a hole.
#[test]
fn protocol_and_standard_names_are_reserved() {
    let standard = StandardClaim::ALL.iter().map(|claim| claim.as_str());
    for name in standard.chain(["sub", "aud", "groups", "email_verified", "client_id"]) {
        assert!(api::RESERVED_CLAIMS.contains(&name), "{name}");
    }
    assert!(!api::RESERVED_CLAIMS.contains(&"department"));
}

#[test]
fn t_k01_a_provider_with_the_url_of_another_is_not_served() {
    let mut forged =
        provider(&json!([{"name": "mine", "namespaces": {"type": "All"}, "allowedRedirectHosts": ["*.evil.example"]}]));
    forged["metadata"]["namespace"] = "team-a".into();
    let compiled = run(&world(&[provider(&json!([])), forged]));
    let verdict = verdict(&compiled, Kind::OidcProvider, "team-a", "default");
    assert_eq!(reasons(verdict), [Reason::IssuerConflict]);
    assert!(!verdict.served);
    assert_eq!(compiled.catalogs.keys().collect::<Vec<_>>(), [&support::key("identity", "default")]);
}

#[test]
fn t_k02_a_provider_that_did_not_invite_the_namespace_stays_closed() {
    check(&json!([]), &json!({}), &[Reason::ProviderNotFoundOrNotPermitted]);
    let other = json!({"namespaces": {"type": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "team-b"}}}});
    check(&json!([policy(&other)]), &json!({}), &[Reason::ProviderNotFoundOrNotPermitted]);
    check(
        &json!([policy(&json!({"namespaces": {"type": "Same"}}))]),
        &json!({}),
        &[Reason::ProviderNotFoundOrNotPermitted],
    );
    check(&json!([policy(&json!({}))]), &json!({}), &[]);
}

#[test]
fn t_k02_allowances_of_two_policies_do_not_add_up() {
    let hosts = policy(&json!({"name": "hosts", "scopes": ["openid"]}));
    let consent =
        policy(&json!({"name": "consent", "allowedRedirectHosts": ["only.example.com"], "consent": ["Skip"]}));
    check(
        &json!([hosts, consent]),
        &json!({"scopes": ["openid"], "consent": "Skip"}),
        &[Reason::ConsentSkipNotAllowed],
    );
    let both = policy(&json!({"name": "both", "consent": ["Skip"]}));
    check(&json!([hosts, consent, both]), &json!({"scopes": ["openid"], "consent": "Skip"}), &[]);
}

#[test]
fn t_k03_labels_of_the_application_match_no_policy() {
    let by_tier =
        policy(&json!({"namespaces": {"type": "Selector", "selector": {"matchLabels": {"tier": "trusted"}}}}));
    let mut crafted = application("team-a", "notes", &json!({}));
    crafted["metadata"]["labels"] = json!({"tier": "trusted", "kubernetes.io/metadata.name": "identity"});
    let compiled = run(&world(&[provider(&json!([by_tier])), crafted]));
    assert_eq!(reasons(notes(&compiled)), [Reason::ProviderNotFoundOrNotPermitted]);
}

#[test]
fn t_k04_redirect_hosts_of_others_are_refused() {
    let policies = json!([policy(&json!({}))]);
    for uri in [
        "https://notes.team-b.example.com/callback",
        "https://team-a.example.com/callback",
        "https://a.b.team-a.example.com/callback",
        "https://notes.team-a.example.com.evil.example/callback",
        "https://evilteam-a.example.com/callback",
        "https://localhost/callback",
    ] {
        check(&policies, &json!({"redirectURIs": [uri]}), &[Reason::RedirectHostNotAllowed]);
    }
    for uri in ["http://127.0.0.1/cb", "http://[::1]:9/cb", "http://localhost/cb"] {
        check(&policies, &json!({"redirectURIs": [uri]}), &[Reason::LoopbackNotAllowed]);
    }
    let native = json!({"redirectURIs": ["com.evil.app:/cb"], "applicationType": "Native"});
    check(&policies, &native, &[Reason::PrivateUseSchemeNotAllowed]);
    // Another bad address beside a good one.
    let two = json!({"redirectURIs": ["https://notes.team-a.example.com/callback", "https://evil.example/callback"]});
    check(&policies, &two, &[Reason::RedirectHostNotAllowed]);
}

#[test]
fn t_k04_addresses_that_read_differently_are_refused_at_the_door() {
    for uri in [
        "https://notes.team-a.example.com@evil.example/callback",
        "https://notes.team-a.example.com\\@evil.example/callback",
        "https://notes.team-a.example.com#evil.example/callback",
        "https://notes.team-a.example.com/../callback",
        "https://*.team-a.example.com/callback",
        "https://NOTES.team-a.example.com/callback",
        "javascript:alert(1)",
        "https://notes.team-a.example.com:99999/callback",
        "//notes.team-a.example.com/callback",
    ] {
        let document = application("team-a", "notes", &json!({"redirectURIs": [uri]}));
        let errors = admit(document).expect_err(uri);
        assert!(errors.iter().any(|error| error.path == "spec.redirectURIs[0]"), "{uri}: {errors:?}");
    }
}

/// A stored object may be older than the schema that would refuse it today.
#[test]
fn t_k04_addresses_that_were_stored_before_are_refused_too() {
    let mut inputs = world(&[provider(&json!([policy(&json!({}))])), application("team-a", "notes", &json!({}))]);
    let application = inputs.applications.get_mut(&support::key("team-a", "notes")).unwrap();
    for uri in
        ["https://notes.team-a.example.com@evil.example/", "javascript:alert(1)", "https://*.team-a.example.com/"]
    {
        application.spec.redirect_uris = vec![uri.into()];
        let compiled = compile(&Synced::after_first_list(Inputs {
            applications: [(support::key("team-a", "notes"), application.clone())].into(),
            providers: inputs.providers.clone(),
            materials: inputs.materials.clone(),
            ..support::empty(Mode::Standalone)
        }));
        assert_eq!(reasons(notes(&compiled)), [Reason::UnsupportedValue], "{uri}");
        assert!(clients(&compiled).is_empty());
    }
}

#[test]
fn t_k05_the_client_id_of_another_cannot_be_claimed() {
    let granting = policy(&json!({"namespaces": {"type": "All"}, "customClientIDPrefixes": ["legacy-"]}));
    let custom = |id: &str| json!({"clientID": id});
    // Not granted, whatever it looks like.
    check(&json!([policy(&json!({}))]), &custom("portal"), &[Reason::ClientIDNotAllowed]);
    check(&json!([granting]), &custom("portal"), &[Reason::ClientIDNotAllowed]);
    // A derived shape is refused at the door, and again if it was stored before.
    let errors = admit(application("team-a", "notes", &custom("team-b.portal"))).unwrap_err();
    assert!(errors.iter().all(|error| error.path == "spec.clientID"), "{errors:?}");
    let all = policy(&json!({"customClientIDPrefixes": ["t"]}));
    let mut inputs = world(&[provider(&json!([all])), application("team-a", "notes", &json!({}))]);
    let stored = inputs.applications.values_mut().next().unwrap();
    stored.spec.client_id = Some("team-b.portal".into());
    assert_eq!(reasons(notes(&run(&inputs))), [Reason::ClientIDNotAllowed]);
    // Of two that may ask, the older holds; the other does not learn whose it is.
    let holder = application("team-b", "portal", &custom("legacy-portal"));
    let compiled =
        run(&world(&[provider(&json!([granting])), holder, application("team-a", "notes", &custom("legacy-portal"))]));
    assert_eq!(reasons(notes(&compiled)), [Reason::ClientIDConflict]);
    assert!(!notes(&compiled).diagnostics[0].message.contains("team-b"));
    assert_eq!(clients(&compiled)["legacy-portal"].namespace, "team-b");
}

#[test]
fn t_k05_what_a_namespace_gave_up_is_kept_for_it() {
    let granting = policy(&json!({"namespaces": {"type": "All"}, "customClientIDPrefixes": ["legacy-"]}));
    let mut provider = provider(&json!([granting]));
    provider["spec"]["resourcePolicies"] =
        json!([{"name": "apis", "namespaces": {"type": "All"}, "allowedAudienceHosts": ["*.api.example.com"]}]);
    let audience = "https://orders.api.example.com";
    let mut inputs = world(&[
        provider,
        object("OidcUser", "identity", "alice", &json!({"subject": "legacy-portal"})),
        application("team-a", "notes", &json!({"clientID": "legacy-portal"})),
        object("OidcResource", "team-a", "orders", &json!({"audience": audience})),
        application("team-b", "portal", &json!({"clientID": "legacy-portal"})),
        object("OidcResource", "team-b", "orders", &json!({"audience": audience})),
    ]);
    let name = |until| Name { namespace: "team-b".to_owned(), uid: Uid::new("gone"), until };
    let names = [("legacy-portal".to_owned(), name(Some(1))), (audience.to_owned(), name(None))];
    inputs.names.insert(support::key("identity", "default"), names.into());
    let compiled = run(&inputs);
    assert_eq!(reasons(notes(&compiled)), [Reason::ClientIDConflict]);
    assert!(notes(&compiled).diagnostics[0].message.contains("for an hour"));
    assert_eq!(reasons(verdict(&compiled, Kind::OidcUser, "identity", "alice")), [Reason::SubjectConflict]);
    let resource = |namespace| reasons(verdict(&compiled, Kind::OidcResource, namespace, "orders"));
    assert_eq!((resource("team-a"), resource("team-b")), (vec![Reason::AudienceConflict], vec![]));
    assert_eq!(clients(&compiled)["legacy-portal"].namespace, "team-b");
    let held = &compiled.names[&support::key("identity", "default")];
    assert_eq!(held.client_ids["legacy-portal"].namespace, "team-b");
    assert_eq!(held.audiences[audience].namespace, "team-b");
}

#[test]
fn t_k06_references_never_leave_the_namespace() {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chosen", "namespace": "team-b"},
        "type": "portcullis.dev/client-secret-input", "stringData": {"client-secret": "0123456789abcdef0123456789abcdef"},
    });
    let allowing = json!([policy(&json!({"secretReferences": "Allowed"}))]);
    let by_reference = |name: &str| json!({"clientAuthentication": {"clientSecret": {"source": "Reference", "reference": {"name": name}}}});
    let compiled = run(&world(&[provider(&allowing), secret, application("team-a", "notes", &by_reference("chosen"))]));
    assert_eq!(reasons(notes(&compiled)), [Reason::SecretNotFoundOrWrongType]);
    for name in ["team-b/chosen", "../team-b/chosen", "chosen%2f"] {
        assert!(admit(application("team-a", "notes", &by_reference(name))).is_err(), "{name}");
    }
    let with_namespace = json!({"clientAuthentication": {"clientSecret": {"source": "Reference", "reference": {"name": "chosen", "namespace": "team-b"}}}});
    assert!(admit(application("team-a", "notes", &with_namespace)).is_err());
}

#[test]
fn t_k07_a_secret_of_another_type_is_neither_used_nor_told_from_none() {
    let allowing = json!([policy(&json!({"secretReferences": "Allowed"}))]);
    let notes_spec =
        json!({"clientAuthentication": {"clientSecret": {"source": "Reference", "reference": {"name": "chosen"}}}});
    let secret = |type_: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chosen", "namespace": "team-a"},
            "type": type_, "stringData": {"client-secret": "0123456789abcdef0123456789abcdef"},
        })
    };
    let without = run(&world(&[provider(&allowing), application("team-a", "notes", &notes_spec)]));
    for type_ in ["Opaque", "kubernetes.io/service-account-token", "portcullis.dev/user-password"] {
        let with = run(&world(&[provider(&allowing), secret(type_), application("team-a", "notes", &notes_spec)]));
        assert_eq!(notes(&with).diagnostics, notes(&without).diagnostics, "{type_}");
        assert!(clients(&with).is_empty());
    }
    // Of the right type it is used, and its value goes nowhere.
    let right = run(&world(&[
        provider(&allowing),
        secret("portcullis.dev/client-secret-input"),
        application("team-a", "notes", &notes_spec),
    ]));
    assert!(notes(&right).ready());
    let written = &right.credentials[&support::key("team-a", "notes-oidc")].data;
    assert!(!written.contains_key("OIDC_CLIENT_SECRET"));
    assert!(written.values().all(|value| !value.expose().contains("0123456789abcdef")));
    // Without leave of the policy nothing is looked up.
    let denied = run(&world(&[provider(&json!([policy(&json!({}))])), application("team-a", "notes", &notes_spec)]));
    assert_eq!(reasons(notes(&denied)), [Reason::SecretReferenceNotAllowed]);
}

#[test]
fn t_k09_a_secret_of_somebody_else_is_not_overwritten() {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "database", "namespace": "team-a"},
        "stringData": {"password": "x"},
    });
    let notes_spec = json!({"clientAuthentication": {"clientSecret": {"target": {"name": "database"}}}});
    let compiled =
        run(&world(&[provider(&json!([policy(&json!({}))])), secret, application("team-a", "notes", &notes_spec)]));
    assert_eq!(reasons(notes(&compiled)), [Reason::SecretConflict]);
    assert!(compiled.credentials.is_empty());
}

#[test]
fn t_k10_labels_that_steer_other_controllers_are_refused() {
    let target = |field: &str, key: &str| json!({"clientAuthentication": {"clientSecret": {"target": {"metadata": {field: {key: "x"}}}}}});
    for (field, key) in [
        ("annotations", "kubernetes.io/service-account.name"),
        ("labels", "argocd.argoproj.io/secret-type"),
        ("labels", "portcullis.dev/application-uid"),
        ("annotations", "x.k8s.io/y"),
    ] {
        assert!(admit(application("team-a", "notes", &target(field, key))).is_err(), "{key}");
        // And if it was stored before.
        let mut inputs = world(&[provider(&json!([policy(&json!({}))])), application("team-a", "notes", &json!({}))]);
        let stored = inputs.applications.values_mut().next().unwrap();
        let secret = stored.spec.client_authentication.client_secret.get_or_insert_default();
        match field {
            "labels" => drop(secret.target.metadata.labels.insert(key.to_owned(), "x".into())),
            _ => drop(secret.target.metadata.annotations.insert(key.to_owned(), "x".into())),
        }
        let compiled = run(&inputs);
        assert_eq!(reasons(notes(&compiled)), [Reason::UnsupportedValue], "{key}");
        assert!(compiled.credentials.is_empty());
    }
    // The type of the Secret cannot be said at all.
    let typed =
        json!({"clientAuthentication": {"clientSecret": {"target": {"type": "kubernetes.io/service-account-token"}}}});
    assert!(admit(application("team-a", "notes", &typed)).is_err());
}

#[test]
fn t_k11_users_and_groups_of_a_tenant_are_nobody() {
    let compiled = run(&world(&[
        provider(&json!([policy(&json!({}))])),
        application("team-a", "notes", &json!({"userAccess": {"type": "Groups", "groups": ["admins"]}})),
        object("OidcGroup", "identity", "admins", &json!({"members": []})),
        object("OidcUser", "team-a", "mallory", &json!({})),
        object("OidcGroup", "team-a", "admins", &json!({"members": [{"name": "mallory"}]})),
    ]));
    let realm = compiled.catalogs[&support::key("identity", "default")].realms().next().unwrap();
    assert!(realm.accounts.by_username("mallory").is_none());
    assert_eq!(realm.accounts.iter().count(), 0);
    assert!(!verdict(&compiled, Kind::OidcUser, "team-a", "mallory").served);
    // Nobody becomes a member of another group by giving theirs its value.
    let compiled = run(&world(&[
        provider(&json!([])),
        object("OidcUser", "identity", "mallory", &json!({})),
        object("OidcGroup", "identity", "admins", &json!({})),
        object("OidcGroup", "identity", "interns", &json!({"claimValue": "admins", "members": [{"name": "mallory"}]})),
    ]));
    assert_eq!(reasons(verdict(&compiled, Kind::OidcGroup, "identity", "interns")), [Reason::UnsupportedValue]);
    let realm = compiled.catalogs[&support::key("identity", "default")].realms().next().unwrap();
    assert!(realm.accounts.by_username("mallory").unwrap().groups.is_empty());
    for value in ["system:masters", "System:masters"] {
        let group = object("OidcGroup", "identity", "admins", &json!({"claimValue": "x"}));
        let mut inputs = world(&[provider(&json!([])), group]);
        inputs.groups.values_mut().next().unwrap().spec.claim_value = Some(value.into());
        let compiled = run(&inputs);
        assert_eq!(reasons(verdict(&compiled, Kind::OidcGroup, "identity", "admins")), [Reason::UnsupportedValue]);
    }
}

#[test]
fn t_k12_consent_is_skipped_only_by_leave_and_never_by_native_applications() {
    let skip = json!({"consent": "Skip"});
    check(&json!([policy(&json!({}))]), &skip, &[Reason::ConsentSkipNotAllowed]);
    let allowing = json!([policy(&json!({"consent": ["Required", "Skip"], "loopbackRedirects": "AddressOnly"}))]);
    check(&allowing, &skip, &[]);
    let mut inputs = world(&[provider(&allowing), application("team-a", "notes", &skip)]);
    let stored = inputs.applications.values_mut().next().unwrap();
    stored.spec.application_type = api::ApplicationType::Native;
    assert_eq!(clients(&run(&inputs))["team-a.notes"].consent, ConsentMode::Required);
}

#[test]
fn t_p09_a_public_client_always_needs_pkce() {
    let public = json!({"clientAuthentication": {"type": "None"}});
    let mut inputs = world(&[provider(&json!([policy(&json!({}))])), application("team-a", "notes", &public)]);
    inputs.applications.values_mut().next().unwrap().spec.pkce = api::Pkce::Optional;
    let client = &clients(&run(&inputs))["team-a.notes"];
    assert!(client.is_public());
    assert_eq!(client.pkce, Pkce::Required);
}

#[test]
fn t_k13_an_audience_belongs_to_one_api_and_to_nothing_else() {
    let mut provider = provider(&json!([policy(&json!({"customClientIDPrefixes": ["https://"]}))]));
    provider["spec"]["resourcePolicies"] = json!([
        {"name": "apis", "namespaces": {"type": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "team-b"}}},
         "allowedAudienceHosts": ["*.api.example.com", "id.example.com"]},
    ]);
    let orders = |namespace: &str, name: &str, audience: &str| {
        object("OidcResource", namespace, name, &json!({"audience": audience}))
    };
    let compiled = run(&world(&[
        provider,
        // Not permitted: it cannot hold what it registered first.
        orders("team-a", "squatter", "https://orders.api.example.com"),
        orders("team-b", "orders", "https://orders.api.example.com"),
        orders("team-b", "again", "https://orders.api.example.com"),
        // Tokens for the issuer open userinfo.
        orders("team-b", "issuer", "https://id.example.com/oidc"),
        // A client ID is an audience too, where an application wants it so.
        application(
            "team-a",
            "notes",
            &json!({"clientID": "https://orders.api.example.com", "accessToken": {"defaultAudience": "ClientID"}}),
        ),
    ]));
    let of = |namespace, name| reasons(verdict(&compiled, Kind::OidcResource, namespace, name));
    assert_eq!(of("team-a", "squatter"), [Reason::ProviderNotFoundOrNotPermitted]);
    assert_eq!(of("team-b", "orders"), []);
    assert_eq!(of("team-b", "again"), [Reason::AudienceConflict]);
    assert_eq!(of("team-b", "issuer"), [Reason::AudienceConflict]);
    assert_eq!(reasons(notes(&compiled)), [Reason::ClientIDConflict]);
}

/// Keys are kept until the longest token of the provider has ended, and a revocation is complete by then: the owner of an
/// API can shorten that for its tokens, and not prolong it.
#[test]
fn t_k13_an_api_sets_no_lifetime_above_the_provider_or_the_policy() {
    for (own, provider_seconds, policy_seconds, expect) in [
        (Some(7200), 1200, 3600, 1200),
        (Some(7200), 3600, 1800, 1800),
        (Some(300), 1200, 1800, 300),
        (None, 1200, 3600, 1200),
    ] {
        let mut provider = provider(&json!([policy(&json!({"maxAccessTokenLifetimeSeconds": policy_seconds}))]));
        provider["spec"]["tokens"] = json!({"accessTokenLifetimeSeconds": provider_seconds});
        provider["spec"]["resourcePolicies"] =
            json!([{"name": "apis", "namespaces": {"type": "All"}, "allowedAudienceHosts": ["*.api.example.com"]}]);
        let mut orders = object(
            "OidcResource",
            "team-a",
            "orders",
            &json!({
                "audience": "https://orders.api.example.com", "scopes": [{"name": "orders.read"}],
                "allowedClients": [{"name": "notes", "scopes": ["orders.read"]}],
            }),
        );
        if let Some(own) = own {
            orders["spec"]["accessTokenLifetimeSeconds"] = own.into();
        }
        let asks = json!({"resources": [{"resourceRef": {"name": "orders"}, "scopes": ["orders.read"]}]});
        let compiled = run(&world(&[provider, orders, application("team-a", "notes", &asks)]));
        let found = clients(&compiled)["team-a.notes"].resources[0].lifetime_seconds;
        assert_eq!(found, expect, "{own:?} under {provider_seconds} and {policy_seconds}");
    }
}

#[test]
fn t_k15_a_name_used_again_inherits_nothing() {
    let documents = [
        provider(&json!([policy(&json!({}))])),
        application("team-a", "notes", &json!({})),
        object("OidcUser", "identity", "alice", &json!({})),
    ];
    let first = run(&world(&documents));
    let again = run(&world(&documents.map(|mut document| {
        document["metadata"]["uid"] = format!("again-{}", document["kind"].as_str().unwrap()).into();
        document
    })));
    let secret = |compiled: &Compiled| {
        compiled.credentials[&support::key("team-a", "notes-oidc")].data["OIDC_CLIENT_SECRET"].expose().clone()
    };
    assert_ne!(secret(&first), secret(&again));
    let subject = |compiled: &Compiled| {
        let realm = compiled.catalogs[&support::key("identity", "default")].realms().next().unwrap();
        realm.accounts.by_username("alice").unwrap().subject.clone()
    };
    assert_ne!(subject(&first), subject(&again));
}

#[test]
fn t_k16_sizes_are_bounded_at_the_door() {
    let many = |count: usize| {
        (0..count).map(|n| format!("https://notes.team-a.example.com/{n}").into()).collect::<Vec<Value>>()
    };
    assert!(admit(application("team-a", "notes", &json!({"redirectURIs": many(50)}))).is_ok());
    assert!(admit(application("team-a", "notes", &json!({"redirectURIs": many(51)}))).is_err());
    let long = format!("https://notes.team-a.example.com/{}", "a".repeat(1024));
    assert!(admit(application("team-a", "notes", &json!({"redirectURIs": [long]}))).is_err());
}

/// A record that etcd does not take is never written: servers would go on with the one before, for ever.
#[test]
fn t_k16_an_application_that_fits_into_no_record_is_refused() {
    let claims = |count: usize, value: &str| {
        let claim = |n| json!({"name": format!("c{n}"), "value": value, "targets": ["AccessToken"]});
        (0..count).map(claim).collect::<Vec<Value>>()
    };
    let accounts = |count: usize| (0..count).map(|n| json!({"name": format!("a{n}")})).collect::<Vec<Value>>();
    let long = "a".repeat(1000);
    let policies = json!([policy(&json!({}))]);
    for (count, value, accounts_of_it, fits) in [
        (50, long.clone(), 0, true),
        (50, long.clone(), 17, true),
        (50, long, 32, false),
        // What is escaped where it is stored counts for what it becomes.
        (50, "\u{1}".repeat(1000), 2, false),
        (50, "&".repeat(1000), 3, false),
    ] {
        let spec = json!({"claims": claims(count, &value), "programmaticAccess": accounts(accounts_of_it)});
        let documents =
            [provider(&policies), application("team-a", "notes", &spec), application("team-a", "b", &json!({}))];
        let compiled = run(&world(&documents));
        assert_eq!(notes(&compiled).served, fits, "{:?}", notes(&compiled).diagnostics);
        assert_eq!(clients(&compiled).len(), if fits { accounts_of_it + 2 } else { 1 }, "it is not served by halves");
        assert_eq!(compiled.credentials.len(), clients(&compiled).len());
        let mut review = support::empty(Mode::Check);
        documents.iter().enumerate().for_each(|(n, document)| support::add(&mut review, document, n));
        for verdict in [notes(&compiled), notes(&run(&review))] {
            let found: Vec<_> = verdict.diagnostics.iter().map(|one| (one.reason, one.path.as_str())).collect();
            let expect = (!fits).then_some((Reason::UnsupportedValue, "spec.programmaticAccess"));
            assert_eq!(found, expect.into_iter().collect::<Vec<_>>());
        }
    }
}

/// The keys of an issuer of its own travel in the record, too.
#[test]
fn t_k16_room_is_kept_for_the_keys_of_an_issuer() {
    let claim = |n| json!({"name": format!("c{n}"), "value": "a".repeat(1000), "targets": ["AccessToken"]});
    let account = |n| json!({"name": format!("a{n}")});
    let mut spec = json!({
        "claims": (0..50).map(claim).collect::<Value>(), "programmaticAccess": (0..17).map(account).collect::<Value>(),
    });
    let policies = json!([policy(&json!({"dedicatedIssuerHosts": ["*.team-a.id.example.com"]}))]);
    let mut check = |more: Value, expect: &[Reason]| {
        merge(&mut spec, &more);
        let mut review = support::empty(Mode::Check);
        support::add(&mut review, &provider(&policies), 0);
        support::add(&mut review, &application("team-a", "notes", &spec), 1);
        assert_eq!(reasons(notes(&run(&review))), expect);
    };
    check(json!({}), &[]);
    check(json!({"issuer": {"host": "notes.team-a.id.example.com"}}), &[Reason::UnsupportedValue]);
}

#[test]
fn t_k16_a_person_who_fits_into_no_record_is_refused() {
    let mut documents = vec![provider(&json!([])), object("OidcUser", "identity", "bob", &json!({}))];
    documents.push(object("OidcUser", "identity", "alice", &json!({"attributes": {"department": "R&D"}})));
    for n in 0..4200 {
        let spec = json!({"claimValue": format!("{n:0>250}"), "members": [{"name": "alice"}]});
        documents.push(object("OidcGroup", "identity", &format!("g{n}"), &spec));
    }
    let mut inputs = world(&documents);
    let of = |inputs: &Inputs, name| {
        let compiled = run(inputs);
        let verdict = verdict(&compiled, Kind::OidcUser, "identity", name);
        let realm = compiled.catalogs[&support::key("identity", "default")].realms().next().unwrap();
        (reasons(verdict), realm.accounts.by_username(name).is_some())
    };
    assert_eq!(of(&inputs, "alice"), (vec![Reason::UnsupportedValue], false));
    assert_eq!(of(&inputs, "bob"), (vec![], true));
    for n in 0..500 {
        inputs.groups.remove(&support::key("identity", &format!("g{n}")));
    }
    assert_eq!(of(&inputs, "alice"), (vec![], true));
    // More than the schema admits today, but possibly not yesterday.
    let alice = inputs.users.get_mut(&support::key("identity", "alice")).unwrap();
    alice.spec.attributes.insert("more".to_owned(), "&".repeat(200_000).into());
    assert_eq!(of(&inputs, "alice"), (vec![Reason::UnsupportedValue], false));
}

/// The table of names is one object, and who fills it up keeps the provider from ever changing again.
#[test]
fn t_k16_audiences_are_as_many_as_can_be_remembered() {
    let mut provider = provider(&json!([]));
    provider["spec"]["resourcePolicies"] =
        json!([{"name": "apis", "namespaces": {"type": "All"}, "allowedAudienceHosts": ["*.api.example.com"]}]);
    let mut documents = vec![provider];
    for n in 0..130 {
        let spec = json!({"audience": format!("https://a{n}.api.example.com")});
        documents.push(object("OidcResource", "team-a", &format!("r{n}"), &spec));
    }
    documents.push(object("OidcResource", "team-b", "r", &json!({"audience": "https://b.api.example.com"})));
    let compiled = run(&world(&documents));
    let of = |namespace, name: &str| reasons(verdict(&compiled, Kind::OidcResource, namespace, name));
    assert_eq!(of("team-a", "r127"), []);
    assert_eq!(
        (of("team-a", "r128"), of("team-a", "r129")),
        (vec![Reason::UnsupportedValue], vec![Reason::UnsupportedValue])
    );
    assert_eq!(of("team-b", "r"), [], "another namespace is not concerned");
    assert_eq!(compiled.names[&support::key("identity", "default")].audiences.len(), 129);
}

/// Whatever an application asks of a provider that does not permit it, it learns no more than of one that is not there.
#[test]
fn t_k18_missing_and_forbidden_look_alike() {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chosen", "namespace": "team-a"},
        "type": "portcullis.dev/client-secret-input", "stringData": {"client-secret": "0123456789abcdef0123456789abcdef"},
    });
    for spec in [
        json!({}),
        json!({"userAccess": {"type": "Groups", "groups": ["sre", "ghosts"]}}),
        json!({"idToken": {"signingAlgorithm": "ES384"}}),
        json!({"consent": "Skip", "clientID": "legacy-portal", "redirectURIs": ["https://evil.example/"]}),
        json!({"accessToken": {"lifetimeSeconds": 86400}}),
        json!({"clientAuthentication": {"clientSecret": {"source": "Reference", "reference": {"name": "chosen"}}}}),
    ] {
        let mut spec = spec;
        spec["providerRef"] = json!({"name": "default", "namespace": "identity"});
        let notes_document = application("team-a", "notes", &spec);
        let holder = application("identity", "holder", &json!({"clientID": "legacy-portal"}));
        let forbidding =
            provider(&json!([policy(&json!({"namespaces": {"type": "Same"}, "customClientIDPrefixes": ["legacy-"]}))]));
        let group = object("OidcGroup", "identity", "sre", &json!({}));
        let resource =
            object("OidcResource", "team-a", "orders", &json!({"audience": "https://orders.api.example.com"}));
        let missing = run(&world(&[secret.clone(), resource.clone(), notes_document.clone()]));
        let forbidden = run(&world(&[forbidding, holder, group, secret.clone(), resource, notes_document]));
        let look = |compiled: &Compiled| {
            let resource = verdict(compiled, Kind::OidcResource, "team-a", "orders");
            (notes(compiled).clone(), resource.clone())
        };
        assert_eq!(look(&missing), look(&forbidden), "{spec}");
        assert_eq!(reasons(notes(&missing)), [Reason::ProviderNotFoundOrNotPermitted]);
    }
}

#[test]
fn t_k18_policies_for_other_namespaces_are_not_mentioned() {
    let other = policy(&json!({
        "name": "secret-project",
        "namespaces": {"type": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "team-b"}}},
        "allowedRedirectHosts": ["evil.example"],
    }));
    let compiled = run(&world(&[
        provider(&json!([other, policy(&json!({}))])),
        application("team-a", "notes", &json!({"redirectURIs": ["https://evil.example/cb"]})),
    ]));
    assert_eq!(reasons(notes(&compiled)), [Reason::RedirectHostNotAllowed]);
    assert!(!notes(&compiled).diagnostics[0].message.contains("secret-project"));
}

#[test]
fn t_k19_names_that_disguise_are_refused_even_if_they_were_stored_before() {
    for name in ["Bank\u{202e}moc.elpmaxe", "Ba\u{200b}nk", "Bank\n"] {
        assert!(admit(application("team-a", "notes", &json!({"displayName": name}))).is_err(), "{name:?}");
        let mut inputs = world(&[provider(&json!([policy(&json!({}))])), application("team-a", "notes", &json!({}))]);
        inputs.applications.values_mut().next().unwrap().spec.display_name = Some(name.into());
        let compiled = run(&inputs);
        assert_eq!(reasons(notes(&compiled)), [Reason::UnsupportedValue], "{name:?}");
    }
    // Whatever the name, the page can show whose it is.
    let compiled = run(&world(&[
        provider(&json!([policy(&json!({}))])),
        application("team-a", "notes", &json!({"displayName": "Bank"})),
    ]));
    let client = &clients(&compiled)["team-a.notes"];
    assert_eq!((client.namespace.as_str(), client.name.as_str()), ("team-a", "notes"));
}

#[test]
fn t_k19_links_on_our_pages_run_no_script() {
    for link in ["javascript:alert(1)", "data:text/html,x", "com.example.app:/x"] {
        let mut inputs = world(&[provider(&json!([policy(&json!({}))])), application("team-a", "notes", &json!({}))]);
        inputs.applications.values_mut().next().unwrap().spec.policy_uri = Some(link.into());
        assert_eq!(reasons(notes(&run(&inputs))), [Reason::UnsupportedValue], "{link}");
    }
}

#[test]
fn t_k21_a_policy_withdrawn_takes_the_client_with_it() {
    let mut inputs = world(&[provider(&json!([policy(&json!({}))])), application("team-a", "notes", &json!({}))]);
    assert!(notes(&run(&inputs)).served);
    inputs.providers.values_mut().next().unwrap().spec.application_policies[0].allowed_redirect_hosts.clear();
    let compiled = run(&inputs);
    assert_eq!(reasons(notes(&compiled)), [Reason::RedirectHostNotAllowed]);
    assert!(clients(&compiled).is_empty());
    assert!(compiled.credentials.is_empty());
}

#[test]
fn t_p53_no_client_is_called_what_a_person_is_called() {
    let granting = policy(&json!({"customClientIDPrefixes": ["o"]}));
    // The subject of a person is the UID of their object, unless it is pinned.
    let person = object("OidcUser", "identity", "alice", &json!({}));
    let posing = application("team-a", "notes", &json!({"clientID": "oidcuser-identity-alice"}));
    let compiled = run(&world(&[provider(&json!([granting])), person, posing]));
    assert_eq!(reasons(notes(&compiled)), [Reason::ClientIDConflict]);
    for subject in ["team-a.notes", "a.b"] {
        assert!(admit(object("OidcUser", "identity", "bob", &json!({"subject": subject}))).is_err(), "{subject}");
        let mut inputs = world(&[provider(&json!([])), object("OidcUser", "identity", "bob", &json!({}))]);
        inputs.users.values_mut().next().unwrap().spec.subject = subject.into();
        let compiled = run(&inputs);
        assert_eq!(reasons(verdict(&compiled, Kind::OidcUser, "identity", "bob")), [Reason::SubjectConflict]);
    }
}

#[test]
fn t_p03_without_an_address_nothing_is_learned() {
    let document = application("team-a", "notes", &json!({"redirectURIs": []}));
    let errors = admit(document).unwrap_err();
    assert!(errors.iter().any(|error| error.path == "spec.redirectURIs"), "{errors:?}");
}

#[test]
fn t_k05_what_poses_as_the_client_of_a_namespace_takes_nothing_from_it() {
    let granting = policy(&json!({"namespaces": {"type": "All"}, "customClientIDPrefixes": ["t"]}));
    let mut inputs = world(&[
        provider(&json!([granting])),
        application("team-b", "older", &json!({"clientID": "t"})),
        object("OidcUser", "identity", "older", &json!({})),
        application("team-a", "notes", &json!({})),
    ]);
    let posing = inputs.applications.get_mut(&support::key("team-b", "older")).unwrap();
    posing.spec.client_id = Some("team-a.notes".into());
    inputs.users.values_mut().next().unwrap().spec.subject = "team-a.notes".into();
    let compiled = run(&inputs);
    assert_eq!(reasons(verdict(&compiled, Kind::OidcApplication, "team-b", "older")), [Reason::ClientIDNotAllowed]);
    assert_eq!(reasons(verdict(&compiled, Kind::OidcUser, "identity", "older")), [Reason::SubjectConflict]);
    assert!(notes(&compiled).ready());
}

#[test]
fn t_p43_user_names_are_compared_without_case() {
    let mut inputs = world(&[
        provider(&json!([])),
        object("OidcUser", "identity", "alice", &json!({})),
        object("OidcUser", "identity", "mallory", &json!({})),
    ]);
    inputs.users.get_mut(&support::key("identity", "mallory")).unwrap().spec.username = Some("ALICE".into());
    let compiled = run(&inputs);
    assert_eq!(reasons(verdict(&compiled, Kind::OidcUser, "identity", "mallory")), [Reason::UsernameConflict]);
    let realm = compiled.catalogs[&support::key("identity", "default")].realms().next().unwrap();
    assert_eq!(realm.accounts.by_username("alice").unwrap().subject.as_str(), "oidcuser-identity-alice");
}

#[test]
fn t_p48_a_status_that_claims_what_belongs_to_another_is_not_read() {
    let mut posing = application("team-a", "notes", &json!({}));
    posing["status"] = json!({
        "observedGeneration": 1, "clientID": "team-b.portal", "issuer": "https://evil.example", "policyName": "all",
        "clientSecret": {"secretName": "theirs", "epoch": 9},
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Ready", "message": "", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    });
    let uninvited = run(&world(&[provider(&json!([])), posing.clone()]));
    assert_eq!(reasons(notes(&uninvited)), [Reason::ProviderNotFoundOrNotPermitted]);
    assert!(clients(&uninvited).is_empty());
    let invited = run(&world(&[provider(&json!([policy(&json!({}))])), posing]));
    assert_eq!(clients(&invited).keys().map(ToString::to_string).collect::<Vec<_>>(), ["team-a.notes"]);
    assert!(invited.credentials.contains_key(&support::key("team-a", "notes-oidc")));
    assert!(!invited.credentials.contains_key(&support::key("team-a", "theirs")));
}
