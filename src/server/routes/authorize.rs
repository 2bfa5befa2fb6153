//! OIDC Core §3.1.2.1, RFC 6749 §3.1: the authorization endpoint.

use axum::extract::Request;
use axum::response::Response;
use http::request::Parts;
use oidc::authorize::{Binding, Handle, HandleError, PageError, Params, Received, Stage};
use oidc::discovery::Endpoint;
use oidc::form::FormError;
use oidc::ids::SessionId;
use oidc::refusal::{ErrorCode, Why};

use crate::body;
use crate::call::Call;
use crate::flow::{self, Answers};
use crate::reply;
use crate::trouble::Trouble;

/// `GET /auth`: a new request, or one that comes back.
pub(super) async fn get(call: Call, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let mut form = match body::query(&parts) {
        Ok(form) => form,
        Err(trouble) => return unreadable(&call, trouble),
    };
    // A client may have a parameter of its own that is called `resume`; ours stands alone.
    if !form.names("client_id")
        && let Some(text) = form.take_text("resume")
    {
        return match taken_up(&call, &parts, &text) {
            Ok((received, chosen)) => {
                flow::run(&call, &parts.headers, received, Answers { chosen, consent: None }).await
            }
            Err(error) => Trouble::Handle(error).respond(&call),
        };
    }
    let received = Received::new(Params::read(&mut form), call.now);
    flow::run(&call, &parts.headers, received, Answers::default()).await
}

/// `POST /auth`: the browser keeps its `SameSite=Lax` cookies back when the form stood on another site, so the request is
/// judged as far as it can be without a person, sealed, and taken up by a GET, with which the cookies come.
pub(super) async fn post(call: Call, request: Request) -> Response {
    let (_, mut form) = match body::form(request).await {
        Ok(read) => read,
        Err(trouble) => return unreadable(&call, trouble),
    };
    let received = Received::new(Params::read(&mut form), call.now);
    flow::take_up_later(&call, received)
}

/// Opens what `resume` carries.
fn taken_up(call: &Call, parts: &Parts, text: &str) -> Result<(Received, Option<SessionId>), HandleError> {
    // A request that was posted from another site is bound to no browser, and a browser may come here without a cookie.
    let binding = call.site.cookies.read_binding(&parts.headers).unwrap_or_else(|| call.shared.entropy.secret());
    let keys = &call.snapshot.catalog.server_keys;
    let handle = Handle::open_resume(keys, call.issuer(), text, &Binding::of(&binding), call.now)?;
    match handle.stage {
        Stage::Resume { chosen } => Ok((handle.received, chosen)),
        Stage::Posted => Ok((handle.received, None)),
        Stage::Login | Stage::SelectAccount { .. } | Stage::Consent { .. } => Err(HandleError::Unreadable),
    }
}

/// Parameters that cannot be read are a refusal of this endpoint like any other.
fn unreadable(call: &Call, trouble: Trouble) -> Response {
    let Trouble::Form(error) = trouble else { return trouble.respond(call) };
    let description = match error {
        FormError::Encoding => "the parameters are not valid percent-encoded UTF-8",
        FormError::TooMany => "there are more than 100 parameters",
    };
    let error = PageError { code: ErrorCode::InvalidRequest, description, why: Why::ParametersMalformed };
    reply::shown(call, Endpoint::Authorization, &error, None)
}
