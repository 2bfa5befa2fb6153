//! OIDC Core §3.1.2: one authorization request, from wherever it comes in to whatever it leads to.
//!
//! ```text
//! Received ─ address ─ check ─┬─ session ─ identify ─┬─ consent ─ grant ─┬─ issue ─ write ─▶ redirect
//!              │         │    │ (store)       │      │ (store)    │      │
//!              ▼         ▼    ▼               ▼      ▼            ▼      ▼
//!            page     redirect with error   login page ·        consent page
//!                                           account chooser
//! ```
//!
//! The protocol member judges; this file loads the facts, writes the outcome and renders. Every way in leads through
//! here: a new request, one that comes back from a login, a posted one, an answered consent.

use axum::response::Response;
use crypto::Secret;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use oidc::authorize::{
    Answer, Binding, Checked, ConsentAsk, Decision, Fresh, Handle, Issued, PageError, Pause, Received, RedirectError,
    Stage, Waiting,
};
use oidc::client::{Client, GrantType, SecretAge};
use oidc::discovery::Endpoint;
use oidc::ids::{FamilyId, SessionId, Uid};
use oidc::permission::Permissions;
use oidc::time::Time;
use store::{Grant, Store, StoreError};

use crate::call::Call;
use crate::headers::PagePolicy;
use crate::interaction::bound;
use crate::metrics::TokenKind;
use crate::pages::{self, ConsentPage, Frame, LoginPage, LoginProblem, SelectAccountPage};
use crate::password_check::BUSY_SECONDS;
use crate::reply;
use crate::session::{self, Session};
use crate::trouble::{Trouble, log_issue, log_store};

/// Octets of a sealed request at the most: it must fit into a URL that every browser and proxy passes on, and into a
/// form beside the other fields.
pub(crate) const MAX_HANDLE: usize = 40 * 1024;

/// What a request may grow by between a page and the redirect after it, so that no login is lost to the limit.
const RESUME_ROOM: usize = 1024;

/// What a person has answered on the way.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// The session whose account they have confirmed.
    pub(crate) chosen: Option<SessionId>,
    /// What they pressed on the consent page, and who was asked.
    pub(crate) consent: Option<ConsentAnswer>,
}

/// An answered consent page.
#[derive(Debug)]
pub(crate) struct ConsentAnswer {
    pub(crate) decision: Decision,
    /// The person who was asked.
    pub(crate) user_uid: Uid,
    /// The application that asked.
    pub(crate) application_uid: Uid,
    /// The session in which they were.
    pub(crate) session: SessionId,
    /// What the page showed.
    pub(crate) shown: Permissions,
}

/// Where a request ends before anything is granted.
enum Stop<'c> {
    /// There is no verified place to send an error to. The client is the one that was named, if it exists.
    Page(PageError, Option<&'c Client>),
    /// The client is told.
    Redirect(RedirectError, &'c Client),
    /// A person is asked.
    Paused(Box<Response>),
    /// The session or the consent that an answer would rest on has gone meanwhile. Whom to tell if that goes on.
    Gone(RedirectError, &'c Client),
}

impl Stop<'_> {
    fn respond(self, call: &Call) -> Response {
        match self {
            Self::Page(error, client) => reply::shown(call, Endpoint::Authorization, &error, client),
            Self::Redirect(error, client) | Self::Gone(error, client) => reply::refused(call, error, client),
            Self::Paused(response) => *response,
        }
    }
}

/// Carries the request as far as it goes.
pub(crate) async fn run(call: &Call, headers: &HeaderMap, received: Received, answers: Answers) -> Response {
    let (again, chosen) = (received.clone(), answers.chosen);
    let outcome = match once(call, headers, received, answers).await {
        // As if it had come a moment later: what was answered counted for what has gone.
        Err(Stop::Gone(..)) => once(call, headers, again, Answers { chosen, consent: None }).await,
        outcome => outcome,
    };
    outcome.unwrap_or_else(|stop| stop.respond(call))
}

async fn once<'c>(
    call: &'c Call,
    headers: &HeaderMap,
    received: Received,
    answers: Answers,
) -> Result<Response, Stop<'c>> {
    let (checked, client) = judged(call, received)?;
    let session = session::find(&*call.shared.store, &call.site.cookies, headers, call.realm(), call.now);
    let session = session.await.map_err(|error| {
        log_store(call, &error);
        Stop::Redirect(checked.unavailable(), client)
    })?;
    let mut response = match decide(call, headers, (checked, client), session.as_ref(), answers).await {
        Err(gone @ Stop::Gone(..)) => return Err(gone),
        decided => decided.unwrap_or_else(|stop| stop.respond(call)),
    };
    call.tell_browser_state(headers, session.as_ref(), &mut response);
    Ok(response)
}

