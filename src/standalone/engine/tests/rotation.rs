//! Client secrets that are rotated: served before they are handed out, and kept before they are served.

use oidc::client::ClientAuthentication;
use oidc::ids::ClientId;
use oidc::time::Time;

use super::*;

fn notes(trigger: &str) -> String {
    let rotation = format!("rotation: {{overlapSeconds: 100, trigger: \"{trigger}\"}}");
    format!("{NOTES}  clientAuthentication: {{clientSecret: {{{rotation}}}}}\n")
}

/// The client secret in a file.
fn handed_out(place: &Place, file: &str) -> String {
    let text = place.state(file).unwrap();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("OIDC_CLIENT_SECRET: ").map(str::to_owned));
    line.unwrap()
}

/// Whether this secret proves a client, and until when the older one does.
fn accepts(process: &Process, client_id: &str, secret: &str) -> (bool, Option<Time>) {
    let catalog = process.catalog();
    let realm = catalog.realm("127.0.0.1:8080").unwrap();
    let client = &realm.clients[&ClientId::new(client_id)];
    let ClientAuthentication::Secret { verifiers, previous_ends, .. } = &client.authentication else {
        panic!("it has a secret")
    };
    let good = verifiers.iter().any(|one| one.verify(&catalog.server_keys, client_id, secret.as_bytes()));
    (good, *previous_ends)
}

/// Goes on until nothing is due at once.
fn settle(process: &mut Process, now: i64) -> Option<i64> {
    for _ in 0..5 {
        let passed = process.pass(now);
        assert_eq!(wrong(&passed), [""; 0]);
        if passed.next.is_none_or(|next| next > now) {
            return passed.next;
        }
    }
    panic!("something is due for ever");
}

#[test]
fn f19_a_trigger_rotates_and_the_older_secret_ends_with_the_overlap() {
    let place = Place::usual();
    place.put("notes.yaml", &notes(""));
    let mut process = place.start();
    settle(&mut process, 1000);
    let before = handed_out(&place, FILE);
    place.put("notes.yaml", &notes("leak"));
    let next = settle(&mut process, 2000);
    assert_eq!(next, Some(2100));
    let after = handed_out(&place, FILE);
    assert_ne!(after, before);
    let end = Some(Time::from_secs(2100));
    for secret in [&before, &after] {
        assert_eq!(accepts(&process, "default.notes", secret), (true, end));
    }
    // Nothing is written that did not change, and another process goes on where this one was.
    let written = place.state("uids.json");
    settle(&mut process, 2050);
    assert_eq!(place.state("uids.json"), written);
    drop(process);
    let mut process = place.start();
    assert_eq!(settle(&mut process, 2099), Some(2100));
    assert_eq!(accepts(&process, "default.notes", &before), (true, end));
    settle(&mut process, 2100);
    assert_eq!(accepts(&process, "default.notes", &before), (false, None));
    assert_eq!(accepts(&process, "default.notes", &after), (true, None));
    assert_eq!(handed_out(&place, FILE), after);
}

#[test]
fn f12_whoever_is_killed_between_two_steps_of_a_rotation_goes_on_where_it_was() {
    let place = Place::usual();
    place.put("notes.yaml", &notes(""));
    let mut process = place.start();
    settle(&mut process, 1000);
    let before = handed_out(&place, FILE);
    let early = place.state(FILE).unwrap();
    place.put("notes.yaml", &notes("leak"));
    // One pass: it is kept and served, and handed out.
    process.pass(2000);
    let after = handed_out(&place, FILE);
    assert_ne!(after, before);
    // As if it had been killed before the file was written: what the file holds is good all the while.
    drop(process);
    fs::write(place.path("state").join(FILE), early).unwrap();
    let mut process = place.start();
    process.pass(5000);
    for secret in [&before, &after] {
        assert_eq!(accepts(&process, "default.notes", secret), (true, None), "the overlap has not begun");
    }
    assert_eq!(handed_out(&place, FILE), after, "the same secret, not one more");
    settle(&mut process, 5000);
    assert_eq!(accepts(&process, "default.notes", &before), (true, Some(Time::from_secs(5100))));
    // And killed over the whole overlap.
    drop(process);
    let mut process = place.start();
    settle(&mut process, 9000);
    assert_eq!(accepts(&process, "default.notes", &before), (false, None));
    assert_eq!(accepts(&process, "default.notes", &after), (true, None));
}

#[test]
fn f19_an_account_rotates_by_age_and_by_itself() {
    let place = Place::usual();
    let clause = "rotation: {periodSeconds: 864000, overlapSeconds: 100}";
    let accounts = format!(
        "{NOTES}  programmaticAccess:\n  - {{name: job, clientAuthentication: {{clientSecret: {{{clause}}}}}}}\n"
    );
    place.put("notes.yaml", &accounts);
    let file = "credentials/default_notes.job-oidc.yaml";
    let mut process = place.start();
    let next = settle(&mut process, 1000);
    assert_eq!(next, Some(865_000));
    let (own, before) = (handed_out(&place, FILE), handed_out(&place, file));
    settle(&mut process, 865_000);
    let after = handed_out(&place, file);
    assert_ne!(after, before);
    assert_eq!(handed_out(&place, FILE), own);
    let end = Some(Time::from_secs(865_100));
    assert_eq!(accepts(&process, "default.notes.job", &before), (true, end));
    settle(&mut process, 865_100);
    assert_eq!(accepts(&process, "default.notes.job", &before), (false, None));
    assert_eq!(accepts(&process, "default.notes.job", &after), (true, None));
}
