//! RP-Initiated Logout §2: the answer of the page that asks whether somebody wants to log out. It counts for the session
//! that the page spoke of, in the browser that it was made for.

use axum::extract::Request;
use axum::response::Response;
use oidc::authorize::Binding;
use oidc::logout::{Confirmed, LogoutHandle};

use crate::call::Call;
use crate::interaction::{Sent, sent};
use crate::logout::{self, Answer};
use crate::trouble::Trouble;

/// `POST /session/end/confirm`
pub(super) async fn post(call: Call, request: Request) -> Response {
    let Sent { headers, mut form, handle, binding } = match sent(&call, request).await {
        Ok(sent) => sent,
        Err(trouble) => return trouble.respond(&call),
    };
    let keys = &call.snapshot.catalog.server_keys;
    let (request, asked) =
        match LogoutHandle::open_asked(keys, call.issuer(), &handle, &Binding::of(&binding), call.now) {
            Ok(Confirmed::Answered(request, asked)) => (request, asked),
            Ok(Confirmed::Again(request)) => return logout::ask_again(&call, &headers, request).await,
            Err(error) => return Trouble::Handle(error).respond(&call),
        };
    let answer = match form.take_text("decision").as_deref() {
        Some("leave") => Answer::Leave,
        Some("stay") => Answer::Stay,
        Some(_) | None => return Trouble::Incomplete.respond(&call),
    };
    logout::answered(&call, &headers, request, asked, answer).await
}
