//! Which namespaces a policy speaks of. Labels are those of the Namespace object, which tenants cannot edit; labels of
//! the object that asks never count.

use std::collections::BTreeMap;

use api::{LabelExpression, LabelOperator, LabelSelector, Namespaces, NamespacesType};

/// The label that the API server itself puts on every namespace.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// What is known of a namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NamespaceLabels<'a> {
    /// Its name, and its other labels, if any.
    Known(&'a str, Option<&'a BTreeMap<String, String>>),
    /// Its name alone: the object has not been seen. No selector selects it, or `DoesNotExist` would.
    Unseen(&'a str),
}

impl NamespaceLabels<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Known(name, _) | Self::Unseen(name) => name,
        }
    }

    fn get(&self, key: &str) -> Option<&str> {
        match self {
            Self::Known(name, _) | Self::Unseen(name) if key == NAME_LABEL => Some(name),
            Self::Known(_, labels) => labels.and_then(|labels| labels.get(key)).map(String::as_str),
            Self::Unseen(_) => None,
        }
    }
}

/// Whether a policy of a provider in `home` speaks of a namespace.
pub(crate) fn selects(namespaces: &Namespaces, home: &str, namespace: NamespaceLabels<'_>) -> bool {
    match (namespaces.type_, &namespaces.selector, namespace) {
        (NamespacesType::Same, _, _) => namespace.name() == home,
        (NamespacesType::All, _, _) => true,
        (NamespacesType::Selector, Some(selector), NamespaceLabels::Known(..)) => matches(selector, namespace),
        (NamespacesType::Selector, _, _) => false,
    }
}

/// Whether all requirements hold. A selector without requirements would select everything; that is what `All` is for,
/// so here it selects nothing.
fn matches(selector: &LabelSelector, namespace: NamespaceLabels<'_>) -> bool {
    let LabelSelector { match_labels, match_expressions } = selector;
    (!match_labels.is_empty() || !match_expressions.is_empty())
        && match_labels.iter().all(|(key, value)| namespace.get(key) == Some(value.as_str()))
        && match_expressions.iter().all(|expression| holds(expression, namespace))
}

fn holds(expression: &LabelExpression, namespace: NamespaceLabels<'_>) -> bool {
    let LabelExpression { key, operator, values } = expression;
    let found = namespace.get(key);
    let listed = found.is_some_and(|found| values.iter().any(|value| value.as_str() == found));
    match operator {
        LabelOperator::In => listed,
        // The API server refuses an empty list here; taken literally it would hold for every namespace.
        LabelOperator::NotIn => !values.is_empty() && !listed,
        LabelOperator::Exists => found.is_some(),
        LabelOperator::DoesNotExist => found.is_none(),
    }
}

#[cfg(test)]
mod tests;
