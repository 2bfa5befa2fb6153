//! [`Store::take_logouts`](crate::Store::take_logouts), [`defer_logout`](crate::Store::defer_logout),
//! [`settle_logout`](crate::Store::settle_logout), and what [`end_session`](crate::Store::end_session) leaves for them.

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use std::sync::Arc;

use oidc::ids::{ClientId, SessionId, Uid};
use oidc::records::{LogoutNotice, SessionClient, SessionRecord};
use oidc::time::Time;

use super::{NOW, Parts as _, Subjected, session, uuid};
use crate::{Ended, Touched};

/// The client of this name, which knows the login by another session's ID.
fn client(name: &str) -> SessionClient {
    SessionClient {
        application_uid: Uid::new(name),
        client: ClientId::new(format!("team-a.{name}'s")),
        sid: SessionId::new(uuid(77)),
    }
}

fn after(seconds: i64) -> Time {
    NOW.plus_secs(seconds)
}

/// A session with these clients.
async fn open(store: &Subjected, n: u64, clients: &[&str]) -> SessionRecord {
    store.open_session(&session(n), None).await.unwrap();
    for name in clients {
        store.join_session(session(n).id, &client(name)).await.unwrap();
    }
    session(n)
}

/// What the client hears of the end of that session at [`NOW`].
fn notice(n: u64, name: &str, attempt: u32) -> LogoutNotice {
    let SessionRecord { id, issuer, subject, .. } = session(n);
    LogoutNotice { session: id, client: client(name), issuer, subject, ended_at: NOW, attempt }
}

/// What is due, with a lease of 30 seconds; sorted, since the order within one call says nothing.
async fn take(store: &Subjected, now: Time, limit: u32) -> Vec<LogoutNotice> {
    let mut taken = store.take_logouts(now, now.plus_secs(30), limit).await.unwrap();
    taken.sort_by_key(|notice| (notice.session, notice.client.application_uid.clone()));
    taken
}

pub async fn the_end_of_a_session_is_told_to_its_clients(store: Subjected) {
    let one = open(&store, 1, &["notes", "wiki"]).await;
    open(&store, 2, &["notes"]).await;
    assert!(take(&store, NOW, 10).await.is_empty(), "nothing has ended");
    assert_eq!(store.end_session(one.id, NOW).await.unwrap().sessions, 1);
    assert!(take(&store, after(-1), 10).await.is_empty());
    assert_eq!(take(&store, NOW, 10).await, [notice(1, "notes", 1), notice(1, "wiki", 1)]);
    assert_eq!(store.settle_logout(&notice(1, "notes", 1)).await.unwrap(), Ended::Done);
    assert_eq!(store.settle_logout(&notice(1, "notes", 1)).await.unwrap(), Ended::Already);
    assert_eq!(take(&store, after(3600), 10).await, [notice(1, "wiki", 2)]);
}

pub async fn the_end_of_all_sessions_is_told_to_their_clients(store: Subjected) {
    for n in 1..4 {
        open(&store, n, &["notes"]).await;
    }
    let other = SessionRecord { user_uid: Uid::new("other"), ..session(4) };
    store.open_session(&other, None).await.unwrap();
    store.join_session(other.id, &client("notes")).await.unwrap();
    let SessionRecord { issuer, user_uid, .. } = session(1);
    assert_eq!(store.end_sessions_of(&issuer, &user_uid, Some(session(2).id), NOW).await.unwrap().sessions, 2);
    assert_eq!(take(&store, NOW, 10).await, [notice(1, "notes", 1), notice(3, "notes", 1)]);
    assert_eq!(store.end_sessions_of(&issuer, &user_uid, None, NOW).await.unwrap().sessions, 1);
    assert_eq!(take(&store, NOW, 10).await, [notice(2, "notes", 1)]);
}

