use std::collections::BTreeSet;

use base64::Engine as _;
use proptest::prelude::*;

use super::*;
use crate::client::ClientKeys;
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
    let only_basic = Client { authentication: ClientAuthentication::Secret { methods, verifiers }, ..client() };
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
