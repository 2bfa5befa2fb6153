//! The `openidconnect` crate once more, after the login: refresh, introspection, revocation and logout.

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGrantType, CoreIdToken, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreSubjectIdentifierType, CoreTokenIntrospectionResponse, CoreTokenResponse,
};
use openidconnect::{
    AccessToken, AdditionalProviderMetadata, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndSessionUrl,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IntrospectionUrl, IssuerUrl, LogoutProviderMetadata, LogoutRequest,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PostLogoutRedirectUrl, ProviderMetadata, RedirectUrl, RefreshToken,
    RequestTokenError, RevocationUrl, Scope, TokenIntrospectionResponse, TokenResponse,
};
use serde::{Deserialize, Serialize};
use url::Url;
use xtask::html::Form;
use xtask::http::Response;
use xtask::walk::Agent;

use crate::harness::{Provider, authorize, demo_credentials};
use crate::openid::{Failed, http};

/// Where this application is called after a login and after a logout; nobody listens there.
const CALLBACK: &str = "http://127.0.0.1:1/callback";
const GOODBYE: &str = "http://127.0.0.1:1/goodbye";

/// What discovery announces besides, as RFC 8414 names it.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Endpoints {
    introspection_endpoint: IntrospectionUrl,
    revocation_endpoint: Url,
}

impl AdditionalProviderMetadata for Endpoints {}

type Metadata = ProviderMetadata<
    LogoutProviderMetadata<Endpoints>,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointMaybeSet, EndpointMaybeSet>;

struct Party {
    client: Client,
    end_session: EndSessionUrl,
}

/// An application that may refresh, beside the one of the quickstart.
fn provider() -> Provider {
    Provider::start_with(|manifests| {
        let text = format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: OidcApplication\nmetadata: {{name: keeper, namespace: team-a}}\nspec:\n  \
             providerRef: {{name: default, namespace: identity}}\n  redirectURIs: ['{CALLBACK}']\n  postLogoutRedirectURIs: ['{GOODBYE}']\n  \
             grantTypes: [authorization_code, refresh_token]\n  scopes: [openid, email, offline_access]\n  \
             refreshToken: {{issuance: OfflineAccess}}\n"
        );
        std::fs::write(manifests.join("keeper.yaml"), text).unwrap();
    })
}

