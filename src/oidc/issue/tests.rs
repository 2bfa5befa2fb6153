use crypto::{Audience, Expect, Expired, Unverified, hash};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::*;
use crate::audience;
use crate::claims::{ClaimTarget, ExtraClaim, ExtraValue};
use crate::client::*;
use crate::records::Generation;
use crate::testing::*;
use crate::time::CLOCK_TOLERANCE_SECONDS;

fn grant<'c>(realm: &'c Realm, client: &'c Client, account: &'c Account, family: FamilyRecord) -> Grant<'c> {
    let scope = family.authorization.permissions.scope();
    let target = audience::target(realm, client, &family.authorization.permissions, None).unwrap();
    Grant { client, account, family, scope, target, occasion: Occasion::Granted, secret: None }
}

fn issue(client: &Client, change: impl FnOnce(&mut FamilyRecord)) -> TokenResponse {
    let realm = realm_of(ISSUER, vec![client.clone()], vec![account()]);
    let mut family = family_record();
    change(&mut family);
    tokens(&grant(&realm, client, &account(), family), &realm, &SERVER_KEYS, NOW, [9; 16]).unwrap()
}

fn claims(token: &str, typ: &str, audience: &str) -> Map<String, Value> {
    let expect = Expect {
        typ: &[typ],
        algorithms: &[Algorithm::ES256],
        issuer: ISSUER,
        audience: Audience::AnyOf(&[audience]),
        now: NOW.secs(),
        leeway: CLOCK_TOLERANCE_SECONDS,
        expired: Expired::Refuse,
    };
    Unverified::parse(token).unwrap().verify_with(KEY.verifying_key(), &expect).unwrap().into_claims()
}

#[test]
fn rfc9068_an_access_token_has_these_claims_and_no_other() {
    let response = issue(&client(), |_| {});
    let expect = json!({
        "iss": ISSUER, "sub": "alice-subject", "aud": ISSUER, "client_id": "team-a.notes",
        "iat": NOW.secs(), "exp": NOW.secs() + 600, "jti": jti(FAMILY, [9; 16]), "scope": "email openid",
    });
    assert_eq!(Value::Object(claims(&response.access_token, "at+jwt", ISSUER)), expect);
    assert_eq!((response.expires_in, response.token_type), (600, "Bearer"));
}

/// Where it is for the application itself it may say there what it likes.
#[test]
fn t_k13_a_caller_adds_nothing_to_the_token_of_an_api() {
    let role = ExtraClaim {
        name: "role".to_owned(),
        value: ExtraValue::Fixed("admin".to_owned()),
        targets: [ClaimTarget::AccessToken].into(),
    };
    let client = Client { extra_claims: vec![role], resources: service().resources, ..client() };
    let realm = realm_of(ISSUER, vec![client.clone()], vec![account()]);
    for (scope_text, audience, expect) in [("openid", ISSUER, Some("admin")), ("openid orders.read", ORDERS, None)] {
        let (account, mut family) = (account(), family_record());
        family.authorization.permissions = client.permissions(&scope(scope_text), None).unwrap();
        let target = audience::target(&realm, &client, &family.authorization.permissions, None).unwrap();
        let of_client = access_token::of_client(&client, &target, (&realm, &SERVER_KEYS), NOW, [9; 16]).unwrap();
        let of_person =
            tokens(&grant(&realm, &client, &account, family), &realm, &SERVER_KEYS, NOW, [9; 16]).unwrap().access_token;
        for token in [of_person, of_client] {
            let role = claims(&token, "at+jwt", audience).get("role").cloned();
            assert_eq!(role.as_ref().and_then(Value::as_str), expect, "{audience}");
        }
    }
}