/// Judges a request that was posted from wherever, and sends the browser back with it.
pub(crate) fn take_up_later(call: &Call, received: Received) -> Response {
    match judged(call, received.clone()) {
        Ok(_) => resume(call, received, Stage::Posted, &call.shared.entropy.secret()),
        Err(stop) => stop.respond(call),
    }
}

/// What can be judged without a person.
fn judged(call: &Call, received: Received) -> Result<(Checked<'_>, &Client), Stop<'_>> {
    let named = received.client_id().and_then(|id| call.realm().client(id));
    let addressed = received.address(call.realm()).map_err(|error| Stop::Page(error, named))?;
    let client = addressed.client();
    let checked = addressed.check(call.now).map_err(|error| Stop::Redirect(error, client))?;
    Ok((checked, client))
}

/// Which client secret a client knows. One that has the newest has shown it: until then it may know the one before alone.
pub(crate) async fn secret_known_to(client: &Client, store: &dyn Store, now: Time) -> Result<SecretAge, StoreError> {
    match client.awaits_newest(now) {
        None => Ok(SecretAge::Newest),
        Some((newest, _)) if store.was_used(newest).await? => Ok(SecretAge::Newest),
        Some(_) => Ok(SecretAge::Previous),
    }
}

async fn decide<'c>(
    call: &'c Call,
    headers: &HeaderMap,
    (checked, client): (Checked<'c>, &'c Client),
    session: Option<&Session<'_>>,
    answers: Answers,
) -> Result<Response, Stop<'c>> {
    let shared = &call.shared;
    let unavailable = checked.unavailable();
    let store_failed = |error: StoreError| {
        log_store(call, &error);
        Stop::Redirect(unavailable.clone(), client)
    };

    // An answer counts for the person, the session and the application of the page, and for no other.
    let answer = answers.consent.filter(|answer| {
        let asked = |session: &Session<'_>| session.id() == answer.session && session.account().uid == answer.user_uid;
        answer.application_uid == client.uid && session.is_some_and(asked)
    });
    let chosen = answers.chosen.or(answer.as_ref().map(|answer| answer.session));
    let identified = checked.identify(session.map(Session::login), call.now, chosen);
    let identified = identified.map_err(|pause| paused(call, headers, pause, session, client))?;
    // `identify` lets nobody pass without a session.
    let Some(session) = session else { return Err(Stop::Redirect(unavailable, client)) };
    let account = session.account();

    let remembered = if answer.is_some() {
        None
    } else {
        let remembered = shared.store.find_consent(call.issuer(), &account.uid, &client.uid);
        remembered.await.map_err(&store_failed)?
    };
    let decision = answer.as_ref().map(|answer| answer.decision);
    if let Some(Decision::Deny) = decision {
        call.audit_consent(Decision::Deny, account, client);
    }
    let answer = answer.as_ref().map(|answer| Answer { decision: answer.decision, shown: &answer.shown });
    let granted = identified.grant(remembered.as_ref().map(|consent| &consent.permissions), answer);
    let granted = granted.map_err(|pause| paused(call, headers, pause, Some(session), client))?;

    let fresh = Fresh {
        code: shared.entropy.opaque(call.now),
        family: FamilyId::new(shared.entropy.uuid(call.now)),
        random: shared.entropy.bytes(),
        salt: shared.entropy.bytes(),
        secret: secret_known_to(client, &*shared.store, call.now).await.map_err(&store_failed)?,
    };
    let issued = granted.issue(&fresh, &call.snapshot.catalog.server_keys, call.now).map_err(|(error, refusal)| {
        log_issue(call, client, &error);
        Stop::Redirect(refusal, client)
    })?;
    let Issued { response_type, code, family, consent, joined, dropped, reply } = issued;
    let grant = Grant {
        session: Some(session.id()),
        rests_on: remembered.as_ref(),
        consent: consent.as_ref(),
        client: joined.as_ref(),
        family: family.as_ref(),
        code: code.as_ref(),
    };
    match shared.store.grant(grant).await.map_err(&store_failed)? {
        store::Granted::Done => {}
        store::Granted::SessionGone | store::Granted::ConsentGone => return Err(Stop::Gone(unavailable, client)),
    }
    if let Some(Decision::Allow) = decision {
        call.audit_consent(Decision::Allow, account, client);
    }
    if let Some(code) = &code {
        call.audit_code(code, account, client, dropped);
    }
    let kinds: &[TokenKind] = match (response_type.has_token(), response_type.has_id_token()) {
        (false, false) => &[],
        (true, false) => &[TokenKind::Access],
        (false, true) => &[TokenKind::Id],
        (true, true) => &[TokenKind::Access, TokenKind::Id],
    };
    if !kinds.is_empty() {
        call.audit_tokens(GrantType::Implicit, fresh.family, account, client, kinds);
    }
    touch(call, session).await;
    Ok(reply::granted(call, &reply))
}

