//! Beginning and ending of single steps: writes, questions to servers, garbage.

use std::time::{Duration, Instant};

use api::{Condition, ConditionStatus, ConditionType, Kind, ObjectKey, Reason};
use compile::{Diagnostic, ObjectRef};
use crypto::ServerKeys;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Api, Client};
use oidc::acknowledge::Acknowledgement;

use super::{AT_ONCE, Done, Reconciler};
use crate::apply::{Written, apply, find_secret};
use crate::failure::{Failure, TIMEOUT, answer, spread};
use crate::garbage::Garbage;
use crate::metrics::Outcome;
use crate::plan::{Next, SECRET_PATH, Said, Trouble, View, Write, binding_command};
use crate::servers::ask;
use crate::servers::endpoints::Endpoint;
use crate::settings::Servers;

/// Octets of an Event's note at the most.
const MAX_NOTE: usize = 1000;

/// So many objects are looked at before anything else is.
const LOOKS: usize = 256;

/// How soon a Secret that is not ours is looked at again.
const CONFLICT_PAUSE: Duration = Duration::from_secs(3);

impl Reconciler {
    /// Begins as many writes as there is room for.
    pub(super) fn begin_writes(&mut self) {
        let now = Instant::now();
        while let Some((at, object)) = self.timers.first().cloned()
            && at <= now
        {
            self.timers.remove(&(at, object.clone()));
            self.look_at(object, crate::queue::Urgency::Edit);
        }
        // Every look costs a comparison at least, and other news wait meanwhile.
        for _ in 0..LOOKS {
            let room = self.busy.len() < AT_ONCE;
            let Some(object) = room.then(|| self.queue.next(&self.busy)).flatten() else {
                self.more = false;
                return;
            };
            self.begin_write(object, now);
        }
        self.more = true;
    }

    fn begin_write(&mut self, object: ObjectRef, now: Instant) {
        let record = self.records.entry(object.clone()).or_default();
        if let Some(at) = record.not_before.filter(|at| *at > now) {
            self.timers.insert((at, object));
            return;
        }
        let wall = (self.settings.clock)().as_second();
        let view = View {
            world: &self.world,
            desired: &self.desired,
            replicas: &self.replicas,
            account: self.account.as_deref(),
            now,
            wall: Timestamp::from_second(wall).unwrap_or_default(),
        };
        let before = record.memory.waiting;
        let next = view.next(&object, &mut record.memory);
        match (before, record.memory.waiting) {
            (None, Some(_)) => {
                self.waiting.insert(object.clone());
                self.replicas.hurry(now);
            }
            (Some(since), None) => {
                self.waiting.remove(&object);
                self.metrics.served(now.duration_since(since));
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        match next {
            Next::Done => record.rests(),
            Next::Wait(until) => {
                record.rests();
                self.timers.insert((until, object));
            }
            Next::Write(write) => match record.brake(&write, now) {
                Some(until) => drop(self.timers.insert((until, object))),
                None => self.send(object, *write),
            },
        }
    }

    fn send(&mut self, object: ObjectRef, write: Write) {
        self.busy.insert(object.clone());
        let client = self.client.clone();
        let troubles = self.records.get(&object).map(|record| &record.memory.troubles);
        let trouble = troubles.zip(write.secret()).and_then(|(troubles, key)| troubles.get(key));
        let look_first = trouble.is_some_and(|trouble| trouble.against.reason == Reason::SecretConflict);
        self.tasks.push(Box::pin(async move {
            if let (Write::CreateSecret(key, _), true) = (&write, look_first) {
                // Asking is no write: a name that stays taken is not written at again and again.
                match answer(TIMEOUT, find_secret(&client, key)).await {
                    Ok(Some(found)) => return Done::Found(object, key.clone(), Some(found.type_)),
                    Ok(None) => {}
                    Err(failure) => return Done::Write(object, Err(failure)),
                }
            }
            let written = answer(TIMEOUT, apply(&client, &write)).await;
            match (written, &write) {
                (Ok(written), Write::PutStatus(_, uid, _, said)) => {
                    let said = said.clone().map(|said| (uid.clone(), said));
                    Done::Status(object, written, said)
                }
                (Err(Failure::Conflict(_)), Write::CreateSecret(key, _)) => {
                    match answer(TIMEOUT, find_secret(&client, key)).await {
                        Ok(found) => Done::Found(object, key.clone(), found.map(|found| found.type_)),
                        Err(failure) => Done::Write(object, Err(failure)),
                    }
                }
                (
                    Err(Failure::Forbidden(message)),
                    Write::CreateSecret(key, _)
                    | Write::ApplySecret(key, ..)
                    | Write::Trim(key, _)
                    | Write::DeleteSecret(key, ..),
                ) => Done::Denied(object, key.clone(), message),
                (
                    Err(Failure::Invalid(message)),
                    Write::CreateSecret(key, _) | Write::ApplySecret(key, ..) | Write::Trim(key, _),
                ) => Done::Refused(object, key.clone(), message),
                (
                    Err(failure @ (Failure::Forbidden(_) | Failure::Invalid(_))),
                    Write::PutRecord(..) | Write::DeleteRecord(..) | Write::PutProviderRecord(..),
                ) => Done::Unrecorded(object, failure),
                (written, _) => Done::Write(object, written),
            }
        }));
    }

    /// Something that was begun has ended.
    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Write(object, written) => self.write_done(object, written),
            Done::Status(object, written, said) => {
                // Nobody waits for an Event.
                if let Some((uid, said)) = said {
                    let (recorder, object) = (self.recorder.clone(), object.clone());
                    self.tasks.push(Box::pin(async move {
                        tell(&recorder, &object, uid.as_ref().map(ToString::to_string), &said).await;
                        Done::Told
                    }));
                }
                self.write_done(object, Ok(written));
            }
            Done::Told => {}
            Done::Found(object, key, type_) => self.found(object, key, type_),
            Done::Refused(object, key, message) => {
                let message = format!("the API server does not take the Secret: {message}");
                let against = self.conflict(&key, message);
                self.block(object, key, Some(against));
            }
            Done::Denied(object, key, message) => {
                let command = binding_command(self.account.as_deref(), &object.key.namespace);
                let message = format!("{message}; if the RoleBinding is missing: {command}");
                let against = Diagnostic::new(Reason::Forbidden, self.secret_path(&key), message);
                self.block(object, key, Some(against));
            }
            Done::Unrecorded(object, failure) => self.unrecorded(object, &failure),
            Done::Material(provider, due, written) => self.material_done(provider, due, written),
            Done::Issuers(moved) => self.issuers_done(moved),
            Done::Asked(endpoint, answer) => self.asked(&endpoint, answer),
            Done::Garbage(outcome) => self.garbage_done(outcome),
        }
    }

