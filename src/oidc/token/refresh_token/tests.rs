use super::*;
use crate::account::Account;
use crate::client::{Client, UserAccess};
use crate::client_auth;
use crate::ids::{GroupName, Uid};
use crate::records::Generation;
use crate::testing::*;

/// A family whose third refresh token is the good one, since a minute.
fn family() -> FamilyRecord {
    let mut family = family_record();
    family.authorization.permissions = permissions("openid email offline_access");
    family.refresh = Some(Generation { number: 2, reached_at: NOW.plus_secs(-60) });
    family.created_at = NOW.plus_secs(-600);
    family
}

/// The same, rotated five seconds ago.
fn just_rotated() -> FamilyRecord {
    rotated_before(5)
}

/// The same, rotated so many seconds ago.
fn rotated_before(seconds: i64) -> FamilyRecord {
    FamilyRecord { refresh: Some(Generation { number: 2, reached_at: NOW.plus_secs(-seconds) }), ..family() }
}

/// Decides in a realm on refresh token `number`.
fn decide_in(
    realm: &Realm,
    number: u32,
    changes: &[(&str, &str)],
    family: FamilyRecord,
) -> Result<(Option<u32>, FamilyRecord, String), Refusal> {
    let mut credentials = form(&[("client_id", "team-a.notes"), ("client_secret", SECRET)]);
    let caller = client_auth::present(None, &mut credentials)?.authenticate(realm, &SERVER_KEYS, NOW)?.proved();
    let text = RefreshToken { family: FAMILY, number }.text(&SERVER_KEYS, realm, &offline_client());
    let good = [("grant_type", "refresh_token"), ("refresh_token", text.expose().as_str())];
    let request = crate::token::Request::parse(&mut form(&changed(&good, changes)))?;
    let crate::token::Request::RefreshToken(ask) = request else { panic!("{request:?}") };
    let token = ask.open(&SERVER_KEYS, realm, &caller)?;
    decide(realm, &caller, &ask, token, Some(family), NOW)
        .map(|plan| (plan.rotate, plan.grant.family, plan.grant.scope.to_string()))
}

fn realm_with(client: Client) -> Realm {
    realm_of(ISSUER, vec![client], vec![account()])
}

fn check(number: u32, changes: &[(&str, &str)], family: FamilyRecord, expect: (ErrorCode, Why)) {
    let refusal = decide_in(&realm_with(offline_client()), number, changes, family).unwrap_err();
    assert_eq!((refusal.code, refusal.why, refusal.effect), (expect.0, expect.1, None), "{number} {changes:?}");
}

fn assert_replayed(realm: &Realm, number: u32, family: FamilyRecord) {
    let refusal = decide_in(realm, number, &[], family).unwrap_err();
    assert_eq!((refusal.code, refusal.why), (ErrorCode::InvalidGrant, Why::RefreshTokenReplayed), "{number}");
    assert_eq!(refusal.effect, Some(Effect::RevokeFamily(FAMILY)), "{number}");
}

#[test]
fn the_good_one_is_rotated_and_keeps_its_scope() {
    let (rotate, rotated, scope) = decide_in(&realm_with(offline_client()), 2, &[], family()).unwrap();
    assert_eq!((rotate, scope.as_str()), (Some(2), "email offline_access openid"));
    assert_eq!(rotated.refresh, Some(Generation { number: 3, reached_at: NOW }));
    assert!(
        rotated.expires_at >= NOW.plus_secs(3600 + 10),
        "it outlives every token of this answer and of its repetition"
    );
    assert_eq!(rotated.created_at, family().created_at, "the family's longest life counts from its beginning");
}

#[test]
fn t_p10_the_one_before_gets_the_same_successor_for_a_moment_and_then_ends_the_family() {
    let realm = realm_with(offline_client());
    let (rotate, kept, _) = decide_in(&realm, 1, &[], just_rotated()).unwrap();
    assert_eq!((rotate, kept.refresh), (None, just_rotated().refresh), "nothing is written, nothing is numbered anew");
    assert_replayed(&realm, 1, family());
    assert_replayed(&realm, 0, family());
    assert_replayed(&realm, 1, rotated_before(10));
    let mut strict = offline_client();
    strict.refresh_token.reuse_grace_seconds = 0;
    assert_replayed(&realm_with(strict), 1, rotated_before(0));
}

#[test]
fn t_p10_a_thief_who_refreshes_within_each_grace_is_found_out_all_the_same() {
    let realm = realm_with(offline_client());
    // The successor makes no further one yet, so that an honest client is never two behind.
    let (rotate, kept, _) = decide_in(&realm, 2, &[], just_rotated()).unwrap();
    assert_eq!((rotate, kept.refresh), (None, just_rotated().refresh));
    assert_replayed(&realm, 0, just_rotated());
    // The grace over, the good one goes on; and with no grace it always does.
    assert_eq!(decide_in(&realm, 2, &[], rotated_before(10)).unwrap().0, Some(2));
    let mut strict = offline_client();
    strict.refresh_token.reuse_grace_seconds = 0;
    assert_eq!(decide_in(&realm_with(strict), 2, &[], rotated_before(0)).unwrap().0, Some(2));
    // The first was made by no rotation: it makes way at once.
    let first = FamilyRecord { refresh: Some(Generation { number: 0, reached_at: NOW }), ..family() };
    assert_eq!(decide_in(&realm, 0, &[], first).unwrap().0, Some(0));
}

