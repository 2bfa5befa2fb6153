//! What one watch has told so far: which objects there are, in which version. Pure.
//!
//! ```text
//! Begin ─▶ Seen* ─▶ Complete ─▶ (Seen | Gone)* ─▶ Begin …      (Begin again: the watch was lost, and lists anew)
//! ```
//!
//! - A list replaces what was known only once it is complete: a list that breaks off has deleted nothing.
//! - A list may come from a cache that is older than what this process has written itself. What was written is not undone
//!   by it.
//! - The answer to a write may come after the news that the object was deleted since. It does not bring the object back.

use std::collections::{BTreeMap, VecDeque};

use api::ObjectKey;

/// What a watch delivers.
#[derive(Clone, Debug)]
pub(crate) enum Event<T> {
    /// A list begins.
    Begin,
    /// An object as it is now.
    Seen(Object<T>),
    /// An object that was deleted, at this version.
    Gone(ObjectKey, u128),
    /// The list is complete.
    Complete,
}

/// An object in one version.
#[derive(Clone, Debug)]
pub(crate) struct Object<T> {
    /// Namespace and name.
    pub(crate) key: ObjectKey,
    /// `metadata.resourceVersion`: a number that rises with every write (KEP-5504; etcd before).
    pub(crate) version: u128,
    /// The rest.
    pub(crate) value: T,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delta<T> {
    /// There is a new or another object of this name.
    Put(ObjectKey, T),
    /// There is none any more.
    Dropped(ObjectKey),
}

/// The objects of one watch.
#[derive(Debug)]
pub(crate) struct Tracker<T> {
    known: BTreeMap<ObjectKey, Known>,
    listing: Option<BTreeMap<ObjectKey, (Known, T)>>,
    complete: bool,
    /// At which version objects were deleted, the latest ones: answers that are under way are older.
    deleted: BTreeMap<ObjectKey, u128>,
    order: VecDeque<ObjectKey>,
}

/// Deletions that are remembered: far more than writes are under way at once.
const DELETED: usize = 1024;

#[derive(Clone, Debug)]
struct Known {
    version: u128,
    /// Whether the watch has told of it; if not, only the answer to a write of ours has.
    told: bool,
}

impl<T> Default for Tracker<T> {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            listing: None,
            complete: false,
            deleted: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T> Tracker<T> {
    /// Whether a list was ever complete.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// All that is known, to be dropped with the watch.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.known.keys()
    }

    /// Takes in what the watch has delivered.
    pub(crate) fn take(&mut self, event: Event<T>) -> Vec<Delta<T>> {
        match event {
            Event::Begin => {
                self.listing = Some(BTreeMap::new());
                Vec::new()
            }
            Event::Seen(Object { key, version, value }) => match &mut self.listing {
                Some(listing) => {
                    listing.insert(key, (Known { version, told: true }, value));
                    Vec::new()
                }
                None => self.put(key, Known { version, told: true }, value).into_iter().collect(),
            },
            Event::Gone(key, version) => {
                // The answer to a write of ours can be ahead of the news that the object before it is gone.
                let older = self.known.get(&key).is_some_and(|known| known.version <= version);
                if older {
                    self.remove(&key, version);
                }
                older.then_some(Delta::Dropped(key)).into_iter().collect()
            }
            Event::Complete => self.complete(),
        }
    }

    /// Takes in the answer to a write of this process, which the watch will tell later.
    pub(crate) fn wrote(&mut self, object: Object<T>) -> Option<Delta<T>> {
        let Object { key, version, value } = object;
        self.put(key, Known { version, told: false }, value)
    }

    fn remove(&mut self, key: &ObjectKey, version: u128) {
        self.known.remove(key);
        if self.deleted.insert(key.clone(), version).is_none() {
            self.order.push_back(key.clone());
        }
        if self.order.len() > DELETED
            && let Some(oldest) = self.order.pop_front()
        {
            self.deleted.remove(&oldest);
        }
    }

    fn put(&mut self, key: ObjectKey, new: Known, value: T) -> Option<Delta<T>> {
        let outdated = |known: &Known| known.version >= new.version;
        let deleted_since = self.deleted.get(&key).is_some_and(|version| *version >= new.version);
        if deleted_since {
            return None;
        }
        if let Some(known) = self.known.get_mut(&key).filter(|known| outdated(known)) {
            // The news of our own write.
            known.told |= new.told && known.version == new.version;
            return None;
        }
        self.known.insert(key.clone(), new);
        Some(Delta::Put(key, value))
    }

    fn complete(&mut self) -> Vec<Delta<T>> {
        let Some(listing) = self.listing.take() else { return Vec::new() };
        self.complete = true;
        let newest = listing.values().map(|(known, _)| known.version).max();
        // What the watch has told of once, and does not list any more, is gone. What only we know of may be newer than
        // the list; without a single object there is no version to compare with, and the list is believed.
        let may_be_newer = |known: &Known| !known.told && newest.is_some_and(|newest| known.version > newest);
        let gone = self.known.iter().filter(|(key, known)| !listing.contains_key(*key) && !may_be_newer(known));
        let gone: Vec<ObjectKey> = gone.map(|(key, _)| key.clone()).collect();
        for key in &gone {
            let version = self.known.get(key).map_or(0, |known| known.version);
            self.remove(key, version.max(newest.unwrap_or_default()));
        }
        let mut deltas: Vec<_> = gone.into_iter().map(Delta::Dropped).collect();
        for (key, (known, value)) in listing {
            deltas.extend(self.put(key, known, value));
        }
        deltas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, version: u128) -> Event<u128> {
        Event::Seen(object(name, version))
    }

