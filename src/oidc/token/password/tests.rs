use super::*;
use crate::account::Account;
use crate::client::UserAccess;
use crate::client_auth;
use crate::ids::GroupName;
use crate::records::Generation;
use crate::testing::*;
use crate::token::Request as TokenRequest;

const GOOD_REQUEST: &[(&str, &str)] =
    &[("grant_type", "password"), ("username", "alice"), ("password", "x"), ("scope", "openid email")];

fn trusted() -> Client {
    Client { grant_types: [GrantType::Password, GrantType::RefreshToken].into(), ..offline_client() }
}

/// Audience, scope and family of what alice gets, once her password was right.
fn ask(client: Client, changes: &[(&str, &str)]) -> Result<(String, String, Option<Generation>), (ErrorCode, Why)> {
    let realm = realm_of(ISSUER, vec![client], vec![account()]);
    let refused = |refusal: Refusal| (refusal.code, refusal.why);
    let mut credentials = form(&[("client_id", "team-a.notes"), ("client_secret", SECRET)]);
    let caller =
        client_auth::present(None, &mut credentials).unwrap().authenticate(&realm, &SERVER_KEYS, NOW).unwrap().proved();
    let request = TokenRequest::parse(&mut form(&changed(GOOD_REQUEST, changes))).map_err(refused)?;
    request.permit(&caller).map_err(refused)?;
    let TokenRequest::Password(request) = request else { panic!("{request:?}") };
    let alice: Account = account();
    let grant = request.judge(&realm, &caller).and_then(|judged| judged.grant(&alice, FAMILY, NOW)).map_err(refused)?;
    assert_eq!((grant.family.id, grant.family.authorization.session), (FAMILY, None));
    assert_eq!(grant.family.authorization.amr, ["pwd"]);
    Ok((grant.target.audience().to_owned(), grant.target.scope().to_string(), grant.family.refresh))
}

#[test]
fn what_is_asked_for_is_granted_and_offline_access_yields_a_refresh_token() {
    let first = Some(Generation { number: 0, reached_at: NOW });
    let issuer = |scope: &str, refresh| Ok((ISSUER.to_owned(), scope.to_owned(), refresh));
    assert_eq!(ask(trusted(), &[]), issuer("email openid", None));
    let offline = [("scope", "openid offline_access")];
    assert_eq!(ask(trusted(), &offline), issuer("offline_access openid", first));
    let without = Client { grant_types: [GrantType::Password].into(), ..trusted() };
    assert_eq!(ask(without, &offline), issuer("openid", None), "dropped where no refresh token can come");
    assert_eq!(ask(trusted(), &[("scope", "openid unknown")]), issuer("openid", None));
    let calls = Client { resources: service().resources, ..trusted() };
    let orders = [("scope", "openid orders.read"), ("resource", ORDERS)];
    assert_eq!(ask(calls, &orders), Ok((ORDERS.to_owned(), "orders.read".to_owned(), None)));
}

#[test]
fn requests_that_are_refused() {
    use ErrorCode::{InvalidRequest, InvalidScope, InvalidTarget, UnauthorizedClient};
    for (changes, expect) in [
        (&[("username", "-")][..], (InvalidRequest, Why::ParameterMissing)),
        (&[("password", "-")], (InvalidRequest, Why::ParameterMissing)),
        (&[("scope", "-")], (InvalidScope, Why::ScopeMissing)),
        (&[("scope", "unknown")], (InvalidScope, Why::ScopeMissing)),
        (&[("scope", "openid phone")], (InvalidScope, Why::ScopeNotAllowed)),
        (&[("resource", "https://other.example.com")], (InvalidTarget, Why::ResourceUnknown)),
    ] {
        assert_eq!(ask(trusted(), changes), Err(expect), "{changes:?}");
    }
    assert_eq!(ask(client(), &[]), Err((UnauthorizedClient, Why::GrantTypeNotAllowed)));
    let only = Client { grant_types: [GrantType::Password].into(), ..trusted() };
    assert_eq!(ask(only, &[("scope", "offline_access")]), Err((InvalidScope, Why::ScopeMissing)));
}

#[test]
fn t_p13_the_access_policy_holds_here_too() {
    let staff = UserAccess::Groups([GroupName::new("staff")].into());
    let closed = Client { user_access: staff, ..trusted() };
    assert_eq!(ask(closed, &[]), Err((ErrorCode::InvalidGrant, Why::NotPermitted)));
}

#[test]
fn a_public_client_is_not_trusted_with_passwords() {
    let public = Client { grant_types: [GrantType::Password].into(), ..public_client() };
    let realm = realm_of(ISSUER, vec![public], vec![account()]);
    let mut named = form(&[("client_id", "team-a.cli")]);
    let caller =
        client_auth::present(None, &mut named).unwrap().authenticate(&realm, &SERVER_KEYS, NOW).unwrap().proved();
    let TokenRequest::Password(request) = TokenRequest::parse(&mut form(GOOD_REQUEST)).unwrap() else { panic!() };
    assert_eq!(request.judge(&realm, &caller).unwrap_err().code, ErrorCode::UnauthorizedClient);
}
