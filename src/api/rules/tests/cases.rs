//! Reads `cases/*.yaml`; `cases/README.md` says what they mean.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Kind;

/// One object to judge.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) object: Value,
    pub(super) old: Option<Value>,
    /// The IDs of the rules that refuse it, in order.
    pub(super) want: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kind: Kind,
    base: Value,
    cases: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default)]
    spec: Map<String, Value>,
    old: Option<Map<String, Value>>,
    #[serde(default)]
    want: Vec<String>,
    at: Option<String>,
    #[serde(default)]
    good: Vec<String>,
    #[serde(default)]
    bad: BTreeMap<String, Vec<String>>,
}

/// All cases of all files.
pub(super) fn load() -> Vec<Case> {
    // The tests against the API server include this file from a member of the same depth.
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../src/api/cases");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let mut cases = Vec::new();
    for path in files {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let options = serde_yaml::options! { strict_booleans: true };
        let file: File =
            serde_yaml::from_str_with_options(&text, options).unwrap_or_else(|error| panic!("{stem}: {error}"));
        for entry in &file.cases {
            expand(&stem, &file, entry, &mut cases);
        }
    }
    cases
}

fn expand(stem: &str, file: &File, entry: &Entry, cases: &mut Vec<Case>) {
    let name = format!("{stem}: {}", entry.name);
    let Some(at) = &entry.at else {
        cases.push(case(file, entry, name, None, &entry.want));
        return;
    };
    for text in &entry.good {
        cases.push(case(file, entry, format!("{name} {text:?}"), Some((at, text)), &[]));
    }
    for (want, texts) in &entry.bad {
        let want: Vec<String> = want.split(' ').map(str::to_owned).collect();
        for text in texts {
            cases.push(case(file, entry, format!("{name} {text:?}"), Some((at, text)), &want));
        }
    }
}

fn case(file: &File, entry: &Entry, name: String, put: Option<(&String, &String)>, want: &[String]) -> Case {
    let object = |spec: &Map<String, Value>| {
        let mut merged = file.base.clone();
        merged.as_object_mut().unwrap().extend(spec.clone());
        if let Some((at, text)) = put {
            put_at(&mut merged, at.trim_start_matches('/'), text);
        }
        let mut metadata = json!({"name": "case", "namespace": "team-a"});
        metadata.as_object_mut().unwrap().extend(entry.metadata.clone());
        without_nulls(json!({"metadata": metadata, "spec": merged}))
    };
    let mut want: Vec<String> = want
        .iter()
        .map(|id| if id.starts_with('#') { format!("{}{id}", file.kind) } else { format!("{}.{id}", file.kind) })
        .collect();
    want.sort();
    Case { name, kind: file.kind, object: object(&entry.spec), old: entry.old.as_ref().map(object), want }
}

/// Puts a text in, making the objects and lists on the way.
fn put_at(value: &mut Value, path: &str, text: &str) {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let slot = if let Ok(index) = first.parse::<usize>() {
        if value.is_null() {
            *value = json!([]);
        }
        let list = value.as_array_mut().unwrap();
        if index == list.len() {
            list.push(Value::Null);
        }
        &mut list[index]
    } else {
        if value.is_null() {
            *value = json!({});
        }
        value.as_object_mut().unwrap().entry(first).or_insert(Value::Null)
    };
    if rest.is_empty() { *slot = Value::from(text) } else { put_at(slot, rest, text) }
}

/// What the API server makes of `null`, before it fills in defaults.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}
