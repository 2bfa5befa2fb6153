//! The Secret of an application: a chain of small checks, each with its reason.

use std::collections::{BTreeMap, BTreeSet};

use api::{ConditionType, DeletionPolicy, Kind, ObjectKey, Reason};
use compile::credentials::APPLICATION_UID_LABEL;
use compile::inputs::CLIENT_CREDENTIALS_TYPE;
use compile::status::Servers;
use compile::{CredentialSecret, Diagnostic, ObjectRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use oidc::ids::Uid;

use super::{Memory, Progress, View, Write};
use crate::names::owner;
use crate::observed::ObservedSecret;
use crate::world::Access;

/// Where an application says what Secret it wants; each of its accounts says so in a field of its own.
pub(crate) const PATH: &str = "spec.clientAuthentication.clientSecret.target";

/// The annotation that says what becomes of the Secret once the application is gone: then nothing else could.
pub(crate) const DELETION_POLICY_ANNOTATION: &str = "portcullis.dev/deletion-policy";

/// A Secret as it is to be written.
#[derive(Clone, Debug)]
pub(crate) struct SecretBody {
    /// What the compilation made.
    pub(crate) secret: CredentialSecret,
    /// Its owner; none under Retain.
    pub(crate) owner: Option<OwnerReference>,
}

/// What is to be taken out of a Secret. Server-side apply alone does not: the field stays with whoever else has written
/// it, and that is this very manager when it created the Secret.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trimmings {
    /// Keys of the data.
    pub(crate) keys: Vec<String>,
    /// Labels.
    pub(crate) labels: Vec<String>,
    /// Annotations.
    pub(crate) annotations: Vec<String>,
    /// The owners that stay, if one goes.
    pub(crate) owners: Option<Vec<OwnerReference>>,
    /// UID of the Secret.
    pub(crate) uid: String,
    /// Its version.
    pub(crate) version: u128,
}

impl Trimmings {
    /// What is too much, if anything is.
    fn of(found: &ObservedSecret, body: &SecretBody) -> Option<Self> {
        let SecretBody { secret, owner } = body;
        let notes = annotations(secret);
        let stale = |own: &BTreeSet<String>, there: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>| {
            let names = own.iter().filter(|name| there.contains_key(*name) && !wanted.contains_key(*name));
            names.cloned().collect::<Vec<_>>()
        };
        let keys = found.own_keys.iter().filter(|name| !secret.data.contains_key(*name));
        let is_owner = |one: &OwnerReference| one.uid == secret.application_uid.as_str();
        let owned = owner.is_none() && found.owners.iter().any(is_owner);
        let trimmings = Self {
            keys: keys.filter(|name| found.data.contains_key(*name)).cloned().collect(),
            labels: stale(&found.own_labels, &found.labels, &secret.labels),
            annotations: stale(&found.own_annotations, &found.annotations, &notes),
            owners: owned.then(|| found.owners.iter().filter(|one| !is_owner(one)).cloned().collect()),
            uid: found.uid.clone(),
            version: found.version,
        };
        let Self { keys, labels, annotations, owners, uid: _, version: _ } = &trimmings;
        let nothing = keys.is_empty() && labels.is_empty() && annotations.is_empty() && owners.is_none();
        (!nothing).then_some(trimmings)
    }
}

/// What comes next for the Secret.
#[derive(Debug)]
pub(super) enum Step {
    /// This.
    Write(Box<Write>),
    /// Its namespace has not been looked into yet.
    Unknown,
    /// A client secret that takes the place of another stands in it: there is something to say once that is written down.
    HandedOut,
    /// Nothing; and what there is against it.
    Done(Vec<Diagnostic>),
}

