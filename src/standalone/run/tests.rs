use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::*;

const PROVIDER: &str = "apiVersion: portcullis.dev/v1alpha1
kind: OidcProvider
metadata: {name: default}
spec: {issuer: 'http://127.0.0.1:8080', signing: {algorithms: [RS256]}}
";

const ALICE: &str = "apiVersion: portcullis.dev/v1alpha1
kind: OidcUser
metadata: {name: alice}
spec: {authentication: {passwordSecretRef: {name: alice-password}}}
---
apiVersion: v1
kind: Secret
metadata: {name: alice-password}
type: portcullis.dev/user-password
stringData: {password: correct horse}
";

const NOTES: &str = "apiVersion: portcullis.dev/v1alpha1
kind: OidcApplication
metadata: {name: notes}
spec: {redirectURIs: ['http://127.0.0.1:8081/callback']}
";

const PATIENCE: Duration = Duration::from_secs(10);

fn fixed_clock() -> i64 {
    1000
}

fn options(root: &Path, clock: fn() -> i64) -> Options {
    let manifests = root.join("manifests");
    Options { manifests, state: root.join("state"), provider: None, reach: Reach::Loopback, clock }
}

fn place() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("manifests")).unwrap();
    fs::write(root.path().join("manifests/provider.yaml"), PROVIDER).unwrap();
    fs::write(root.path().join("manifests/alice.yaml"), ALICE).unwrap();
    root
}

struct Running {
    catalogs: mpsc::UnboundedReceiver<Arc<Catalog>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

fn run(options: Options) -> Running {
    let standalone = Standalone::start(options).unwrap();
    let (sender, catalogs) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(standalone.run(move |catalog| sender.send(catalog).unwrap(), async {
        drop(stopped.await);
    }));
    Running { catalogs, stop, task }
}

impl Running {
    async fn next(&mut self) -> Arc<Catalog> {
        timeout(PATIENCE, self.catalogs.recv()).await.unwrap().unwrap()
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap();
    }
}

fn clients(catalog: &Catalog) -> usize {
    catalog.realms().map(|realm| realm.clients.len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_are_served_within_a_second_until_the_end() {
    let root = place();
    let file = root.path().join("manifests/notes.yaml");
    let mut running = run(options(root.path(), fixed_clock));
    let first = running.next().await;
    assert_eq!(clients(&first), 0);
    let accounts = &first.realms().next().unwrap().accounts;
    assert!(accounts.by_username("alice").unwrap().password.is_some(), "whoever meets a catalog can log in");
    let start = Instant::now();
    fs::write(&file, NOTES).unwrap();
    assert_eq!(clients(&*running.next().await), 1);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    fs::remove_file(&file).unwrap();
    assert_eq!(clients(&*running.next().await), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_removed_by_hand_come_back() {
    let root = place();
    fs::write(root.path().join("manifests/notes.yaml"), NOTES).unwrap();
    let mut running = run(options(root.path(), fixed_clock));
    running.next().await;
    let file = root.path().join("state/credentials/default_notes-oidc.yaml");
    let read = async || {
        let start = Instant::now();
        loop {
            match fs::read_to_string(&file) {
                Ok(text) => return text,
                Err(_) => assert!(start.elapsed() < PATIENCE),
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let before = read().await;
    // After it has been seen once.
    sleep(Duration::from_secs(1)).await;
    fs::remove_file(&file).unwrap();
    assert_eq!(read().await, before);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_is_hashed_and_served() {
    let root = place();
    let mut running = run(options(root.path(), fixed_clock));
    running.next().await;
    fs::write(root.path().join("manifests/alice.yaml"), ALICE.replace("correct horse", "battery staple")).unwrap();
    let password = crypto::Secret::new("battery staple".to_owned());
    loop {
        let catalog = running.next().await;
        let account = catalog.realms().next().unwrap().accounts.by_username("alice").unwrap().clone();
        if account.password.is_some_and(|hash| hash.verify(&password)) {
            break;
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_keys_move_on_by_the_clock_alone() {
    static NOW: AtomicI64 = AtomicI64::new(1000);
    let root = place();
    // The shortest times that a schema permits.
    let signing = "jwksMaxAgeSeconds: 1, prePublishSeconds: 1, ";
    let with =
        |algorithms: &str| PROVIDER.replace("algorithms: [RS256]", &format!("{signing}algorithms: [{algorithms}]"));
    fs::write(root.path().join("manifests/provider.yaml"), with("RS256")).unwrap();
    let mut running = run(options(root.path(), || NOW.load(Ordering::SeqCst)));
    let algorithms = |catalog: &Catalog| catalog.realms().next().unwrap().keys.algorithms().len();
    assert_eq!(algorithms(&*running.next().await), 1);
    fs::write(root.path().join("manifests/provider.yaml"), with("RS256, EdDSA")).unwrap();
    let catalog = running.next().await;
    assert_eq!((algorithms(&catalog), catalog.realms().next().unwrap().keys.published().keys.len()), (1, 2));
    NOW.store(1001, Ordering::SeqCst);
    assert_eq!(algorithms(&*running.next().await), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_refused_and_a_later_one_is_not() {
    let root = place();
    let refused = || {
        let error = Standalone::start(options(root.path(), fixed_clock)).unwrap_err();
        assert!(matches!(error, StartError::State(StateError::InUse { .. })), "{error}");
    };
    let first = Standalone::start(options(root.path(), fixed_clock)).unwrap();
    let lock = first.lock();
    refused();
    drop(first);
    refused();
    drop(lock);
    let mut running = run(options(root.path(), fixed_clock));
    running.next().await;
    refused();
    running.stop().await;
    let again = Standalone::start(options(root.path(), fixed_clock)).unwrap();
    assert_eq!(again.state_db(), root.path().join("state/state.db"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_stopped_before_the_first_catalog() {
    let root = place();
    let running = run(options(root.path(), fixed_clock));
    running.stop().await;
}