/// Writes down that the session was used. The person has their answer either way.
pub(crate) async fn touch(call: &Call, session: &Session<'_>) {
    if session.is_due(call.realm(), call.now)
        && let Err(error) = call.shared.store.touch_session(session.id(), call.now).await
    {
        log_store(call, &error);
    }
}

fn paused<'c>(
    call: &Call,
    headers: &HeaderMap,
    pause: Pause<'_>,
    session: Option<&Session<'_>>,
    client: &'c Client,
) -> Stop<'c> {
    let response = match (pause, session) {
        (Pause::Refuse(error), _) => return Stop::Redirect(error, client),
        (Pause::SelectAccount(waiting), Some(session)) => select_account_page(call, headers, waiting, session),
        (Pause::Login(waiting) | Pause::SelectAccount(waiting), _) => login_page(call, headers, waiting),
        (Pause::Consent(ask), _) => consent_page(call, headers, *ask),
    };
    Stop::Paused(Box::new(response))
}

/// Shows the login page of a request that has none to show by itself: after a failed attempt, or when the person wants
/// another account. The request is judged again first, as if nobody were logged in.
pub(crate) fn login_again(
    call: &Call,
    headers: &HeaderMap,
    received: Received,
    typed: &str,
    problem: Option<LoginProblem>,
) -> Response {
    let (checked, client) = match judged(call, received) {
        Ok(judged) => judged,
        Err(stop) => return stop.respond(call),
    };
    match checked.identify(None, call.now, None) {
        Err(Pause::Login(waiting) | Pause::SelectAccount(waiting)) => {
            let hint = waiting.login_hint().unwrap_or_default().to_owned();
            let username = if problem.is_some() { typed } else { &hint };
            render_login(call, headers, waiting, username, problem)
        }
        Err(Pause::Refuse(error)) => reply::refused(call, error, client),
        // Nobody is logged in: there is nobody to ask for consent and nobody to identify.
        Err(Pause::Consent(_)) | Ok(_) => Trouble::Defect.respond(call),
    }
}

fn login_page(call: &Call, headers: &HeaderMap, waiting: Waiting<'_>) -> Response {
    let hint = waiting.login_hint().unwrap_or_default().to_owned();
    render_login(call, headers, waiting, &hint, None)
}