#[test]
fn an_id_token_has_these_claims_and_no_other() {
    let response = issue(&client(), |_| {});
    let at_hash = hash::left_half(Algorithm::ES256, response.access_token.as_bytes());
    let expect = json!({
        "iss": ISSUER, "sub": "alice-subject", "aud": "team-a.notes", "iat": NOW.secs(), "exp": NOW.secs() + 3600,
        "nonce": "n1", "amr": ["pwd"], "sid": Uuid::from_u128(1), "at_hash": at_hash,
    });
    assert_eq!(Value::Object(claims(response.id_token.as_deref().unwrap(), "JWT", "team-a.notes")), expect);
}

#[test]
fn switches_of_the_application() {
    let mut client = client();
    client.access_token.default_audience = DefaultAudience::ClientId;
    client.access_token.type_header = TypeHeader::Jwt;
    client.id_token.at_hash = AtHash::AuthorizationEndpoint;
    client.id_token.scope_claims = ScopeClaims::IdTokenToo;
    client.id_token.absent_claims = AbsentClaims::Null;
    let response = issue(&client, |family| family.authorization.permissions = permissions("openid email profile"));
    assert_eq!(claims(&response.access_token, "JWT", "team-a.notes")["aud"], "team-a.notes");
    let id_token = claims(response.id_token.as_deref().unwrap(), "JWT", "team-a.notes");
    assert!(!id_token.contains_key("at_hash"));
    assert_eq!(id_token["email"], "alice@example.com");
    assert_eq!(id_token["birthdate"], Value::Null);
}

#[test]
fn auth_time_stands_where_it_was_asked_for() {
    let response = issue(&client(), |family| family.authorization.auth_time_requested = true);
    assert_eq!(claims(response.id_token.as_deref().unwrap(), "JWT", "team-a.notes")["auth_time"], NOW.secs() - 30);
}

#[test]
fn without_openid_there_is_no_id_token() {
    let response = issue(&client(), |family| family.authorization.permissions = permissions("email"));
    assert!(!response.has_id_token());
}

#[test]
fn what_is_refreshed_answers_no_nonce_and_covers_what_was_asked_for() {
    let (client, account) = (client(), account());
    let refresh = Some(Generation { number: 4, reached_at: NOW });
    let family = FamilyRecord { refresh, ..family_record() };
    let realm = realm();
    let scope = scope("openid");
    let target = audience::target(&realm, &client, &permissions("openid"), None).unwrap();
    let refreshed = Grant { scope, target, occasion: Occasion::Refreshed, ..grant(&realm, &client, &account, family) };
    let response = tokens(&refreshed, &realm, &SERVER_KEYS, NOW, [9; 16]).unwrap();
    assert_eq!(response.scope, "openid");
    assert_eq!(claims(&response.access_token, "at+jwt", ISSUER)["scope"], "openid");
    let id_token = claims(response.id_token.as_deref().unwrap(), "JWT", "team-a.notes");
    assert!(!id_token.contains_key("nonce"), "OIDC Core §12.2");
    assert_eq!(id_token["sid"], Uuid::from_u128(1).to_string());
    let token = RefreshToken { family: FAMILY, number: 4 }.text(&SERVER_KEYS, &realm, &client);
    assert_eq!(response.refresh_token.as_deref(), Some(token.expose().as_str()));
}

#[test]
fn a_missing_key_is_our_fault() {
    let mut client = client();
    client.id_token.algorithm = Algorithm::RS256;
    let realm = realm_of(ISSUER, vec![], vec![]);
    let account = account();
    let grant = grant(&realm, &client, &account, family_record());
    assert_eq!(tokens(&grant, &realm, &SERVER_KEYS, NOW, [9; 16]).err(), Some(IssueError::NoKey(Algorithm::RS256)));
}

#[test]
fn a_jti_names_its_family() {
    assert_eq!(family_of(&jti(FAMILY, [9; 16])), Some(FAMILY));
    for bad in ["", "x", &"A".repeat(42), &"A".repeat(44)] {
        assert_eq!(family_of(bad), None, "{bad}");
    }
}
