use serde_json::json;

use super::super::schema::Schema;
use super::*;

/// What is said about `spec.field` with this schema and value, as path and reason.
fn check(schema: Value, value: Value, expect: &[(&str, FieldReason)]) {
    let root = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {"field": schema}}}});
    let schema = Schema::read(&root, Vec::new()).unwrap();
    let mut errors = Vec::new();
    judge(&schema.root, &json!({"spec": {"field": value}}), &mut errors);
    let found: Vec<_> = errors.iter().map(|error| (error.path.as_str(), error.reason.clone())).collect();
    assert_eq!(found, expect, "{errors:#?}");
    assert!(errors.iter().all(|error| !error.message.is_empty() && !error.message.contains('\n')));
}

const FIELD: &str = "spec.field";

#[test]
fn types() {
    use FieldReason::Type;
    for (type_, good) in [
        ("string", json!("a")),
        ("integer", json!(1)),
        ("integer", json!(-1)),
        ("number", json!(1.5)),
        ("boolean", json!(false)),
        ("object", json!({})),
        ("array", json!([])),
    ] {
        check(json!({"type": type_}), good, &[]);
    }
    for (type_, bad) in [
        ("string", json!(1)),
        ("string", json!(null)),
        ("integer", json!("1")),
        ("integer", json!(3600.0)),
        ("integer", json!(true)),
        ("boolean", json!("true")),
        ("object", json!([])),
        ("array", json!({})),
        ("array", json!(null)),
    ] {
        check(json!({"type": type_}), bad, &[(FIELD, Type)]);
    }
    check(json!({"type": "string", "nullable": true}), json!(null), &[]);
}

#[test]
fn texts() {
    use FieldReason::{Invalid, NotSupported, TooLong};
    check(json!({"type": "string", "maxLength": 2}), json!("笔笔"), &[]);
    check(json!({"type": "string", "maxLength": 2}), json!("abc"), &[(FIELD, TooLong)]);
    check(json!({"type": "string", "minLength": 1}), json!(""), &[(FIELD, Invalid)]);
    check(json!({"type": "string", "pattern": "^a+$"}), json!("aa"), &[]);
    check(json!({"type": "string", "pattern": "^a+$"}), json!("ab"), &[(FIELD, Invalid)]);
    // The pattern need not match the whole text, as in every schema.
    check(json!({"type": "string", "pattern": "b"}), json!("abc"), &[]);
    check(json!({"type": "string", "enum": ["A", "B"]}), json!("A"), &[]);
    check(json!({"type": "string", "enum": ["A", "B"]}), json!("a"), &[(FIELD, NotSupported)]);
}

#[test]
fn times() {
    let schema = || json!({"type": "string", "format": "date-time"});
    for good in ["2027-01-01T00:00:00Z", "2027-01-01T00:00:00.5+02:00"] {
        check(schema(), json!(good), &[]);
    }
    for bad in [
        "2027-01-01",
        "2027-01-01 00:00:00Z",
        "2027-13-01T00:00:00Z",
        "2027-01-01T00:00:00",
        "2027-01-01T00:00:00Z[UTC]",
        "",
    ] {
        check(schema(), json!(bad), &[(FIELD, FieldReason::Invalid)]);
    }
}

#[test]
fn numbers() {
    use FieldReason::Invalid;
    let schema = || json!({"type": "integer", "minimum": 10, "maximum": 20});
    check(schema(), json!(10), &[]);
    check(schema(), json!(20), &[]);
    check(schema(), json!(9), &[(FIELD, Invalid)]);
    check(schema(), json!(21), &[(FIELD, Invalid)]);
    check(json!({"type": "integer", "format": "int64"}), json!(u64::MAX), &[(FIELD, Invalid)]);
    check(json!({"type": "integer", "format": "int32"}), json!(i64::from(i32::MAX) + 1), &[(FIELD, Invalid)]);
}

#[test]
fn lists() {
    use FieldReason::{Duplicate, Invalid, TooMany, Type};
    let list = |more: Value| {
        let mut schema = json!({"type": "array", "items": {"type": "string"}});
        schema.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        schema
    };
    check(list(json!({"maxItems": 1})), json!(["a", "b"]), &[(FIELD, TooMany)]);
    check(list(json!({"minItems": 1})), json!([]), &[(FIELD, Invalid)]);
    check(list(json!({})), json!(["a", 1, null]), &[("spec.field[1]", Type), ("spec.field[2]", Type)]);
    check(list(json!({"x-kubernetes-list-type": "atomic"})), json!(["a", "a"]), &[]);
    check(list(json!({"x-kubernetes-list-type": "set"})), json!(["a", "b", "a"]), &[("spec.field[2]", Duplicate)]);
    let map = json!({
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    });
    check(map.clone(), json!([{"name": "a"}, {"name": "b"}]), &[]);
    check(map.clone(), json!([{"name": "a"}, {"name": "a"}]), &[("spec.field[1]", Duplicate)]);
    check(map, json!([{}]), &[("spec.field[0].name", FieldReason::Required)]);
}

#[test]
fn maps() {
    use FieldReason::{Invalid, TooMany, Type, Unknown};
    let schema =
        json!({"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1, "maxProperties": 1});
    check(schema.clone(), json!({"a/b": "c"}), &[]);
    check(schema.clone(), json!({"a/b": 1}), &[("spec.field[a/b]", Type)]);
    check(schema.clone(), json!({"a": "b", "c": "d"}), &[(FIELD, TooMany)]);
    check(schema, json!({}), &[(FIELD, Invalid)]);
    let fields = json!({"type": "object", "properties": {"known": {"type": "string"}}});
    check(fields, json!({"know": "x"}), &[("spec.field.know", Unknown)]);
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    check(open, json!({"anything": 1}), &[]);
}

#[test]
fn a_schema_with_an_unknown_keyword_is_refused() {
    for schema in [
        json!({"type": "object", "oneOf": []}),
        json!({"type": "string", "format": "uri"}),
        json!({"type": "text"}),
        json!({"properties": {"a": {"items": {"maxLength": "1"}}}}),
        json!(1),
    ] {
        assert!(Schema::read(&schema, Vec::new()).is_err(), "{schema}");
    }
}
