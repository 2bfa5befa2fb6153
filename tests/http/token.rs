//! The token endpoint.

use std::sync::Arc;

use http::Method;
use oidc::testing;
use store::Store;
use store::memory::Memory;

use crate::harness::{Browser, CALLBACK, ISSUER, Provider, SECRET, VERIFIER, at_once, encode};

#[tokio::test]
async fn a_code_becomes_tokens() {
    let provider = Provider::new();
    let answer = provider.redeem(&provider.code().await, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let json = answer.json();
    let names: std::collections::BTreeSet<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["access_token", "expires_in", "id_token", "scope", "token_type"]
    );
    assert_eq!((json["scope"].as_str(), json["token_type"].as_str()), (Some("email openid"), Some("Bearer")));
}

#[tokio::test]
async fn t_p08_what_does_not_belong_to_the_code_spends_nothing() {
    let provider = Provider::new();
    let code = provider.code().await;
    for (change, expect) in [
        (("code_verifier", "-"), (400, "invalid_grant")),
        (("code_verifier", "a-verifier-of-forty-three-characters-or-more-x"), (400, "invalid_grant")),
        (("redirect_uri", "https://notes.example.com/other"), (400, "invalid_grant")),
        (("redirect_uri", "-"), (400, "invalid_request")),
        // Without an Authorization header there is nothing to challenge (RFC 6749 §5.2, RFC 9110 §11.6.1).
        (("client_secret", "wrong"), (400, "invalid_client")),
        (("client_id", "team-b.x"), (400, "invalid_client")),
        (("grant_type", "urn:x"), (400, "unsupported_grant_type")),
        (("resource", "https://api.example"), (400, "invalid_target")),
    ] {
        let answer = provider.redeem(&code, &[change]).await;
        assert_eq!(answer.refusal(), (expect.0, expect.1.to_owned()), "{change:?}");
        assert_eq!(answer.json()["error_id"], answer.header("x-request-id"));
        assert_eq!(answer.header("www-authenticate"), "", "no Authorization header was sent");
    }
    assert_eq!(provider.redeem(&code, &[]).await.status, 200);
}

