//! What only holds among all objects: a name belongs to one of them. Who holds it already keeps it; a vacant one goes to
//! the oldest, then to the one with the smallest UID, so that every compilation says the same; the others are told.
//!
//! An object that is refused for another reason keeps what it holds: else a typing error would hand a client ID, and with
//! it the trust of its users, to somebody else. What it may not even ask for it cannot hold.

use std::collections::BTreeMap;

use api::{Kind, ObjectKey};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;

use crate::verdict::ObjectRef;

/// Who comes first. Objects that never met a cluster come after all that did, by namespace and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Age<'a> {
    created: Since,
    uid: Option<&'a str>,
    key: &'a ObjectKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Since {
    Ever,
    /// It has the name already, whatever the clocks of those say who made the others.
    Held,
    Time(Timestamp),
    Unknown,
}

impl<'a> Age<'a> {
    /// The age of an object.
    pub(crate) fn of(metadata: &'a ObjectMeta, key: &'a ObjectKey) -> Self {
        let created = metadata.creation_timestamp.as_ref().map_or(Since::Unknown, |time| Since::Time(time.0));
        Self { created, uid: metadata.uid.as_deref(), key }
    }

    /// The same, of an object that has the name already.
    pub(crate) fn holding(self, holds: bool) -> Self {
        if holds { Self { created: Since::Held, ..self } } else { self }
    }

    /// The object's UID, if it has met a cluster.
    pub(crate) fn uid(&self) -> Option<&'a str> {
        self.uid
    }

    /// The object's name.
    pub(crate) fn key(&self) -> &'a ObjectKey {
        self.key
    }

    /// Older than every object: for what belongs to the provider itself.
    pub(crate) fn ever(key: &'a ObjectKey) -> Self {
        Self { created: Since::Ever, uid: None, key }
    }
}

/// One object's claim to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Claim<'a, N> {
    /// The name: the same one is held once.
    pub(crate) name: N,
    /// The age of the object, which is also its key.
    pub(crate) age: Age<'a>,
    /// Its kind.
    pub(crate) kind: Kind,
}

impl<N> Claim<'_, N> {
    /// The object.
    pub(crate) fn object(&self) -> ObjectRef {
        ObjectRef::new(self.kind, self.age.key.clone())
    }
}

/// Each loser with the holder of the name it claimed.
pub(crate) fn settle<N: Ord>(mut claims: Vec<Claim<'_, N>>) -> BTreeMap<ObjectRef, ObjectRef> {
    claims.sort_unstable();
    let mut losers = BTreeMap::new();
    for rivals in claims.chunk_by(|one, other| one.name == other.name) {
        if let [holder, rest @ ..] = rivals {
            losers.extend(rest.iter().map(|loser| (loser.object(), holder.object())));
        }
    }
    losers
}

/// A text that stands for somebody in tokens: a client ID, a subject, an audience, an issuer. Were one text two of
/// these, a token for the one would pass for the other (RFC 9068 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identifier<'a> {
    /// Namespace of the providers it is valid in.
    pub(crate) namespace: &'a str,
    /// The text.
    pub(crate) text: &'a str,
}

/// Where an identifier is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach<'a> {
    /// At one provider: client IDs, audiences, the issuer.
    Provider(&'a ObjectKey),
    /// At every provider of the namespace: subjects.
    Namespace,
}

impl Reach<'_> {
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Provider(one), Self::Provider(other)) => one == other,
            (Self::Namespace, _) | (_, Self::Namespace) => true,
        }
    }
}

/// As [`settle`], among identifiers that meet at some provider. An object may claim several: a loser is named with its text.
pub(crate) fn settle_identifiers<'a>(
    mut claims: Vec<(Claim<'a, Identifier<'a>>, Reach<'a>)>,
) -> BTreeMap<(ObjectRef, &'a str), ObjectRef> {
    claims.sort_unstable();
    let mut losers = BTreeMap::new();
    for rivals in claims.chunk_by(|(one, _), (other, _)| one.name == other.name).filter(|rivals| rivals.len() > 1) {
        let mut holders: Vec<(&Claim<'a, Identifier<'a>>, Reach<'a>)> = Vec::new();
        for (claim, reach) in rivals {
            match holders.iter().find(|(_, held)| held.meets(*reach)) {
                Some((holder, _)) => {
                    losers.insert((claim.object(), claim.name.text), holder.object());
                }
                None => holders.push((claim, *reach)),
            }
        }
    }
    losers
}

#[cfg(test)]
mod tests;
