//! Every conditional verb, from many tasks at once.

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use std::fmt::Debug;
use std::sync::Arc;

use futures::future::join_all;
use oidc::records::{Authorization, CodeRecord, ConsentRecord, FamilyRecord, FirstUse, Generation};
use tokio::sync::Barrier;

use super::consents::{find, revoke};
use super::once::once;
use super::{NOW, Parts as _, Subjected, assert_same, code, consent, family, permissions, session, spent};
use crate::{CodeFacts, Ended, EndedSessions, Grant, Granted, Rotated, Spent, StoreError, Touched};

const TASKS: u64 = 64;

/// Calls the verb from [`TASKS`] tasks that start together; the outcomes, in the order of the tasks.
async fn race<T, F>(store: &Subjected, verb: impl Fn(Subjected, u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(usize::try_from(TASKS).unwrap()));
    let tasks = (0..TASKS).map(|n| {
        let (barrier, call) = (barrier.clone(), verb(store.clone(), n));
        tokio::spawn(async move {
            barrier.wait().await;
            call.await
        })
    });
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

/// The position of the one outcome that is `winner`, where there is exactly one.
fn winner<T: PartialEq + Debug>(outcomes: Vec<Result<T, StoreError>>, winner: T) -> u64 {
    let outcomes: Vec<T> = outcomes.into_iter().map(Result::unwrap).collect();
    let winners: Vec<u64> = (0..).zip(&outcomes).filter(|(_, outcome)| **outcome == winner).map(|(n, _)| n).collect();
    let [one] = winners.as_slice() else { panic!("{} winners: {outcomes:?}", winners.len()) };
    *one
}

pub async fn one_of_many_puts_an_id(store: Subjected) {
    let variant = |n: u64| {
        let mut code = code(1);
        code.redirect_uri = n.to_string();
        code
    };
    let outcomes = race(&store, |store, n| async move { store.put_code(&variant(n)).await }).await;
    let winners: Vec<u64> = (0..).zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(n, _)| n).collect();
    let [one] = winners.as_slice() else { panic!("{} winners", winners.len()) };
    let facts = store.find_code(code(1).id).await.unwrap();
    let CodeFacts::Live(kept) = facts else { panic!("not live: {facts:?}") };
    assert_same(&kept, &variant(*one));
}

/// RFC 6749 §4.1.2: a code is used once. RFC 9700 §2.1.1 counts on it.
pub async fn one_of_many_spends_a_code(store: Subjected) {
    store.put_code(&code(1)).await.unwrap();
    let theirs = |n: u64| FamilyRecord { created_at: NOW.plus_secs(i64::try_from(n).unwrap()), ..family(1) };
    let outcomes = race(&store, |store, n| async move { store.spend_code(code(1).id, &theirs(n), NOW).await }).await;
    let winner = winner(outcomes, Spent::Done);
    assert!(matches!(store.find_code(code(1).id).await.unwrap(), CodeFacts::Spent(_)));
    assert_same(&store.find_family(family(1).id).await.unwrap(), &Some(theirs(winner)));
}

/// RFC 7523 §3: an assertion is used once.
pub async fn one_of_many_is_the_first(store: Subjected) {
    let outcomes = race(&store, |store, _| async move { store.use_once(once(1), NOW.plus_secs(60)).await }).await;
    winner(outcomes, FirstUse::Yes);
}

/// RFC 9700 §4.14.2: a refresh token has one successor.
pub async fn one_of_many_rotates_a_family(store: Subjected) {
    spent(&store, 1).await;
    let time = |n: u64| NOW.plus_secs(i64::try_from(n).unwrap());
    let outcomes =
        race(&store, |store, n| async move { store.rotate_family(family(1).id, 0, time(n), NOW).await }).await;
    let refresh = Some(Generation { number: 1, reached_at: time(winner(outcomes, Rotated::Done)) });
    let rotated = FamilyRecord { refresh, ..family(1) };
    assert_same(&store.find_family(family(1).id).await.unwrap(), &Some(rotated));
}

pub async fn one_of_many_revokes_a_family(store: Subjected) {
    spent(&store, 1).await;
    let time = |n: u64| NOW.plus_secs(i64::try_from(n).unwrap());
    let outcomes = race(&store, |store, n| async move { store.revoke_family(family(1).id, time(n)).await }).await;
    let winner = winner(outcomes, Ended::Done);
    let found = store.find_family(family(1).id).await.unwrap();
    assert_eq!(found.and_then(|family| family.revoked_at), Some(time(winner)));
}

pub async fn one_of_many_ends_a_session(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    let outcomes = race(&store, |store, _| async move { store.end_session(session(1).id, NOW).await }).await;
    winner(outcomes, EndedSessions { sessions: 1, dropped: 0 });
    assert!(store.find_session(session(1).id).await.unwrap().is_none());
}

pub async fn one_of_many_withdraws_a_consent(store: Subjected) {
    store.grant_consent(&consent("openid")).await.unwrap();
    let outcomes = race(&store, |store, _| async move { Ok(revoke(&store, &consent("")).await) }).await;
    winner(outcomes, Ended::Done);
    assert_eq!(find(&store, &consent("")).await, None);
}

pub async fn each_session_of_a_person_ends_once(store: Subjected) {
    for n in 0..100 {
        store.open_session(&session(n), None).await.unwrap();
    }
    let whose = session(0);
    let outcomes = race(&store, |store, n| {
        let (issuer, user) = (whose.issuer.clone(), whose.user_uid.clone());
        async move {
            if n % 2 == 0 {
                store.end_sessions_of(&issuer, &user, Some(session(99).id), NOW).await.unwrap().sessions
            } else {
                store.end_session(session(n).id, NOW).await.unwrap().sessions
            }
        }
    })
    .await;
    assert_eq!(outcomes.into_iter().sum::<u64>(), 99);
    assert!(store.find_session(session(99).id).await.unwrap().is_some());
}