fn render_login(
    call: &Call,
    headers: &HeaderMap,
    waiting: Waiting<'_>,
    username: &str,
    problem: Option<LoginProblem>,
) -> Response {
    let Waiting { client, received, form_action } = waiting;
    sealed(call, headers, received, Stage::Login, |handle| {
        let page = LoginPage {
            frame: Frame::of(&call.site),
            client: Some(client.into()),
            action: &call.path(Endpoint::Login),
            handle,
            username,
            problem,
        };
        respond_login(&page, PagePolicy::LeadsTo(&form_action))
    })
}

/// The login page as an answer, which says to programs too what is wrong.
pub(crate) fn respond_login(page: &LoginPage<'_>, policy: PagePolicy<'_>) -> Response {
    let (status, retry_after) = match page.problem {
        None => (StatusCode::OK, None),
        // RFC 9110 §15.5.4: the credentials that were given do not suffice.
        Some(LoginProblem::Wrong) => (StatusCode::FORBIDDEN, None),
        Some(LoginProblem::TooMany { seconds }) => (StatusCode::TOO_MANY_REQUESTS, Some(seconds)),
        Some(LoginProblem::Busy) => (StatusCode::TOO_MANY_REQUESTS, Some(BUSY_SECONDS)),
    };
    let mut response = pages::respond(status, page, policy);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn select_account_page(call: &Call, headers: &HeaderMap, waiting: Waiting<'_>, session: &Session<'_>) -> Response {
    let Waiting { client, received, form_action } = waiting;
    sealed(call, headers, received, Stage::SelectAccount { session: session.id() }, |handle| {
        let page = SelectAccountPage {
            frame: Frame::of(&call.site),
            client: client.into(),
            person: session.account().into(),
            action: &call.path(Endpoint::SelectAccount),
            handle,
        };
        pages::respond(StatusCode::OK, &page, PagePolicy::LeadsTo(&form_action))
    })
}

fn consent_page(call: &Call, headers: &HeaderMap, ask: ConsentAsk<'_>) -> Response {
    let ConsentAsk { client, login, permissions, received, form_action } = ask;
    let stage = Stage::Consent {
        user_uid: login.account.uid.clone(),
        application_uid: client.uid.clone(),
        session: login.session.id,
        permissions: permissions.clone(),
    };
    sealed(call, headers, received, stage, |handle| {
        let (account, action) = (call.path(Endpoint::Account), call.path(Endpoint::Consent));
        let paths = (&*account, &*action);
        let page = ConsentPage::new(Frame::of(&call.site), client, login.account.into(), &permissions, paths, handle);
        pages::respond(StatusCode::OK, &page, PagePolicy::LeadsTo(&form_action))
    })
}

/// Seals the request for this browser and renders what carries it.
fn sealed(
    call: &Call,
    headers: &HeaderMap,
    received: Received,
    stage: Stage,
    render: impl FnOnce(&str) -> Response,
) -> Response {
    bound(call, headers, |binding| match seal(call, received, stage, binding, MAX_HANDLE - RESUME_ROOM) {
        Some(handle) => render(&handle),
        None => Trouble::TooLarge.respond(call),
    })
}

/// Sends the browser back to the authorization endpoint, where its cookies arrive whatever led it here.
pub(crate) fn resume(call: &Call, received: Received, stage: Stage, binding: &Secret<[u8; 32]>) -> Response {
    match seal(call, received, stage, binding, MAX_HANDLE) {
        // The text is base64url: nothing in it needs an escape.
        Some(handle) => {
            let endpoint = call.realm().issuer.endpoint(Endpoint::Authorization.path());
            reply::see_other(&format!("{endpoint}?resume={handle}"))
        }
        None => Trouble::TooLarge.respond(call),
    }
}

fn seal(call: &Call, received: Received, stage: Stage, binding: &Secret<[u8; 32]>, limit: usize) -> Option<String> {
    let handle =
        Handle::new(received, stage, Binding::of(binding)).seal(&call.snapshot.catalog.server_keys, call.issuer());
    (handle.len() <= limit).then_some(handle)
}

#[cfg(test)]
mod tests;
