//! Client secrets that are rotated: who accepts what while one takes the place of another.

use api::{Kind, ObjectKey};
use serde_json::{Value, json};

use super::simulation::{Simulation, Written};

fn rotating(trigger: &str) -> Value {
    json!({"clientSecret": {"rotation": {"overlapSeconds": 3600, "trigger": trigger}}})
}

pub(super) fn with_trigger(trigger: &str) -> Value {
    json!({"clientAuthentication": rotating(trigger)})
}

/// Until nothing is due any more that needs no time.
pub(super) fn rotate(simulation: &mut Simulation) -> Vec<Written> {
    let mut written = simulation.settle();
    for _ in 0..4 {
        simulation.recompile();
        written.extend(simulation.settle());
    }
    written
}

#[test]
fn f19_a_rotation_waits_for_the_server_that_is_away_and_breaks_no_one() {
    let mut simulation = Simulation::new();
    simulation.servers(3);
    simulation.application("notes", with_trigger(""));
    rotate(&mut simulation);
    let before = simulation.secret("notes-oidc");
    simulation.pause(2);
    simulation.application("notes", with_trigger("leak"));
    let written = rotate(&mut simulation);
    let record = Written::Record("notes".to_owned());
    let secret = Written::ApplySecret("notes-oidc".to_owned());
    assert!(written.contains(&record) && !written.contains(&secret), "{written:?}");
    assert_eq!(simulation.secret("notes-oidc"), before);
    let (reason, message) = simulation.credentials_ready("notes");
    assert_eq!(reason, "Rotating");
    assert!(message.contains("2 of 3"), "{message}");
    assert_eq!(simulation.rotation("notes"), json!({"secretName": "notes-oidc", "epoch": 1}));
    // However long it is away: the old secret is good everywhere.
    simulation.wait(1_000_000);
    rotate(&mut simulation);
    simulation.check_that_what_is_published_is_accepted(&ObjectKey::new("team-a", "notes-oidc"));
    assert_eq!(simulation.secret("notes-oidc"), before);

    simulation.go_on(2);
    let handed_out = simulation.wall();
    let written = rotate(&mut simulation);
    let order: Vec<_> = written.iter().filter(|one| **one == record || **one == secret).collect();
    assert_eq!(order, [&secret, &record], "handed out, and then the overlap is counted");
    let after = simulation.secret("notes-oidc");
    assert_ne!(after, before);
    assert_eq!(simulation.ready("notes"), ("True".to_owned(), "Ready".to_owned()));
    let said = simulation.rotation("notes");
    assert_eq!((&said["epoch"], &said["observedTrigger"]), (&json!(2), &json!("leak")));
    let ends = simulation.previous_ends("notes").unwrap();
    assert!((handed_out + 3600..handed_out + 3700).contains(&ends), "{ends}");
    for (value, good) in [(&before, true), (&after, true)] {
        assert_eq!(simulation.accepted_everywhere("team-a.notes", value), good);
    }
    // The overlap ends, whoever is away.
    simulation.pause(0);
    simulation.wait(3600);
    let written = rotate(&mut simulation);
    assert!(written.contains(&record) && !written.contains(&secret), "{written:?}");
    simulation.go_on(0);
    rotate(&mut simulation);
    assert_eq!(simulation.previous_ends("notes"), None);
    assert!(!simulation.accepted_everywhere("team-a.notes", &before));
    assert!(simulation.accepted_everywhere("team-a.notes", &after));
    assert_eq!(rotate(&mut simulation), []);
}

/// Whoever waits for Ready after a change of the trigger waits for the new secret.
#[test]
fn f19_ready_is_said_again_once_the_trigger_was_answered() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    simulation.application("notes", with_trigger(""));
    rotate(&mut simulation);
    simulation.application("notes", with_trigger("leak"));
    let record = Written::Record("notes".to_owned());
    let secret = Written::ApplySecret("notes-oidc".to_owned());
    let ready = Written::Status(Kind::OidcApplication, "notes".to_owned(), true);
    assert_eq!(rotate(&mut simulation), [record.clone(), secret, record, ready]);
    let said = simulation.rotation("notes");
    assert_eq!((&said["epoch"], &said["observedTrigger"]), (&json!(2), &json!("leak")));
}

#[test]
fn f20_two_triggers_at_once_and_one_that_is_taken_back() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    simulation.application("notes", with_trigger(""));
    rotate(&mut simulation);
    simulation.application("notes", with_trigger("a"));
    simulation.application("notes", with_trigger("b"));
    rotate(&mut simulation);
    assert_eq!(simulation.rotation("notes")["epoch"], 2, "one rotation answers both");
    // During the overlap, and taken back before its end.
    simulation.application("notes", with_trigger("c"));
    rotate(&mut simulation);
    assert_eq!(simulation.rotation("notes")["epoch"], 2, "never more than two are good");
    simulation.application("notes", with_trigger("b"));
    simulation.wait(3600);
    rotate(&mut simulation);
    assert_eq!(simulation.rotation("notes")["epoch"], 2);
    assert_eq!(simulation.previous_ends("notes"), None, "no permanent second secret");
    // A controller that was away over the whole overlap skips nothing.
    simulation.application("notes", with_trigger("d"));
    rotate(&mut simulation);
    simulation.wait(1_000_000);
    simulation.restart();
    rotate(&mut simulation);
    assert_eq!((&simulation.rotation("notes")["epoch"], simulation.previous_ends("notes")), (&json!(3), None));
    assert_eq!(rotate(&mut simulation), []);
}

#[test]
fn f19_an_account_rotates_by_itself() {
    let mut simulation = Simulation::new();
    simulation.servers(2);
    let with = |trigger| json!({"programmaticAccess": [{"name": "job", "clientAuthentication": rotating(trigger)}]});
    simulation.application("notes", with(""));
    rotate(&mut simulation);
    let (own, before) = (simulation.secret("notes-oidc"), simulation.secret("notes.job-oidc"));
    simulation.application("notes", with("now"));
    rotate(&mut simulation);
    let after = simulation.secret("notes.job-oidc");
    assert_ne!(after, before);
    assert_eq!(simulation.secret("notes-oidc"), own);
    for value in [&before, &after] {
        assert!(simulation.accepted_everywhere("team-a.notes.job", value));
    }
    simulation.wait(3600);
    rotate(&mut simulation);
    assert!(!simulation.accepted_everywhere("team-a.notes.job", &before));
    assert_eq!(rotate(&mut simulation), []);
}

#[test]
fn f14_a_secret_that_rotates_by_age_is_not_written_before_its_time() {
    let mut simulation = Simulation::new();
    simulation.servers(1);
    let by_age = json!({"clientSecret": {"rotation": {"periodSeconds": 864_000}}});
    simulation.application("notes", json!({"clientAuthentication": by_age}));
    rotate(&mut simulation);
    let before = simulation.secret("notes-oidc");
    simulation.wait(860_000);
    assert_eq!(rotate(&mut simulation), []);
    simulation.wait(4000);
    rotate(&mut simulation);
    assert_ne!(simulation.secret("notes-oidc"), before);
}
