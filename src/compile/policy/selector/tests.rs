use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

fn selector(labels: &[(&str, &str)], expressions: &[(&str, LabelOperator, &[&str])]) -> Namespaces {
    Namespaces {
        type_: NamespacesType::Selector,
        selector: Some(LabelSelector {
            match_labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect(),
            match_expressions: expressions
                .iter()
                .map(|(key, operator, values)| LabelExpression {
                    key: (*key).into(),
                    operator: *operator,
                    values: values.iter().map(|value| (*value).into()).collect(),
                })
                .collect(),
        }),
    }
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Against the namespace `team-a` with labels tier=backend and env=prod.
fn check(namespaces: &Namespaces, expect: bool) {
    let labels = labels(&[("tier", "backend"), ("env", "prod")]);
    let known = NamespaceLabels::Known("team-a", Some(&labels));
    assert_eq!(selects(namespaces, "identity", known), expect, "{namespaces:?}");
}

#[test]
fn types() {
    let of = |type_| Namespaces { type_, selector: None };
    check(&of(NamespacesType::Same), false);
    check(&of(NamespacesType::All), true);
    check(&of(NamespacesType::Selector), false);
    assert!(selects(&of(NamespacesType::Same), "team-a", NamespaceLabels::Unseen("team-a")));
}

#[test]
fn requirements_must_all_hold() {
    use LabelOperator::{DoesNotExist, Exists, In, NotIn};
    check(&selector(&[("tier", "backend")], &[]), true);
    check(&selector(&[("tier", "backend"), ("env", "prod")], &[]), true);
    check(&selector(&[("tier", "backend"), ("env", "test")], &[]), false);
    check(&selector(&[("tier", "")], &[]), false);
    check(&selector(&[], &[("tier", In, &["frontend", "backend"])]), true);
    check(&selector(&[], &[("tier", In, &["frontend"])]), false);
    check(&selector(&[], &[("absent", In, &[""])]), false);
    check(&selector(&[], &[("tier", NotIn, &["frontend"])]), true);
    check(&selector(&[], &[("tier", NotIn, &["backend"])]), false);
    check(&selector(&[], &[("absent", NotIn, &["x"])]), true);
    check(&selector(&[], &[("tier", Exists, &[])]), true);
    check(&selector(&[], &[("absent", Exists, &[])]), false);
    check(&selector(&[], &[("absent", DoesNotExist, &[])]), true);
    check(&selector(&[], &[("tier", DoesNotExist, &[])]), false);
    check(&selector(&[("tier", "backend")], &[("env", In, &["test"])]), false);
}

#[test]
fn t_k03_an_empty_selector_selects_nothing() {
    check(&selector(&[], &[]), false);
    check(&selector(&[], &[("tier", LabelOperator::NotIn, &[])]), false);
}

#[test]
fn t_k03_the_name_label_cannot_be_crafted() {
    let crafted = labels(&[(NAME_LABEL, "team-b")]);
    let namespace = NamespaceLabels::Known("team-a", Some(&crafted));
    assert!(selects(&selector(&[(NAME_LABEL, "team-a")], &[]), "identity", namespace));
    assert!(!selects(&selector(&[(NAME_LABEL, "team-b")], &[]), "identity", namespace));
    assert!(selects(&selector(&[(NAME_LABEL, "team-a")], &[]), "identity", NamespaceLabels::Known("team-a", None)));
}

#[test]
fn t_k03_no_selector_selects_a_namespace_that_was_not_seen() {
    for namespaces in [
        selector(&[(NAME_LABEL, "team-a")], &[]),
        selector(&[], &[("quarantined", LabelOperator::DoesNotExist, &[])]),
        selector(&[], &[("quarantined", LabelOperator::NotIn, &["yes"])]),
    ] {
        assert!(!selects(&namespaces, "identity", NamespaceLabels::Unseen("team-a")), "{namespaces:?}");
    }
}

/// Requirements as apimachinery states them: a set of admissible values, or of inadmissible ones, per key.
fn model(selector: &LabelSelector, labels: &HashMap<String, String>) -> bool {
    type Requirement = Box<dyn Fn(Option<&String>) -> bool>;
    let mut requirements: Vec<Requirement> = Vec::new();
    let mut keys = Vec::new();
    for (key, value) in &selector.match_labels {
        let value = value.to_string();
        keys.push(key.clone());
        requirements.push(Box::new(move |found| found == Some(&value)));
    }
    for LabelExpression { key, operator, values } in &selector.match_expressions {
        let values: BTreeSet<String> = values.iter().map(ToString::to_string).collect();
        keys.push(key.to_string());
        requirements.push(match operator {
            LabelOperator::In => Box::new(move |found| found.is_some_and(|found| values.contains(found))),
            LabelOperator::NotIn => {
                Box::new(move |found| !values.is_empty() && found.is_none_or(|found| !values.contains(found)))
            }
            LabelOperator::Exists => Box::new(|found| found.is_some()),
            LabelOperator::DoesNotExist => Box::new(|found| found.is_none()),
        });
    }
    !requirements.is_empty() && keys.iter().zip(&requirements).all(|(key, requirement)| requirement(labels.get(key)))
}

fn any_selector() -> impl Strategy<Value = LabelSelector> {
    let operator = prop_oneof![
        Just(LabelOperator::In),
        Just(LabelOperator::NotIn),
        Just(LabelOperator::Exists),
        Just(LabelOperator::DoesNotExist)
    ];
    let expression = ("[abc]", operator, prop::collection::vec("[xyz]", 0..3)).prop_map(|(key, operator, values)| {
        let values = match operator {
            LabelOperator::In | LabelOperator::NotIn => values.into_iter().map(Into::into).collect(),
            LabelOperator::Exists | LabelOperator::DoesNotExist => Vec::new(),
        };
        LabelExpression { key: key.into(), operator, values }
    });
    let labels = prop::collection::btree_map("[abc]".prop_map(String::from), "[xyz]".prop_map(Into::into), 0..3);
    (labels, prop::collection::vec(expression, 0..4))
        .prop_map(|(match_labels, match_expressions)| LabelSelector { match_labels, match_expressions })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn t_k03_selectors_agree_with_the_model(
        selector in any_selector(),
        labels in prop::collection::btree_map("[abc]", "[xyz]", 0..4),
    ) {
        let namespaces = Namespaces { type_: NamespacesType::Selector, selector: Some(selector.clone()) };
        let expect = model(&selector, &labels.clone().into_iter().collect());
        prop_assert_eq!(selects(&namespaces, "identity", NamespaceLabels::Known("n", Some(&labels))), expect);
    }
}
