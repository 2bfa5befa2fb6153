//! [`Store::grant`](crate::Store::grant), [`find_family`](crate::Store::find_family),
//! [`rotate_family`](crate::Store::rotate_family), [`revoke_family`](crate::Store::revoke_family).

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use oidc::records::{FamilyRecord, Generation};

use super::{NOW, Parts as _, Subjected, assert_same, family, spent};
use crate::{Ended, Rotated};

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

pub async fn a_family_without_options_is_found_as_it_was_kept(store: Subjected) {
    let mut bare = FamilyRecord { refresh: None, ..family(1) };
    bare.authorization.session = None;
    store.put_family(&bare).await.unwrap();
    assert_same(&store.find_family(bare.id).await.unwrap(), &Some(bare));
}

pub async fn rotating_moves_one_generation_on(store: Subjected) {
    spent(&store, 1).await;
    spent(&store, 2).await;
    let rotate = async |from: u32, seconds: i64, ends: i64| {
        store.rotate_family(family(1).id, from, NOW.plus_secs(seconds), NOW.plus_secs(ends)).await.unwrap()
    };
    let check = async |number: u32, seconds: i64, ends: i64| {
        let refresh = Some(Generation { number, reached_at: NOW.plus_secs(seconds) });
        let kept = FamilyRecord { expires_at: NOW.plus_secs(ends), refresh, ..family(1) };
        assert_same(&store.find_family(family(1).id).await.unwrap(), &Some(kept));
    };
    assert_eq!(rotate(1, 5, 9000).await, Rotated::LostRace);
    check(0, 0, 3600).await;
    assert_eq!(rotate(0, 5, 9000).await, Rotated::Done);
    check(1, 5, 9000).await;
    assert_eq!(rotate(0, 6, 9999).await, Rotated::LostRace);
    // The end never comes nearer: a token that was issued earlier may live longer.
    assert_eq!(rotate(1, 7, 60).await, Rotated::Done);
    check(2, 7, 9000).await;
    assert_same(&store.find_family(family(2).id).await.unwrap(), &Some(family(2)));
}

pub async fn rotating_what_is_revoked_or_has_no_refresh_token_loses(store: Subjected) {
    let bare = FamilyRecord { refresh: None, ..family(1) };
    store.put_family(&bare).await.unwrap();
    let revoked = FamilyRecord { revoked_at: Some(NOW), ..family(2) };
    store.put_family(&revoked).await.unwrap();
    for kept in [bare, revoked] {
        assert_eq!(store.rotate_family(kept.id, 0, NOW, NOW.plus_secs(9000)).await.unwrap(), Rotated::LostRace);
        assert_same(&store.find_family(kept.id).await.unwrap(), &Some(kept));
    }
    assert_eq!(store.rotate_family(family(3).id, 0, NOW, NOW).await.unwrap(), Rotated::LostRace);
}
