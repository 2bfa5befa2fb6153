//! What a person sees and ends: [`Store::sessions_of`](crate::Store::sessions_of),
//! [`end_session`](crate::Store::end_session), [`end_sessions_of`](crate::Store::end_sessions_of),
//! [`consents_of`](crate::Store::consents_of), [`revoke_consent`](crate::Store::revoke_consent).

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use oidc::ids::{SessionId, Uid};
use oidc::permission::Permission;
use oidc::records::{Authorization, CodeRecord, ConsentRecord, FamilyRecord, SessionRecord};

use super::consents::revoke;
use super::{NOW, Parts as _, Subjected, authorization, code, consent, family, permissions, session, uuid};
use crate::{CodeFacts, Ended, Spent};

const ISSUER: &str = "https://id.example";

fn user() -> Uid {
    Uid::new("user")
}

/// Keeps sessions 1 and 2 of the person, 3 of another person and 4 at another issuer.
async fn open_four(store: &Subjected) {
    let others = [
        SessionRecord { user_uid: Uid::new("other"), ..session(3) },
        SessionRecord { issuer: "https://other.example".to_owned(), ..session(4) },
    ];
    for session in [session(1), session(2)].iter().chain(&others) {
        store.open_session(session, None).await.unwrap();
    }
}

/// What was granted to the application of [`consent`] in session `n`.
fn granted(n: u64) -> Authorization {
    Authorization { issuer: ISSUER.to_owned(), session: Some(SessionId::new(uuid(n))), ..authorization(n) }
}

fn online(n: u64, authorization: Authorization) -> FamilyRecord {
    FamilyRecord { refresh: None, authorization, ..family(n) }
}

async fn keep(store: &Subjected, families: &[FamilyRecord]) {
    for family in families {
        store.put_family(family).await.unwrap();
    }
}

/// Which of these families are not revoked.
async fn good(store: &Subjected, numbers: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut good = Vec::new();
    for n in numbers {
        let found = store.find_family(family(n).id).await.unwrap();
        good.extend(found.filter(|family| family.revoked_at.is_none()).map(|_| n));
    }
    good
}

async fn numbers(store: &Subjected, issuer: &str, user: &Uid, limit: u32) -> Vec<u64> {
    let found = store.sessions_of(issuer, user, limit).await.unwrap();
    let number = |record: &SessionRecord| (0..100).find(|n| session(*n).id == record.id).unwrap();
    found.iter().map(number).collect()
}

pub async fn sessions_of_a_person_are_told_latest_first(store: Subjected) {
    assert!(store.sessions_of(ISSUER, &user(), 10).await.unwrap().is_empty());
    open_four(&store).await;
    let older = SessionRecord { auth_time: NOW.plus_secs(-60), ..session(5) };
    let newer = SessionRecord { auth_time: NOW, ..session(0) };
    for session in [&older, &newer] {
        store.open_session(session, None).await.unwrap();
    }
    // Of two that began at once, the greater ID is the later one.
    assert_eq!(numbers(&store, ISSUER, &user(), 10).await, [0, 2, 1, 5]);
    assert_eq!(numbers(&store, ISSUER, &user(), 2).await, [0, 2]);
    assert_eq!(numbers(&store, ISSUER, &Uid::new("other"), 10).await, [3]);
    assert_eq!(numbers(&store, "https://other.example", &user(), 10).await, [4]);
    assert_eq!(numbers(&store, ISSUER, &Uid::new("nobody"), 10).await, [0; 0]);
    let found = store.sessions_of(ISSUER, &user(), 1).await.unwrap();
    super::assert_same(&found, &vec![newer]);
}

pub async fn ending_a_session_ends_what_does_not_outlive_it(store: Subjected) {
    open_four(&store).await;
    let offline = FamilyRecord { authorization: granted(1), ..family(12) };
    let of_none = online(13, Authorization { session: None, ..granted(1) });
    keep(&store, &[online(11, granted(1)), offline, of_none, online(21, granted(2))]).await;
    for (n, authorization) in [(31, granted(1)), (32, granted(2))] {
        store.put_code(&CodeRecord { authorization, ..code(n) }).await.unwrap();
    }
    super::spent(&store, 33).await;

    let at = NOW.plus_secs(5);
    assert_eq!(store.end_session(session(1).id, at).await.unwrap().sessions, 1);
    assert_eq!(good(&store, [11, 12, 13, 21]).await, [12, 13, 21]);
    assert_eq!(store.find_family(family(11).id).await.unwrap().unwrap().revoked_at, Some(at));
    assert!(matches!(store.find_code(code(31).id).await.unwrap(), CodeFacts::Unknown), "nothing may come of it");
    assert!(matches!(store.find_code(code(32).id).await.unwrap(), CodeFacts::Live(_)));
    assert!(matches!(store.find_code(code(33).id).await.unwrap(), CodeFacts::Spent(_)), "a replay is recognised");
    assert_eq!(numbers(&store, ISSUER, &user(), 10).await, [2]);
}

