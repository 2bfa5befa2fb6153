//! The generated definitions: the files are fresh, and every schema keeps what every
//! schema of this group has to keep.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{crd, crd_yaml, crds, crds_yaml, record_crd_yaml, schema};
use crate::{GROUP, Kind, RecordKind, VERSION, rules};

fn file(plural: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../crds").join(format!("{plural}.yaml"))
}

#[test]
fn files_are_what_the_generator_writes() {
    let update = std::env::var_os("UPDATE_CRDS").is_some_and(|value| value == "1");
    let kinds = Kind::ALL.iter().map(|kind| (kind.plural(), crd_yaml(*kind)));
    let records = RecordKind::ALL.iter().map(|kind| (kind.plural(), record_crd_yaml(*kind)));
    for (plural, fresh) in kinds.chain(records) {
        if update {
            fs::write(file(plural), &fresh).unwrap();
        }
        let stored = fs::read_to_string(file(plural)).unwrap_or_default();
        assert!(stored == fresh, "crds/{plural}.yaml is stale; write it anew with: UPDATE_CRDS=1 cargo test -p api");
    }
}

#[test]
fn yaml_says_what_the_value_says() {
    let options = serde_yaml::options! { strict_booleans: true };
    for kind in Kind::ALL {
        let read: Value = serde_yaml::from_str_with_options(&crd_yaml(*kind), options.clone()).unwrap();
        assert_eq!(&read, crd(*kind));
    }
    let all: Vec<Value> = serde_yaml::from_multiple_with_options(&crds_yaml(), options).unwrap();
    assert_eq!(all, crds());
}

#[test]
fn each_kind_is_named_as_it_should() {
    let short = BTreeMap::from([
        (Kind::OidcProvider, "oprov"),
        (Kind::OidcApplication, "oapp"),
        (Kind::OidcResource, "ores"),
        (Kind::OidcUser, "ouser"),
        (Kind::OidcGroup, "ogrp"),
    ]);
    for kind in Kind::ALL {
        let crd = crd(*kind);
        assert_eq!(crd["metadata"]["name"], format!("{}.{GROUP}", kind.plural()));
        assert_eq!(crd["spec"]["group"], GROUP);
        assert_eq!(crd["spec"]["scope"], "Namespaced");
        assert_eq!(crd["spec"]["names"]["kind"], kind.as_str());
        assert_eq!(crd["spec"]["names"]["plural"], kind.plural());
        assert_eq!(crd["spec"]["names"]["shortNames"], json!([short[kind]]));
        assert_eq!(crd["spec"]["names"]["categories"], json!(["oidc"]));
        let versions = crd["spec"]["versions"].as_array().unwrap();
        assert_eq!(versions.len(), 1);
        assert_eq!(versions[0]["name"], VERSION);
        assert_eq!(versions[0]["served"], true);
        assert_eq!(versions[0]["storage"], true);
        assert_eq!(versions[0]["subresources"], json!({"status": {}}));
        assert!(versions[0]["selectableFields"].as_array().is_some_and(|fields| fields.len() <= 8));
        assert_eq!(Kind::api_version(), format!("{GROUP}/{VERSION}"));
    }
    assert_eq!(schema("Secret"), None);
}

#[test]
fn columns_begin_with_the_summary() {
    for kind in Kind::ALL {
        let columns = crd(*kind)["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
        let names: Vec<&str> = columns
            .iter()
            .filter(|column| column["priority"] != 1)
            .map(|column| column["name"].as_str().unwrap())
            .collect();
        assert_eq!(names[..2], ["Ready", "Reason"], "{kind}");
        assert!(names.len() > 3, "{kind} has no column that identifies it");
        assert_eq!(names.last(), Some(&"Age"), "{kind}");
    }
}

#[test]
fn f31_each_definition_is_small_enough_for_client_side_apply() {
    for kind in Kind::ALL {
        let size = serde_json::to_string(crd(*kind)).unwrap().len();
        assert!(size < 200_000, "{kind}: {size} bytes");
    }
}

#[test]
fn a_new_object_reads_as_in_progress() {
    for kind in Kind::ALL {
        let status = &schema(kind.as_str()).unwrap()["properties"]["status"]["default"];
        assert_eq!(status["observedGeneration"], -1, "{kind}");
        let ready = &status["conditions"][0];
        assert_eq!(
            (&ready["type"], &ready["status"], &ready["reason"]),
            (&json!("Ready"), &json!("Unknown"), &json!("Pending")),
            "{kind}"
        );
        assert_eq!(ready["observedGeneration"], -1, "{kind}");
    }
}

/// A node of a schema and where it stands.
struct Node<'a> {
    at: String,
    schema: &'a Value,
    in_list_item: bool,
    is_property: bool,
}

