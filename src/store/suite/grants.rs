//! [`Store::grant`](crate::Store::grant).

#![expect(missing_docs, reason = "the names of the checks say what they check")]

use oidc::ids::{ClientId, Uid};
use oidc::records::{CodeRecord, ConsentRecord, FamilyRecord, SessionClient};
use oidc::scope::StandardScope;

use super::{NOW, Parts as _, Subjected, assert_same, code, consent, family, permissions, session};
use crate::{CodeFacts, Grant, Granted};

fn client() -> SessionClient {
    SessionClient {
        application_uid: Uid::new("application"),
        client: ClientId::new("default.wiki"),
        sid: session(1).id,
    }
}

/// All that can be granted at once, in the first session.
fn all_of<'a>(
    consent: &'a ConsentRecord,
    client: &'a SessionClient,
    family: &'a FamilyRecord,
    code: &'a CodeRecord,
) -> Grant<'a> {
    Grant {
        session: Some(session(1).id),
        rests_on: None,
        consent: Some(consent),
        client: Some(client),
        family: Some(family),
        code: Some(code),
    }
}

/// Whether nothing of such a grant is there.
async fn nothing_is_kept(store: &Subjected) -> bool {
    let ConsentRecord { issuer, user_uid, application_uid, .. } = consent("openid");
    matches!(store.find_code(code(1).id).await.unwrap(), CodeFacts::Unknown)
        && store.find_family(family(2).id).await.unwrap().is_none()
        && store.clients_of_session(session(1).id, 10).await.unwrap().is_empty()
        && store
            .find_consent(&issuer, &user_uid, &application_uid)
            .await
            .unwrap()
            .is_none_or(|kept| !kept.permissions.has(StandardScope::Email))
}

pub async fn all_of_a_grant_is_written(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    let (consent, client, family, code) = (consent("openid email"), client(), family(2), code(1));
    let grant = all_of(&consent, &client, &family, &code);
    assert_eq!(store.grant(grant).await.unwrap(), Granted::Done);
    let CodeFacts::Live(kept) = store.find_code(code.id).await.unwrap() else { panic!() };
    assert_same(&kept, &code);
    assert_same(&store.find_family(family.id).await.unwrap(), &Some(family));
    assert_eq!(store.clients_of_session(session(1).id, 10).await.unwrap(), [client]);
    let kept = store.find_consent(&consent.issuer, &consent.user_uid, &consent.application_uid).await.unwrap();
    assert_eq!(kept, Some(consent));
}

pub async fn nothing_is_granted_in_a_session_that_is_gone(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    store.end_session(session(1).id, NOW).await.unwrap();
    let (consent, client, family, code) = (consent("openid email"), client(), family(2), code(1));
    let grant = all_of(&consent, &client, &family, &code);
    assert_eq!(store.grant(grant).await.unwrap(), Granted::SessionGone);
    assert!(nothing_is_kept(&store).await);
}

pub async fn nothing_rests_on_a_consent_that_was_withdrawn(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    let (found, client, family, code) = (consent("openid profile"), client(), family(2), code(1));
    let grant = Grant {
        session: Some(session(1).id),
        rests_on: Some(&found),
        client: Some(&client),
        family: Some(&family),
        code: Some(&code),
        ..Grant::default()
    };
    assert_eq!(store.grant(grant).await.unwrap(), Granted::ConsentGone, "never given");
    store.grant_consent(&found).await.unwrap();
    store.revoke_consent(&found.issuer, &found.user_uid, &found.application_uid, NOW).await.unwrap();
    assert_eq!(store.grant(grant).await.unwrap(), Granted::ConsentGone, "withdrawn");
    store.grant_consent(&ConsentRecord { permissions: permissions("openid"), ..found.clone() }).await.unwrap();
    assert_eq!(store.grant(grant).await.unwrap(), Granted::ConsentGone, "given anew, for less");
    assert!(nothing_is_kept(&store).await);
    store
        .grant_consent(&ConsentRecord { permissions: permissions("openid address profile"), ..found.clone() })
        .await
        .unwrap();
    assert_eq!(store.grant(grant).await.unwrap(), Granted::Done, "for more");
}

pub async fn of_a_grant_that_fails_nothing_is_written(store: Subjected) {
    store.open_session(&session(1), None).await.unwrap();
    let (consent, client, family, taken) = (consent("openid email"), client(), family(2), code(7));
    store.put_code(&taken).await.unwrap();
    let grant = all_of(&consent, &client, &family, &taken);
    store.grant(grant).await.unwrap_err();
    assert!(nothing_is_kept(&store).await);
}
