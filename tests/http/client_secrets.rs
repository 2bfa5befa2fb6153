//! A client secret while it is rotated: two prove the client, and what is signed is signed with the one that it knows.

use crypto::{Algorithm, Audience, Expect, Expired, Secret, Unverified, VerifyingKey};
use oidc::client::{Client, ClientAuthMethod, ClientAuthentication, ConsentMode, GrantType, ResponseType};
use oidc::testing::{LONG_SECRET, LONG_SECRET_BEFORE, rotating_client, service};
use serde_json::{Map, Value, json};

use crate::harness::{Browser, GOOD, ISSUER, NOW, Provider, changed};

const OVERLAP: i64 = 60;
const BOTH: [&str; 2] = [LONG_SECRET, LONG_SECRET_BEFORE];
const REFUSED: (u16, &str) = (400, "invalid_client");

fn rotating() -> Client {
    rotating_client(Some(NOW.plus_secs(OVERLAP)))
}

fn is_signed_with(token: &str, secret: &str) -> bool {
    let key = VerifyingKey::from_shared_secret(&Secret::new(secret.to_owned())).unwrap();
    let expect = Expect {
        typ: &["JWT"],
        algorithms: &[Algorithm::HS256],
        issuer: ISSUER,
        audience: Audience::AnyOf(&["team-a.notes"]),
        // After whatever the clock was set to: this asks for the key alone.
        now: NOW.plus_secs(10_000_000).secs(),
        leeway: 0,
        expired: Expired::Accept,
    };
    Unverified::parse(token).unwrap().verify_with::<Map<String, Value>>(&key, &expect).is_ok()
}

