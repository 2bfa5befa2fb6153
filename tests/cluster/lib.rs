//! A real Kubernetes control plane for tests.
//!
//! ```text
//! cases/        the tests, one binary
//!   └─ shared     the control plane of this binary, with the kinds, policies and roles installed
//!        ├─ role      who asks: a kubeconfig and a client for each
//!        ├─ objects   manifests as JSON, created, changed and judged
//!        ├─ kubectl   the command line, and its transcript
//!        ├─ programs  controllers and servers as processes
//!        ├─ audit     who has written what
//!        └─ inside    a controller and a server's feed in the test's own process
//! ```
//!
//! The processes are `xtask::control_plane`'s. A test that kills or stops one of them starts a
//! control plane of its own; all others share one and keep apart by namespaces.

pub mod audit;
pub mod inside;
pub mod kubectl;
pub mod objects;
pub mod programs;
pub mod role;
mod shared;

pub use inside::{Inside, text};
pub use kubectl::Kubectl;
pub use role::Role;
pub use shared::{Cluster, NamespaceKind, cluster};