/// Whatever comes first, nothing that was granted in a session can be redeemed after it.
pub async fn no_code_outlives_its_session(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    let id = session(1).id;
    let outcomes = race(&store, |store, n| async move {
        let authorization = Authorization { session: Some(id), ..code(n).authorization };
        let code = CodeRecord { authorization, ..code(n) };
        if n == TASKS / 2 {
            store.end_session(id, NOW).await.map(|_| None)
        } else {
            store.grant(Grant { session: Some(id), code: Some(&code), ..Grant::default() }).await.map(Some)
        }
    })
    .await;
    for (n, outcome) in (0..TASKS).zip(outcomes) {
        let Some(granted) = outcome.unwrap() else { continue };
        assert!(matches!(granted, Granted::Done | Granted::SessionGone), "{granted:?}");
        assert!(matches!(store.find_code(code(n).id).await.unwrap(), CodeFacts::Unknown), "code {n}, {granted:?}");
    }
}

/// Whatever comes first, a code that was issued before a withdrawal leaves no good token after it.
pub async fn no_code_outlives_a_withdrawal(store: Subjected) {
    let (issuer, user, application) = (code(0).authorization.issuer, consent("").user_uid, consent("").application_uid);
    for n in 0..TASKS {
        store.put_code(&code(n)).await.unwrap();
    }
    let outcomes = race(&store, |store, n| {
        let (issuer, user, application) = (issuer.clone(), user.clone(), application.clone());
        async move {
            if n % 2 == 0 {
                store.spend_code(code(n).id, &family(n), NOW).await.map(drop)
            } else {
                store.revoke_consent(&issuer, &user, &application, NOW).await.map(drop)
            }
        }
    })
    .await;
    outcomes.into_iter().for_each(Result::unwrap);
    for n in 0..TASKS {
        assert!(!matches!(store.find_code(code(n).id).await.unwrap(), CodeFacts::Live(_)), "code {n}");
        let family = store.find_family(family(n).id).await.unwrap();
        assert!(family.is_none_or(|family| family.revoked_at.is_some()), "family {n}");
    }
}

pub async fn all_scopes_of_many_grants_are_kept(store: Subjected) {
    let outcomes = race(&store, |store, n| async move {
        let time = NOW.plus_secs(i64::try_from(n).unwrap());
        store.grant_consent(&ConsentRecord { granted_at: time, ..consent(&format!("openid api:{n}")) }).await
    })
    .await;
    outcomes.into_iter().for_each(Result::unwrap);
    let all = (0..TASKS).map(|n| format!("api:{n}")).chain(["openid".to_owned()]).collect::<Vec<_>>().join(" ");
    let expect = ConsentRecord { granted_at: NOW.plus_secs(i64::try_from(TASKS - 1).unwrap()), ..consent("") };
    assert_eq!(find(&store, &expect).await, Some(ConsentRecord { permissions: permissions(&all), ..expect }));
}

pub async fn many_sessions_replace_the_same_one(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    let outcomes =
        race(&store, |store, n| async move { store.open_session(&session(100 + n), Some(session(1).id)).await }).await;
    for outcome in outcomes {
        assert_eq!(outcome.unwrap().dropped, 0);
    }
    assert!(store.find_session(session(1).id).await.unwrap().is_none());
    for n in 0..TASKS {
        assert_same(&store.find_session(session(100 + n).id).await.unwrap(), &Some(session(100 + n)));
    }
}

pub async fn the_latest_of_many_touches_stays(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    let time = |n: u64| NOW.plus_secs(i64::try_from(n).unwrap());
    let outcomes = race(&store, |store, n| async move { store.touch_session(session(1).id, time(n)).await }).await;
    assert!(outcomes.into_iter().all(|outcome| outcome.unwrap() == Touched::Done));
    let found = store.find_session(session(1).id).await.unwrap();
    assert_eq!(found.map(|session| session.last_seen_at), Some(time(TASKS - 1)));
}

pub async fn each_row_is_purged_once(store: Subjected) {
    for n in 0..100 {
        store.open_session(&session(n), None).await.unwrap();
    }
    let outcomes = race(&store, |store, _| async move { store.purge(session(1).expires_at, 10).await }).await;
    assert_eq!(outcomes.into_iter().map(Result::unwrap).sum::<u64>(), 100);
}

pub async fn a_purge_never_parts_a_spent_code_from_its_family(store: Subjected) {
    for n in 0..TASKS {
        store.put_code(&code(n)).await.unwrap();
    }
    // Half of the tasks spend codes for families that are of no use at once, the other half purge them.
    let outcomes = race(&store, |store, n| async move {
        if n % 2 == 0 {
            let mut family = family(n);
            family.expires_at = NOW;
            store.spend_code(code(n).id, &family, NOW).await.map(|spent| assert_eq!(spent, Spent::Done))
        } else {
            store.purge(NOW, 3).await.map(drop)
        }
    })
    .await;
    outcomes.into_iter().for_each(Result::unwrap);
    for n in 0..TASKS {
        let family = store.find_family(family(n).id).await.unwrap();
        match store.find_code(code(n).id).await.unwrap() {
            CodeFacts::Live(_) => assert!(n % 2 == 1 && family.is_none(), "code {n} is live"),
            CodeFacts::Spent(_) => assert!(n % 2 == 0 && family.is_some(), "code {n} is spent"),
            CodeFacts::Unknown => assert!(n % 2 == 0 && family.is_none(), "code {n} is gone"),
        }
    }
}