pub async fn what_ends_by_itself_or_never_was_is_told_to_nobody(store: Subjected) {
    let one = open(&store, 1, &["notes"]).await;
    store.purge(one.expires_at, 10).await.unwrap();
    assert_eq!(store.end_session(one.id, NOW).await.unwrap().sessions, 0);
    let two = open(&store, 2, &["notes"]).await;
    // The same person logs in anew: the clients go on with the new session.
    store.open_session(&session(3), Some(two.id)).await.unwrap();
    assert!(take(&store, after(3600), 10).await.is_empty());
    store.end_session(session(3).id, NOW).await.unwrap();
    assert_eq!(take(&store, NOW, 10).await, [notice(3, "notes", 1)]);
}

pub async fn the_clients_of_whoever_was_there_before_hear_of_it(store: Subjected) {
    let one = open(&store, 1, &["notes", "wiki"]).await;
    let other = SessionRecord { user_uid: Uid::new("other"), auth_time: NOW, ..session(2) };
    store.open_session(&other, Some(one.id)).await.unwrap();
    assert_eq!(take(&store, NOW, 10).await, [notice(1, "notes", 1), notice(1, "wiki", 1)]);
}

pub async fn what_was_taken_up_is_due_again_at_its_time(store: Subjected) {
    let one = open(&store, 1, &["notes"]).await;
    store.end_session(one.id, NOW).await.unwrap();
    assert_eq!(take(&store, NOW, 10).await, [notice(1, "notes", 1)]);
    assert!(take(&store, after(29), 10).await.is_empty(), "somebody is at it");
    assert_eq!(take(&store, after(30), 10).await, [notice(1, "notes", 2)], "they died");
    assert_eq!(store.defer_logout(&notice(1, "notes", 2), after(500)).await.unwrap(), Touched::Done);
    assert!(take(&store, after(499), 10).await.is_empty());
    assert_eq!(take(&store, after(500), 10).await, [notice(1, "notes", 3)]);
    // Rows of sessions that are gone go on without them.
    store.purge(after(1_000_000_000), 10).await.unwrap();
    assert_eq!(take(&store, after(1_000_000), 10).await, [notice(1, "notes", 4)]);
}

pub async fn whoever_was_slower_changes_nothing(store: Subjected) {
    let one = open(&store, 1, &["notes"]).await;
    store.end_session(one.id, NOW).await.unwrap();
    let slow = take(&store, NOW, 10).await;
    assert_eq!(take(&store, after(30), 10).await.len(), 1);
    for late in &slow {
        assert_eq!(store.defer_logout(late, after(31)).await.unwrap(), Touched::Gone);
        assert_eq!(store.settle_logout(late).await.unwrap(), Ended::Already);
    }
    assert!(take(&store, after(59), 10).await.is_empty());
    assert_eq!(take(&store, after(60), 10).await, [notice(1, "notes", 3)]);
}

pub async fn those_due_for_longest_come_first(store: Subjected) {
    for n in 1..4 {
        let one = open(&store, n, &["notes"]).await;
        store.end_session(one.id, after(-i64::try_from(n).unwrap())).await.unwrap();
    }
    let taken = take(&store, NOW, 2).await;
    assert_eq!(taken.iter().map(|notice| notice.session).collect::<Vec<_>>(), [session(2).id, session(3).id]);
    assert_eq!(take(&store, NOW, 2).await.len(), 1);
}

pub async fn each_notice_is_taken_up_by_one_of_many(store: Subjected) {
    for n in 0..20 {
        let one = open(&store, n, &["notes"]).await;
        store.end_session(one.id, NOW).await.unwrap();
    }
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.take_logouts(NOW, after(30), 3).await.unwrap() })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.unwrap());
    }
    assert!(taken.iter().all(|notice| notice.attempt == 1), "{taken:?}");
    taken.sort_by_key(|notice| notice.session);
    taken.dedup_by_key(|notice| notice.session);
    assert_eq!(taken.len(), 20);
}
