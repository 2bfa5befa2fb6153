//! The project's own commands, and what the browser tests share with them.
//!
//! ```text
//! main.rs ─┬─ suite   every test, in order, timed        ─── steps, tools
//!          ├─ lint    format, clippy, documentation      ─── steps
//!          ├─ demo    provider and relying party, by hand ─┐
//!          ├─ cluster a Kubernetes control plane, by hand ─┼─ control_plane ─── kubernetes, watchdog
//!          └─ lists   closed lists against the tests       │
//!                                                          ▼
//! tests/browser ──────────────────────────────────────── stack ─── binaries, process, quickstart, http
//! ```
//!
//! `stack` is the only place that knows how the two programs are started, so that the demo and the
//! browser tests run the same thing.
#![expect(clippy::print_stdout, reason = "these are command-line tools: their result is what they print")]

pub mod binaries;
pub mod cluster;
pub mod control_plane;
pub mod demo;
pub mod html;
pub mod http;
pub mod kubernetes;
pub mod lint;
pub mod lists;
pub mod paths;
pub mod ports;
pub mod process;
pub mod quickstart;
pub mod stack;
pub mod steps;
pub mod suite;
pub mod tools;
pub mod walk;
pub mod watchdog;
