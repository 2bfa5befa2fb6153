//! Every endpoint, and what is commonly done to endpoints: nobody, the wrong client, a second use, a parameter twice, a body
//! that is too large. A new endpoint does not compile before it has its row.

use crypto::{Algorithm, SigningKey};
use http::Method;
use oidc::client::{Client, ClientAuthentication, ClientKeys};
use oidc::discovery::Endpoint;
use oidc::testing;
use serde_json::json;

use crate::harness::{GOOD, ISSUER, NOW, Provider, SECRET, encode};

/// Larger than any body that is taken.
const TOO_LARGE: usize = 1024 * 1024 + 1;

const WRONG: &[(&str, &str)] = &[
    ("client_id", "team-a.notes"),
    ("client_secret", "wrong"),
    ("token", "x"),
    ("code", "x"),
    ("grant_type", "authorization_code"),
];

/// What an endpoint takes.
fn method(endpoint: Endpoint) -> Method {
    match endpoint {
        Endpoint::Discovery
        | Endpoint::Jwks
        | Endpoint::Style
        | Endpoint::Authorization
        | Endpoint::EndSession
        | Endpoint::CheckSession
        | Endpoint::Userinfo => Method::GET,
        Endpoint::Token
        | Endpoint::Introspection
        | Endpoint::Revocation
        | Endpoint::EndSessionConfirm
        | Endpoint::Login
        | Endpoint::SelectAccount
        | Endpoint::Consent
        | Endpoint::Account => Method::POST,
    }
}

/// Whether it shows one document and reads no parameters.
fn is_document(endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::Discovery | Endpoint::Jwks | Endpoint::CheckSession | Endpoint::Style => true,
        Endpoint::Userinfo
        | Endpoint::Authorization
        | Endpoint::Token
        | Endpoint::Introspection
        | Endpoint::Revocation
        | Endpoint::EndSession
        | Endpoint::EndSessionConfirm
        | Endpoint::Login
        | Endpoint::SelectAccount
        | Endpoint::Consent
        | Endpoint::Account => false,
    }
}

async fn send(provider: &Provider, endpoint: Endpoint, pairs: &[(&str, &str)]) -> u16 {
    if method(endpoint) == Method::POST {
        return provider.post(endpoint.path(), &[("sec-fetch-site", "same-origin")], pairs).await.status.as_u16();
    }
    provider.get(&format!("{}?{}", endpoint.path(), encode(pairs))).await.status.as_u16()
}

async fn check(name: &str, expect: impl Fn(Endpoint) -> u16, ask: impl AsyncFn(Endpoint) -> u16) {
    for endpoint in Endpoint::ALL.iter().copied() {
        assert_eq!(ask(endpoint).await, expect(endpoint), "{name}: {}", endpoint.path());
    }
}

#[tokio::test]
async fn nobody_and_the_wrong_client_get_nothing_from_any_endpoint() {
    let provider = Provider::watched();
    let expect = |endpoint| match endpoint {
        // Whoever asks for a logout is shown the page that asks back.
        Endpoint::Discovery | Endpoint::Jwks | Endpoint::CheckSession | Endpoint::Style | Endpoint::EndSession => 200,
        Endpoint::Userinfo => 401,
        Endpoint::Authorization
        | Endpoint::Token
        | Endpoint::Introspection
        | Endpoint::Revocation
        | Endpoint::EndSessionConfirm
        | Endpoint::Login
        | Endpoint::SelectAccount
        | Endpoint::Consent
        | Endpoint::Account => 400,
    };
    check("nobody", expect, async |endpoint| send(&provider, endpoint, &[]).await).await;
    check("wrong client", expect, async |endpoint| send(&provider, endpoint, WRONG).await).await;
    let basic = [("authorization", "Basic dGVhbS1hLm5vdGVzOndyb25n")];
    for endpoint in [Endpoint::Token, Endpoint::Introspection, Endpoint::Revocation] {
        let form = [("token", "x"), ("code", "x"), ("grant_type", "authorization_code")];
        let code = "A".repeat(64);
        let form: Vec<_> = form
            .into_iter()
            .map(|(name, value)| if name == "code" { (name, code.as_str()) } else { (name, value) })
            .collect();
        assert_eq!(provider.post(endpoint.path(), &basic, &form).await.status, 401, "{}", endpoint.path());
    }
}

#[tokio::test]
async fn t_p37_a_parameter_twice_is_refused_by_every_endpoint_that_reads_any() {
    let provider = Provider::watched();
    let twice = |endpoint: Endpoint| -> Vec<(&'static str, &'static str)> {
        let name = match endpoint {
            Endpoint::Authorization => return [GOOD, &[("client_id", "team-a.notes")]].concat(),
            Endpoint::Userinfo => "access_token",
            Endpoint::EndSession => "id_token_hint",
            Endpoint::EndSessionConfirm
            | Endpoint::Login
            | Endpoint::SelectAccount
            | Endpoint::Consent
            | Endpoint::Account => "handle",
            Endpoint::Discovery
            | Endpoint::Jwks
            | Endpoint::CheckSession
            | Endpoint::Style
            | Endpoint::Token
            | Endpoint::Introspection
            | Endpoint::Revocation => "token",
        };
        vec![("client_id", "team-a.notes"), ("client_secret", SECRET), (name, "x"), (name, "x")]
    };
    let expect = |endpoint| if is_document(endpoint) { 200 } else { 400 };
    check("twice", expect, async |endpoint| send(&provider, endpoint, &twice(endpoint)).await).await;
}

#[tokio::test]
async fn t_p38_a_body_that_is_too_large_is_refused_by_every_endpoint_that_takes_any() {
    let provider = Provider::new();
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let body = "x".repeat(TOO_LARGE);
    let expect = |endpoint| if is_document(endpoint) { 405 } else { 413 };
    let ask =
        async |endpoint: Endpoint| provider.send(Method::POST, endpoint.path(), &form, &body).await.status.as_u16();
    check("too large", expect, ask).await;
}

/// Codes and refresh tokens have tests of their own; an assertion counts once at all endpoints together.
#[tokio::test]
async fn t_p17_an_assertion_that_one_endpoint_took_is_taken_by_no_other() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let keys = ClientKeys::try_from(vec![key.public_jwk().clone()]).unwrap();
    let provider =
        Provider::with(vec![Client { authentication: ClientAuthentication::Keys(keys), ..testing::client() }]);
    let clients = [Endpoint::Token, Endpoint::Introspection, Endpoint::Revocation];
    for first in clients {
        let id = "team-a.notes";
        let claims = json!({
            "iss": id, "sub": id, "aud": ISSUER, "iat": NOW.secs(), "exp": NOW.secs() + 60, "jti": first.path(),
        });
        let assertion = crypto::jws::sign(&key, "JWT", &claims).unwrap();
        let code = "A".repeat(64);
        let form = [
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
            ("token", "x"),
            ("grant_type", "authorization_code"),
            ("code", &code),
        ];
        let taken = provider.post(first.path(), &[], &form).await;
        assert!(!taken.body.contains("invalid_client"), "{}: {taken:?}", first.path());
        for second in clients {
            let again = provider.post(second.path(), &[], &form).await;
            assert_eq!(again.refusal(), (400, "invalid_client".to_owned()), "{} then {}", first.path(), second.path());
        }
    }
}
