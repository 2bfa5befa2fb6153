//! Nulls and defaults, as structural schemas define them.
//!
//! A null where none may stand is replaced by the default, or dropped where there is none. The default of an object is
//! filled in and then completed itself; nothing is filled into an object that is absent. Null items of a list stay, and
//! are refused later.

use serde_json::Value;

use super::schema::Node;

/// Completes a value in place.
pub(super) fn complete(node: &Node, value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, member| {
                !member.is_null() || node.member(name).is_none_or(|node| node.nullable || node.default.is_some())
            });
            for (name, child) in &node.properties {
                let Some(default) = &child.default else { continue };
                match members.get_mut(name) {
                    Some(member) if member.is_null() && !child.nullable => *member = default.clone(),
                    Some(_) => {}
                    None => {
                        members.insert(name.clone(), default.clone());
                    }
                }
            }
            for (name, member) in members {
                if let Some(child) = node.member(name) {
                    complete(child, member);
                }
            }
        }
        Value::Array(items) => {
            if let Some(child) = &node.items {
                for item in items {
                    complete(child, item);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema::Schema;
    use super::*;

    fn check(input: Value, expect: &Value) {
        let schema = json!({"type": "object", "properties": {
            "text": {"type": "string"},
            "word": {"type": "string", "default": "w"},
            "list": {"type": "array", "default": ["a"], "items": {"type": "string"}},
            "inner": {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}},
            "outer": {"type": "object", "default": {}, "properties": {"n": {"type": "integer", "default": 1}}},
            "items": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
        }});
        let schema = Schema::read(&schema, Vec::new()).unwrap();
        let mut value = input;
        complete(&schema.root, &mut value);
        assert_eq!(value, *expect);
    }

    #[test]
    fn defaults_are_filled_in_but_not_inside_what_is_absent() {
        check(json!({}), &json!({"word": "w", "list": ["a"], "outer": {"n": 1}}));
        check(
            json!({"word": "x", "list": [], "inner": {}, "outer": {"n": 2}, "items": [{}, {"n": 3}]}),
            &json!({"word": "x", "list": [], "inner": {"n": 1}, "outer": {"n": 2}, "items": [{"n": 1}, {"n": 3}]}),
        );
    }

    #[test]
    fn nulls_give_way_to_defaults_or_go() {
        check(
            json!({"text": null, "word": null, "list": null, "inner": null, "outer": null, "map": {"k": null, "l": "v"}}),
            &json!({"word": "w", "list": ["a"], "outer": {"n": 1}, "map": {"l": "v"}}),
        );
        check(
            json!({"list": [null], "unknown": null}),
            &json!({"word": "w", "list": [null], "unknown": null, "outer": {"n": 1}}),
        );
    }
}
