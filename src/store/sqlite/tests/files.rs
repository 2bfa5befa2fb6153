//! Which files are opened, how, and what is said about those that are not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::*;
use crate::sqlite::schema;

/// A folder with one closed database in it.
async fn closed() -> (PathBuf, TempDir) {
    let (store, folder) = fresh();
    let codes: Vec<_> = (0..200).map(code).collect();
    join_all(codes.iter().map(|code| store.put_code(code))).await.into_iter().for_each(Result::unwrap);
    store.close().await.unwrap();
    (folder.path().join("state.db"), folder)
}

/// That the path is refused in these words, and that the file is as it was.
#[track_caller]
fn refused(path: &Path, expect: &str) -> OpenError {
    let before = fs::read(path).ok();
    let error = Sqlite::open(path).unwrap_err();
    assert!(error.to_string().contains(expect), "{error}");
    assert_eq!(fs::read(path).ok(), before, "the file was changed");
    error
}

#[tokio::test]
async fn a_file_serves_one_store_at_a_time() {
    let (store, folder) = fresh();
    let path = folder.path().join("state.db");
    let alias = folder.path().join("alias.db");
    symlink(&path, &alias).unwrap();
    for name in [&path, &alias] {
        let error = Sqlite::open(name).unwrap_err();
        assert!(matches!(error, OpenError::InUse(_)), "{error:?}");
        assert!(error.to_string().contains("in use by another process"), "{error}");
    }
    store.put_code(&code(1)).await.unwrap();
    store.close().await.unwrap();
    let store = Sqlite::open(&alias).unwrap();
    assert!(matches!(store.find_code(code(1).id).await.unwrap(), CodeFacts::Live(_)));
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let (store, folder) = fresh();
    store.put_code(&code(1)).await.unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["state.db", "state.db-shm", "state.db-wal", "state.db.lock"]);
    store.close().await.unwrap();
    assert!(!folder.path().join("state.db-wal").exists(), "the log was not folded into the database");
}

#[test]
fn a_place_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [folder.path().join("missing/state.db"), file.join("state.db"), PathBuf::from("/sys/kernel/state.db")] {
        let error = refused(&path, "cannot write `");
        assert!(matches!(error, OpenError::Unwritable { .. }), "{error:?}");
        assert!(!path.exists());
    }
    for path in [folder.path(), Path::new("/")] {
        assert!(matches!(refused(path, "is not the name of a file"), OpenError::NotAFile(_)));
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    for content in ["kind: OidcUser\n".repeat(500), "xy".to_owned()] {
        fs::write(&path, content).unwrap();
        assert!(matches!(refused(&path, "is not a database"), OpenError::NotADatabase(_)));
    }
}

#[test]
fn an_empty_file_becomes_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    fs::write(&path, "").unwrap();
    drop(Sqlite::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    assert_eq!(schema::identify(&connection).unwrap(), schema::Kind::Ours);
}

#[test]
fn a_database_of_another_program_is_refused() {
    for setup in
        ["CREATE TABLE notes (text TEXT)", "PRAGMA application_id = 77", "PRAGMA user_version = 1"].map(str::to_owned)
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        Connection::open(&path).unwrap().execute_batch(&setup).unwrap();
        assert!(matches!(refused(&path, "a database of another program"), OpenError::Foreign(_)), "{setup}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (path, _folder) = closed().await;
    let newer = schema::latest() + 1;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", newer).unwrap();
    let error = refused(&path, "start the newer version again");
    assert!(matches!(error, OpenError::Newer { found, .. } if found == newer), "{error:?}");
}

/// F47: whatever an earlier version left is brought up to date, and opening again changes nothing.
#[test]
fn migrations_run_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut shapes = Vec::new();
    for _ in 0..2 {
        drop(Sqlite::open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        let mut statement = connection.prepare("SELECT group_concat(sql) FROM sqlite_schema").unwrap();
        let shape: String = statement.query_row((), |row| row.get(0)).unwrap();
        let version: i64 = connection.query_row("PRAGMA user_version", (), |row| row.get(0)).unwrap();
        assert_eq!(version, schema::latest());
        shapes.push(shape);
    }
    assert_eq!(shapes[0], shapes[1]);
}

/// F47: a file of the first version is brought up to date with what stands in it.
#[tokio::test]
async fn a_file_of_version_1_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(include_str!("../migrations/0001.sql")).unwrap();
    connection.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let id = code(1).id.uuid();
    let granted = serde_json::to_string(&code(1).authorization).unwrap();
    let row = "INSERT INTO codes VALUES ($1, $2, 'https://app.example/cb', NULL, $3, 1700000060000, $1, NULL)";
    connection.execute(row, params![id.as_bytes(), [7_u8; 32], granted]).unwrap();
    drop(connection);

    let store = Sqlite::open(&path).unwrap();
    assert!(matches!(store.find_code(code(1).id).await.unwrap(), CodeFacts::Live(_)));
    assert_eq!(store.spend_code(code(1).id, &family(1), NOW).await.unwrap(), Spent::Done);
    let ConsentRecord { issuer: _, user_uid, application_uid, .. } = consent("");
    store.revoke_consent(&family(1).authorization.issuer, &user_uid, &application_uid, NOW).await.unwrap();
    assert_eq!(store.find_family(family(1).id).await.unwrap().unwrap().revoked_at, Some(NOW));
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let (path, _folder) = closed().await;
    let sound = fs::read(&path).unwrap();
    let mut scrambled = sound.clone();
    scrambled[100..4096].fill(0xff);
    for damaged in [scrambled, sound[..sound.len() / 2].to_vec()] {
        fs::write(&path, damaged).unwrap();
        let error = refused(&path, "is damaged: restore it from a backup");
        assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    }
    fs::write(&path, sound).unwrap();
    let store = Sqlite::open(&path).unwrap();
    assert!(matches!(store.find_code(code(1).id).await.unwrap(), CodeFacts::Live(_)));
}

#[tokio::test]
async fn damage_that_shows_late_is_an_error_and_no_answer() {
    let (path, _folder) = closed().await;
    let mut bytes = fs::read(&path).unwrap();
    // The schema stays; every page after it is scrambled.
    let schema_pages = 8 * 4096;
    bytes[schema_pages..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let store = Sqlite::open(&path).unwrap();
    let mut errors = 0;
    for n in 0..200 {
        match store.find_code(code(n).id).await {
            Ok(CodeFacts::Live(_)) => {}
            Ok(facts) => panic!("damage read as {facts:?}"),
            Err(error) => {
                assert!(words(&error).contains("malformed"), "{error:?}");
                errors += 1;
            }
        }
    }
    assert!(errors > 0);
}

#[test]
fn a_database_without_a_log_is_told_apart() {
    let memory = Connection::open_in_memory().unwrap();
    assert_eq!(open::configure(&memory).unwrap(), "memory");
}
