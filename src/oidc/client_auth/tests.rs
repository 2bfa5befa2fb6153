use std::collections::BTreeSet;

use base64::Engine as _;
use crypto::{Jwks, SigningKey};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::client::{CalledUri, ClientKeys, PrivateAddresses, PublishedKeys};
use crate::ids::ClientId;
use crate::testing::*;

fn basic_header(id: &str, secret: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}

fn authenticate(header: Option<&str>, pairs: &[(&str, &str)]) -> Result<String, (ErrorCode, Why)> {
    let realm = realm();
    let presented = present(header, &mut form(pairs)).map_err(|refusal| (refusal.code, refusal.why))?;
    let proved = presented.authenticate(&realm, &SERVER_KEYS, NOW).map_err(|refusal| (refusal.code, refusal.why))?;
    Ok(proved.proved().client().id.to_string())
}

const ID: (&str, &str) = ("client_id", "team-a.notes");
const SECRET_PAIR: (&str, &str) = ("client_secret", SECRET);

#[test]
fn each_method() {
    let header = basic_header("team-a.notes", SECRET);
    assert_eq!(authenticate(Some(&header), &[]).as_deref(), Ok("team-a.notes"));
    assert_eq!(authenticate(Some(&header), &[ID]).as_deref(), Ok("team-a.notes"));
    assert_eq!(authenticate(Some(&header.replacen("Basic", "bAsIc", 1)), &[]).as_deref(), Ok("team-a.notes"));
    assert_eq!(authenticate(None, &[ID, SECRET_PAIR]).as_deref(), Ok("team-a.notes"));
    assert_eq!(authenticate(None, &[("client_id", "team-a.cli")]).as_deref(), Ok("team-a.cli"));
}

#[test]
fn refusals() {
    use ErrorCode::{InvalidClient, InvalidRequest};
    let header = basic_header("team-a.notes", SECRET);
    let check = |header: Option<&str>, pairs: &[(&str, &str)], code, why| {
        assert_eq!(authenticate(header, pairs), Err((code, why)), "{header:?} {pairs:?}");
    };
    check(None, &[], InvalidClient, Why::ClientAuthenticationMissing);
    check(None, &[SECRET_PAIR], InvalidClient, Why::ClientAuthenticationMissing);
    check(None, &[ID], InvalidClient, Why::ClientAuthenticationMissing);
    check(None, &[ID, ("client_secret", "wrong")], InvalidClient, Why::ClientSecretWrong);
    check(None, &[("client_id", "team-b.x"), SECRET_PAIR], InvalidClient, Why::ClientUnknown);
    check(None, &[("client_id", "team-a.cli"), SECRET_PAIR], InvalidClient, Why::ClientAuthenticationMethod);
    check(None, &[ID, ("client_assertion", "a.b.c")], InvalidClient, Why::AssertionInvalid);
    check(Some(&header), &[SECRET_PAIR], InvalidRequest, Why::ClientAuthenticationTwice);
    check(Some(&header), &[("client_id", "team-a.cli")], InvalidRequest, Why::ClientAuthenticationTwice);
    check(Some(&basic_header("team-a.notes", "wrong")), &[], InvalidClient, Why::ClientSecretWrong);
    check(Some(&basic_header("team-a.cli", "x")), &[], InvalidClient, Why::ClientAuthenticationMethod);
    for malformed in
        ["Basic", "Basic ", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer abc", "Basic OnNlY3JldA==", "Basic JTp4"]
    {
        check(Some(malformed), &[], InvalidClient, Why::ClientAuthenticationMalformed);
    }
    check(Some(&format!("Basic {}", "A".repeat(5000))), &[], InvalidClient, Why::ClientAuthenticationMalformed);
}

#[test]
fn t_p33_who_has_proved_nothing_is_told_the_same_of_every_client_and_of_none() {
    let keys = ClientKeys::default();
    let keys =
        Client { id: ClientId::new("team-a.keys"), authentication: ClientAuthentication::Keys(keys), ..client() };
    let realm = realm_of(ISSUER, vec![client(), keys, public_client()], vec![]);
    let told = |id: &str, proof: &[(&str, &str)]| {
        let presented = present(None, &mut form(&[&[("client_id", id)], proof].concat())).unwrap();
        let refusal = presented.authenticate(&realm, &SERVER_KEYS, NOW).unwrap_err();
        (refusal.code, refusal.description)
    };
    for (proof, ids) in [
        (&[("client_secret", "wrong")][..], &["team-a.notes", "team-a.keys", "team-a.cli"][..]),
        (&[], &["team-a.notes", "team-a.keys"]),
    ] {
        for id in ids {
            assert_eq!(told(id, proof), told("team-b.x", proof), "{id}");
        }
    }
    let asserted = |id: &str| {
        let jwt_bearer = [("client_assertion_type", JWT_BEARER)];
        let claims = serde_json::json!({"sub": id, "iss": id, "aud": ISSUER, "exp": 1, "jti": "1"});
        let assertion = crypto::jws::sign(&KEY, "JWT", &claims).unwrap();
        told(id, &[&jwt_bearer[..], &[("client_assertion", &assertion)]].concat())
    };
    for id in ["team-a.notes", "team-a.keys", "team-a.cli"] {
        assert_eq!(asserted(id), asserted("team-b.x"), "{id}");
    }
}

#[test]
fn a_method_that_the_application_left_out_is_refused() {
    let ClientAuthentication::Secret { verifiers, .. } = client().authentication else {
        panic!("a confidential client")
    };
    let methods = BTreeSet::from([ClientAuthMethod::ClientSecretBasic]);
    let only_basic =
        Client { authentication: ClientAuthentication::Secret { methods, verifiers, previous_ends: None }, ..client() };
    let realm = realm_of(ISSUER, vec![only_basic], vec![]);
    let presented = present(None, &mut form(&[ID, SECRET_PAIR])).unwrap();
    assert_eq!(presented.authenticate(&realm, &SERVER_KEYS, NOW).unwrap_err().why, Why::ClientAuthenticationMethod);
}

proptest! {
    #[test]
    fn any_id_and_secret_survive_the_header(id in "\\PC{1,20}", secret in "\\PC{0,40}") {
        let (read_id, read_secret) = basic(&basic_header(&id, &secret)).unwrap();
        prop_assert_eq!(read_id, id);
        prop_assert_eq!(read_secret.expose(), &secret);
    }

    #[test]
    fn reading_never_panics(header in "\\PC{0,80}") {
        drop(basic(&header));
    }
}

const KEYS_URI: &str = "https://keys.example.com/jwks.json";

/// The client with keys that it publishes.
fn published() -> Client {
    let published =
        PublishedKeys { uri: CalledUri::parse(KEYS_URI).unwrap(), private_addresses: PrivateAddresses::Denied };
    Client { authentication: ClientAuthentication::PublishedKeys(published), ..client() }
}

fn set(keys: &[&SigningKey]) -> ClientKeys {
    ClientKeys::usable(Jwks { keys: keys.iter().map(|key| key.public_jwk().clone()).collect() })
}

/// What a caller with this assertion is told, by a server that could find these keys.
fn with_published(assertion: &str, keys: Option<&ClientKeys>) -> Result<bool, Why> {
    let realm = realm_of(ISSUER, vec![published()], vec![]);
    let pairs = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)];
    let presented = present(None, &mut form(&pairs)).unwrap();
    let attested = presented.authenticate(&realm, &SERVER_KEYS, NOW).map_err(|refusal| refusal.why)?;
    let Attested::Keys(wanted) = attested else { panic!("{attested:?}") };
    assert_eq!(wanted.published().uri.url().as_str(), KEYS_URI);
    let may = keys.is_some_and(|keys| wanted.may_be_in(keys));
    wanted.settle(&realm, keys, NOW).map(|_| may).map_err(|refusal| {
        assert_eq!((refusal.code, &*refusal.description), (ErrorCode::InvalidClient, ASSERTION), "whatever it was");
        refusal.why
    })
}