    fn object(name: &str, version: u128) -> Object<u128> {
        Object { key: key(name), version, value: version }
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    fn listed(objects: &[(&str, u128)]) -> Tracker<u128> {
        let mut tracker = Tracker::default();
        relist(&mut tracker, objects);
        tracker
    }

    fn relist(tracker: &mut Tracker<u128>, objects: &[(&str, u128)]) -> Vec<Delta<u128>> {
        assert!(tracker.take(Event::Begin).is_empty());
        for (name, version) in objects {
            assert!(tracker.take(seen(name, *version)).is_empty(), "a list is taken as a whole");
        }
        tracker.take(Event::Complete)
    }

    #[test]
    fn nothing_is_known_before_a_list_is_complete() {
        let mut tracker = Tracker::default();
        tracker.take(Event::Begin);
        tracker.take(seen("a", 1));
        assert!(!tracker.is_complete());
        assert_eq!(tracker.take(Event::Complete), [Delta::Put(key("a"), 1)]);
        assert!(tracker.is_complete());
    }

    #[test]
    fn f01_what_a_new_list_does_not_hold_is_gone() {
        let mut tracker = listed(&[("a", 1), ("b", 2)]);
        assert_eq!(relist(&mut tracker, &[("b", 2), ("c", 3)]), [Delta::Dropped(key("a")), Delta::Put(key("c"), 3)]);
        assert_eq!(relist(&mut tracker, &[]), [Delta::Dropped(key("b")), Delta::Dropped(key("c"))]);
    }

    /// The list's own version is not told; that of its newest object says nothing about what was deleted since.
    #[test]
    fn f01_the_newest_object_can_be_the_one_that_is_gone() {
        let mut tracker = listed(&[("a", 1), ("b", 2)]);
        assert_eq!(relist(&mut tracker, &[("a", 1)]), [Delta::Dropped(key("b"))]);
        tracker.wrote(object("c", 7));
        assert_eq!(relist(&mut tracker, &[("a", 1)]), [], "the list may be older than our write");
        assert_eq!(tracker.take(seen("c", 7)), []);
        assert_eq!(relist(&mut tracker, &[("a", 1)]), [Delta::Dropped(key("c"))], "of which the watch has told since");
    }

    #[test]
    fn f02_a_list_that_breaks_off_deletes_nothing() {
        let mut tracker = listed(&[("a", 1), ("b", 2)]);
        tracker.take(Event::Begin);
        tracker.take(seen("a", 1));
        assert_eq!(relist(&mut tracker, &[("a", 1), ("b", 2)]), []);
        assert_eq!(tracker.keys().count(), 2);
    }

    #[test]
    fn f06_the_answer_to_a_write_does_not_bring_back_what_was_deleted_since() {
        let mut tracker = listed(&[("a", 1), ("b", 2)]);
        assert_eq!(tracker.take(Event::Gone(key("a"), 7)), [Delta::Dropped(key("a"))]);
        assert_eq!(tracker.wrote(object("a", 5)), None, "it was written, and then deleted");
        assert_eq!(relist(&mut tracker, &[("c", 9)]), [Delta::Dropped(key("b")), Delta::Put(key("c"), 9)]);
        assert_eq!(tracker.wrote(object("b", 8)), None);
        assert_eq!(tracker.wrote(object("a", 10)), Some(Delta::Put(key("a"), 10)), "another one of its name");
        for number in 0..2 * DELETED as u128 {
            tracker.wrote(object("many", 100 + 2 * number));
            tracker.take(Event::Gone(key("many"), 101 + 2 * number));
            let name = format!("n{number}");
            tracker.wrote(object(&name, 100 + 2 * number));
            tracker.take(Event::Gone(key(&name), 101 + 2 * number));
        }
        assert!(tracker.deleted.len() <= DELETED && tracker.order.len() <= DELETED);
    }

    #[test]
    fn f06_an_old_list_does_not_undo_what_was_written() {
        let mut tracker = listed(&[("a", 1)]);
        assert_eq!(tracker.wrote(object("a", 5)), Some(Delta::Put(key("a"), 5)));
        assert_eq!(tracker.wrote(object("b", 6)), Some(Delta::Put(key("b"), 6)));
        assert_eq!(tracker.take(seen("a", 4)), [], "the watch is behind");
        assert_eq!(relist(&mut tracker, &[("a", 4)]), [], "and so is its list");
        assert_eq!(tracker.take(seen("a", 5)), [], "the news of our own write");
        assert_eq!(tracker.take(Event::Gone(key("b"), 3)), [], "of an object before ours");
        assert_eq!(tracker.take(Event::Gone(key("b"), 7)), [Delta::Dropped(key("b"))]);
    }
}
