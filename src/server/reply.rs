//! OAuth 2.0 Multiple Response Types §2.1, Form Post §2, RFC 9700 §4.12: an authorization response as an HTTP answer.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use oidc::authorize::{PageError, RedirectError, Reply};
use oidc::client::{Client, ResponseMode};
use oidc::discovery::Endpoint;
use oidc::refusal::ErrorCode;

use crate::call::Call;
use crate::headers::{self, PagePolicy};
use crate::negotiate::Wants;
use crate::pages::{self, ErrorPage, FormPostPage, Frame, SCRIPT_SHA256};
use crate::trouble::json_error;

/// Sends the browser on with a success.
pub(crate) fn granted(call: &Call, reply: &Reply) -> Response {
    deliver(call, reply, StatusCode::OK)
}

/// Sends the browser on with an error.
pub(crate) fn refused(call: &Call, error: RedirectError, client: &Client) -> Response {
    call.audit_refusal(Endpoint::Authorization, error.code, error.why, Some(client));
    let status =
        if error.code == ErrorCode::ServerError { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
    deliver(call, &error.reply(&call.id), status)
}

/// Shows an error that may be sent to no application.
pub(crate) fn shown(call: &Call, endpoint: Endpoint, error: &PageError, client: Option<&Client>) -> Response {
    call.audit_refusal(endpoint, error.code, error.why, client);
    let (status, code) = (StatusCode::BAD_REQUEST, error.code.as_str());
    match call.wants {
        Wants::Json => json_error(status, code, error.description, &call.id),
        Wants::Html => {
            let page = ErrorPage {
                frame: Frame::of(&call.site),
                title: if endpoint == Endpoint::EndSession {
                    "This sign-out request cannot be used"
                } else {
                    "This sign-in request cannot be used"
                },
                description: error.description,
                advice: Some(
                    "Go back to the application and try again. If it happens again, tell its developer the error ID.",
                ),
                code,
                error_id: &call.id,
            };
            pages::respond(status, &page, PagePolicy::Plain)
        }
    }
}

/// A redirect that turns every method into GET, so that no form data travels on (RFC 9700 §4.12).
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    headers::no_store(response.headers_mut());
    // A URL that cannot stand in a header was made by nobody here.
    let Ok(mut location) = HeaderValue::try_from(location) else {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    location.set_sensitive(true);
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

fn deliver(call: &Call, reply: &Reply, form_post_status: StatusCode) -> Response {
    match reply.mode {
        ResponseMode::Query | ResponseMode::Fragment => see_other(&reply.location()),
        ResponseMode::FormPost => {
            let page = FormPostPage::new(Frame::of(&call.site), &reply.redirect_uri, &reply.fields);
            let policy = PagePolicy::PostsTo { source: &reply.form_action, script_sha256: &SCRIPT_SHA256 };
            pages::respond(form_post_status, &page, policy)
        }
    }
}
