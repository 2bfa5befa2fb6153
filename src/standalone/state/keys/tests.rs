use crypto::{Algorithm, KeyState, SigningKey};
use serde_json::Value;

use super::*;

struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn folder(&self) -> Folder {
        Folder::open(&self.root.path().join("state")).unwrap()
    }
}

fn provider() -> ObjectKey {
    ObjectKey::new("identity", "default")
}

fn ring() -> Vec<RingKey> {
    let key = |algorithm, state, since| RingKey {
        key: SigningKey::generate(algorithm).unwrap(),
        state,
        since,
        trigger: String::new(),
    };
    vec![
        key(Algorithm::RS256, KeyState::Active, 1),
        key(Algorithm::ES256, KeyState::Retiring, 2),
        key(Algorithm::EdDSA, KeyState::Pending, 3),
    ]
}

fn summary(keys: &[RingKey]) -> Vec<(String, KeyState, i64)> {
    let mut keys: Vec<_> = keys.iter().map(|key| (key.key.kid().to_string(), key.state, key.since)).collect();
    keys.sort();
    keys
}

#[test]
fn keys_are_made_once_and_kept() {
    let place = Place::new();
    let folder = place.folder();
    let first = Keys::open(&folder, &provider()).unwrap();
    assert_eq!(
        first.missing.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        [SEED.name, SERVER_KEY.name, SIGNING_KEYS.name]
    );
    assert!(first.signing.is_empty());
    let ring = ring();
    Keys::write_signing(&folder, &provider(), &ring).unwrap();
    let second = Keys::open(&folder, &provider()).unwrap();
    assert!(second.missing.is_empty());
    assert_eq!(second.seeds.fingerprint(), first.seeds.fingerprint());
    assert_eq!(second.server_keys.current_id(), first.server_keys.current_id());
    assert_eq!(summary(&second.signing), summary(&ring));
    // What was sealed before can be opened.
    let sealed = first.server_keys.seal(crypto::Purpose::RecordSeal, &[b"a"], b"b");
    assert_eq!(second.server_keys.open(crypto::Purpose::RecordSeal, &[b"a"], &sealed).unwrap().expose(), b"b");
}

#[test]
fn the_files_are_secrets_as_a_cluster_has_them() {
    let place = Place::new();
    let folder = place.folder();
    let keys = Keys::open(&folder, &provider()).unwrap();
    Keys::write_signing(&folder, &provider(), &ring()).unwrap();
    for (file, name, type_) in [
        ("seed.yaml", "default-seed", "portcullis.dev/seed"),
        ("server-key.yaml", "default-server-key", "portcullis.dev/server-key"),
        ("signing-keys.yaml", "default-signing-keys", "portcullis.dev/signing-keys"),
    ] {
        let text = String::from_utf8(folder.read(file).unwrap().unwrap()).unwrap();
        assert!(text.starts_with("# Private keys"), "{text}");
        let secret: k8s_openapi::api::core::v1::Secret = serde_yaml::from_str(&text).unwrap();
        assert_eq!(secret.metadata.namespace.as_deref(), Some("identity"));
        assert_eq!(secret.metadata.name.as_deref(), Some(name));
        assert_eq!(secret.type_.as_deref(), Some(type_));
        let data = secret.data.unwrap();
        match file {
            "seed.yaml" => assert_eq!(data["1"].0.len(), 32),
            "server-key.yaml" => {
                let current = &secret.metadata.annotations.unwrap()["portcullis.dev/current"];
                assert_eq!(current, keys.server_keys.current_id());
                assert_eq!(data[current].0.len(), 32);
            }
            _ => {
                assert_eq!(data.len(), 3);
                for (name, content) in data {
                    let content: Value = serde_json::from_slice(&content.0).unwrap();
                    assert_eq!(name, format!("{}.json", content["jwk"]["kid"].as_str().unwrap()));
                    assert!(content["state"].is_string() && content["since"].is_i64());
                }
            }
        }
    }
}

