//! OpenID Connect Back-Channel Logout 1.0 §2.5 – §2.8: telling applications that a session has ended.
//!
//! ```text
//! logout · /account ─▶ store: the session ends, and notices are due, in one transaction
//!                         │ take (a lease)
//!                         ▼
//!               sign ─▶ post ─▶ outbound     which addresses are called
//!                         │
//!                         ├─ 200, 204, 400, or too old ─▶ settled
//!                         └─ anything else ─────────────▶ due again later
//! ```
//!
//! Whoever logs out waits for none of it. A token is signed when it is sent, so that one which waited is as good as a
//! fresh one, and is signed with the key of then. An application may be told twice, where its answer was lost: a logout
//! that is told again changes nothing. Of several servers on one store, one at a time holds a notice.
//!
//! An application that hangs keeps its own places and nobody else's: what comes beyond them is put off as if it had been
//! tried.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crypto::Secret;
use futures::future::{BoxFuture, join_all};
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use http::StatusCode;
use oidc::catalog::Catalog;
use oidc::client::SecretAge;
use oidc::ids::Uid;
use oidc::logout::{self, BackchannelLogout};
use oidc::records::LogoutNotice;
use oidc::time::Time;
use store::{EndedSessions, MAX_LOGOUTS, StoreError};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::call::{Call, Shared};
use crate::entropy::Entropy;
use crate::flow;
use crate::outbound::{Ask, CallError, Outbound};

#[cfg(test)]
mod tests;

/// Attempts at once. One that hangs holds its place for as long as a call may take.
const AT_ONCE: usize = 32;

/// Attempts at once to tell one application.
const AT_ONCE_EACH: usize = 4;

/// Seconds for which a notice belongs to who took it up: longer than a call takes.
const LEASE_SECONDS: i64 = 30;

/// Seconds after which an application that cannot be told is given up: its own sessions will have ended by then.
const MAX_AGE_SECONDS: i64 = 24 * 3600;

/// Seconds from one attempt to the next: as many as have gone by since the logout, so that they grow twice as long each
/// time, between these two.
const FIRST_DELAY_SECONDS: i64 = 4;
const LAST_DELAY_SECONDS: i64 = 600;

/// Time between two looks at the store where nothing ended here: for what failed, and for what another server left.
const INTERVAL: Duration = Duration::from_secs(2);

/// How logout tokens reach applications, as a port: [`TokenPoster`], or what a test puts in its place.
pub trait PostToken: Send + Sync + 'static {
    /// Posts the form to where the application hears of a logout; answers with the status of its answer.
    fn post(&self, to: &BackchannelLogout, form: Secret<String>) -> BoxFuture<'static, Result<StatusCode, CallError>>;
}

/// Posts through the guard that stands before all that others tell this server to call. Cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct TokenPoster(Outbound);

impl TokenPoster {
    /// A poster that calls hosts so.
    pub fn new(outbound: Outbound) -> Self {
        Self(outbound)
    }
}

impl PostToken for TokenPoster {
    fn post(&self, to: &BackchannelLogout, form: Secret<String>) -> BoxFuture<'static, Result<StatusCode, CallError>> {
        let (outbound, to) = (self.0.clone(), to.clone());
        Box::pin(async move {
            let call = outbound.call(&to.uri, to.private_addresses, Ask::PostForm(form));
            // Of the answer the head alone counts: no octet of its body is read.
            let answer = tokio::time::timeout(outbound.patience(), call).await;
            Ok(answer.unwrap_or_else(|_| Err(CallError::Unreachable("it takes too long".to_owned())))?.status())
        })
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// 200, or the 204 that frameworks make of it (§2.8).
    Delivered,
    /// 400: the application looked at the token, and does not want it (§2.8).
    Refused,
    /// Any other status: a proxy before it, or a fault of its own.
    Status(StatusCode),
    /// No answer.
    Call(CallError),
    /// There is no key to sign with: a matter of this server.
    Unsigned(String),
    /// Too old: nobody tries any more.
    Expired,
    /// The application is not served. It may have been deleted, or be refused until somebody has mended its manifest.
    Absent,
    /// Nobody wants to hear of it: the application has changed its mind, or another has its name.
    Unwanted,
}

