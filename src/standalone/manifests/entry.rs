//! One document as an object, or why it is none.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use api::{Kind, ObjectKey};
use compile::{FieldError, FieldReason, Object, ObjectRef};
use crypto::Secret;
use k8s_openapi::api::core::v1 as core;
use serde::Serialize;
use serde_json::{Map, Value};

use super::lines::Lines;
use super::yaml::Document;
use crate::identities::Digests;

/// Where an object without a namespace lives.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Where a document starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The file, as the user named it.
    pub file: Arc<Path>,
    /// The line, counted from 1.
    pub line: u32,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// What a manifest calls itself; texts that it does not give are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`, filled in; empty for kinds that have none.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
}

/// A document of a file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it starts.
    pub source: Source,
    /// What it calls itself.
    pub named: Named,
    /// Where its fields stand.
    pub lines: Arc<Lines>,
    /// What it is.
    pub content: Content,
    /// A digest of what was judged, of objects of this group.
    pub(super) fingerprint: Option<Fingerprint>,
}

/// A digest of a document.
pub(super) type Fingerprint = [u8; 32];

/// What a document turned out to be.
#[derive(Clone, Debug)]
pub enum Content {
    /// An object of this group.
    Object(Box<Object>, Digests),
    /// A Secret.
    Secret(SecretManifest),
    /// The labels of a Namespace.
    Namespace(BTreeMap<String, String>),
    /// An object that would be used, had it no errors.
    Refused(Vec<FieldError>),
    /// Something that this program has no use for.
    Other,
}

/// A Secret, reduced to what may be used of it.
#[derive(Clone, Debug)]
pub struct SecretManifest {
    /// Its type.
    pub type_: String,
    /// `data` and `stringData` together.
    pub data: BTreeMap<String, Secret<Vec<u8>>>,
}

impl Entry {
    /// Judges a document as the API server would, unless an equal one is among the `known`.
    pub(super) fn new(file: &Arc<Path>, document: Document, known: &BTreeMap<Fingerprint, &Content>) -> Self {
        let Document { mut value, lines, traps } = document;
        let text = |pointer| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
        let scope = Scope::of(&api_version, &kind);
        let namespace = match scope {
            Scope::Group | Scope::Secret => fill_namespace(&mut value),
            Scope::Namespace => String::new(),
            Scope::Other => text("/metadata/namespace"),
        };
        let source = Source { file: Arc::clone(file), line: lines.line() };
        let (named, lines) = (Named { kind, namespace, name }, Arc::new(lines));
        // A trap does not show in the value.
        let fingerprint =
            (scope == Scope::Group && traps.is_empty()).then(|| crypto::hash::sha256(value.to_string().as_bytes()));
        if let Some(content) = fingerprint.and_then(|fingerprint| known.get(&fingerprint)) {
            return Self { source, named, lines, content: (*content).clone(), fingerprint };
        }
        let mut errors: Vec<_> = if scope == Scope::Other { Vec::new() } else { traps }
            .into_iter()
            .map(|trap| FieldError { path: trap.path, reason: FieldReason::Invalid, message: trap.message })
            .collect();
        let content = match compile::admit(value) {
            Err(more) => {
                errors.extend(more);
                Content::Refused(errors)
            }
            Ok(_) if !errors.is_empty() => Content::Refused(errors),
            Ok(object) => content(object),
        };
        Self { source, named, lines, content, fingerprint }
    }

    /// The object of this group that it is, or would be.
    pub fn object_ref(&self) -> Option<ObjectRef> {
        let kind = self.named.kind.parse::<Kind>().ok()?;
        let relevant = !matches!(self.content, Content::Other) && !self.named.name.is_empty();
        relevant.then(|| ObjectRef::new(kind, ObjectKey::new(&self.named.namespace, &self.named.name)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Group,
    Secret,
    Namespace,
    Other,
}

impl Scope {
    fn of(api_version: &str, kind: &str) -> Self {
        match (api_version, kind) {
            ("v1", "Secret") => Self::Secret,
            ("v1", "Namespace") => Self::Namespace,
            _ if api_version.split('/').next() == Some(api::GROUP) => Self::Group,
            _ => Self::Other,
        }
    }
}

/// What `kubectl` does with an object without a namespace.
fn fill_namespace(value: &mut Value) -> String {
    let Some(object) = value.as_object_mut() else { return String::new() };
    let metadata = object.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    // What has another type is refused with the rest of the metadata.
    let Some(metadata) = metadata.as_object_mut() else { return String::new() };
    let namespace = metadata.entry("namespace").or_insert(Value::Null);
    if namespace.is_null() || namespace.as_str() == Some("") {
        *namespace = Value::String(DEFAULT_NAMESPACE.to_owned());
    }
    namespace.as_str().unwrap_or_default().to_owned()
}

fn content(object: Object) -> Content {
    let digests = match &object {
        Object::Provider(provider) => spec_only(&provider.spec),
        Object::Application(application) => spec_only(&application.spec),
        Object::Resource(resource) => spec_only(&resource.spec),
        Object::Group(group) => spec_only(&group.spec),
        Object::User(user) => Digests { claims: Some(compile::claims_digest(&user.spec)), ..spec_only(&user.spec) },
        Object::Secret(_) | Object::Namespace(_) | Object::Other { .. } => return plain(object),
    };
    Content::Object(Box::new(object), digests)
}

fn plain(object: Object) -> Content {
    match object {
        Object::Secret(core::Secret { data, type_, .. }) => {
            let data = data.unwrap_or_default().into_iter().map(|(key, octets)| (key, Secret::new(octets.0)));
            Content::Secret(SecretManifest {
                type_: type_.unwrap_or_else(|| "Opaque".to_owned()),
                data: data.collect(),
            })
        }
        Object::Namespace(namespace) => Content::Namespace(namespace.metadata.labels.unwrap_or_default()),
        Object::Provider(_)
        | Object::Application(_)
        | Object::Resource(_)
        | Object::Group(_)
        | Object::User(_)
        | Object::Other { .. } => Content::Other,
    }
}

fn spec_only<T: Serialize>(spec: &T) -> Digests {
    Digests { spec: digest(spec), claims: None }
}

fn digest<T: Serialize>(value: &T) -> String {
    // Serialising values that were decoded from JSON cannot fail.
    let json = serde_json::to_vec(value).unwrap_or_default();
    crypto::b64::encode(&crypto::hash::sha256(&json))
}

#[cfg(test)]
mod tests;