#[test]
fn damaged_key_files_stop_the_start_and_stay_as_they_are() {
    let place = Place::new();
    let folder = place.folder();
    Keys::open(&folder, &provider()).unwrap();
    Keys::write_signing(&folder, &provider(), &ring()).unwrap();
    let read = |name: &str| String::from_utf8(folder.read(name).unwrap().unwrap()).unwrap();
    for name in [SEED.name, SERVER_KEY.name, SIGNING_KEYS.name] {
        let good = read(name);
        for (bad, what) in [
            (String::new(), "empty"),
            (good.get(..good.len() / 2).unwrap().to_owned(), "cut"),
            (good.replace("data:", "date:"), "no data"),
            (good.replace("type: portcullis.dev/", "type: x/"), "another type"),
            (good.replace("portcullis.dev/current", "portcullis.dev/curren"), "no current"),
            (good.replace(": ey", ": ex"), "no JSON"),
            (good.replace("  \"1\": ", "  \"01\": "), "no number"),
            (good.replacen("==", "=", 1).replacen("=\n", "\n", 1), "cut base64"),
        ] {
            if bad == good {
                continue;
            }
            folder.write(name, bad.as_bytes()).unwrap();
            let error = Keys::open(&folder, &provider()).unwrap_err();
            assert!(matches!(error, StateError::Damaged { .. }), "{name}, {what}: {error}");
            assert!(error.to_string().contains(name) && error.to_string().contains("backup"), "{error}");
            assert_eq!(read(name), bad);
        }
        folder.write(name, good.as_bytes()).unwrap();
        Keys::open(&folder, &provider()).unwrap();
    }
}

#[test]
fn a_damaged_file_leaves_missing_ones_unmade() {
    let place = Place::new();
    let folder = place.folder();
    folder.write(SIGNING_KEYS.name, b"damaged").unwrap();
    Keys::open(&folder, &provider()).unwrap_err();
    assert_eq!(folder.names("").unwrap(), ["lock", SIGNING_KEYS.name]);
}

#[test]
fn an_unreadable_key_file_stops_the_start() {
    let place = Place::new();
    let folder = place.folder();
    folder.make_folder(SEED.name).unwrap();
    let error = Keys::open(&folder, &provider()).unwrap_err();
    assert!(matches!(error, StateError::Io { attempt: "read", .. }), "{error}");
}

#[test]
fn a_key_under_another_name_or_twice_is_damage() {
    let place = Place::new();
    let folder = place.folder();
    let ring = ring();
    let write = |name: String| {
        let data = keys::signing_data(&ring[1..2]).into_values().map(|json| (name.clone(), json)).collect();
        SIGNING_KEYS.write(&folder, &provider(), BTreeMap::new(), &data).unwrap();
        Keys::open(&folder, &provider())
    };
    assert!(write(format!("{}.json", ring[1].key.kid())).is_ok());
    assert!(write(format!("{}.json", ring[2].key.kid())).unwrap_err().to_string().contains("holds the key"));
    assert!(write("x.json".to_owned()).is_err());
    SIGNING_KEYS.write(&folder, &provider(), BTreeMap::new(), &BTreeMap::new()).unwrap();
    assert!(Keys::open(&folder, &provider()).unwrap_err().to_string().contains("it holds no key"));
}

#[test]
fn f42_the_folder_of_another_provider_is_refused() {
    let place = Place::new();
    let folder = place.folder();
    Keys::open(&folder, &provider()).unwrap();
    let other = ObjectKey::new("identity", "other");
    let error = Keys::open(&folder, &other).unwrap_err();
    assert!(
        error.to_string().ends_with("seed.yaml belongs to the OidcProvider identity/default, not to identity/other: give this provider another --state"),
        "{error}"
    );
}

#[test]
fn a_start_that_is_cut_short_is_finished_by_the_next_one() {
    // Two files of six steps each.
    for steps in 0..=12 {
        let place = Place::new();
        let folder = place.folder();
        folder.fuse.set(steps);
        let first = Keys::open(&folder, &provider());
        assert_eq!(first.is_ok(), steps >= 10, "after {steps} steps");
        let seed = folder.read(SEED.name).unwrap();
        drop(folder);
        let folder = place.folder();
        let second = Keys::open(&folder, &provider()).unwrap();
        assert!(seed.is_none() || folder.read(SEED.name).unwrap() == seed, "a seed that was written is the seed");
        let third = Keys::open(&folder, &provider()).unwrap();
        assert_eq!(third.seeds.fingerprint(), second.seeds.fingerprint());
        assert_eq!(third.server_keys.current_id(), second.server_keys.current_id());
    }
}