    fn write_done(&mut self, object: ObjectRef, written: Result<Written, Failure>) {
        self.busy.remove(&object);
        let record = self.records.entry(object.clone()).or_default();
        match written {
            Ok(written) => {
                record.failures = 0;
                record.not_before = None;
                self.metrics.reconcile(object.kind, Outcome::Written);
                if let Some((what, seen)) = written {
                    let touched = self.world.wrote(what, seen);
                    self.touch(touched);
                }
                self.look_at(object, crate::queue::Urgency::Edit);
            }
            Err(failure) => {
                let now = Instant::now();
                let pause = failure.pause(record.failures, spread(&object.key.name));
                record.failures += 1;
                record.not_before = Some(now + pause);
                if record.failures <= 1 {
                    tracing::warn!("{object}: a write has failed: {failure}; it is tried again");
                }
                self.metrics.reconcile(object.kind, Outcome::Failed);
                self.timers.insert((now + pause, object));
            }
        }
    }

    /// No server can learn of the object until somebody mends what is in the way: its status says so meanwhile.
    fn unrecorded(&mut self, object: ObjectRef, failure: &Failure) {
        self.busy.remove(&object);
        let now = Instant::now();
        let record = self.records.entry(object.clone()).or_default();
        let until = now + failure.pause(record.failures, spread(&object.key.name));
        record.failures += 1;
        let message = format!("its record cannot be written, and servers go on with what they know: {failure}");
        if record.failures == 1 {
            tracing::warn!("{object}: {message}");
        }
        let diagnostic = Diagnostic {
            condition: ConditionType::Programmed,
            reason: Reason::Forbidden,
            path: String::new(),
            message,
        };
        record.memory.unrecorded = Some((diagnostic, until));
        self.metrics.reconcile(object.kind, Outcome::Failed);
        self.look_at(object, crate::queue::Urgency::Edit);
    }

