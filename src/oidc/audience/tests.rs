use super::*;
use crate::testing::*;

fn of(client: &Client, granted: &str, named: Option<&str>) -> Result<(String, String), Untargeted> {
    let realm = realm();
    let granted = client.permissions(&scope(granted), named)?;
    target(&realm, client, &granted, named).map(|target| (target.audience.to_owned(), target.scope.to_string()))
}

/// The notes application with two APIs.
fn notes() -> Client {
    Client { resources: service().resources, ..client() }
}

#[test]
fn the_named_api_is_the_audience_and_gets_its_own_scopes_alone() {
    let check = |granted: &str, named, expect: Result<(&str, &str), Why>| {
        let found = of(&notes(), granted, named).map_err(|(_, why, _)| why);
        assert_eq!(
            found,
            expect.map(|(audience, scope)| (audience.to_owned(), scope.to_owned())),
            "{granted} {named:?}"
        );
    };
    check("openid email orders.read stock.read", Some(ORDERS), Ok((ORDERS, "orders.read")));
    check("openid email orders.read stock.read", Some(STOCK), Ok((STOCK, "stock.read")));
    check("openid email", Some(ORDERS), Err(Why::ScopeNotAllowed));
    check("orders.read", Some("https://orders.example.com/"), Err(Why::ResourceUnknown));
    check("orders.read", Some(ISSUER), Err(Why::ResourceUnknown));

    check("openid email", None, Ok((ISSUER, "email openid")));
    check("", None, Ok((ISSUER, "")));
    check("openid orders.read", None, Ok((ORDERS, "orders.read")));
    check("orders.read orders.write", None, Ok((ORDERS, "orders.read orders.write")));
    check("orders.read stock.read", None, Err(Why::ResourceAmbiguous));
    check("orders.read custom", None, Err(Why::ResourceAmbiguous));
    check("openid custom", None, Ok((ISSUER, "custom openid")));
}

#[test]
fn a_scope_of_two_apis_needs_a_name() {
    let mut client = notes();
    client.resources.push(api("https://archive.example.com", "orders.read"));
    assert_eq!(of(&client, "orders.read", None).unwrap_err().1, Why::ResourceAmbiguous);
    assert_eq!(of(&client, "orders.read", Some(ORDERS)).unwrap().0, ORDERS);
    assert_eq!(of(&client, "orders.write", None).unwrap().0, ORDERS);
}

#[test]
fn the_default_is_the_clients_choice() {
    let mut client = notes();
    client.access_token.default_audience = DefaultAudience::ClientId;
    assert_eq!(of(&client, "openid", None).unwrap().0, "team-a.notes");
}

#[test]
fn lifetimes_are_those_of_the_audience() {
    let (realm, client) = (realm(), notes());
    let of = |granted: &str| {
        let granted = client.permissions(&scope(granted), None).unwrap();
        target(&realm, &client, &granted, None).unwrap()
    };
    assert_eq!((of("openid").lifetime_seconds, of("openid").is_for_userinfo), (600, true));
    assert_eq!((of("orders.read").lifetime_seconds, of("orders.read").is_for_userinfo), (300, false));
}

#[test]
fn one_api_at_a_time() {
    let named = |pairs: &[(&str, &str)]| resource(&mut form(pairs)).map_err(|(_, why, _)| why);
    assert_eq!(named(&[("resource", ORDERS)]), Ok(Some(ORDERS.to_owned())));
    assert_eq!(named(&[]), Ok(None));
    assert_eq!(named(&[("resource", ORDERS), ("resource", STOCK)]), Err(Why::ResourceTwice));
    assert_eq!(named(&[("resource", ORDERS), ("resource", ORDERS)]), Err(Why::ResourceTwice));
}
