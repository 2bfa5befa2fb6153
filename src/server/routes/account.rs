//! OWASP ASVS §7.4, RFC 9700 §4.14: a person's own page. They see where they are signed in and what they have agreed to, and
//! end either.
//!
//! 1. Whoever is not logged in gets the login page; what they type goes the same way as for an authorization request.
//! 2. A form must come from our page, in the browser that it was made for ([`crate::interaction`]), and a button counts in
//!    the session that it was shown in.
//! 3. What it does is one verb of the store. Then the page is opened again.

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use oidc::account_page::{AccountForm, Action, Button};
use oidc::authorize::{Binding, HandleError};
use oidc::discovery::Endpoint;
use store::{Ended, StoreError};

use super::login::{self, Failed};
use crate::audit::SessionsEnded;
use crate::call::Call;
use crate::flow;
use crate::headers::PagePolicy;
use crate::interaction::{Sent, bound, sent};
use crate::pages::{self, AccountFacts, AccountPage, Frame, LoginPage, LoginProblem};
use crate::reply;
use crate::session::{self, Session};
use crate::trouble::{Trouble, handle_reason};

/// Sessions, and grants, that the page shows at the most.
const SHOWN: u32 = 100;

/// `GET /account`
pub(super) async fn get(call: Call, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    show(&call, &parts.headers).await
}

/// `POST /account`
pub(super) async fn post(call: Call, request: Request) -> Response {
    let Sent { headers, mut form, handle, binding } = match sent(&call, request).await {
        Ok(sent) => sent,
        Err(trouble) => return trouble.respond(&call),
    };
    let keys = &call.snapshot.catalog.server_keys;
    match AccountForm::open(keys, call.issuer(), &handle, &Binding::of(&binding), call.now) {
        Ok(AccountForm::Login) => match login::log_in(&call, &headers, &mut form, call.now).await {
            Ok(cookie) => {
                let mut response = back(&call);
                response.headers_mut().append(header::SET_COOKIE, cookie);
                response
            }
            Err(Failed::Problem { username, problem }) => login_page(&call, &headers, &username, Some(problem)),
            Err(Failed::Trouble(trouble)) => trouble.respond(&call),
        },
        Ok(AccountForm::Button(button)) => press(&call, &headers, button).await,
        Err(error @ HandleError::Unreadable) => Trouble::Handle(error).respond(&call),
        Err(error @ (HandleError::Expired | HandleError::OtherBrowser)) => {
            stale(&call, &headers, handle_reason(error)).await
        }
    }
}

/// The page, or the way to it.
async fn show(call: &Call, headers: &HeaderMap) -> Response {
    let session = match find(call, headers).await {
        Ok(session) => session,
        Err(error) => return Trouble::Store(error).respond(call),
    };
    let mut response = match &session {
        Some(session) => page(call, headers, session, false).await,
        None => login_page(call, headers, "", None),
    };
    call.tell_browser_state(headers, session.as_ref(), &mut response);
    response
}

/// A form is not taken that was made for another session, for another browser, or too long ago: a browser that opens
/// several pages at once keeps only the last binding cookie, and another tab may have logged somebody else in. The person
/// is told, and shown how things are.
async fn stale(call: &Call, headers: &HeaderMap, reason: &'static str) -> Response {
    call.audit_form(reason);
    match find(call, headers).await {
        Ok(Some(session)) => page(call, headers, &session, true).await,
        Ok(None) => login_page(call, headers, "", None),
        Err(error) => Trouble::Store(error).respond(call),
    }
}

/// Does what a button says.
async fn press(call: &Call, headers: &HeaderMap, button: Button) -> Response {
    let session = match find(call, headers).await {
        Ok(Some(session)) => session,
        Ok(None) => return login_page(call, headers, "", None),
        Err(error) => return Trouble::Store(error).respond(call),
    };
    let Some(action) = button.pressed(session.login()) else {
        return stale(call, headers, "handle_of_another_session").await;
    };
    match perform(call, &session, action).await {
        Ok(()) => back(call),
        Err(error) => Trouble::Store(error).respond(call),
    }
}

