//! The plan against an API server in memory: what it ends in, and what it never does on the way.

mod logins;
mod rotation;
mod simulation;

use api::Kind;
use proptest::prelude::*;
use serde_json::json;

use self::rotation::{rotate, with_trigger};
use self::simulation::{Simulation, Written};
use super::*;

#[test]
fn everything_is_written_in_order_and_then_nothing() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    simulation.application("notes", json!({}));
    assert_eq!(
        simulation.settle(),
        [
            Written::ProviderRecord,
            Written::Status(Kind::OidcProvider, "default".to_owned(), true),
            Written::Record("notes".to_owned()),
            Written::CreateSecret("notes-oidc".to_owned()),
            Written::Status(Kind::OidcApplication, "notes".to_owned(), true),
        ]
    );
    assert_eq!(simulation.settle(), [], "what is as it should be is not written");
    simulation.recompile();
    assert_eq!(simulation.settle(), []);
}

#[test]
fn f12_a_secret_waits_for_every_server() {
    let mut simulation = Simulation::new();
    simulation.servers(3);
    simulation.settle();
    simulation.pause(2);
    simulation.application("notes", json!({}));
    let before = simulation.settle();
    assert!(!before.contains(&Written::CreateSecret("notes-oidc".to_owned())), "{before:?}");
    assert!(before.contains(&Written::Status(Kind::OidcApplication, "notes".to_owned(), false)), "{before:?}");
    let ready = simulation.ready("notes");
    assert_eq!(ready, ("False".to_owned(), "WaitingForServers".to_owned()), "it says for what");
    simulation.go_on(2);
    assert_eq!(
        simulation.settle(),
        [
            Written::CreateSecret("notes-oidc".to_owned()),
            Written::Status(Kind::OidcApplication, "notes".to_owned(), true),
        ]
    );
}

#[test]
fn f12_the_secret_of_an_account_waits_too_and_goes_with_the_account() {
    let mut simulation = Simulation::new();
    simulation.servers(2);
    simulation.application("notes", json!({}));
    simulation.settle();
    simulation.pause(1);
    let account = json!({"programmaticAccess": [{"name": "job"}]});
    simulation.application("notes", account.clone());
    let created = Written::CreateSecret("notes.job-oidc".to_owned());
    assert!(!simulation.settle().contains(&created), "a server would refuse it");
    assert_eq!(simulation.ready("notes").1, "WaitingForServers");
    simulation.go_on(1);
    let ready = Written::Status(Kind::OidcApplication, "notes".to_owned(), true);
    assert_eq!(simulation.settle(), [created.clone(), ready.clone()]);
    simulation.check_that_what_is_published_is_accepted(&ObjectKey::new("team-a", "notes.job-oidc"));
    let (own, secret) = (simulation.secret("notes-oidc"), simulation.secret("notes.job-oidc"));
    assert_ne!(own, secret);
    simulation.lose_secret("notes.job-oidc");
    assert_eq!(simulation.settle(), [created]);
    assert_eq!(simulation.secret("notes.job-oidc"), secret, "F16: the same bytes");

    simulation.application("notes", json!({}));
    let gone = simulation.settle();
    assert!(gone.contains(&Written::DeleteSecret("notes.job-oidc".to_owned())), "{gone:?}");
    assert_eq!(simulation.secret("notes-oidc"), own);
    assert_eq!(simulation.ready("notes"), ("True".to_owned(), "Ready".to_owned()));
    assert_eq!(simulation.settle(), []);
}

#[test]
fn t_k09_a_secret_that_is_not_taken_stops_no_other() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    simulation.application("notes", json!({}));
    simulation.settle();
    // The one is known to be somebody else's, the other turns out to be.
    simulation.a_secret_of_somebody_else("notes.a-oidc");
    simulation.refuse("notes.b-oidc");
    simulation.application("notes", json!({"programmaticAccess": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}));
    let written = simulation.settle();
    assert!(written.contains(&Written::CreateSecret("notes.c-oidc".to_owned())), "{written:?}");
    let (reason, message) = simulation.credentials_ready("notes");
    assert_eq!(reason, "SecretConflict");
    for path in ["spec.programmaticAccess[0].clientAuthentication.clientSecret.target.name", "path of its own"] {
        assert!(message.contains(path), "{message}");
    }
    assert_eq!(simulation.lose_secret("notes.a-oidc"), ["notes"], "a name that is free again is news");
    simulation.take_again();
    let written = simulation.settle();
    for created in ["notes.a-oidc", "notes.b-oidc"] {
        assert!(written.contains(&Written::CreateSecret(created.to_owned())), "{created}: {written:?}");
    }
    assert_eq!(simulation.ready("notes"), ("True".to_owned(), "Ready".to_owned()));
    assert_eq!(simulation.settle(), []);
}

