//! Where things are: the checkout, cargo, the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The root of the checkout.
pub fn root() -> PathBuf {
    let member = Path::new(env!("CARGO_MANIFEST_DIR"));
    member.ancestors().nth(2).unwrap_or(member).to_path_buf()
}

/// The cargo that runs us, in the checkout's root and without a terminal to ask questions on.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).stdin(std::process::Stdio::null());
    command
}

/// What `cargo metadata` says of the workspace.
pub fn metadata() -> Result<Value> {
    let output =
        cargo().args(["metadata", "--no-deps", "--format-version=1"]).output().context("run `cargo metadata`")?;
    ensure!(output.status.success(), "`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("read `cargo metadata`")
}

/// The target folder, wherever flags, environment and configuration put it.
pub fn target() -> Result<PathBuf> {
    let metadata = metadata()?;
    let folder = metadata.get("target_directory").and_then(Value::as_str);
    Ok(folder.context("`cargo metadata` names no target_directory")?.into())
}

/// Where programs that were built once stay, outside of the target folder.
pub fn cache() -> Result<PathBuf> {
    let root = std::env::var_os("XDG_CACHE_HOME").filter(|path| Path::new(path).is_absolute()).map(PathBuf::from);
    let root = root.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let root = root.context("neither XDG_CACHE_HOME nor HOME says where the cache is")?;
    Ok(root.join("portcullis/tools"))
}
