use serde_json::json;

use super::*;
use crate::account::Account;
use crate::audience;
use crate::client::Client;
use crate::ids::Uid;
use crate::issue::{Grant, Occasion, tokens};
use crate::testing::*;

/// The two tokens that the notes application is given.
fn issued(change: impl FnOnce(&mut Client, &mut FamilyRecord)) -> (Realm, Secret<String>, Secret<String>) {
    let (mut client, mut family, account) = (client(), family_record(), account());
    change(&mut client, &mut family);
    let realm = realm_of(ISSUER, vec![client.clone()], vec![account.clone()]);
    let scope = family.authorization.permissions.scope();
    let target = audience::target(&realm, &client, &family.authorization.permissions, None).unwrap();
    let grant =
        Grant { client: &client, account: &account, family, scope, target, occasion: Occasion::Granted, secret: None };
    let response = serde_json::to_value(tokens(&grant, &realm, &SERVER_KEYS, NOW, [9; 16]).unwrap()).unwrap();
    let token = |name: &str| Secret::new(response[name].as_str().unwrap_or_default().to_owned());
    (realm, token("access_token"), token("id_token"))
}

#[test]
fn claims_by_scope() {
    let (realm, token, _) = issued(|_, _| {});
    let access = verify(&realm, &SERVER_KEYS, &token, NOW).unwrap();
    let claims = decide(&realm, &access, Some(&family_record())).unwrap();
    let expect = json!({"sub": "alice-subject", "email": "alice@example.com", "email_verified": true});
    assert_eq!(Value::Object(claims), expect);
}

#[test]
fn t_p20_an_id_token_is_not_an_access_token() {
    let (realm, _, id_token) = issued(|client, _| client.access_token.type_header = crate::client::TypeHeader::Jwt);
    assert_eq!(verify(&realm, &SERVER_KEYS, &id_token, NOW).unwrap_err().why, Why::TokenInvalid);
}

#[test]
fn tokens_for_the_client_itself_are_taken_too() {
    let (realm, token, _) = issued(|client, _| {
        client.access_token.default_audience = crate::client::DefaultAudience::ClientId;
        client.access_token.type_header = crate::client::TypeHeader::Jwt;
    });
    assert!(verify(&realm, &SERVER_KEYS, &token, NOW).is_ok());
}

fn signed(claims: Value) -> Secret<String> {
    Secret::new(crypto::jws::sign(&KEY, "at+jwt", &claims).unwrap())
}

#[test]
fn t_p15_tokens_for_other_audiences_issuers_and_times_are_refused() {
    let realm = realm();
    let good = json!({
        "iss": ISSUER, "sub": "s", "aud": ISSUER, "client_id": "team-a.notes", "iat": NOW.secs(), "exp": NOW.secs() + 60,
        "jti": crypto::b64::encode(&[7; 32]), "scope": "openid",
    });
    assert!(verify(&realm, &SERVER_KEYS, &signed(good.clone()), NOW).is_ok());
    for (name, value, why) in [
        ("aud", json!("https://api.example"), Why::AudienceMismatch),
        ("aud", json!("team-a.cli"), Why::AudienceMismatch),
        ("aud", json!([ISSUER]), Why::TokenInvalid),
        ("iss", json!("https://other.example"), Why::TokenInvalid),
        ("exp", json!(NOW.secs() - 15), Why::TokenInvalid),
        ("iat", json!(NOW.secs() + 100), Why::TokenInvalid),
        ("client_id", json!("team-b.x"), Why::ClientUnknown),
        ("jti", json!("junk"), Why::TokenInvalid),
        ("scope", json!("email"), Why::ScopeMissing),
        ("scope", Value::Null, Why::TokenInvalid),
    ] {
        let mut claims = good.clone();
        claims[name] = value.clone();
        assert_eq!(verify(&realm, &SERVER_KEYS, &signed(claims), NOW).unwrap_err().why, why, "{name}: {value}");
    }
}

#[test]
fn t_p52_a_token_under_the_shared_secret_is_neither_access_token_nor_hint() {
    let claims = json!({
        "iss": ISSUER, "sub": "s", "aud": ISSUER, "client_id": "team-a.notes", "iat": NOW.secs(), "exp": NOW.secs() + 60,
        "jti": crypto::b64::encode(&[7; 32]), "scope": "openid",
    });
    let secret = Secret::new("a secret of more than thirty-two characters".to_owned());
    let forged = Secret::new(crypto::jws::sign_with_secret(&secret, "at+jwt", &claims).unwrap());
    assert_eq!(verify(&realm(), &SERVER_KEYS, &forged, NOW).unwrap_err().why, Why::TokenInvalid);
}

#[test]
fn t_p11_nothing_is_told_of_a_revoked_family_or_a_person_who_left() {
    let (realm, token, _) = issued(|_, _| {});
    let access = verify(&realm, &SERVER_KEYS, &token, NOW).unwrap();
    let why = |family: Option<&FamilyRecord>| decide(&realm, &access, family).unwrap_err().why;
    assert_eq!(why(None), Why::FamilyRevoked);
    assert_eq!(why(Some(&FamilyRecord { revoked_at: Some(NOW), ..family_record() })), Why::FamilyRevoked);
    let mut moved = family_record();
    moved.authorization.application_uid = Uid::new("app-9");
    assert_eq!(why(Some(&moved)), Why::ClientMismatch);
    let nobody = realm_of(ISSUER, vec![client()], vec![Account { uid: Uid::new("user-9"), ..account() }]);
    let access = verify(&nobody, &SERVER_KEYS, &token, NOW).unwrap();
    assert_eq!(decide(&nobody, &access, Some(&family_record())).unwrap_err().why, Why::AccountGone);
}

#[test]
fn one_bearer_token_in_one_place() {
    let read = |header: Option<&str>, pairs: &[(&str, &str)]| {
        bearer(header, &mut form(pairs)).map(|token| token.expose().clone()).map_err(|refusal| refusal.why)
    };
    assert_eq!(read(Some("Bearer abc"), &[]).as_deref(), Ok("abc"));
    assert_eq!(read(Some("bearer  abc"), &[]).as_deref(), Ok("abc"));
    assert_eq!(read(None, &[("access_token", "abc")]).as_deref(), Ok("abc"));
    assert_eq!(read(Some("Bearer abc"), &[("access_token", "abc")]), Err(Why::BearerTwice));
    assert_eq!(read(Some("Basic abc"), &[]), Err(Why::BearerMalformed));
    assert_eq!(read(Some("Bearer"), &[]), Err(Why::BearerMalformed));
    assert_eq!(read(None, &[]), Err(Why::BearerMissing));
    assert_eq!(read(None, &[("access_token", "a"), ("access_token", "b")]), Err(Why::DuplicateParameter));
}
