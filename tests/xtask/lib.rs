//! The project's own commands, and what the browser tests share with them.
//!
//! ```text
//! main.rs ─┬─ suite   every test, in order, timed        ─── steps, tools, python
//!          ├─ lint    format, clippy, documentation, dependencies ─── steps, cargo_tools
//!          ├─ sbom    what the program is made of          ─── cargo_tools
//!          ├─ lists   closed lists against the tests
//!          ├─ fuzz    what reads bytes, under libFuzzer   ─── cargo_tools
//!          ├─ cluster a Kubernetes control plane, by hand ─────────────────────┐
//!          └─ demo    provider and relying party, by hand ─┐                   │
//!                                                          ▼                   │
//! tests/browser ───────────────────────────────────── running ─┬─ stack        │ ─── binaries, process, quickstart, http
//!                                                              └─ cluster_stack│
//!                                                                      ▼       ▼
//! tests/cluster ────────────────────────────────────────────────── control_plane ─── kubernetes, watchdog
//! ```
//!
//! `stack` and `cluster_stack` are the only places that know how the programs are started, from a
//! folder and on a cluster, so that the demo and the browser tests run the same thing.
#![expect(clippy::print_stdout, reason = "these are command-line tools: their result is what they print")]

pub mod binaries;
pub mod cargo_tools;
pub mod cluster;
pub mod cluster_stack;
pub mod control_plane;
pub mod demo;
pub mod fuzz;
pub mod go_tools;
pub mod html;
pub mod http;
pub mod kubernetes;
pub mod lint;
pub mod lists;
pub mod lock;
pub mod oauth2_proxy;
pub mod paths;
pub mod ports;
pub mod process;
pub mod python;
pub mod quickstart;
pub mod running;
pub mod sbom;
pub mod secrecy;
pub mod stack;
pub mod steps;
pub mod suite;
pub mod tools;
pub mod walk;
pub mod watchdog;
