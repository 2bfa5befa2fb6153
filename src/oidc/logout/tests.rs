use crypto::{Secret, SigningKey};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::account::Account;
use crate::client::ClientAuthentication;
use crate::ids::{ClientId, SessionId, Subject, Uid};
use crate::records::SessionRecord;
use crate::testing::*;

/// The usual clients, and one whose id_tokens are signed with its secret.
fn served() -> Realm {
    let secretive = Client { id: ClientId::new("team-a.secretive"), ..symmetric_client() };
    realm_of(ISSUER, vec![client(), public_client(), secretive], vec![account()])
}

/// Claims of an id_token of `client` that expired long ago; `changes` are merged in, `null` takes a member out.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "sub": "alice-subject", "aud": "team-a.notes", "iat": 1, "exp": 2, "sid": session(NOW).id,
    });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name.as_str()] = value.clone();
        }
    }
    claims
}

fn hint(changes: &Value) -> String {
    crypto::jws::sign(&KEY, "JWT", &claims(changes)).unwrap()
}

fn read(pairs: &[(&str, &str)]) -> Result<LogoutRequest, Why> {
    LogoutRequest::read(&mut form(pairs)).map_err(|error| error.why)
}

/// The reason of a refusal, or the client and where the browser goes.
fn judged(pairs: &[(&str, &str)]) -> Result<(Option<String>, Option<String>), Why> {
    let realm = served();
    let judged = read(pairs)?.judge(&realm, NOW).map_err(|error| error.why)?;
    let client = judged.client().map(|client| client.id.to_string());
    Ok((client, judged.return_to.map(|to| to.location())))
}

fn found(client: Option<&str>, to: Option<&str>) -> (Option<String>, Option<String>) {
    (client.map(str::to_owned), to.map(str::to_owned))
}

#[test]
fn the_client_is_named_or_known_by_the_hint() {
    let own = hint(&json!({}));
    let (id, to) = (("client_id", "team-a.notes"), ("post_logout_redirect_uri", AFTER_LOGOUT));
    assert_eq!(judged(&[]), Ok(found(None, None)));
    assert_eq!(judged(&[("state", "s")]), Ok(found(None, None)));
    assert_eq!(judged(&[id]), Ok(found(Some("team-a.notes"), None)));
    assert_eq!(judged(&[id, to]), Ok(found(Some("team-a.notes"), Some(AFTER_LOGOUT))));
    assert_eq!(judged(&[("id_token_hint", &own), to]), Ok(found(Some("team-a.notes"), Some(AFTER_LOGOUT))), "expired");
    assert_eq!(judged(&[("id_token_hint", &own), id]), Ok(found(Some("team-a.notes"), None)));
    assert_eq!(judged(&[("logout_hint", "alice"), ("ui_locales", "en"), ("unknown", "x")]), Ok(found(None, None)));
    assert_eq!(judged(&[("client_id", "team-a.nobody")]), Err(Why::ClientUnknown));
    assert_eq!(judged(&[to]), Err(Why::ParameterMissing));
}

#[test]
fn t_p30_a_return_address_is_registered_character_by_character_for_this_client() {
    let to = |id: &str, uri: &str| judged(&[("client_id", id), ("post_logout_redirect_uri", uri)]);
    assert!(to("team-a.notes", AFTER_LOGOUT).is_ok());
    for other in [
        "https://notes.example.com/bye/",
        "https://notes.example.com/BYE",
        "https://notes.example.com/bye?x=1",
        "https://notes.example.com/bye#x",
        "https://notes.example.com:443/bye",
        "https://notes.example.com.evil.example/bye",
        "https://evil.example/bye",
        "//notes.example.com/bye",
        "/\\evil.example",
        "javascript:alert(1)",
        CALLBACK,
        " https://notes.example.com/bye",
    ] {
        assert_eq!(to("team-a.notes", other), Err(Why::RedirectUriNotRegistered), "{other}");
    }
    assert_eq!(
        to("team-a.cli", AFTER_LOGOUT),
        Ok(found(Some("team-a.cli"), Some(AFTER_LOGOUT))),
        "it has the same one"
    );
    // No port of a loopback address varies here, whatever the application is.
    let native = Client {
        post_logout_redirect_uris: vec![RedirectUri::parse("http://127.0.0.1/bye").unwrap()],
        ..public_client()
    };
    let realm = realm_of(ISSUER, vec![native], vec![]);
    let judge = |uri: &str| {
        let request = read(&[("client_id", "team-a.cli"), ("post_logout_redirect_uri", uri)]).unwrap();
        request.judge(&realm, NOW).map(|judged| judged.return_to.is_some()).map_err(|error| error.why)
    };
    assert_eq!(judge("http://127.0.0.1/bye"), Ok(true));
    assert_eq!(judge("http://127.0.0.1:4711/bye"), Err(Why::RedirectUriNotRegistered));
}

#[test]
fn state_goes_back_as_it_came() {
    let location = |uri: &str, state: Option<&str>| {
        let uri = RedirectUri::parse(uri).unwrap();
        ReturnTo { uri: &uri, state: state.map(str::to_owned) }.location()
    };
    assert_eq!(location("https://a.example/bye", None), "https://a.example/bye");
    assert_eq!(location("https://a.example/bye", Some("a b&c=é#")), "https://a.example/bye?state=a+b%26c%3D%C3%A9%23");
    assert_eq!(location("https://a.example/bye?x=1", Some("s")), "https://a.example/bye?x=1&state=s");
    assert_eq!(location("com.example.app:/bye", Some("s")), "com.example.app:/bye?state=s");
}

