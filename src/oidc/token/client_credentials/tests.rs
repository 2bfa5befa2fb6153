use super::*;
use crate::client::ClientAuthentication;
use crate::client_auth;
use crate::testing::*;
use crate::token::Request as TokenRequest;

/// Audience and scope of what a client gets.
fn ask(client: Client, pairs: &[(&str, &str)]) -> Result<(String, String), (ErrorCode, Why)> {
    let id = client.id.to_string();
    let realm = realm_of(ISSUER, vec![client], vec![]);
    let mut credentials = form(&[("client_id", &id), ("client_secret", SECRET)]);
    let refused = |refusal: Refusal| (refusal.code, refusal.why);
    let caller = client_auth::present(None, &mut credentials).unwrap();
    let caller = caller.authenticate(&realm, &SERVER_KEYS, NOW).map_err(refused)?.proved();
    let pairs = [&[("grant_type", "client_credentials")], pairs].concat();
    let request = TokenRequest::parse(&mut form(&pairs)).map_err(refused)?;
    request.permit(&caller).map_err(refused)?;
    let TokenRequest::ClientCredentials(request) = request else { panic!("{request:?}") };
    let plan = decide(&realm, &caller, &request, NOW).map_err(refused)?;
    Ok((plan.target.audience().to_owned(), plan.target.scope().to_string()))
}

fn check(pairs: &[(&str, &str)], expect: Result<(&str, &str), (ErrorCode, Why)>) {
    let expect = expect.map(|(audience, scope)| (audience.to_owned(), scope.to_owned()));
    assert_eq!(ask(service(), pairs), expect, "{pairs:?}");
}

#[test]
fn what_is_asked_for_and_allowed_is_given() {
    check(&[("scope", "orders.read")], Ok((ORDERS, "orders.read")));
    check(&[("scope", "orders.read"), ("resource", ORDERS)], Ok((ORDERS, "orders.read")));
    check(&[("resource", ORDERS)], Ok((ORDERS, "orders.read orders.write")));
    check(&[], Ok((ISSUER, "")));
}

#[test]
fn t_p12_nobody_is_asked_so_nothing_is_given_that_was_not_allowed() {
    use ErrorCode::{InvalidScope, InvalidTarget};
    check(&[("scope", "orders.delete")], Err((InvalidScope, Why::ScopeNotAllowed)));
    check(&[("scope", "orders.read orders.delete")], Err((InvalidScope, Why::ScopeNotAllowed)));
    check(&[("scope", "openid")], Err((InvalidScope, Why::ScopeNotAllowed)));
    check(&[("scope", "orders.read email")], Err((InvalidScope, Why::ScopeNotAllowed)));
    check(&[("scope", "stock.read"), ("resource", ORDERS)], Err((InvalidScope, Why::ScopeNotAllowed)));
    check(&[("scope", "orders.read stock.read"), ("resource", ORDERS)], Err((InvalidScope, Why::ScopeNotAllowed)));
    check(&[("scope", "orders.read stock.read")], Err((InvalidTarget, Why::ResourceAmbiguous)));
    check(&[("resource", "https://other.example.com")], Err((InvalidTarget, Why::ResourceUnknown)));
    check(&[("resource", ORDERS), ("resource", STOCK)], Err((InvalidTarget, Why::ResourceTwice)));
    check(&[("scope", "\"")], Err((InvalidScope, Why::ScopeMalformed)));
}

#[test]
fn a_person_s_application_speaks_for_itself_only_where_it_has_the_grant() {
    let notes = Client { resources: service().resources, ..client() };
    let scope = [("scope", "orders.read")];
    assert_eq!(ask(notes.clone(), &scope), Err((ErrorCode::UnauthorizedClient, Why::GrantTypeNotAllowed)));
    let both = Client { grant_types: &client().grant_types | &service().grant_types, ..notes };
    assert_eq!(ask(both.clone(), &scope).unwrap().0, ORDERS);
    let own = [("scope", "email")];
    assert_eq!(ask(both, &own), Err((ErrorCode::InvalidScope, Why::ScopeNotAllowed)));
}

#[test]
fn a_public_client_has_no_credentials_to_speak_for_itself() {
    let public = Client { authentication: ClientAuthentication::Public, ..service() };
    let realm = realm_of(ISSUER, vec![public], vec![]);
    let mut named = form(&[("client_id", "team-a.notes.worker")]);
    let caller =
        client_auth::present(None, &mut named).unwrap().authenticate(&realm, &SERVER_KEYS, NOW).unwrap().proved();
    let refusal = decide(&realm, &caller, &Request { scope: None, resource: None }, NOW).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::UnauthorizedClient);
}

#[test]
fn an_account_ends_at_its_time() {
    let ends = |seconds| Client { expires_at: Some(NOW.plus_secs(seconds)), ..service() };
    assert!(ask(ends(1), &[]).is_ok());
    assert_eq!(ask(ends(0), &[]), Err((ErrorCode::InvalidClient, Why::ClientExpired)));
}
