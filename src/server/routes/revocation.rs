//! RFC 7009: the revocation endpoint.

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use oidc::client::Client;
use oidc::discovery::Endpoint;
use oidc::refusal::Why;
use oidc::{access_token, introspection, revocation};
use store::Ended;

use super::token::called;
use crate::call::Call;
use crate::headers::no_store;
use crate::refusal::Failed;
use crate::{cors, refusal};

/// `OPTIONS /token/revocation`
pub(super) async fn preflight(call: Call, request: Request) -> Response {
    cors::preflight(&call.site.origins, request.headers()).into_response()
}

/// `POST /token/revocation`
pub(super) async fn post(call: Call, request: Request) -> Response {
    let headers = request.headers().clone();
    let mut client = None;
    let mut response = match revoke(&call, request, &mut client).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(Failed::Refused(refused)) => {
            let challenged = headers.contains_key(header::AUTHORIZATION);
            refusal::token(&call, Endpoint::Revocation, &refused, client, challenged)
        }
        Err(Failed::Trouble(trouble)) => trouble.respond_json(&call),
    };
    cors::answer(client, &headers, response.headers_mut());
    no_store(response.headers_mut());
    response
}

async fn revoke<'c>(call: &'c Call, request: Request, client: &mut Option<&'c Client>) -> Result<(), Failed> {
    let (caller, mut form) = called(call, request, client).await?;
    let token = introspection::token(&mut form)?;
    let Ok(token) = access_token::read(call.realm(), &token, call.now) else { return Ok(()) };
    let family = revocation::decide(&caller, &token)?;
    if call.shared.store.revoke_family(family, call.now).await? == Ended::Done {
        call.audit_revoked(family, Why::RevokedByClient);
    }
    Ok(())
}