impl Node<'_> {
    fn is(&self, type_: &str) -> bool {
        self.schema["type"] == type_
    }

    fn has(&self, keyword: &str) -> bool {
        self.schema.get(keyword).is_some()
    }
}

fn nodes() -> Vec<Node<'static>> {
    let mut found = Vec::new();
    for kind in Kind::ALL {
        let root = Node {
            at: kind.to_string(),
            schema: schema(kind.as_str()).unwrap(),
            in_list_item: false,
            is_property: false,
        };
        collect(root, &mut found);
    }
    found
}

fn collect(node: Node<'static>, found: &mut Vec<Node<'static>>) {
    for (name, schema) in node.schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{}.{name}", node.at);
        collect(Node { at, schema, in_list_item: node.in_list_item, is_property: true }, found);
    }
    if let Some(schema) = node.schema.get("additionalProperties") {
        let at = format!("{}{{}}", node.at);
        collect(Node { at, schema, in_list_item: node.in_list_item, is_property: false }, found);
    }
    if let Some(schema) = node.schema.get("items") {
        collect(Node { at: format!("{}[]", node.at), schema, in_list_item: true, is_property: false }, found);
    }
    found.push(node);
}

/// Fails with the places where `holds` is false.
#[track_caller]
fn everywhere(holds: impl Fn(&Node) -> bool) {
    let nodes = nodes();
    assert!(nodes.len() > 300, "the walk over the schemas found {} nodes only", nodes.len());
    let broken: Vec<String> = nodes.into_iter().filter(|node| !holds(node)).map(|node| node.at).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn no_field_is_nullable_or_a_choice_of_schemas() {
    everywhere(|node| ["nullable", "oneOf", "anyOf", "allOf", "not", "$ref"].iter().all(|keyword| !node.has(keyword)));
}

#[test]
fn no_list_item_has_a_default() {
    everywhere(|node| !node.in_list_item || !node.has("default"));
}

#[test]
fn every_list_is_bounded_and_typed() {
    everywhere(|node| !node.is("array") || (node.has("maxItems") && node.has("x-kubernetes-list-type")));
}

#[test]
fn every_defaulted_list_is_atomic() {
    everywhere(|node| !node.is("array") || !node.has("default") || node.schema["x-kubernetes-list-type"] == "atomic");
}

#[test]
fn only_lists_of_named_objects_are_merged() {
    everywhere(|node| match node.schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
        None | Some("atomic") => true,
        Some("map") => {
            let required = node.schema["items"]["required"].as_array().unwrap();
            node.schema["x-kubernetes-list-map-keys"].as_array().unwrap().iter().all(|key| required.contains(key))
        }
        Some(_) => false,
    });
}

#[test]
fn every_string_and_map_is_bounded() {
    everywhere(|node| !node.is("string") || ["maxLength", "enum", "format"].iter().any(|keyword| node.has(keyword)));
    everywhere(|node| !node.has("additionalProperties") || node.has("maxProperties"));
}

#[test]
fn every_number_of_a_spec_is_bounded() {
    everywhere(|node| {
        !node.is("integer") || !node.at.contains(".spec.") || (node.has("minimum") && node.has("maximum"))
    });
}

#[test]
fn every_node_has_a_simple_type() {
    everywhere(|node| ["object", "array", "string", "integer", "boolean"].iter().any(|type_| node.is(type_)));
}

#[test]
fn every_field_is_explained() {
    everywhere(|node| {
        !node.is_property || node.schema["description"].as_str().is_some_and(|text| text.ends_with(['.', ':']))
    });
}

#[test]
fn a_list_of_enumerated_values_names_them() {
    everywhere(|node| {
        let text = node.schema["description"].as_str().unwrap_or_default();
        let values = node.schema["items"]["enum"].as_array();
        values.into_iter().flatten().all(|value| {
            let value = value.as_str().unwrap();
            text.contains(value) || value.starts_with("urn:")
        })
    });
}

#[test]
fn no_rule_but_that_of_the_name_stands_on_the_root_or_in_the_status() {
    for rule in rules() {
        let allowed = if rule.path.is_empty() {
            rule.rule.contains("self.metadata.name")
        } else {
            rule.path.split('.').next() == Some("spec")
        };
        assert!(allowed, "{}", rule.id);
    }
}

#[test]
fn every_rule_says_in_one_line_what_to_mend() {
    for rule in rules() {
        assert!(rule.message.len() > 20 && !rule.message.contains('\n'), "{}", rule.id);
    }
}

#[test]
fn no_rule_uses_what_the_two_engines_judge_differently() {
    let traps = [".?", "isURL", "url(", "optional", r"\w", r"\s", r"\d", "type(", "dyn(", ".namespace", "format."];
    for rule in rules() {
        for trap in traps {
            assert!(!rule.rule.contains(trap), "{}: {trap}", rule.id);
        }
    }
}
