//! Many operations in one transaction: what each of them may cost the others.

use super::*;
use crate::sqlite::writer::wholly;

#[tokio::test]
async fn an_operation_that_fails_fails_alone() {
    let (store, _folder) = fresh();
    store.put_code(&code(1)).await.unwrap();
    let gate = stall(&store).await;
    let codes = [code(2), code(1), code(3)];
    let mut puts = Box::pin(join_all(codes.iter().map(|code| store.put_code(code))));
    // The second of these fails after its first statement, and must take that back.
    let mut half = Box::pin(store.writer.write(|connection| {
        wholly(connection, || {
            assert_eq!(connection.execute("UPDATE codes SET spent_at = 1", ())?, 3);
            Ok(connection.execute("INSERT INTO families (id) VALUES (x'01')", ())?)
        })
    }));
    let last = family(3);
    let mut spend = store.spend_code(code(3).id, &last, NOW);
    assert!(poll!(&mut puts).is_pending() && poll!(&mut half).is_pending() && poll!(&mut spend).is_pending());
    drop(gate);
    let puts: Vec<bool> = puts.await.iter().map(Result::is_ok).collect();
    assert_eq!(puts, [true, false, true]);
    assert!(half.await.unwrap_err().to_string().contains("NOT NULL"));
    assert_eq!(spend.await.unwrap(), Spent::Done);
    assert!(matches!(store.find_code(code(1).id).await.unwrap(), CodeFacts::Live(_)));
    assert!(matches!(store.find_code(code(3).id).await.unwrap(), CodeFacts::Spent(_)));
}

#[tokio::test]
async fn what_waits_shares_a_transaction_and_is_seen_after_it() {
    let (store, folder) = fresh();
    let path = folder.path().join("state.db");
    let gate = stall(&store).await;
    let code = code(1);
    let mut put = store.put_code(&code);
    let mut look = Box::pin(store.writer.write(move |inside| {
        let count = |connection: &Connection| connection.query_row("SELECT count(*) FROM codes", (), |row| row.get(0));
        Ok::<(i64, i64), Fault>((count(inside)?, count(&Connection::open(path)?)?))
    }));
    assert!(poll!(&mut put).is_pending() && poll!(&mut look).is_pending());
    drop(gate);
    assert_eq!(look.await.unwrap(), (1, 0));
    put.await.unwrap();
    assert!(matches!(store.find_code(code.id).await.unwrap(), CodeFacts::Live(_)));
}

#[tokio::test]
async fn a_failed_commit_fails_the_whole_batch_and_nothing_after_it() {
    let (store, _folder) = fresh();
    let gate = stall(&store).await;
    let (first, last) = (code(1), code(2));
    let mut before = store.put_code(&first);
    // A foreign key that is looked at only at the end makes COMMIT itself fail.
    let mut orphan = Box::pin(store.writer.write(|connection| {
        connection.pragma_update(None, "defer_foreign_keys", true)?;
        Ok(connection.execute("INSERT INTO consent_scopes (consent, scope) VALUES (1, 'x')", ())?)
    }));
    let mut after = store.put_code(&last);
    assert!(poll!(&mut before).is_pending() && poll!(&mut orphan).is_pending() && poll!(&mut after).is_pending());
    drop(gate);
    for error in [before.await.unwrap_err(), after.await.unwrap_err()] {
        assert!(words(&error).contains("the transaction was rolled back: FOREIGN KEY constraint failed"), "{error:?}");
    }
    assert!(matches!(orphan.await, Err(Fault::RolledBack(_))));
    assert!(matches!(store.find_code(first.id).await.unwrap(), CodeFacts::Unknown));
    store.put_code(&first).await.unwrap();
    assert!(matches!(store.find_code(first.id).await.unwrap(), CodeFacts::Live(_)));
}

#[tokio::test]
async fn a_transaction_that_ends_early_fails_the_whole_batch() {
    let (store, _folder) = fresh();
    let gate = stall(&store).await;
    let (first, last) = (code(1), code(2));
    let mut before = store.put_code(&first);
    let mut end = Box::pin(store.writer.write(|connection| Ok(connection.execute_batch("ROLLBACK")?)));
    let mut after = store.put_code(&last);
    assert!(poll!(&mut before).is_pending() && poll!(&mut end).is_pending() && poll!(&mut after).is_pending());
    drop(gate);
    before.await.unwrap_err();
    end.await.unwrap_err();
    after.await.unwrap_err();
    for code in [first, last] {
        assert!(matches!(store.find_code(code.id).await.unwrap(), CodeFacts::Unknown));
        store.put_code(&code).await.unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let (store, folder) = fresh();
    let limit = |pages: u32| {
        store.writer.write(move |connection| {
            Ok(connection.query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(()))?)
        })
    };
    limit(60).await.unwrap();
    let codes: Vec<_> = (0..500).map(code).collect();
    let mut kept = Vec::new();
    let mut refused = Vec::new();
    for chunk in codes.chunks(50) {
        let outcomes = join_all(chunk.iter().map(|code| store.put_code(code))).await;
        for (code, outcome) in chunk.iter().zip(outcomes) {
            match outcome {
                Ok(()) => kept.push(code.id),
                Err(error) => {
                    assert!(words(&error).contains("full") || words(&error).contains("rolled back"), "{error:?}");
                    refused.push(code);
                }
            }
        }
    }
    assert!(!kept.is_empty() && !refused.is_empty());
    limit(100_000).await.unwrap();
    for code in &refused {
        store.put_code(code).await.unwrap();
    }
    store.close().await.unwrap();
    let store = reopen(&folder);
    for id in kept {
        assert!(matches!(store.find_code(id).await.unwrap(), CodeFacts::Live(_)));
    }
}

#[tokio::test]
async fn when_the_queue_is_full_callers_wait() {
    let (store, _folder) = fresh();
    let gate = stall(&store).await;
    let codes: Vec<_> = (0..3000).map(code).collect();
    let mut puts = Box::pin(join_all(codes.iter().map(|code| store.put_code(code))));
    assert!(poll!(&mut puts).is_pending());
    // One more finds no place; who gives up while waiting for one has written nothing.
    let late = code(9999);
    let mut waiting = store.put_code(&late);
    assert!(poll!(&mut waiting).is_pending());
    drop(waiting);
    drop(gate);
    puts.await.into_iter().for_each(Result::unwrap);
    assert!(matches!(store.find_code(code(2999).id).await.unwrap(), CodeFacts::Live(_)));
    assert!(matches!(store.find_code(late.id).await.unwrap(), CodeFacts::Unknown));
}

#[tokio::test]
async fn another_program_that_holds_the_database_for_a_moment_is_waited_for() {
    let (store, folder) = fresh();
    let other = Connection::open(folder.path().join("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let code = code(1);
    let mut put = store.put_code(&code);
    assert!(poll!(&mut put).is_pending());
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(poll!(&mut put).is_pending());
    other.execute_batch("COMMIT").unwrap();
    put.await.unwrap();
}
