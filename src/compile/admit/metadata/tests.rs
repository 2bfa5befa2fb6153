use serde_json::json;

use super::*;

/// The fields of this metadata that are refused.
fn check(metadata: Value, expect: &[&str]) {
    let mut value = json!({"metadata": metadata});
    tidy(&mut value);
    let mut errors = Vec::new();
    judge(&value, Scope::Namespaced, &mut errors);
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, expect, "{errors:#?}");
}

#[test]
fn names() {
    for name in ["a", "a-1", "a.b", "0", &"a".repeat(253)] {
        check(json!({"name": name, "namespace": "n"}), &[]);
    }
    for name in ["", "A", "a_b", "-a", "a-", "a..b", ".a", "a/b", "../x", &"a".repeat(254)] {
        check(json!({"name": name, "namespace": "n"}), &["metadata.name"]);
    }
    for namespace in ["a.b", "N", "", "-", &"a".repeat(64)] {
        check(json!({"name": "n", "namespace": namespace}), &["metadata.namespace"]);
    }
    check(json!({"name": 1, "namespace": ["n"]}), &["metadata.name", "metadata.namespace"]);
    check(json!({}), &["metadata.name", "metadata.namespace"]);
    check(json!({"generateName": "a-", "namespace": "n"}), &["metadata.generateName", "metadata.name"]);
    check(json!([]), &["metadata"]);
    check(json!(null), &["metadata.name"]);
}

#[test]
fn labels_and_annotations() {
    let with = |field: &str, key: &str, value: Value| json!({"name": "a", "namespace": "n", field: {key: value}});
    check(with("labels", "app.kubernetes.io/name", json!("x")), &[]);
    check(with("labels", "a", json!("")), &[]);
    check(with("labels", "a", json!(null)), &[]);
    check(with("labels", "a", json!("-x")), &["metadata.labels[a]"]);
    check(with("labels", "a", json!("x".repeat(64))), &["metadata.labels[a]"]);
    check(with("labels", "a", json!(true)), &["metadata.labels[a]"]);
    check(with("labels", "a b", json!("x")), &["metadata.labels[a b]"]);
    check(with("annotations", "a/b/c", json!("x")), &["metadata.annotations[a/b/c]"]);
    check(with("annotations", "a", json!("any text\nat all")), &[]);
    check(with("annotations", "a", json!("x".repeat(256 * 1024))), &["metadata.annotations"]);
    check(json!({"name": "a", "namespace": "n", "labels": ["x"]}), &["metadata.labels"]);
    check(json!({"name": "a", "namespace": "n", "label": {}}), &["metadata.label"]);
}

#[test]
fn what_the_cluster_sets_is_dropped() {
    let mut value = json!({
        "metadata": {
            "name": "a", "namespace": "n", "uid": "forged", "resourceVersion": "1", "generation": 9,
            "creationTimestamp": null, "managedFields": [], "finalizers": ["x"], "ownerReferences": [],
        },
        "status": {"conditions": []},
    });
    tidy(&mut value);
    assert_eq!(value, json!({"metadata": {"name": "a", "namespace": "n"}}));
}

#[test]
fn a_namespace_is_a_label_and_lives_nowhere() {
    for (metadata, expect) in [
        (json!({"name": "team-a"}), vec![]),
        (json!({"name": "a.b"}), vec!["metadata.name"]),
        (json!({"name": "a", "namespace": "b"}), vec!["metadata.namespace"]),
    ] {
        let mut errors = Vec::new();
        judge(&json!({"metadata": metadata}), Scope::Namespace, &mut errors);
        assert_eq!(errors.iter().map(|error| error.path.as_str()).collect::<Vec<_>>(), expect);
    }
}