/// That something had ended by itself, or in another tab, is what was wanted.
async fn perform(call: &Call, session: &Session<'_>, action: Action) -> Result<(), StoreError> {
    let (store, account, now) = (&call.shared.store, session.account(), call.now);
    let user = &account.uid;
    match action {
        Action::EndSession(id) => {
            let ended = store.end_session(id, now).await?;
            if ended.sessions > 0 {
                call.audit_sessions_ended(account, SessionsEnded::One(id), ended);
            }
        }
        Action::EndOtherSessions => {
            let ended = store.end_sessions_of(call.issuer(), user, Some(session.id()), now).await?;
            call.audit_sessions_ended(account, SessionsEnded::Others, ended);
        }
        Action::EndAllSessions => {
            let ended = store.end_sessions_of(call.issuer(), user, None, now).await?;
            call.audit_sessions_ended(account, SessionsEnded::All, ended);
        }
        Action::Withdraw { application_uid, client } => {
            if store.revoke_consent(call.issuer(), user, &application_uid, now).await? == Ended::Done {
                call.audit_withdrawal(account, &application_uid, &client);
            }
        }
    }
    Ok(())
}

async fn find<'c>(call: &'c Call, headers: &HeaderMap) -> Result<Option<Session<'c>>, StoreError> {
    session::find(&*call.shared.store, &call.site.cookies, headers, call.realm(), call.now).await
}

async fn page(call: &Call, headers: &HeaderMap, session: &Session<'_>, stale: bool) -> Response {
    let (store, account) = (&call.shared.store, session.account());
    // One more than is shown: whether there are more.
    let kept = store.sessions_of(call.issuer(), &account.uid, SHOWN + 1).await;
    let consents = store.consents_of(call.issuer(), &account.uid, SHOWN + 1).await;
    let (mut kept, mut consents) = match (kept, consents) {
        (Ok(kept), Ok(consents)) => (kept, consents),
        (Err(error), _) | (_, Err(error)) => return Trouble::Store(error).respond(call),
    };
    let shown = usize::try_from(SHOWN).unwrap_or(usize::MAX);
    let (more_sessions, more_consents) = (kept.len() > shown, consents.len() > shown);
    kept.truncate(shown);
    consents.truncate(shown);
    let sessions = session.among(call.realm(), kept, call.now);
    let facts = AccountFacts {
        realm: call.realm(),
        login: session.login(),
        sessions: &sessions,
        more_sessions,
        consents: &consents,
        more_consents,
        stale,
    };
    let status = if stale { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let response = bound(call, headers, |binding| {
        let action = call.path(Endpoint::Account);
        let page =
            AccountPage::new(Frame::of(&call.site), &action, &facts, |form| seal(call, form, Binding::of(binding)));
        pages::respond(status, &page, PagePolicy::Plain)
    });
    flow::touch(call, session).await;
    response
}

fn login_page(call: &Call, headers: &HeaderMap, username: &str, problem: Option<LoginProblem>) -> Response {
    bound(call, headers, |binding| {
        let page = LoginPage {
            frame: Frame::of(&call.site),
            client: None,
            action: &call.path(Endpoint::Account),
            handle: &seal(call, AccountForm::Login, Binding::of(binding)),
            username,
            problem,
        };
        flow::respond_login(&page, PagePolicy::Plain)
    })
}

fn seal(call: &Call, form: AccountForm, binding: Binding) -> String {
    form.seal(&call.snapshot.catalog.server_keys, call.issuer(), binding, call.now)
}

/// To the page, by a GET.
fn back(call: &Call) -> Response {
    reply::see_other(&call.realm().issuer.endpoint(Endpoint::Account.path()))
}

#[cfg(test)]
mod tests;
