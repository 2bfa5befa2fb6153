//! The released program on a folder of manifests, used from outside: over HTTP, through files, by signals.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod authlib;
mod edits;
mod harness;
mod issuers;
mod keys;
mod kill;
mod lifecycle;
mod openid;
mod scale;
mod tls;
