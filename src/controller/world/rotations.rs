//! Where the client secrets of applications stand: what the records say, moved on by what has been handed out.

use std::collections::{BTreeMap, BTreeSet};

use api::{ObjectKey, OidcApplication};
use compile::rotation::{Advanced, Rotations};
use compile::{Compiled, CredentialSecret, Epoch};
use oidc::ids::Uid;

use super::World;
use crate::observed::ObservedSecret;

/// What is known of rotations between compilations.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// The applications for which something may move on once a Secret is as it should be.
    waiting: BTreeSet<Uid>,
    /// The epoch that the Secret of a waiting application, or of an account of it, holds; where it is not as it should be
    /// there is none.
    published: BTreeMap<(Uid, Option<String>), u64>,
    /// The applications of which something moves on as soon as it is compiled anew.
    moving: BTreeSet<Uid>,
    /// When something is due, in seconds since 1970.
    next: Option<i64>,
}

impl Pending {
    /// Whether news of a Secret of this application are worth a look.
    pub(super) fn waits(&self, uid: &Uid) -> bool {
        self.waiting.contains(uid)
    }

    /// Whether what was compiled of this application is about to change: a trigger that was just seen, or a Secret that
    /// was just written. What it says of itself meanwhile would be read as the answer to the trigger.
    pub(crate) fn moves(&self, uid: &Uid) -> bool {
        self.moving.contains(uid)
    }

    /// When something is due, in seconds since 1970.
    pub(crate) fn next(&self) -> Option<i64> {
        self.next
    }
}

impl World {
    /// Moves every client secret on to where it should be at `now`. An epoch never repeats and never falls. The record is
    /// the authority; without it, the Secret says up to where the epochs were used.
    pub(super) fn rotate(&mut self, now: i64) {
        let mut all = BTreeMap::new();
        let (mut waiting, mut next) = (BTreeSet::new(), None);
        for (key, object) in &self.inputs.applications {
            let Some(uid) = object.metadata.uid.clone().map(Uid::new) else { continue };
            let newest = self.newest_generation(object);
            let recorded = self.records_of.get(&uid).into_iter().flatten().filter_map(|id| self.records.get(id));
            let recorded = recorded.filter(|record| !self.is_forged(record));
            let recorded = recorded.filter_map(|record| record.noted.rotations());
            let recorded = recorded.max_by_key(|rotations| rotations.own.epoch);
            let known = recorded.or_else(|| {
                let used = self.credentials_of.get(&uid).into_iter().flatten();
                let used = used.filter(|secret| secret.namespace == key.namespace);
                let used = used.filter_map(|secret| self.credentials.get(secret)?.epoch()).max().unwrap_or(0);
                let first = Epoch { generation: newest?, epoch: used.saturating_add(1) };
                Some(Rotations::begin(&object.spec, first, used))
            });
            let Some(mut rotations) = known else { continue };
            // Without its seed nothing can be made; what there is stays.
            if let Some(newest) = newest {
                // Until a step stands in the record it is taken anew each time: what it rests on must stay known.
                let mut waits = rotations.waits(&object.spec, newest, now);
                let advanced = self.advance(&rotations, (&uid, object), newest, now);
                next = next.into_iter().chain(advanced.next).min();
                rotations = advanced.rotations;
                waits |= rotations.waits(&object.spec, newest, now);
                if waits {
                    waiting.insert(uid.clone());
                }
            }
            all.insert(uid, rotations);
        }
        self.inputs.rotations = all;
        self.rotations.waiting = waiting;
        self.rotations.next = next;
    }

    /// Holds the Secrets of what waits against what was compiled: what is as it should be may let something move on at
    /// once.
    pub(super) fn judge_rotations(&mut self, compiled: &Compiled, now: i64) {
        let mut published = BTreeMap::new();
        let waits = |secret: &CredentialSecret| self.rotations.waiting.contains(&secret.application_uid);
        for (key, secret) in compiled.credentials.iter().filter(|(_, secret)| waits(secret)) {
            let Some(found) = self.credentials.get(key) else { continue };
            let epoch = if holds(found, secret) {
                secret.epoch
            } else if secret.is_rotating
                && found.application().as_ref() == Some(&secret.application_uid)
                && found.epoch().is_some_and(|epoch| epoch < secret.epoch)
            {
                // It is about to be replaced: what has begun goes on, written or not.
                secret.epoch.saturating_sub(1)
            } else {
                continue;
            };
            published.insert((secret.application_uid.clone(), secret.account.clone()), epoch);
        }
        self.rotations.published = published;
        let judged = self.inputs.applications.values().filter(|_| !self.rotations.waiting.is_empty());
        let moving = judged.filter_map(|object| {
            let uid = object.metadata.uid.clone().map(Uid::new).filter(|uid| self.rotations.waits(uid))?;
            let (rotations, newest) = (self.inputs.rotations.get(&uid)?, self.newest_generation(object)?);
            self.advance(rotations, (&uid, object), newest, now).changed.then_some(uid)
        });
        self.rotations.moving = moving.collect();
        if !self.rotations.moving.is_empty() {
            self.rotations.next = Some(now);
        }
    }

    fn advance(
        &self,
        rotations: &Rotations,
        (uid, object): (&Uid, &OidcApplication),
        newest: u32,
        now: i64,
    ) -> Advanced {
        let published =
            |account: Option<&str>| self.rotations.published.get(&(uid.clone(), account.map(str::to_owned))).copied();
        rotations.advance(&object.spec, newest, published, now)
    }

    fn newest_generation(&self, object: &OidcApplication) -> Option<u32> {
        let provider: ObjectKey = self.provider_of(object);
        Some(self.inputs.materials.get(&provider)?.seeds.newest())
    }
}

/// Whether a Secret is the one that was made for its client, with everything that should stand in it.
fn holds(found: &ObservedSecret, secret: &CredentialSecret) -> bool {
    let is_same = |(name, value): (&String, &crypto::Secret<String>)| {
        found.data.get(name).is_some_and(|found| found.verify(value.expose().as_bytes()))
    };
    found.application().as_ref() == Some(&secret.application_uid)
        && found.epoch() == Some(secret.epoch)
        && secret.data.iter().all(is_same)
}
