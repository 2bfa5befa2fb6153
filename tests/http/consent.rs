//! What a person has agreed to, and at which API: two APIs may have scopes of one name.

use oidc::client::Client;
use oidc::testing::{self, ORDERS, STOCK, api, offline_client};

use crate::harness::{Answer, Browser, GOOD, ISSUER, Provider, SECRET, alice, changed};

/// The notes application, which reads at some APIs.
fn notes(apis: &[(&str, &str)]) -> Client {
    let resources = apis.iter().map(|(audience, scopes)| api(audience, scopes)).collect();
    Client { resources, ..offline_client() }
}

fn edit(provider: &Provider, client: Client, digest: &str) {
    provider.publish(vec![testing::realm_of(ISSUER, vec![client], vec![alice()])], digest);
}

fn asks(answer: &Answer) -> bool {
    answer.body.contains("id=\"consent\"")
}

const READ: (&str, &str) = ("scope", "openid read");

#[tokio::test]
async fn t_p12_a_yes_to_one_api_is_none_to_another_whose_scope_has_the_same_name() {
    let provider = Provider::with(vec![notes(&[(ORDERS, "read"), (STOCK, "read")])]);
    let mut browser = Browser::new(provider.clone());
    browser.authorize(&changed(GOOD, &[READ, ("resource", ORDERS)])).await;
    let again = browser.auth(&changed(GOOD, &[READ, ("resource", ORDERS)])).await;
    assert!(!asks(&again), "it is remembered: {again:?}");
    let other = browser.auth(&changed(GOOD, &[READ, ("resource", STOCK)])).await;
    assert!(asks(&other), "{other:?}");
    assert!(other.body.contains(&format!("(<code>read</code> at <code>{STOCK}</code>)")), "{}", other.body);

    let unnamed = browser.auth(&changed(GOOD, &[READ])).await;
    assert_eq!(unnamed.redirect()["error"], "invalid_target", "nobody can say what a yes would be to");
    edit(&provider, notes(&[(STOCK, "read")]), "only the other API");
    assert!(asks(&browser.auth(&changed(GOOD, &[READ])).await));
}

#[tokio::test]
async fn t_p12_what_was_granted_at_one_api_does_not_move_to_another() {
    let provider = Provider::with(vec![notes(&[(ORDERS, "read")])]);
    let offline = ("scope", "openid read offline_access");
    let fields = Browser::new(provider.clone()).authorize(&changed(GOOD, &[offline, ("prompt", "consent")])).await;
    let tokens = provider.redeem(&fields["code"], &[]).await.json();
    let refresh = async |resource: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
            ("client_id", "team-a.notes"),
            ("client_secret", SECRET),
            ("resource", resource),
        ];
        provider.post("/token", &[], &changed(&form, &[("resource", resource)])).await
    };
    assert_eq!(refresh("-").await.json()["scope"], "read");
    edit(&provider, notes(&[(ORDERS, "read"), (STOCK, "read")]), "both");
    assert_eq!(refresh("-").await.json()["scope"], "read", "it is plain at which API");
    assert_eq!(refresh(STOCK).await.refusal(), (400, "invalid_scope".to_owned()));
    edit(&provider, notes(&[(STOCK, "read")]), "only the other API");
    let left = refresh("-").await.json();
    assert_eq!(left["scope"], "offline_access openid", "the rest goes on: {left}");
    assert_eq!(refresh(STOCK).await.refusal(), (400, "invalid_scope".to_owned()));
}

#[tokio::test]
async fn t_p12_a_yes_covers_what_the_page_showed_at_that_api() {
    let provider = Provider::with(vec![notes(&[(ORDERS, "read")])]);
    let mut browser = Browser::new(provider.clone());
    let page = browser.auth(&changed(GOOD, &[READ])).await;
    let page = browser.log_in(&page).await;
    assert!(asks(&page));
    edit(&provider, notes(&[(STOCK, "read")]), "another API has the name");
    let page = browser.allow(&page).await;
    assert!(asks(&page) && page.body.contains(STOCK), "{page:?}");
}

#[tokio::test]
async fn what_is_allowed_can_be_looked_up_and_taken_back_before_it_is_allowed() {
    let mut browser = Browser::new(Provider::with(vec![notes(&[])]));
    let page = browser.auth(GOOD).await;
    let page = browser.log_in(&page).await;
    assert!(asks(&page));
    let link = page.body.split_once("<a id=\"account-link\" href=\"/oidc").unwrap().1.split_once('"').unwrap().0;
    let account = browser.open(link).await;
    assert!(account.body.contains("id=\"no-grants\""), "{account:?}");
    let fields = browser.allow(&page).await.redirect();
    assert!(fields.contains_key("code"), "the page in the other tab still counts: {fields:?}");
    let account = browser.open(link).await;
    assert!(account.body.contains("<code>team-a.notes</code>"), "{account:?}");
}
