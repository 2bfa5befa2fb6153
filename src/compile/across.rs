//! What only holds among all objects: a name belongs to one of them. The oldest holds it, then the one with the smallest
//! UID, so that every compilation says the same; the others are told.
//!
//! An object that is refused for another reason keeps what it holds: else a typing error would hand a client ID, and with
//! it the trust of its users, to somebody else. What it may not even ask for it cannot hold.

use std::collections::BTreeMap;

use api::ObjectKey;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;

use crate::verdict::ObjectRef;

/// Who comes first. Objects that never met a cluster come after all that did, by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Age {
    created: Since,
    uid: Option<String>,
    key: ObjectKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Since {
    Ever,
    Time(Timestamp),
    Unknown,
}

impl Age {
    /// The age of an object.
    pub(crate) fn of(metadata: &ObjectMeta, key: &ObjectKey) -> Self {
        let created = metadata.creation_timestamp.as_ref().map_or(Since::Unknown, |time| Since::Time(time.0));
        Self { created, uid: metadata.uid.clone(), key: key.clone() }
    }

    /// Older than every object: for what belongs to the provider itself.
    pub(crate) fn ever(key: &ObjectKey) -> Self {
        Self { created: Since::Ever, uid: None, key: key.clone() }
    }
}

/// One object's claim to a name.
#[derive(Clone, Debug)]
pub(crate) struct Claim<N> {
    pub(crate) name: N,
    pub(crate) age: Age,
    pub(crate) object: ObjectRef,
}

/// Each loser with the holder of the name it claimed.
pub(crate) fn settle<N: Ord>(claims: Vec<Claim<N>>) -> BTreeMap<ObjectRef, ObjectRef> {
    let mut by_name: BTreeMap<N, Vec<(Age, ObjectRef)>> = BTreeMap::new();
    for Claim { name, age, object } in claims {
        by_name.entry(name).or_default().push((age, object));
    }
    let mut losers = BTreeMap::new();
    for mut claimants in by_name.into_values().filter(|claimants| claimants.len() > 1) {
        claimants.sort();
        let mut claimants = claimants.into_iter();
        let Some((_, holder)) = claimants.next() else { continue };
        losers.extend(claimants.map(|(_, loser)| (loser, holder.clone())));
    }
    losers
}

/// A text that stands for somebody in tokens: a client ID, a subject, an audience, an issuer. Were one text two of
/// these, a token for the one would pass for the other (RFC 9068 §5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identifier {
    /// Namespace of the providers it is valid in.
    pub(crate) namespace: String,
    /// The text.
    pub(crate) text: String,
}

/// Where an identifier is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// At one provider: client IDs, audiences, the issuer.
    Provider(ObjectKey),
    /// At every provider of the namespace: subjects.
    Namespace,
}

impl Reach {
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Provider(one), Self::Provider(other)) => one == other,
            (Self::Namespace, _) | (_, Self::Namespace) => true,
        }
    }
}

/// As [`settle`], among identifiers that meet at some provider.
pub(crate) fn settle_identifiers(claims: Vec<(Claim<Identifier>, Reach)>) -> BTreeMap<ObjectRef, ObjectRef> {
    let mut by_name: BTreeMap<Identifier, Vec<(Age, ObjectRef, Reach)>> = BTreeMap::new();
    for (Claim { name, age, object }, reach) in claims {
        by_name.entry(name).or_default().push((age, object, reach));
    }
    let mut losers = BTreeMap::new();
    for mut claimants in by_name.into_values().filter(|claimants| claimants.len() > 1) {
        claimants.sort_by(|(a, x, _), (b, y, _)| (a, x).cmp(&(b, y)));
        let mut holders: Vec<(ObjectRef, Reach)> = Vec::new();
        for (_, object, reach) in claimants {
            match holders.iter().find(|(_, held)| held.meets(&reach)) {
                Some((holder, _)) => {
                    losers.insert(object, holder.clone());
                }
                None => holders.push((object, reach)),
            }
        }
    }
    losers
}

#[cfg(test)]
mod tests;
