//! The table of names of a provider: which client IDs, issuers and audiences are held, and which were given up a short
//! while ago.
//!
//! ```text
//! held ──(deleted, or not permitted any more)──▶ given up: its namespace's for an hour ──▶ anybody's
//! ```
//!
//! It stands in the provider's record, but for client IDs and issuers that are held: those stand in the records of their
//! clients, of which there may be thousands.

use std::collections::BTreeMap;

use oidc::ids::Uid;
use serde::{Deserialize, Serialize};

/// For how long a name that was given up stays its namespace's, in seconds.
pub const RESERVED_SECONDS: i64 = 3600;

/// So many names that were given up are remembered of a namespace.
const MAX_OF_NAMESPACE: usize = 32;

/// So many audiences a namespace can hold at a provider.
const MAX_AUDIENCES: usize = 128;

/// Octets of the audiences that are held, and of the names that were given up. The table is one object, of 1 MiB at the
/// most: it must not be possible to fill it up.
const MAX_HELD: usize = 512 * 1024;
const MAX_GIVEN_UP: usize = 256 * 1024;

/// Octets that a name takes in the table, with a UID and what stands around it. Each of these texts is printable ASCII.
const fn room(text: &str, namespace: &str) -> usize {
    // A quote or a backslash in a client ID would be two.
    text.len() * 2 + namespace.len() + 128
}

/// The room for audiences at one provider.
#[derive(Debug, Default)]
pub(crate) struct Room {
    octets: usize,
    of_namespace: BTreeMap<String, usize>,
}

/// Why there is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error(
        "this namespace has {MAX_AUDIENCES} audiences at this provider already, and that is as many as there can be"
    )]
    Namespace,
    #[error("this provider has as many audiences as it can remember: others have to be given up first")]
    Provider,
}

impl Room {
    /// Takes the room of one audience.
    pub(crate) fn take(&mut self, namespace: &str, audience: &str) -> Result<(), Full> {
        let octets = self.octets + room(audience, namespace);
        let count = self.of_namespace.entry(namespace.to_owned()).or_default();
        if *count >= MAX_AUDIENCES {
            return Err(Full::Namespace);
        }
        if octets > MAX_HELD {
            return Err(Full::Provider);
        }
        *count += 1;
        self.octets = octets;
        Ok(())
    }
}

/// A name that somebody has, or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Name {
    /// The namespace of the object.
    pub namespace: String,
    /// UID of the object.
    pub uid: Uid,
    /// Until when it is reserved for the namespace, in seconds since 1970; none: it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// Names by their text.
pub type Names = BTreeMap<String, Name>;

/// The names that a compilation has settled at one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Client IDs that were chosen. Derived ones are their namespaces' for ever.
    pub client_ids: Names,
    /// Issuers of applications' own.
    pub issuers: Names,
    /// Audiences.
    pub audiences: Names,
}

/// What the table should say after a compilation.
///
/// `recorded` is what it says now, and `clients` what the records of clients say. Objects for which `unjudged` holds had no
/// part in the compilation: what they have, they keep. `now` is in seconds since 1970.
pub fn next(recorded: &Names, clients: &Names, held: &Held, unjudged: impl Fn(&Uid) -> bool, now: i64) -> Names {
    let mut next = held.audiences.clone();
    let mut given_up = Vec::new();
    for (text, name) in recorded.iter().chain(clients.iter().filter(|(text, _)| !recorded.contains_key(*text))) {
        let held_and_recorded = |holder: &Name| clients.get(text).is_some_and(|client| client.uid == holder.uid);
        let of_client = held.client_ids.get(text).or_else(|| held.issuers.get(text));
        if next.contains_key(text) || of_client.is_some_and(held_and_recorded) {
            continue;
        }
        match name.until {
            Some(until) => given_up.push((until, text, name)),
            None if !unjudged(&name.uid) => given_up.push((now.saturating_add(RESERVED_SECONDS), text, name)),
            None if recorded.contains_key(text) => drop(next.insert(text.clone(), name.clone())),
            None => {}
        }
    }
    given_up.sort_by_key(|(until, ..)| std::cmp::Reverse(*until));
    let mut of_namespace: BTreeMap<&str, usize> = BTreeMap::new();
    let remembered = given_up.into_iter().filter(|(until, _, name)| {
        let count = of_namespace.entry(&name.namespace).or_default();
        *count += 1;
        *until > now && *count <= MAX_OF_NAMESPACE
    });
    let mut octets = 0;
    for (until, text, name) in remembered {
        octets += room(text, &name.namespace);
        if octets > MAX_GIVEN_UP {
            // Those that would be free soonest are forgotten.
            break;
        }
        next.insert(text.clone(), Name { until: Some(until), ..name.clone() });
    }
    next
}

