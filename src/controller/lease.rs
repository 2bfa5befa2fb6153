//! Leader election: at most one process writes at a time.
//!
//! ```text
//! API server ◄─ get, create, replace ─ run ─ asks ─► Election (pure: what next, leading until when)
//!                                       │
//!                                       └─ tells ─► Leadership ◄─ asks, at every write ─ Fence
//! ```
//!
//! The lease is one object of coordination.k8s.io. Whoever holds it renews it; whoever wants it waits until it has
//! stood unchanged for its whole duration.
//!
//! 1. Every write names the version that was read, so of two candidates at once the API server lets one win.
//! 2. Times in the lease are for people. A candidate measures, on its own clock that nobody sets, for how long it has
//!    seen no change; so it does not matter how far the wall clocks of two nodes are apart.
//! 3. The holder counts from the moment it began to write its last renewal, which is earlier than anybody can have
//!    seen it, and stops a margin before the end. It needs no answer from anybody to stop.
//! 4. On shutdown the lease is given back, and whoever looks next takes it at once.
//!
//! What remains: between the holder's last look and its next renewal, a lease that somebody edits so that it looks
//! given back, or deletes just before a process starts that has never seen it, has two leaders. And a machine that is
//! suspended as a whole stops the clock with it: its process leads until its next renewal fails.
//!
//! RBAC: get, create and update on leases.

mod election;
mod leadership;
mod run;
mod settings;

pub use leadership::Leadership;
pub use run::run;
pub use settings::Settings;

#[cfg(test)]
mod tests;
