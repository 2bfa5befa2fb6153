//! One file per endpoint. The tables below are all there is: an endpoint without a route does not compile.

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use oidc::discovery::Endpoint;

use crate::call::Call;
use crate::cors;

mod account;
mod authorize;
mod check_session;
mod consent;
mod documents;
mod end_session;
mod end_session_confirm;
mod introspection;
mod login;
mod revocation;
mod select_account;
mod style;
mod token;
mod userinfo;

/// The methods that an endpoint takes, as `Allow` names them (RFC 9110 §10.2.1). HEAD is for documents: elsewhere it would
/// do all that GET does, a code included, for an answer that nobody reads.
pub(crate) fn allowed(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Discovery | Endpoint::Jwks => "GET, HEAD, OPTIONS",
        Endpoint::Authorization | Endpoint::EndSession | Endpoint::Account => "GET, POST",
        Endpoint::Token | Endpoint::Revocation => "POST, OPTIONS",
        Endpoint::Userinfo => "GET, POST, OPTIONS",
        Endpoint::Introspection
        | Endpoint::EndSessionConfirm
        | Endpoint::Login
        | Endpoint::SelectAccount
        | Endpoint::Consent => "POST",
        Endpoint::CheckSession | Endpoint::Style => "GET, HEAD",
    }
}

/// What an endpoint does with each method that it takes.
pub(crate) fn methods(endpoint: Endpoint) -> MethodRouter {
    match endpoint {
        Endpoint::Discovery => get(documents::discovery).options(documents::preflight),
        Endpoint::Jwks => get(documents::jwks).options(documents::preflight),
        Endpoint::Authorization => get(authorize::get).post(authorize::post),
        Endpoint::Token => post(token::post).options(preflight),
        Endpoint::Introspection => post(introspection::post),
        Endpoint::Revocation => post(revocation::post).options(preflight),
        Endpoint::Userinfo => get(userinfo::answer).post(userinfo::answer).options(preflight),
        Endpoint::EndSession => get(end_session::get).post(end_session::post),
        Endpoint::EndSessionConfirm => post(end_session_confirm::post),
        Endpoint::CheckSession => get(check_session::get),
        Endpoint::Login => post(login::post),
        Endpoint::SelectAccount => post(select_account::post),
        Endpoint::Consent => post(consent::post),
        Endpoint::Account => get(account::get).post(account::post),
        Endpoint::Style => get(style::get),
    }
}

/// `OPTIONS` of what scripts of public clients call.
async fn preflight(call: Call, request: Request) -> Response {
    cors::preflight(&call.site.origins, request.headers()).into_response()
}
