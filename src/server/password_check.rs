//! OWASP ASVS §2.2: whether a password is a person's, wherever it was typed.
//!
//! 1. There must be a place in the queue for the password threads. Then the attempt is counted; it may have to wait.
//! 2. The password is verified on the pool. A name that nobody has costs the same.
//!
//! Both ways in, the login page and the password grant, count against the same budgets: a guesser gains nothing by the
//! one that the other refuses (T-P35).

use std::time::Duration;

use crypto::{Pending, Secret};
use oidc::account::Account;

use crate::call::Call;
use crate::metrics::LoginOutcome;
use crate::places::Place;
use crate::throttle::Exhausted;

/// Why nobody was proved to be anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotProved {
    /// User name or password is wrong; which, is told to nobody.
    Wrong,
    /// Too many attempts: the password was not looked at.
    TooMany {
        /// Until the next attempt may succeed.
        seconds: u64,
    },
    /// Too many logins at once: the password was not looked at.
    Busy,
    /// The thread died.
    Defect,
}

/// Seconds after which a full queue is worth another attempt.
pub(crate) const BUSY_SECONDS: u64 = 2;

/// The person with this name, if this is their password.
pub(crate) async fn check<'c>(
    call: &'c Call,
    username: &str,
    password: Secret<String>,
) -> Result<&'c Account, NotProved> {
    let shared = &call.shared;
    let account = call.realm().accounts.by_username(username);
    // Before anything is counted: a flood of those for whom there is no place pushes nobody's count out of the table.
    let place = reserve(call).ok_or_else(|| busy(call, account))?;
    let attempt = shared.throttle.attempt(username, call.address, call.now);
    let attempt = attempt.map_err(|Exhausted { retry_after }| {
        call.audit_login_failure(account, LoginOutcome::Throttled);
        NotProved::TooMany { seconds: retry_after.as_secs() + 1 }
    })?;
    let Some(pending) = begin(call, account, password, attempt.delay, place).await else {
        shared.throttle.withdraw(attempt, call.now);
        return Err(busy(call, account));
    };
    let proved = pending.await.map_err(|_| NotProved::Defect)?;
    let Some(account) = account.filter(|_| proved) else {
        call.audit_login_failure(account, LoginOutcome::Failed);
        return Err(NotProved::Wrong);
    };
    shared.throttle.succeeded(attempt, call.now);
    Ok(account)
}

/// A place in the queue for the password threads, if the queue has one, and one for this network.
fn reserve(call: &Call) -> Option<Place> {
    let passwords = &call.shared.passwords;
    if passwords.depth() >= passwords.capacity() { None } else { call.shared.places.take(call.address) }
}

fn busy(call: &Call, account: Option<&Account>) -> NotProved {
    call.audit_login_failure(account, LoginOutcome::Busy);
    NotProved::Busy
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
