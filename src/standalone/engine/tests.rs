mod issuers;
mod rotation;

use std::cell::RefCell;
use std::fs;

use crypto::{Algorithm, KeyState, PasswordPool};

use super::*;

const PROVIDER: &str = "apiVersion: portcullis.dev/v1alpha1
kind: OidcProvider
metadata: {name: default}
spec:
  issuer: http://127.0.0.1:8080
  applicationPolicies:
  - name: all
    namespaces: {type: All}
    loopbackRedirects: AddressOnly
  signing: {algorithms: [RS256]}
";

const NOTES: &str = "apiVersion: portcullis.dev/v1alpha1
kind: OidcApplication
metadata: {name: notes}
spec:
  redirectURIs: [http://127.0.0.1:8081/callback]
";

const ALICE: &str = "apiVersion: portcullis.dev/v1alpha1
kind: OidcUser
metadata: {name: alice}
spec:
  email: alice@example.com
  authentication: {passwordSecretRef: {name: alice-password}}
---
apiVersion: v1
kind: Secret
metadata: {name: alice-password}
type: portcullis.dev/user-password
stringData: {password: correct horse}
";

const FILE: &str = "credentials/default_notes-oidc.yaml";

/// Manifests, a state folder, and the processes that use them one after the other.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        fs::create_dir(place.path("manifests")).unwrap();
        for (name, text) in files {
            place.put(name, text);
        }
        place
    }

    fn usual() -> Self {
        Self::new(&[("provider.yaml", PROVIDER), ("notes.yaml", NOTES), ("alice.yaml", ALICE)])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path("manifests").join(name), text).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path("manifests").join(name)).unwrap();
    }

    fn state(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path("state").join(name)).ok()
    }

    fn open(&self) -> Result<Process, StartError> {
        self.open_as(None, Reach::Loopback)
    }

    fn open_as(&self, provider: Option<&ObjectKey>, reach: Reach) -> Result<Process, StartError> {
        let manifests = vec![self.path("manifests")];
        let engine = Engine::open(manifests, &self.path("state"), provider, reach, passwords())?;
        Ok(Process { engine, published: RefCell::default() })
    }

    fn start(&self) -> Process {
        self.open().unwrap()
    }
}

fn passwords() -> Passwords {
    Passwords::new(PasswordPool::new(1, 4).unwrap())
}

struct Process {
    engine: Engine,
    published: RefCell<Vec<Arc<Catalog>>>,
}

impl Process {
    fn pass(&mut self, now: i64) -> Passed {
        self.try_pass(now).unwrap()
    }

    fn try_pass(&mut self, now: i64) -> Result<Passed, StateError> {
        let published = &self.published;
        self.engine.pass(now, &|catalog| published.borrow_mut().push(catalog))
    }

    /// Catalogs so far.
    fn count(&self) -> usize {
        self.published.borrow().len()
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(self.published.borrow().last().unwrap())
    }

    fn clients(&self) -> Vec<String> {
        let catalog = self.catalog();
        catalog.realms().flat_map(|realm| realm.clients.keys().map(ToString::to_string).collect::<Vec<_>>()).collect()
    }

    fn hash_all(&mut self) {
        while !self.engine.passwords.is_idle() {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            if self.engine.passwords.poll(&mut context).is_pending() {
                std::thread::yield_now();
            }
        }
    }
}

fn wrong(passed: &Passed) -> Vec<String> {
    passed.news.wrong.iter().map(ToString::to_string).collect()
}

fn keys(process: &Process) -> Vec<(Algorithm, KeyState, i64)> {
    // A file holds them in the order of their names, which are random.
    let keys = process.engine.keys.signing.iter();
    let mut keys: Vec<_> = keys.map(|key| (key.key.algorithm(), key.state, key.since)).collect();
    keys.sort();
    keys
}

#[test]
fn manifests_become_a_catalog_and_credentials() {
    let place = Place::usual();
    let mut process = place.start();
    process.hash_all();
    let passed = process.pass(1000);
    assert_eq!(wrong(&passed), [""; 0]);
    let issuers = vec!["http://127.0.0.1:8080".to_owned()];
    assert_eq!(passed.serving, Some(Serving { issuers, applications: 1, users: 1, ignored: 0 }));
    assert_eq!(passed.credentials.written, [FILE]);
    assert_eq!(process.clients(), ["default.notes"]);
    let file = place.state(FILE).unwrap();
    assert!(file.contains("OIDC_CLIENT_ID: default.notes\n"), "{file}");
    assert!(file.contains("OIDC_CLIENT_SECRET: "), "{file}");
    assert!(file.contains("OIDC_ISSUER_URL: http://127.0.0.1:8080\n"), "{file}");
    let names = process.engine.folder.names("").unwrap();
    assert_eq!(names, ["lock", "seed.yaml", "server-key.yaml", "signing-keys.yaml", "uids.json"]);
}

