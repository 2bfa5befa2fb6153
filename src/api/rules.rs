//! The CEL rules of all kinds as a list, so that tests can name each of them.

use serde_json::Value;

use crate::Kind;
use crate::crds::crd;

/// One CEL rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its name: kind, schema path and number at that node, as in
    /// `OidcUser.spec.subject#1`. New rules go to the end of their node, so that names
    /// stay.
    pub id: String,
    /// The kind it belongs to.
    pub kind: Kind,
    /// The node it stands on: field names joined by dots, `[]` for the items of a list,
    /// `{}` for the values of a map; empty for the root.
    pub path: String,
    /// Where its error is reported: the node, or a field below it.
    pub reported_at: String,
    /// The expression.
    pub rule: String,
    /// What a person reads when it is broken.
    pub message: String,
}

/// Every rule of every kind, in the order of [`Kind::ALL`] and of the schema.
pub fn rules() -> Vec<RuleInfo> {
    let mut found = Vec::new();
    for kind in Kind::ALL {
        if let Some(schema) = crd(*kind).pointer("/spec/versions/0/schema/openAPIV3Schema") {
            collect(*kind, "", schema, &mut found);
        }
    }
    found
}

fn collect(kind: Kind, path: &str, schema: &Value, found: &mut Vec<RuleInfo>) {
    let text = |rule: &Value, field: &str| rule.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let here = schema.get("x-kubernetes-validations").and_then(Value::as_array);
    for (number, rule) in here.into_iter().flatten().enumerate() {
        let separator = if path.is_empty() { "" } else { "." };
        found.push(RuleInfo {
            id: format!("{kind}{separator}{path}#{}", number + 1),
            kind,
            path: path.to_owned(),
            reported_at: format!("{path}{}", text(rule, "fieldPath")),
            rule: text(rule, "rule"),
            message: text(rule, "message"),
        });
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(kind, &below, property, found);
    }
    if let Some(values) = schema.get("additionalProperties") {
        collect(kind, &format!("{path}{{}}"), values, found);
    }
    if let Some(items) = schema.get("items") {
        collect(kind, &format!("{path}[]"), items, found);
    }
}

#[cfg(test)]
mod tests;
