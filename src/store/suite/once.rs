//! [`Store::use_once`](crate::Store::use_once).

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use oidc::records::{FirstUse, OnceId};

use super::{NOW, Subjected};

/// Something that may be used once.
pub fn once(n: u64) -> OnceId {
    OnceId::new(&["issuer", &n.to_string()])
}

pub async fn what_was_used_is_not_used_again(store: Subjected) {
    let end = NOW.plus_secs(60);
    assert!(!store.was_used(once(1)).await.unwrap());
    assert_eq!(store.use_once(once(1), end).await.unwrap(), FirstUse::Yes);
    assert!(store.was_used(once(1)).await.unwrap());
    assert!(!store.was_used(once(2)).await.unwrap(), "looking uses nothing");
    assert_eq!(store.use_once(once(1), end).await.unwrap(), FirstUse::No);
    assert_eq!(store.use_once(once(1), end.plus_secs(60)).await.unwrap(), FirstUse::No);
    assert_eq!(store.use_once(once(2), end).await.unwrap(), FirstUse::Yes, "another one is another matter");
}

pub async fn what_was_used_is_forgotten_at_its_time(store: Subjected) {
    let end = NOW.plus_secs(60);
    store.use_once(once(1), end).await.unwrap();
    assert_eq!(store.purge(NOW.plus_secs(59), 10).await.unwrap(), 0);
    assert_eq!(store.use_once(once(1), end).await.unwrap(), FirstUse::No);
    assert_eq!(store.purge(end, 10).await.unwrap(), 1);
    assert!(!store.was_used(once(1)).await.unwrap());
    assert_eq!(store.use_once(once(1), end).await.unwrap(), FirstUse::Yes);
}
