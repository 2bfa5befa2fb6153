//! [`Store::grant`](crate::Store::grant), [`find_code`](crate::Store::find_code),
//! [`spend_code`](crate::Store::spend_code).

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use oidc::records::{CodeRecord, FamilyRecord};

use super::{NOW, Parts as _, Subjected, assert_same, code, family, spent};
use crate::{CodeFacts, Spent};

async fn live(store: &Subjected, n: u64) -> CodeRecord {
    match store.find_code(code(n).id).await.unwrap() {
        CodeFacts::Live(record) => record,
        other @ (CodeFacts::Spent(_) | CodeFacts::Unknown) => panic!("not live: {other:?}"),
    }
}

pub async fn a_code_is_found_as_it_was_kept(store: Subjected) {
    store.put_code(&code(1)).await.unwrap();
    store.put_code(&code(2)).await.unwrap();
    assert_same(&live(&store, 1).await, &code(1));
    assert_same(&live(&store, 2).await, &code(2));
}

pub async fn a_code_without_options_is_found_as_it_was_kept(store: Subjected) {
    let mut bare = code(1);
    bare.challenge = None;
    bare.authorization.nonce = None;
    bare.authorization.amr = Vec::new();
    store.put_code(&bare).await.unwrap();
    assert_same(&live(&store, 1).await, &bare);
}

pub async fn an_unknown_code_is_unknown(store: Subjected) {
    store.put_code(&code(1)).await.unwrap();
    assert!(matches!(store.find_code(code(2).id).await.unwrap(), CodeFacts::Unknown));
}

pub async fn a_taken_code_id_is_an_error_and_changes_nothing(store: Subjected) {
    store.put_code(&code(1)).await.unwrap();
    let mut other = code(1);
    other.redirect_uri.push_str("&other");
    let error = store.put_code(&other).await.unwrap_err();
    assert_eq!(error.to_string(), "the store did not answer while it tried to keep what was granted");
    assert_same(&live(&store, 1).await, &code(1));
}

pub async fn an_expired_code_is_still_told_as_live(store: Subjected) {
    let mut old = code(1);
    old.expires_at = NOW.plus_secs(-3600);
    store.put_code(&old).await.unwrap();
    assert_same(&live(&store, 1).await, &old);
}

pub async fn spending_creates_the_family_and_keeps_the_code(store: Subjected) {
    spent(&store, 1).await;
    let facts = store.find_code(code(1).id).await.unwrap();
    let CodeFacts::Spent(record) = facts else { panic!("not spent: {facts:?}") };
    assert_same(&record, &code(1));
    assert_same(&store.find_family(record.family).await.unwrap(), &Some(family(1)));
}

pub async fn spending_twice_loses_and_writes_nothing(store: Subjected) {
    spent(&store, 1).await;
    let mut again = family(1);
    again.expires_at = NOW.plus_secs(9000);
    assert_eq!(store.spend_code(code(1).id, &again, NOW).await.unwrap(), Spent::LostRace);
    assert!(matches!(store.find_code(code(1).id).await.unwrap(), CodeFacts::Spent(_)));
    assert_same(&store.find_family(family(1).id).await.unwrap(), &Some(family(1)));
}

pub async fn spending_at_the_exact_expiry_loses(store: Subjected) {
    let last = |code: CodeRecord, millis| oidc::time::Time::from_millis(code.expires_at.millis() - millis);
    for n in [1, 2] {
        store.put_code(&code(n)).await.unwrap();
    }
    assert_eq!(store.spend_code(code(1).id, &family(1), last(code(1), 0)).await.unwrap(), Spent::LostRace);
    assert!(store.find_family(family(1).id).await.unwrap().is_none());
    assert_same(&live(&store, 1).await, &code(1));
    assert_eq!(store.spend_code(code(2).id, &family(2), last(code(2), 1)).await.unwrap(), Spent::Done);
}

pub async fn spending_an_unknown_code_loses(store: Subjected) {
    assert_eq!(store.spend_code(code(1).id, &family(1), NOW).await.unwrap(), Spent::LostRace);
    assert!(store.find_family(family(1).id).await.unwrap().is_none());
}

pub async fn spending_for_another_family_loses_and_spends_nothing(store: Subjected) {
    store.put_code(&code(1)).await.unwrap();
    assert_eq!(store.spend_code(code(1).id, &family(2), NOW).await.unwrap(), Spent::LostRace);
    assert_same(&live(&store, 1).await, &code(1));
    assert!(store.find_family(family(2).id).await.unwrap().is_none());
}

/// OIDC Core §3.3: tokens came beside the code.
pub async fn spending_joins_the_family_that_is_there(store: Subjected) {
    for (n, ends) in [(1, 7200), (2, 600)] {
        let beside = FamilyRecord { expires_at: NOW.plus_secs(ends), refresh: None, ..family(n) };
        store.put_family(&beside).await.unwrap();
        store.put_code(&code(n)).await.unwrap();
        let mut later = family(n);
        later.created_at = NOW.plus_secs(9);
        assert_eq!(store.spend_code(code(n).id, &later, NOW).await.unwrap(), Spent::Done);
        let joined = FamilyRecord { expires_at: NOW.plus_secs(ends.max(3600)), ..family(n) };
        assert_same(&store.find_family(family(n).id).await.unwrap(), &Some(joined));
    }
}

pub async fn spending_for_a_revoked_family_spends_for_nothing(store: Subjected) {
    let beside = FamilyRecord { refresh: None, ..family(1) };
    store.put_family(&beside).await.unwrap();
    store.put_code(&code(1)).await.unwrap();
    store.revoke_family(family(1).id, NOW).await.unwrap();
    assert_eq!(store.spend_code(code(1).id, &family(1), NOW).await.unwrap(), Spent::Revoked);
    assert!(matches!(store.find_code(code(1).id).await.unwrap(), CodeFacts::Spent(_)));
    let revoked = FamilyRecord { revoked_at: Some(NOW), ..beside };
    assert_same(&store.find_family(family(1).id).await.unwrap(), &Some(revoked));
    assert_eq!(store.spend_code(code(1).id, &family(1), NOW).await.unwrap(), Spent::LostRace);
}
