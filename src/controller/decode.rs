//! From what the API server sends to the types of this version, and what to say where that does not work.
//!
//! One object that cannot be read must not hide the others. A field that this version does not know may be a restriction:
//! to read past it would be to serve more than its author asked for.

use std::fmt::Debug;

use api::{ObjectKey, Reason};
use compile::Diagnostic;
use kube::Resource;
use kube::core::DynamicObject;
use oidc::ids::Uid;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An object that exists and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Its UID.
    pub(crate) uid: Option<Uid>,
    /// Its generation.
    pub(crate) generation: Option<i64>,
    /// Where, and why.
    pub(crate) diagnostic: Diagnostic,
    /// What it shows now.
    pub(crate) status: Value,
}

/// Reads an object.
pub(crate) fn decode<K>(object: DynamicObject) -> Result<K, Box<Unreadable>>
where
    K: Resource + DeserializeOwned + Serialize + Debug,
{
    let unreadable = |path: &str, message: String| {
        Box::new(Unreadable {
            uid: object.metadata.uid.clone().map(Uid::new),
            generation: object.metadata.generation,
            diagnostic: Diagnostic::new(Reason::UnsupportedValue, path, message),
            status: object.data.get("status").cloned().unwrap_or(Value::Null),
        })
    };
    let spec = object.data.get("spec").cloned().unwrap_or(Value::Null);
    let whole = serde_json::to_value(&object).unwrap_or_default();
    let typed: K = match serde_json::from_value(whole) {
        Ok(typed) => typed,
        Err(error) => {
            return Err(unreadable("spec", format!("this version of the controller cannot read it: {error}")));
        }
    };
    let read = serde_json::to_value(&typed).unwrap_or_default();
    match unknown(&spec, read.get("spec").unwrap_or(&Value::Null), "spec") {
        None => Ok(typed),
        Some(path) => {
            let message =
                "this version of the controller does not know the field: take it out, or update the controller";
            Err(unreadable(&path, message.to_owned()))
        }
    }
}

/// The first field that was sent and not read. What is empty or null may be left out of what was read.
fn unknown(sent: &Value, read: &Value, path: &str) -> Option<String> {
    let nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    match (sent, read) {
        (sent, Value::Null) if !nothing(sent) => Some(path.to_owned()),
        (Value::Object(sent), Value::Object(read)) => sent
            .iter()
            .find_map(|(name, sent)| unknown(sent, read.get(name).unwrap_or(&Value::Null), &format!("{path}.{name}"))),
        (Value::Array(sent), Value::Array(read)) => sent.iter().enumerate().find_map(|(index, sent)| {
            unknown(sent, read.get(index).unwrap_or(&Value::Null), &format!("{path}[{index}]"))
        }),
        _ => None,
    }
}

/// Namespace and name; a cluster-wide object has no namespace.
pub(crate) fn key<K: Resource>(object: &K) -> ObjectKey {
    let metadata = object.meta();
    ObjectKey::new(metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

/// The resource version as a number; zero where there is none.
pub(crate) fn version<K: Resource>(object: &K) -> u128 {
    object.meta().resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use api::OidcApplication;
    use serde_json::json;

    use super::*;

    fn application(spec: Value) -> Result<OidcApplication, Box<Unreadable>> {
        let object = json!({
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "OidcApplication",
            "metadata": {"name": "notes", "namespace": "team-a", "uid": "u", "generation": 4}, "spec": spec,
        });
        decode(serde_json::from_value(object).unwrap())
    }

    #[test]
    fn f28_what_this_version_cannot_read_is_told_with_its_field() {
        let check = |spec: Value, path: &str, message: &str| {
            let unreadable = application(spec).unwrap_err();
            assert_eq!((unreadable.uid, unreadable.generation), (Some(Uid::new("u")), Some(4)));
            assert_eq!(unreadable.diagnostic.path, path);
            assert!(unreadable.diagnostic.message.contains(message), "{}", unreadable.diagnostic.message);
        };
        check(json!({"pkce": "PostQuantum"}), "spec", "PostQuantum");
        check(json!({"onlyOnSundays": true}), "spec.onlyOnSundays", "does not know the field");
        check(json!({"idToken": {"curve": "x"}}), "spec.idToken.curve", "does not know the field");
        check(
            json!({"claims": [{"name": "a", "value": "b"}, {"name": "c", "value": "d", "when": "now"}]}),
            "spec.claims[1].when",
            "does not know the field",
        );
    }

    #[test]
    fn what_is_empty_is_no_field() {
        let spec =
            json!({"redirectURIs": ["https://a.example/cb"], "displayName": null, "claims": [], "pairwise": null});
        let read = application(spec).unwrap();
        assert_eq!(read.spec.redirect_uris.len(), 1);
    }
}
