//! What only a database on a disk can get wrong.

use std::sync::mpsc;

use futures::future::join_all;
use futures::poll;
use oidc::ids::LoginEpoch;
use oidc::records::Generation;
use rusqlite::params;
use tempfile::TempDir;

use super::*;
use crate::suite::{NOW, Parts as _, assert_same, code, consent, family, permissions, session, spent};

mod batches;
mod files;
mod kill;

/// An empty store, and its folder.
fn fresh() -> (Sqlite, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path().join("state.db")).unwrap();
    (store, folder)
}

fn reopen(folder: &TempDir) -> Sqlite {
    Sqlite::open(folder.path().join("state.db")).unwrap()
}

/// Keeps the writer busy until the answer is dropped, so that what is asked for meanwhile shares a transaction.
async fn stall(store: &Sqlite) -> mpsc::Sender<()> {
    let (gate, opened) = mpsc::channel::<()>();
    let (started, running) = tokio::sync::oneshot::channel();
    let mut stalled = Box::pin(store.writer.write(move |_| {
        started.send(()).unwrap();
        // Nothing is ever sent: this waits for the other end to go away.
        Ok(opened.recv().is_err())
    }));
    assert!(poll!(&mut stalled).is_pending());
    running.await.unwrap();
    gate
}

/// The whole chain of an error, as a log would show it.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = format!("{error} / {error:?}");
    if let Some(source) = error.source() {
        words = format!("{words}: {}", self::words(source));
    }
    words
}

#[tokio::test]
async fn reopening_finds_everything() {
    let (store, folder) = fresh();
    let shared: crate::suite::Subjected = std::sync::Arc::new(store);
    shared.put_code(&code(1)).await.unwrap();
    spent(&shared, 2).await;
    shared.revoke_family(family(2).id, NOW).await.unwrap();
    shared.open_session(&session(3), None).await.unwrap();
    shared.grant_consent(&consent("openid email")).await.unwrap();
    drop(shared);
    for round in 0..3 {
        let store = reopen(&folder);
        assert!(matches!(store.find_code(code(1).id).await.unwrap(), CodeFacts::Live(_)), "round {round}");
        assert!(matches!(store.find_code(code(2).id).await.unwrap(), CodeFacts::Spent { .. }));
        let revoked = store.find_family(family(2).id).await.unwrap();
        assert_eq!(revoked.unwrap().revoked_at, Some(NOW));
        assert_same(&store.find_session(session(3).id).await.unwrap(), &Some(session(3)));
        let ConsentRecord { issuer, user_uid, application_uid, .. } = consent("");
        let found = store.find_consent(&issuer, &user_uid, &application_uid).await.unwrap();
        assert_eq!(found, Some(consent("openid email")));
        // Each way of letting go, and the first opening after each.
        if round == 0 { drop(store) } else { store.close().await.unwrap() }
    }
}

#[tokio::test]
async fn what_was_queued_is_written_although_the_callers_went_away() {
    let (store, folder) = fresh();
    let gate = stall(&store).await;
    let codes: Vec<_> = (0..100).map(code).collect();
    let mut verbs = Box::pin(join_all(codes.iter().map(|code| store.put_code(code))));
    assert!(poll!(&mut verbs).is_pending());
    drop(verbs);
    drop(gate);
    drop(store);
    let store = reopen(&folder);
    for code in codes {
        assert!(matches!(store.find_code(code.id).await.unwrap(), CodeFacts::Live(_)));
    }
}

