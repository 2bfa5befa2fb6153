//! OIDC Core §3.1.2.3, OWASP ASVS §2: a person proves who they are with a password.
//!
//! 1. The form must come from our page, in the browser that the page was made for.
//! 2. The password is checked ([`crate::password_check`]).
//! 3. A new session replaces the browser's old one, whoever's it was (session fixation).
//! 4. The browser goes back to the authorization endpoint, which judges the request anew.

use axum::extract::Request;
use axum::response::Response;
use crypto::Secret;
use http::header;
use oidc::account::Account;
use oidc::authorize::{HandleError, Received, Stage};

use crate::call::Call;
use crate::flow;
use crate::interaction::{Page, Posted, posted};
use crate::pages::LoginProblem;
use crate::password_check::{self, NotProved};
use crate::session;
use crate::trouble::Trouble;

/// What was typed into the form.
struct Typed {
    username: String,
    password: Secret<String>,
}

/// `POST /interaction/login`
pub(super) async fn post(call: Call, request: Request) -> Response {
    let mut posted = match posted(&call, request, Page::Form).await {
        Ok(posted) => posted,
        Err(refused) => return refused.respond(&call),
    };
    if posted.handle.stage != Stage::Login {
        return Trouble::Handle(HandleError::Unreadable).respond(&call);
    }
    let username = posted.form.take_text("username").unwrap_or_default();
    let password = posted.form.take("password").unwrap_or_else(|| Secret::new(String::new()));
    let received = posted.handle.received.clone();
    match log_in(&call, &posted, Typed { username: username.clone(), password }).await {
        Ok(response) => response,
        Err(Failed::Problem(problem)) => flow::login_again(&call, &posted.headers, received, &username, Some(problem)),
        Err(Failed::Trouble(trouble)) => trouble.respond(&call),
    }
}

enum Failed {
    Problem(LoginProblem),
    Trouble(Trouble),
}

impl From<NotProved> for Failed {
    fn from(why: NotProved) -> Self {
        match why {
            NotProved::Wrong => Self::Problem(LoginProblem::Wrong),
            NotProved::TooMany { seconds } => Self::Problem(LoginProblem::TooMany { seconds }),
            NotProved::Busy => Self::Problem(LoginProblem::Busy),
            NotProved::Defect => Self::Trouble(Trouble::Defect),
        }
    }
}

async fn log_in(call: &Call, posted: &Posted, typed: Typed) -> Result<Response, Failed> {
    let account = password_check::check(call, &typed.username, typed.password).await?;
    open_session(call, posted, account).await.map_err(Failed::Trouble)
}

async fn open_session(call: &Call, posted: &Posted, account: &Account) -> Result<Response, Trouble> {
    let (realm, shared, names) = (call.realm(), &call.shared, &call.site.cookies);
    let received: &Received = &posted.handle.received;
    // Time has passed since the request arrived. A replica whose clock is behind must not date the login before the
    // request that asked for it, or `prompt=login` would ask for ever.
    let now = shared.clock.now().max(received.at());
    let fresh = shared.entropy.opaque(now);
    let record = session::begin(realm, account, &fresh, now);
    let replaced = session::replaced(&*shared.store, names, &posted.headers, realm).await?;
    shared.store.open_session(&record, replaced).await?;
    call.audit_login(account, record.id);
    let mut response = flow::resume(call, received.clone(), Stage::Resume { chosen: None }, &posted.binding);
    response.headers_mut().append(header::SET_COOKIE, names.set_session(&fresh.text()));
    Ok(response)
}

#[cfg(test)]
mod tests;