impl Outcome {
    /// The label in metrics and logs.
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Status(_) => "status",
            Self::Call(error) => error.as_str(),
            Self::Unsigned(_) => "unsigned",
            Self::Expired => "expired",
            Self::Absent => "absent",
            Self::Unwanted => "unwanted",
        }
    }

    /// Whether nothing is left to do.
    const fn is_final(&self) -> bool {
        match self {
            Self::Delivered | Self::Refused | Self::Expired | Self::Unwanted => true,
            Self::Status(_) | Self::Call(_) | Self::Unsigned(_) | Self::Absent => false,
        }
    }

    /// What to read beside the label.
    fn detail(&self) -> Option<String> {
        match self {
            Self::Status(status) => Some(format!("the application answered {}", status.as_u16())),
            Self::Call(error) => Some(error.to_string()),
            Self::Unsigned(error) => Some(error.clone()),
            Self::Refused => Some("the application answered 400".to_owned()),
            Self::Expired => Some("it could not be told for a day, and is not tried again".to_owned()),
            Self::Absent => Some("the application is not served right now".to_owned()),
            Self::Delivered | Self::Unwanted => None,
        }
    }
}

impl Call {
    /// Sessions have ended: there may be applications to tell, and some that cannot be told.
    pub(crate) fn sessions_ended(&self, ended: EndedSessions) {
        let EndedSessions { sessions, dropped } = ended;
        if sessions > 0 {
            self.shared.ended.notify_one();
        }
        for _ in 0..dropped {
            self.shared.metrics.logout_tokens().count("dropped");
        }
        if dropped > 0 {
            tracing::warn!(
                issuer = %self.issuer(),
                dropped,
                "an application is not told of a logout, since {MAX_LOGOUTS} of them wait for it already: see the \
                 `logout_told` lines of the audit log for why it does not take them"
            );
        }
    }
}

/// Tells what is due, again and again, until told to stop.
pub(crate) async fn run(app: &App, shutdown: &CancellationToken) {
    let Shared { clock, ended, .. } = app.shared();
    let mut lanes = Lanes::default();
    loop {
        tell_in(&mut lanes, app, shutdown).await;
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = ended.notified() => {}
            () = clock.sleep(INTERVAL) => {}
        }
    }
}

/// Tells what is due now; answers how many attempts that were. Once told to stop it takes up nothing more, and lets what is
/// on its way come to its end.
pub(crate) async fn tell_due(app: &App, shutdown: &CancellationToken) -> usize {
    tell_in(&mut Lanes::default(), app, shutdown).await
}

async fn tell_in(lanes: &mut Lanes, app: &App, shutdown: &CancellationToken) -> usize {
    let Shared { store, clock, .. } = app.shared();
    let (mut sending, mut attempts) = (FuturesUnordered::new(), 0);
    loop {
        while let Some(Some((whose, answers))) = sending.next().now_or_never() {
            lanes.give_back(&whose, answers);
        }
        let room = AT_ONCE.saturating_sub(sending.len());
        // Before the first catalog nobody knows who wants to hear.
        if let Some(catalog) = app.catalog().filter(|_| room > 0 && !shutdown.is_cancelled()) {
            let now = clock.now();
            let limit = u32::try_from(room).unwrap_or_default();
            match store.take_logouts(now, now.plus_secs(LEASE_SECONDS), limit).await {
                Ok(notices) => {
                    let any = !notices.is_empty();
                    let mut excess = Vec::new();
                    for notice in notices {
                        if !lanes.take(&notice.client.application_uid) {
                            excess.push(notice);
                            continue;
                        }
                        attempts += 1;
                        sending.push(tell(app.shared(), Arc::clone(&catalog), notice));
                    }
                    join_all(excess.iter().map(|notice| put_off(app.shared(), notice))).await;
                    if any {
                        // Behind those of one application may stand those of another.
                        continue;
                    }
                }
                Err(error) => complain(&error),
            }
        }
        let Some((whose, answers)) = sending.next().await else { return attempts };
        lanes.give_back(&whose, answers);
    }
}

/// Which applications are being told, so that none holds up the others.
#[derive(Debug, Default)]
struct Lanes {
    /// Attempts on their way to each application.
    busy: BTreeMap<Uid, usize>,
    /// Applications that did not answer when they were told last.
    silent: BTreeSet<Uid>,
}

impl Lanes {
    /// Whether this application may be told one thing more by now. One that was silent is told one at a time, and all that
    /// were together have half of the places: whoever answers waits for none of them.
    fn take(&mut self, whose: &Uid) -> bool {
        let most = if self.silent.contains(whose) { 1 } else { AT_ONCE_EACH };
        let busy = self.busy.get(whose).copied().unwrap_or_default();
        let to_silent = self.busy.iter().filter(|(whose, _)| self.silent.contains(*whose)).map(|(_, busy)| busy);
        if busy >= most || self.silent.contains(whose) && to_silent.sum::<usize>() >= AT_ONCE / 2 {
            return false;
        }
        self.busy.insert(whose.clone(), busy + 1);
        true
    }

