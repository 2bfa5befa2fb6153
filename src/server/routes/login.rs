//! OIDC Core §3.1.2.3, OWASP ASVS §2: a person proves who they are with a password.
//!
//! 1. The form must come from our page, in the browser that the page was made for.
//! 2. There must be a place in the queue for the password threads. Then the attempt is counted; it may have to wait.
//! 3. The password is verified on the pool. A name that nobody has costs the same.
//! 4. A new session replaces the browser's old one, whoever's it was (session fixation).
//! 5. The browser goes back to the authorization endpoint, which judges the request anew.

use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use crypto::{Pending, Secret};
use http::header;
use oidc::account::Account;
use oidc::authorize::{HandleError, Received, Stage};

use crate::call::Call;
use crate::flow;
use crate::interaction::{Page, Posted, posted};
use crate::metrics::LoginOutcome;
use crate::pages::LoginProblem;
use crate::places::Place;
use crate::session;
use crate::throttle::Exhausted;
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

async fn log_in(call: &Call, posted: &Posted, typed: Typed) -> Result<Response, Failed> {
    let realm = call.realm();
    let shared = &call.shared;
    let account = realm.accounts.by_username(&typed.username);
    // Before anything is counted: a flood of those for whom there is no place pushes nobody's count out of the table.
    let place = reserve(call).ok_or_else(|| busy(call, account))?;
    let attempt = shared.throttle.attempt(call.issuer(), &typed.username, call.address, call.now);
    let attempt = attempt.map_err(|Exhausted { retry_after }| {
        call.audit_login_failure(account, LoginOutcome::Throttled);
        Failed::Problem(LoginProblem::TooMany { seconds: retry_after.as_secs() + 1 })
    })?;
    let Some(pending) = begin(call, account, typed.password, attempt.delay, place).await else {
        shared.throttle.withdraw(attempt, call.now);
        return Err(busy(call, account));
    };
    let proved = pending.await.map_err(|_| Failed::Trouble(Trouble::Defect))?;
    let Some(account) = account.filter(|_| proved) else {
        call.audit_login_failure(account, LoginOutcome::Failed);
        return Err(Failed::Problem(LoginProblem::Wrong));
    };
    shared.throttle.succeeded(attempt, call.now);
    open_session(call, posted, account).await.map_err(Failed::Trouble)
}

/// A place in the queue for the password threads, if the queue has one, and one for this network.
fn reserve(call: &Call) -> Option<Place> {
    let passwords = &call.shared.passwords;
    if passwords.depth() >= passwords.capacity() { None } else { call.shared.places.take(call.address) }
}

fn busy(call: &Call, account: Option<&Account>) -> Failed {
    call.audit_login_failure(account, LoginOutcome::Busy);
    Failed::Problem(LoginProblem::Busy)
}

/// Waits, then queues the question whether the password is this account's; `None` where the place is gone by then. The
/// work is the same where there is no account, or one without a password.
async fn begin(
    call: &Call,
    account: Option<&Account>,
    password: Secret<String>,
    delay: Duration,
    mut place: Place,
) -> Option<Pending<bool>> {
    let shared = &call.shared;
    if !delay.is_zero() {
        // Whoever waits holds no place: strangers who make a whole office wait would otherwise fill its share.
        drop(place);
        shared.clock.sleep(delay).await;
        place = shared.places.take(call.address)?;
    }
    let known = account.and_then(|account| account.password.clone());
    let job = move || {
        // The job holds the place: a client that hangs up leaves its job in the queue until a thread comes to it.
        let _place = place;
        let proved = known.as_ref().unwrap_or_else(|| crypto::password::dummy()).verify(&password);
        proved && known.is_some()
    };
    shared.passwords.submit(job).ok()
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
