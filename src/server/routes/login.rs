//! OIDC Core §3.1.2.3, OWASP ASVS §2: a person proves who they are with a password.
//!
//! 1. The form must come from our page, in the browser that the page was made for.
//! 2. The password is checked ([`crate::password_check`]).
//! 3. A new session replaces the browser's old one, whoever's it was (session fixation).
//! 4. The browser goes back to where it was sent to log in: the authorization endpoint, which judges the request anew, or
//!    the person's own page.

use axum::extract::Request;
use axum::response::Response;
use crypto::Secret;
use http::{HeaderMap, HeaderValue, header};
use oidc::account::Account;
use oidc::authorize::{HandleError, Stage};
use oidc::form::Form;
use oidc::time::Time;

use crate::call::Call;
use crate::flow;
use crate::interaction::{Page, Posted, posted};
use crate::pages::LoginProblem;
use crate::password_check::{self, NotProved};
use crate::session;
use crate::trouble::Trouble;

/// `POST /interaction/login`
pub(super) async fn post(call: Call, request: Request) -> Response {
    let Posted { headers, mut form, handle, binding } = match posted(&call, request, Page::Form).await {
        Ok(posted) => posted,
        Err(refused) => return refused.respond(&call),
    };
    if handle.stage != Stage::Login {
        return Trouble::Handle(HandleError::Unreadable).respond(&call);
    }
    let received = handle.received;
    match log_in(&call, &headers, &mut form, received.at()).await {
        Ok(cookie) => {
            let mut response = flow::resume(&call, received, Stage::Resume { chosen: None }, &binding);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
        Err(Failed::Problem { username, problem }) => {
            flow::login_again(&call, &headers, received, &username, Some(problem))
        }
        Err(Failed::Trouble(trouble)) => trouble.respond(&call),
    }
}

/// Why nobody is logged in.
pub(super) enum Failed {
    /// The page is shown again, with the user name that was typed.
    Problem { username: String, problem: LoginProblem },
    /// Nobody could look.
    Trouble(Trouble),
}

/// Logs the person in whose name and password were typed into the form of a page; answers the cookie of the session. The
/// login is not dated before `asked`, the time of what asked for it.
pub(super) async fn log_in(
    call: &Call,
    headers: &HeaderMap,
    form: &mut Form,
    asked: Time,
) -> Result<HeaderValue, Failed> {
    let username = form.take_text("username").unwrap_or_default();
    let password = form.take("password").unwrap_or_else(|| Secret::new(String::new()));
    let problem = match password_check::check(call, &username, password).await {
        Ok(account) => return open_session(call, headers, account, asked).await.map_err(Failed::Trouble),
        Err(NotProved::Wrong) => LoginProblem::Wrong,
        Err(NotProved::TooMany { seconds }) => LoginProblem::TooMany { seconds },
        Err(NotProved::Busy) => LoginProblem::Busy,
        Err(NotProved::Defect) => return Err(Failed::Trouble(Trouble::Defect)),
    };
    Err(Failed::Problem { username, problem })
}

async fn open_session(
    call: &Call,
    headers: &HeaderMap,
    account: &Account,
    asked: Time,
) -> Result<HeaderValue, Trouble> {
    let (realm, shared, names) = (call.realm(), &call.shared, &call.site.cookies);
    // Time has passed since the request arrived. A replica whose clock is behind must not date the login before the
    // request that asked for it, or `prompt=login` would ask for ever.
    let now = shared.clock.now().max(asked);
    let fresh = shared.entropy.opaque(now);
    let record = session::begin(realm, account, &fresh, now);
    let replaced = session::replaced(&*shared.store, names, headers, realm).await?;
    let ended = shared.store.open_session(&record, replaced).await?;
    call.audit_login(account, record.id);
    if let Some(replaced) = replaced.filter(|_| ended.sessions > 0) {
        call.audit_session_replaced(replaced, ended);
    }
    Ok(names.set_session(&fresh.text()))
}

#[cfg(test)]
mod tests;