/// When the first name becomes free, in seconds since 1970.
pub fn next_free(names: &Names) -> Option<i64> {
    names.values().filter_map(|name| name.until).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn name(namespace: &str, uid: &str, until: Option<i64>) -> Name {
        Name { namespace: namespace.to_owned(), uid: Uid::new(uid), until }
    }

    fn names<const N: usize>(names: [(&str, Name); N]) -> Names {
        names.map(|(text, name)| (text.to_owned(), name)).into()
    }

    fn check(recorded: &Names, clients: &Names, held: &Held, expect: &Names) {
        assert_eq!(next(recorded, clients, held, |uid| uid.as_str() == "unseen", NOW), *expect);
    }

    #[test]
    fn what_is_held_is_written_where_it_belongs() {
        let audience = names([("https://api", name("a", "api", None))]);
        let client = names([("portal", name("a", "portal", None))]);
        let held = Held { client_ids: client.clone(), audiences: audience.clone(), ..Held::default() };
        check(&Names::new(), &Names::new(), &held, &audience);
        check(&audience, &client, &held, &audience);
    }

    #[test]
    fn what_was_given_up_stays_with_its_namespace_for_an_hour() {
        let both = [("https://api", name("a", "api", None)), ("portal", name("a", "portal", None))];
        let [api, portal] = both.clone();
        let until = Some(NOW + RESERVED_SECONDS);
        let reserved = names(both.map(|(text, name)| (text, Name { until, ..name })));
        check(&names([api]), &names([portal.clone()]), &Held::default(), &reserved);
        // Not for another hour, though the record of the client is still there.
        let earlier = names([("portal", name("a", "portal", Some(NOW + 5)))]);
        check(&earlier, &names([portal]), &Held::default(), &earlier);
        let past = names([("portal", name("a", "portal", Some(NOW)))]);
        check(&past, &Names::new(), &Held::default(), &Names::new());
        assert_eq!(next_free(&earlier), Some(NOW + 5));
    }

    #[test]
    fn an_issuer_is_a_name_of_its_client() {
        let issuer = names([("https://notes.example.com", name("a", "notes", None))]);
        let held = Held { issuers: issuer.clone(), ..Held::default() };
        check(&Names::new(), &issuer, &held, &Names::new());
        let until = Some(NOW + RESERVED_SECONDS);
        let reserved = names([("https://notes.example.com", name("a", "notes", until))]);
        check(&Names::new(), &issuer, &Held::default(), &reserved);
    }

    #[test]
    fn a_reservation_goes_once_the_record_of_the_client_says_who_has_the_name() {
        let reserved = names([("portal", name("a", "old", Some(NOW + 5)))]);
        let again = names([("portal", name("a", "new", None))]);
        let held = Held { client_ids: again.clone(), ..Held::default() };
        check(&reserved, &Names::new(), &held, &reserved);
        check(&reserved, &again, &held, &Names::new());
    }

    #[test]
    fn what_was_not_judged_is_not_given_up() {
        let api = names([("https://api", name("a", "unseen", None))]);
        check(&api, &names([("portal", name("a", "unseen", None))]), &Held::default(), &api);
    }

    #[test]
    fn t_k16_the_table_cannot_be_filled_up() {
        let many = |namespace: &str, count: usize| {
            let texts = (0..count).map(|number| (format!("{namespace}-{number}"), name(namespace, "u", None)));
            texts.collect::<Names>()
        };
        let mut clients = many("a", 10_000);
        clients.extend(many("b", 3));
        let next = next(&Names::new(), &clients, &Held::default(), |_| false, NOW);
        assert_eq!(next.values().filter(|name| name.namespace == "a").count(), MAX_OF_NAMESPACE);
        assert_eq!(next.values().filter(|name| name.namespace == "b").count(), 3);
        // By many namespaces, or with names as long as can be.
        let long = |number: usize| format!("{number:0>255}");
        let names: Names = (0..20_000).map(|n| (long(n), name(&format!("{:0>63}", n / 32), "u", None))).collect();
        let given_up = super::next(&Names::new(), &names, &Held::default(), |_| false, NOW);
        let mut held = Names::new();
        let mut room = Room::default();
        for n in 0..20_000 {
            let namespace = format!("{:0>63}", n / MAX_AUDIENCES);
            if room.take(&namespace, &long(n)).is_ok() {
                held.insert(long(n), name(&namespace, &"u".repeat(36), None));
            }
        }
        let octets = |names: &Names| serde_json::to_vec(names).unwrap().len();
        assert!(given_up.len() > 300 && octets(&given_up) <= MAX_GIVEN_UP, "{}", octets(&given_up));
        assert!(held.len() > 700 && octets(&held) <= MAX_HELD, "{}", octets(&held));
        assert_eq!(room.take(&"0".repeat(63), ""), Err(Full::Namespace));
        assert_eq!(room.take(&"z".repeat(63), &long(0)), Err(Full::Provider));
    }
}
