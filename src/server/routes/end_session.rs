//! RP-Initiated Logout §2: the logout endpoint.

use axum::extract::Request;
use axum::response::Response;
use oidc::logout::{LogoutHandle, LogoutRequest};

use crate::body;
use crate::call::Call;
use crate::logout;
use crate::trouble::Trouble;

/// `GET /session/end`: a new request, or one that was posted.
pub(super) async fn get(call: Call, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let mut form = match body::query(&parts) {
        Ok(form) => form,
        Err(trouble) => return trouble.respond(&call),
    };
    // `resume` is ours and stands alone.
    if !LogoutRequest::is_in(&form)
        && let Some(text) = form.take_text("resume")
    {
        let keys = &call.snapshot.catalog.server_keys;
        return match LogoutHandle::open_posted(keys, call.issuer(), &text, call.now) {
            Ok(request) => logout::run(&call, &parts.headers, request).await,
            Err(error) => Trouble::Handle(error).respond(&call),
        };
    }
    match LogoutRequest::read(&mut form) {
        Ok(request) => logout::run(&call, &parts.headers, request).await,
        Err(error) => logout::refused(&call, &error, None),
    }
}

/// `POST /session/end`: the browser keeps its `SameSite=Lax` cookies back when the form stood on another site, so the
/// request is judged as far as it can be without them, sealed, and taken up by a GET, with which they come.
pub(super) async fn post(call: Call, request: Request) -> Response {
    let (_, mut form) = match body::form(request).await {
        Ok(read) => read,
        Err(trouble) => return trouble.respond(&call),
    };
    match LogoutRequest::read(&mut form) {
        Ok(request) => logout::take_up_later(&call, request),
        Err(error) => logout::refused(&call, &error, None),
    }
}
