//! All manifests together: what they add up to, before anything is known about identities and keys.

use std::collections::BTreeMap;

use api::{ObjectKey, OidcApplicationSpec, OidcUserSpec};
use compile::inputs::{CLIENT_SECRET_INPUT_TYPE, USER_PASSWORD_TYPE};
use compile::{Inputs, Mode, Object, ObjectRef, SecretInput, UserPassword, Verdict};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use oidc::ids::Uid;

use crate::finding::Finding;
use crate::identities::{Digests, Identities};
use crate::manifests::Reading;
use crate::manifests::entry::{Content, Entry, Named, SecretManifest};

/// What the manifests add up to.
#[derive(Debug, Default)]
pub struct World<'a> {
    objects: BTreeMap<ObjectRef, (&'a Entry, &'a Object)>,
    secrets: BTreeMap<ObjectKey, &'a SecretManifest>,
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// Every object of this group that is written down, with its digests unless it was refused.
    pub present: BTreeMap<ObjectRef, Option<Digests>>,
    /// What is wrong so far: files that cannot be read, and objects that were refused one by one or stand in two files.
    pub findings: Vec<Finding>,
    /// Documents that this program has no use for.
    pub others: usize,
}

impl<'a> World<'a> {
    /// Joins what was read. An object that is written down twice is refused in both places: nobody could say which one
    /// is meant.
    pub fn new(reading: &'a Reading) -> Self {
        let mut world = Self::default();
        world.findings.extend(reading.problems.iter().map(Finding::unreadable));
        let mut by_name: BTreeMap<&Named, Vec<&Entry>> = BTreeMap::new();
        for entry in reading.entries() {
            if matches!(entry.content, Content::Other) {
                world.others += 1;
            } else if entry.named.name.is_empty() {
                // What has no name cannot be named twice.
                world.refuse(entry);
            } else {
                by_name.entry(&entry.named).or_default().push(entry);
            }
        }
        for entries in by_name.into_values() {
            match entries.as_slice() {
                [entry] => world.add(entry),
                entries => world.refuse_duplicates(entries),
            }
        }
        world
    }

    /// How many objects of this group were not refused so far.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The providers that were not refused so far.
    pub fn providers(&self) -> impl Iterator<Item = (&ObjectKey, &'a api::OidcProvider)> {
        self.objects.iter().filter_map(|(object, (_, content))| match content {
            Object::Provider(provider) => Some((&object.key, provider)),
            Object::Application(_)
            | Object::User(_)
            | Object::Group(_)
            | Object::Resource(_)
            | Object::Secret(_)
            | Object::Namespace(_)
            | Object::Other { .. } => None,
        })
    }

    /// The applications that were not refused so far.
    pub fn applications(&self) -> impl Iterator<Item = (&ObjectRef, &'a OidcApplicationSpec)> {
        self.objects.iter().filter_map(|(object, (_, content))| match content {
            Object::Application(application) => Some((object, &application.spec)),
            Object::Provider(_)
            | Object::User(_)
            | Object::Group(_)
            | Object::Resource(_)
            | Object::Secret(_)
            | Object::Namespace(_)
            | Object::Other { .. } => None,
        })
    }

    /// The users that were not refused so far.
    pub fn users(&self) -> impl Iterator<Item = (&ObjectRef, &'a OidcUserSpec)> {
        self.objects.iter().filter_map(|(object, (_, content))| {
            let Object::User(user) = content else { return None };
            Some((object, &user.spec))
        })
    }

    /// The password Secrets that hold a password itself, as text or as octets that are none.
    pub fn secrets(&self) -> impl Iterator<Item = (&ObjectKey, &'a SecretManifest)> {
        self.secrets.iter().map(|(key, secret)| (key, *secret))
    }

