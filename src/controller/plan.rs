//! The next thing to do for an object: what should be there, held against what is. Pure.
//!
//! ```text
//! record ─▶ (every serving replica has loaded it) ─▶ Secret ─▶ status
//! ```
//!
//! One write at a time, and then everything is looked at again: a controller that is killed between any two of them goes
//! on where it was. A Secret is handed out after every server accepts what stands in it, never before.

mod credentials;
mod report;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use api::{Kind, ObjectKey, OidcApplication};
use compile::status::Servers;
use compile::{Diagnostic, ObjectRef};
use k8s_openapi::jiff::Timestamp;
use kube::api::Patch;
use oidc::ids::Uid;
use serde_json::Value;

use crate::desired::Desired;
use crate::names::{provider_record, with_suffix};
use crate::servers::{Replicas, Required};
use crate::world::{RecordId, World};
use compile::record::Record;

pub(crate) use credentials::{PATH as SECRET_PATH, SecretBody, Trimmings, annotations, binding_command};

/// For how long a status waits for the servers before it says that it does: in the ordinary case they are there in a
/// moment, and nobody reads what is true for a moment.
pub(crate) const PATIENCE: Duration = Duration::from_millis(400);

/// What a write changes.
#[derive(Debug)]
pub(crate) enum Write {
    /// The record of an application or a user, with UID and version of the one that it replaces.
    PutRecord(RecordId, Record, Option<(String, u128)>),
    /// A record of another provider in the place of ours, with its UID.
    DeleteRecord(RecordId, String),
    /// The record of a provider.
    PutProviderRecord(ObjectKey, Record),
    /// A Secret that is not there, as far as is known.
    CreateSecret(ObjectKey, SecretBody),
    /// A Secret of ours that is not as it should be, with its UID.
    ApplySecret(ObjectKey, SecretBody, String),
    /// Parts of a Secret of ours that should not be there any more.
    Trim(ObjectKey, Trimmings),
    /// A Secret of ours that is not wanted any more, with its UID and version.
    DeleteSecret(ObjectKey, String, u128),
    /// A status, with the UID of its object.
    PutStatus(ObjectRef, Option<Uid>, Patch<Value>, Option<Said>),
}

impl Write {
    /// The Secret of an application that is written.
    pub(crate) fn secret(&self) -> Option<&ObjectKey> {
        match self {
            Self::CreateSecret(key, _)
            | Self::ApplySecret(key, ..)
            | Self::Trim(key, _)
            | Self::DeleteSecret(key, ..) => Some(key),
            Self::PutRecord(..) | Self::DeleteRecord(..) | Self::PutProviderRecord(..) | Self::PutStatus(..) => None,
        }
    }

    /// What is written, and where: the same twice in a row is a repetition.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::PutRecord(id, ..) => format!("put record {}", id.key),
            Self::DeleteRecord(id, _) => format!("delete record {}", id.key),
            Self::PutProviderRecord(provider, _) => format!("put record of {provider}"),
            Self::CreateSecret(key, _) => format!("create Secret {key}"),
            Self::ApplySecret(key, ..) => format!("apply Secret {key}"),
            Self::Trim(key, _) => format!("trim Secret {key}"),
            Self::DeleteSecret(key, ..) => format!("delete Secret {key}"),
            Self::PutStatus(object, ..) => format!("status of {object}"),
        }
    }
}

/// Something to tell beside a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Whether all is well.
    pub(crate) well: bool,
    /// The reason of the condition.
    pub(crate) reason: String,
    /// Its message.
    pub(crate) message: String,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// This write; then look again.
    Write(Box<Write>),
    /// Nothing before this time, unless something changes.
    Wait(Instant),
    /// Nothing, unless something changes.
    Done,
}

/// What is remembered of an object between looks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// The Secrets that the API server does not take. Each is left alone by itself: that of one account is no matter of
    /// the others.
    pub(crate) troubles: BTreeMap<ObjectKey, Trouble>,
    /// What the API server had against the record, and until when it is not written because of that.
    pub(crate) unrecorded: Option<(Diagnostic, Instant)>,
    /// Since when servers have been waited for.
    pub(crate) waiting: Option<Instant>,
}

/// What the API server had against a write, and until when it is not made because of that.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    /// What the status says.
    pub(crate) against: Diagnostic,
    /// When it is tried again.
    pub(crate) until: Instant,
}

/// All that a look may see.
pub(crate) struct View<'w> {
    /// What is.
    pub(crate) world: &'w World,
    /// What should be.
    pub(crate) desired: &'w Desired,
    /// What servers have loaded.
    pub(crate) replicas: &'w Replicas,
    /// Whom to bind where the controller may not write Secrets, such as `portcullis-system:portcullis-controller`.
    pub(crate) account: Option<&'w str>,
    /// Time, for waiting.
    pub(crate) now: Instant,
    /// Time, for transitions.
    pub(crate) wall: Timestamp,
}

/// How far the servers are with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// What they should load is not written yet.
    Unwritten,
    /// A replica that has just appeared was not heard yet.
    Unknown,
    /// So far.
    Known(Servers),
}

