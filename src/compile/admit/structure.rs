//! The structure: everything that a schema says in keywords rather than in rules.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value};

use super::schema::{ListType, Node, ValueKind};
use super::suggest;
use super::{FieldError, FieldReason};

/// Judges a completed manifest. `metadata` is judged elsewhere: its schema says nothing.
pub(super) fn judge(root: &Node, value: &Value, errors: &mut Vec<FieldError>) {
    let Some(members) = value.as_object() else { return };
    let known: Vec<&str> = root.properties.keys().map(String::as_str).collect();
    for name in &root.required {
        if !members.contains_key(name) {
            errors.push(FieldError::new(name, FieldReason::Required, "is required"));
        }
    }
    for (name, member) in members {
        match (name.as_str(), root.properties.get(name)) {
            ("apiVersion" | "kind" | "metadata", _) => {}
            (_, Some(node)) => Walk { errors }.value(node, member, name),
            (_, None) => errors.push(FieldError::new(name, FieldReason::Unknown, suggest::unknown_field(name, &known))),
        }
    }
}

/// What a value is, for people.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

struct Walk<'e> {
    errors: &'e mut Vec<FieldError>,
}

impl Walk<'_> {
    fn refuse(&mut self, path: &str, reason: FieldReason, message: impl Into<String>) {
        self.errors.push(FieldError::new(path, reason, message));
    }

    fn value(&mut self, node: &Node, value: &Value, path: &str) {
        if value.is_null() && node.nullable {
            return;
        }
        match (node.kind, value) {
            (ValueKind::Any, _) | (ValueKind::Boolean, Value::Bool(_)) => {}
            (ValueKind::Object, Value::Object(members)) => self.object(node, members, path),
            (ValueKind::Array, Value::Array(items)) => self.array(node, items, path),
            (ValueKind::String, Value::String(text)) => self.string(node, text, path),
            (ValueKind::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {
                self.number(node, number, path);
            }
            (ValueKind::Number, Value::Number(number)) => self.number(node, number, path),
            (wanted, found) => {
                let wanted = match wanted {
                    ValueKind::Any => "anything",
                    ValueKind::Object => "a map",
                    ValueKind::Array => "a list",
                    ValueKind::String => "a text (in quotes where YAML would read something else)",
                    ValueKind::Integer => "a whole number without quotes or decimal point",
                    ValueKind::Number => "a number without quotes",
                    ValueKind::Boolean => "true or false without quotes",
                };
                self.refuse(path, FieldReason::Type, format!("must be {wanted}, this is {}", type_name(found)));
                return;
            }
        }
        if !node.enumeration.is_empty() && !node.enumeration.contains(value) {
            let known: Vec<String> = node.enumeration.iter().map(plain).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            self.refuse(path, FieldReason::NotSupported, suggest::one_of(&plain(value), &known));
        }
    }

    fn object(&mut self, node: &Node, members: &Map<String, Value>, path: &str) {
        let count = members.len() as u64;
        if let Some(most) = node.max_properties.filter(|most| count > *most) {
            self.refuse(path, FieldReason::TooMany, format!("must have at most {most} entries, has {count}"));
            return;
        }
        if let Some(least) = node.min_properties.filter(|least| count < *least) {
            self.refuse(path, FieldReason::Invalid, format!("must have at least {least} entries, has {count}"));
        }
        for name in node.required.iter().filter(|name| !members.contains_key(*name)) {
            self.refuse(&format!("{path}.{name}"), FieldReason::Required, "is required");
        }
        for (name, member) in members {
            match (node.properties.get(name), &node.additional) {
                (Some(child), _) => self.value(child, member, &format!("{path}.{name}")),
                (None, Some(child)) => self.value(child, member, &format!("{path}[{}]", suggest::clip(name))),
                (None, None) if node.preserve_unknown || node.kind == ValueKind::Any => {}
                (None, None) => {
                    let known: Vec<&str> = node.properties.keys().map(String::as_str).collect();
                    let path = format!("{path}.{}", suggest::clip(name));
                    self.refuse(&path, FieldReason::Unknown, suggest::unknown_field(name, &known));
                }
            }
        }
    }

    fn array(&mut self, node: &Node, items: &[Value], path: &str) {
        let count = items.len() as u64;
        if let Some(most) = node.max_items.filter(|most| count > *most) {
            self.refuse(path, FieldReason::TooMany, format!("must have at most {most} items, has {count}"));
            return;
        }
        if let Some(least) = node.min_items.filter(|least| count < *least) {
            self.refuse(path, FieldReason::Invalid, format!("must have at least {least} items, has {count}"));
        }
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if let Some(child) = &node.items {
                self.value(child, item, &path);
            }
            let identity = match node.list {
                ListType::Atomic => continue,
                ListType::Set => item.to_string(),
                ListType::Map => node
                    .list_keys
                    .iter()
                    .map(|key| item.get(key).map_or_else(String::new, Value::to_string))
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            if !seen.insert(identity.clone()) {
                let message = match node.list {
                    ListType::Atomic | ListType::Set => format!("{} is listed twice", suggest::clip(&identity)),
                    ListType::Map => {
                        format!("another item has the {} {} too", node.list_keys.join(", "), suggest::clip(&identity))
                    }
                };
                self.refuse(&path, FieldReason::Duplicate, message);
            }
        }
    }

    fn string(&mut self, node: &Node, text: &str, path: &str) {
        // Characters, as the API server counts them.
        let length = text.chars().count() as u64;
        if let Some(most) = node.max_length.filter(|most| length > *most) {
            self.refuse(path, FieldReason::TooLong, format!("must have at most {most} characters, has {length}"));
            return;
        }
        if let Some(least) = node.min_length.filter(|least| length < *least) {
            let message = match length {
                0 => "must not be empty".to_owned(),
                _ => format!("must have at least {least} characters, has {length}"),
            };
            self.refuse(path, FieldReason::Invalid, message);
        } else if let Some(pattern) = node.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            let message = format!("`{}` does not match `{}`", suggest::clip(text), pattern.as_str());
            self.refuse(path, FieldReason::Invalid, message);
        }
        if node.format.as_deref() == Some("date-time") && !is_date_time(text) {
            let message = format!("`{}` must be a time such as 2027-01-31T12:00:00Z (RFC 3339)", suggest::clip(text));
            self.refuse(path, FieldReason::Invalid, message);
        }
    }

    fn number(&mut self, node: &Node, number: &serde_json::Number, path: &str) {
        let Some(value) = number.as_f64() else { return };
        let (least, most) = match node.format.as_deref() {
            Some("int32") => (Some(f64::from(i32::MIN)), Some(f64::from(i32::MAX))),
            _ => (None, None),
        };
        if let Some(least) = node.minimum.or(least).filter(|least| value < *least) {
            self.refuse(path, FieldReason::Invalid, format!("must be at least {least}, is {number}"));
        }
        if let Some(most) = node.maximum.or(most).filter(|most| value > *most) {
            self.refuse(path, FieldReason::Invalid, format!("must be at most {most}, is {number}"));
        }
        if node.kind == ValueKind::Integer && !number.is_i64() {
            self.refuse(path, FieldReason::Invalid, "must fit into 64 bits with a sign");
        }
    }
}

/// RFC 3339, where the parser at hand would take more: a space for the `T`, or a zone's name behind the offset.
fn is_date_time(text: &str) -> bool {
    let shape = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b':' | b'.' | b'+' | b'T' | b'Z'));
    shape && text.contains('T') && text.parse::<Timestamp>().is_ok()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
