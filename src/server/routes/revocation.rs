//! RFC 7009: the revocation endpoint.

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use oidc::client::Client;
use oidc::discovery::Endpoint;
use oidc::refusal::Why;
use oidc::{introspection, revocation};
use store::Ended;

use super::token::called;
use crate::call::Call;
use crate::headers::no_store;
use crate::refusal::Failed;
use crate::{cors, refusal};

/// `POST /token/revocation`
pub(super) async fn post(call: Call, request: Request) -> Response {
    let headers = request.headers().clone();
    let mut client = None;
    let mut response = match revoke(&call, request, &mut client).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(failed) => {
            refusal::token(&call, Endpoint::Revocation, failed, client, headers.contains_key(header::AUTHORIZATION))
        }
    };
    cors::answer(client, &headers, response.headers_mut());
    no_store(response.headers_mut());
    response
}

async fn revoke<'c>(call: &'c Call, request: Request, client: &mut Option<&'c Client>) -> Result<(), Failed> {
    let (caller, mut form) = called(call, request, client).await?;
    let token = introspection::token(&mut form)?;
    let keys = &call.snapshot.catalog.server_keys;
    let Some(family) = revocation::decide(call.realm(), keys, &caller, &token, call.now)? else { return Ok(()) };
    if call.shared.store.revoke_family(family, call.now).await? == Ended::Done {
        call.audit_revoked(family, Why::RevokedByClient);
    }
    Ok(())
}
