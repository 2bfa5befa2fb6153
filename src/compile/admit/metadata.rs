//! `metadata`, of which a schema says nothing: names, labels and annotations by the rules of the API server.

use serde_json::{Map, Value};

use super::structure::type_name;
use super::suggest;
use super::{FieldError, FieldReason};

/// Where objects of a kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// In a namespace.
    Namespaced,
    /// Beside the namespaces; the name is a label.
    Namespace,
}

/// Fields that people write and that mean something without a cluster.
const KEPT: &[&str] = &["name", "namespace", "labels", "annotations"];

/// Fields that the cluster sets, or that steer it. They come along when an object is exported; the API server replaces
/// or ignores them on create.
const DROPPED: &[&str] = &[
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "finalizers",
    "ownerReferences",
    "managedFields",
    "selfLink",
    "generateName",
];

/// Annotations together, in bytes.
const MAX_ANNOTATIONS: usize = 256 * 1024;

/// Drops what the cluster sets, status included, and nulls.
pub(super) fn tidy(value: &mut Value) {
    let Some(members) = value.as_object_mut() else { return };
    members.remove("status");
    let Some(Value::Object(metadata)) = members.get_mut("metadata") else { return };
    let nameless = metadata.get("name").is_none_or(Value::is_null);
    metadata.retain(|name, member| {
        !member.is_null() && (!DROPPED.contains(&name.as_str()) || nameless && name == "generateName")
    });
    for map in ["labels", "annotations"] {
        if let Some(Value::Object(entries)) = metadata.get_mut(map) {
            entries.retain(|_, entry| !entry.is_null());
        }
    }
}

/// Judges `metadata`.
pub(super) fn judge(value: &Value, scope: Scope, errors: &mut Vec<FieldError>) {
    let mut refuse =
        |path: &str, reason: FieldReason, message: String| errors.push(FieldError::new(path, reason, message));
    let metadata = match value.get("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(Value::Null) | None => {
            return refuse("metadata.name", FieldReason::Required, "is required".to_owned());
        }
        Some(found) => {
            return refuse("metadata", FieldReason::Type, format!("must be a map, this is {}", type_name(found)));
        }
    };
    for name in metadata.keys().filter(|name| !KEPT.contains(&name.as_str())) {
        let path = format!("metadata.{}", suggest::clip(name));
        match name.as_str() {
            "generateName" => refuse(&path, FieldReason::NotSupported, "has no effect in files: write name".to_owned()),
            _ => refuse(&path, FieldReason::Unknown, suggest::unknown_field(name, KEPT)),
        }
    }
    match (metadata.get("name"), scope) {
        (None, _) => refuse("metadata.name", FieldReason::Required, "is required".to_owned()),
        (Some(Value::String(name)), Scope::Namespaced) if is_subdomain(name) => {}
        (Some(Value::String(name)), Scope::Namespace) if is_label(name) => {}
        (Some(Value::String(name)), scope) => {
            let shape = match scope {
                Scope::Namespaced => "at most 253 lower-case letters, digits, `-` and `.`",
                Scope::Namespace => "at most 63 lower-case letters, digits and `-`",
            };
            let message = format!("`{}` must be {shape}, with a letter or digit at either end", suggest::clip(name));
            refuse("metadata.name", FieldReason::Invalid, message);
        }
        (Some(found), _) => not_a_text("metadata.name", found, &mut refuse),
    }
    match (metadata.get("namespace"), scope) {
        (None, Scope::Namespace) => {}
        (None, Scope::Namespaced) => refuse("metadata.namespace", FieldReason::Required, "is required".to_owned()),
        (Some(_), Scope::Namespace) => {
            let message = "a namespace lives in no namespace: take this out".to_owned();
            refuse("metadata.namespace", FieldReason::Invalid, message);
        }
        (Some(Value::String(namespace)), Scope::Namespaced) if is_label(namespace) => {}
        (Some(Value::String(namespace)), Scope::Namespaced) => {
            let message = format!(
                "`{}` must be at most 63 lower-case letters, digits and `-`, with a letter or digit at either end",
                suggest::clip(namespace)
            );
            refuse("metadata.namespace", FieldReason::Invalid, message);
        }
        (Some(found), Scope::Namespaced) => not_a_text("metadata.namespace", found, &mut refuse),
    }
    if let Some(labels) = entries(metadata, "labels", &mut refuse) {
        for (key, value) in labels {
            let path = format!("metadata.labels[{}]", suggest::clip(key));
            key_shape(&path, key, &mut refuse);
            match value {
                Value::String(text) if is_label_value(text) => {}
                Value::String(text) => {
                    let message = format!(
                        "`{}` must be at most 63 letters, digits and `- _ .`, with a letter or digit at either end",
                        suggest::clip(text)
                    );
                    refuse(&path, FieldReason::Invalid, message);
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    not_a_text(&path, value, &mut refuse);
                }
            }
        }
    }
    if let Some(annotations) = entries(metadata, "annotations", &mut refuse) {
        let mut size = 0;
        for (key, value) in annotations {
            let path = format!("metadata.annotations[{}]", suggest::clip(key));
            key_shape(&path, key, &mut refuse);
            match value {
                Value::String(text) => size += key.len() + text.len(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    not_a_text(&path, value, &mut refuse);
                }
            }
        }
        if size > MAX_ANNOTATIONS {
            let message = format!("must have at most {MAX_ANNOTATIONS} bytes together, have {size}");
            refuse("metadata.annotations", FieldReason::TooLong, message);
        }
    }
}

type Refuse<'a> = &'a mut dyn FnMut(&str, FieldReason, String);

fn not_a_text(path: &str, found: &Value, refuse: Refuse<'_>) {
    let message =
        format!("must be a text (in quotes where YAML would read something else), this is {}", type_name(found));
    refuse(path, FieldReason::Type, message);
}

fn entries<'m>(metadata: &'m Map<String, Value>, name: &str, refuse: Refuse<'_>) -> Option<&'m Map<String, Value>> {
    let found = metadata.get(name)?;
    let entries = found.as_object();
    if entries.is_none() {
        let message = format!("must be a map, this is {}", type_name(found));
        refuse(&format!("metadata.{name}"), FieldReason::Type, message);
    }
    entries
}

fn key_shape(path: &str, key: &str, refuse: Refuse<'_>) {
    if !is_qualified_name(key) {
        let message =
            "the key must be a name of at most 63 letters, digits and `- _ .`, with a DNS name and `/` in front if any";
        refuse(path, FieldReason::Invalid, message.to_owned());
    }
}

/// RFC 1123: a label of a host name, lower case.
pub(super) fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// RFC 1123: labels joined by dots.
pub(super) fn is_subdomain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_name_part(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && end(text.bytes().next()) && end(text.bytes().last())
}

fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_subdomain(&prefix.to_ascii_lowercase()) && is_name_part(name),
        None => is_name_part(text),
    }
}

fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name_part(text)
}

#[cfg(test)]
mod tests;
