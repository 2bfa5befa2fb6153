//! One table of good and bad objects, judged by the API server and without one.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use api::Kind;
use cluster::objects::{self, Old};
use cluster::{NamespaceKind, Role, cluster};
use compile::{FieldError, FieldReason};
use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use serde::Deserialize;
use serde_json::Value;

use crate::rule_cases;

/// Requests in flight: enough to keep two cores busy.
const AT_ONCE: usize = 16;

/// What the API server says beside an error, without a field: that rules were left unjudged because
/// the structure is wrong, and the error about a fraction once more.
const REMARKS: [&str; 2] =
    ["some validation rules were not checked", "Checked value must be of type integer with format int64 in spec."];

/// An object to judge, in the table of rules or in that of the structure.
struct Case {
    name: String,
    kind: Kind,
    new: Value,
    old: Option<Value>,
    expected: Expected,
}

enum Expected {
    /// These rules, by ID, and nothing else.
    Rules(Vec<String>),
    /// These fields, and nothing else.
    Fields(BTreeSet<String>),
}

/// One judge's verdict: fields, with everything that is said of them. Empty: accepted.
type Verdict = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Structural {
    kind: Kind,
    name: String,
    spec: Value,
    #[serde(default)]
    fields: BTreeSet<String>,
}

fn table() -> Vec<Case> {
    let rules = rule_cases::load().into_iter().map(|case| Case {
        name: case.name,
        kind: case.kind,
        new: case.object,
        old: case.old,
        expected: Expected::Rules(case.want),
    });
    let structure: Vec<Structural> = serde_yaml::from_str(include_str!("structure.yaml")).unwrap();
    let structure = structure.into_iter().map(|Structural { kind, name, mut spec, fields }| {
        if kind == Kind::OidcApplication && spec.get("redirectURIs").is_none() {
            spec["redirectURIs"] = serde_json::json!(["https://notes.example/callback"]);
        }
        let new = serde_json::json!({"metadata": {"name": "case"}, "spec": spec});
        Case { name: format!("structure: {kind}: {name}"), kind, new, old: None, expected: Expected::Fields(fields) }
    });
    rules.chain(structure).collect()
}

/// The same object in `namespace`, complete.
fn complete(object: &Value, kind: Kind, namespace: &str, name: Option<&str>) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = Kind::api_version().into();
    object["kind"] = kind.as_str().into();
    object["metadata"]["namespace"] = namespace.into();
    if let Some(name) = name {
        object["metadata"]["name"] = name.into();
    }
    object
}

fn offline(new: &Value, old: Option<&Value>) -> (Verdict, Vec<FieldError>) {
    let outcome = match old {
        Some(old) => compile::admit_update(old, new.clone()),
        None => compile::admit(new.clone()),
    };
    let errors = outcome.err().unwrap_or_default();
    let mut verdict = Verdict::new();
    for error in &errors {
        *verdict.entry(error.path.clone()).or_default() += &error.message;
    }
    (verdict, errors)
}

async fn online(client: &Client, kind: Kind, namespace: &str, new: &Value, old: Option<&Value>) -> Result<Verdict> {
    let api = crate::objects(client, kind, namespace);
    let mut there = Old::Absent;
    if let Some(old) = old {
        let stored = objects::create(&api, old).await?;
        stored.map_err(|status| anyhow::anyhow!("the former state is refused: {}", status.message))?;
        there = Old::Present;
    }
    let Err(status) = objects::ask(client, &api, there, new).await? else { return Ok(Verdict::new()) };
    let mut verdict = Verdict::new();
    for cause in status.details.iter().flat_map(|details| &details.causes) {
        if REMARKS.iter().any(|remark| cause.message.contains(remark)) {
            continue;
        }
        *verdict.entry(cause.field.clone()).or_default() += &cause.message;
    }
    // A manifest with unknown fields is refused before it is judged, in one sentence.
    for part in status.message.split("unknown field \"").skip(1) {
        verdict.insert(part.split('"').next().unwrap_or_default().to_owned(), "unknown field".to_owned());
    }
    ensure!(!verdict.is_empty(), "refused without a field: {}", status.message);
    Ok(verdict)
}

