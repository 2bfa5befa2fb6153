//! [`Store::purge`](crate::Store::purge).

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use oidc::time::Time;

use super::consents::find;
use super::{NOW, Parts as _, Subjected, code, consent, family, session, spent};
use crate::{CodeFacts, Ended};

const ALL: u32 = 1000;

fn just_before(time: Time) -> Time {
    Time::from_millis(time.millis() - 1)
}

/// Which of code, family and session `n` are there, as letters.
async fn left(store: &Subjected, n: u64) -> String {
    let mut left = String::new();
    match store.find_code(code(n).id).await.unwrap() {
        CodeFacts::Live(_) => left.push('l'),
        CodeFacts::Spent(_) => left.push('s'),
        CodeFacts::Unknown => {}
    }
    if store.find_family(family(n).id).await.unwrap().is_some() {
        left.push('f');
    }
    if store.find_session(session(n).id).await.unwrap().is_some() {
        left.push('w');
    }
    left
}

pub async fn nothing_goes_before_its_time(store: Subjected) {
    store.put_code(&code(1)).await.unwrap();
    spent(&store, 2).await;
    store.open_session(&session(3), None).await.unwrap();
    for (time, gone, expect) in [
        (NOW, 0, ["l", "sf", "w"]),
        (just_before(code(1).expires_at), 0, ["l", "sf", "w"]),
        (code(1).expires_at, 1, ["", "sf", "w"]),
        (just_before(family(2).expires_at), 0, ["", "sf", "w"]),
        (family(2).expires_at, 2, ["", "", "w"]),
        (just_before(session(3).expires_at), 0, ["", "", "w"]),
        (session(3).expires_at, 1, ["", "", ""]),
        (session(3).expires_at, 0, ["", "", ""]),
    ] {
        assert_eq!(store.purge(time, ALL).await.unwrap(), gone, "{time:?}");
        assert_eq!([left(&store, 1).await, left(&store, 2).await, left(&store, 3).await], expect, "{time:?}");
    }
}

pub async fn a_spent_code_goes_with_its_family(store: Subjected) {
    store.put_code(&code(1)).await.unwrap();
    let mut short = family(1);
    short.expires_at = NOW.plus_secs(10);
    store.spend_code(code(1).id, &short, NOW).await.unwrap();
    // The code itself would be good for longer; without its family there is nothing that a replay could reach.
    assert_eq!(store.purge(short.expires_at, ALL).await.unwrap(), 2);
    assert_eq!(left(&store, 1).await, "");
}

pub async fn a_revoked_family_stays_until_its_time(store: Subjected) {
    spent(&store, 1).await;
    store.revoke_family(family(1).id, NOW).await.unwrap();
    assert_eq!(store.purge(just_before(family(1).expires_at), ALL).await.unwrap(), 0);
    assert_eq!(left(&store, 1).await, "sf");
    assert_eq!(store.purge(family(1).expires_at, ALL).await.unwrap(), 2);
    assert_eq!(store.revoke_family(family(1).id, NOW).await.unwrap(), Ended::Already);
}

pub async fn limits_hold_for_each_table(store: Subjected) {
    for n in 0..5 {
        spent(&store, n).await;
        store.put_code(&code(10 + n)).await.unwrap();
        store.open_session(&session(n), None).await.unwrap();
    }
    let end = NOW.plus_secs(1_000_000);
    assert_eq!(store.purge(end, 0).await.unwrap(), 0);
    let mut gone = 0;
    loop {
        let now = store.purge(end, 2).await.unwrap();
        assert!(now <= 2 * 3, "{now} rows went, with three tables and a limit of two rows each");
        gone += now;
        for n in 0..5 {
            let left = left(&store, n).await;
            assert!(!left.contains('s') || left.contains('f'), "a spent code outlived its family");
        }
        if now == 0 {
            break;
        }
    }
    assert_eq!(gone, 4 * 5);
    for n in 0..15 {
        assert_eq!(left(&store, n).await, "");
    }
}

pub async fn consents_never_go(store: Subjected) {
    store.grant_consent(&consent("openid")).await.unwrap();
    assert_eq!(store.purge(Time::from_millis(i64::MAX), ALL).await.unwrap(), 0);
    assert_eq!(find(&store, &consent("")).await, Some(consent("openid")));
}
