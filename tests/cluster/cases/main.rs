//! The kinds on a real API server. All tests share one control plane, but for those that stop its
//! parts or replace its definitions.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

// The table of the CEL rules has one owner, which loads it for both engines.
#[path = "../../../src/api/rules/tests/cases.rs"]
mod rule_cases;

mod admission;
mod agreement;
mod command_line;
mod crashes;
mod credentials;
mod faults;
mod foreign;
mod idle;
mod issuers;
mod leaders;
mod merging;
mod orders;
mod permissions;
mod ratcheting;
mod reconciling;
mod replicas;
mod roles;
mod rotating;
mod samples;
mod storms;
mod tokens;
mod troubles;
mod watching;

use api::Kind;
use kube::api::DynamicObject;
use kube::{Api, Client};

/// The objects of a kind in a namespace.
fn objects(client: &Client, kind: Kind, namespace: &str) -> Api<DynamicObject> {
    cluster::objects::api(client, kind.as_str(), kind.plural(), namespace)
}
