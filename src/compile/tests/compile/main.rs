//! Manifests from YAML, compiled: what is served, what is refused, and what is said about it.
//!
//! The manifests are in `tests/compile` of the repository: each file of `cases` has a snapshot beside it, and those of
//! `bad` share one. A new file is a new test: drop it in, run with `INSTA_UPDATE=always`, review what was written.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod bad;
mod cases;
mod faults;
mod properties;
mod support;
mod threats;
mod worlds;
