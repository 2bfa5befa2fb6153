//! Manifests as JSON, without Rust types: what a test sends is what it wrote.

use anyhow::{Context, Result};
use api::RecordKind;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind, Request, Status};
use kube::{Api, Client, Error};
use serde_json::{Value, json};

/// The objects of a kind of ours in a namespace.
pub fn api(client: &Client, kind: &str, plural: &str, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("portcullis.dev", "v1alpha1", kind);
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk_with_plural(&kind, plural))
}

/// The records of a kind in a namespace.
pub fn records(client: &Client, kind: RecordKind, namespace: &str) -> Api<DynamicObject> {
    api(client, kind.as_str(), kind.plural(), namespace)
}

/// A manifest of a kind of ours.
pub fn manifest(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "portcullis.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// What the API server says to a write: the object that it stored or would have stored, or why it
/// refuses. Whatever else goes wrong is an error.
pub type Verdict = Result<Value, Box<Status>>;

/// Creates an object; unknown fields are dropped.
pub async fn create(api: &Api<DynamicObject>, manifest: &Value) -> Result<Verdict> {
    verdict(api.create(&PostParams::default(), &object(manifest)?).await)
}

/// Asks whether a manifest could be created, or could replace the object of its name when there
/// is an `old` one. Unknown fields are an error, as for `kubectl`. Nothing is written.
pub async fn ask(client: &Client, api: &Api<DynamicObject>, old: Old, manifest: &Value) -> Result<Verdict> {
    let request = Request::new(api.resource_url());
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let mut request = match old {
        Old::Absent => request.create(&params, serde_json::to_vec(manifest)?),
        Old::Present => {
            let mut object = object(manifest)?;
            let name = object.metadata.name.clone().context("a manifest without a name")?;
            object.metadata.resource_version = api.get(&name).await?.metadata.resource_version;
            request.replace(&name, &params, serde_json::to_vec(&object)?)
        }
    }?;
    *request.uri_mut() = format!("{}&fieldValidation=Strict", request.uri()).parse()?;
    verdict(client.request(request).await)
}

/// Whether there is an object to replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    /// No.
    Absent,
    /// Yes, and rules that compare with it apply.
    Present,
}

/// Server-side apply by `manager`, who does not take fields from others.
pub async fn apply(api: &Api<DynamicObject>, manager: &str, manifest: &Value) -> Result<Verdict> {
    let name = manifest.pointer("/metadata/name").and_then(Value::as_str).context("a manifest without a name")?;
    verdict(api.patch(name, &PatchParams::apply(manager), &Patch::Apply(manifest)).await)
}

/// A merge patch (RFC 7396).
pub async fn merge(api: &Api<DynamicObject>, name: &str, patch: Value) -> Result<Verdict> {
    verdict(api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await)
}

/// A merge patch of the status.
pub async fn merge_status(api: &Api<DynamicObject>, name: &str, status: Value) -> Result<Verdict> {
    let patch = Patch::Merge(json!({"status": status}));
    verdict(api.patch_status(name, &PatchParams::default(), &patch).await)
}

/// The fields that a refusal names, in order, each once.
pub fn fields(status: &Status) -> Vec<String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut fields: Vec<String> = causes.map(|cause| cause.field.clone()).collect();
    fields.sort();
    fields.dedup();
    fields
}

fn object(manifest: &Value) -> Result<DynamicObject> {
    serde_json::from_value(manifest.clone()).context("a manifest of ours")
}

fn verdict(answer: Result<DynamicObject, Error>) -> Result<Verdict> {
    match answer {
        Ok(object) => Ok(Ok(serde_json::to_value(object)?)),
        Err(Error::Api(status)) if matches!(status.code, 400 | 403 | 409 | 422) => Ok(Err(status)),
        Err(error) => Err(error).context("ask the API server"),
    }
}