/// An application whose own client secret is nowhere to be found: its account is a client of its own.
#[test]
fn f24_an_account_gets_its_secret_without_its_application() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    simulation.provider(json!([{
        "name": "a", "namespaces": {"type": "All"}, "allowedRedirectHosts": ["*.example.com"],
        "secretReferences": "Allowed",
    }]));
    let by_reference = json!({"clientSecret": {"source": "Reference", "reference": {"name": "nowhere"}}});
    simulation.pause(0);
    simulation
        .application("notes", json!({"clientAuthentication": by_reference, "programmaticAccess": [{"name": "job"}]}));
    let created = Written::CreateSecret("notes.job-oidc".to_owned());
    let before = simulation.settle();
    assert!(before.contains(&Written::Record("notes".to_owned())) && !before.contains(&created), "{before:?}");
    simulation.go_on(0);
    let written = simulation.settle();
    assert!(written.contains(&created), "{written:?}");
    assert_eq!(simulation.ready("notes").1, "SecretNotFoundOrWrongType");
    simulation.recompile();
    assert_eq!(simulation.settle(), []);
}

/// What may be done with an API stands in the records of its callers.
#[test]
fn f12_an_api_is_ready_when_the_records_of_its_callers_are_loaded() {
    let mut simulation = Simulation::new();
    simulation.servers(2);
    let asks = json!({"resources": [{"resourceRef": {"name": "orders"}, "scopes": ["read"]}]});
    simulation.application("notes", asks);
    simulation.application("other", json!({}));
    simulation.settle();
    let ready = |well| Written::Status(Kind::OidcResource, "orders".to_owned(), well);
    let says = |written: &[Written], well| {
        let last = written.iter().rfind(|one| **one == ready(true) || **one == ready(false));
        assert_eq!(last, Some(&ready(well)), "{written:?}");
    };
    // What is allowed, and what is allowed no more.
    for callers in [&["notes"][..], &[]] {
        simulation.pause(1);
        simulation.resource("orders", callers);
        let written = simulation.settle();
        assert!(written.contains(&Written::Record("notes".to_owned())), "{written:?}");
        says(&written, false);
        simulation.go_on(1);
        says(&simulation.settle(), true);
    }
    assert_eq!(simulation.settle(), []);
    // What is no matter of its callers does not concern it.
    simulation.pause(1);
    simulation.application("other", json!({"displayName": "Other"}));
    let written = simulation.settle();
    assert!(!written.contains(&ready(false)), "{written:?}");
}

#[test]
fn without_servers_nobody_could_refuse_a_secret_and_ready_says_that_there_are_none() {
    let mut simulation = Simulation::new();
    simulation.application("notes", json!({}));
    assert!(simulation.settle().contains(&Written::CreateSecret("notes-oidc".to_owned())));
    assert_eq!(simulation.ready("notes"), ("False".to_owned(), "NoServers".to_owned()));
}

