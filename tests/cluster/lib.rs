//! A real Kubernetes control plane for tests.
//!
//! ```text
//! cases/        the tests, one binary
//!   └─ shared     the control plane of this binary, with the kinds, policies and roles installed
//!        ├─ role      who asks: a kubeconfig and a client for each
//!        ├─ objects   manifests as JSON, created, changed and judged
//!        └─ kubectl   the command line, and its transcript
//! ```
//!
//! The processes are `xtask::control_plane`'s. A test that kills or stops one of them starts a
//! control plane of its own; all others share one and keep apart by namespaces.

pub mod kubectl;
pub mod objects;
pub mod role;
mod shared;

pub use kubectl::Kubectl;
pub use role::Role;
pub use shared::{Cluster, NamespaceKind, cluster};