/// Rows as version 1 of the schema holds them, down to the letter: a later version must go on reading them.
#[tokio::test]
async fn rows_of_schema_version_1_are_read() {
    const GRANTED: &str = r#"{"issuer":"https://id.example","client":"default.wiki","application_uid":"a","subject":"s",
        "user_uid":"u","scope":["email","openid"],"nonce":null,"auth_time":1699999995000,"auth_time_requested":false,
        "amr":["pwd"],"session":"018bcfe5-6800-7000-8000-000000000001"}"#;
    let (store, _folder) = fresh();
    let id = code(1).id.uuid();
    let challenge = serde_json::to_string(&vec![5; 32]).unwrap();
    store
        .writer
        .write(move |connection| {
            let bytes = id.as_bytes();
            connection.execute(
                "INSERT INTO codes (id, proof, redirect_uri, challenge, granted, expires_at, family, spent_at) VALUES \
                 ($1, $2, 'https://app.example/cb', $3, $4, 1700000060000, $1, 1700000001000)",
                params![bytes, [6_u8; 32], challenge, GRANTED],
            )?;
            connection.execute(
                "INSERT INTO families VALUES ($1, 'https://id.example', 'u', 'a', $1, $2, 1700000001000, 1700003600000, 3, \
                 1700000002000, NULL)",
                params![bytes, GRANTED],
            )?;
            connection.execute(
                "INSERT INTO sessions (id, proof, issuer, subject, user_uid, auth_time, amr, last_seen_at, \
                 expires_at) VALUES ($1, $2, 'https://id.example', 's', 'u', 1699999995000, '[\"pwd\"]', \
                 1700000002000, 1700086400000)",
                params![bytes, [6_u8; 32]],
            )?;
            Ok(())
        })
        .await
        .unwrap();

    let CodeFacts::Spent(record) = store.find_code(code(1).id).await.unwrap() else { panic!() };
    assert_eq!(record.family.uuid(), id);
    assert_eq!(record.proof.as_bytes(), &[6; 32]);
    assert_eq!(serde_json::to_value(&record.challenge).unwrap(), serde_json::json!(vec![5; 32]));
    assert_eq!(record.redirect_uri, "https://app.example/cb");
    assert_eq!(record.expires_at, NOW.plus_secs(60));
    assert_eq!(record.authorization.permissions, permissions("openid email"));
    assert_eq!(record.authorization.auth_time, NOW.plus_secs(-5));
    let kept = store.find_family(family(1).id).await.unwrap().unwrap();
    assert_same(&kept.authorization, &record.authorization);
    assert_eq!((kept.created_at, kept.expires_at), (NOW.plus_secs(1), NOW.plus_secs(3600)));
    assert_eq!(kept.refresh, Some(Generation { number: 3, reached_at: NOW.plus_secs(2) }));
    let kept = store.find_session(session(1).id).await.unwrap().unwrap();
    assert_eq!((kept.last_seen_at, kept.expires_at), (NOW.plus_secs(2), NOW.plus_secs(86_400)));
    assert_eq!(kept.amr, ["pwd"]);
    assert_eq!(kept.login_epoch, LoginEpoch::default());
}

/// What cannot be read is an error that says where, without quoting it: it may be a secret that strayed there.
#[tokio::test]
async fn an_unreadable_row_is_an_error_that_quotes_nothing() {
    let (store, _folder) = fresh();
    for (n, change, expect) in [
        (1, "UPDATE codes SET granted = '\"hunter2\"' WHERE id = $1", "column `granted` holds what"),
        (2, "UPDATE codes SET challenge = '[\"hunter2\"]' WHERE id = $1", "column `challenge` holds what"),
        (3, "UPDATE codes SET granted = '{\"issuer\":1,\"hunter2\":2}' WHERE id = $1", "column `granted` holds what"),
        (4, "UPDATE codes SET proof = CAST('hunter2' AS BLOB) WHERE id = $1", "InvalidBlobSize"),
    ] {
        store.put_code(&code(n)).await.unwrap();
        let id = code(n).id.uuid();
        store.writer.write(move |connection| Ok(connection.execute(change, [id.as_bytes()])?)).await.unwrap();
        let error = store.find_code(code(n).id).await.unwrap_err();
        let words = words(&error);
        assert!(words.contains(expect), "{words}");
        assert!(!words.contains("hunter2"), "{words}");
    }
}