#[tokio::test]
async fn t_p07_a_code_is_good_once_and_for_a_minute() {
    let provider = Provider::new();
    let code = provider.code().await;
    let token = provider.redeem(&code, &[]).await.json()["access_token"].as_str().unwrap().to_owned();
    let me = |token: String| {
        let provider = provider.clone();
        async move { provider.send(Method::GET, "/me", &[("authorization", &format!("Bearer {token}"))], "").await.status }
    };
    assert_eq!(me(token.clone()).await, 200);
    assert_eq!(provider.redeem(&code, &[]).await.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(me(token).await, 401, "the replay revoked it");

    let code = provider.code().await;
    provider.pass(60);
    assert_eq!(provider.redeem(&code, &[]).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn t_p12_a_code_carries_no_scope_that_its_request_did_not_ask_for() {
    let provider = Provider::new();
    let mut browser = Browser::new(provider.clone());
    browser.authorize(&crate::harness::changed(crate::harness::GOOD, &[("scope", "openid email profile")])).await;
    let narrow = browser.authorize(&crate::harness::changed(crate::harness::GOOD, &[("scope", "openid")])).await;
    let tokens = provider.redeem(&narrow["code"], &[("scope", "openid email profile")]).await.json();
    assert_eq!(tokens["scope"], "openid", "neither remembered consent nor the token request widens it");
}

#[tokio::test]
async fn a_key_that_is_missing_burns_no_code() {
    let provider = Provider::new();
    let code = provider.code().await;
    let mut client = testing::client();
    client.access_token.algorithm = crypto::Algorithm::RS256;
    provider.publish(vec![testing::realm_of(ISSUER, vec![client], vec![crate::harness::alice()])], "no such key");
    assert_eq!(provider.redeem(&code, &[]).await.refusal(), (500, "server_error".to_owned()));
    provider
        .publish(vec![testing::realm_of(ISSUER, vec![testing::client()], vec![crate::harness::alice()])], "the key");
    assert_eq!(provider.redeem(&code, &[]).await.status, 200);
}

/// 64 tasks with the same code.
async fn race(store: Arc<dyn Store>) {
    let provider = Provider::on(store, vec![testing::client()]);
    let code = provider.code().await;
    let mut statuses = at_once(|| {
        let (provider, code) = (provider.clone(), code.clone());
        async move { provider.redeem(&code, &[]).await.status.as_u16() }
    })
    .await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 400), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t_p07_of_64_at_once_one_wins_in_memory() {
    race(Arc::new(Memory::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t_p07_of_64_at_once_one_wins_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    race(Arc::new(store::sqlite::Sqlite::open(folder.path().join("state.db")).unwrap())).await;
}

#[tokio::test]
async fn basic_credentials_and_their_challenge() {
    use base64::Engine as _;
    let provider = Provider::new();
    let code = provider.code().await;
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let header = |secret: &str| {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode("team-a.notes"), encode(secret));
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    };
    let wrong = provider.post("/token", &[("authorization", &header("wrong"))], &pairs).await;
    assert_eq!(wrong.refusal(), (401, "invalid_client".to_owned()));
    assert!(wrong.header("www-authenticate").starts_with("Basic "), "{wrong:?}");
    let right = provider.post("/token", &[("authorization", &header(SECRET))], &pairs).await;
    assert_eq!(right.status, 200);
}

#[tokio::test]
async fn a_public_client_needs_its_verifier_and_nothing_else() {
    let provider = Provider::new();
    let mut browser = Browser::new(provider.clone());
    let callback = "http://127.0.0.1:49152/cb";
    let request =
        crate::harness::changed(crate::harness::GOOD, &[("client_id", "team-a.cli"), ("redirect_uri", callback)]);
    let login = browser.auth(&request).await;
    let consent = browser.log_in(&login).await;
    let answer = browser.allow(&consent).await;
    let location = url::Url::parse(answer.header("location")).unwrap();
    let code = location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", callback),
        ("client_id", "team-a.cli"),
    ];
    assert_eq!(provider.post("/token", &[], &pairs).await.refusal().1, "invalid_grant");
    let with_verifier: Vec<_> = pairs.into_iter().chain([("code_verifier", VERIFIER)]).collect();
    assert_eq!(provider.post("/token", &[], &with_verifier).await.status, 200);
}

#[tokio::test]
async fn parameters_in_the_url_are_refused() {
    let provider = Provider::new();
    let pairs = [("grant_type", "authorization_code"), ("client_id", "team-a.notes"), ("client_secret", SECRET)];
    let answer = provider.post(&format!("/token?{}", encode(&pairs)), &[], &pairs).await;
    assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()));
    assert!(answer.body.contains("in the URL"), "{}", answer.body);
}

#[tokio::test]
async fn t_p50_scripts_of_public_clients_may_read_answers_and_no_others() {
    let spa = oidc::client::Client {
        redirect_uris: vec![oidc::uri::RedirectUri::parse("https://spa.example.com/cb").unwrap()],
        ..testing::public_client()
    };
    let provider = Provider::with(vec![testing::client(), spa]);
    let preflight = |origin: &'static str| {
        let provider = provider.clone();
        async move {
            let headers = [("origin", origin), ("access-control-request-method", "POST")];
            let answer = provider.send(Method::OPTIONS, "/token", &headers, "").await;
            assert!(answer.header("vary").to_lowercase().contains("origin"), "{answer:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
            answer.header("access-control-allow-origin").to_owned()
        }
    };
    assert_eq!(preflight("https://spa.example.com").await, "https://spa.example.com");
    for other in ["https://notes.example.com", "https://evil.example", "null"] {
        assert_eq!(preflight(other).await, "", "{other}");
    }
    let post = |origin: &'static str, client: &'static str| {
        let provider = provider.clone();
        async move {
            let pairs = [("grant_type", "authorization_code"), ("client_id", client)];
            let answer = provider.post("/token", &[("origin", origin)], &pairs).await;
            answer.header("access-control-allow-origin").to_owned()
        }
    };
    assert_eq!(post("https://spa.example.com", "team-a.cli").await, "https://spa.example.com", "errors too");
    assert_eq!(post("https://spa.example.com", "team-a.notes").await, "", "another client's origin");
    let expired = |origin: &'static str| {
        let provider = provider.clone();
        async move {
            let headers = [("origin", origin), ("authorization", "Bearer junk")];
            let answer = provider.send(Method::GET, "/me", &headers, "").await;
            assert_eq!(answer.status, 401);
            answer.header("access-control-allow-origin").to_owned()
        }
    };
    assert_eq!(
        expired("https://spa.example.com").await,
        "https://spa.example.com",
        "it learns that it must log in again"
    );
    assert_eq!(expired("https://evil.example").await, "");
}

#[tokio::test]
async fn t_p23_a_code_of_another_issuer_is_refused() {
    let provider = Provider::new();
    let code = provider.code().await;
    let realm =
        testing::realm_of("https://id.example.com/elsewhere", vec![testing::client()], vec![crate::harness::alice()]);
    provider.publish(vec![realm], "another issuer");
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", "team-a.notes"),
        ("client_secret", SECRET),
    ];
    let target = ISSUER.replace("/oidc", "/elsewhere/token");
    let answer = provider.post(&target, &[], &pairs).await;
    assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()));
}
