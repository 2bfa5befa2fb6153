//! A person's password, handed over by an application.

use http::Method;
use oidc::client::{Client, GrantType, UserAccess};
use oidc::ids::GroupName;
use oidc::testing;
use serde_json::json;

use crate::harness::{Answer, Browser, GOOD, ISSUER, PASSWORD, Provider, SECRET, alice, changed};

fn trusted() -> Client {
    Client {
        grant_types: [GrantType::AuthorizationCode, GrantType::Password, GrantType::RefreshToken].into(),
        ..testing::offline_client()
    }
}

async fn ask(provider: &Provider, changes: &[(&str, &str)]) -> Answer {
    let good = [
        ("grant_type", "password"),
        ("client_id", "team-a.notes"),
        ("client_secret", SECRET),
        ("username", "alice"),
        ("password", PASSWORD),
        ("scope", "openid email offline_access"),
    ];
    provider.post("/token", &[], &changed(&good, changes)).await
}

#[tokio::test]
async fn seed_password_a_person_s_name_and_password_yield_tokens_that_refresh() {
    let provider = Provider::with(vec![trusted()]);
    let answer = ask(&provider, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    let tokens = answer.json();
    assert_eq!((&tokens["scope"], &tokens["token_type"]), (&json!("email offline_access openid"), &json!("Bearer")));
    let payload = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let id_token: serde_json::Value = serde_json::from_slice(&crypto::b64::decode(payload).unwrap()).unwrap();
    assert_eq!((&id_token["sub"], &id_token["amr"]), (&json!("alice-subject"), &json!(["pwd"])));
    assert!(id_token.get("sid").is_none() && id_token.get("nonce").is_none(), "there was no browser: {id_token}");
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let me = provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await;
    assert_eq!(me.json()["email"], "alice@example.com");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("client_id", "team-a.notes"),
        ("client_secret", SECRET),
    ];
    assert_eq!(provider.post("/token", &[], &form).await.status, 200);
}

#[tokio::test]
async fn seed_password_what_is_wrong_is_told_without_a_hint_at_the_person() {
    let provider = Provider::with(vec![trusted()]);
    let wrong = ask(&provider, &[("password", "wrong")]).await;
    let nobody = ask(&provider, &[("username", "nobody")]).await;
    assert_eq!(wrong.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(wrong.json()["error_description"], nobody.json()["error_description"]);
    assert_eq!((wrong.status, &wrong.headers.len()), (nobody.status, &nobody.headers.len()));
    for (changes, error) in [
        (&[("client_secret", "wrong")][..], "invalid_client"),
        (&[("scope", "openid phone")], "invalid_scope"),
        (&[("scope", "-")], "invalid_scope"),
        (&[("username", "-")], "invalid_request"),
    ] {
        assert_eq!(ask(&provider, changes).await.refusal(), (400, error.to_owned()), "{changes:?}");
    }
    let staff = UserAccess::Groups([GroupName::new("staff")].into());
    let publish = |client: Client, digest: &str| {
        provider.publish(vec![testing::realm_of(ISSUER, vec![client], vec![alice()])], digest);
    };
    publish(Client { user_access: staff, ..trusted() }, "staff only");
    assert_eq!(ask(&provider, &[]).await.refusal(), (400, "invalid_grant".to_owned()));
    publish(testing::offline_client(), "without the grant");
    assert_eq!(ask(&provider, &[]).await.refusal(), (400, "unauthorized_client".to_owned()));
    provider.publish(vec![testing::realm_of(ISSUER, vec![trusted()], vec![])], "without alice");
    assert_eq!(ask(&provider, &[]).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn t_p35_the_grant_and_the_login_page_share_one_budget() {
    let provider = Provider::with(vec![trusted()]);
    let mut refused = None;
    for attempt in 0..50 {
        let answer = ask(&provider, &[("password", "wrong")]).await;
        if answer.status == 429 {
            refused = Some((attempt, answer));
            break;
        }
        assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()));
    }
    let (attempts, answer) = refused.unwrap();
    assert!(attempts >= 3, "{attempts} attempts");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0, "{answer:?}");
    assert_eq!(ask(&provider, &[]).await.status, 429, "the right password is not looked at either");
    let mut browser = Browser::new(provider.clone());
    let page = browser.auth(GOOD).await;
    assert_eq!(browser.log_in(&page).await.status, 429, "the login page refuses as well");
    let other = ask(&provider, &[("username", "bob")]).await;
    assert_eq!(other.refusal(), (400, "invalid_grant".to_owned()), "another name has a budget of its own");
}