#[test]
fn t_p37_a_parameter_twice_or_too_long_is_refused() {
    for (name, max) in PARAMETERS {
        assert_eq!(read(&[(name, "a"), (name, "b")]), Err(Why::DuplicateParameter), "{name}");
        assert!(read(&[(name, &"x".repeat(max))]).is_ok(), "{name}");
        assert_eq!(read(&[(name, &"x".repeat(max + 1))]), Err(Why::ParameterTooLong), "{name}");
    }
}

#[test]
fn t_p31_a_hint_is_an_id_token_of_this_issuer_for_this_client() {
    let refused = |text: &str, id: Option<&str>| {
        let mut pairs = vec![("id_token_hint", text)];
        pairs.extend(id.map(|id| ("client_id", id)));
        assert_eq!(judged(&pairs), Err(Why::HintInvalid), "{id:?} {text}");
    };
    let own = hint(&json!({}));
    refused(&own, Some("team-a.cli"));
    refused("a.b.c", None);
    for wrong in [
        json!({"aud": "team-a.nobody"}),
        json!({"aud": ["team-a.notes"], "azp": "team-a.notes"}),
        json!({"iss": "https://evil.example"}),
        json!({"exp": null}),
        json!({"iat": null}),
        json!({"sub": null}),
        json!({"sid": "not a uuid"}),
        json!({"iat": NOW.secs() + 3600, "exp": NOW.secs() + 7200}),
        json!({"client_id": "team-a.notes", "scope": "openid"}),
    ] {
        refused(&hint(&wrong), None);
    }
    let (head, signature) = own.rsplit_once('.').unwrap();
    refused(&format!("{head}.{}", signature.chars().rev().collect::<String>()), None);
    refused(&format!("{head}."), None);
    for typ in ["at+jwt", "logout+jwt", ""] {
        refused(&crypto::jws::sign(&KEY, typ, &claims(&json!({}))).unwrap(), None);
    }
    let stranger = SigningKey::generate(crypto::Algorithm::ES256).unwrap();
    refused(&crypto::jws::sign(&stranger, "JWT", &claims(&json!({}))).unwrap(), None);
}

#[test]
fn t_p18_a_hint_is_signed_as_the_clients_id_tokens_are() {
    let of = json!({"aud": "team-a.secretive"});
    let with =
        |secret: &str| crypto::jws::sign_with_secret(&Secret::new(secret.to_owned()), "JWT", &claims(&of)).unwrap();
    let good = with(LONG_SECRET);
    assert_eq!(judged(&[("id_token_hint", &good)]), Ok(found(Some("team-a.secretive"), None)));
    let wrong = with("another secret of more than thirty-two octets");
    assert_eq!(judged(&[("id_token_hint", &wrong)]), Err(Why::HintInvalid));
    let by_key = hint(&of);
    assert_eq!(judged(&[("id_token_hint", &by_key)]), Err(Why::HintInvalid));
    let secret = Secret::new(LONG_SECRET.to_owned());
    let for_another = crypto::jws::sign_with_secret(&secret, "JWT", &claims(&json!({}))).unwrap();
    assert_eq!(judged(&[("id_token_hint", &for_another)]), Err(Why::HintInvalid));
}

/// Whether the hint names the session of [`session`] and [`account`], which the closure has changed.
fn names(changes: &Value, edit: impl FnOnce(&mut SessionRecord, &mut Account)) -> bool {
    let (mut session, mut account) = (session(NOW), account());
    edit(&mut session, &mut account);
    let realm = served();
    let request = read(&[("id_token_hint", &hint(changes))]).unwrap();
    let judged = request.judge(&realm, NOW).unwrap();
    judged.names(&Login { session: &session, account: &account })
}

#[test]
fn t_p31_only_a_hint_of_this_very_session_names_it() {
    assert!(names(&json!({}), |_, _| {}));
    assert!(!names(&json!({}), |session, _| session.id = SessionId::new(Uuid::from_u128(12))), "another session");
    assert!(!names(&json!({"sid": null}), |_, _| {}), "of the password grant");
    assert!(!names(&json!({"sub": "bob-subject"}), |_, _| {}));
    assert!(!names(&json!({}), |_, account| account.subject = Subject::new("bob-subject")));
    let realm = served();
    let request = read(&[("client_id", "team-a.notes")]).unwrap();
    let judged = request.judge(&realm, NOW).unwrap();
    assert!(!judged.names(&Login { session: &session(NOW), account: &account() }), "a client ID is no proof");
}

#[test]
fn a_pairwise_client_knows_the_person_by_its_own_name_for_them() {
    let pairwise = Client {
        subject_type: crate::subject::SubjectType::Pairwise,
        sector_key: Some(Secret::new("notes".to_owned())),
        uid: Uid::new("app-9"),
        authentication: ClientAuthentication::Public,
        ..client()
    };
    let subject = pairwise.subject_of(&account()).unwrap().into_owned();
    let realm = realm_of(ISSUER, vec![pairwise], vec![account()]);
    let check = |sub: &str| {
        let request = read(&[("id_token_hint", &hint(&json!({"sub": sub})))]).unwrap();
        request.judge(&realm, NOW).unwrap().names(&Login { session: &session(NOW), account: &account() })
    };
    assert!(check(&subject));
    assert!(!check("alice-subject"));
}
