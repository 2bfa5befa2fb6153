use super::*;
use crate::account::Account;
use crate::client::UserAccess;
use crate::client_auth;
use crate::ids::{GroupName, Uid};
use crate::records::FamilyRecord;
use crate::refusal::ErrorCode;
use crate::testing::*;

fn ask(changes: &[(&str, &str)]) -> Result<Request, Refusal> {
    let text = code().text();
    let good = [
        ("grant_type", "authorization_code"),
        ("code", text.expose().as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let request = crate::token::Request::parse(&mut form(&changed(&good, changes)))?;
    let crate::token::Request::AuthorizationCode(request) = request else { panic!("{request:?}") };
    Ok(request)
}

/// Decides in a realm, for the confidential client.
fn decide_in(realm: &Realm, changes: &[(&str, &str)], facts: CodeFacts, now: Time) -> Result<FamilyRecord, Refusal> {
    let mut credentials = form(&[("client_id", "team-a.notes"), ("client_secret", SECRET)]);
    let caller = client_auth::present(None, &mut credentials)?.authenticate(realm, &SERVER_KEYS, NOW)?.proved();
    decide(realm, &caller, &ask(changes)?, facts, now).map(|plan| plan.grant.family)
}

fn refused(changes: &[(&str, &str)], facts: CodeFacts, expect: (ErrorCode, Why)) {
    let refusal = decide_in(&realm(), changes, facts, NOW).unwrap_err();
    assert_eq!((refusal.code, refusal.why, refusal.effect), (expect.0, expect.1, None), "{changes:?}");
}

fn live() -> CodeFacts {
    CodeFacts::Live(code_record())
}

fn spent() -> CodeFacts {
    CodeFacts::Spent(code_record())
}

fn live_with(change: impl FnOnce(&mut CodeRecord)) -> CodeFacts {
    let mut record = code_record();
    change(&mut record);
    CodeFacts::Live(record)
}

#[test]
fn the_rightful_party_gets_a_family() {
    let family = decide_in(&realm(), &[], live(), NOW).unwrap();
    assert_eq!((family.id, family.created_at, family.revoked_at), (FAMILY, NOW, None));
    assert!(family.expires_at > NOW.plus_secs(3600), "it outlives its longest token");
    assert_eq!(family.refresh, None);
}

#[test]
fn a_refresh_token_comes_where_it_was_granted_and_may_be_had() {
    let refresh = |client: Client, granted: &str| {
        let realm = realm_of(ISSUER, vec![client], vec![account()]);
        let facts = live_with(|code| code.authorization.permissions = permissions(granted));
        decide_in(&realm, &[], facts, NOW).unwrap().refresh
    };
    let first = Some(crate::records::Generation { number: 0, reached_at: NOW });
    assert_eq!(refresh(offline_client(), "openid offline_access"), first);
    assert_eq!(refresh(offline_client(), "openid"), None);
    assert_eq!(refresh(client(), "openid offline_access"), None, "the application has lost the grant meanwhile");
}

#[test]
fn t_p08_a_code_is_bound_to_client_redirect_uri_and_verifier() {
    use ErrorCode::{InvalidGrant, InvalidRequest};
    for facts in [live, spent] {
        refused(&[("redirect_uri", "-")], facts(), (InvalidRequest, Why::ParameterMissing));
        refused(
            &[("redirect_uri", "https://notes.example.com/cb/")],
            facts(),
            (InvalidGrant, Why::RedirectUriMismatch),
        );
        refused(&[("code_verifier", &"a".repeat(43))], facts(), (InvalidGrant, Why::PkceMismatch));
        refused(&[("code_verifier", "-")], facts(), (InvalidGrant, Why::PkceMissing));
    }
    refused(&[("code_verifier", "short")], live(), (InvalidGrant, Why::PkceMalformed));
    refused(
        &[],
        live_with(|code| code.authorization.client = crate::ids::ClientId::new("team-b.x")),
        (InvalidGrant, Why::ClientMismatch),
    );
    refused(&[], CodeFacts::Unknown, (InvalidGrant, Why::CodeUnknown));
    refused(&[("code", "-")], live(), (InvalidRequest, Why::ParameterMissing));
    refused(&[("code", "junk")], live(), (InvalidGrant, Why::CodeUnknown));
    let other_proof = Opaque::new(code().row(), [6; 32]).text();
    refused(&[("code", other_proof.expose())], live(), (InvalidGrant, Why::CodeUnknown));
}

#[test]
fn t_p09_a_verifier_without_challenge_is_refused() {
    refused(&[], live_with(|code| code.challenge = None), (ErrorCode::InvalidGrant, Why::PkceUnexpected));
    let plain = decide_in(&realm(), &[("code_verifier", "-")], live_with(|code| code.challenge = None), NOW);
    assert!(plain.is_ok());
}

#[test]
fn t_p07_a_replay_by_the_rightful_client_revokes_what_was_issued() {
    let refusal = decide_in(&realm(), &[], spent(), NOW).unwrap_err();
    assert_eq!((refusal.code, refusal.why), (ErrorCode::InvalidGrant, Why::CodeReplayed));
    assert_eq!(refusal.effect, Some(Effect::RevokeFamily(FAMILY)));
    let late = decide_in(&realm(), &[], spent(), NOW.plus_secs(600)).unwrap_err();
    assert_eq!(late.effect, Some(Effect::RevokeFamily(FAMILY)), "also when the code has long expired");
}

#[test]
fn a_code_lives_until_its_very_end() {
    assert!(decide_in(&realm(), &[], live(), Time::from_millis(NOW.plus_secs(60).millis() - 1)).is_ok());
    let refusal = decide_in(&realm(), &[], live(), NOW.plus_secs(60)).unwrap_err();
    assert_eq!((refusal.code, refusal.why), (ErrorCode::InvalidGrant, Why::CodeExpired));
}

#[test]
fn t_p23_a_code_of_one_issuer_is_nothing_at_another() {
    let other = realm_of("https://other.example.com/oidc", vec![client()], vec![account()]);
    assert_eq!(decide_in(&other, &[], live(), NOW).unwrap_err().why, Why::CodeOfAnotherIssuer);
}

#[test]
fn t_k15_a_code_of_a_deleted_application_or_person_is_nothing_to_its_namesake() {
    let again = Client { uid: Uid::new("app-9"), ..client() };
    let realm = realm_of(ISSUER, vec![again], vec![account()]);
    assert_eq!(decide_in(&realm, &[], live(), NOW).unwrap_err().why, Why::ClientMismatch);
    let bob = Account { uid: Uid::new("user-9"), ..account() };
    let realm = realm_of(ISSUER, vec![client()], vec![bob]);
    assert_eq!(decide_in(&realm, &[], live(), NOW).unwrap_err().why, Why::AccountGone);
}

#[test]
fn t_p11_a_person_who_left_the_group_gets_no_token() {
    let staff = Client { user_access: UserAccess::Groups([GroupName::new("staff")].into()), ..client() };
    let realm = realm_of(ISSUER, vec![staff], vec![account()]);
    assert_eq!(decide_in(&realm, &[], live(), NOW).unwrap_err().why, Why::AccountGone);
}

#[test]
fn no_resource_is_known_yet() {
    refused(&[("resource", "https://api.example")], live(), (ErrorCode::InvalidTarget, Why::ResourceUnknown));
}

#[test]
fn token_requests_that_are_none() {
    use crate::token::Request;
    for (pairs, code, why) in [
        (&[][..], ErrorCode::InvalidRequest, Why::ParameterMissing),
        (&[("grant_type", "x")], ErrorCode::UnsupportedGrantType, Why::GrantTypeUnknown),
        (
            &[("grant_type", "authorization_code"), ("grant_type", "x")],
            ErrorCode::InvalidRequest,
            Why::DuplicateParameter,
        ),
        (&[("grant_type", "authorization_code")], ErrorCode::InvalidRequest, Why::ParameterMissing),
        (&[("grant_type", "refresh_token")], ErrorCode::InvalidRequest, Why::ParameterMissing),
        (
            &[("grant_type", "refresh_token"), ("refresh_token", "x"), ("scope", "\"")],
            ErrorCode::InvalidScope,
            Why::ScopeMalformed,
        ),
    ] {
        let refusal = Request::parse(&mut form(pairs)).unwrap_err();
        assert_eq!((refusal.code, refusal.why), (code, why), "{pairs:?}");
    }
}

#[test]
fn a_grant_that_the_application_lacks_is_refused() {
    let without = Client { grant_types: std::collections::BTreeSet::new(), ..client() };
    let realm = realm_of(ISSUER, vec![without], vec![account()]);
    let mut credentials = form(&[("client_id", "team-a.notes"), ("client_secret", SECRET)]);
    let caller =
        client_auth::present(None, &mut credentials).unwrap().authenticate(&realm, &SERVER_KEYS, NOW).unwrap().proved();
    let request = crate::token::Request::AuthorizationCode(ask(&[]).unwrap());
    assert_eq!(request.permit(&caller).unwrap_err().code, ErrorCode::UnauthorizedClient);
}