impl View<'_> {
    /// What comes next for the Secrets of an application: one after the other, and then what is left over.
    pub(super) fn next_secret(&self, object: &ObjectRef, progress: Progress, memory: &mut Memory) -> Step {
        static NONE: BTreeSet<ObjectKey> = BTreeSet::new();
        let application = &object.key;
        let wanted = self.desired.secrets.get(application).unwrap_or(&NONE);
        // Where no record is to be written, no server will ever know what stands in a Secret.
        let recorded = self.desired.records.contains_key(object);
        let progress = if recorded { progress } else { Progress::Unwritten };
        let (mut against, mut handed_out) = (Vec::new(), false);
        for key in wanted {
            let Some(secret) = self.desired.compiled.as_ref().and_then(|compiled| compiled.credentials.get(key)) else {
                continue;
            };
            match self.next_of(application, key, secret, progress) {
                Step::Done(found) => {
                    memory.troubles.remove(key);
                    against.extend(found);
                }
                Step::HandedOut => {
                    memory.troubles.remove(key);
                    handed_out = true;
                }
                Step::Unknown => return Step::Unknown,
                Step::Write(write) => match self.blocked(key, memory) {
                    None => return Step::Write(write),
                    blocked => against.extend(blocked),
                },
            }
        }
        if !against.is_empty() {
            return Step::Done(against);
        }
        if handed_out {
            return Step::HandedOut;
        }
        let leftover = self.leftover(application, wanted);
        let left = leftover.as_ref().and_then(Write::secret);
        memory.troubles.retain(|key, _| Some(key) == left);
        let blocked = left.and_then(|key| self.blocked(key, memory));
        match (leftover, blocked) {
            (Some(write), None) => Step::Write(Box::new(write)),
            (_, blocked) => Step::Done(blocked.into_iter().collect()),
        }
    }

    /// Why a Secret is left alone for now.
    fn blocked(&self, key: &ObjectKey, memory: &Memory) -> Option<Diagnostic> {
        let trouble = memory.troubles.get(key).filter(|trouble| trouble.until > self.now)?;
        Some(trouble.against.clone())
    }

    fn next_of(&self, application: &ObjectKey, key: &ObjectKey, secret: &CredentialSecret, progress: Progress) -> Step {
        let path = &secret.path;
        match self.world.access(&key.namespace) {
            Access::Unknown => return Step::Unknown,
            Access::Granted => {}
            Access::Denied => return Step::Done(vec![self.forbidden(key, path)]),
            Access::Never => {
                let message =
                    "the controller was started with --secrets None and writes no Secret: use a client without \
                               a secret, or have it started with PerNamespace"
                        .to_owned();
                return Step::Done(vec![Diagnostic::new(Reason::Forbidden, path, message)]);
            }
        }
        let body = SecretBody { secret: secret.clone(), owner: owner_of(application, secret) };
        let Some(found) = self.world.credentials.get(key) else {
            return match gate(progress) {
                None => Step::Write(Box::new(Write::CreateSecret(key.clone(), body))),
                Some(waiting) => Step::Done(vec![waiting]),
            };
        };
        if found.application().as_ref() != Some(&secret.application_uid) {
            if self.is_orphan(key, found) {
                // The garbage collector will come for it; until then it only stands in the way.
                return Step::Write(Box::new(Write::DeleteSecret(key.clone(), found.uid.clone(), found.version)));
            }
            let message = format!(
                "Secret `{}` belongs to another application, or to one that is gone (deletionPolicy: Retain): choose \
                 another name, or delete it",
                key.name
            );
            return Step::Done(vec![Diagnostic::new(Reason::SecretConflict, format!("{path}.name"), message)]);
        }
        if let Some((manager, name)) = contested(found, secret) {
            let message = format!(
                "`{manager}` keeps applying key `{name}` of Secret `{}` with another value: take it out of what it \
                 applies, or choose another name here",
                key.name
            );
            return Step::Done(vec![Diagnostic::new(Reason::SecretConflict, format!("{path}.data"), message)]);
        }
        match difference(found, &body) {
            Difference::None => {}
            // One that waits to take the place of another that is good as well.
            Difference::Data if gate(progress).is_some() && secret.is_rotating => {
                let waiting = gate(progress).map(|gate| Diagnostic { reason: Reason::Rotating, ..gate });
                return Step::Done(waiting.into_iter().collect());
            }
            Difference::Data if gate(progress).is_some() => return Step::Done(gate(progress).into_iter().collect()),
            Difference::Data | Difference::Metadata => {
                return Step::Write(Box::new(Write::ApplySecret(key.clone(), body, found.uid.clone())));
            }
        }
        match Trimmings::of(found, &body) {
            None if secret.is_rotating => Step::HandedOut,
            None => Step::Done(Vec::new()),
            Some(trimmings) => Step::Write(Box::new(Write::Trim(key.clone(), trimmings))),
        }
    }

    fn forbidden(&self, key: &ObjectKey, path: &str) -> Diagnostic {
        let command = binding_command(self.account, &key.namespace);
        let message = format!("the controller may not write Secrets in this namespace; to let it: {command}");
        Diagnostic::new(Reason::Forbidden, path, message)
    }

    /// Whether a Secret was written for an application of its namespace that is gone, to go with it.
    fn is_orphan(&self, key: &ObjectKey, found: &ObservedSecret) -> bool {
        let Some(uid) = found.application() else { return false };
        let is_owner = |object: &api::OidcApplication| object.metadata.uid.as_deref() == Some(uid.as_str());
        let lives = self.world.applications_in(&key.namespace).any(|(_, object)| is_owner(object))
            || self.world.unreadable.values().any(|object| object.uid.as_ref() == Some(&uid));
        !lives && !is_kept(found)
    }

    /// A Secret that was written for an application which does not want it any more, once nothing else is wrong with it:
    /// what is mounted is not taken away over a mistake.
    fn leftover(&self, application: &ObjectKey, wanted: &BTreeSet<ObjectKey>) -> Option<Write> {
        let object = self.world.inputs.applications.get(application)?;
        let uid = object.metadata.uid.clone().map(Uid::new)?;
        let verdict = self.desired.verdict(&ObjectRef::new(Kind::OidcApplication, application.clone()))?;
        if !verdict.settles_secrets() || self.world.access(&application.namespace) != Access::Granted {
            return None;
        }
        self.world.credentials_of.get(&uid)?.iter().find_map(|key| {
            let found = self.world.credentials.get(key)?;
            let here = key.namespace == application.namespace;
            (here && !wanted.contains(key) && !is_kept(found))
                .then(|| Write::DeleteSecret(key.clone(), found.uid.clone(), found.version))
        })
    }
}