/// The same person logs in anew: nothing ends, until the session does that took the place of the first.
pub async fn what_was_granted_ends_with_the_session_that_goes_on(store: Subjected) {
    open_four(&store).await;
    keep(&store, &[online(11, granted(1)), FamilyRecord { authorization: granted(1), ..family(12) }]).await;
    for n in [31, 32] {
        store.put_code(&CodeRecord { authorization: granted(1), ..code(n) }).await.unwrap();
    }
    store.open_session(&session(6), Some(session(1).id)).await.unwrap();
    store.open_session(&session(7), Some(session(6).id)).await.unwrap();
    assert_eq!(good(&store, [11, 12]).await, [11, 12]);
    assert_eq!(store.spend_code(code(31).id, &online(31, granted(1)), NOW).await.unwrap(), Spent::Done);
    let kept = store.find_family(family(31).id).await.unwrap().unwrap();
    assert_eq!(kept.authorization.session, Some(session(1).id), "it is told by the session in which it was granted");

    assert_eq!(store.end_session(session(1).id, NOW).await.unwrap().sessions, 0);
    assert_eq!(good(&store, [11, 12, 31]).await, [11, 12, 31]);
    assert_eq!(store.end_session(session(7).id, NOW).await.unwrap().sessions, 1);
    assert_eq!(good(&store, [11, 12, 31]).await, [12]);
    assert!(matches!(store.find_code(code(32).id).await.unwrap(), CodeFacts::Unknown));
}

/// In a browser that is handed over without a logout nothing of the first person goes on.
pub async fn what_was_granted_ends_when_another_person_logs_in(store: Subjected) {
    let elsewhere = "https://other.example".to_owned();
    for (n, next) in [
        (1, SessionRecord { user_uid: Uid::new("other"), ..session(6) }),
        (2, SessionRecord { issuer: elsewhere, ..session(7) }),
    ] {
        store.open_session(&session(n), None).await.unwrap();
        keep(&store, &[online(n, granted(n)), FamilyRecord { authorization: granted(n), ..family(10 + n) }]).await;
        store.put_code(&CodeRecord { authorization: granted(n), ..code(n) }).await.unwrap();
        let at = NOW.plus_secs(9);
        let next = SessionRecord { auth_time: at, ..next };
        store.open_session(&next, Some(session(n).id)).await.unwrap();
        assert_eq!(good(&store, [n, 10 + n]).await, [10 + n]);
        assert_eq!(store.find_family(family(n).id).await.unwrap().unwrap().revoked_at, Some(at));
        assert!(matches!(store.find_code(code(n).id).await.unwrap(), CodeFacts::Unknown));
    }
}

/// A session that is gone by itself may have left something behind.
pub async fn ending_what_is_gone_ends_what_it_left(store: Subjected) {
    keep(&store, &[online(11, granted(1))]).await;
    assert_eq!(store.end_session(session(1).id, NOW).await.unwrap().sessions, 0);
    assert_eq!(good(&store, [11]).await, [0; 0]);
}

pub async fn all_sessions_of_a_person_end_but_one(store: Subjected) {
    open_four(&store).await;
    store.open_session(&session(5), None).await.unwrap();
    keep(&store, &[1, 2, 3, 4, 5].map(|n| online(n, granted(n)))).await;
    keep(&store, &[FamilyRecord { authorization: granted(2), ..family(22) }]).await;
    for n in [1, 2] {
        store.put_code(&CodeRecord { authorization: granted(n), ..code(30 + n) }).await.unwrap();
    }
    assert_eq!(store.end_sessions_of(ISSUER, &user(), Some(session(1).id), NOW).await.unwrap().sessions, 2);
    assert_eq!(numbers(&store, ISSUER, &user(), 10).await, [1]);
    assert_eq!(good(&store, [1, 2, 3, 4, 5, 22]).await, [1, 3, 4, 22]);
    assert!(matches!(store.find_code(code(31).id).await.unwrap(), CodeFacts::Live(_)));
    assert!(matches!(store.find_code(code(32).id).await.unwrap(), CodeFacts::Unknown));

    assert_eq!(store.end_sessions_of(ISSUER, &user(), None, NOW).await.unwrap().sessions, 1);
    assert_eq!(store.end_sessions_of(ISSUER, &user(), None, NOW).await.unwrap().sessions, 0);
    assert_eq!(good(&store, [1, 2, 3, 4, 5, 22]).await, [3, 4, 22]);
    assert!(matches!(store.find_code(code(31).id).await.unwrap(), CodeFacts::Unknown));
    for other in [session(3), session(4)] {
        assert!(store.find_session(other.id).await.unwrap().is_some(), "another's, or elsewhere");
    }
}

