//! RP-Initiated Logout §2: one logout, from wherever it comes in to whatever it leads to.
//!
//! ```text
//! LogoutRequest ─ judge ─┬─ session ─┬─ its own hint ──────────────▶ ends ─▶ redirect · page
//!                │       │  (store)  └─ anything else ─▶ page asks ─▶ ends, or nothing changes
//!                ▼       ▼
//!              page    page
//! ```
//!
//! The protocol member judges; this file loads the facts, writes the outcome and renders. A browser in which nobody is
//! logged in is asked and answered as any other.

use axum::response::Response;
use crypto::Secret;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use oidc::authorize::{Binding, PageError};
use oidc::client::Client;
use oidc::discovery::Endpoint;
use oidc::ids::SessionId;
use oidc::logout::{self, Judged, LogoutHandle, LogoutRequest, ReturnTo};

use crate::call::Call;
use crate::flow::MAX_HANDLE;
use crate::headers::PagePolicy;
use crate::interaction::bound;
use crate::metrics::LogoutOutcome;
use crate::pages::{self, Frame, LogoutPage, SignedOutPage, StayedPage};
use crate::reply;
use crate::session::{self, Session};
use crate::trouble::Trouble;

/// Seconds that the applications have to hear of a logout before the browser goes on.
const FRAMES_SECONDS: u32 = 3;

/// Applications of a session that are looked through for pages to load; most hear of it from the server.
const MAX_CLIENTS: u32 = 500;

/// What a person pressed on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Leave,
    Stay,
}

/// Carries a request as far as it goes.
pub(crate) async fn run(call: &Call, headers: &HeaderMap, request: LogoutRequest) -> Response {
    match facts(call, headers, &request).await {
        Ok((judged, Some(session))) if judged.names(&session.login()) => {
            leave(call, headers, &judged, LogoutOutcome::Hint).await
        }
        Ok((judged, session)) => ask(call, headers, request, &judged, session.as_ref()),
        Err(response) => *response,
    }
}

/// Carries on with what a person has answered to the page about this session.
pub(crate) async fn answered(
    call: &Call,
    headers: &HeaderMap,
    request: LogoutRequest,
    asked: Option<SessionId>,
    answer: Answer,
) -> Response {
    let (judged, session) = match facts(call, headers, &request).await {
        Ok(facts) => facts,
        Err(response) => return *response,
    };
    if session.as_ref().map(Session::id) != asked {
        // Somebody logged in or out meanwhile: whom the answer was about is not who is here.
        return ask(call, headers, request, &judged, session.as_ref());
    }
    match answer {
        Answer::Leave => leave(call, headers, &judged, LogoutOutcome::Confirmed).await,
        Answer::Stay => {
            call.audit_logout(LogoutOutcome::Declined, asked, judged.client());
            pages::respond(StatusCode::OK, &StayedPage { frame: Frame::of(&call.site) }, PagePolicy::Plain)
        }
    }
}

/// Asks anew about a request whose page was answered elsewhere or too late.
pub(crate) async fn ask_again(call: &Call, headers: &HeaderMap, request: LogoutRequest) -> Response {
    match facts(call, headers, &request).await {
        Ok((judged, session)) => ask(call, headers, request, &judged, session.as_ref()),
        Err(response) => *response,
    }
}

/// Judges a request that was posted from wherever, and sends the browser back with it.
pub(crate) fn take_up_later(call: &Call, request: LogoutRequest) -> Response {
    if let Err(response) = judge(call, &request) {
        return *response;
    }
    match sealed(call, &LogoutHandle::posted(request, call.now)) {
        // The text is base64url: nothing in it needs an escape.
        Ok(handle) => {
            let endpoint = call.realm().issuer.endpoint(Endpoint::EndSession.path());
            reply::see_other(&format!("{endpoint}?resume={handle}"))
        }
        Err(trouble) => trouble.respond(call),
    }
}

/// A request that is refused: the person sees a page, whatever address it names.
pub(crate) fn refused(call: &Call, error: &PageError, client: Option<&Client>) -> Response {
    reply::shown(call, Endpoint::EndSession, error, client)
}

