//! Every rule against objects that keep it and objects that break it.

mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use kube::core::cel::{CompiledSchema, ErrorKind, ValidationError, Validator, apply_defaults, compile_schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{RuleInfo, rules};
use crate::{Kind, OidcApplicationSpec, OidcGroupSpec, OidcProviderSpec, OidcResourceSpec, OidcUserSpec, schema};
use cases::Case;

/// `spec.claims[0].name` as `spec.claims[].name`.
fn without_indexes(path: &str) -> String {
    let mut short = String::new();
    let mut inside = false;
    for character in path.chars() {
        inside = inside && character != ']';
        if !inside {
            short.push(character);
        }
        inside = inside || character == '[';
    }
    short
}

/// The ID of the rule that an error comes from.
fn id(case: &Case, error: &ValidationError, rules: &[RuleInfo]) -> String {
    assert!(error.kind == ErrorKind::ValidationFailure, "{}: {error:?}", case.name);
    let path = without_indexes(&error.field_path);
    let rule = rules
        .iter()
        .find(|rule| rule.kind == case.kind && rule.rule == error.rule && rule.reported_at == path)
        .unwrap_or_else(|| panic!("{}: no such rule: {error:?}", case.name));
    assert_eq!(rule.message, error.message, "{}", case.name);
    rule.id.clone()
}

/// The IDs of the rules that refuse a case, in order.
fn verdict(case: &Case, rules: &[RuleInfo], schema: &CompiledSchema) -> Vec<String> {
    let errors = match Validator::new().validate_compiled(schema, &case.object, case.old.as_ref()) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_vec(),
    };
    let mut ids: Vec<String> = errors.iter().map(|error| id(case, error, rules)).collect();
    ids.sort();
    ids
}

/// Whether there is a value at a schema path.
fn reaches(value: &Value, path: &str) -> bool {
    if path.is_empty() {
        return true;
    }
    if let Some(rest) = path.strip_prefix("[]") {
        return value.as_array().is_some_and(|items| items.iter().any(|item| reaches(item, rest)));
    }
    let path = path.trim_start_matches('.');
    let (field, rest) = path.split_at(path.find(['.', '[']).unwrap_or(path.len()));
    value.get(field).is_some_and(|below| reaches(below, rest))
}

#[test]
fn each_case_is_judged_as_it_says() {
    let rules = rules();
    let compiled = |kind: &Kind| (*kind, compile_schema(schema(kind.as_str()).unwrap()));
    let schemas: BTreeMap<Kind, CompiledSchema> = Kind::ALL.iter().map(compiled).collect();
    let mut wrong = Vec::new();
    for case in cases::load() {
        let verdict = verdict(&case, &rules, &schemas[&case.kind]);
        if verdict != case.want {
            wrong.push(format!("{}: wanted {:?}, got {verdict:?}", case.name, case.want));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_rule_has_a_case_that_breaks_it_alone() {
    let alone: BTreeSet<String> =
        cases::load().into_iter().filter(|case| case.want.len() == 1).flat_map(|case| case.want).collect();
    let missing: Vec<String> = rules().into_iter().map(|rule| rule.id).filter(|id| !alone.contains(id)).collect();
    assert!(missing.is_empty(), "no case breaks exactly: {missing:#?}");
}

#[test]
fn each_rule_has_two_cases_that_keep_it() {
    let mut missing: Vec<(RuleInfo, u32)> = rules().into_iter().map(|rule| (rule, 2)).collect();
    for case in cases::load() {
        if case.want.is_empty() {
            let schema = schema(case.kind.as_str()).unwrap();
            let object = apply_defaults(schema, &case.object);
            let old = case.old.as_ref().map(|old| apply_defaults(schema, old));
            missing.retain_mut(|(rule, wanted)| {
                let judged = rule.kind == case.kind
                    && reaches(&object, &rule.path)
                    && (!rule.rule.contains("oldSelf") || old.as_ref().is_some_and(|old| reaches(old, &rule.path)));
                *wanted -= u32::from(judged);
                *wanted > 0
            });
        }
    }
    let missing: Vec<String> = missing.into_iter().map(|(rule, _)| rule.id).collect();
    assert!(missing.is_empty(), "not two accepted cases are judged by: {missing:#?}");
}

#[test]
fn each_case_has_a_name_of_its_own() {
    let mut seen = BTreeSet::new();
    for case in cases::load() {
        assert!(seen.insert(case.name.clone()), "{}", case.name);
    }
}

/// Whether everything in `part` stands in `whole` too.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, value)| match whole.get(key) {
                Some(found) => contains(found, value),
                // What is empty need not be written again.
                None => value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty),
            })
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        (whole, part) => whole == part,
    }
}

/// Decodes an accepted object twice, with and without the schema's defaults, and compares.
fn decodes<T>(case: &Case)
where
    T: DeserializeOwned + Serialize + PartialEq + Debug,
{
    let defaulted = apply_defaults(schema(case.kind.as_str()).unwrap(), &case.object)["spec"].clone();
    let from_defaulted: T = serde_json::from_value(defaulted.clone()).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let from_written: T = serde_json::from_value(case.object["spec"].clone()).unwrap();
    assert_eq!(from_defaulted, from_written, "{}: the defaults of schema and type differ", case.name);
    let written = serde_json::to_value(&from_defaulted).unwrap();
    assert!(contains(&written, &defaulted), "{}: {written} lost something of {defaulted}", case.name);
}

#[test]
fn each_accepted_object_decodes_with_the_defaults_of_the_schema() {
    for case in cases::load().into_iter().filter(|case| case.want.is_empty()) {
        match case.kind {
            Kind::OidcProvider => decodes::<OidcProviderSpec>(&case),
            Kind::OidcApplication => decodes::<OidcApplicationSpec>(&case),
            Kind::OidcResource => decodes::<OidcResourceSpec>(&case),
            Kind::OidcUser => decodes::<OidcUserSpec>(&case),
            Kind::OidcGroup => decodes::<OidcGroupSpec>(&case),
        }
    }
}