/// Another's session is not ended by being spared.
pub async fn sparing_a_session_of_another_spares_none(store: Subjected) {
    open_four(&store).await;
    assert_eq!(store.end_sessions_of(ISSUER, &user(), Some(session(3).id), NOW).await.unwrap().sessions, 2);
    assert!(store.find_session(session(3).id).await.unwrap().is_some());
}

pub async fn consents_of_a_person_are_told_latest_first(store: Subjected) {
    assert!(store.consents_of(ISSUER, &user(), 10).await.unwrap().is_empty());
    let of = |application: &str, seconds: i64, scopes: &str| ConsentRecord {
        application_uid: Uid::new(application),
        granted_at: NOW.plus_secs(seconds),
        ..consent(scopes)
    };
    let at_api = ["read", "read https://a.example"].map(|text| Permission::parse(text).unwrap());
    let full = ConsentRecord {
        permissions: permissions("openid email").union(&at_api.into_iter().collect()),
        ..of("a", 0, "")
    };
    let (empty, later, same) = (of("b", 0, ""), of("c", 9, "openid"), of("d", 9, "email profile"));
    let strangers = [
        ConsentRecord { issuer: "https://other.example".to_owned(), ..of("e", 20, "openid") },
        ConsentRecord { user_uid: Uid::new("other"), ..of("f", 20, "openid") },
    ];
    for consent in [&full, &empty, &later, &same].into_iter().chain(&strangers) {
        store.grant_consent(consent).await.unwrap();
    }
    let all = vec![same.clone(), later.clone(), empty, full];
    assert_eq!(store.consents_of(ISSUER, &user(), 10).await.unwrap(), all);
    assert_eq!(store.consents_of(ISSUER, &user(), 2).await.unwrap(), [same, later], "applications count, not scopes");
    assert_eq!(store.consents_of(ISSUER, &Uid::new("other"), 10).await.unwrap().len(), 1);
}

pub async fn withdrawing_ends_all_that_the_application_has(store: Subjected) {
    store.grant_consent(&consent("openid")).await.unwrap();
    let with = |n: u64, edit: fn(&mut Authorization)| {
        let mut granted = granted(n);
        edit(&mut granted);
        FamilyRecord { authorization: granted, ..family(n) }
    };
    keep(
        &store,
        &[
            with(1, |_| {}),
            with(2, |granted| granted.session = None),
            FamilyRecord { refresh: None, ..with(3, |_| {}) },
            with(4, |granted| "https://other.example".clone_into(&mut granted.issuer)),
            with(5, |granted| granted.user_uid = Uid::new("other")),
            with(6, |granted| granted.application_uid = Uid::new("other")),
            FamilyRecord { revoked_at: Some(NOW.plus_secs(-9)), ..with(7, |_| {}) },
        ],
    )
    .await;
    store.put_code(&CodeRecord { authorization: granted(8), ..code(8) }).await.unwrap();
    let elsewhere = Authorization { application_uid: Uid::new("other"), ..granted(9) };
    store.put_code(&CodeRecord { authorization: elsewhere, ..code(9) }).await.unwrap();

    assert_eq!(revoke(&store, &consent("")).await, Ended::Done);
    assert_eq!(good(&store, 1..8).await, [4, 5, 6]);
    assert_eq!(store.find_family(family(1).id).await.unwrap().unwrap().revoked_at, Some(NOW));
    let first = store.find_family(family(7).id).await.unwrap().unwrap().revoked_at;
    assert_eq!(first, Some(NOW.plus_secs(-9)), "the time of the first revocation stays");
    assert!(matches!(store.find_code(code(8).id).await.unwrap(), CodeFacts::Unknown));
    assert_eq!(store.spend_code(code(8).id, &family(8), NOW).await.unwrap(), Spent::LostRace);
    assert!(matches!(store.find_code(code(9).id).await.unwrap(), CodeFacts::Live(_)));
    assert!(store.consents_of(ISSUER, &user(), 10).await.unwrap().is_empty());
}

/// An application that never asked has no consent, and may have tokens.
pub async fn withdrawing_needs_no_consent(store: Subjected) {
    keep(&store, &[FamilyRecord { authorization: granted(1), ..family(1) }]).await;
    assert_eq!(revoke(&store, &consent("")).await, Ended::Already);
    assert_eq!(good(&store, [1]).await, [0; 0]);
}