#[test]
fn t_k21_a_refused_application_keeps_its_record_and_loses_its_client() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    simulation.application("notes", json!({}));
    simulation.settle();
    simulation.application("notes", json!({"redirectURIs": ["https://evil.example.org/cb"]}));
    let written = simulation.settle();
    assert!(written.contains(&Written::Record("notes".to_owned())), "{written:?}");
    assert!(
        !written.iter().any(|one| matches!(one, Written::DeleteSecret(_) | Written::DeleteRecord(_))),
        "{written:?}"
    );
    assert!(simulation.payload("notes").contains(r#""client":null"#));
    assert!(simulation.payload("notes").contains(r#""epoch":1"#), "its derivation is not forgotten");
    assert_eq!(simulation.ready("notes").1, "RedirectHostNotAllowed");
}

#[test]
fn f23_without_its_seed_what_is_served_goes_on_and_nothing_is_derived() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    simulation.application("notes", json!({}));
    simulation.settle();
    let before = simulation.payload("notes");
    simulation.lose_seed();
    let written = simulation.settle();
    assert!(!written.iter().any(|one| matches!(one, Written::Record(_) | Written::ProviderRecord)), "{written:?}");
    assert_eq!(simulation.payload("notes"), before);
    simulation.application("other", json!({}));
    let written = simulation.settle();
    assert!(!written.contains(&Written::CreateSecret("other-oidc".to_owned())), "{written:?}");
    assert_eq!(simulation.ready("other").1, "SeedMissing");
}

#[test]
fn f20_without_its_record_an_epoch_goes_on_after_the_one_that_was_published() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    simulation.application("notes", json!({}));
    simulation.settle();
    let before = simulation.secret("notes-oidc");
    simulation.lose_record("notes");
    simulation.settle();
    assert!(simulation.payload("notes").contains(r#""epoch":2"#), "{}", simulation.payload("notes"));
    assert_ne!(simulation.secret("notes-oidc"), before, "an epoch never repeats");
    simulation.lose_secret("notes-oidc");
    let published = simulation.settle();
    assert!(published.contains(&Written::CreateSecret("notes-oidc".to_owned())), "{published:?}");
    assert!(simulation.payload("notes").contains(r#""epoch":2"#), "the record is the authority");
}

#[test]
fn f11_a_transition_time_moves_only_with_its_status() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    simulation.application("notes", json!({}));
    simulation.settle();
    let accepted = simulation.transition("notes", "Accepted");
    simulation.wait(100);
    simulation.application("notes", json!({"displayName": "Notes"}));
    assert!(simulation.settle().contains(&Written::Status(Kind::OidcApplication, "notes".to_owned(), true)));
    assert_eq!(simulation.transition("notes", "Accepted"), accepted);
}

#[test]
fn t_k05_a_client_id_that_was_given_up_is_reserved_before_its_record_goes() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    let custom = json!({"clientID": "legacy-portal"});
    simulation.application("notes", custom.clone());
    simulation.settle();
    assert_eq!(simulation.reserved("legacy-portal"), None, "it is held, and its record says so");
    simulation.delete_application("notes");
    assert_eq!(simulation.collect(), 0, "not before the reservation is written");
    simulation.restart();
    assert_eq!(simulation.collect(), 0, "nor by another controller");
    assert_eq!(simulation.step(), [Written::ProviderRecord]);
    assert_eq!(simulation.reserved("legacy-portal"), Some(3600));
    assert_eq!(simulation.collect(), 1);
    simulation.wait(3000);
    simulation.restart();
    simulation.settle();
    assert!(simulation.reserved("legacy-portal").is_some_and(|left| left < 601), "it is not renewed");
    // Its own namespace has it back, and then it is held again.
    simulation.application("other", custom);
    simulation.settle();
    simulation.recompile();
    simulation.settle();
    assert_eq!(simulation.ready("other"), ("True".to_owned(), "Ready".to_owned()));
    assert_eq!(simulation.reserved("legacy-portal"), None);
    simulation.delete_application("other");
    simulation.settle();
    simulation.wait(3600);
    simulation.recompile();
    simulation.settle();
    assert_eq!((simulation.reserved("legacy-portal"), simulation.collect()), (None, 1));
}

#[test]
fn t_k05_a_refused_application_keeps_the_client_id_that_it_chose() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    simulation.application("notes", json!({"clientID": "legacy-portal"}));
    simulation.application("other", json!({"clientID": "legacy-portal", "displayName": "Other"}));
    simulation.settle();
    let holder = |simulation: &Simulation| {
        ["notes", "other"].map(|name| simulation.ready(name).1 == "ClientIDConflict").iter().position(|lost| !lost)
    };
    let (first, names) = (holder(&simulation), ["notes", "other"]);
    let name = names[first.unwrap()];
    simulation.application(name, json!({"clientID": "legacy-portal", "redirectURIs": ["https://evil.example.org/cb"]}));
    simulation.settle();
    assert!(simulation.payload(name).contains(r#""client":null,"clientID":"legacy-portal""#));
    simulation.restart();
    simulation.settle();
    assert_eq!(holder(&simulation), first, "a typing error gives no name away");
}

fn subset(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![3 => Just(of.to_vec()), 1 => proptest::sample::subsequence(of.to_vec(), 0..=of.len())]
}

/// A policy, as what it says.
fn any_policy() -> impl Strategy<Value = Value> {
    (
        proptest::sample::select(vec!["a", "b"]),
        subset(&["app.example.com", "*.example.org"]),
        subset(&["openid", "profile"]),
        subset(&["ClientSecret", "None"]),
        subset(&["Required", "Skip"]),
        subset(&["legacy-"]),
    )
        .prop_map(|(team, hosts, scopes, authentications, consent, prefixes)| {
            json!({
                "name": "p", "namespaces": {"type": "Selector", "selector": {"matchLabels": {"team": team}}},
                "allowedRedirectHosts": hosts, "scopes": scopes, "clientAuthentications": authentications,
                "consent": consent, "customClientIDPrefixes": prefixes,
            })
        })
}

fn any_policies() -> impl Strategy<Value = Vec<Value>> {
    proptest::collection::vec(any_policy(), 0..3).prop_map(|mut policies| {
        for (number, policy) in policies.iter_mut().enumerate() {
            policy["name"] = format!("p{number}").into();
        }
        policies
    })
}

fn any_application() -> impl Strategy<Value = Value> {
    (
        proptest::sample::select(vec!["https://app.example.com/cb", "https://x.example.org/cb", "https://evil.net/cb"]),
        subset(&["openid", "profile"]),
        proptest::sample::select(vec!["ClientSecret", "None"]),
        proptest::sample::select(vec!["Required", "Skip"]),
    )
        .prop_map(|(uri, scopes, authentication, consent)| {
            json!({
                "redirectURIs": [uri], "scopes": scopes, "clientAuthentication": {"type": authentication},
                "consent": consent,
            })
        })
}

/// Whether a policy allows all of an application, said as plainly as possible.
fn allows(policy: &Value, id: Option<&str>, spec: &Value) -> bool {
    let has = |list: &str, item: &str| policy[list].as_array().unwrap().iter().any(|one| one == item);
    policy["namespaces"]["selector"]["matchLabels"]["team"] == "a"
        && match spec["redirectURIs"][0].as_str().unwrap() {
            "https://app.example.com/cb" => has("allowedRedirectHosts", "app.example.com"),
            "https://x.example.org/cb" => has("allowedRedirectHosts", "*.example.org"),
            _ => false,
        }
        && spec["scopes"].as_array().unwrap().iter().all(|scope| has("scopes", scope.as_str().unwrap()))
        && has("clientAuthentications", spec["clientAuthentication"]["type"].as_str().unwrap())
        && (spec["consent"] == "Required" || has("consent", "Skip"))
        && (id.is_none() || has("customClientIDPrefixes", "legacy-"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever policies there were before, a server serves what a policy allows now, and nothing else.
    #[test]
    fn f35_a_server_serves_what_a_policy_allows(
        history in proptest::collection::vec((any_policies(), any_application(), any_application()), 1..4),
    ) {
        let mut simulation = Simulation::new();
        simulation.servers(1);
        for (policies, plain, mut custom) in history {
            custom["clientID"] = "legacy-portal".into();
            simulation.provider(json!(policies));
            simulation.application("plain", plain.clone());
            simulation.application("custom", custom.clone());
            simulation.settle();
            simulation.recompile();
            simulation.settle();
            let allowed = |id, spec: &Value| policies.iter().any(|policy| allows(policy, id, spec));
            let expect = [("plain", None, &plain), ("custom", Some("legacy-portal"), &custom)];
            let expect = expect.into_iter().filter(|(_, id, spec)| allowed(*id, spec));
            prop_assert_eq!(simulation.served(), expect.map(|(name, ..)| name.to_owned()).collect());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order, the end is the same, and no Secret is ever published that a server refuses.
    #[test]
    fn f12_every_history_ends_alike(steps in proptest::collection::vec(0_u8..14, 1..32)) {
        let mut simulation = Simulation::new();
        simulation.servers(2);
        let account = json!({"programmaticAccess": [{"name": "job"}]});
        for step in steps {
            match step {
                0 => simulation.application("notes", json!({})),
                1 => simulation.application("other", json!({"displayName": "Other"})),
                2 => simulation.pause(0),
                3 => simulation.go_on(0),
                4 => drop(simulation.lose_secret("notes-oidc")),
                5 => simulation.lose_record("notes"),
                6 => simulation.wait(1),
                7 => simulation.restart(),
                8 => simulation.application("notes", account.clone()),
                9 => drop(simulation.lose_secret("notes.job-oidc")),
                10 => simulation.application("notes", with_trigger("a")),
                11 => simulation.application("notes", with_trigger("b")),
                12 => simulation.recompile(),
                _ => drop(simulation.step()),
            }
        }
        simulation.go_on(0);
        simulation.application("notes", account);
        // An overlap may have to end first.
        for _ in 0..3 {
            rotate(&mut simulation);
            simulation.wait(86_400);
        }
        rotate(&mut simulation);
        for secret in ["notes-oidc", "notes.job-oidc"] {
            simulation.check_that_what_is_published_is_accepted(&ObjectKey::new("team-a", secret));
        }
        prop_assert_eq!(simulation.ready("notes"), ("True".to_owned(), "Ready".to_owned()));
        prop_assert_eq!(simulation.settle(), []);
    }
}