impl Party {
    fn of(provider: &Provider) -> Self {
        let path = provider.state().join("credentials/team-a_keeper-oidc.yaml");
        let read = |key: &str| demo_credentials(&path, key).unwrap_or_else(|| panic!("no {key}\n{}", provider.log()));
        let metadata = Metadata::discover(&IssuerUrl::new(provider.issuer()).unwrap(), &http).unwrap();
        let LogoutProviderMetadata { end_session_endpoint, additional_metadata: endpoints } =
            metadata.additional_metadata().clone();
        // The crate revokes over https alone, whoever the host; `http` carries that to the plain port.
        let mut revocation = endpoints.revocation_endpoint;
        revocation.set_scheme("https").unwrap();
        let secret = ClientSecret::new(read("OIDC_CLIENT_SECRET"));
        let client = CoreClient::from_provider_metadata(metadata, ClientId::new(read("OIDC_CLIENT_ID")), Some(secret))
            .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).unwrap())
            .set_introspection_url(endpoints.introspection_endpoint)
            .set_revocation_url(RevocationUrl::from_url(revocation));
        Self { client, end_session: end_session_endpoint.unwrap() }
    }

    fn authorization(&self) -> (Url, Nonce, openidconnect::PkceCodeVerifier) {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, _, nonce) = self
            .client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("offline_access".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        (url, nonce, verifier)
    }

    fn log_in(&self, agent: &mut Agent) -> (CoreTokenResponse, CoreIdToken) {
        let (url, nonce, verifier) = self.authorization();
        let answer = authorize(agent, &url, CALLBACK);
        let code = answer.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let request = self.client.exchange_code(AuthorizationCode::new(code)).unwrap();
        let tokens = request.set_pkce_verifier(verifier).request(&http).unwrap();
        let id_token = tokens.id_token().unwrap().clone();
        id_token.claims(&self.client.id_token_verifier(), &nonce).unwrap();
        (tokens, id_token)
    }

    /// Whether the login page comes before an answer.
    fn asks_to_log_in(&self, agent: &mut Agent) -> bool {
        let mut at = self.authorization().0;
        let mut answer = agent.get(&at).unwrap();
        while let Some(location) = location(&answer) {
            at = at.join(&location).unwrap();
            if at.as_str().starts_with(CALLBACK) {
                return false;
            }
            answer = agent.get(&at).unwrap();
        }
        assert!(Form::find(&answer.body, "login").is_some(), "{}", answer.body);
        true
    }

    fn logout(&self, id_token: &CoreIdToken, back: &str) -> LogoutRequest {
        let back = PostLogoutRedirectUrl::new(back.to_owned()).unwrap();
        LogoutRequest::from(self.end_session.clone()).set_id_token_hint(id_token).set_post_logout_redirect_uri(back)
    }

    /// Refreshes; `Err` is the wire's error code.
    fn refresh(&self, token: &RefreshToken) -> Result<CoreTokenResponse, CoreErrorResponseType> {
        match self.client.exchange_refresh_token(token).unwrap().request(&http) {
            Ok(tokens) => Ok(tokens),
            Err(RequestTokenError::ServerResponse(error)) => Err(error.error().clone()),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn introspect(&self, token: &AccessToken) -> CoreTokenIntrospectionResponse {
        self.client.introspect(token).request(&http).unwrap()
    }

    fn revoke(&self, token: CoreRevocableToken) -> Result<(), RequestTokenError<Failed, CoreRevocationErrorResponse>> {
        self.client.revoke_token(token).unwrap().request(&http)
    }
}

fn location(answer: &Response) -> Option<String> {
    answer.all("location").next().map(str::to_owned)
}

#[test]
fn tokens_are_refreshed_introspected_and_revoked() {
    let provider = provider();
    let party = Party::of(&provider);
    let (first, id_token) = party.log_in(&mut Agent::default());
    let second = party.refresh(first.refresh_token().unwrap()).unwrap();
    assert_ne!(second.refresh_token().unwrap().secret(), first.refresh_token().unwrap().secret(), "rotated");
    let verifier = party.client.id_token_verifier();
    let any_nonce = |_: Option<&Nonce>| Ok(());
    let before = id_token.claims(&verifier, any_nonce).unwrap().subject().clone();
    assert_eq!(second.id_token().unwrap().claims(&verifier, any_nonce).unwrap().subject(), &before);

    let told = party.introspect(second.access_token());
    assert!(told.active());
    assert_eq!((told.client_id().map(|id| id.as_str()), told.sub()), (Some("team-a.keeper"), Some(before.as_str())));
    let scopes: Vec<&str> = told.scopes().unwrap().iter().map(|scope| scope.as_str()).collect();
    assert_eq!(scopes, ["email", "offline_access", "openid"]);

    // Whichever of a grant's tokens is given back, all of it ends.
    let whole = |tokens: &CoreTokenResponse, returned: CoreRevocableToken| {
        party.revoke(returned).unwrap();
        assert!(!party.introspect(tokens.access_token()).active());
        let refused = party.refresh(tokens.refresh_token().unwrap()).err();
        assert_eq!(refused, Some(CoreErrorResponseType::InvalidGrant));
    };
    whole(&second, second.refresh_token().unwrap().clone().into());
    let (another, _) = party.log_in(&mut Agent::default());
    assert!(party.introspect(another.access_token()).active());
    whole(&another, another.access_token().clone().into());
    // RFC 7009 §2.2: what is nobody's token is as good as revoked.
    party.revoke(AccessToken::new("nonsense".to_owned()).into()).unwrap();
}

#[test]
fn an_application_logs_its_person_out() {
    let provider = provider();
    let party = Party::of(&provider);
    let mut agent = Agent::default();
    let (_, id_token) = party.log_in(&mut agent);
    assert!(!party.asks_to_log_in(&mut agent));

    // Somewhere that the application has not registered, nobody is sent.
    let answer = agent.get(&party.logout(&id_token, "http://127.0.0.1:1/elsewhere").http_get_url()).unwrap();
    assert!(!answer.all("location").any(|location| location.contains("elsewhere")), "{answer:?}");

    let (_, id_token) = party.log_in(&mut agent);
    let url = party.logout(&id_token, GOODBYE).set_state(CsrfToken::new("a state".to_owned())).http_get_url();
    let answer = agent.get(&url).unwrap();
    let expect = format!("{GOODBYE}?state=a+state");
    assert_eq!(answer.all("location").collect::<Vec<_>>(), [expect.as_str()], "{}", answer.body);
    assert!(party.asks_to_log_in(&mut agent));
}