impl Progress {
    /// Whether every replica that serves has loaded it; with none, nobody could refuse it.
    fn is_everywhere(self) -> bool {
        matches!(self, Self::Known(Servers { serving, loaded }) if loaded >= serving)
    }
}

impl View<'_> {
    /// The next thing to do for an object.
    pub(crate) fn next(&self, object: &ObjectRef, memory: &mut Memory) -> Next {
        if self.keys_are_being_made(object) {
            return Next::Wait(self.now + PATIENCE);
        }
        if self.waits_for_a_reservation(object) || self.moves_on(object) {
            return Next::Wait(self.now + PATIENCE);
        }
        let record = match object.kind {
            Kind::OidcProvider => self.next_provider_record(&object.key),
            Kind::OidcApplication | Kind::OidcUser => self.next_record(object),
            Kind::OidcResource | Kind::OidcGroup => None,
        };
        let unrecorded = memory.unrecorded.take().filter(|(_, until)| record.is_some() && *until > self.now);
        if let (Some(write), None) = (record, &unrecorded) {
            return Next::Write(Box::new(write));
        }
        memory.unrecorded.clone_from(&unrecorded);
        let progress = self.progress(object);
        let secrets = match object.kind {
            Kind::OidcApplication => self.next_secret(object, progress, memory),
            Kind::OidcProvider | Kind::OidcUser | Kind::OidcResource | Kind::OidcGroup => {
                credentials::Step::Done(Vec::new())
            }
        };
        let against = match secrets {
            credentials::Step::Write(write) => return Next::Write(write),
            credentials::Step::Unknown => return Next::Done,
            credentials::Step::HandedOut => return Next::Wait(self.now + PATIENCE),
            credentials::Step::Done(against) => against,
        };
        let blocked = memory.troubles.values().map(|trouble| trouble.until).filter(|until| *until > self.now).min();
        // What is not to be served is not waited for, and neither is what no server can learn of. An account is served, and
        // has its Secret, even where its application is not.
        let served = self.desired.verdict(object).is_some_and(|verdict| verdict.served)
            || object.kind == Kind::OidcApplication && self.desired.secrets.contains_key(&object.key);
        if progress.is_everywhere() || !served || unrecorded.is_some() {
            memory.waiting = None;
        } else {
            let until = *memory.waiting.get_or_insert(self.now) + PATIENCE;
            if progress == Progress::Unknown || self.now < until {
                return Next::Wait(until.max(self.now + Duration::from_millis(50)));
            }
        }
        let (unrecorded, again) = unrecorded.unzip();
        match self.next_status(object, progress, unrecorded.map_or(against, |one| vec![one])) {
            Some(write) => Next::Write(Box::new(write)),
            None => blocked.into_iter().chain(again).min().map_or(Next::Done, Next::Wait),
        }
    }

    /// Whether the key material of its provider is made for the first time just now. It will be there in a moment, and
    /// then there is something to say; until then there would only be complaints that nobody can mend.
    fn keys_are_being_made(&self, object: &ObjectRef) -> bool {
        let being_made = |provider: &ObjectKey| {
            self.world.inputs.providers.contains_key(provider)
                && !self.world.inputs.materials.contains_key(provider)
                && !self.world.provider_records.contains_key(provider)
                && !self.world.lost.contains_key(provider)
        };
        match object.kind {
            Kind::OidcProvider => being_made(&object.key),
            Kind::OidcApplication => {
                let application = self.world.inputs.applications.get(&object.key);
                application.is_some_and(|application| {
                    let provider = self.world.provider_of(application);
                    being_made(&provider) || self.issuer_is_being_made(&provider, application)
                })
            }
            // Whoever serves its namespace serves it.
            Kind::OidcUser => {
                let mut here = self.world.inputs.providers.keys().filter(|key| key.namespace == object.key.namespace);
                here.any(being_made)
            }
            Kind::OidcGroup | Kind::OidcResource => false,
        }
    }

    /// The same of the keys of an issuer of its own.
    fn issuer_is_being_made(&self, provider: &ObjectKey, application: &OidcApplication) -> bool {
        let Some(uid) = application.metadata.uid.clone().map(Uid::new) else { return false };
        let own = self.desired.compiled.as_ref().and_then(|compiled| compiled.issuers.get(&uid));
        own.is_some_and(|own| own.accepted)
            && self.world.issuer_keys.of(&uid).is_none()
            && self.world.inputs.materials.contains_key(provider)
    }

    /// Whether its record is about to let go of a client ID that is not reserved yet.
    fn waits_for_a_reservation(&self, object: &ObjectRef) -> bool {
        let mut records = self.desired.records.get(object).into_iter().flatten();
        records.any(|(id, _)| {
            let found = self.world.records.get(id);
            found.is_some_and(|found| self.desired.is_unreserved(self.world, found))
        })
    }

    /// Whether a rotation of its client secrets goes on as soon as it is compiled anew.
    fn moves_on(&self, object: &ObjectRef) -> bool {
        let application = self.world.inputs.applications.get(&object.key);
        let application = application.filter(|_| object.kind == Kind::OidcApplication);
        let uid = application.and_then(|application| application.metadata.uid.clone());
        uid.is_some_and(|uid| self.world.rotations.moves(&Uid::new(uid)))
    }

    fn next_record(&self, object: &ObjectRef) -> Option<Write> {
        self.desired.records.get(object).into_iter().flatten().find_map(|(id, wanted)| {
            match self.world.records.get(id) {
                Some(found) if found.record == *wanted => None,
                // Neither source nor provider of a record can be changed.
                Some(found) if found.record.provider != wanted.provider || found.record.source != wanted.source => {
                    Some(Write::DeleteRecord(id.clone(), found.uid.clone()))
                }
                found => {
                    let known = found.map(|found| (found.uid.clone(), found.version));
                    Some(Write::PutRecord(id.clone(), wanted.clone(), known))
                }
            }
        })
    }

    fn next_provider_record(&self, provider: &ObjectKey) -> Option<Write> {
        let wanted = self.desired.providers.get(provider)?;
        let found = self.world.provider_records.get(provider).map(|found| &found.record);
        (found != Some(wanted)).then(|| Write::PutProviderRecord(provider.clone(), wanted.clone()))
    }

    /// How far the servers are.
    pub(crate) fn progress(&self, object: &ObjectRef) -> Progress {
        match object.kind {
            Kind::OidcProvider => self.provider_progress(&object.key, Vec::new()),
            Kind::OidcGroup => Progress::Known(Servers::default()),
            Kind::OidcResource => self.resource_progress(&object.key),
            Kind::OidcApplication | Kind::OidcUser => self.records_progress(object),
        }
    }

    fn records_progress(&self, object: &ObjectRef) -> Progress {
        let mut all = Servers::default();
        let Some(written) = self.written(object) else { return Progress::Unwritten };
        for (uid, required) in written {
            let Some(provider) = self.world.provider_by_uid(uid) else { return Progress::Unwritten };
            match self.replicas.of(&provider, uid, &[required], self.now) {
                None => return Progress::Unknown,
                Some(Servers { serving, loaded }) => {
                    all.serving += serving;
                    all.loaded += loaded;
                }
            }
        }
        Progress::Known(all)
    }

    /// The records of an object as they are, each with the UID of its provider; none while one is not as it should be.
    fn written(&self, object: &ObjectRef) -> Option<Vec<(&Uid, Required)>> {
        let records = self.desired.records.get(object).into_iter().flatten();
        let written = records.map(|(id, wanted)| {
            let found = self.world.records.get(id).filter(|found| found.record == *wanted)?;
            Some((&wanted.provider, Required::Record(id.kind.plural(), id.key.name.clone(), found.version)))
        });
        written.collect()
    }

    /// What may be done with an API stands in the records of its callers: it is served as its owner says once these are.
    fn resource_progress(&self, resource: &ObjectKey) -> Progress {
        let object = self.world.inputs.resources.get(resource);
        let reference = object.and_then(|object| object.spec.provider_ref.as_ref());
        let provider = compile::provider_key(reference, &self.world.inputs.provider_namespace);
        let uid = self.world.provider_records.get(&provider).map(|found| &found.record.provider);
        let mut callers = Vec::new();
        for caller in self.desired.callers.get(resource).into_iter().flatten() {
            let object = ObjectRef::new(Kind::OidcApplication, caller.clone());
            let Some(written) = self.written(&object) else { return Progress::Unwritten };
            callers.extend(written.into_iter().filter(|(of, _)| Some(*of) == uid).map(|(_, required)| required));
        }
        self.provider_progress(&provider, callers)
    }

    /// Of a provider, and of what else is `required` of its servers.
    fn provider_progress(&self, provider: &ObjectKey, mut required: Vec<Required>) -> Progress {
        let record = self.world.provider_records.get(provider);
        let wanted = self.desired.providers.get(provider);
        let versions = self.world.materials.get(provider).and_then(crate::material::Material::versions);
        let (Some(record), Some((server_key, signing))) = (record, versions) else {
            // Where nothing is to be written for it, nothing is waited for.
            return if wanted.is_some() { Progress::Unwritten } else { Progress::Known(Servers::default()) };
        };
        if wanted.is_some_and(|wanted| record.record != *wanted) {
            return Progress::Unwritten;
        }
        let secret = |suffix| format!("secrets/{}", with_suffix(provider, suffix).name);
        required.extend([
            Required::Object(format!("configmaps/{}", provider_record(provider).name), record.version),
            Required::Object(secret(compile::keys::SERVER_KEY_SUFFIX), server_key),
            Required::Object(secret(compile::keys::SIGNING_KEYS_SUFFIX), signing),
        ]);
        let uid = &record.record.provider;
        self.replicas.of(provider, uid, &required, self.now).map_or(Progress::Unknown, Progress::Known)
    }
}

#[cfg(test)]
mod tests;
