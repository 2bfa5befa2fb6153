//! What the derives cannot say about a schema, applied to the generated JSON.

use serde_json::{Map, Value};

/// Tidies a schema and all schemas below it.
///
/// - No field is `nullable`: else the API server would store `null`, for which `has()` is
///   false there and true in the other engine.
/// - No default stands inside a list item, where comparing tools show it as drift; decoding
///   fills it in.
/// - Bounds of integers are integers.
/// - Descriptions are flowing text.
///
/// The default of an object stays spelled out in full, though the API server would fill
/// `{}` in: it judges a default by the object's rules before it fills it in, and kube's
/// engine does not fill in what a default brought.
pub(super) fn schema(schema: &mut Value) {
    walk(schema, Place::Outside);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    InsideListItem,
}

fn walk(schema: &mut Value, place: Place) {
    let Value::Object(node) = schema else { return };
    node.remove("nullable");
    if place == Place::InsideListItem {
        node.remove("default");
    }
    if let Some(Value::String(text)) = node.get_mut("description") {
        *text = flowing(text);
    }
    integral(node, "minimum");
    integral(node, "maximum");
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        properties.values_mut().for_each(|property| walk(property, place));
    }
    if let Some(values) = node.get_mut("additionalProperties") {
        walk(values, place);
    }
    if let Some(items) = node.get_mut("items") {
        walk(items, Place::InsideListItem);
    }
}

/// Writes a bound without a fraction; the derived type holds every bound as a float.
fn integral(node: &mut Map<String, Value>, bound: &str) {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and every bound fits an i64")]
    let whole = node.get(bound).and_then(Value::as_f64).filter(|float| float.fract() == 0.0).map(|float| float as i64);
    if let Some(whole) = whole {
        node.insert(bound.to_owned(), whole.into());
    }
}

/// Joins the lines of each paragraph.
fn flowing(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// The same value with the keys of every object in order, whatever map serde_json was
/// built with.
pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}
