use crypto::{Algorithm, Audience, Expect, Expired, Secret, Unverified, VerifyingKey};
use serde_json::json;

use super::*;
use crate::ids::{ClientId, Uid};
use crate::records::SessionClient;
use crate::subject::SubjectType;
use crate::testing::{ISSUER, LONG_SECRET, NOW, account, client, realm_of, session, symmetric_client};

const JTI: Uuid = Uuid::from_u128(5);

fn hears(session_required: bool) -> BackchannelLogout {
    let uri = CalledUri::parse("https://notes.example.com/out").unwrap();
    BackchannelLogout { uri, private_addresses: PrivateAddresses::Denied, session_required }
}

fn of(client: Client, session_required: bool) -> (Realm, LogoutNotice) {
    let client = Client { backchannel_logout: Some(hears(session_required)), ..client };
    let told =
        SessionClient { application_uid: client.uid.clone(), client: client.id.clone(), sid: SessionId::new(JTI) };
    let notice = LogoutNotice {
        session: session(NOW).id,
        client: told,
        issuer: ISSUER.to_owned(),
        subject: account().subject,
        ended_at: NOW.plus_secs(-60),
        attempt: 1,
    };
    (realm_of(ISSUER, vec![client], vec![account()]), notice)
}

fn token(realm: &Realm, notice: &LogoutNotice) -> Result<String, IssueError> {
    let (client, logout) = recipient(realm, notice).unwrap();
    logout_token(realm, client, logout, notice, SecretAge::Newest, JTI, NOW)
}

fn expect(algorithms: &[Algorithm]) -> Expect<'_> {
    Expect {
        typ: &["logout+jwt"],
        algorithms,
        issuer: ISSUER,
        audience: Audience::AnyOf(&["team-a.notes"]),
        now: NOW.secs(),
        leeway: 0,
        expired: Expired::Refuse,
    }
}

fn verified(realm: &Realm, token: &str) -> Value {
    let token = Unverified::parse(token).unwrap();
    token.verify(&realm.keys, &expect(&[Algorithm::ES256])).unwrap().into_claims()
}

#[test]
fn t_p31_a_logout_token_says_what_it_must_and_is_no_id_token() {
    let claims = json!({
        "iss": ISSUER,
        "sub": "alice-subject",
        "aud": "team-a.notes",
        "iat": NOW.secs(),
        "exp": NOW.secs() + 120,
        "jti": JTI.to_string(),
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        "sid": JTI.to_string(),
    });
    let (realm, notice) = of(client(), true);
    let text = token(&realm, &notice).unwrap();
    assert_eq!(verified(&realm, &text), claims, "and no nonce, nor anything else");
    let as_id_token = Expect { typ: &["JWT"], ..expect(&[Algorithm::ES256]) };
    let parsed = Unverified::parse(&text).unwrap();
    assert_eq!(parsed.verify::<Value>(&realm.keys, &as_id_token).unwrap_err(), crypto::JwsError::Type);
}

#[test]
fn a_token_without_a_session_is_about_all_of_them() {
    let (realm, notice) = of(client(), false);
    let claims = verified(&realm, &token(&realm, &notice).unwrap());
    assert_eq!((claims.get("sid"), &claims["sub"]), (None, &json!("alice-subject")));
}

#[test]
fn t_p31_it_is_signed_as_the_clients_id_tokens_are() {
    let (realm, notice) = of(symmetric_client(), true);
    let text = token(&realm, &notice).unwrap();
    let key = VerifyingKey::from_shared_secret(&Secret::new(LONG_SECRET.to_owned())).unwrap();
    let claims: Value =
        Unverified::parse(&text).unwrap().verify_with(&key, &expect(&[Algorithm::HS256])).unwrap().into_claims();
    assert_eq!(claims["aud"], "team-a.notes");
    let without = Client { shared_secrets: Vec::new(), ..symmetric_client() };
    let (realm, notice) = of(without, true);
    assert_eq!(token(&realm, &notice), Err(IssueError::NoKey(Algorithm::HS256)));
    let mut other = client();
    other.id_token.algorithm = Algorithm::EdDSA;
    let (realm, notice) = of(other, true);
    assert_eq!(token(&realm, &notice), Err(IssueError::NoKey(Algorithm::EdDSA)));
}

#[test]
fn a_pairwise_client_hears_of_its_own_subject_alone() {
    let pairwise = |sector_key| Client { subject_type: SubjectType::Pairwise, sector_key, ..client() };
    let (realm, notice) = of(pairwise(Some(Secret::new("notes".to_owned()))), true);
    let subject = recipient(&realm, &notice).unwrap().0.subject_of(&account()).unwrap().into_owned();
    assert_ne!(subject, "alice-subject");
    assert_eq!(verified(&realm, &token(&realm, &notice).unwrap())["sub"], json!(subject));
    let (realm, notice) = of(pairwise(None), true);
    assert_eq!(token(&realm, &notice), Err(IssueError::NoSectorKey), "never the public one");
}

#[test]
fn t_k15_an_application_of_the_same_name_hears_nothing() {
    let (realm, notice) = of(client(), true);
    let other = |edit: fn(&mut SessionClient)| {
        let mut notice = notice.clone();
        edit(&mut notice.client);
        recipient(&realm, &notice).is_some()
    };
    assert!(other(|_| {}));
    assert!(!other(|told| told.application_uid = Uid::new("before")));
    assert!(!other(|told| told.client = ClientId::new("team-a.gone")));
    let silent = realm_of(ISSUER, vec![client()], vec![account()]);
    assert!(recipient(&silent, &notice).is_none(), "it wants to hear nothing");
}
