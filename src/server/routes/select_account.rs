//! OIDC Core §3.1.2.1, `prompt=select_account`: the answer of the account chooser.

use axum::extract::Request;
use axum::response::Response;
use oidc::authorize::{HandleError, Stage};

use crate::call::Call;
use crate::flow;
use crate::interaction::{Page, Posted, posted};
use crate::trouble::Trouble;

/// `POST /interaction/select-account`
pub(super) async fn post(call: Call, request: Request) -> Response {
    let Posted { headers, mut form, handle, binding } = match posted(&call, request, Page::Form).await {
        Ok(posted) => posted,
        Err(refused) => return refused.respond(&call),
    };
    let Stage::SelectAccount { session } = handle.stage else {
        return Trouble::Handle(HandleError::Unreadable).respond(&call);
    };
    match form.take_text("choice").as_deref() {
        Some("continue") => flow::resume(&call, handle.received, Stage::Resume { chosen: Some(session) }, &binding),
        Some("other") => flow::login_again(&call, &headers, handle.received, "", None),
        Some(_) | None => Trouble::Incomplete.respond(&call),
    }
}