#[test]
fn nothing_new_publishes_and_writes_nothing() {
    let place = Place::usual();
    let mut process = place.start();
    process.hash_all();
    process.pass(1000);
    let written = |name: &str| fs::metadata(place.path("state").join(name)).unwrap().modified().unwrap();
    let files = ["uids.json", "seed.yaml", "server-key.yaml", "signing-keys.yaml", FILE];
    let before: Vec<_> = files.iter().map(|file| written(file)).collect();
    for now in 1001..1010 {
        let passed = process.pass(now);
        assert!(passed.serving.is_none() && passed.credentials == Changes::default() && passed.news == News::default());
    }
    assert_eq!(process.count(), 1);
    assert_eq!(files.iter().map(|file| written(file)).collect::<Vec<_>>(), before);
    // A new process serves the very same.
    let digest = process.catalog().digest.clone();
    drop(process);
    let mut process = place.start();
    process.hash_all();
    process.pass(2000);
    assert_eq!(files.iter().map(|file| written(file)).collect::<Vec<_>>(), before);
    assert_eq!(process.catalog().provider_uid.as_str().len(), 36);
    // Passwords included: the hash that each had still fits.
    assert_eq!(process.catalog().digest, digest);
}

#[test]
fn an_edit_is_served_and_a_refused_object_is_not() {
    let place = Place::usual();
    let mut process = place.start();
    process.pass(1000);
    place.put("other.yaml", &NOTES.replace("name: notes", "name: other"));
    process.pass(1001);
    assert_eq!(process.clients(), ["default.notes", "default.other"]);
    place.put("notes.yaml", &NOTES.replace("redirectURIs", "redirectUris"));
    let passed = process.pass(1002);
    assert_eq!(process.clients(), ["default.other"], "it fails closed, the rest goes on");
    let lines = wrong(&passed);
    assert!(
        lines
            .iter()
            .any(|line| line.contains("notes.yaml:5: OidcApplication default/notes: spec.redirectUris: Unknown: ")),
        "{lines:?}"
    );
    let again = process.engine.pass(1003, &|_| panic!("nothing is new")).unwrap();
    assert_eq!(wrong(&again), [""; 0], "said once");
    let secret = place.state(FILE);
    assert!(secret.is_some(), "what its users have mounted stays");
    place.put("notes.yaml", NOTES);
    let passed = process.pass(1004);
    assert!(!passed.news.mended.is_empty());
    assert_eq!(process.clients(), ["default.notes", "default.other"]);
    assert_eq!(place.state(FILE), secret);
}

#[test]
fn a_verdict_names_the_line_of_its_field() {
    let place = Place::usual();
    place.put("notes.yaml", &NOTES.replace("http://127.0.0.1:8081", "https://notes.example.com"));
    let passed = place.start().pass(1000);
    let lines = wrong(&passed);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let expect = "notes.yaml:5: OidcApplication default/notes: spec.redirectURIs[0]: RedirectHostNotAllowed: ";
    assert!(lines[0].contains(expect), "{lines:?}");
}

#[test]
fn what_was_last_read_from_a_broken_file_is_served() {
    let place = Place::usual();
    let mut process = place.start();
    process.pass(1000);
    place.put("notes.yaml", "kind: [\n");
    let passed = process.pass(1001);
    assert_eq!(process.clients(), ["default.notes"]);
    assert_eq!(wrong(&passed).len(), 1);
    assert!(wrong(&passed)[0].contains("notes.yaml:1: Unreadable: "));
    // For as long as it takes.
    process.pass(100_000);
    assert_eq!(process.clients(), ["default.notes"]);
    drop(process);
    // At the start, the rest is served, and nobody loses what is theirs.
    let secret = place.state(FILE);
    let uids = place.state("uids.json");
    let mut process = place.start();
    process.pass(200_000);
    process.pass(300_000);
    assert_eq!(process.clients(), [""; 0]);
    assert_eq!((place.state(FILE), place.state("uids.json")), (secret.clone(), uids));
    place.put("notes.yaml", NOTES);
    process.pass(300_001);
    assert_eq!(process.clients(), ["default.notes"]);
    assert_eq!(place.state(FILE), secret);
}