/// What mends a missing RoleBinding. `account` is the controller's, as `namespace:name`.
pub(crate) fn binding_command(account: Option<&str>, namespace: &str) -> String {
    let account = account.unwrap_or("NAMESPACE:SERVICEACCOUNT");
    format!(
        "kubectl create rolebinding portcullis-secrets --namespace {namespace} --clusterrole portcullis-tenant-secrets \
         --serviceaccount {account}"
    )
}

/// Whether it outlives its application.
fn is_kept(found: &ObservedSecret) -> bool {
    let policy = found.annotations.get(DELETION_POLICY_ANNOTATION).map(String::as_str);
    policy != Some(DeletionPolicy::Delete.as_str())
}

/// What keeps new content from being handed out: a server that would refuse it.
fn gate(progress: Progress) -> Option<Diagnostic> {
    let message = match progress {
        _ if progress.is_everywhere() => return None,
        Progress::Known(Servers { serving, loaded }) => {
            format!("the Secret is written once every server accepts it: {loaded} of {serving} do")
        }
        Progress::Unwritten | Progress::Unknown => "the Secret is written once every server accepts it".to_owned(),
    };
    Some(Diagnostic {
        condition: ConditionType::CredentialsReady,
        reason: Reason::WaitingForServers,
        path: String::new(),
        message,
    })
}

/// The reference by which the Secret goes with its application.
fn owner_of(application: &ObjectKey, secret: &CredentialSecret) -> Option<OwnerReference> {
    match secret.deletion_policy {
        DeletionPolicy::Retain => None,
        DeletionPolicy::Delete => Some(owner(Kind::OidcApplication, application, secret.application_uid.as_str())),
    }
}

/// Another manager that keeps applying a value which is not ours. What somebody has edited once is ours again.
fn contested<'f>(found: &'f ObservedSecret, secret: &CredentialSecret) -> Option<(&'f str, &'f str)> {
    let differs = |name: &str| match (found.data.get(name), secret.data.get(name)) {
        (Some(found), Some(wanted)) => !found.verify(wanted.expose().as_bytes()),
        (_, None) | (None, _) => false,
    };
    found.appliers.iter().find_map(|(manager, keys)| {
        keys.iter().find(|name| differs(name)).map(|name| (manager.as_str(), name.as_str()))
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    None,
    Metadata,
    Data,
}

fn difference(found: &ObservedSecret, body: &SecretBody) -> Difference {
    let SecretBody { secret, owner } = body;
    let same = |name: &String| {
        let wanted = secret.data.get(name);
        found.data.get(name).zip(wanted).is_some_and(|(found, wanted)| found.verify(wanted.expose().as_bytes()))
    };
    if !secret.data.keys().all(same) {
        return Difference::Data;
    }
    let contains = |found: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>| {
        wanted.iter().all(|(name, value)| found.get(name) == Some(value))
    };
    let owned = match owner {
        Some(owner) => found.owners.iter().any(|one| one == owner),
        // One that is too much is taken out.
        None => true,
    };
    let labelled = contains(&found.labels, &secret.labels)
        && found.labels.get(APPLICATION_UID_LABEL).map(String::as_str) == Some(secret.application_uid.as_str());
    let annotated = contains(&found.annotations, &annotations(secret));
    if owned && labelled && annotated && found.type_ == CLIENT_CREDENTIALS_TYPE {
        Difference::None
    } else {
        Difference::Metadata
    }
}

/// The annotations, with what becomes of the Secret when its application goes.
pub(crate) fn annotations(secret: &CredentialSecret) -> BTreeMap<String, String> {
    let mut annotations = secret.annotations.clone();
    annotations.insert(DELETION_POLICY_ANNOTATION.to_owned(), secret.deletion_policy.to_string());
    annotations
}
