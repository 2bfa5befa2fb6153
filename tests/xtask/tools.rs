//! What the browser tests need from outside: Chromium with its driver, and axe-core.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{paths, steps};

/// A program on `PATH`, and the Debian package that brings it.
const PROGRAMS: [(&str, &str); 3] = [("chromium", "chromium"), ("chromedriver", "chromium-driver"), ("npm", "npm")];

/// Without a font, pages render without text.
const FONTS: &str = "fonts-dejavu-core";

/// Finds a program on `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Finds a program on `PATH`, or says how to get it.
pub fn require(program: &str) -> Result<PathBuf> {
    find(program).with_context(|| format!("`{program}` is not installed; `cargo xtask test` installs it"))
}

/// Where axe-core lies, or how to get it.
pub fn axe() -> Result<PathBuf> {
    let script = members_node_modules().join("axe-core/axe.min.js");
    if script.is_file() {
        return Ok(script);
    }
    bail!("axe-core is not installed; `cargo xtask test` installs it (`npm ci` in tests/browser)")
}

/// Installs what is missing; the remark says what that was.
pub fn install() -> Result<String> {
    let mut installed = Vec::new();
    let missing: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect();
    if !missing.is_empty() {
        apt(&missing)?;
        installed.extend(missing);
    }
    if wanted_axe()? != installed_axe() {
        println!("    npm ci: axe-core");
        let mut npm = Command::new(require("npm")?);
        npm.args(["ci", "--ignore-scripts"]).current_dir(paths::root().join("tests/browser"));
        steps::succeed(npm)?;
        installed.push("axe-core");
    }
    Ok(if installed.is_empty() { "nothing missing".to_owned() } else { format!("installed {}", installed.join(", ")) })
}

/// Installs Debian packages.
pub(crate) fn apt(packages: &[&str]) -> Result<()> {
    if find("apt-get").is_none() {
        bail!("these are missing and there is no apt-get to install them with: {}", packages.join(", "));
    }
    println!("    apt-get install {} {FONTS}", packages.join(" "));
    steps::succeed(as_root(&["apt-get", "update"]))?;
    let mut install = as_root(&["apt-get", "install", "--yes", "--no-install-recommends", FONTS]);
    install.args(packages);
    steps::succeed(install)
}

/// A command as root: itself when we are, else through a `sudo` that asks nothing.
fn as_root(words: &[&str]) -> Command {
    let sudo: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["sudo", "--non-interactive"] };
    let mut words = sudo.iter().chain(&["env", "DEBIAN_FRONTEND=noninteractive"]).chain(words);
    let mut command = Command::new(words.next().unwrap_or(&"env"));
    command.args(words);
    command
}

fn members_node_modules() -> PathBuf {
    paths::root().join("tests/browser/node_modules")
}

/// The version that the lock file names.
fn wanted_axe() -> Result<Option<String>> {
    let lock = paths::root().join("tests/browser/package-lock.json");
    Ok(version(&lock, "/packages/node_modules~1axe-core/version")
        .with_context(|| format!("read {}", lock.display()))?
        .into())
}

fn installed_axe() -> Option<String> {
    version(&members_node_modules().join("axe-core/package.json"), "/version")
}

fn version(file: &Path, pointer: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    json.pointer(pointer)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_the_path_and_an_absent_one_tells_what_to_do() {
        assert!(find("sh").is_some());
        let error = require("no-such-browser").unwrap_err().to_string();
        assert!(error.contains("`cargo xtask test` installs it"), "{error}");
    }

    #[test]
    fn the_lock_file_pins_axe_and_names_no_registry() {
        assert!(wanted_axe().unwrap().is_some());
        let lock = fs::read_to_string(paths::root().join("tests/browser/package-lock.json")).unwrap();
        assert!(!lock.contains("\"resolved\""), "npm ci must ask the registry that the machine is set to");
    }
}
