//! The provider as the library sees it: discovery, the authorization URL, the code exchange, the
//! verified id_token, userinfo.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::pin::Pin;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AsyncHttpClient, AuthenticationFlow, AuthorizationCode, Client, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdTokenFields,
    IssuerUrl, JsonWebKey, JwsSigningAlgorithm, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    ProviderMetadataWithLogout, RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse,
    UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::answer::{Parameters, Refusal};
use crate::credentials::Credentials;

/// Every claim that the library has no field for: groups, custom claims.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Others {
    #[serde(flatten)]
    claims: BTreeMap<String, Value>,
}

impl AdditionalClaims for Others {}

type Tokens = StandardTokenResponse<
    IdTokenFields<
        Others,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

/// The library's client with [`Others`], made from discovery.
type Discovered = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Parameters of the authorization request that are ours alone.
const OURS: [&str; 8] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

/// A provider as it was when a login started.
pub(crate) struct Provider {
    issuer: IssuerUrl,
    client: Discovered,
    http: Http,
    /// Where to log out (RP-Initiated Logout §2.1), and where to come back to.
    end_session: Option<Url>,
    home: Url,
}

/// What only the callback of one login may use.
pub(crate) struct Proof {
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

/// A person, as far as the provider vouches for them. The JSON is for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) subject: String,
    pub(crate) scope: String,
    pub(crate) id_token: String,
    pub(crate) userinfo: String,
    /// Which session of the provider this is (Front-Channel Logout §3).
    pub(crate) sid: Option<String>,
    /// Where to send the browser to be logged out everywhere.
    pub(crate) leave: Option<Url>,
}

impl Provider {
    /// Reads the discovery document and the key set.
    pub(crate) async fn discover(http: Http, credentials: Credentials, redirect: RedirectUrl) -> Result<Self, Refusal> {
        let Credentials { issuer, client_id, client_secret } = credentials;
        let metadata = ProviderMetadataWithLogout::discover_async(issuer.clone(), &http).await;
        let metadata = metadata.map_err(|error| failed("discovery", &error))?;
        let end_session = metadata.additional_metadata().end_session_endpoint.as_ref().map(|url| url.url().clone());
        let home = redirect.url().join("/").map_err(|error| failed("our own address", &error))?;
        let client =
            Client::from_provider_metadata(metadata, client_id, Some(client_secret)).set_redirect_uri(redirect);
        Ok(Self { issuer, client: client.disable_openid_scope(), http, end_session, home })
    }

    pub(crate) fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// Where to send the browser. `wanted` goes along, except what is ours; its scope wins.
    pub(crate) fn authorize(&self, state: &str, scope: &str, wanted: &Parameters) -> (Url, Proof) {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = CsrfToken::new(state.to_owned());
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let mut request =
            self.client.authorize_url(flow, move || state, Nonce::new_random).set_pkce_challenge(challenge);
        for scope in wanted.get("scope").unwrap_or(scope).split_whitespace() {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        for (name, value) in wanted.iter().filter(|(name, _)| !OURS.contains(name)) {
            request = request.add_extra_param(name.to_owned(), value.to_owned());
        }
        let (url, _, nonce) = request.url();
        (url, Proof { nonce, verifier })
    }

    /// Exchanges the code, verifies the id_token and its at_hash, and asks for the userinfo claims.
    pub(crate) async fn redeem(&self, code: AuthorizationCode, proof: Proof) -> Result<Person, Refusal> {
        let exchange = self.client.exchange_code(code).map_err(|error| failed("token endpoint", &error))?;
        let tokens: Tokens = exchange
            .set_pkce_verifier(proof.verifier)
            .request_async(&self.http)
            .await
            .map_err(|error| failed("token endpoint", &error))?;

        let id_token = tokens.id_token().ok_or_else(|| Refusal::Failed("There is no id_token.".to_owned()))?;
        let verifier = self.client.id_token_verifier();
        let claims = id_token.claims(&verifier, &proof.nonce).map_err(|error| failed("id_token", &error))?;
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = id_token.signing_alg().map_err(|error| failed("id_token", &error))?;
            // The hash depends on the algorithm alone, but a shared secret is in no key set.
            let shared = CoreJsonWebKey::new_symmetric(Vec::new());
            let key = if algorithm.uses_shared_secret() {
                &shared
            } else {
                id_token.signing_key(&verifier).map_err(|error| failed("id_token", &error))?
            };
            let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
            if &hash.map_err(|error| failed("at_hash", &error))? != expected {
                return Err(Refusal::Failed("The access token is not the one of the id_token.".to_owned()));
            }
        }

        let userinfo: UserInfoClaims<Others, CoreGenderClaim> = self
            .client
            .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
            .map_err(|error| failed("userinfo", &error))?
            .request_async(&self.http)
            .await
            .map_err(|error| failed("userinfo", &error))?;

        let leave = self.end_session.clone().map(|mut url| {
            let mut query = url.query_pairs_mut();
            query.append_pair("id_token_hint", &id_token.to_string());
            query.append_pair("post_logout_redirect_uri", self.home.as_str());
            drop(query);
            url
        });
        let sid = claims.additional_claims().claims.get("sid").and_then(Value::as_str);
        Ok(Person {
            subject: claims.subject().to_string(),
            scope: tokens.scopes().map_or_else(String::new, |all| words(all)),
            id_token: pretty(claims)?,
            userinfo: pretty(&userinfo)?,
            sid: sid.map(str::to_owned),
            leave,
        })
    }
}

fn words(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

fn pretty(claims: &impl Serialize) -> Result<String, Refusal> {
    serde_json::to_string_pretty(claims).map_err(|error| failed("claims", &error))
}

/// An error with its causes, on one line.
pub(crate) fn failed(what: &str, error: &dyn Error) -> Refusal {
    let mut text = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        write!(text, ": {error}").unwrap_or_default();
        cause = error.source();
    }
    Refusal::Failed(text)
}

/// The HTTP client that the library calls. It follows no redirects: an endpoint that redirects
/// could send credentials elsewhere.
#[derive(Clone)]
pub(crate) struct Http(reqwest::Client);

impl Http {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Ok(Self(builder.timeout(std::time::Duration::from_secs(30)).build()?))
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
        let (head, body) = request.into_parts();
        let url = head.uri.to_string();
        let response = self.0.request(head.method, url).headers(head.headers).body(body).send().await?;
        let mut answer = HttpResponse::default();
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        *answer.body_mut() = response.bytes().await?.to_vec();
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = reqwest::Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, reqwest::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
