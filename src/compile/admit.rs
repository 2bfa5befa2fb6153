//! What the API server would have done to a manifest, without one: drop nulls, fill in defaults, judge the structure, judge
//! the CEL rules, decode.
//!
//! The order is the API server's. Nothing is judged twice: the rules of the CEL engine that kube brings cover CEL only,
//! so lengths, patterns, ranges, enumerations and unknown fields are judged here, from the same schema.

mod builtin;
mod complete;
mod metadata;
mod object;
mod rules;
mod schema;
mod structure;
mod suggest;

use api::Kind;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use object::Object;

/// One thing that is wrong with one field of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldError {
    /// The field, such as `spec.redirectURIs[0]`; empty for the manifest as a whole.
    pub path: String,
    /// What is wrong, for machines.
    pub reason: FieldReason,
    /// What is wrong, for people, and what mends it.
    pub message: String,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldReason {
    /// It is missing.
    Required,
    /// Its value is malformed or out of range.
    Invalid,
    /// Its value is not in the list of those that exist.
    NotSupported,
    /// Its text is too long.
    TooLong,
    /// It has too many items.
    TooMany,
    /// A list names something twice.
    Duplicate,
    /// No such field.
    Unknown,
    /// It is of another type.
    Type,
    /// A CEL rule of the schema refuses it.
    Rule {
        /// Its name, as [`api::rules`] lists it.
        id: String,
    },
}

impl FieldReason {
    /// One word, as it stands in reports.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Required => "Required",
            Self::Invalid => "Invalid",
            Self::NotSupported => "NotSupported",
            Self::TooLong => "TooLong",
            Self::TooMany => "TooMany",
            Self::Duplicate => "Duplicate",
            Self::Unknown => "Unknown",
            Self::Type => "Type",
            Self::Rule { .. } => "Rule",
        }
    }

    /// Whether rules that see this field would judge nonsense.
    fn blocks_rules(&self) -> bool {
        match self {
            Self::Required | Self::TooLong | Self::TooMany | Self::Type | Self::NotSupported => true,
            Self::Invalid | Self::Duplicate | Self::Unknown | Self::Rule { .. } => false,
        }
    }
}

impl FieldError {
    pub(crate) fn new(path: impl Into<String>, reason: FieldReason, message: impl Into<String>) -> Self {
        Self { path: path.into(), reason, message: message.into() }
    }
}

/// Admits a manifest as a new object: rules that compare with a former state do not apply. All errors are collected.
///
/// The result holds what a manifest can say: fields that the cluster sets (UID, generation, times, status) are dropped.
pub fn admit(value: Value) -> Result<Object, Vec<FieldError>> {
    decide(value, None)
}

/// Admits a manifest as an edit of `old`, a manifest of the same object that was admitted before: immutable fields are
/// judged too. An `old` that is another object, or was not admitted, counts as absent.
pub fn admit_update(old: &Value, new: Value) -> Result<Object, Vec<FieldError>> {
    decide(new, Some(old))
}

fn decide(mut value: Value, old: Option<&Value>) -> Result<Object, Vec<FieldError>> {
    let (api_version, kind) = type_of(&value)?;
    match (api_version.split_once('/'), kind.as_str()) {
        (Some((api::GROUP, api::VERSION)), _) => {}
        (Some((api::GROUP, _)), _) => {
            let message = format!("`{api_version}` does not exist: write {}/{}", api::GROUP, api::VERSION);
            return Err(vec![FieldError::new("apiVersion", FieldReason::NotSupported, message)]);
        }
        (None, "Secret") if api_version == "v1" => return builtin::secret(value).map(Object::Secret),
        (None, "Namespace") if api_version == "v1" => return builtin::namespace(value).map(Object::Namespace),
        (Some(_) | None, _) => return Ok(other(api_version, kind, &value)),
    }
    let Ok(kind) = kind.parse::<Kind>() else {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        return Err(vec![FieldError::new("kind", FieldReason::NotSupported, suggest::one_of(&kind, &known))]);
    };
    let schema = schema::of(kind).as_ref().map_err(|error| {
        vec![FieldError::new("", FieldReason::Invalid, format!("manifests of this kind cannot be judged: {error}"))]
    })?;
    let mut errors = Vec::new();
    metadata::tidy(&mut value);
    metadata::judge(&value, metadata::Scope::Namespaced, &mut errors);
    complete::complete(&schema.root, &mut value);
    structure::judge(&schema.root, &value, &mut errors);
    let old = old.and_then(|old| former(schema, &value, old));
    rules::judge(schema, &value, old.as_ref(), &mut errors);
    if !errors.is_empty() {
        errors.sort();
        errors.dedup();
        return Err(errors);
    }
    match kind {
        Kind::OidcProvider => decode(value).map(Object::Provider),
        Kind::OidcApplication => decode(value).map(Object::Application),
        Kind::OidcResource => decode(value).map(Object::Resource),
        Kind::OidcUser => decode(value).map(Object::User),
        Kind::OidcGroup => decode(value).map(Object::Group),
    }
}

/// The former state as it was stored, if it is one.
fn former(schema: &schema::Schema, new: &Value, old: &Value) -> Option<Value> {
    let mut old = old.clone();
    metadata::tidy(&mut old);
    complete::complete(&schema.root, &mut old);
    let mut errors = Vec::new();
    structure::judge(&schema.root, &old, &mut errors);
    let same = ["/apiVersion", "/kind", "/metadata/namespace", "/metadata/name"]
        .iter()
        .all(|pointer| old.pointer(pointer) == new.pointer(pointer));
    (same && errors.is_empty()).then_some(old)
}

fn type_of(value: &Value) -> Result<(String, String), Vec<FieldError>> {
    if !value.is_object() {
        let found = structure::type_name(value);
        let message = format!("a manifest is a map with apiVersion and kind, this is {found}");
        return Err(vec![FieldError::new("", FieldReason::Type, message)]);
    }
    let mut errors = Vec::new();
    let mut text = |field: &str| match value.get(field) {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(Value::Null) | None => {
            errors.push(FieldError::new(field, FieldReason::Required, "is required"));
            String::new()
        }
        Some(_) => {
            errors.push(FieldError::new(field, FieldReason::Type, "must be a text that is not empty"));
            String::new()
        }
    };
    let both = (text("apiVersion"), text("kind"));
    if errors.is_empty() { Ok(both) } else { Err(errors) }
}

fn other(api_version: String, kind: String, value: &Value) -> Object {
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    Object::Other { api_version, kind, name }
}

/// What the schema admits decodes; should the two ever disagree, the object is refused with the decoder's words.
fn decode<T: DeserializeOwned>(value: Value) -> Result<T, Vec<FieldError>> {
    serde_json::from_value(value).map_err(|error| vec![FieldError::new("", FieldReason::Invalid, error.to_string())])
}

#[cfg(test)]
mod tests;
