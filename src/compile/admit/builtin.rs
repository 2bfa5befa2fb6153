//! Secrets and Namespaces, whose schemas are the API server's own.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use serde_json::{Map, Value};

use super::structure::type_name;
use super::{FieldError, FieldReason, decode, metadata, suggest};

/// Bytes of all values of a Secret together.
const MAX_SECRET: usize = 1024 * 1024;

/// Admits a Secret. No message quotes a value, right or wrong.
pub(super) fn secret(mut value: Value) -> Result<Secret, Vec<FieldError>> {
    const KNOWN: &[&str] = &["type", "data", "stringData", "immutable", "metadata"];
    let mut errors = Vec::new();
    metadata::tidy(&mut value);
    metadata::judge(&value, metadata::Scope::Namespaced, &mut errors);
    let mut data = BTreeMap::new();
    let mut type_ = None;
    let mut immutable = None;
    for (name, member) in value.as_object().into_iter().flatten() {
        let mut wrong = |wanted: &str| {
            let message = format!("must be {wanted}, this is {}", type_name(member));
            errors.push(FieldError::new(name, FieldReason::Type, message));
        };
        match (name.as_str(), member) {
            ("apiVersion" | "kind" | "metadata", _) | (_, Value::Null) | ("data" | "stringData", Value::Object(_)) => {}
            ("type", Value::String(text)) => type_ = Some(text.clone()),
            ("type", _) => wrong("a text"),
            ("immutable", Value::Bool(flag)) => immutable = Some(*flag),
            ("immutable", _) => wrong("true or false"),
            ("data" | "stringData", _) => wrong("a map"),
            _ => errors.push(FieldError::new(name, FieldReason::Unknown, suggest::unknown_field(name, KNOWN))),
        }
    }
    // Where both name a key, `stringData` wins.
    for field in ["data", "stringData"] {
        for (key, entry) in value.get(field).and_then(Value::as_object).into_iter().flatten() {
            let path = format!("{field}[{}]", suggest::clip(key));
            if !is_data_key(key) {
                let message = "the key must be at most 253 letters, digits and `- _ .`";
                errors.push(FieldError::new(&path, FieldReason::Invalid, message));
            }
            match (field, entry) {
                (_, Value::Null) => {
                    data.insert(key.clone(), ByteString(Vec::new()));
                }
                ("stringData", Value::String(text)) => {
                    data.insert(key.clone(), ByteString(text.clone().into_bytes()));
                }
                (_, Value::String(_)) => {
                    if let Ok(bytes) = serde_json::from_value::<ByteString>(entry.clone()) {
                        data.insert(key.clone(), bytes);
                    } else {
                        let message = "is not base64: write the text itself under stringData";
                        errors.push(FieldError::new(&path, FieldReason::Invalid, message));
                    }
                }
                (_, _) => {
                    let message = format!("must be a text in quotes, this is {}", type_name(entry));
                    errors.push(FieldError::new(&path, FieldReason::Type, message));
                }
            }
        }
    }
    let size: usize = data.values().map(|bytes| bytes.0.len()).sum();
    if size > MAX_SECRET {
        let message = format!("must have at most {MAX_SECRET} bytes together, have {size}");
        errors.push(FieldError::new("data", FieldReason::TooLong, message));
    }
    if !errors.is_empty() {
        errors.sort();
        return Err(errors);
    }
    let metadata = value.get_mut("metadata").map(Value::take).unwrap_or_default();
    Ok(Secret { data: Some(data), immutable, metadata: decode(metadata)?, string_data: None, type_ })
}

/// Admits a Namespace; all that matters are its labels.
pub(super) fn namespace(mut value: Value) -> Result<Namespace, Vec<FieldError>> {
    let mut errors = Vec::new();
    metadata::tidy(&mut value);
    metadata::judge(&value, metadata::Scope::Namespace, &mut errors);
    if !errors.is_empty() {
        errors.sort();
        return Err(errors);
    }
    let metadata = value.get_mut("metadata").map_or_else(|| Value::Object(Map::new()), Value::take);
    Ok(Namespace { metadata: decode(metadata)?, ..Namespace::default() })
}

fn is_data_key(key: &str) -> bool {
    (1..=253).contains(&key.len())
        && key != "."
        && key != ".."
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
