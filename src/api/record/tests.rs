//! The definitions of the record kinds, offline.

use kube::core::cel::Validator;
use serde_json::{Value, json};

use super::RecordKind;
use crate::{GROUP, OidcClientRecord, OidcUserRecord, record_crd};

const UID: &str = "0b2c1a52-63f6-4b2e-9c8e-8d2f5c6f1a11";
const OTHER: &str = "5f1d0c9e-1111-4222-8333-444455556666";

fn name(kind: RecordKind) -> String {
    match kind {
        RecordKind::OidcClientRecord => UID.to_owned(),
        RecordKind::OidcUserRecord => format!("{UID}.{OTHER}"),
    }
}

fn record(kind: RecordKind) -> Value {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": kind, "metadata": {"name": name(kind), "namespace": "identity"},
        "spec": {
            "recordFormat": 1, "providerUID": OTHER, "payload": "{}", "mac": format!("k1.{}", "A".repeat(43)),
            "source": {"namespace": "team-a", "name": "notes", "uid": UID},
        },
    })
}

fn schema(kind: RecordKind) -> &'static Value {
    record_crd(kind).pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap()
}

#[test]
fn each_kind_is_named_as_it_should_and_stays_out_of_the_way() {
    for kind in RecordKind::ALL {
        let crd = record_crd(*kind);
        assert_eq!(crd["metadata"]["name"], format!("{}.{GROUP}", kind.plural()));
        assert_eq!(crd["spec"]["names"]["kind"], kind.as_str());
        assert_eq!(crd["spec"]["names"]["plural"], kind.plural());
        for none in ["shortNames", "categories"] {
            assert!(crd["spec"]["names"].get(none).is_none(), "{none}");
        }
        let version = &crd["spec"]["versions"][0];
        assert_eq!(version["selectableFields"], json!([{"jsonPath": ".spec.providerUID"}]));
        assert!(version["subresources"]["status"].is_null(), "nobody reports on a record");
    }
}

#[test]
fn every_field_is_required_and_none_is_free_of_bounds() {
    fn walk(at: &str, schema: &Value) {
        assert!(schema.get("x-kubernetes-preserve-unknown-fields").is_none(), "{at}");
        if schema["type"] == "string" {
            assert!(schema["maxLength"].is_u64(), "{at} is not bounded");
        }
        let properties = schema["properties"].as_object();
        for (name, property) in properties.into_iter().flatten() {
            assert!(property["description"].is_string(), "{at}.{name} is not explained");
            assert!(schema["required"].as_array().unwrap().contains(&json!(name)), "{at}.{name} is optional");
            walk(&format!("{at}.{name}"), property);
        }
    }
    for kind in RecordKind::ALL {
        let spec = &schema(*kind)["properties"]["spec"];
        assert_eq!(spec["properties"].as_object().unwrap().len(), 5);
        walk("spec", spec);
    }
}

#[test]
fn the_name_is_the_source_and_neither_source_nor_provider_changes() {
    fn put(object: &mut Value, at: &str, value: &str) {
        *object.pointer_mut(at).unwrap() = value.into();
    }
    for kind in RecordKind::ALL {
        let judge = |new: &Value, old: Option<&Value>| Validator::new().validate(schema(*kind), new, old).map(drop);
        let good = record(*kind);
        assert!(judge(&good, None).is_ok());
        let mut rewritten = good.clone();
        put(&mut rewritten, "/spec/payload", r#"{"a":1}"#);
        assert!(judge(&rewritten, Some(&good)).is_ok());
        let mut misnamed = good.clone();
        for other in [OTHER, &format!("{OTHER}.{UID}"), ""] {
            put(&mut misnamed, "/metadata/name", other);
            assert!(judge(&misnamed, None).is_err(), "{other}");
        }
        for at in ["/spec/providerUID", "/spec/source/uid", "/spec/source/name", "/spec/source/namespace"] {
            let mut moved = good.clone();
            put(&mut moved, at, "ffffffff-1111-4222-8333-444455556666");
            assert!(judge(&moved, Some(&good)).is_err(), "{at}");
        }
    }
}

#[test]
fn a_record_survives_a_round_trip() {
    let client: OidcClientRecord = serde_json::from_value(record(RecordKind::OidcClientRecord)).unwrap();
    assert_eq!(serde_json::to_value(&client).unwrap(), record(RecordKind::OidcClientRecord));
    let user: OidcUserRecord = serde_json::from_value(record(RecordKind::OidcUserRecord)).unwrap();
    assert_eq!(serde_json::to_value(&user).unwrap(), record(RecordKind::OidcUserRecord));
}
