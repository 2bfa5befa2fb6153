//! Python with Authlib, a relying party that we did not write: a virtual environment of pinned packages, made once and
//! kept in a cache outside of the target folder.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{go_tools, paths, steps, tools};

/// The Debian package that brings `python3 -m venv`; python3 alone does not.
const PACKAGE: &str = "python3-venv";

/// Packages with their hashes, for every platform.
const REQUIREMENTS: &str = "requirements.txt";

/// The folder of the script and of what it needs.
pub fn folder() -> PathBuf {
    paths::root().join("tests/tools/authlib")
}

/// The interpreter. The first time its packages are installed, which is said on stderr.
pub fn get() -> Result<PathBuf> {
    let (environment, whole) = environment()?;
    let python = environment.join("bin/python");
    if whole.is_file() {
        return Ok(python);
    }
    let parent = paths::cache()?;
    fs::create_dir_all(&parent).with_context(|| format!("make {}", parent.display()))?;
    let lock = File::create(parent.join("python.lock")).context("make a lock file")?;
    lock.lock().context("wait for another installation of Authlib")?;
    if whole.is_file() {
        return Ok(python);
    }
    eprintln!("    installing Authlib (once)");
    let mut make = Command::new(tools::require("python3")?);
    make.args(["-m", "venv", "--clear"]).arg(&environment);
    steps::succeed(make).with_context(|| format!("`python3 -m venv` comes with the Debian package {PACKAGE}"))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    pip.arg("--only-binary=:all:").arg("--requirement").arg(folder().join(REQUIREMENTS));
    steps::succeed(pip)?;
    // Last of all: what was broken off must not look whole.
    File::create(&whole).with_context(|| format!("make {}", whole.display()))?;
    Ok(python)
}

/// Installs what is missing; the remark says what that was.
pub fn install() -> Result<String> {
    if environment()?.1.is_file() {
        return Ok("nothing missing".to_owned());
    }
    let able = tools::find("python3").is_some_and(|python| {
        Command::new(python).args(["-c", "import ensurepip, venv"]).status().is_ok_and(|status| status.success())
    });
    if !able {
        tools::apt(&[PACKAGE])?;
    }
    get()?;
    Ok("installed Authlib".to_owned())
}

/// The folder of what these requirements describe for this interpreter, and the file that says that it is whole.
fn environment() -> Result<(PathBuf, PathBuf)> {
    let path = folder().join(REQUIREMENTS);
    let pins = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    // Another interpreter does not see what was installed for this one.
    let python = tools::find("python3").and_then(|python| python.canonicalize().ok()).unwrap_or_default();
    let pins = format!("{pins}{}", python.display());
    let environment = paths::cache()?.join(format!("authlib-{:016x}", go_tools::fingerprint(&pins)));
    let whole = environment.join("whole");
    Ok((environment, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_with_its_hashes_and_no_place_is_named() {
        let pins = fs::read_to_string(folder().join(REQUIREMENTS)).unwrap();
        let packages: Vec<&str> = pins.lines().filter(|line| !line.starts_with(' ')).collect();
        assert!(packages.iter().any(|line| line.starts_with("authlib==")), "{packages:?}");
        assert!(packages.iter().all(|line| line.contains("==") && line.ends_with('\\')), "{packages:?}");
        assert!(!pins.contains("://") && !pins.contains("--find-links"), "pip must ask the index that it is set to");
    }
}
