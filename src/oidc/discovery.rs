//! RFC 8414 and OIDC Discovery §3: the document, derived from the tables. What is not built is not announced.

use crypto::{Algorithm, KeyRing};
use serde_json::{Value, json};

use crate::acr::Acr;
use crate::catalog::RealmSettings;
use crate::claims::StandardClaim;
use crate::client::{ClientAuthMethod, GrantType, ResponseMode, ResponseType};
use crate::prompt::Prompt;
use crate::scope::StandardScope;
use crate::subject::SubjectType;
use crate::uri::Issuer;

macro_rules! endpoints {
    ($($(#[$doc:meta])* $variant:ident = $path:literal;)*) => {
        /// An endpoint, by its path below the issuer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Endpoint { $($(#[$doc])* $variant),* }

        impl Endpoint {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The path below the issuer, with a leading slash.
            pub const fn path(self) -> &'static str {
                match self { $(Self::$variant => $path),* }
            }
        }
    };
}

endpoints! {
    /// OIDC Discovery §4.
    Discovery = "/.well-known/openid-configuration";
    /// RFC 7517 §5.
    Jwks = "/.well-known/jwks.json";
    /// RFC 6749 §3.1.
    Authorization = "/auth";
    /// RFC 6749 §3.2.
    Token = "/token";
    /// RFC 7662 §2.
    Introspection = "/token/introspection";
    /// RFC 7009 §2.
    Revocation = "/token/revocation";
    /// OIDC Core §5.3.
    Userinfo = "/me";
    /// RP-Initiated Logout §2.
    EndSession = "/session/end";
    /// Where the page that asks about a logout is posted.
    EndSessionConfirm = "/session/end/confirm";
    /// Session Management §3.3: the page that applications load in a frame, where its provider offers it.
    CheckSession = "/session/check";
    /// Where the login form is posted.
    Login = "/interaction/login";
    /// Where the account chooser is posted.
    SelectAccount = "/interaction/select-account";
    /// Where the consent form is posted.
    Consent = "/interaction/consent";
    /// A person's own page, and where its forms are posted.
    Account = "/account";
    /// The style sheet of the pages.
    Style = "/interaction/style.css";
}

/// RFC 8414 §3.1: the prefix at the root of the host, followed by the issuer's path.
pub const RFC8414_PREFIX: &str = "/.well-known/oauth-authorization-server";

/// The discovery document of an issuer.
pub fn document(issuer: &Issuer, keys: &KeyRing, settings: RealmSettings) -> Value {
    let url = |endpoint: Endpoint| issuer.endpoint(endpoint.path());
    let algorithms = keys.algorithms().into_iter().chain([Algorithm::HS256]).map(Algorithm::as_str).collect::<Vec<_>>();
    let claims: Vec<&str> =
        ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "c_hash", "sid"]
            .into_iter()
            .chain(StandardClaim::ALL.iter().map(|claim| claim.as_str()))
            .collect();
    let mut proving = wire(ClientAuthMethod::ALL, ClientAuthMethod::as_str);
    proving.retain(|method| *method != ClientAuthMethod::None.as_str());
    let mut document = json!({
        "issuer": issuer.as_str(),
        "authorization_endpoint": url(Endpoint::Authorization),
        "token_endpoint": url(Endpoint::Token),
        "introspection_endpoint": url(Endpoint::Introspection),
        "introspection_endpoint_auth_methods_supported": proving,
        "revocation_endpoint": url(Endpoint::Revocation),
        "revocation_endpoint_auth_methods_supported": wire(ClientAuthMethod::ALL, ClientAuthMethod::as_str),
        "userinfo_endpoint": url(Endpoint::Userinfo),
        "end_session_endpoint": url(Endpoint::EndSession),
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "jwks_uri": url(Endpoint::Jwks),
        "scopes_supported": wire(StandardScope::ALL, StandardScope::as_str),
        "response_types_supported": wire(ResponseType::ALL, ResponseType::as_str),
        "response_modes_supported": wire(ResponseMode::ALL, ResponseMode::as_str),
        "grant_types_supported": wire(GrantType::ALL, GrantType::as_str),
        "token_endpoint_auth_methods_supported": wire(ClientAuthMethod::ALL, ClientAuthMethod::as_str),
        "token_endpoint_auth_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::as_str),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": wire(Prompt::ALL, Prompt::as_str),
        "acr_values_supported": wire(Acr::ALL, Acr::as_str),
        "subject_types_supported": wire(SubjectType::ALL, SubjectType::as_str),
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": keys.algorithms().into_iter().map(Algorithm::as_str).collect::<Vec<_>>(),
        "claims_supported": claims,
        "claim_types_supported": ["normal"],
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    if settings.session_management
        && let Value::Object(members) = &mut document
    {
        members.insert("check_session_iframe".to_owned(), url(Endpoint::CheckSession).into());
    }
    document
}

fn wire<T: Copy>(all: &[T], text: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().copied().map(text).collect()
}
