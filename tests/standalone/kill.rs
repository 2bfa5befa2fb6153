//! kill −9 at any moment leaves a state folder that starts again, with the same UIDs, keys, client secrets and sessions.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use url::Url;
use xtask::walk::Agent;

use crate::harness::{Provider, authorize};

/// What must not change over a restart: every file of identities and secrets.
fn identity(state: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for name in ["signing-keys.yaml", "server-key.yaml", "seed.yaml", "credentials/team-a_notes-oidc.yaml"] {
        files.insert(name.to_owned(), fs::read_to_string(state.join(name)).unwrap_or_default());
    }
    let uids: serde_json::Value =
        serde_json::from_slice(&fs::read(state.join("uids.json")).unwrap_or_default()).unwrap_or_default();
    files.insert("uids".to_owned(), uids_of(&uids));
    files
}

/// The UIDs alone: other members, such as when an object was last seen, may change.
fn uids_of(value: &serde_json::Value) -> String {
    let mut found = Vec::new();
    let mut stack = vec![("", value)];
    while let Some((name, value)) = stack.pop() {
        if let Some(members) = value.as_object() {
            stack.extend(members.iter().map(|(name, value)| (name.as_str(), value)));
        } else if let Some(items) = value.as_array() {
            stack.extend(items.iter().map(|value| (name, value)));
        } else if let Some(uid) = value.as_str().filter(|_| name == "uid") {
            found.push(uid.to_owned());
        }
    }
    found.sort();
    found.join(" ")
}

fn request(provider: &Provider) -> Url {
    let mut url = provider.url("/auth");
    url.query_pairs_mut()
        .append_pair("client_id", &provider.credentials().0)
        .append_pair("redirect_uri", &provider.callback())
        .append_pair("response_type", "code")
        .append_pair("scope", "openid")
        .append_pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        .append_pair("code_challenge_method", "S256");
    url
}

#[test]
fn kill_9_leaves_a_state_folder_that_starts_again() {
    let mut provider = Provider::start();
    let mut agent = Agent::default();
    authorize(&mut agent, &request(&provider), &provider.callback());
    let before = identity(&provider.state());
    assert!(before.values().all(|text| !text.is_empty()), "{before:?}");

    for round in 0..5_u64 {
        provider.kill();
        provider.spawn();
        if round % 2 == 1 {
            // In the middle of starting, at another moment each time.
            std::thread::sleep(Duration::from_millis(7 * round));
            provider.kill();
            provider.spawn();
        }
        provider.wait_ready();
        assert_eq!(identity(&provider.state()), before, "round {round}");
    }

    // The session has survived: no login, no consent.
    let answer = agent.get(&request(&provider)).unwrap();
    let location = answer.all("location").next().unwrap_or_default().to_owned();
    assert!(location.starts_with(&provider.callback()), "{} {location}", answer.status);
}

#[test]
fn kill_9_during_the_first_start_leaves_a_folder_that_starts() {
    let mut provider = Provider::start();
    provider.kill();
    for delay in 0..20_u64 {
        fs::remove_dir_all(provider.state()).unwrap();
        provider.spawn();
        std::thread::sleep(Duration::from_millis(delay * 5));
        provider.kill();
        let early = identity(&provider.state());
        provider.spawn();
        provider.wait_ready();
        let late = identity(&provider.state());
        for (file, text) in early {
            // What was there is still there; what was not has been made.
            assert!(
                text.is_empty() || late[&file] == text || file == "uids" && late[&file].contains(&text),
                "{file} after {delay}"
            );
            assert!(!late[&file].is_empty(), "{file} after {delay}");
        }
        provider.kill();
    }
}
