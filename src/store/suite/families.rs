//! [`Store::put_family`](crate::Store::put_family), [`find_family`](crate::Store::find_family),
//! [`revoke_family`](crate::Store::revoke_family).

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use super::{NOW, Subjected, assert_same, family, spent};
use crate::Ended;

pub async fn an_unknown_family_is_nothing(store: Subjected) {
    spent(&store, 1).await;
    assert!(store.find_family(family(2).id).await.unwrap().is_none());
    assert_eq!(store.revoke_family(family(2).id, NOW).await.unwrap(), Ended::Already);
}

pub async fn a_family_is_revoked_once(store: Subjected) {
    spent(&store, 1).await;
    assert_eq!(store.revoke_family(family(1).id, NOW.plus_secs(1)).await.unwrap(), Ended::Done);
    assert_eq!(store.revoke_family(family(1).id, NOW.plus_secs(2)).await.unwrap(), Ended::Already);
    let mut revoked = family(1);
    revoked.revoked_at = Some(NOW.plus_secs(1));
    assert_same(&store.find_family(family(1).id).await.unwrap(), &Some(revoked));
}

pub async fn revoking_one_family_leaves_the_others(store: Subjected) {
    spent(&store, 1).await;
    spent(&store, 2).await;
    assert_eq!(store.revoke_family(family(1).id, NOW).await.unwrap(), Ended::Done);
    assert_same(&store.find_family(family(2).id).await.unwrap(), &Some(family(2)));
}

pub async fn a_family_without_a_code_is_kept_once(store: Subjected) {
    store.put_family(&family(3)).await.unwrap();
    assert_same(&store.find_family(family(3).id).await.unwrap(), &Some(family(3)));
    store.put_family(&family(3)).await.unwrap_err();
    assert_eq!(store.revoke_family(family(3).id, NOW).await.unwrap(), Ended::Done);
    // What is taken is not replaced, not even by itself: it would live again.
    store.put_family(&family(3)).await.unwrap_err();
    assert!(store.find_family(family(3).id).await.unwrap().unwrap().revoked_at.is_some());
}
