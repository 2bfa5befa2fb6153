//! The life of client secrets. Pure: time is an argument, and so is what has been handed out.
//!
//! ```text
//! {n} ─due─▶ {n, next n+1} ─the Secret holds n+1─▶ {n+1, previous n} ─overlap─▶ {n+1}
//!             servers accept both                   servers end n by themselves
//! ```
//!
//! - Each arrow is one write, made before anything depends on it: whoever is killed between two goes on where it was.
//! - A secret is handed out after every server accepts it, and the one before counts down from then: for as long as a
//!   server cannot be reached, both are good.
//! - At most two are good at a time. What makes another one due during an overlap waits for its end; who cannot wait
//!   shortens the overlap.
//! - An epoch never repeats and never falls, nor does that of an account which is gone and comes back.

use std::collections::BTreeMap;

use api::{ClientAuthentication, ClientAuthenticationType, OidcApplicationSpec, SecretRotation, SecretSource};
use serde::{Deserialize, Serialize};

/// Which derivation a secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Epoch {
    /// Generation of the seed.
    pub generation: u32,
    /// Rises by one with each rotation and never falls.
    pub epoch: u64,
}

/// Where the client secret of one client stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// Seed generation of the secret that is handed out.
    pub generation: u32,
    /// Its epoch.
    pub epoch: u64,
    /// The trigger that it answers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trigger: String,
    /// When it was handed out, in seconds since 1970; not known of one that is not to be replaced by age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// The one that servers accept already, and nobody has yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Epoch>,
    /// The one before, which is accepted until the overlap ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Epoch>,
    /// The epoch of the derived keys beside it, of the same generation, where they are older: what else is derived for an
    /// application, such as what its cookies are sealed with, has no overlap, and so outlives a rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_epoch: Option<u64>,
}

/// Where the client secrets of an application and its accounts stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotations {
    /// Of the application itself.
    pub own: Rotation,
    /// Of each account.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accounts: BTreeMap<String, Rotation>,
    /// The highest epoch of any account that is gone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spent: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub(crate) const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The secrets at a point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advanced {
    /// Where they stand.
    pub rotations: Rotations,
    /// Whether this differs from before, and so has to be kept before it is used.
    pub changed: bool,
    /// When something is due next, in seconds since 1970.
    pub next: Option<i64>,
}

/// When a secret is replaced.
#[derive(Clone, Copy, Debug)]
struct Wish<'a> {
    period: Option<i64>,
    overlap: i64,
    trigger: &'a str,
}

impl<'a> Wish<'a> {
    /// Of a client with a secret that is made here. A stored object may be older than the schema.
    fn of(authentication: &'a ClientAuthentication) -> Option<Self> {
        static DEFAULT: SecretRotation = SecretRotation::NEVER;
        let secret = authentication.client_secret.as_ref();
        if authentication.type_ != ClientAuthenticationType::ClientSecret
            || secret.is_some_and(|secret| secret.source == SecretSource::Reference)
        {
            return None;
        }
        let SecretRotation { period_seconds, overlap_seconds, trigger } =
            secret.map_or(&DEFAULT, |secret| &secret.rotation);
        Some(Self {
            period: Some(*period_seconds).filter(|period| *period > 0),
            overlap: overlap(*overlap_seconds),
            trigger: trigger.as_str(),
        })
    }
}

fn overlap(seconds: i64) -> i64 {
    seconds.max(0)
}

impl Rotation {
    /// The first secret of a client.
    pub fn begin(first: Epoch) -> Self {
        let Epoch { generation, epoch } = first;
        let trigger = String::new();
        Self { generation, epoch, trigger, since: None, next: None, previous: None, keys_epoch: None }
    }

    /// The secret that is handed out.
    pub fn current(&self) -> Epoch {
        Epoch { generation: self.generation, epoch: self.epoch }
    }

    /// What the derived keys beside a secret of this client come from: `of` is the current or the next one. A generation
    /// that is left behind takes its keys along.
    pub(crate) fn keys_of(&self, of: Epoch) -> Epoch {
        let epoch = if of.generation == self.generation { self.keys_epoch.unwrap_or(self.epoch) } else { of.epoch };
        Epoch { epoch, ..of }
    }

    /// When the secret before this one ends, in seconds since 1970, if there is one.
    pub fn previous_ends(&self, rotation: Option<&SecretRotation>) -> Option<i64> {
        let overlap = overlap(rotation.unwrap_or(&SecretRotation::NEVER).overlap_seconds);
        self.previous.and(self.since).map(|since| since.saturating_add(overlap))
    }

    /// The newest epoch that was ever used.
    fn newest(&self) -> u64 {
        self.next.map_or(self.epoch, |next| next.epoch)
    }

    /// Every seed generation that is needed.
    pub fn generations(&self) -> impl Iterator<Item = u32> {
        let others = self.next.into_iter().chain(self.previous).map(|epoch| epoch.generation);
        std::iter::once(self.generation).chain(others)
    }

