//! Refresh tokens: how one comes, what it is good for, and how a stolen one is noticed.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use oidc::client::{Client, ResponseType};
use oidc::testing;
use serde_json::Value;
use store::Store;
use store::memory::Memory;

use crate::harness::{Answer, Browser, GOOD, ISSUER, Provider, SECRET, VERIFIER, alice, at_once, changed};

const OFFLINE: &[(&str, &str)] = &[("scope", "openid email offline_access"), ("prompt", "consent")];

fn provider() -> Provider {
    Provider::with(vec![testing::offline_client()])
}

/// The first answer of a family.
async fn first(provider: &Provider) -> Value {
    let fields = Browser::new(provider.clone()).authorize(&changed(GOOD, OFFLINE)).await;
    let answer = provider.redeem(&fields["code"], &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn refresh(provider: &Provider, token: &str, changes: &[(&str, &str)]) -> Answer {
    let good = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", "team-a.notes"),
        ("client_secret", SECRET),
    ];
    provider.post("/token", &[], &changed(&good, changes)).await
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}"))
}

async fn me(provider: &Provider, access_token: &str) -> u16 {
    let bearer = format!("Bearer {access_token}");
    provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await.status.as_u16()
}

#[tokio::test]
async fn seed_refresh_offline_access_with_prompt_consent_yields_an_opaque_token_that_rotates() {
    let provider = provider();
    let first = first(&provider).await;
    let names: BTreeSet<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    let expect = ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"];
    assert_eq!(names, expect.into());
    assert_eq!(first["scope"], "email offline_access openid");
    provider.pass(1000);

    let second = refresh(&provider, text(&first, "refresh_token"), &[]).await;
    assert_eq!((second.status.as_u16(), second.header("cache-control")), (200, "no-store"), "{second:?}");
    let second = second.json();
    assert_eq!(second["scope"], "email offline_access openid");
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_ne!(second["access_token"], first["access_token"]);
    assert_eq!(me(&provider, text(&second, "access_token")).await, 200);

    let third = refresh(&provider, text(&second, "refresh_token"), &[("scope", "openid")]).await.json();
    assert_eq!(third["scope"], "openid", "less may be asked for");
    let wider = refresh(&provider, text(&third, "refresh_token"), &[("scope", "openid profile")]).await;
    assert_eq!(wider.refusal(), (400, "invalid_scope".to_owned()));
    let fourth = refresh(&provider, text(&third, "refresh_token"), &[]).await.json();
    assert_eq!(fourth["scope"], "email offline_access openid", "and the next time all of it again");
}

#[tokio::test]
async fn seed_refresh_without_prompt_consent_offline_access_is_dropped() {
    let provider = provider();
    let fields = Browser::new(provider.clone()).authorize(&changed(GOOD, &OFFLINE[..1])).await;
    let tokens = provider.redeem(&fields["code"], &[]).await.json();
    assert_eq!(tokens["scope"], "email openid");
    assert!(tokens.get("refresh_token").is_none());
}

#[tokio::test]
async fn seed_scopes_offline_access_is_explained_before_it_is_granted() {
    let mut browser = Browser::new(provider());
    let page = browser.auth(&changed(GOOD, OFFLINE)).await;
    let page = browser.log_in(&page).await;
    assert!(page.body.contains("while you are away"), "{}", page.body);
}

