//! The CEL rules, judged by the engine that kube brings.

use std::sync::LazyLock;

use kube::core::cel::{ErrorKind, Validator};
use serde_json::Value;

use super::schema::Schema;
use super::{FieldError, FieldReason};

/// Judges the rules of a completed manifest; those that compare with a former state only where there is one.
///
/// A rule that sees a field of the wrong type or shape judges nonsense, or fails. The API server then judges no rule at
/// all; here only those are passed over that touch such a field, so that one round shows as much as possible.
pub(super) fn judge(schema: &Schema, value: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    static VALIDATOR: LazyLock<Validator> = LazyLock::new(Validator::new);
    let broken: Vec<String> =
        errors.iter().filter(|error| error.reason.blocks_rules()).map(|error| error.path.clone()).collect();
    let Err(failures) = VALIDATOR.validate_compiled(&schema.rules, value, old) else { return };
    for failure in failures {
        let touched = |path: &String| within(path, &failure.field_path) || within(&failure.field_path, path);
        if broken.iter().any(touched) {
            continue;
        }
        // The one rule at the root is about the name.
        let path = if failure.field_path.is_empty() { "metadata.name" } else { &failure.field_path };
        let message = if failure.kind == ErrorKind::ValidationFailure {
            failure.message
        } else {
            format!("the rule `{}` cannot be judged: {}", failure.rule, failure.message)
        };
        let id = schema.rule_name(&failure.rule, &failure.field_path);
        errors.push(FieldError::new(path, FieldReason::Rule { id }, message));
    }
}

/// Whether `inner` is `outer` or below it.
fn within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_within_paths() {
        for (inner, outer, expect) in [
            ("spec.a", "spec.a", true),
            ("spec.a.b", "spec.a", true),
            ("spec.a[0]", "spec.a", true),
            ("spec.ab", "spec.a", false),
            ("spec", "spec.a", false),
            ("spec", "", true),
        ] {
            assert_eq!(within(inner, outer), expect, "{inner} in {outer}");
        }
    }
}