    /// One attempt has come to its end.
    fn give_back(&mut self, whose: &Uid, answers: bool) {
        if let Entry::Occupied(mut busy) = self.busy.entry(whose.clone()) {
            *busy.get_mut() -= 1;
            if *busy.get() == 0 {
                busy.remove();
            }
        }
        if answers {
            self.silent.remove(whose);
        } else {
            self.silent.insert(whose.clone());
        }
    }
}

/// One attempt, and what becomes of the notice; answers whose it was, and whether they answer.
async fn tell(shared: &Shared, catalog: Arc<Catalog>, notice: LogoutNotice) -> (Uid, bool) {
    let outcome = attempt(shared, &catalog, &notice).await;
    record(shared, &notice, &outcome);
    if !outcome.is_final() {
        put_off(shared, &notice).await;
    } else if let Err(error) = shared.store.settle_logout(&notice).await {
        // The lease runs out, and it is told again.
        complain(&error);
    }
    (notice.client.application_uid, !matches!(outcome, Outcome::Call(_)))
}

/// Has it tried again later. Where that cannot be written down, the lease runs out.
async fn put_off(shared: &Shared, notice: &LogoutNotice) {
    let at = again(&*shared.entropy, notice.ended_at, shared.clock.now());
    if let Err(error) = shared.store.defer_logout(notice, at).await {
        complain(&error);
    }
}

async fn attempt(shared: &Shared, catalog: &Catalog, notice: &LogoutNotice) -> Outcome {
    let now = shared.clock.now();
    let is_old = notice.ended_at.plus_secs(MAX_AGE_SECONDS) <= now;
    let realm = catalog.realms().find(|realm| realm.issuer.as_str() == notice.issuer);
    let Some(realm) = realm.filter(|realm| realm.client(notice.client.client.as_str()).is_some()) else {
        return if is_old { Outcome::Unwanted } else { Outcome::Absent };
    };
    let Some((client, logout)) = logout::recipient(realm, notice) else { return Outcome::Unwanted };
    if is_old {
        return Outcome::Expired;
    }
    let jti = shared.entropy.uuid(now);
    let secret = flow::secret_known_to(client, &*shared.store, now).await.unwrap_or_else(|error| {
        complain(&error);
        SecretAge::Previous
    });
    let token = match logout::logout_token(realm, client, logout, notice, secret, jti, now) {
        Ok(token) => token,
        Err(error) => return Outcome::Unsigned(error.to_string()),
    };
    // §2.5. The token is base64url and dots: nothing in it needs an escape.
    let form = Secret::new(format!("logout_token={token}"));
    match shared.logout_tokens.post(logout, form).await {
        Ok(StatusCode::OK | StatusCode::NO_CONTENT) => Outcome::Delivered,
        Ok(StatusCode::BAD_REQUEST) => Outcome::Refused,
        Ok(status) => Outcome::Status(status),
        Err(error) => Outcome::Call(error),
    }
}

/// When to try again: twice as late each time, and never all at once, so that who comes back is not run over.
fn again(entropy: &dyn Entropy, ended_at: Time, now: Time) -> Time {
    let since = now.secs().saturating_sub(ended_at.secs());
    let delay = since.clamp(FIRST_DELAY_SECONDS, LAST_DELAY_SECONDS) * 1000;
    let [low, high] = entropy.bytes();
    // Between a half and the whole.
    let jitter = delay / 2 * i64::from(u16::from_be_bytes([high, low])) / i64::from(u16::MAX);
    Time::from_millis(now.millis() + delay / 2 + jitter)
}

/// One line and one count for each attempt. Most servers have applications that only want to hear in the browser: of
/// those there is nothing to say, and of one that is not served all has been said.
fn record(shared: &Shared, notice: &LogoutNotice, outcome: &Outcome) {
    if matches!(outcome, Outcome::Unwanted | Outcome::Absent) {
        return;
    }
    shared.metrics.logout_tokens().count(outcome.as_str());
    tracing::info!(
        target: "audit",
        event = "logout_told",
        issuer = %notice.issuer,
        client.id = %notice.client.client,
        session.id = %notice.session,
        attempt = notice.attempt,
        outcome = outcome.as_str(),
        detail = outcome.detail()
    );
}

fn complain(error: &StoreError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(cause, "{error}; applications hear of logouts later");
}