fn judge<'c>(call: &'c Call, request: &LogoutRequest) -> Result<Judged<'c>, Box<Response>> {
    request.judge(call.realm(), call.now).map_err(|error| {
        let client = request.client_id().and_then(|id| call.realm().client(id));
        Box::new(refused(call, &error, client))
    })
}

/// What the request is worth, and who is logged in in this browser.
async fn facts<'c>(
    call: &'c Call,
    headers: &HeaderMap,
    request: &LogoutRequest,
) -> Result<(Judged<'c>, Option<Session<'c>>), Box<Response>> {
    let judged = judge(call, request)?;
    let session = session::find(&*call.shared.store, &call.site.cookies, headers, call.realm(), call.now).await;
    Ok((judged, session.map_err(|error| Box::new(Trouble::Store(error).respond(call)))?))
}

fn sealed(call: &Call, handle: &LogoutHandle) -> Result<String, Trouble> {
    let text = handle.seal(&call.snapshot.catalog.server_keys, call.issuer());
    if text.len() > MAX_HANDLE { Err(Trouble::TooLarge) } else { Ok(text) }
}

fn ask(
    call: &Call,
    headers: &HeaderMap,
    request: LogoutRequest,
    judged: &Judged<'_>,
    session: Option<&Session<'_>>,
) -> Response {
    bound(call, headers, |binding: &Secret<[u8; 32]>| {
        let handle = LogoutHandle::asked(request, session.map(Session::id), Binding::of(binding), call.now);
        let handle = match sealed(call, &handle) {
            Ok(handle) => handle,
            Err(trouble) => return trouble.respond(call),
        };
        let page = LogoutPage {
            frame: Frame::of(&call.site),
            client: judged.client().map(Into::into),
            person: session.map(|session| session.account().into()),
            action: &call.path(Endpoint::EndSessionConfirm),
            handle: &handle,
        };
        let form_action = judged.return_to.as_ref().map(ReturnTo::form_action);
        let policy = form_action.as_deref().map_or(PagePolicy::Plain, PagePolicy::LeadsTo);
        pages::respond(StatusCode::OK, &page, policy)
    })
}

/// Ends the session that the browser's cookie names, live or not, and sends the browser on.
async fn leave(call: &Call, headers: &HeaderMap, judged: &Judged<'_>, outcome: LogoutOutcome) -> Response {
    let (store, cookies) = (&*call.shared.store, &call.site.cookies);
    let ended = async {
        let session = session::replaced(store, cookies, headers, call.realm()).await?;
        let Some(session) = session else { return Ok((None, Vec::new())) };
        let clients = store.clients_of_session(session, MAX_CLIENTS).await?;
        call.sessions_ended(store.end_session(session, call.now).await?);
        Ok((Some(session), clients))
    };
    let clients = match ended.await {
        Ok((session, clients)) => {
            call.audit_logout(outcome, session, judged.client());
            clients
        }
        Err(error) => return Trouble::Store(error).respond(call),
    };
    let frames = logout::frames(call.realm(), &clients);
    let location = judged.return_to.as_ref().map(ReturnTo::location);
    let mut response = match location {
        Some(location) if frames.is_empty() => reply::see_other(&location),
        location => signed_out(call, &frames, location.as_deref()),
    };
    for cookie in cookies.clear() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    call.tell_browser_state(headers, None, &mut response);
    response
}

/// The page that tells the applications. Where the person is to go on, the page does so by itself when they have had
/// their time, without a script; a link is there for whoever does not want to wait.
fn signed_out(call: &Call, frames: &[logout::Frame], location: Option<&str>) -> Response {
    let page = SignedOutPage { frame: Frame::of(&call.site), frames, location };
    let sources: Vec<&str> = frames.iter().map(|frame| frame.source.as_str()).collect();
    let mut response = pages::respond(StatusCode::OK, &page, PagePolicy::Frames(&sources));
    let refresh = location.and_then(|location| HeaderValue::try_from(format!("{FRAMES_SECONDS}; url={location}")).ok());
    if let Some(mut refresh) = refresh {
        refresh.set_sensitive(true);
        response.headers_mut().insert(header::REFRESH, refresh);
    }
    response
}
