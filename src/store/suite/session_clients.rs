//! The clients that [`Store::grant`](crate::Store::grant) writes down, [`clients_of_session`](crate::Store::clients_of_session).

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use oidc::ids::{ClientId, SessionId, Uid};
use oidc::records::{SessionClient, SessionRecord};

use super::{NOW, Parts as _, Subjected, session};
use crate::Granted;

fn client(name: &str, sid: SessionId) -> SessionClient {
    SessionClient { application_uid: Uid::new(name), client: ClientId::new(format!("team-a.{name}'s")), sid }
}

async fn join(store: &Subjected, n: u64, client: &SessionClient) -> Granted {
    store.join_session(session(n).id, client).await.unwrap()
}

async fn of(store: &Subjected, n: u64) -> Vec<SessionClient> {
    store.clients_of_session(session(n).id, 10).await.unwrap()
}

pub async fn clients_of_a_session_are_told_once_each(store: Subjected) {
    for n in [1, 2] {
        store.open_session(&session(n), None).await.unwrap();
    }
    assert!(of(&store, 1).await.is_empty());
    let [notes, wiki] = ["notes", "wiki"].map(|name| client(name, session(1).id));
    for joined in [&wiki, &notes, &notes] {
        assert_eq!(join(&store, 1, joined).await, Granted::Done);
    }
    assert_eq!(join(&store, 2, &client("other", session(2).id)).await, Granted::Done);
    assert_eq!(of(&store, 1).await, [notes.clone(), wiki]);
    assert_eq!(store.clients_of_session(session(1).id, 1).await.unwrap(), [notes]);
    // An application that asks again knows the login by what it was told last, and may have another ID by then.
    let again = SessionClient { client: ClientId::new("renamed"), ..client("notes", session(9).id) };
    join(&store, 1, &again).await;
    assert_eq!(of(&store, 1).await.first(), Some(&again));
}

pub async fn nobody_joins_a_session_that_is_gone(store: Subjected) {
    let notes = client("notes", session(1).id);
    assert_eq!(join(&store, 1, &notes).await, Granted::SessionGone);
    store.open_session(&session(1), None).await.unwrap();
    assert!(of(&store, 1).await.is_empty());
    join(&store, 1, &notes).await;
    store.end_session(session(1).id, NOW).await.unwrap();
    assert!(of(&store, 1).await.is_empty());
    assert_eq!(join(&store, 1, &notes).await, Granted::SessionGone);
}

pub async fn clients_go_with_their_session_however_it_goes(store: Subjected) {
    for n in 1..4 {
        store.open_session(&session(n), None).await.unwrap();
        join(&store, n, &client("notes", session(n).id)).await;
    }
    let SessionRecord { issuer, user_uid, .. } = session(1);
    store.end_sessions_of(&issuer, &user_uid, Some(session(1).id), NOW).await.unwrap();
    assert!(of(&store, 2).await.is_empty() && of(&store, 3).await.is_empty());
    assert_eq!(of(&store, 1).await.len(), 1);
    store.purge(session(1).expires_at, 10).await.unwrap();
    assert!(of(&store, 1).await.is_empty());
}

pub async fn clients_are_handed_on_when_the_same_person_logs_in_again(store: Subjected) {
    let other = |n| SessionRecord { user_uid: Uid::new("other"), ..session(n) };
    store.open_session(&session(1), None).await.unwrap();
    let notes = client("notes", session(1).id);
    join(&store, 1, &notes).await;
    store.open_session(&session(2), Some(session(1).id)).await.unwrap();
    assert_eq!(of(&store, 2).await, [notes], "it knows the login by the session of then");
    store.open_session(&other(3), Some(session(2).id)).await.unwrap();
    assert!(of(&store, 3).await.is_empty(), "another person was logged in to nothing");
    let elsewhere = SessionRecord { issuer: "https://other.example".to_owned(), ..other(4) };
    join(&store, 3, &client("notes", session(3).id)).await;
    store.open_session(&elsewhere, Some(session(3).id)).await.unwrap();
    assert!(of(&store, 4).await.is_empty());
    assert!(of(&store, 2).await.is_empty());
}
