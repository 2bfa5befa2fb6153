//! The plan against an API server in memory: what it ends in, and what it never does on the way.

mod simulation;

use api::Kind;
use proptest::prelude::*;
use serde_json::json;

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order, the end is the same, and no Secret is ever published that a server refuses.
    #[test]
    fn f12_every_history_ends_alike(steps in proptest::collection::vec(0_u8..9, 1..24)) {
        let mut simulation = Simulation::new();
        simulation.servers(2);
        for step in steps {
            match step {
                0 => simulation.application("notes", json!({})),
                1 => simulation.application("other", json!({"displayName": "Other"})),
                2 => simulation.pause(0),
                3 => simulation.go_on(0),
                4 => simulation.lose_secret("notes-oidc"),
                5 => simulation.lose_record("notes"),
                6 => simulation.wait(1),
                7 => simulation.restart(),
                _ => drop(simulation.step()),
            }
        }
        simulation.go_on(0);
        simulation.application("notes", json!({}));
        simulation.settle();
        simulation.check_that_what_is_published_is_accepted(&ObjectKey::new("team-a", "notes-oidc"));
        prop_assert_eq!(simulation.ready("notes"), ("True".to_owned(), "Ready".to_owned()));
        prop_assert_eq!(simulation.settle(), []);
    }
}