#[tokio::test]
async fn t_p10_a_stolen_token_ends_its_family_and_no_other() {
    let provider = provider();
    let (stolen, other) = (first(&provider).await, first(&provider).await);
    let next = refresh(&provider, text(&stolen, "refresh_token"), &[]).await.json();
    provider.pass(10);
    let replay = refresh(&provider, text(&stolen, "refresh_token"), &[]).await;
    assert_eq!(replay.refusal(), (400, "invalid_grant".to_owned()));
    for token in [&stolen, &next] {
        assert_eq!(me(&provider, text(token, "access_token")).await, 401);
    }
    let after = refresh(&provider, text(&next, "refresh_token"), &[]).await;
    assert_eq!(after.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(me(&provider, text(&other, "access_token")).await, 200);
    assert_eq!(refresh(&provider, text(&other, "refresh_token"), &[]).await.status, 200);
}

#[tokio::test]
async fn t_p10_who_lost_the_answer_asks_again_and_gets_the_same_successor() {
    let provider = provider();
    let first = first(&provider).await;
    let one = refresh(&provider, text(&first, "refresh_token"), &[]).await.json();
    provider.pass(9);
    let two = refresh(&provider, text(&first, "refresh_token"), &[]).await.json();
    assert_eq!(one["refresh_token"], two["refresh_token"]);
    assert_ne!(one["access_token"], two["access_token"]);
    for answer in [&first, &one, &two] {
        assert_eq!(me(&provider, text(answer, "access_token")).await, 200);
    }
    provider.pass(60);
    assert_eq!(refresh(&provider, text(&two, "refresh_token"), &[]).await.status, 200, "the family lives");
}

/// 64 tasks with the same refresh token: each gets the one successor, which is then good.
async fn race(store: Arc<dyn Store>) {
    let provider = Provider::on(store, vec![testing::offline_client()]);
    let token = text(&first(&provider).await, "refresh_token").to_owned();
    let answers = at_once(|| {
        let (provider, token) = (provider.clone(), token.clone());
        async move { refresh(&provider, &token, &[]).await }
    })
    .await;
    let mut successors = BTreeSet::new();
    for answer in answers {
        assert_eq!(answer.status, 200, "{answer:?}");
        successors.insert(text(&answer.json(), "refresh_token").to_owned());
    }
    let [successor] = Vec::from_iter(successors).try_into().unwrap();
    assert_eq!(refresh(&provider, &successor, &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t_p10_64_at_once_get_one_successor_in_memory() {
    race(Arc::new(Memory::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t_p10_64_at_once_get_one_successor_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    race(Arc::new(store::sqlite::Sqlite::open(folder.path().join("state.db")).unwrap())).await;
}

#[tokio::test]
async fn t_p10_nobody_else_spends_or_revokes_it() {
    let provider = Provider::with(vec![testing::offline_client(), testing::public_client()]);
    let token = first(&provider).await;
    let token = text(&token, "refresh_token");
    let theirs = [("client_id", "team-a.cli"), ("client_secret", "-")];
    // The other client has the grant, too.
    let cli = Client { id: testing::public_client().id, ..public() };
    provider.publish(vec![testing::realm_of(ISSUER, vec![testing::offline_client(), cli], vec![alice()])], "two");
    for _ in 0..2 {
        assert_eq!(refresh(&provider, token, &theirs).await.refusal(), (400, "invalid_grant".to_owned()));
        let wrong = refresh(&provider, token, &[("client_secret", "wrong")]).await;
        assert_eq!(wrong.refusal(), (400, "invalid_client".to_owned()));
        provider.pass(60);
    }
    let revoked = provider.post("/token/revocation", &[], &[("client_id", "team-a.cli"), ("token", token)]).await;
    assert_eq!(revoked.status, 200, "it is nothing to them");
    assert_eq!(refresh(&provider, token, &[]).await.status, 200);
}

/// The public client with refresh tokens.
fn public() -> Client {
    Client {
        grant_types: testing::offline_client().grant_types,
        scopes: testing::offline_client().scopes,
        ..testing::public_client()
    }
}

#[tokio::test]
async fn a_public_client_refreshes_by_its_name_alone() {
    let provider = Provider::with(vec![public()]);
    let (id, uri) = (("client_id", "team-a.cli"), ("redirect_uri", "http://127.0.0.1:4000/cb"));
    let request = changed(&changed(GOOD, OFFLINE), &[id, uri]);
    let mut browser = Browser::new(provider.clone());
    let page = browser.auth(&request).await;
    let page = browser.log_in(&page).await;
    let answer = browser.allow(&page).await;
    let location = url::Url::parse(answer.header("location")).unwrap();
    let code = location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let grant = [("grant_type", "authorization_code"), ("code", &code), uri, ("code_verifier", VERIFIER), id];
    let tokens = provider.post("/token", &[], &grant).await.json();
    let next = refresh(&provider, text(&tokens, "refresh_token"), &[id, ("client_secret", "-")]).await;
    assert_eq!(next.status, 200, "{next:?}");
    assert_ne!(next.json()["refresh_token"], tokens["refresh_token"], "it always rotates (RFC 9700 §2.2.2)");
}

#[tokio::test]
async fn t_p11_disabling_a_person_or_an_application_ends_refreshing() {
    let provider = provider();
    let token = first(&provider).await;
    let token = text(&token, "refresh_token");
    let publish = |clients: Vec<Client>, people: Vec<_>, digest: &str| {
        provider.publish(vec![testing::realm_of(ISSUER, clients, people)], digest);
    };
    publish(vec![testing::offline_client()], vec![], "without alice");
    assert_eq!(refresh(&provider, token, &[]).await.refusal(), (400, "invalid_grant".to_owned()));
    publish(vec![], vec![alice()], "without the application");
    assert_eq!(refresh(&provider, token, &[]).await.refusal(), (400, "invalid_client".to_owned()));
    publish(vec![testing::client()], vec![alice()], "without the grant");
    assert_eq!(refresh(&provider, token, &[]).await.refusal(), (400, "unauthorized_client".to_owned()));
    publish(vec![testing::offline_client()], vec![alice()], "as before");
    assert_eq!(refresh(&provider, token, &[]).await.status, 200, "none of that spent it");
}

#[tokio::test]
async fn introspection_and_revocation_know_refresh_tokens() {
    let provider = provider();
    let first = first(&provider).await;
    let ask = async |path: &str, token: &str| {
        let form = [("client_id", "team-a.notes"), ("client_secret", SECRET), ("token", token)];
        provider.post(path, &[], &form).await
    };
    let now = testing::NOW.secs();
    let expect = serde_json::json!({
        "active": true, "scope": "email offline_access openid", "client_id": "team-a.notes", "username": "alice",
        "exp": now + 3600, "iat": now, "sub": "alice-subject", "iss": ISSUER,
    });
    let introspect = async |token: &str| ask("/token/introspection", token).await.json();
    assert_eq!(introspect(text(&first, "refresh_token")).await, expect);
    let second = refresh(&provider, text(&first, "refresh_token"), &[]).await.json();
    let inactive = serde_json::json!({"active": false});
    assert_eq!(introspect(text(&first, "refresh_token")).await, inactive, "it was replaced");
    assert_eq!(introspect(text(&second, "refresh_token")).await["active"], true);

    assert_eq!(ask("/token/revocation", text(&second, "refresh_token")).await.status, 200);
    assert_eq!(introspect(text(&second, "refresh_token")).await, inactive);
    assert_eq!(me(&provider, text(&second, "access_token")).await, 401, "all goes with it (RFC 7009 §2.1)");
    let after = refresh(&provider, text(&second, "refresh_token"), &[]).await;
    assert_eq!(after.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn t_p07_the_replay_of_a_hybrid_code_ends_what_came_beside_it_too() {
    let mut client = testing::offline_client();
    client.response_types.insert(ResponseType::CodeToken);
    let provider = Provider::with(vec![client]);
    let hybrid = changed(&changed(GOOD, OFFLINE), &[("response_type", "code token")]);
    let fields = Browser::new(provider.clone()).authorize(&hybrid).await;
    let beside = &fields["access_token"];
    let tokens = provider.redeem(&fields["code"], &[]).await.json();
    assert_eq!((me(&provider, beside).await, me(&provider, text(&tokens, "access_token")).await), (200, 200));
    assert_eq!(refresh(&provider, text(&tokens, "refresh_token"), &[]).await.status, 200);
    assert_eq!(provider.redeem(&fields["code"], &[]).await.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!((me(&provider, beside).await, me(&provider, text(&tokens, "access_token")).await), (401, 401));

    // And the other way round: who gives back what came beside the code gets nothing for the code.
    let fields = Browser::new(provider.clone()).authorize(&hybrid).await;
    let form = [("client_id", "team-a.notes"), ("client_secret", SECRET), ("token", &fields["access_token"])];
    assert_eq!(provider.post("/token/revocation", &[], &form).await.status, 200);
    assert_eq!(provider.redeem(&fields["code"], &[]).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn t_p07_a_family_that_was_revoked_beside_its_code_is_remembered_for_as_long_as_the_code_is_good() {
    let mut client = testing::offline_client();
    client.response_types.insert(ResponseType::CodeToken);
    client.access_token.lifetime_seconds = 10;
    client.id_token.lifetime_seconds = 10;
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let provider = Provider::on(store.clone(), vec![client]);
    let hybrid = changed(&changed(GOOD, OFFLINE), &[("response_type", "code token")]);
    let fields = Browser::new(provider.clone()).authorize(&hybrid).await;
    let form = [("client_id", "team-a.notes"), ("client_secret", SECRET), ("token", &fields["access_token"])];
    assert_eq!(provider.post("/token/revocation", &[], &form).await.status, 200);
    provider.pass(59);
    store.purge(testing::NOW.plus_secs(59), 100).await.unwrap();
    assert_eq!(provider.redeem(&fields["code"], &[]).await.refusal(), (400, "invalid_grant".to_owned()));
}
