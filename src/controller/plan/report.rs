//! The status of an object, if it is not what it should be.

use api::{Condition, ConditionStatus, ConditionType, Kind, Reason};
use compile::status::{
    Observed, Servers, application_status, group_status, provider_status, resource_status, user_status,
};
use compile::verdict::{ApplicationFacts, GroupFacts, ProviderFacts, ResourceFacts, UserFacts};
use compile::{Diagnostic, Facts, ObjectRef, Verdict};
use kube::api::Patch;
use oidc::ids::Uid;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Progress, Said, View, Write};

impl View<'_> {
    /// The status to write, unless the object shows it already.
    pub(super) fn next_status(
        &self,
        object: &ObjectRef,
        progress: Progress,
        against: Vec<Diagnostic>,
    ) -> Option<Write> {
        let mut verdict = self.verdict(object)?;
        for one in against {
            // What all of its Secrets wait for is said once.
            if !verdict.diagnostics.contains(&one) {
                verdict.diagnostics.push(one);
            }
        }
        let servers = match progress {
            Progress::Known(servers) => servers,
            Progress::Unwritten | Progress::Unknown => Servers { serving: 1, loaded: 0 },
        };
        let inputs = &self.world.inputs;
        let observed = |previous| Observed { servers: Some(servers), previous, now: self.wall.to_string() };
        macro_rules! status {
            ($map:ident, $status:ident) => {{
                let unreadable = self.world.unreadable.get(object);
                let shown = unreadable.and_then(|one| serde_json::from_value(one.status.clone()).ok());
                let found = inputs.$map.get(&object.key).and_then(|found| found.status.as_ref()).or(shown.as_ref());
                let conditions = found.map(|found| found.conditions.as_slice()).unwrap_or_default();
                let wanted = $status(&verdict, &observed(conditions));
                let unchanged = found == Some(&wanted);
                (!unchanged).then(|| {
                    (said(object.kind, conditions, &wanted.conditions), body(object, verdict.uid.as_ref(), &wanted))
                })
            }};
        }
        let (said, patch) = match object.kind {
            Kind::OidcProvider => status!(providers, provider_status),
            Kind::OidcApplication => status!(applications, application_status),
            Kind::OidcUser => status!(users, user_status),
            Kind::OidcGroup => status!(groups, group_status),
            Kind::OidcResource => status!(resources, resource_status),
        }?;
        Some(Write::PutStatus(object.clone(), verdict.uid, patch, said))
    }

    /// What there is to say about an object that exists.
    fn verdict(&self, object: &ObjectRef) -> Option<Verdict> {
        if let Some(unreadable) = self.world.unreadable.get(object) {
            let facts = match object.kind {
                Kind::OidcProvider => Facts::Provider(ProviderFacts::default()),
                Kind::OidcApplication => Facts::Application(ApplicationFacts::default()),
                Kind::OidcUser => Facts::User(UserFacts::default()),
                Kind::OidcGroup => Facts::Group(GroupFacts::default()),
                Kind::OidcResource => Facts::Resource(ResourceFacts::default()),
            };
            return Some(Verdict {
                uid: unreadable.uid.clone(),
                generation: unreadable.generation,
                diagnostics: vec![unreadable.diagnostic.clone()],
                served: false,
                facts,
            });
        }
        let mut verdict = self.desired.verdict(object)?.clone();
        if object.kind == Kind::OidcProvider
            && let Some(lost) = self.world.lost.get(&object.key)
        {
            // More telling than that there is no key.
            for diagnostic in &mut verdict.diagnostics {
                if diagnostic.reason == api::Reason::KeySecretMissing {
                    diagnostic.message.clone_from(lost);
                }
            }
        }
        Some(verdict)
    }
}

fn body<S: Serialize>(object: &ObjectRef, uid: Option<&Uid>, status: &S) -> Patch<Value> {
    let mut metadata = json!({"name": object.key.name, "namespace": object.key.namespace});
    if let (Some(uid), Some(metadata)) = (uid, metadata.as_object_mut()) {
        // The status of an object that is gone is not written to another one of its name.
        metadata.insert("uid".to_owned(), uid.as_str().into());
    }
    Patch::Apply(json!({
        "apiVersion": Kind::api_version(), "kind": object.kind.as_str(), "metadata": metadata,
        "status": serde_json::to_value(status).unwrap_or_default(),
    }))
}

/// What is worth an Event: that an object has become ready, or why it is not, once per reason.
fn said(kind: Kind, before: &[Condition], after: &[Condition]) -> Option<Said> {
    let ready = |conditions: &[Condition]| {
        let found = conditions.iter().find(|condition| condition.type_ == ConditionType::Ready).cloned();
        found.map(|condition| (condition.status, condition.reason, condition.message))
    };
    let (status, reason, message) = ready(after)?;
    if ready(before).is_some_and(|(before, why, _)| (before, why) == (status, reason)) {
        return None;
    }
    let well = status == ConditionStatus::True;
    if reason == Reason::Pending {
        // What resolves itself in a moment is no complaint.
        return None;
    }
    let message = match (well, kind) {
        (false, _) => message,
        (true, Kind::OidcGroup) => "Its members are known.".to_owned(),
        (true, _) => "It is served everywhere.".to_owned(),
    };
    Some(Said { well, reason: reason.to_string(), message })
}
