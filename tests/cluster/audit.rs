//! Who has written what, as the API server recorded it.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::Cluster;

/// One write, or an attempt at one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// `create`, `update`, `patch`, `delete`.
    pub verb: String,
    /// Such as `secrets` or `oidcapplications/status`.
    pub resource: String,
    /// The name of the object.
    pub name: String,
    /// The status of the answer.
    pub code: u64,
}

/// What whoever comes with a credential has sent to be written, in the order of the answers; but for leases, and for
/// questions that are asked by posting them.
pub fn writes(cluster: &Cluster, credential: &str) -> Result<Vec<Write>> {
    let path = cluster.plane().audit();
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    // The last line may be half written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut writes = Vec::new();
    for line in whole.lines().filter(|line| line.contains(credential)) {
        let event: Value = serde_json::from_str(line).with_context(|| format!("no audit event: {line}"))?;
        // The event of its being issued names a credential, too.
        let theirs = event.pointer("/user/extra/authentication.kubernetes.io~1credential-id/0");
        let write = Write::of(&event);
        if theirs.and_then(Value::as_str) == Some(credential)
            && write.resource != "leases"
            && !write.resource.ends_with("reviews")
        {
            writes.push(write);
        }
    }
    Ok(writes)
}

impl Write {
    fn of(event: &Value) -> Self {
        let text = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let subresource = text("/objectRef/subresource");
        let slash = if subresource.is_empty() { "" } else { "/" };
        Self {
            verb: text("/verb").to_owned(),
            resource: [text("/objectRef/resource"), slash, subresource].concat(),
            name: text("/objectRef/name").to_owned(),
            code: event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default(),
        }
    }
}
