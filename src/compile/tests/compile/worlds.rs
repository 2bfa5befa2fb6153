//! Small worlds around one application, `team-a/notes`, and what comes of them.

use std::collections::BTreeMap;

use api::{Kind, Reason};
use compile::{Compiled, Inputs, Mode, Synced, Verdict, compile};
use oidc::catalog::Catalog;
use oidc::client::Client;
use serde_json::{Value, json};

use crate::support;

/// A provider `identity/default` with this list of policies.
pub(crate) fn provider(policies: &Value) -> Value {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "OidcProvider",
        "metadata": {"name": "default", "namespace": "identity"},
        "spec": {"issuer": "https://id.example.com/oidc", "applicationPolicies": policies},
    })
}

/// A policy for the namespace `team-a`, with more fields.
pub(crate) fn policy(more: &Value) -> Value {
    let mut policy = json!({
        "name": "team-a",
        "namespaces": {"type": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "team-a"}}},
        "allowedRedirectHosts": ["*.team-a.example.com"],
    });
    merge(&mut policy, more);
    policy
}

pub(crate) fn application(namespace: &str, name: &str, more: &Value) -> Value {
    let mut spec = json!({"redirectURIs": ["https://notes.team-a.example.com/callback"]});
    merge(&mut spec, more);
    json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "OidcApplication",
        "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    })
}

pub(crate) fn object(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    })
}

pub(crate) fn merge(into: &mut Value, more: &Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        into[name] = value.clone();
    }
}

pub(crate) fn world(documents: &[Value]) -> Inputs {
    let mut inputs = support::empty(Mode::Standalone);
    for (position, document) in documents.iter().enumerate() {
        support::add(&mut inputs, document, position);
    }
    support::equip(&mut inputs);
    inputs
}

pub(crate) fn run(inputs: &Inputs) -> Compiled {
    compile(&Synced::after_first_list(inputs.clone()))
}

pub(crate) fn verdict<'c>(compiled: &'c Compiled, kind: Kind, namespace: &str, name: &str) -> &'c Verdict {
    &compiled.verdicts[&support::object(kind, namespace, name)]
}

pub(crate) fn notes(compiled: &Compiled) -> &Verdict {
    verdict(compiled, Kind::OidcApplication, "team-a", "notes")
}

pub(crate) fn reasons(verdict: &Verdict) -> Vec<Reason> {
    verdict.diagnostics.iter().map(|one| one.reason).collect()
}

pub(crate) fn clients(compiled: &Compiled) -> BTreeMap<String, Client> {
    let realms = compiled.catalogs.values().flat_map(Catalog::realms);
    realms
        .flat_map(|realm| realm.clients.values())
        .map(|client| (client.id.to_string(), client.as_ref().clone()))
        .collect()
}
