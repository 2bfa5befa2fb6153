//! What was issued, and what the application may still have of it once a manifest was edited or time has passed.

use http::Method;
use oidc::claims::{ClaimTarget, ExtraClaim, ExtraValue};
use oidc::client::{AccessTokenFormat, Client};
use oidc::testing::{self, ORDERS, offline_client, scope, service};
use serde_json::{Value, json};

use crate::harness::{Answer, Browser, GOOD, ISSUER, NOW, Provider, SECRET, alice, changed};

const NOTES: [(&str, &str); 2] = [("client_id", "team-a.notes"), ("client_secret", SECRET)];

/// The notes application, which calls two APIs and stays logged in.
fn notes() -> Client {
    Client { resources: service().resources, ..offline_client() }
}

/// Tokens for alice with this scope.
async fn tokens(provider: &Provider, scope: &str) -> Value {
    let asked = changed(GOOD, &[("scope", scope), ("prompt", "consent")]);
    let fields = Browser::new(provider.clone()).authorize(&asked).await;
    let answer = provider.redeem(&fields["code"], &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}"))
}

async fn introspect(provider: &Provider, token: &str) -> Value {
    provider.post("/token/introspection", &[], &[&NOTES[..], &[("token", token)]].concat()).await.json()
}

async fn me(provider: &Provider, token: &str) -> Answer {
    provider.send(Method::GET, "/me", &[("authorization", &format!("Bearer {token}"))], "").await
}

async fn refresh(provider: &Provider, tokens: &Value) -> Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", text(tokens, "refresh_token"))];
    provider.post("/token", &[], &[&NOTES[..], &form].concat()).await
}

fn edit(provider: &Provider, client: Client, digest: &str) {
    provider.publish(vec![testing::realm_of(ISSUER, vec![client], vec![alice()])], digest);
}

#[tokio::test]
async fn t_p12_a_scope_that_was_withdrawn_is_gone_from_tokens_that_have_it() {
    let provider = Provider::with(vec![notes()]);
    let own = tokens(&provider, "openid email offline_access").await;
    let own = text(&own, "access_token");
    edit(&provider, Client { scopes: scope("openid offline_access"), ..notes() }, "without email");
    assert_eq!(introspect(&provider, own).await["scope"], "offline_access openid");
    assert_eq!(me(&provider, own).await.json(), json!({"sub": "alice-subject"}));
    edit(&provider, Client { scopes: scope("email"), ..notes() }, "without openid");
    assert_eq!(me(&provider, own).await.refusal(), (403, "insufficient_scope".to_owned()));
    edit(&provider, Client { scopes: scope("profile"), ..notes() }, "without any of them");
    assert_eq!(introspect(&provider, own).await, json!({"active": false}));

    edit(&provider, notes(), "as before");
    let api = tokens(&provider, "openid orders.read orders.write").await;
    let api = text(&api, "access_token");
    assert_eq!(introspect(&provider, api).await["scope"], "orders.read orders.write");
    edit(&provider, Client { resources: vec![testing::api(ORDERS, "orders.read")], ..notes() }, "reading only");
    assert_eq!(introspect(&provider, api).await["scope"], "orders.read");
    edit(&provider, Client { resources: vec![testing::api(ORDERS, "orders.list")], ..notes() }, "none of them");
    assert_eq!(introspect(&provider, api).await, json!({"active": false}));
}

#[tokio::test]
async fn t_p12_a_code_of_which_nothing_may_be_had_any_more_yields_no_token_without_scope() {
    let provider = Provider::with(vec![notes()]);
    let code = Browser::new(provider.clone()).authorize(GOOD).await["code"].clone();
    edit(&provider, Client { scopes: scope("profile"), ..notes() }, "other scopes");
    assert_eq!(provider.redeem(&code, &[]).await.refusal(), (400, "invalid_scope".to_owned()));
    edit(&provider, notes(), "as before");
    assert_eq!(provider.redeem(&code, &[]).await.status, 200, "it was not spent");
}