/// `spec.attributes[level]` as `spec.attributes.level`. The two judges write the value of a map
/// differently where its type is wrong; indexes of lists they write alike.
fn dotted(path: &str) -> String {
    let is_index = |text: &str| text.chars().all(|character| character.is_ascii_digit());
    let mut parts = path.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| match part.split_once(']') {
        Some((key, rest)) if !is_index(key) => format!("{path}.{key}{rest}"),
        _ => format!("{path}[{part}"),
    })
}

/// What is wrong with the two verdicts, if anything.
fn disagreement(case: &Case, offline: &(Verdict, Vec<FieldError>), online: &Verdict) -> Option<String> {
    let (offline, errors) = offline;
    let fields = |verdict: &Verdict| verdict.keys().map(|path| dotted(path)).collect::<BTreeSet<_>>();
    if offline.is_empty() != online.is_empty() {
        return Some(format!("offline {offline:?}, API server {online:?}"));
    }
    match &case.expected {
        Expected::Fields(expected) => {
            let told = [fields(offline), fields(online)];
            told.iter().any(|told| told != expected).then(|| format!("expected {expected:?}, told {told:?}"))
        }
        Expected::Rules(expected) => {
            let ids: BTreeSet<&str> = errors.iter().filter_map(|error| rule(&error.reason)).collect();
            let rules = api::rules();
            let messages = expected.iter().map(|id| rules.iter().find(|rule| rule.id == *id).unwrap());
            let said: String = online.values().map(String::as_str).collect();
            let mut missing: Vec<&str> = messages
                .filter(|rule| !said.contains(&rule.message))
                .map(|rule| rule.id.as_str())
                .filter(|id| !silent(id, online))
                .collect();
            missing.extend(expected.iter().map(String::as_str).filter(|id| !ids.contains(id)));
            (!missing.is_empty()).then(|| format!("{missing:?} not told: offline {ids:?}, API server {online:?}"))
        }
    }
}

fn rule(reason: &FieldReason) -> Option<&str> {
    match reason {
        FieldReason::Rule { id } => Some(id),
        FieldReason::Required
        | FieldReason::Invalid
        | FieldReason::NotSupported
        | FieldReason::TooLong
        | FieldReason::TooMany
        | FieldReason::Duplicate
        | FieldReason::Unknown
        | FieldReason::Type => None,
    }
}

/// Where the API server refuses too, but does not come to judge the rule: a name that no object
/// may have is refused before any schema is asked.
fn silent(id: &str, online: &Verdict) -> bool {
    id.ends_with("#1") && !id.contains('.') && online.contains_key("metadata.name")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_server_and_admission_without_one_agree() -> Result<()> {
    let cluster = cluster()?;
    let client = cluster.client(&Role::ClusterAdmin).await?;
    let namespace = cluster.namespace("agreement", NamespaceKind::Provider).await?;
    let table = table();
    let total = table.len();
    let judged = stream::iter(table.into_iter().enumerate().map(|(number, case)| {
        let (client, namespace) = (client.clone(), namespace.clone());
        async move {
            // Former states are stored, side by side; everything else is only asked about.
            let name = case.old.as_ref().map(|_| format!("case-{number}"));
            let complete = |object: &Value| complete(object, case.kind, &namespace, name.as_deref());
            let (new, old) = (complete(&case.new), case.old.as_ref().map(complete));
            let online = online(&client, case.kind, &namespace, &new, old.as_ref()).await;
            let online = online.with_context(|| case.name.clone())?;
            let offline = offline(&new, old.as_ref());
            anyhow::Ok(disagreement(&case, &offline, &online).map(|told| format!("{}: {told}", case.name)))
        }
    }));
    let told: Vec<Option<String>> = judged.buffer_unordered(AT_ONCE).try_collect().await?;
    let disagreements: Vec<String> = told.into_iter().flatten().collect();
    assert!(disagreements.is_empty(), "{} of {total}: {disagreements:#?}", disagreements.len());
    Ok(())
}

/// One refusal could be an accident of the object; that each rule has objects that keep it is
/// checked where the table lies.
#[test]
fn every_rule_refuses_two_objects() {
    let refusals: Vec<String> = rule_cases::load().into_iter().flat_map(|case| case.want).collect();
    let count = |id: &str| refusals.iter().filter(|refused| *refused == id).count();
    let rare: Vec<String> = api::rules().into_iter().map(|rule| rule.id).filter(|id| count(id) < 2).collect();
    assert!(rare.is_empty(), "refused fewer than twice: {rare:#?}");
}
