//! `cargo xtask lint`: what is checked without running anything.

use anyhow::Result;

use crate::paths;
use crate::steps::{Steps, succeed};

/// Formatting, clippy over every target, and documentation, private items too.
pub fn run() -> Result<()> {
    let mut steps = Steps::new();
    for (name, words) in [
        ("format", "fmt --all --check"),
        ("clippy", "clippy --workspace --all-targets --quiet -- -D warnings"),
        ("documentation", "doc --workspace --no-deps --document-private-items --quiet"),
    ] {
        steps.run(name, || {
            let mut cargo = paths::cargo();
            cargo.args(words.split(' ')).env("RUSTDOCFLAGS", "-D warnings");
            succeed(cargo).map(|()| String::new())
        })?;
    }
    steps.summary();
    Ok(())
}