/// The id_token for a fresh code, by a client that shows this secret.
async fn id_token(provider: &Provider, secret: &str) -> String {
    let answer = provider.redeem(&provider.code().await, &[("client_secret", secret)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["id_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn f19_both_secrets_prove_a_client_until_the_overlap_ends() {
    let provider = Provider::with(vec![rotating()]);
    for secret in BOTH {
        let token = id_token(&provider, secret).await;
        let signers = BOTH.map(|signer| is_signed_with(&token, signer));
        assert_eq!(signers, BOTH.map(|signer| signer == secret), "signed with the very secret that was shown");
    }
    let code = provider.code().await;
    for wrong in ["another secret of more than thirty-two octets", &format!("{LONG_SECRET}{LONG_SECRET_BEFORE}")] {
        let (status, error) = provider.redeem(&code, &[("client_secret", wrong)]).await.refusal();
        assert_eq!((status, error.as_str()), REFUSED, "{wrong}");
    }
    provider.pass(OVERLAP - 1);
    id_token(&provider, LONG_SECRET_BEFORE).await;
    // No catalog comes, and nobody tells the server.
    provider.pass(1);
    let late = provider.redeem(&provider.code().await, &[("client_secret", LONG_SECRET_BEFORE)]).await.refusal();
    assert_eq!((late.0, late.1.as_str()), REFUSED);
    assert!(is_signed_with(&id_token(&provider, LONG_SECRET).await, LONG_SECRET));
}

#[tokio::test]
async fn f19_before_a_secret_is_handed_out_both_are_good_for_as_long_as_it_takes() {
    let provider = Provider::with(vec![rotating_client(None)]);
    provider.pass(1_000_000);
    for secret in BOTH {
        assert!(is_signed_with(&id_token(&provider, secret).await, secret));
    }
}

#[tokio::test]
async fn f19_a_front_channel_id_token_is_signed_with_the_older_secret_until_the_newest_was_used() {
    let client = Client {
        consent: ConsentMode::Skip,
        grant_types: [GrantType::AuthorizationCode, GrantType::Implicit].into(),
        response_types: ResponseType::ALL.iter().copied().collect(),
        ..rotating()
    };
    let provider = Provider::with(vec![client]);
    let mut browser = Browser::new(provider.clone());
    browser.authorize(GOOD).await;
    let request =
        changed(GOOD, &[("response_type", "id_token"), ("code_challenge", "-"), ("code_challenge_method", "-")]);
    let signer = async |browser: &mut Browser| {
        let token = browser.auth(&request).await.redirect()["id_token"].clone();
        BOTH.into_iter().find(|secret| is_signed_with(&token, secret)).unwrap()
    };
    assert_eq!(signer(&mut browser).await, LONG_SECRET_BEFORE);
    id_token(&provider, LONG_SECRET_BEFORE).await;
    let refused = provider.redeem(&provider.code().await, &[("client_secret", "wrong")]).await;
    assert_eq!(refused.status, 400);
    assert_eq!(signer(&mut browser).await, LONG_SECRET_BEFORE, "nobody has shown the newest");
    id_token(&provider, LONG_SECRET).await;
    assert_eq!(signer(&mut browser).await, LONG_SECRET);
    // Another instance of it still has the one before.
    id_token(&provider, LONG_SECRET_BEFORE).await;
    assert_eq!(signer(&mut browser).await, LONG_SECRET);
}

#[tokio::test]
async fn f19_a_front_channel_id_token_is_signed_with_the_newest_once_the_older_is_over() {
    let client = Client {
        consent: ConsentMode::Skip,
        grant_types: [GrantType::Implicit].into(),
        response_types: [ResponseType::IdToken].into(),
        ..rotating()
    };
    let provider = Provider::with(vec![client]);
    provider.pass(OVERLAP);
    let request =
        changed(GOOD, &[("response_type", "id_token"), ("code_challenge", "-"), ("code_challenge_method", "-")]);
    let fields = Browser::new(provider).authorize(&request).await;
    assert!(is_signed_with(&fields["id_token"], LONG_SECRET));
}

#[tokio::test]
async fn f19_an_assertion_is_tried_with_each_live_secret() {
    let mut client = rotating();
    let ClientAuthentication::Secret { methods, .. } = &mut client.authentication else { panic!("it has a secret") };
    *methods = [ClientAuthMethod::ClientSecretJwt].into();
    let client = Client { grant_types: service().grant_types, resources: service().resources, ..client };
    let provider = Provider::with(vec![client]);
    let ask = async |secret: &str, jti: &str| {
        let now = NOW.secs() + OVERLAP;
        let said = json!({
            "iss": "team-a.notes", "sub": "team-a.notes", "aud": ISSUER, "iat": NOW.secs(), "exp": now + 60, "jti": jti,
        });
        let assertion = crypto::jws::sign_with_secret(&Secret::new(secret.to_owned()), "JWT", &said).unwrap();
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "orders.read"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        provider.post("/token", &[], &form).await
    };
    for secret in BOTH {
        assert_eq!(ask(secret, secret).await.status, 200);
        assert_eq!(ask(secret, secret).await.refusal().1, REFUSED.1, "it is spent, whichever secret signed it");
    }
    let stranger = "another secret of more than thirty-two octets";
    assert_eq!(ask(stranger, "stranger").await.refusal().1, REFUSED.1);
    provider.pass(OVERLAP);
    assert_eq!(ask(LONG_SECRET_BEFORE, "late").await.refusal().1, REFUSED.1);
    assert_eq!(ask(LONG_SECRET, "in time").await.status, 200);
}

#[tokio::test]
async fn t_p52_an_id_token_hint_is_tried_with_each_live_secret() {
    let provider = Provider::with(vec![rotating()]);
    let [new, old] = [id_token(&provider, LONG_SECRET).await, id_token(&provider, LONG_SECRET_BEFORE).await];
    let mut browser = Browser::new(provider.clone());
    browser.authorize(GOOD).await;
    let ask = async |browser: &mut Browser, hint: &str| {
        browser.auth(&changed(GOOD, &[("prompt", "none"), ("id_token_hint", hint)])).await.redirect()
    };
    for hint in [&new, &old] {
        assert!(ask(&mut browser, hint).await.contains_key("code"));
    }
    provider.pass(OVERLAP);
    assert_eq!(ask(&mut browser, &old).await["error"], "invalid_request", "whoever has an old secret signs nothing");
    assert!(ask(&mut browser, &new).await.contains_key("code"));
}
