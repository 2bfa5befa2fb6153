//! Records as a server was told of them: what of them is served, and what could not be read. Pure.

use std::collections::BTreeMap;

use compile::record::{Record, RecordError};
use oidc::ids::Uid;

use crate::garbage::is_much;
use crate::observed::ObservedRecord;
use crate::source::Item;
use crate::tracker::Delta;

/// The records of one kind, by name.
#[derive(Debug)]
pub(super) struct Entries<T> {
    pub(super) entries: BTreeMap<String, Entry<T>>,
    /// The newest version seen.
    pub(super) version: u128,
}

/// One record.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) record: Record,
    state: State,
    /// What is served of it.
    value: Option<T>,
    /// It was deleted, and that is not settled yet.
    pub(super) gone: bool,
}

#[derive(Debug)]
enum State {
    /// It was not looked into, or under other keys.
    New,
    /// It is served as it is.
    Read,
    /// It is not, and why.
    Unreadable(RecordError),
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), version: 0 }
    }
}

impl<T: Clone> Entries<T> {
    pub(super) fn take(&mut self, delta: Delta<Item>) {
        match delta {
            Delta::Put(key, Item::Record(observed)) => {
                let ObservedRecord { version, record, .. } = *observed;
                self.version = self.version.max(version);
                // What was served stays until the new version was looked into.
                let value = self.entries.remove(&key.name).and_then(|before| before.value);
                self.entries.insert(key.name, Entry { record, state: State::New, value, gone: false });
            }
            Delta::Put(..) => {}
            Delta::Dropped(key) => {
                if let Some(entry) = self.entries.get_mut(&key.name) {
                    entry.gone = true;
                }
            }
        }
    }

    pub(super) fn look_again(&mut self) {
        for entry in self.entries.values_mut() {
            entry.state = State::New;
        }
    }

    /// Looks into what is new. Returns whether something that is served has changed.
    pub(super) fn read(&mut self, provider: &Uid, read: impl Fn(&Record) -> Result<Option<T>, RecordError>) -> bool {
        let mut changed = false;
        for (name, entry) in &mut self.entries {
            if !matches!(entry.state, State::New) || entry.record.provider != *provider {
                continue;
            }
            changed = true;
            match read(&entry.record) {
                Ok(value) => {
                    entry.value = value;
                    entry.state = State::Read;
                }
                Err(error) => {
                    tracing::warn!("record {name} of {} is not loaded: {error}", entry.record.source);
                    // The record may be fine and this server behind: it goes on with what it could read.
                    if !error.may_be_ahead() {
                        entry.value = None;
                    }
                    entry.state = State::Unreadable(error);
                }
            }
        }
        changed
    }

    pub(super) fn values<'e>(&'e self, provider: &'e Uid) -> impl Iterator<Item = (&'e String, &'e Entry<T>, &'e T)> {
        let here = self.entries.iter().filter(|(_, entry)| entry.record.provider == *provider);
        here.filter_map(|(name, entry)| Some((name, entry, entry.value.as_ref()?)))
    }

    pub(super) fn unreadable(&self) -> impl Iterator<Item = (&String, &RecordError)> {
        self.entries.iter().filter_map(|(name, entry)| match &entry.state {
            State::Unreadable(error) => Some((name, error)),
            State::New | State::Read => None,
        })
    }

    pub(super) fn lost_much(&self) -> bool {
        let (gone, all) = (self.entries.values().filter(|entry| entry.gone).count(), self.entries.len());
        gone > 0 && (gone == all || is_much(gone, all))
    }

    pub(super) fn settle(&mut self) -> bool {
        let before = self.entries.len();
        self.entries.retain(|_, entry| !entry.gone);
        self.entries.len() != before
    }
}
