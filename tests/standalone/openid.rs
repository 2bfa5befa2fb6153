//! The `openidconnect` crate, which we did not write, as the relying party.

use std::fmt::Write as _;

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreJwsSigningAlgorithm as Signed, CoreProviderMetadata,
    CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, TokenResponse,
};
use url::Url;
use xtask::walk::Agent;

use crate::harness::{Provider, authorize, demo_credentials};

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failed(String);

/// The crate's requests, carried by the test tools' own HTTP client, which speaks no TLS.
pub(crate) fn http(request: HttpRequest) -> Result<HttpResponse, Failed> {
    let url = Url::parse(&request.uri().to_string().replacen("https:", "http:", 1))
        .map_err(|error| Failed(error.to_string()))?;
    let headers: Vec<(&str, &str)> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let body = std::str::from_utf8(request.body()).unwrap();
    let answer = xtask::http::send(&url, request.method().as_str(), &headers, body)
        .map_err(|error| Failed(format!("{error:#}")))?;
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    Ok(response.body(answer.body.into_bytes()).unwrap())
}

/// A relying party with its own idea of what to send.
struct Party {
    client: Client,
}

/// What a login brought back.
struct Answer {
    code: String,
    nonce: Nonce,
    verifier: String,
}

impl Party {
    fn of(provider: &Provider) -> Self {
        let (id, secret) = provider.credentials();
        Self::with(provider, &id, Some(&secret), &provider.callback())
    }

    /// An application of the namespace `team-a`, with the Secret that was written for it.
    fn called(provider: &Provider, name: &str, callback: &str) -> Self {
        let path = provider.state().join(format!("credentials/team-a_{name}-oidc.yaml"));
        let read = |key: &str| demo_credentials(&path, key).unwrap_or_else(|| panic!("no {key}\n{}", provider.log()));
        Self::with(provider, &read("OIDC_CLIENT_ID"), Some(&read("OIDC_CLIENT_SECRET")), callback)
    }

    fn with(provider: &Provider, id: &str, secret: Option<&str>, callback: &str) -> Self {
        let metadata = CoreProviderMetadata::discover(&IssuerUrl::new(provider.issuer()).unwrap(), &http).unwrap();
        let secret = secret.map(|secret| ClientSecret::new(secret.to_owned()));
        let client = CoreClient::from_provider_metadata(metadata, ClientId::new(id.to_owned()), secret)
            .set_redirect_uri(RedirectUrl::new(callback.to_owned()).unwrap());
        Self { client }
    }

    fn log_in(&self, agent: &mut Agent, callback: &str) -> Answer {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self
            .client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let answer = authorize(agent, &url, callback);
        let get =
            |name: &str| answer.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
        assert_eq!(get("state").as_ref(), Some(state.secret()), "{answer}");
        let code = get("code").unwrap_or_else(|| panic!("no code in {answer}"));
        Answer { code, nonce, verifier: verifier.secret().clone() }
    }

    /// Exchanges a code; `Err` is the wire's error code.
    fn exchange(
        &self,
        code: &str,
        verifier: &str,
    ) -> Result<openidconnect::core::CoreTokenResponse, CoreErrorResponseType> {
        let request = self.client.exchange_code(AuthorizationCode::new(code.to_owned())).unwrap();
        match request.set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned())).request(&http) {
            Ok(tokens) => Ok(tokens),
            Err(RequestTokenError::ServerResponse(error)) => Err(error.error().clone()),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn userinfo(&self, token: &AccessToken) -> Result<CoreUserInfoClaims, String> {
        let request = self.client.user_info(token.clone(), None).unwrap();
        request.request(&http).map_err(|error| format!("{error:?}"))
    }
}

#[test]
fn a_person_logs_in_and_the_application_learns_who_they_are() {
    let provider = Provider::start();
    let party = Party::of(&provider);
    let mut agent = Agent::default();
    let answer = party.log_in(&mut agent, &provider.callback());
    let tokens = party.exchange(&answer.code, &answer.verifier).unwrap();
    let id_token = tokens.id_token().unwrap();
    let verifier = party.client.id_token_verifier();
    let claims = id_token.claims(&verifier, &answer.nonce).unwrap();
    let access_hash = openidconnect::AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg().unwrap(),
        id_token.signing_key(&verifier).unwrap(),
    );
    assert_eq!(claims.access_token_hash(), Some(&access_hash.unwrap()));
    let about = party.userinfo(tokens.access_token()).unwrap();
    assert_eq!(about.subject(), claims.subject());
    assert_eq!(about.email().map(|email| email.as_str()), Some("alice@example.com"));
    assert_eq!(about.email_verified(), Some(true));
    let name = about.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned());
    assert_eq!(name.as_deref(), Some("Alice Liddell"));

    // Once logged in and agreed, no page comes between.
    let again = party.log_in(&mut agent, &provider.callback());
    assert!(party.exchange(&again.code, &again.verifier).is_ok());
}

/// Every algorithm that an application may ask for, as the crate calls it.
const ALGORITHMS: [(&str, Signed); 6] = [
    ("RS256", Signed::RsaSsaPkcs1V15Sha256),
    ("PS256", Signed::RsaSsaPssSha256),
    ("ES256", Signed::EcdsaP256Sha256),
    ("ES384", Signed::EcdsaP384Sha384),
    ("EdDSA", Signed::EdDsa),
    ("HS256", Signed::HmacSha256),
];