    /// What the compile step may know, but for key material. Objects get their identity where there is one;
    /// `password` says what is known of a Secret with a user's password.
    pub fn inputs(
        &self,
        provider_namespace: &str,
        mode: Mode,
        identities: Option<&Identities>,
        password: &mut dyn FnMut(&ObjectKey, &SecretManifest) -> UserPassword,
    ) -> Inputs {
        let mut inputs = Inputs::empty(provider_namespace, mode);
        for (object, (_, content)) in &self.objects {
            let mut content: Object = (*content).clone();
            if let (Some(identity), Some(metadata)) =
                (identities.and_then(|known| known.get(object)), content.metadata_mut())
            {
                metadata.uid = Some(identity.uid.clone());
                metadata.generation = Some(identity.generation);
                metadata.creation_timestamp = jiff::Timestamp::from_second(identity.created).ok().map(Time);
                if let Some(claims) = &identity.claims {
                    inputs.claims_changed.insert(Uid::new(identity.uid.clone()), claims.updated_at);
                }
                if let Some(logins) = &identity.logins {
                    inputs.login_epochs.insert(Uid::new(identity.uid.clone()), logins.epoch);
                }
                if let Some(rotations) = &identity.rotations {
                    inputs.rotations.insert(Uid::new(identity.uid.clone()), rotations.clone());
                }
            }
            let key = object.key.clone();
            match content {
                Object::Provider(provider) => drop(inputs.providers.insert(key, provider)),
                Object::Application(application) => drop(inputs.applications.insert(key, application)),
                Object::Resource(resource) => drop(inputs.resources.insert(key, resource)),
                Object::User(user) => drop(inputs.users.insert(key, user)),
                Object::Group(group) => drop(inputs.groups.insert(key, group)),
                Object::Secret(_) | Object::Namespace(_) | Object::Other { .. } => {}
            }
        }
        for (key, secret) in &self.secrets {
            let input = match secret.type_.as_str() {
                USER_PASSWORD_TYPE => SecretInput::UserPassword(password(key, secret)),
                CLIENT_SECRET_INPUT_TYPE => SecretInput::ClientSecretInput(secret.data.clone()),
                other => SecretInput::WrongType(other.to_owned()),
            };
            inputs.secrets.insert(key.clone(), input);
        }
        inputs.namespaces = self.namespaces.clone();
        inputs
    }

    /// The verdict on an object as findings, each at the line of its field.
    pub fn findings_of(&self, object: &ObjectRef, verdict: &Verdict) -> Vec<Finding> {
        let Some((entry, _)) = self.objects.get(object) else { return Vec::new() };
        let diagnostics = verdict.diagnostics.iter();
        diagnostics
            .map(|diagnostic| {
                let line = entry.lines.find(&diagnostic.path);
                let reason = diagnostic.reason.as_str();
                Finding::new(&entry.source, line, &entry.named, &diagnostic.path, reason, diagnostic.message.clone())
            })
            .collect()
    }

    /// Where an object is written down.
    pub fn finding_at(&self, object: &ObjectRef, path: &str, reason: &str, message: String) -> Option<Finding> {
        let (entry, _) = self.objects.get(object)?;
        Some(Finding::new(&entry.source, entry.lines.find(path), &entry.named, path, reason, message))
    }

    fn add(&mut self, entry: &'a Entry) {
        let key = ObjectKey::new(&entry.named.namespace, &entry.named.name);
        match &entry.content {
            Content::Object(object, digests) => {
                if let Some(name) = entry.object_ref() {
                    self.present.insert(name.clone(), Some(digests.clone()));
                    self.objects.insert(name, (entry, object));
                }
            }
            Content::Secret(secret) => drop(self.secrets.insert(key, secret)),
            Content::Namespace(labels) => drop(self.namespaces.insert(key.name, labels.clone())),
            Content::Refused(_) => self.refuse(entry),
            Content::Other => {}
        }
    }

    fn refuse(&mut self, entry: &Entry) {
        if let Some(object) = entry.object_ref() {
            self.present.entry(object).or_insert(None);
        }
        if let Content::Refused(errors) = &entry.content {
            self.findings.extend(errors.iter().map(|error| {
                let line = entry.lines.find(&error.path);
                let reason = error.reason.as_str();
                Finding::new(&entry.source, line, &entry.named, &error.path, reason, error.message.clone())
            }));
        }
    }

    fn refuse_duplicates(&mut self, entries: &[&Entry]) {
        for entry in entries {
            self.refuse(entry);
            let others: Vec<_> = entries
                .iter()
                .filter(|other| other.source != entry.source)
                .map(|other| other.source.to_string())
                .collect();
            let message = format!("is also at {}: none of them is used until only one is left", others.join(", "));
            let line = entry.lines.find("metadata.name");
            self.findings.push(Finding::new(&entry.source, line, &entry.named, "metadata.name", "Duplicate", message));
        }
    }
}

#[cfg(test)]
mod tests;
