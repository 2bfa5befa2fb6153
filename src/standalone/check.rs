//! `check`: what would become of these manifests, without a cluster, keys or a state.

use std::path::PathBuf;

use compile::passwords::without_hashing;
use compile::{Mode, ObjectRef, Synced};
use serde::Serialize;

use crate::finding::Finding;
use crate::manifests::Reader;
use crate::world::World;

/// Where the controller looks for providers unless it is told otherwise.
pub const PROVIDER_NAMESPACE: &str = "identity";

/// The outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Objects of this group that were judged, refused ones among them.
    pub objects: usize,
    /// Documents of kinds that this program has no use for.
    pub ignored: usize,
    /// Everything that is wrong, by file and line.
    pub errors: Vec<Finding>,
}

/// Judges the manifests in these files and folders. An absent `providerRef` points to the provider `default` of
/// `provider_namespace`; by default that is where the providers among these manifests live.
pub fn check(paths: Vec<PathBuf>, provider_namespace: Option<String>) -> Checked {
    let reading = Reader::new(paths).read();
    let world = World::new(&reading);
    let provider_namespace = provider_namespace.unwrap_or_else(|| {
        let mut namespaces: Vec<_> = world.providers().map(|(key, _)| key.namespace.clone()).collect();
        namespaces.dedup();
        match namespaces.as_slice() {
            [only] => only.clone(),
            _ => PROVIDER_NAMESPACE.to_owned(),
        }
    });
    let inputs = world.inputs(&provider_namespace, Mode::Check, None, &mut |_, secret| without_hashing(&secret.data));
    let compiled = compile::compile(&Synced::after_first_list(inputs));
    let verdicts = compiled.verdicts.iter();
    let judged = verdicts.flat_map(|(object, verdict): (&ObjectRef, _)| world.findings_of(object, verdict));
    let mut errors: Vec<_> = world.findings.iter().cloned().chain(judged).collect();
    errors.sort();
    errors.dedup();
    Checked { objects: world.present.len(), ignored: world.others, errors }
}

impl Checked {
    /// 0: all is well; 1: something was refused; 2: something could not be read.
    pub fn exit_code(&self) -> u8 {
        match self.errors.as_slice() {
            [] => 0,
            errors if errors.iter().any(Finding::is_unreadable) => 2,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests;
