//! OIDC Core §8: a person who is somebody else to every sector, at every endpoint.

use std::sync::Arc;

use crypto::Secret;
use http::Method;
use oidc::client::Client;
use oidc::subject::SubjectType;
use oidc::testing;
use serde_json::{Value, json};
use store::memory::Memory;

use crate::harness::{Browser, GOOD, ISSUER, Provider, SECRET, alice, changed};

const OFFLINE: &[(&str, &str)] = &[("scope", "openid offline_access"), ("prompt", "consent")];

/// The notes application, in this sector.
fn notes(sector: &str) -> Client {
    let sector_key = Some(Secret::new(format!("the key of {sector}")));
    Client { subject_type: SubjectType::Pairwise, sector_key, ..testing::offline_client() }
}

fn payload(jwt: &str) -> Value {
    serde_json::from_slice(&crypto::b64::decode(jwt.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

async fn tokens(provider: &Provider) -> Value {
    let fields = Browser::new(provider.clone()).authorize(&changed(GOOD, OFFLINE)).await;
    provider.redeem(&fields["code"], &[]).await.json()
}

async fn ask(provider: &Provider, path: &str, form: &[(&str, &str)]) -> Value {
    let client = [("client_id", "team-a.notes"), ("client_secret", SECRET)];
    provider.post(path, &[], &[&client[..], form].concat()).await.json()
}

#[tokio::test]
async fn t_k12_one_subject_is_told_everywhere_and_it_is_not_the_public_one() {
    let provider = Provider::with(vec![notes("a.example")]);
    let first = tokens(&provider).await;
    let text = |name: &str| first[name].as_str().unwrap();
    let subject = payload(text("id_token"))["sub"].clone();
    assert_ne!(subject, "alice-subject");
    assert_eq!(payload(text("access_token"))["sub"], subject);
    let bearer = format!("Bearer {}", text("access_token"));
    let me = || async { provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await };
    assert_eq!(me().await.json()["sub"], subject);
    for token in ["access_token", "refresh_token"] {
        let said = ask(&provider, "/token/introspection", &[("token", text(token))]).await;
        assert_eq!((&said["active"], &said["sub"]), (&json!(true), &subject), "{token}");
    }
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", text("refresh_token"))];
    assert_eq!(payload(ask(&provider, "/token", &refresh).await["id_token"].as_str().unwrap())["sub"], subject);

    // Another sector: whoever holds tokens of both cannot tell that they are about one person.
    let elsewhere = Provider::on(Arc::new(Memory::new()), vec![notes("b.example")]);
    let other = payload(tokens(&elsewhere).await["id_token"].as_str().unwrap())["sub"].clone();
    assert!(other != subject && other != "alice-subject", "{other}");

    // The application has moved to it: a token that says who its bearer was is not said to be somebody else's.
    provider.publish(vec![testing::realm_of(ISSUER, vec![notes("b.example")], vec![alice()])], "another sector");
    assert_eq!(me().await.status, 401);
    let keyless = Client { sector_key: None, ..notes("b.example") };
    provider.publish(vec![testing::realm_of(ISSUER, vec![keyless], vec![alice()])], "no key");
    assert_eq!(ask(&provider, "/token", &refresh).await["error"], "server_error", "never the public subject");
    assert_eq!(me().await.status, 401);
}

#[tokio::test]
async fn hints_name_people_as_the_client_knows_them() {
    let provider = Provider::with(vec![notes("a.example")]);
    let mut browser = Browser::new(provider.clone());
    let fields = browser.authorize(GOOD).await;
    let tokens = provider.redeem(&fields["code"], &[]).await.json();
    let id_token = tokens["id_token"].as_str().unwrap();
    provider.pass(1);
    let silent = |more: (&'static str, String)| {
        let pairs = changed(GOOD, &[("prompt", "none")]).into_iter().map(|(n, v)| (n.to_owned(), v.to_owned()));
        pairs.chain([(more.0.to_owned(), more.1)]).collect::<Vec<_>>()
    };
    let subject = payload(id_token)["sub"].as_str().unwrap().to_owned();
    let by_claims = |subject: &str| json!({"id_token": {"sub": {"value": subject}}}).to_string();
    for (hint, known) in [
        (("id_token_hint", id_token.to_owned()), true),
        (("claims", by_claims(&subject)), true),
        (("claims", by_claims("alice-subject")), false),
    ] {
        let pairs = silent(hint.clone());
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let answer = browser.auth(&pairs).await.redirect();
        assert_eq!(answer.contains_key("code"), known, "{hint:?}: {answer:?}");
    }
}