    /// Moves on to where it should be at `now`. `published` is the epoch of what is handed out, if that is known to be as
    /// it should be; `newest` the seed generation to derive from.
    fn advance(&mut self, wish: Option<Wish<'_>>, newest: u32, published: Option<u64>, now: i64) -> Option<i64> {
        let Some(Wish { period, overlap, trigger }) = wish else {
            // None is accepted. One that may have been handed out just now must not come back as the older one.
            if let Some(next) = self.next.take() {
                Epoch { generation: self.generation, epoch: self.epoch } = next;
                self.keys_epoch = None;
            }
            self.previous = None;
            return None;
        };
        if let Some(next) = self.next.filter(|next| published == Some(next.epoch)) {
            let keys = self.keys_of(next).epoch;
            self.previous = Some(self.current());
            Epoch { generation: self.generation, epoch: self.epoch } = next;
            self.next = None;
            self.keys_epoch = Some(keys).filter(|keys| *keys != self.epoch);
            // Whatever came until now is answered by it: nobody had it before.
            trigger.clone_into(&mut self.trigger);
            self.since = Some(now);
        }
        // By a clock that was ahead: the overlap must not become longer than it was asked for.
        self.since = self.since.map(|since| since.min(now));
        if period.is_some() || self.previous.is_some() {
            self.since.get_or_insert(now);
        }
        let since = self.since.unwrap_or(now);
        let (ends, old) = (since.saturating_add(overlap), period.map(|period| since.saturating_add(period)));
        if ends <= now {
            self.previous = None;
        }
        let is_due = self.trigger != trigger || old.is_some_and(|old| old <= now);
        if is_due && self.next.is_none() && self.previous.is_none() && published == Some(self.epoch) {
            self.next = Some(Epoch { generation: newest, epoch: self.epoch.saturating_add(1) });
        }
        let ends = self.previous.map(|_| ends);
        ends.into_iter().chain(old).filter(|due| *due > now).min()
    }
}

impl Rotations {
    /// The first secrets of an application. The trigger that is there from the start has triggered nothing.
    pub fn begin(spec: &OidcApplicationSpec, first: Epoch, spent: u64) -> Self {
        let mut rotations = Self { own: Rotation::begin(first), accounts: BTreeMap::new(), spent };
        rotations.meet(spec, first.generation);
        if let Some(wish) = Wish::of(&spec.client_authentication) {
            wish.trigger.clone_into(&mut rotations.own.trigger);
        }
        rotations
    }

    /// Of the application, or of an account of it; one that was not met yet has the first secret that it will get.
    pub fn of(&self, account: Option<&str>, newest: u32) -> Rotation {
        let Some(account) = account else { return self.own.clone() };
        self.accounts.get(account).cloned().unwrap_or_else(|| Rotation::begin(self.first(newest)))
    }

    /// Every seed generation that is needed.
    pub fn generations(&self) -> impl Iterator<Item = u32> {
        std::iter::once(&self.own).chain(self.accounts.values()).flat_map(Rotation::generations)
    }

    /// What an account begins with: what no account has had before.
    fn first(&self, generation: u32) -> Epoch {
        Epoch { generation, epoch: self.spent.saturating_add(1).max(self.own.epoch) }
    }

    /// Takes note of the accounts that there are.
    fn meet(&mut self, spec: &OidcApplicationSpec, newest: u32) {
        let there = |name: &String| spec.programmatic_access.iter().any(|account| account.name.as_str() == name);
        let gone: Vec<_> = self.accounts.extract_if(.., |name, _| !there(name)).collect();
        self.spent = gone.iter().map(|(_, rotation)| rotation.newest()).fold(self.spent, u64::max);
        let first = self.first(newest);
        for account in &spec.programmatic_access {
            self.accounts.entry(account.name.to_string()).or_insert_with(|| {
                let trigger = Wish::of(&account.client_authentication).map(|wish| wish.trigger.to_owned());
                Rotation { trigger: trigger.unwrap_or_default(), ..Rotation::begin(first) }
            });
        }
    }

    /// Moves on to where they should be at `now`, in seconds since 1970. `published` says for the application, or an
    /// account of it, which epoch the Secret holds, if that is as it should be; `newest` is the seed generation that
    /// new secrets are derived from.
    pub fn advance(
        &self,
        spec: &OidcApplicationSpec,
        newest: u32,
        published: impl Fn(Option<&str>) -> Option<u64>,
        now: i64,
    ) -> Advanced {
        let mut rotations = self.clone();
        rotations.meet(spec, newest);
        let mut next = rotations.own.advance(Wish::of(&spec.client_authentication), newest, published(None), now);
        for account in &spec.programmatic_access {
            let name = account.name.as_str();
            let Some(rotation) = rotations.accounts.get_mut(name) else { continue };
            let due = rotation.advance(Wish::of(&account.client_authentication), newest, published(Some(name)), now);
            next = next.into_iter().chain(due).min();
        }
        let changed = rotations != *self;
        Advanced { rotations, changed, next }
    }

    /// Whether anything would move on at `now` if every Secret were as it should be: then news of a Secret are worth a
    /// look.
    pub fn waits(&self, spec: &OidcApplicationSpec, newest: u32, now: i64) -> bool {
        self.advance(spec, newest, |account| Some(self.of(account, newest).newest()), now).changed
    }
}

#[cfg(test)]
mod tests;