#[test]
fn the_same_object_in_two_files_is_served_from_neither() {
    let place = Place::usual();
    let mut process = place.start();
    process.pass(1000);
    place.put("again.yaml", NOTES);
    let passed = process.pass(1001);
    assert_eq!(wrong(&passed).len(), 2);
    assert_eq!(process.clients(), [""; 0]);
    place.remove("again.yaml");
    process.pass(1002);
    assert_eq!(process.clients(), ["default.notes"]);
}

#[test]
fn a_provider_that_is_refused_or_gone_serves_nobody() {
    let place = Place::usual();
    let mut process = place.start();
    process.pass(1000);
    for broken in [PROVIDER.replace("issuer", "isuer"), PROVIDER.replace("RS256", "ES256"), String::new()] {
        place.put("provider.yaml", &broken);
        let passed = process.pass(1001);
        assert_eq!(passed.serving.unwrap().issuers, [""; 0]);
        assert_eq!(process.catalog().realms().count(), 0);
        assert!(process.pass(1002).serving.is_none(), "said once");
        place.put("provider.yaml", PROVIDER);
        let passed = process.pass(1003);
        assert_eq!(passed.serving.unwrap().applications, 1);
        assert_eq!(process.catalog().realms().count(), 1);
    }
}

#[test]
fn the_provider_has_to_be_clear() {
    let says = |place: &Place, provider: Option<&ObjectKey>| {
        let error = place.open_as(provider, Reach::Loopback).err().unwrap().to_string();
        error.replace(&format!("{}/", place.path("manifests").display()), "")
    };
    let other = ObjectKey::new("default", "other");
    let none = Place::new(&[("notes.yaml", NOTES)]);
    assert_eq!(says(&none, None), "the manifests hold no OidcProvider: add one");
    assert_eq!(says(&none, Some(&other)), "the manifests hold no OidcProvider default/other and no other one: add it");
    assert!(!none.path("state").exists(), "nothing was made for it");
    none.put("broken.yaml", "a: [\n");
    let expect =
        "the manifests hold no OidcProvider: add one. It may be in what cannot be read:\nbroken.yaml:1: Unreadable: ";
    assert!(says(&none, None).starts_with(expect), "{}", says(&none, None));
    let two = Place::usual();
    two.put("other.yaml", &PROVIDER.replace("name: default", "name: other").replace("8080", "9090"));
    assert_eq!(
        says(&two, None),
        "the manifests hold several OidcProviders: choose one with --provider, out of default/default, default/other"
    );
    assert_eq!(
        says(&two, Some(&ObjectKey::new("x", "y"))),
        "the manifests hold no OidcProvider x/y, but default/default, default/other: name one of them with --provider, or add it"
    );
    let mut process = two.open_as(Some(&other), Reach::Loopback).unwrap();
    let passed = process.pass(1000);
    assert_eq!(passed.serving.as_ref().unwrap().issuers, ["http://127.0.0.1:9090"]);
    assert_eq!(wrong(&passed), [""; 0], "the other one needs no keys here");
    assert_eq!(process.clients(), [""; 0], "the application belongs to the other one");
}

#[test]
fn plain_http_needs_a_loopback_listener() {
    let place = Place::usual();
    let error = place.open_as(None, Reach::Network).err().unwrap().to_string();
    assert!(error.contains("provider.yaml:5: OidcProvider default/default: spec.issuer: "), "{error}");
    assert!(error.contains("--listen"), "{error}");
    let https = PROVIDER.replace("http://127.0.0.1:8080", "https://id.example.com");
    place.put("provider.yaml", &https);
    let mut process = place.open_as(None, Reach::Network).unwrap();
    assert_eq!(process.pass(1000).serving.unwrap().issuers, ["https://id.example.com"]);
    // Nor later.
    place.put("provider.yaml", PROVIDER);
    let passed = process.pass(1001);
    assert_eq!(passed.serving.as_ref().unwrap().issuers, [""; 0]);
    assert!(wrong(&passed)[0].contains("--listen"));
}

#[test]
fn a_state_folder_among_the_manifests_is_refused() {
    let place = Place::usual();
    let open = |state: &str| {
        let manifests = vec![place.path("manifests")];
        Engine::open(manifests, &place.path(state), None, Reach::Loopback, passwords())
    };
    let error = open("manifests/state").unwrap_err();
    assert!(matches!(error, StartError::StateAmongManifests { .. }), "{error}");
    open("manifests/.state").unwrap();
}

