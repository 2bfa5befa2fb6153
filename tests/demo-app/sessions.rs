//! Logins under way and people logged in, in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::CsrfToken;

use crate::answer::{Parameters, Refusal};
use crate::provider::{Person, Proof, Provider};

/// How long a login may take.
const PATIENCE: Duration = Duration::from_hours(1);

/// A login that the provider has not answered yet.
pub(crate) struct Login {
    pub(crate) provider: Provider,
    pub(crate) proof: Proof,
    /// The cookie of the browser that started it.
    browser: String,
    /// The answer, when it came by POST and waits for the browser to come back with its cookie.
    posted: Option<Parameters>,
    started: Instant,
}

/// Everything this application remembers.
#[derive(Default)]
pub(crate) struct Sessions {
    /// By state, so that any number of tabs may log in at once.
    logins: Mutex<BTreeMap<String, Login>>,
    /// By cookie.
    people: Mutex<BTreeMap<String, Person>>,
}

/// A value that nobody can guess.
pub(crate) fn random() -> String {
    CsrfToken::new_random_len(32).into_secret()
}

impl Sessions {
    /// Remembers a login, and forgets those that took too long.
    pub(crate) fn start(&self, state: String, browser: String, provider: Provider, proof: Proof) {
        let started = Instant::now();
        let mut logins = lock(&self.logins);
        logins.retain(|_, login| started.duration_since(login.started) < PATIENCE);
        logins.insert(state, Login { provider, proof, browser, posted: None, started });
    }

    /// Keeps an answer that came by POST from another site, without the browser's cookie.
    pub(crate) fn park(&self, state: &str, answer: Parameters) -> Result<(), Refusal> {
        lock(&self.logins).get_mut(state).ok_or(Refusal::UnknownState)?.posted = Some(answer);
        Ok(())
    }

    /// Takes the login out, once, for the browser that started it, with its parked answer.
    pub(crate) fn finish(&self, state: &str, browser: Option<&str>) -> Result<(Login, Option<Parameters>), Refusal> {
        let mut logins = lock(&self.logins);
        let login = logins.get(state).ok_or(Refusal::UnknownState)?;
        if Some(login.browser.as_str()) != browser {
            return Err(Refusal::OtherBrowser);
        }
        let mut login = logins.remove(state).ok_or(Refusal::UnknownState)?;
        let posted = login.posted.take();
        Ok((login, posted))
    }

    /// Logs a person in; the cookie is new every time, so that none can be planted beforehand.
    pub(crate) fn log_in(&self, person: Person) -> String {
        let cookie = random();
        lock(&self.people).insert(cookie.clone(), person);
        cookie
    }

    pub(crate) fn person(&self, cookie: &str) -> Option<Person> {
        lock(&self.people).get(cookie).cloned()
    }

    pub(crate) fn log_out(&self, cookie: &str) {
        lock(&self.people).remove(cookie);
    }

    /// Logs out whoever is in this session of the provider. Who guesses one can do no more than that.
    pub(crate) fn log_out_of(&self, sid: &str) {
        lock(&self.people).retain(|_, person| person.sid.as_deref() != Some(sid));
    }
}

/// The maps are whole between any two statements, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
