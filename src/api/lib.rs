//! The custom resource types of `portcullis.dev/v1alpha1`, one kind per file.
//!
//! Reading order: `kind.rs`, then the kinds (`provider.rs`, `application.rs`, `resource.rs`,
//! `user.rs`, `group.rs`), then what they share: `text.rs` (bounded strings), `wire.rs`
//! (closed enumerations), `cel.rs` (pieces of rules), `reference.rs`, `status.rs`. `record.rs`
//! has the two kinds that only the controller writes. `crds.rs`
//! generates what is installed, `rules.rs` lists the CEL rules, `cases/` tests each of them.
//!
//! The doc comment of a field is its text in `kubectl explain`. Decoding checks shapes only;
//! lengths, patterns and rules are in the schema, and whoever admits an object applies
//! [`schema`] first. No type here knows a client, a clock or another member.
#![expect(
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    reason = "`kubectl explain` shows plain text: `[::1]` is an address there, `<name>` a place to fill in"
)]

mod algorithm;
mod application;
mod cel;
mod client_record;
mod crds;
mod group;
mod kind;
mod object;
mod provider;
mod record;
mod reference;
mod resource;
mod rules;
mod status;
mod text;
mod user;
mod user_record;
mod wire;

pub use algorithm::*;
pub use application::*;
pub use client_record::*;
pub use crds::{crd, crd_yaml, crds, crds_yaml, record_crd, record_crd_yaml, schema};
pub use group::*;
pub use kind::{GROUP, Kind, VERSION};
pub use object::ObjectKey;
pub use provider::*;
pub use record::{ObjectUid, RecordKind, RecordMac, RecordPayload, RecordSource};
pub use reference::{LocalRef, ProviderRef, ResourceRef, SecretRef};
pub use resource::*;
pub use rules::{RuleInfo, rules};
pub use status::{Condition, ConditionStatus, ConditionType, NEVER_OBSERVED, Reason};
pub use text::*;
pub use user::*;
pub use user_record::*;
pub use wire::UnknownValue;