#[test]
fn t_p17_published_keys_prove_a_client_once_they_were_found() {
    let [old, new] = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256).unwrap());
    let claims = json!({
        "iss": "team-a.notes", "sub": "team-a.notes", "aud": ISSUER, "iat": NOW.secs(), "exp": NOW.secs() + 60, "jti": "1",
    });
    let assertion = crypto::jws::sign(&new, "JWT", &claims).unwrap();
    assert_eq!(with_published(&assertion, Some(&set(&[&old, &new]))), Ok(true));
    assert_eq!(with_published(&assertion, None), Err(Why::ClientKeysUnavailable));
    assert_eq!(with_published(&assertion, Some(&set(&[&old]))), Err(Why::AssertionInvalid));
    assert_eq!(with_published(&assertion, Some(&set(&[]))), Err(Why::AssertionInvalid));
    // Refused without a look at any key: no published key could have made it.
    let secret = Secret::new(LONG_SECRET.to_owned());
    let symmetric = crypto::jws::sign_with_secret(&secret, "JWT", &claims).unwrap();
    assert_eq!(with_published(&symmetric, Some(&set(&[&new]))), Err(Why::AssertionInvalid));
}

#[test]
fn another_set_is_wanted_where_no_key_can_be_the_one() {
    let [one, other] = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256).unwrap());
    let keys = set(&[&one]);
    assert!(keys.may_verify(Some(one.kid().as_str()), Algorithm::ES256));
    assert!(!keys.may_verify(Some(other.kid().as_str()), Algorithm::ES256));
    assert!(!keys.may_verify(Some(one.kid().as_str()), Algorithm::RS256));
    assert!(keys.may_verify(None, Algorithm::ES256), "any of them, then");
    let mut bare = json!(one.public_jwk());
    bare.as_object_mut().unwrap().remove("kid");
    let bare = ClientKeys::usable(serde_json::from_value(json!({"keys": [bare]})).unwrap());
    assert!(bare.may_verify(Some(other.kid().as_str()), Algorithm::ES256), "a key without a name may be any");
}

#[test]
fn a_key_that_cannot_be_used_does_not_take_the_others_with_it() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let short = json!({"kty": "RSA", "n": crypto::b64::encode(&[0xff; 128]), "e": "AQAB"});
    let jwks = json!({"keys": [short, key.public_jwk(), {"kty": "RSA", "use": "enc", "n": "AQ", "e": "AQ"}]});
    let keys = ClientKeys::usable(serde_json::from_value(jwks).unwrap());
    assert_eq!(keys.jwks(), [key.public_jwk().clone()]);
}