    /// There is a Secret where one was to be created. Ours comes by the watch in a moment; any other one is not touched.
    fn found(&mut self, object: ObjectRef, key: ObjectKey, type_: Option<String>) {
        let foreign = type_.filter(|type_| *type_ != compile::inputs::CLIENT_CREDENTIALS_TYPE);
        let against = foreign.map(|type_| {
            let message = format!(
                "a Secret of this name exists and is not ours (its type is {type_}): choose another name, or delete it"
            );
            self.conflict(&key, message)
        });
        self.block(object, key, against);
    }

    fn conflict(&self, key: &ObjectKey, message: String) -> Diagnostic {
        Diagnostic::new(Reason::SecretConflict, format!("{}.name", self.secret_path(key)), message)
    }

    /// The field in which an application, or an account of it, says what Secret it wants.
    fn secret_path(&self, key: &ObjectKey) -> &str {
        let secret = self.desired.compiled.as_ref().and_then(|compiled| compiled.credentials.get(key));
        secret.map_or(SECRET_PATH, |secret| &secret.path)
    }

    /// Leaves a Secret of an application alone for a while, if there is something against it.
    fn block(&mut self, object: ObjectRef, key: ObjectKey, against: Option<Diagnostic>) {
        self.busy.remove(&object);
        let now = Instant::now();
        let troubles = &mut self.records.entry(object.clone()).or_default().memory.troubles;
        let pause = if against.is_some() { Duration::ZERO } else { Duration::from_millis(100) };
        match against {
            None => drop(troubles.remove(&key)),
            Some(against) => drop(troubles.insert(key, Trouble { against, until: now + CONFLICT_PAUSE })),
        }
        self.timers.insert((now + pause, object));
    }

    /// Asks the servers that may have news.
    pub(super) fn ask(&mut self) {
        let endpoints = self.replicas.ask(!self.waiting.is_empty(), Instant::now());
        if endpoints.is_empty() {
            return;
        }
        let keys: Vec<(ObjectKey, ServerKeys)> = self
            .world
            .materials
            .iter()
            .filter_map(|(provider, material)| Some((provider.clone(), material.server_keys()?.clone())))
            .collect();
        for endpoint in endpoints {
            if let Servers::InProcess(loaded) = &self.settings.servers {
                let answer = loaded().and_then(|loaded| {
                    let provider = self.world.provider_by_uid(&loaded.provider)?;
                    let word = Acknowledgement { instance: String::new(), loaded: loaded.as_ref().clone() };
                    Some((provider, word))
                });
                let answer = answer.ok_or_else(|| ask::Silent::Connection("nothing is loaded yet".to_owned()));
                self.asked(&endpoint, answer);
                continue;
            }
            let keys = keys.clone();
            self.tasks.push(Box::pin(async move {
                let answer = ask::ask(&endpoint, &keys).await;
                Done::Asked(endpoint, answer)
            }));
        }
    }

    fn asked(&mut self, endpoint: &Endpoint, answer: Result<(ObjectKey, Acknowledgement), ask::Silent>) {
        if self.replicas.answered(endpoint, answer, Instant::now()) {
            let waiting: Vec<ObjectRef> = self.waiting.iter().cloned().collect();
            for object in waiting {
                self.look_at(object, crate::queue::Urgency::Edit);
            }
        }
    }

    /// Looks for records that have lost their source.
    pub(super) fn collect(&mut self) {
        let now = Instant::now();
        // What has just gone is first compiled without: its names may have to be reserved.
        if !self.garbage || self.garbage_busy || now < self.garbage_at || self.stale {
            return;
        }
        self.garbage = false;
        let garbage = Garbage::of(&self.world, &self.desired);
        if garbage.is_empty() {
            return;
        }
        self.garbage_busy = true;
        let client = self.client.clone();
        self.tasks.push(Box::pin(async move {
            // One request after the other, and each may be slow.
            Done::Garbage(answer(TIMEOUT * 10, garbage.collect(&client)).await)
        }));
    }

    fn garbage_done(&mut self, outcome: Result<usize, Failure>) {
        self.garbage_busy = false;
        match outcome {
            Ok(0) => {}
            Ok(kept) => {
                tracing::warn!(
                    kept,
                    "records are kept although their source is not seen: the API server does not say that it is gone"
                );
                self.garbage = true;
                self.garbage_at = Instant::now() + Duration::from_secs(10);
            }
            Err(failure) => {
                tracing::warn!("records without a source cannot be deleted: {failure}; this is tried again");
                self.garbage = true;
                self.garbage_at = Instant::now() + Duration::from_secs(2);
            }
        }
    }

