//! OpenID Connect Session Management 1.0 §3.3: `check_session_iframe`, where the provider offers it.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use crate::call::Call;
use crate::headers::PagePolicy;
use crate::pages::{self, CHECK_SESSION_SHA256, CheckSessionPage};
use crate::trouble::Trouble;

/// `GET /session/check`: the same for everybody. Whoever frames it learns whether a hash that they hold is of today's
/// login, and applications alone are told such hashes.
pub(super) async fn get(call: Call, _: Request) -> Response {
    if !call.realm().settings.session_management {
        return Trouble::NotFound.respond(&call);
    }
    let page = CheckSessionPage::new(call.site.cookies.browser_state());
    let policy = PagePolicy::Framed { script_sha256: &CHECK_SESSION_SHA256 };
    pages::respond(StatusCode::OK, &page, policy)
}