/// RFC 7009 §2.2: 200 means revoked. A store that cannot write must say so, whatever it is asked.
#[tokio::test]
async fn t_p16_when_the_writer_is_dead_every_verb_is_an_error() {
    let (store, _folder) = fresh();
    let died = store.writer.write::<(), _>(|_| panic!("on purpose")).await;
    assert!(matches!(died, Err(Fault::Gone)));
    let ConsentRecord { issuer, user_uid, application_uid, .. } = consent("");
    let (code, family, session) = (code(1), family(1), session(1));
    let failures = [
        store.grant(Grant { code: Some(&code), ..Grant::default() }).await.unwrap_err(),
        store.find_code(code.id).await.unwrap_err(),
        store.spend_code(code.id, &family, NOW).await.unwrap_err(),
        store.find_family(family.id).await.unwrap_err(),
        store.rotate_family(family.id, 0, NOW, NOW).await.unwrap_err(),
        store.revoke_family(family.id, NOW).await.unwrap_err(),
        store.open_session(&session, None).await.unwrap_err(),
        store.find_session(session.id).await.unwrap_err(),
        store.touch_session(session.id, NOW).await.unwrap_err(),
        store.clients_of_session(session.id, 1).await.unwrap_err(),
        store.sessions_of(&issuer, &user_uid, 1).await.unwrap_err(),
        store.end_session(session.id, NOW).await.unwrap_err(),
        store.end_sessions_of(&issuer, &user_uid, None, NOW).await.unwrap_err(),
        store.find_consent(&issuer, &user_uid, &application_uid).await.unwrap_err(),
        store.consents_of(&issuer, &user_uid, 1).await.unwrap_err(),
        store.revoke_consent(&issuer, &user_uid, &application_uid, NOW).await.unwrap_err(),
        store.purge(NOW, 1).await.unwrap_err(),
    ];
    for error in failures {
        assert!(words(&error).contains("restart the process"), "{error:?}");
    }
    assert!(store.close().await.is_err());
}

/// As many as may wait, for one application; none for another.
#[tokio::test]
async fn an_application_that_takes_nothing_does_not_fill_the_disk() {
    let (store, _folder) = fresh();
    let fill = |connection: &Connection| {
        Ok(connection.execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1) \
             INSERT INTO logouts (session, application_uid, client, sid, issuer, subject, ended_at, due_at, attempt) \
             SELECT CAST(printf('%016d', n) AS BLOB), 'application', 'c', zeroblob(16), 'i', 's', 0, 0, 0 FROM numbers",
            [crate::MAX_LOGOUTS - 1],
        )?)
    };
    store.writer.write(fill).await.unwrap();
    let joined =
        |name: &str| SessionClient { application_uid: Uid::new(name), client: consent("").client, sid: session(1).id };
    for (n, dropped) in [(1, 0), (2, 1), (3, 1)] {
        store.open_session(&session(n), None).await.unwrap();
        store.join_session(session(n).id, &joined("application")).await.unwrap();
        store.join_session(session(n).id, &joined("other")).await.unwrap();
        let ended = store.end_session(session(n).id, NOW).await.unwrap();
        assert_eq!(ended, EndedSessions { sessions: 1, dropped }, "{n}");
    }
    for n in [4, 5] {
        store.open_session(&session(n), None).await.unwrap();
        store.join_session(session(n).id, &joined("application")).await.unwrap();
    }
    let SessionRecord { issuer, user_uid, .. } = session(1);
    let ended = store.end_sessions_of(&issuer, &user_uid, None, NOW).await.unwrap();
    assert_eq!(ended, EndedSessions { sessions: 2, dropped: 2 });
}

#[tokio::test]
async fn a_dead_reader_costs_one_answer() {
    let (store, _folder) = fresh();
    store.put_code(&code(1)).await.unwrap();
    let died = store.readers.read::<(), _>(|_| panic!("on purpose")).await;
    assert!(matches!(died, Err(Fault::Gone)));
    for _ in 0..20 {
        assert!(matches!(store.find_code(code(1).id).await.unwrap(), CodeFacts::Live(_)));
    }
}

#[tokio::test]
async fn readers_cannot_write() {
    let (store, _folder) = fresh();
    let tried = store.readers.read(|connection| Ok(connection.execute("DELETE FROM sessions", ())?)).await;
    assert!(tried.unwrap_err().to_string().contains("readonly"));
}

#[tokio::test]
async fn a_commit_waits_for_the_disk() {
    use rusqlite::types::Value::{Integer, Text};
    let (store, _folder) = fresh();
    for (pragma, expect) in [
        // FULL: a power cut must not bring a spent code back to life.
        ("synchronous", Integer(2)),
        ("journal_mode", Text("wal".to_owned())),
        ("foreign_keys", Integer(1)),
        ("wal_autocheckpoint", Integer(4000)),
    ] {
        let read = move |connection: &Connection| {
            Ok(connection.query_row(&format!("PRAGMA {pragma}"), (), |row| row.get::<_, rusqlite::types::Value>(0))?)
        };
        assert_eq!(store.writer.write(read).await.unwrap(), expect, "{pragma}");
    }
}
