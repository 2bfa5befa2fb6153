//! [`Store::grant`](crate::Store::grant), [`find_consent`](crate::Store::find_consent),
//! [`revoke_consent`](crate::Store::revoke_consent).

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use oidc::ids::{ClientId, Uid};
use oidc::permission::{Permission, Permissions};
use oidc::records::ConsentRecord;

use super::{NOW, Parts as _, Subjected, consent, permissions};
use crate::Ended;

/// What is kept under the key of `like`.
pub(super) async fn find(store: &Subjected, like: &ConsentRecord) -> Option<ConsentRecord> {
    store.find_consent(&like.issuer, &like.user_uid, &like.application_uid).await.unwrap()
}

/// Withdraws what is kept under the key of `like`.
pub(super) async fn revoke(store: &Subjected, like: &ConsentRecord) -> Ended {
    store.revoke_consent(&like.issuer, &like.user_uid, &like.application_uid, NOW).await.unwrap()
}

pub async fn a_consent_is_found_as_it_was_granted(store: Subjected) {
    assert_eq!(find(&store, &consent("")).await, None);
    let at_api =
        ["read", "read https://a.example", "read https://b.example"].map(|text| Permission::parse(text).unwrap());
    let all = permissions("openid api:read!").union(&Permissions::from_iter(at_api));
    let consent = ConsentRecord { permissions: all, ..consent("") };
    store.grant_consent(&consent).await.unwrap();
    assert_eq!(find(&store, &consent).await, Some(consent));
}

pub async fn an_empty_consent_is_found(store: Subjected) {
    store.grant_consent(&consent("")).await.unwrap();
    assert_eq!(find(&store, &consent("")).await, Some(consent("")));
}

pub async fn scopes_are_united_and_the_latest_time_stays(store: Subjected) {
    store.grant_consent(&consent("openid email")).await.unwrap();
    let later =
        ConsentRecord { client: ClientId::new("renamed"), granted_at: NOW.plus_secs(10), ..consent("email profile") };
    store.grant_consent(&later).await.unwrap();
    let both = ConsentRecord { permissions: permissions("openid email profile"), ..later.clone() };
    assert_eq!(find(&store, &both).await, Some(both.clone()));
    store.grant_consent(&ConsentRecord { granted_at: NOW, ..later }).await.unwrap();
    assert_eq!(find(&store, &both).await, Some(both));
}

pub async fn each_part_of_the_key_counts(store: Subjected) {
    store.grant_consent(&consent("openid")).await.unwrap();
    let others = [
        ConsentRecord { issuer: "https://other.example".to_owned(), ..consent("email") },
        ConsentRecord { user_uid: Uid::new("other"), ..consent("email") },
        ConsentRecord { application_uid: Uid::new("other"), ..consent("email") },
    ];
    for other in &others {
        assert_eq!(find(&store, other).await, None);
        assert_eq!(revoke(&store, other).await, Ended::Already);
        store.grant_consent(other).await.unwrap();
    }
    assert_eq!(find(&store, &consent("")).await, Some(consent("openid")));
    assert_eq!(revoke(&store, &consent("")).await, Ended::Done);
    for other in &others {
        assert_eq!(find(&store, other).await.as_ref(), Some(other));
    }
}

pub async fn a_withdrawn_consent_leaves_no_scope_behind(store: Subjected) {
    store.grant_consent(&consent("openid email")).await.unwrap();
    assert_eq!(revoke(&store, &consent("")).await, Ended::Done);
    assert_eq!(revoke(&store, &consent("")).await, Ended::Already);
    assert_eq!(find(&store, &consent("")).await, None);
    store.grant_consent(&consent("profile")).await.unwrap();
    assert_eq!(find(&store, &consent("")).await, Some(consent("profile")));
}
