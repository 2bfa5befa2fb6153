//! YAML 1.2.2 and JSON text to values, with the line of every field.
//!
//! A value that a YAML 1.1 reader understands otherwise is noted as a [`Trap`]: `kubectl` is such a reader, so the same
//! file would mean one thing here and another in a cluster.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_yaml::Spanned;

use super::lines::Lines;
use super::traps::{self, Trap};

/// Bytes of one document at the most: what etcd takes by default, so that a manifest that works here works there.
const MAX_DOCUMENT_BYTES: usize = 1_572_864;

/// One document of a file.
#[derive(Clone, PartialEq)]
pub struct Document {
    /// Its content.
    pub value: Value,
    /// Where its fields stand.
    pub lines: Lines,
    /// Plain scalars in it that YAML 1.1 reads otherwise.
    pub traps: Vec<Trap>,
}

/// Why a file has no documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// The line, counted from 1.
    pub line: u32,
    /// What is wrong there.
    pub message: String,
}

/// The parser calls itself once per level of nesting; this is room for [`MAX_DEPTH`] levels in a debug build.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Levels of nesting at the most; no manifest comes near.
const MAX_DEPTH: usize = 64;

/// Reads every document of a file. Empty ones are left out; the items of a `List` stand in for it.
pub fn documents(text: &str) -> Result<Vec<Document>, YamlError> {
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || parse(text));
        let failed = |message: String| YamlError { line: 1, message };
        let reader = reader.map_err(|error| failed(format!("no thread to read it with: {error}")))?;
        reader.join().map_err(|_| failed("the YAML reader broke down over it".to_owned()))?
    })
}

fn parse(text: &str) -> Result<Vec<Document>, YamlError> {
    let nodes: Vec<Spanned<Node>> =
        serde_yaml::from_multiple_with_options(text, options()).map_err(|error| YamlError::new(&error))?;
    let mut traps = traps::find(text);
    let mut documents = Vec::new();
    for Spanned { value: Node { value, lines }, referenced, .. } in nodes.into_iter().rev() {
        let start = line(referenced);
        let own = traps.split_off(traps.partition_point(|trap| trap.line < start));
        flatten(Document { value, lines: lines.on(start), traps: own }, text.len(), &mut documents)?;
    }
    documents.reverse();
    Ok(documents)
}

/// Puts the document, or the items of the list that it is, at the end of `out`, last item first.
fn flatten(mut document: Document, file_bytes: usize, out: &mut Vec<Document>) -> Result<(), YamlError> {
    let Some(items) = list_items(&mut document.value) else {
        // A document cannot be larger than its file but for aliases, whose expansion the parser bounds.
        if file_bytes > MAX_DOCUMENT_BYTES && document.value.to_string().len() > MAX_DOCUMENT_BYTES {
            let message = format!("the document is larger than {MAX_DOCUMENT_BYTES} bytes, which no cluster stores");
            return Err(YamlError { line: document.lines.line(), message });
        }
        if !document.value.is_null() {
            out.push(document);
        }
        return Ok(());
    };
    let lines = document.lines.take_items("items");
    let mut traps = document.traps;
    for (index, (value, lines)) in items.into_iter().zip(lines).enumerate().rev() {
        let prefix = format!("items[{index}].");
        let own = traps.extract_if(.., |trap| trap.path.starts_with(&prefix));
        let own = own.map(|trap| Trap { path: trap.path.trim_start_matches(&prefix).to_owned(), ..trap }).collect();
        flatten(Document { value, lines, traps: own }, file_bytes, out)?;
    }
    Ok(())
}

/// The items, if this is a `List` of `v1` or a list of one kind as the API server returns it (`OidcUserList`).
fn list_items(value: &mut Value) -> Option<Vec<Value>> {
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match value.get_mut("items").filter(|_| is_list)? {
        Value::Array(items) => Some(std::mem::take(items)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => None,
    }
}

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        // Room for an export of a large installation in one file; aliases are what grows without being written down.
        budget: serde_yaml::budget! {
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_documents: 200_000,
            max_depth: MAX_DEPTH,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 50_000 },
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

impl YamlError {
    fn new(error: &serde_yaml::Error) -> Self {
        let line = error.location().map_or(1, line);
        Self { line, message: error.render_with_formatter(&serde_yaml::UserMessageFormatter) }
    }
}

fn line(location: serde_yaml::Location) -> u32 {
    u32::try_from(location.line()).unwrap_or(u32::MAX)
}

/// A value and where its parts stand, read in one go.
struct Node {
    value: Value,
    lines: Lines,
}

impl Node {
    fn scalar(value: Value) -> Self {
        Self { value, lines: Lines::scalar() }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON can hold")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("the number is not finite"))?;
        Ok(Node::scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::scalar(Value::String(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::scalar(Value::String(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let (mut values, mut lines) = (Vec::new(), Vec::new());
        while let Some(Spanned { value: node, referenced, .. }) = access.next_element::<Spanned<Node>>()? {
            values.push(node.value);
            lines.push(node.lines.on(line(referenced)));
        }
        Ok(Node { value: Value::Array(values), lines: Lines::sequence(lines) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let (mut values, mut lines) = (Map::new(), BTreeMap::new());
        while let Some(Spanned { value: key, referenced, .. }) = access.next_key::<Spanned<String>>()? {
            let node: Node = access.next_value()?;
            if values.insert(key.clone(), node.value).is_some() {
                return Err(A::Error::custom(format!("the key `{key}` stands twice in one mapping")));
            }
            lines.insert(key, node.lines.on(line(referenced)));
        }
        Ok(Node { value: Value::Object(values), lines: Lines::mapping(lines) })
    }
}

#[cfg(test)]
mod tests;