#[test]
fn f22_an_algorithm_that_is_added_signs_when_it_is_known() {
    let place = Place::usual();
    let mut process = place.start();
    assert_eq!(process.pass(1000).next, Some(1000 + 2_592_000 - 86_400), "rotation");
    assert_eq!(keys(&process), [(Algorithm::RS256, KeyState::Active, 1000)]);
    place.put("provider.yaml", &PROVIDER.replace("[RS256]", "[RS256, EdDSA]"));
    assert_eq!(process.pass(2000).next, Some(2000 + 86_400));
    let added = [(Algorithm::RS256, KeyState::Active, 1000), (Algorithm::EdDSA, KeyState::Pending, 2000)];
    assert_eq!(keys(&process), added);
    let realm = |process: &Process| Arc::clone(process.catalog().realms().next().unwrap());
    assert_eq!(realm(&process).keys.published().keys.len(), 2, "published");
    assert_eq!(realm(&process).keys.algorithms(), [Algorithm::RS256], "and not used");
    drop(process);
    let mut process = place.start();
    process.pass(2000 + 86_400);
    assert_eq!(realm(&process).keys.algorithms(), [Algorithm::RS256, Algorithm::EdDSA]);
    place.put("provider.yaml", PROVIDER);
    process.pass(100_000);
    assert_eq!(keys(&process)[1], (Algorithm::EdDSA, KeyState::Retiring, 100_000));
    process.pass(100_000 + 172_800);
    assert_eq!(keys(&process), [(Algorithm::RS256, KeyState::Active, 1000)]);
}

#[test]
fn f40_an_object_that_was_gone_for_a_minute_is_another_one() {
    let place = Place::usual();
    let mut process = place.start();
    process.pass(1000);
    let secret = place.state(FILE).unwrap();
    place.remove("notes.yaml");
    let passed = process.pass(1001);
    assert_eq!((passed.credentials.removed.as_slice(), passed.next), ([FILE.to_owned()].as_slice(), Some(1061)));
    assert_eq!(process.clients(), [""; 0]);
    place.put("notes.yaml", NOTES);
    process.pass(1060);
    assert_eq!(place.state(FILE).unwrap(), secret, "back in time: the same");
    place.remove("notes.yaml");
    process.pass(1100);
    let forgotten = process.pass(1160).forgotten;
    assert_eq!(forgotten.iter().map(ToString::to_string).collect::<Vec<_>>(), ["OidcApplication default/notes"]);
    place.put("notes.yaml", NOTES);
    process.pass(1161);
    assert_ne!(place.state(FILE).unwrap(), secret, "another one");
}

#[test]
fn a_retained_secret_is_not_given_to_another_application() {
    let place = Place::usual();
    let retain = format!("{NOTES}  clientAuthentication: {{clientSecret: {{target: {{deletionPolicy: Retain}}}}}}\n");
    place.put("notes.yaml", &retain);
    let mut process = place.start();
    process.pass(1000);
    let secret = place.state(FILE);
    place.remove("notes.yaml");
    process.pass(1001);
    process.pass(1061);
    assert_eq!(place.state(FILE), secret);
    place.put("notes.yaml", &retain);
    let passed = process.pass(1062);
    let lines = wrong(&passed);
    assert!(lines[0].contains("notes.yaml:6: OidcApplication default/notes: spec.clientAuthentication.clientSecret.target.name: SecretConflict: "), "{lines:?}");
    assert_eq!(place.state(FILE), secret);
}

#[test]
fn a_password_is_hashed_and_then_served() {
    let place = Place::usual();
    let mut process = place.start();
    let account = |process: &Process| {
        let catalog = process.catalog();
        let accounts = Arc::clone(&catalog.realms().next().unwrap().accounts);
        accounts.by_username("alice").unwrap().password.clone()
    };
    let passed = process.pass(1000);
    assert_eq!(wrong(&passed), [""; 0], "that it takes a moment is no news");
    process.hash_all();
    process.pass(1001);
    let right = crypto::Secret::new("correct horse".to_owned());
    assert!(account(&process).unwrap().verify(&right));
    let hash = |process: &Process| account(process).unwrap().as_secret_str().expose().clone();
    let first = hash(&process);
    place.put("other.yaml", &NOTES.replace("name: notes", "name: other"));
    process.pass(1002);
    assert_eq!(hash(&process), first, "hashed once");
    place.put("alice.yaml", &ALICE.replace("correct horse", "battery staple"));
    process.pass(1003);
    process.hash_all();
    process.pass(1004);
    assert!(!account(&process).unwrap().verify(&right));
}

