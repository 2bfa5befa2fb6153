//! `cargo xtask lint`: what is checked without running anything.

use std::process::Command;

use anyhow::Result;

use crate::cargo_tools::{CargoTool, DENY, MACHETE};
use crate::paths;
use crate::steps::{Steps, succeed};

/// Formatting, clippy over every target, documentation, private items too, and the dependencies. Advisories are left out:
/// they change without a change here, and would be fetched.
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
    for (name, tool, words) in [
        ("dependencies", DENY, "--workspace check --hide-inclusion-graph bans licenses sources"),
        ("unused dependencies", MACHETE, ""),
    ] {
        steps.run(name, || succeed(on_the_workspace(tool, words)?).map(|()| String::new()))?;
    }
    steps.summary();
    Ok(())
}

fn on_the_workspace(tool: CargoTool, words: &str) -> Result<Command> {
    let mut command = Command::new(tool.get()?);
    command.current_dir(paths::root()).args(words.split_whitespace());
    Ok(command)
}
