//! A process that is killed at a random instant loses nothing that it acknowledged.

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use oidc::records::ConsentRecord;

use super::*;

const NAME: &str = "sqlite::tests::kill::a_killed_process_loses_nothing_that_it_acknowledged";
const DATABASE: &str = "STORE_KILL_DATABASE";
const FIRST: &str = "STORE_KILL_FIRST";
const ROUNDS: u64 = 6;
const TASKS: u64 = 16;

/// Plays both parts: the test runs itself again as the process that is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    if let Ok(path) = std::env::var(DATABASE) {
        return write_until_killed(&path, std::env::var(FIRST).unwrap().parse().unwrap()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let delay = Duration::from_millis(50 + RandomState::new().hash_one(round) % 200);
        let new = kill_after(delay, &path, round * 1_000_000);
        let store = Sqlite::open(&path).unwrap();
        join_all(new.iter().map(|(verb, n)| verify(&store, verb, *n))).await;
        store.close().await.unwrap();
        acknowledged.extend(new);
    }
    assert!(acknowledged.len() > 100, "only {} changes in all rounds", acknowledged.len());
    let store = Sqlite::open(&path).unwrap();
    join_all(acknowledged.iter().map(|(verb, n)| verify(&store, verb, *n))).await;
}

/// Starts the writing process, kills it, and tells what it had acknowledged.
fn kill_after(delay: Duration, path: &Path, first: u64) -> Vec<(String, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(DATABASE, path)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        // A line that was cut off lacks its end.
        let acknowledged = |line: String| {
            let mut words = line.strip_prefix("did ")?.strip_suffix(" .")?.split(' ');
            Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
        };
        output.lines().map(Result::unwrap).filter_map(acknowledged).collect()
    });
    std::thread::sleep(delay);
    let in_use = Sqlite::open(path);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9), "the process had ended by itself");
    assert!(matches!(in_use, Err(OpenError::InUse(_))), "two processes had the file open: {in_use:?}");
    reader.join().unwrap()
}

async fn write_until_killed(path: &str, first: u64) {
    let store = Arc::new(Sqlite::open(path).unwrap());
    let tasks = (0..TASKS).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in (first + task..).step_by(usize::try_from(TASKS).unwrap()) {
                write(&store, n).await;
            }
        })
    });
    join_all(tasks).await;
}

/// Some of everything, each printed after it was acknowledged.
async fn write(store: &Sqlite, n: u64) {
    store.put_code(&code(n)).await.unwrap();
    say("put", n);
    if n.is_multiple_of(2) {
        assert_eq!(store.spend_code(code(n).id, &family(n), NOW).await.unwrap(), Spent::Done);
        say("spend", n);
    }
    if n.is_multiple_of(6) {
        assert_eq!(store.rotate_family(family(n).id, 0, NOW, NOW).await.unwrap(), Rotated::Done);
        say("rotate", n);
    }
    if n.is_multiple_of(4) {
        assert_eq!(store.revoke_family(family(n).id, NOW).await.unwrap(), Ended::Done);
        say("revoke", n);
    }
    store.open_session(&session(n), None).await.unwrap();
    if n.is_multiple_of(2) {
        assert_eq!(store.end_session(session(n).id, NOW).await.unwrap().sessions, 1);
        say("end", n);
    } else {
        say("open", n);
    }
    store.grant_consent(&granted(n)).await.unwrap();
    say("grant", n);
}

fn say(verb: &str, n: u64) {
    // The test runner may have left half a line behind.
    std::io::stdout().write_all(format!("\ndid {verb} {n} .\n").as_bytes()).unwrap();
}

fn granted(n: u64) -> ConsentRecord {
    ConsentRecord { user_uid: Uid::new((n / 50).to_string()), ..consent(&format!("api:{n}")) }
}

async fn verify(store: &Sqlite, verb: &str, n: u64) {
    let facts = store.find_code(code(n).id).await.unwrap();
    let family = store.find_family(family(n).id).await.unwrap();
    match facts {
        CodeFacts::Live(_) => assert!(family.is_none(), "code {n} is live and has a family"),
        CodeFacts::Spent(_) => assert!(family.is_some(), "code {n} is spent and has no family"),
        CodeFacts::Unknown => panic!("code {n} is lost, after {verb}"),
    }
    let kept = match verb {
        "put" => true,
        "spend" => family.is_some(),
        "rotate" => family.and_then(|family| family.refresh).is_some_and(|generation| generation.number == 1),
        "revoke" => family.is_some_and(|family| family.revoked_at.is_some()),
        "open" => store.find_session(session(n).id).await.unwrap().is_some(),
        "end" => store.find_session(session(n).id).await.unwrap().is_none(),
        "grant" => {
            let ConsentRecord { issuer, user_uid, application_uid, permissions, .. } = granted(n);
            let found = store.find_consent(&issuer, &user_uid, &application_uid).await.unwrap();
            found.is_some_and(|found| permissions.is_subset(&found.permissions))
        }
        other => panic!("unknown verb {other}"),
    };
    assert!(kept, "{verb} {n} is lost");
}
