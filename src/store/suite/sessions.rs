//! [`Store::open_session`](crate::Store::open_session), [`find_session`](crate::Store::find_session),
//! [`touch_session`](crate::Store::touch_session), [`end_session`](crate::Store::end_session).

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use super::{NOW, Subjected, assert_same, session};
use crate::Touched;

pub async fn a_session_is_found_as_it_was_opened(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    store.open_session(&session(2), None).await.unwrap();
    assert_same(&store.find_session(session(1).id).await.unwrap(), &Some(session(1)));
    assert!(store.find_session(session(3).id).await.unwrap().is_none());
}

pub async fn opening_ends_the_session_that_is_replaced(store: Subjected) {
    for n in [1, 2] {
        store.open_session(&session(n), None).await.unwrap();
    }
    store.open_session(&session(3), Some(session(1).id)).await.unwrap();
    assert!(store.find_session(session(1).id).await.unwrap().is_none());
    assert_same(&store.find_session(session(2).id).await.unwrap(), &Some(session(2)));
    assert_same(&store.find_session(session(3).id).await.unwrap(), &Some(session(3)));
}

pub async fn replacing_what_is_gone_is_no_hindrance(store: Subjected) {
    store.open_session(&session(1), Some(session(9).id)).await.unwrap();
    assert_same(&store.find_session(session(1).id).await.unwrap(), &Some(session(1)));
}

pub async fn a_session_cannot_replace_itself(store: Subjected) {
    store.open_session(&session(1), Some(session(1).id)).await.unwrap_err();
    assert!(store.find_session(session(1).id).await.unwrap().is_none());
    store.open_session(&session(1), None).await.unwrap();
    store.open_session(&session(1), Some(session(1).id)).await.unwrap_err();
    assert_same(&store.find_session(session(1).id).await.unwrap(), &Some(session(1)));
}

pub async fn a_taken_session_id_is_an_error_and_ends_nothing(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    store.open_session(&session(2), None).await.unwrap();
    let mut thief = session(1);
    thief.subject = oidc::ids::Subject::new("thief");
    store.open_session(&thief, Some(session(2).id)).await.unwrap_err();
    assert_same(&store.find_session(session(1).id).await.unwrap(), &Some(session(1)));
    assert_same(&store.find_session(session(2).id).await.unwrap(), &Some(session(2)));
}

pub async fn touching_moves_forwards_only(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    for (seconds, expect) in [(10, 10), (5, 10), (10, 10), (11, 11), (-1, 11)] {
        assert_eq!(store.touch_session(session(1).id, NOW.plus_secs(seconds)).await.unwrap(), Touched::Done);
        let mut touched = session(1);
        touched.last_seen_at = NOW.plus_secs(expect);
        assert_same(&store.find_session(session(1).id).await.unwrap(), &Some(touched));
    }
}

pub async fn touching_what_is_gone_says_so(store: Subjected) {
    assert_eq!(store.touch_session(session(1).id, NOW).await.unwrap(), Touched::Gone);
    store.open_session(&session(1), None).await.unwrap();
    store.end_session(session(1).id, NOW).await.unwrap();
    assert_eq!(store.touch_session(session(1).id, NOW).await.unwrap(), Touched::Gone);
    assert!(store.find_session(session(1).id).await.unwrap().is_none());
}

pub async fn a_session_ends_once(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    store.open_session(&session(2), None).await.unwrap();
    assert_eq!(store.end_session(session(1).id, NOW).await.unwrap().sessions, 1);
    assert_eq!(store.end_session(session(1).id, NOW).await.unwrap().sessions, 0);
    assert!(store.find_session(session(1).id).await.unwrap().is_none());
    assert_same(&store.find_session(session(2).id).await.unwrap(), &Some(session(2)));
}