#[test]
fn id_tokens_of_every_algorithm_are_verified() {
    let provider = Provider::start_with(|manifests| {
        let path = manifests.join("provider.yaml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        text += "  signing: {algorithms: [RS256, PS256, ES256, ES384, EdDSA]}\n";
        for (name, _) in ALGORITHMS {
            write!(
                text,
                "---\napiVersion: portcullis.dev/v1alpha1\nkind: OidcApplication\nmetadata: {{name: {}, namespace: team-a}}\n\
                 spec:\n  providerRef: {{name: default, namespace: identity}}\n  redirectURIs: [http://127.0.0.1:1/callback]\n  \
                 idToken: {{signingAlgorithm: {name}}}\n",
                name.to_lowercase()
            )
            .unwrap();
        }
        std::fs::write(path, text).unwrap();
    });
    let mut agent = Agent::default();
    for (name, algorithm) in ALGORITHMS {
        let party = Party::called(&provider, &name.to_lowercase(), "http://127.0.0.1:1/callback");
        let answer = party.log_in(&mut agent, "http://127.0.0.1:1/callback");
        let tokens = party.exchange(&answer.code, &answer.verifier).unwrap();
        let id_token = tokens.id_token().unwrap();
        assert_eq!(id_token.signing_alg().unwrap(), &algorithm);
        let verifier = party.client.id_token_verifier();
        assert!(id_token.claims(&verifier, &answer.nonce).is_ok(), "{name}");
        let others = ALGORITHMS.map(|(_, algorithm)| algorithm).into_iter().filter(|other| *other != algorithm);
        let verifier = party.client.id_token_verifier().set_allowed_algs(others);
        assert!(id_token.claims(&verifier, &answer.nonce).is_err(), "{name}");
    }
}

#[test]
fn a_wrong_verifier_redirect_uri_or_client_spends_nothing() {
    let provider = start_with_another();
    let party = Party::of(&provider);
    let answer = party.log_in(&mut Agent::default(), &provider.callback());

    let invalid_grant = Some(CoreErrorResponseType::InvalidGrant);
    assert_eq!(party.exchange(&answer.code, &"x".repeat(43)).err(), invalid_grant, "wrong verifier");
    let (id, secret) = provider.credentials();
    let elsewhere = Party::with(&provider, &id, Some(&secret), &format!("{}/x", provider.callback()));
    assert_eq!(elsewhere.exchange(&answer.code, &answer.verifier).err(), invalid_grant, "wrong redirect URI");
    let wrong_secret = Party::with(&provider, &id, Some("wrong"), &provider.callback());
    let refused = wrong_secret.exchange(&answer.code, &answer.verifier).err();
    assert_eq!(refused, Some(CoreErrorResponseType::InvalidClient), "wrong secret");
    let other = other_party(&provider);
    assert_eq!(other.exchange(&answer.code, &answer.verifier).err(), invalid_grant, "another client");

    assert!(party.exchange(&answer.code, &answer.verifier).is_ok(), "nothing of that spent the code");
}

/// A provider with a second application.
fn start_with_another() -> Provider {
    Provider::start_with(|manifests| {
        std::fs::write(
            manifests.join("other.yaml"),
            "apiVersion: portcullis.dev/v1alpha1\nkind: OidcApplication\nmetadata: {name: other, namespace: team-a}\nspec:\n  \
             providerRef: {name: default, namespace: identity}\n  redirectURIs: [http://127.0.0.1:1/other]\n",
        )
        .unwrap();
    })
}

fn other_party(provider: &Provider) -> Party {
    Party::called(provider, "other", &provider.callback())
}

#[test]
fn a_replay_by_the_rightful_client_revokes_and_by_another_does_not() {
    let provider = start_with_another();
    let party = Party::of(&provider);
    let answer = party.log_in(&mut Agent::default(), &provider.callback());
    let tokens = party.exchange(&answer.code, &answer.verifier).unwrap();
    assert!(party.userinfo(tokens.access_token()).is_ok());

    let invalid_grant = Some(CoreErrorResponseType::InvalidGrant);
    assert_eq!(other_party(&provider).exchange(&answer.code, &answer.verifier).err(), invalid_grant);
    assert_eq!(party.exchange(&answer.code, &"x".repeat(43)).err(), invalid_grant, "without the verifier: nobody");
    assert!(party.userinfo(tokens.access_token()).is_ok(), "a stranger's replay revokes nothing");

    assert_eq!(party.exchange(&answer.code, &answer.verifier).err(), invalid_grant);
    assert!(party.userinfo(tokens.access_token()).is_err(), "the rightful client's replay revokes");
}

#[test]
fn an_expired_code_is_refused() {
    let provider = Provider::start_with(|manifests| {
        let path = manifests.join("provider.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{text}  tokens: {{authorizationCodeLifetimeSeconds: 5}}\n")).unwrap();
    });
    let party = Party::of(&provider);
    let answer = party.log_in(&mut Agent::default(), &provider.callback());
    std::thread::sleep(std::time::Duration::from_millis(5100));
    assert_eq!(party.exchange(&answer.code, &answer.verifier).err(), Some(CoreErrorResponseType::InvalidGrant));
}
