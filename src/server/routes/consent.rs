//! OIDC Core §3.1.2.4: the answer of the consent page. It counts for the person and the session that were asked.

use axum::extract::Request;
use axum::response::Response;
use oidc::authorize::{Decision, HandleError, Stage};

use crate::call::Call;
use crate::flow::{self, Answers, ConsentAnswer};
use crate::interaction::{Page, Posted, posted};
use crate::trouble::Trouble;

/// `POST /interaction/consent`
pub(super) async fn post(call: Call, request: Request) -> Response {
    let Posted { headers, mut form, handle, binding: _ } = match posted(&call, request, Page::Consent).await {
        Ok(posted) => posted,
        Err(refused) => return refused.respond(&call),
    };
    let Stage::Consent { user_uid, application_uid, session, permissions } = handle.stage else {
        return Trouble::Handle(HandleError::Unreadable).respond(&call);
    };
    let decision = match form.take_text("decision").as_deref() {
        Some("allow") => Decision::Allow,
        Some("deny") => Decision::Deny,
        Some(_) | None => return Trouble::Incomplete.respond(&call),
    };
    let consent = Some(ConsentAnswer { decision, user_uid, application_uid, session, shown: permissions });
    flow::run(&call, &headers, handle.received, Answers { chosen: None, consent }).await
}