#[test]
fn each_lives_for_its_time_and_the_family_for_its_own() {
    let check_with = |change: fn(&mut Client), family: FamilyRecord, expect: Option<Why>| {
        let mut client = offline_client();
        change(&mut client);
        assert_eq!(decide_in(&realm_with(client), 2, &[], family).err().map(|refusal| refusal.why), expect);
    };
    let reached = |seconds: i64| Some(Generation { number: 2, reached_at: NOW.plus_secs(seconds) });
    check_with(|_| {}, FamilyRecord { refresh: reached(-3599), created_at: NOW.plus_secs(-5000), ..family() }, None);
    let old = FamilyRecord { refresh: reached(-3600), created_at: NOW.plus_secs(-5000), ..family() };
    check_with(|_| {}, old, Some(Why::RefreshTokenExpired));
    check_with(|_| {}, FamilyRecord { created_at: NOW.plus_secs(-7199), ..family() }, None);
    let ended = FamilyRecord { created_at: NOW.plus_secs(-7200), ..family() };
    check_with(|_| {}, ended, Some(Why::RefreshTokenExpired));
    check_with(|client| client.refresh_token.lifetime_seconds = 60, family(), Some(Why::RefreshTokenExpired));
    check_with(|client| client.refresh_token.max_lifetime_seconds = 600, family(), Some(Why::RefreshTokenExpired));
}

#[test]
fn what_is_not_there_any_more_is_refused() {
    use ErrorCode::{InvalidGrant, InvalidRequest, InvalidTarget};
    check(2, &[], FamilyRecord { revoked_at: Some(NOW), ..family() }, (InvalidGrant, Why::FamilyRevoked));
    check(2, &[], FamilyRecord { refresh: None, ..family() }, (InvalidGrant, Why::RefreshTokenUnknown));
    check(3, &[], family(), (InvalidGrant, Why::RefreshTokenUnknown));
    let last =
        FamilyRecord { refresh: Some(Generation { number: u32::MAX, reached_at: NOW.plus_secs(-60) }), ..family() };
    check(u32::MAX, &[], last, (InvalidGrant, Why::RefreshTokenUnknown));
    check(2, &[("refresh_token", "junk")], family(), (InvalidGrant, Why::RefreshTokenUnknown));
    check(2, &[("refresh_token", "-")], family(), (InvalidRequest, Why::ParameterMissing));
    check(2, &[("resource", "https://api.example")], family(), (InvalidTarget, Why::ResourceUnknown));
    let mut caller = form(&[("client_id", "team-a.notes"), ("client_secret", SECRET)]);
    let realm = realm_with(offline_client());
    let caller =
        client_auth::present(None, &mut caller).unwrap().authenticate(&realm, &SERVER_KEYS, NOW).unwrap().proved();
    let ask = Request { token: Secret::new(String::new()), scope: None, resource: None };
    let gone = decide(&realm, &caller, &ask, RefreshToken { family: FAMILY, number: 2 }, None, NOW);
    assert_eq!(gone.unwrap_err().why, Why::RefreshTokenUnknown);
}

#[test]
fn t_p12_scope_shrinks_and_never_grows() {
    let realm = realm_with(offline_client());
    let scope_of = |realm: &Realm, asked: &str| decide_in(realm, 2, &[("scope", asked)], family()).map(|plan| plan.2);
    assert_eq!(scope_of(&realm, "email").unwrap(), "email");
    assert_eq!(scope_of(&realm, "").unwrap(), "email offline_access openid");
    for wider in ["openid profile", "profile", "openid unknown"] {
        check(2, &[("scope", wider)], family(), (ErrorCode::InvalidScope, Why::ScopeNotAllowed));
    }
    // The application lost a scope since: to whom it was not given it does not come back, and the rest goes on.
    let less = realm_with(Client { scopes: scope("openid offline_access"), ..offline_client() });
    assert_eq!(decide_in(&less, 2, &[], family()).unwrap().2, "offline_access openid");
    assert_eq!(scope_of(&less, "email").unwrap_err().code, ErrorCode::InvalidScope);
}

#[test]
fn a_narrower_answer_leaves_the_family_as_wide_as_it_was() {
    let (_, rotated, scope) = decide_in(&realm_with(offline_client()), 2, &[("scope", "openid")], family()).unwrap();
    assert_eq!((scope.as_str(), rotated.authorization.permissions), ("openid", family().authorization.permissions));
}

#[test]
fn t_p11_who_is_gone_or_out_of_the_group_refreshes_nothing() {
    let nobody = realm_of(ISSUER, vec![offline_client()], vec![]);
    assert_eq!(decide_in(&nobody, 2, &[], family()).unwrap_err().why, Why::AccountGone);
    let namesake = Account { uid: Uid::new("user-9"), ..account() };
    let namesake = realm_of(ISSUER, vec![offline_client()], vec![namesake]);
    assert_eq!(decide_in(&namesake, 2, &[], family()).unwrap_err().why, Why::AccountGone);
    let staff = UserAccess::Groups([GroupName::new("staff")].into());
    let staff = realm_with(Client { user_access: staff, ..offline_client() });
    assert_eq!(decide_in(&staff, 2, &[], family()).unwrap_err().why, Why::AccountGone);
}

#[test]
fn t_k15_an_application_that_is_made_again_inherits_no_refresh_token() {
    let again = realm_with(Client { uid: Uid::new("app-9"), ..offline_client() });
    assert_eq!(decide_in(&again, 2, &[], family()).unwrap_err().why, Why::RefreshTokenUnknown);
    let mut restored = family();
    restored.authorization.application_uid = Uid::new("app-9");
    check(2, &[], restored, (ErrorCode::InvalidGrant, Why::RefreshTokenUnknown));
}
