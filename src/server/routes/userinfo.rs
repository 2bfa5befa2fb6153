//! OIDC Core §5.3, RFC 6750 §2: the userinfo endpoint.

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode, header};
use oidc::client::Client;
use oidc::form::Form;
use oidc::refusal::{ErrorCode, Refusal, Why};
use oidc::userinfo;

use super::token::cannot_sign;
use crate::call::Call;
use crate::headers::no_store;
use crate::refusal::{Failed, authorization};
use crate::trouble::json;
use crate::{body, cors, refusal};

/// `GET /me`, `POST /me`
pub(super) async fn answer(call: Call, request: Request) -> Response {
    let headers = request.headers().clone();
    let mut client = None;
    let mut response = match claims(&call, request, &mut client).await {
        Ok(response) => response,
        Err(Failed::Refused(refused)) => refusal::bearer(&call, &refused, client),
        Err(Failed::Trouble(trouble)) => trouble.respond_json(&call),
    };
    match client {
        Some(client) => cors::answer(Some(client), &headers, response.headers_mut()),
        None => cors::refusal(&call.site.origins, &headers, response.headers_mut()),
    }
    no_store(response.headers_mut());
    response
}

async fn claims<'c>(call: &'c Call, request: Request, client: &mut Option<&'c Client>) -> Result<Response, Failed> {
    let (headers, mut form) = read(request).await?;
    let token = userinfo::bearer(authorization(&headers, Why::BearerTwice)?, &mut form)?;
    let token = userinfo::verify(call.realm(), &call.snapshot.catalog.server_keys, &token, call.now)?;
    *client = Some(token.client());
    let family = call.family(token.family()).await?;
    let claims = userinfo::decide(call.realm(), &token, family.as_ref())?;
    let client = token.client();
    let Some(algorithm) = client.userinfo_algorithm else { return Ok(json(StatusCode::OK, &claims)) };
    let signed = userinfo::sign(call.realm(), client, algorithm, claims);
    let signed = signed.map_err(|error| cannot_sign(call, client, &error))?;
    Ok(([(header::CONTENT_TYPE, "application/jwt")], signed).into_response())
}

/// The form of a POST that has one. A token in the query is refused: queries end up in logs (RFC 6750 §5.3).
async fn read(request: Request) -> Result<(HeaderMap, Form), Failed> {
    let query = Form::parse(request.uri().query().unwrap_or_default().as_bytes())?;
    if query.names("access_token") {
        return Err(Failed::Refused(Refusal::new(
            ErrorCode::InvalidRequest,
            Why::ParametersInQuery,
            "the access token must be sent in the Authorization header or in the body, not in the URL",
        )));
    }
    if request.method() == Method::POST && body::is_form(request.headers()) {
        let (parts, form) = body::form(request).await?;
        return Ok((parts.headers, form));
    }
    Ok((request.into_parts().0.headers, Form::default()))
}

#[cfg(test)]
mod tests;