#[test]
fn damaged_state_stops_the_start() {
    let place = Place::usual();
    place.start().pass(1000);
    for name in ["uids.json", "seed.yaml", "server-key.yaml", "signing-keys.yaml"] {
        let good = place.state(name).unwrap();
        fs::write(place.path("state").join(name), good.get(..good.len() / 2).unwrap()).unwrap();
        let error = place.open().err().unwrap();
        assert!(matches!(error, StartError::State(StateError::Damaged { .. })), "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
        fs::write(place.path("state").join(name), good).unwrap();
        place.start();
    }
}

#[test]
fn f23_a_seed_that_is_lost_or_replaced_stops_the_start() {
    let place = Place::usual();
    place.start().pass(1000);
    let seed = place.path("state/seed.yaml");
    let good = fs::read(&seed).unwrap();
    fs::remove_file(&seed).unwrap();
    let error = place.open().err().unwrap().to_string();
    assert!(error.contains("generation 1 of the seed is missing. Restore it from a backup"), "{error}");
    assert!(!seed.exists(), "none is made in its place");
    let another = Place::usual();
    another.start().pass(1000);
    fs::copy(another.path("state/seed.yaml"), &seed).unwrap();
    let error = place.open().err().unwrap().to_string();
    assert!(error.contains("generation 1 of the seed is not the one"), "{error}");
    fs::write(&seed, good).unwrap();
    place.start();
}

#[test]
fn f21_signing_keys_that_are_gone_are_made_anew_under_new_names() {
    let place = Place::usual();
    let mut process = place.start();
    process.pass(1000);
    let kid = process.engine.keys.signing[0].key.kid().clone();
    let secret = place.state(FILE);
    drop(process);
    fs::remove_file(place.path("state/signing-keys.yaml")).unwrap();
    let mut process = place.start();
    process.pass(2000);
    assert_ne!(*process.engine.keys.signing[0].key.kid(), kid);
    assert_eq!(place.state(FILE), secret, "client secrets do not depend on them");
}

#[test]
fn a_process_that_is_killed_anywhere_leaves_a_folder_that_starts_again() {
    let names = ["uids.json", "seed.yaml", "server-key.yaml", "signing-keys.yaml", FILE];
    let place = Place::usual();
    let mut steps = 0;
    loop {
        drop(fs::remove_dir_all(place.path("state")));
        let folder = Folder::open(&place.path("state")).unwrap();
        folder.fuse.set(steps);
        let reader = Reader::new(vec![place.path("manifests")]);
        let provider = ObjectKey::new("default", "default");
        let engine = Engine::with_folder(reader, folder, provider, Reach::Loopback, passwords());
        let mut published = None;
        let finished = engine.map_err(|_| ()).and_then(|engine| {
            let mut process = Process { engine, published: RefCell::default() };
            let passed = process.try_pass(1000);
            published = process.published.borrow().last().map(|catalog| catalog.provider_uid.clone());
            passed.map_err(|_| ())
        });
        let before: Vec<_> = names.iter().map(|name| place.state(name)).collect();
        let mut process = place.start();
        process.pass(2000);
        for (name, before) in names.iter().zip(before) {
            let after = place.state(name).unwrap();
            assert!(before.is_none_or(|before| before == after), "{name} has changed after a kill at step {steps}");
        }
        if let Some(published) = published {
            assert_eq!(process.catalog().provider_uid, published, "what was published was kept before");
        }
        assert_eq!(process.clients(), ["default.notes"]);
        if finished.is_ok() {
            break;
        }
        steps += 1;
    }
    // Five files of five steps each, and a folder.
    assert_eq!(steps, 26);
}

#[test]
fn what_cannot_be_kept_is_not_served() {
    let place = Place::usual();
    let mut process = place.start();
    process.pass(1000);
    place.put("other.yaml", &NOTES.replace("name: notes", "name: other"));
    process.engine.folder.fuse.set(0);
    for now in 1001..1004 {
        process.try_pass(now).unwrap_err();
        assert_eq!(process.clients(), ["default.notes"], "its UID is not on the disk");
    }
    process.engine.folder.fuse.set(1000);
    process.pass(1005);
    assert_eq!(process.clients(), ["default.notes", "default.other"]);
}
