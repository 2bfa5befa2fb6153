//! The two programs that the demo and the browser tests run.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::paths;

/// Freshly built programs.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// The product.
    pub portcullis: PathBuf,
    /// The relying party of `tests/demo-app`.
    pub demo_app: PathBuf,
}

/// Builds both, so that nobody tests a stale program, and asks cargo where it put them. The whole
/// workspace is selected, because a selection decides the features of shared dependencies: with one
/// selection everywhere, nothing is compiled twice.
pub fn build() -> Result<Binaries> {
    let mut cargo = paths::cargo();
    cargo.args(["build", "--quiet", "--workspace", "--bins"]);
    cargo.args(["--message-format=json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = cargo.output().context("run `cargo build`")?;
    ensure!(output.status.success(), "`cargo build --workspace --bins` failed");
    let messages = String::from_utf8(output.stdout).context("cargo's messages are UTF-8")?;
    Ok(Binaries { portcullis: executable(&messages, "portcullis")?, demo_app: executable(&messages, "demo-app")? })
}

/// Builds the product alone under another profile, such as `bench`.
pub fn portcullis(profile: &str) -> Result<PathBuf> {
    let mut cargo = paths::cargo();
    cargo.args(["build", "--quiet", "--package", "portcullis", "--profile", profile]);
    cargo.args(["--message-format=json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = cargo.output().context("run `cargo build`")?;
    ensure!(output.status.success(), "`cargo build --package portcullis --profile {profile}` failed");
    executable(&String::from_utf8(output.stdout).context("cargo's messages are UTF-8")?, "portcullis")
}

/// The path of the program `name` among cargo's messages, one JSON object a line.
fn executable(messages: &str, name: &str) -> Result<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name").and_then(Value::as_str) == Some(name))
        .find_map(|message| message.get("executable").and_then(Value::as_str).map(PathBuf::from))
        .with_context(|| format!("cargo built no program named {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_libraries_of_the_same_name() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"demo-app","kind":["custom-build"]},"executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/debug/other"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"demo-app","kind":["bin"]},"executable":"/t/debug/demo-app"}"#,
        );
        assert_eq!(executable(messages, "demo-app").unwrap(), PathBuf::from("/t/debug/demo-app"));
        assert!(executable(messages, "portcullis").is_err());
    }
}
