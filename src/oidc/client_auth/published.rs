//! RFC 7523 §3 with RFC 7591 §2 `jwks_uri`: an assertion whose keys have to be fetched before anything can be said of it.
//!
//! 1. [`super::Presented::authenticate`] finds that the client publishes its keys, and stops.
//! 2. Whoever can reach the network looks for the keys, with [`KeysWanted::may_be_in`] to tell whether those that it has
//!    will do. Anybody may send an assertion in anybody's name: that this is asked says nothing about the caller.
//! 3. [`KeysWanted::settle`] judges the assertion by what was found.

use crypto::{Algorithm, Secret, Unverified};

use super::{ASSERTION, Once, failed, invalid, once};
use crate::catalog::Realm;
use crate::client::{Client, ClientKeys, PublishedKeys};
use crate::refusal::{Refusal, Why};
use crate::time::Time;

/// An assertion that waits for the keys of its client.
#[derive(Debug)]
#[must_use = "nobody is authenticated before the assertion was verified"]
pub struct KeysWanted<'c, 'p> {
    client: &'c Client,
    published: &'c PublishedKeys,
    assertion: &'p Secret<String>,
    kid: Option<String>,
    algorithm: Algorithm,
}

impl<'c, 'p> KeysWanted<'c, 'p> {
    /// An assertion that no published key could have signed is refused without one being looked for.
    pub(super) fn new(
        client: &'c Client,
        published: &'c PublishedKeys,
        assertion: &'p Secret<String>,
    ) -> Result<Self, Refusal> {
        let token = Unverified::parse(assertion.expose()).map_err(|_| invalid())?;
        let (kid, algorithm) = (token.kid().map(str::to_owned), token.algorithm());
        if !algorithm.is_asymmetric() {
            return Err(invalid());
        }
        Ok(Self { client, published, assertion, kid, algorithm })
    }

    /// Where the keys are.
    pub fn published(&self) -> &'c PublishedKeys {
        self.published
    }

    /// Whether these keys may hold the one that the assertion is signed with; if not, the client may have replaced them.
    pub fn may_be_in(&self, keys: &ClientKeys) -> bool {
        keys.may_verify(self.kid.as_deref(), self.algorithm)
    }

    /// Judges the assertion by the keys that were found; `None`: none could be had. The caller is told the same in either
    /// case, or anybody would learn of a client where its keys are, and of its host whether it is up.
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn settle(self, realm: &Realm, keys: Option<&ClientKeys>, now: Time) -> Result<Once<'c>, Refusal> {
        let keys = keys.ok_or_else(|| failed(Why::ClientKeysUnavailable, ASSERTION))?;
        once(realm, self.client, self.assertion, Some(keys), now)
    }
}