    /// Sets the gauges.
    pub(super) fn count(&self) {
        fn ready(conditions: &[Condition]) -> bool {
            let is = |condition: &Condition| {
                condition.type_ == ConditionType::Ready && condition.status == ConditionStatus::True
            };
            conditions.iter().any(is)
        }
        let inputs = &self.world.inputs;
        macro_rules! count {
            ($kind:ident, $map:ident) => {
                let all = inputs.$map.len();
                let statuses = inputs.$map.values().filter_map(|object| object.status.as_ref());
                let well = statuses.filter(|status| ready(&status.conditions)).count();
                self.metrics.objects(Kind::$kind, well, all - well);
            };
        }
        count!(OidcProvider, providers);
        count!(OidcApplication, applications);
        count!(OidcUser, users);
        count!(OidcGroup, groups);
        count!(OidcResource, resources);
        self.metrics.keys(inputs.materials.values().flat_map(|material| material.signing.keys()));
    }
}

impl super::Record {
    /// Nothing is left to write: whatever is written next is no repetition.
    fn rests(&mut self) {
        self.last = None;
        self.repeated = 0;
    }

    /// Until when a write is to wait because it was made before and nothing has come of it: a field that somebody else
    /// owns, a webhook that takes out what we put in, a deletion that was not told yet.
    fn brake(&mut self, write: &Write, now: Instant) -> Option<Instant> {
        const FREE: u32 = 2;
        let name = write.name();
        if self.last.as_ref() != Some(&name) {
            self.last = Some(name);
            self.repeated = 0;
            self.brake_until = None;
            return None;
        }
        match self.brake_until.take() {
            Some(until) if until > now => self.brake_until = Some(until),
            // It has waited, or need not wait yet.
            Some(_) => self.repeated = self.repeated.saturating_add(1),
            None if self.repeated < FREE => self.repeated += 1,
            None => {
                let times = 2_u32.saturating_pow((self.repeated - FREE).min(10));
                let pause = Duration::from_millis(100).saturating_mul(times).min(Duration::from_secs(30));
                self.brake_until = Some(now + pause);
            }
        }
        self.brake_until
    }
}

/// Tells of a change in an Event. Nothing rests on it, and where it is not permitted nothing else suffers.
async fn tell(recorder: &Recorder, object: &ObjectRef, uid: Option<String>, said: &Said) {
    let mut note = said.message.clone();
    while note.len() > MAX_NOTE {
        note.pop();
    }
    let event = Event {
        type_: if said.well { EventType::Normal } else { EventType::Warning },
        reason: said.reason.clone(),
        note: Some(note),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    let reference = ObjectReference {
        api_version: Some(Kind::api_version().to_owned()),
        kind: Some(object.kind.as_str().to_owned()),
        name: Some(object.key.name.clone()),
        namespace: Some(object.key.namespace.clone()),
        uid,
        ..ObjectReference::default()
    };
    if let Err(error) = recorder.publish(&event, &reference).await {
        tracing::debug!("{object}: an Event could not be published: {error}");
    }
}

/// The ServiceAccount of this process as `namespace:name`, if the API server knows it as one.
pub(super) async fn account(client: &Client) -> Option<String> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let (params, question) = (PostParams::default(), SelfSubjectReview::default());
    let review = tokio::time::timeout(Duration::from_secs(2), reviews.create(&params, &question)).await.ok()?.ok()?;
    let username = review.status?.user_info?.username?;
    username.strip_prefix("system:serviceaccount:").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_changes_nothing_is_made_ever_more_seldom() {
        let write = |name: &str| Write::DeleteSecret(ObjectKey::new("n", name), String::new(), 1);
        let (mut record, mut now) = (super::super::Record::default(), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..14 {
            while let Some(until) = record.brake(&write("a"), now) {
                pauses.push((until - now).as_millis());
                assert_eq!(record.brake(&write("a"), now), Some(until), "looked at again meanwhile");
                now = until;
            }
        }
        assert_eq!(pauses[..4], [100, 200, 400, 800]);
        assert_eq!(pauses.last(), Some(&30_000));
        assert_eq!(record.brake(&write("b"), now), None, "another write");
        for _ in 0..10 {
            record.rests();
            assert_eq!(record.brake(&write("b"), now), None, "nothing was left to do in between");
        }
    }
}
