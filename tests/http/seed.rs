//! The switches that an application written for the compatible provider finds.

use crypto::{Algorithm, Unverified, VerifyingKey};
use oidc::claims::{ClaimTarget, ExtraClaim, ExtraValue, StandardClaim};
use oidc::client::{AbsentClaims, AtHash, Client, DefaultAudience, ScopeClaims, TypeHeader};
use oidc::testing::{self, LONG_SECRET, symmetric_client};
use serde_json::{Map, Value, json};

use crate::harness::{Browser, GOOD, ISSUER, NOW, Provider, changed, expected};

/// Verifies as the application does: with its own secret, or the provider's public key.
fn claims(token: &str, typ: &str, algorithm: Algorithm) -> Map<String, Value> {
    let shared = crypto::Secret::new(LONG_SECRET.to_owned());
    let key = if algorithm.is_asymmetric() {
        testing::KEY.verifying_key().clone()
    } else {
        VerifyingKey::from_shared_secret(&shared).unwrap()
    };
    let (typ, algorithms) = ([typ], [algorithm]);
    let expect = expected(&typ, &algorithms, &["team-a.notes"], NOW);
    Unverified::parse(token).unwrap().verify_with(&key, &expect).unwrap().into_claims()
}

async fn tokens(client: Client) -> Value {
    let provider = Provider::with(vec![client]);
    let request = changed(GOOD, &[("scope", "openid profile email")]);
    let fields = Browser::new(provider.clone()).authorize(&request).await;
    let answer = provider.redeem(&fields["code"], &[("client_secret", LONG_SECRET)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// As the sample of the compatible provider has it.
fn compatible() -> Client {
    let mut client = symmetric_client();
    client.id_token.scope_claims = ScopeClaims::IdTokenToo;
    client.id_token.absent_claims = AbsentClaims::Null;
    client.id_token.at_hash = AtHash::Always;
    client.access_token.default_audience = DefaultAudience::ClientId;
    client.access_token.type_header = TypeHeader::Jwt;
    client.extra_claims = vec![ExtraClaim {
        name: "KEY".to_owned(),
        value: ExtraValue::Fixed("VALUE".to_owned()),
        targets: [ClaimTarget::IdToken, ClaimTarget::Userinfo].into(),
    }];
    client
}

#[tokio::test]
async fn seed_per_application_the_id_token_is_signed_as_the_application_chose() {
    let symmetric = tokens(symmetric_client()).await;
    let id_token = symmetric["id_token"].as_str().unwrap();
    assert_eq!(claims(id_token, "JWT", Algorithm::HS256)["sub"], "alice-subject");
    let access = symmetric["access_token"].as_str().unwrap();
    assert_eq!(Unverified::parse(access).unwrap().algorithm(), Algorithm::ES256, "APIs do not know the secret");

    // The id_token comes back as a hint, and one that somebody made with the public key does not.
    let provider = Provider::with(vec![symmetric_client()]);
    let mut browser = Browser::new(provider);
    browser.authorize(GOOD).await;
    let hinted = |hint: &str| {
        changed(GOOD, &[("prompt", "none"), ("id_token_hint", hint)])
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect::<Vec<_>>()
    };
    let ask = async |browser: &mut Browser, hint: &str| {
        let request = hinted(hint);
        let request: Vec<_> = request.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        browser.auth(&request).await.redirect()
    };
    assert!(ask(&mut browser, id_token).await.contains_key("code"));
    let asymmetric = tokens(Client { id_token: testing::client().id_token, ..symmetric_client() }).await;
    let foreign = ask(&mut browser, asymmetric["id_token"].as_str().unwrap()).await;
    assert_eq!(foreign["error"], "invalid_request");
    let other = crypto::Secret::new("another secret of more than thirty-two octets".to_owned());
    let said = json!({"iss": ISSUER, "sub": "alice-subject", "aud": "team-a.notes", "iat": NOW.secs(), "exp": NOW.secs() + 60});
    let forged = crypto::jws::sign_with_secret(&other, "JWT", &said).unwrap();
    assert_eq!(ask(&mut browser, &forged).await["error"], "invalid_request");
}

#[tokio::test]
async fn t_p52_without_a_shared_secret_nothing_is_signed_with_it() {
    let keyless = Client { shared_secrets: Vec::new(), ..symmetric_client() };
    let provider = Provider::with(vec![keyless]);
    let fields = Browser::new(provider.clone()).authorize(GOOD).await;
    let answer = provider.redeem(&fields["code"], &[("client_secret", LONG_SECRET)]).await;
    assert_eq!(answer.refusal(), (500, "server_error".to_owned()));
}

#[tokio::test]
async fn seed_token_response_has_the_members_and_claims_of_the_compatible_provider() {
    let tokens = tokens(compatible()).await;
    let names: std::collections::BTreeSet<&str> = tokens.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["access_token", "expires_in", "id_token", "scope", "token_type"].into());
    assert_eq!((&tokens["token_type"], &tokens["scope"]), (&json!("Bearer"), &json!("email openid profile")));
    let access_token = tokens["access_token"].as_str().unwrap();
    let access = claims(access_token, "JWT", Algorithm::ES256);
    assert_eq!(access["aud"], "team-a.notes");
    for name in ["jti", "sub", "iat", "exp", "scope", "iss", "client_id"] {
        assert!(access.contains_key(name), "{name}");
    }
    let id_token = claims(tokens["id_token"].as_str().unwrap(), "JWT", Algorithm::HS256);
    assert_eq!((&id_token["email"], &id_token["KEY"]), (&json!("alice@example.com"), &json!("VALUE")));
    for absent in ["birthdate", "family_name", "gender", "nickname", "website", "zoneinfo"] {
        assert_eq!(id_token.get(absent), Some(&Value::Null), "{absent} is there, and null");
    }
    let hash = crypto::hash::left_half(Algorithm::HS256, access_token.as_bytes());
    assert_eq!(id_token["at_hash"], hash);
}

/// OIDC Core §5.4, as specifications have it: the default.
#[tokio::test]
async fn seed_token_response_by_default_is_what_the_specifications_say() {
    let provider = Provider::new();
    let tokens = provider.redeem(&provider.code().await, &[]).await.json();
    let id_token = claims(tokens["id_token"].as_str().unwrap(), "JWT", Algorithm::ES256);
    assert!(!id_token.contains_key("email") && !id_token.contains_key("birthdate"));
    let access = tokens["access_token"].as_str().unwrap();
    assert!(Unverified::parse(access).is_ok_and(|token| token.algorithm() == Algorithm::ES256));
}

#[tokio::test]
async fn seed_scopes_phone_and_address_release_what_stands_there() {
    let address = json!({"street_address": "1 High Street", "locality": "London", "country": "GB"});
    let mut alice = crate::harness::alice();
    alice.claims.extend([
        (StandardClaim::PhoneNumber, json!("+441632960960")),
        (StandardClaim::PhoneNumberVerified, json!(true)),
        (StandardClaim::Address, address.clone()),
    ]);
    let client = Client { scopes: testing::scope("openid phone address email"), ..testing::client() };
    let provider = Provider::new();
    provider.publish(vec![testing::realm_of(ISSUER, vec![client], vec![alice])], "with a telephone");
    let me = async |scope: &str| {
        let fields = Browser::new(provider.clone()).authorize(&changed(GOOD, &[("scope", scope)])).await;
        let tokens = provider.redeem(&fields["code"], &[]).await.json();
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        provider.send(http::Method::GET, "/me", &[("authorization", &bearer)], "").await.json()
    };
    let phone = json!({"sub": "alice-subject", "phone_number": "+441632960960", "phone_number_verified": true});
    assert_eq!(me("openid phone").await, phone);
    assert_eq!(me("openid address").await, json!({"sub": "alice-subject", "address": address}));
}
