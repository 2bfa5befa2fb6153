//! kube at the edge: watches become inputs, what was compiled becomes writes; and the feed of the servers.
//!
//! ```text
//! API server ─watch─▶ tracker ─▶ World ─compile─▶ Desired ─┐
//!     ▲                            │                       ├─▶ plan (pure): the next write ─▶ apply ─┐
//!     │                            └─ what is ─────────────┘                                         │
//!     └──────────────────────────────────────────────────────────────────────────────────────────────┘
//! servers ─/loaded─▶ Replicas: how far they are
//! ```
//!
//! Reading order: [`settings`] → `source`, `watch`, `tracker`, `decode` (what is told) → `world`, `observed` (what is) →
//! `desired` (what should be) → `material` (keys) → `servers` (what is loaded) → `plan` (the next thing to do) → `apply`,
//! `failure`, `garbage` (doing it) → [`reconcile`] (the one task that thinks) → [`lease`], [`fence`] (who may write) →
//! [`feed`] (the other side: records to catalog, in the server).
//!
//! - The controller never writes spec, labels or annotations of what people write, and takes over no Secret.
//! - Everything that decides is pure and is handed the time; tasks do one request each and decide nothing.
//! - Only the leader writes: the client refuses anything else, at the moment of sending.

mod apply;
mod decode;
mod desired;
mod failure;
pub mod feed;
pub mod fence;
mod garbage;
mod issuers;
pub mod lease;
mod material;
pub mod metrics;
pub mod names;
mod observed;
mod plan;
mod queue;
pub mod reconcile;
mod servers;
pub mod settings;
mod source;
mod tracker;
mod watch;
mod world;

pub use metrics::Metrics;
pub use reconcile::{Parts, Readiness, RunError, run};
pub use settings::{SecretsPower, Servers, Settings};
