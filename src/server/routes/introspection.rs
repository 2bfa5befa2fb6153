//! RFC 7662: the introspection endpoint. No script reads it: what asks is a server.

use axum::extract::Request;
use axum::response::Response;
use http::{StatusCode, header};
use oidc::client::Client;
use oidc::discovery::Endpoint;
use oidc::introspection::{self, Introspection, Shown};

use super::token::called;
use crate::call::Call;
use crate::headers::no_store;
use crate::refusal;
use crate::refusal::Failed;
use crate::trouble::json;

/// `POST /token/introspection`
pub(super) async fn post(call: Call, request: Request) -> Response {
    let challenged = request.headers().contains_key(header::AUTHORIZATION);
    let mut client = None;
    let mut response = match introspect(&call, request, &mut client).await {
        Ok(response) => response,
        Err(failed) => refusal::token(&call, Endpoint::Introspection, failed, client, challenged),
    };
    no_store(response.headers_mut());
    response
}

async fn introspect<'c>(call: &'c Call, request: Request, client: &mut Option<&'c Client>) -> Result<Response, Failed> {
    let (caller, mut form) = called(call, request, client).await?;
    introspection::permit(&caller)?;
    let token = introspection::token(&mut form)?;
    let keys = &call.snapshot.catalog.server_keys;
    let Some(shown) = Shown::read(call.realm(), keys, &caller, &token, call.now) else {
        return Ok(json(StatusCode::OK, &Introspection::INACTIVE));
    };
    let family = call.family(shown.family()).await?;
    let answer = introspection::decide(call.realm(), &caller, &shown, family.as_ref(), call.now);
    Ok(json(StatusCode::OK, &answer))
}