#[tokio::test]
async fn without_offline_access_or_the_grant_a_refresh_token_is_worth_nothing() {
    let provider = Provider::with(vec![notes()]);
    let tokens = tokens(&provider, "openid offline_access").await;
    let inactive = json!({"active": false});
    let no_grant = Client { grant_types: testing::client().grant_types, ..notes() };
    for (client, digest, error) in [
        (Client { scopes: scope("openid email"), ..notes() }, "without offline_access", "invalid_grant"),
        (no_grant, "without refresh_token", "unauthorized_client"),
    ] {
        edit(&provider, client, digest);
        assert_eq!(refresh(&provider, &tokens).await.refusal(), (400, error.to_owned()), "{digest}");
        assert_eq!(introspect(&provider, text(&tokens, "refresh_token")).await, inactive, "{digest}");
    }
    edit(&provider, notes(), "as before");
    assert_eq!(refresh(&provider, &tokens).await.status, 200);
}

/// At a logout an application gives back what it has at hand: that must not be an empty yes (RFC 7009 §2.1).
#[tokio::test]
async fn giving_back_an_access_token_ends_the_family_whatever_it_is_worth_by_then() {
    let provider = Provider::with(vec![notes()]);
    let give_back = async |tokens: &Value| {
        let form = [&NOTES[..], &[("token", text(tokens, "access_token"))]].concat();
        assert_eq!(provider.post("/token/revocation", &[], &form).await.status, 200);
        assert_eq!(refresh(&provider, tokens).await.refusal(), (400, "invalid_grant".to_owned()));
    };
    let expired = tokens(&provider, "openid offline_access").await;
    provider.pass(1000);
    give_back(&expired).await;
    let for_api = tokens(&provider, "openid offline_access orders.read").await;
    edit(&provider, offline_client(), "without the API");
    give_back(&for_api).await;
}

#[tokio::test]
async fn an_account_s_tokens_end_when_it_does() {
    let ending = Client { expires_at: Some(NOW.plus_secs(100)), ..service() };
    let provider = Provider::with(vec![notes(), ending]);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "team-a.notes.worker"),
        ("client_secret", SECRET),
        ("scope", "orders.read"),
    ];
    let tokens = provider.post("/token", &[], &form).await.json();
    assert_eq!(tokens["expires_in"], 100, "an API that verifies offline learns of no end but `exp`");
    let payload = text(&tokens, "access_token").split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&crypto::b64::decode(payload).unwrap()).unwrap();
    assert_eq!(claims["exp"], NOW.secs() + 100);

    // The end was moved to before that.
    let api = Client { introspects: [ORDERS.to_owned()].into(), ..notes() };
    let earlier = Client { expires_at: Some(NOW.plus_secs(50)), ..service() };
    provider.publish(vec![testing::realm_of(ISSUER, vec![api, earlier], vec![alice()])], "ends earlier");
    provider.pass(49);
    assert_eq!(introspect(&provider, text(&tokens, "access_token")).await["active"], true);
    provider.pass(1);
    assert_eq!(introspect(&provider, text(&tokens, "access_token")).await, json!({"active": false}));
}

#[tokio::test]
async fn what_an_application_adds_to_its_opaque_tokens_is_told_at_introspection() {
    let department = ExtraClaim {
        name: "department".to_owned(),
        value: ExtraValue::Attribute("department".to_owned()),
        targets: [ClaimTarget::AccessToken].into(),
    };
    let mut client = Client { extra_claims: vec![department], ..notes() };
    for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt] {
        client.access_token.format = format;
        let provider = Provider::with(vec![client.clone()]);
        let tokens = tokens(&provider, "openid").await;
        let said = introspect(&provider, text(&tokens, "access_token")).await;
        assert_eq!((&said["department"], &said["iss"], &said["active"]), (&json!("R&D"), &json!(ISSUER), &json!(true)));
    }
}
