//! What is to be looked at, each once, in a fair order. Pure.
//!
//! What somebody has changed comes before what is looked at anyway. Among equals the namespaces take turns, so that one
//! with a thousand objects does not keep the others waiting.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How urgent a look is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Somebody has changed something.
    Edit,
    /// It is looked at anyway.
    Resync,
}

/// Keys that wait. A key that waits already is not added again.
#[derive(Debug)]
pub(crate) struct Queue<K> {
    lanes: BTreeMap<Urgency, Lane<K>>,
    urgency: BTreeMap<K, Urgency>,
}

#[derive(Debug)]
struct Lane<K> {
    /// By namespace.
    waiting: BTreeMap<String, VecDeque<K>>,
    /// The namespaces in turn.
    turns: VecDeque<String>,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new(), urgency: BTreeMap::new() }
    }
}

impl<K> Default for Lane<K> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), turns: VecDeque::new() }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// Adds a key, or makes one that waits more urgent.
    pub(crate) fn add(&mut self, key: K, namespace: &str, urgency: Urgency) {
        match self.urgency.get(&key) {
            Some(waiting) if *waiting <= urgency => return,
            Some(_) | None => {}
        }
        self.urgency.insert(key.clone(), urgency);
        let lane = self.lanes.entry(urgency).or_default();
        let waiting = lane.waiting.entry(namespace.to_owned()).or_default();
        if waiting.is_empty() {
            lane.turns.push_back(namespace.to_owned());
        }
        waiting.push_back(key);
    }

    /// The next key, other than those that are `busy`: they stay where they are.
    pub(crate) fn next(&mut self, busy: &BTreeSet<K>) -> Option<K> {
        let Self { lanes, urgency } = self;
        for (lane_urgency, lane) in lanes.iter_mut() {
            for _ in 0..lane.turns.len() {
                let Some(namespace) = lane.turns.pop_front() else { break };
                let Some(waiting) = lane.waiting.get_mut(&namespace) else { continue };
                // One that became more urgent waits in two lanes, and counts in the first.
                waiting.retain(|key| urgency.get(key) == Some(lane_urgency));
                let at = waiting.iter().position(|key| !busy.contains(key));
                let found = at.and_then(|at| waiting.remove(at));
                if waiting.is_empty() {
                    lane.waiting.remove(&namespace);
                } else {
                    lane.turns.push_back(namespace);
                }
                if let Some(key) = found {
                    urgency.remove(&key);
                    return Some(key);
                }
            }
        }
        None
    }

    /// Forgets everything: a process that does not lead looks at nothing, and must not remember what it could have done.
    pub(crate) fn clear(&mut self) {
        self.lanes.clear();
        self.urgency.clear();
    }

    /// How many wait.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.urgency.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut Queue<&'static str>) -> Vec<&'static str> {
        let nobody = BTreeSet::new();
        std::iter::from_fn(|| queue.next(&nobody)).collect()
    }

    #[test]
    fn f52_a_hot_object_waits_once_and_starves_nobody() {
        let mut queue = Queue::default();
        for _ in 0..100 {
            queue.add("hot", "a", Urgency::Edit);
        }
        queue.add("b1", "b", Urgency::Edit);
        assert_eq!(queue.len(), 2);
        assert_eq!(drain(&mut queue), ["hot", "b1"]);
    }

    #[test]
    fn t_k16_namespaces_take_turns() {
        let mut queue = Queue::default();
        for key in ["a1", "a2", "a3", "a4"] {
            queue.add(key, "a", Urgency::Edit);
        }
        queue.add("b1", "b", Urgency::Edit);
        queue.add("c1", "c", Urgency::Edit);
        assert_eq!(drain(&mut queue), ["a1", "b1", "c1", "a2", "a3", "a4"]);
    }

    #[test]
    fn edits_come_first_and_a_busy_key_keeps_its_place() {
        let mut queue = Queue::default();
        queue.add("slow", "a", Urgency::Resync);
        queue.add("other", "a", Urgency::Resync);
        queue.add("edit", "b", Urgency::Edit);
        queue.add("slow", "a", Urgency::Edit);
        queue.add("edit", "b", Urgency::Resync);
        assert_eq!(queue.len(), 3);
        assert_eq!(queue.next(&["edit"].into()), Some("slow"));
        assert_eq!(queue.next(&["edit", "other"].into()), None);
        assert_eq!(drain(&mut queue), ["edit", "other"]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn f46_a_standby_remembers_nothing() {
        let mut queue = Queue::default();
        queue.add("a", "a", Urgency::Edit);
        queue.clear();
        assert_eq!(queue.len(), 0);
        assert_eq!(drain(&mut queue), Vec::<&str>::new());
    }
}
