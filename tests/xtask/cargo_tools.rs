//! Programs of cargo's own ecosystem: pinned, built once, kept in a cache outside of the target folder.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{paths, steps};

/// A program and its version.
#[derive(Clone, Copy, Debug)]
pub struct CargoTool {
    name: &'static str,
    version: &'static str,
}

/// Builds fuzz targets.
pub const FUZZ: CargoTool = CargoTool { name: "cargo-fuzz", version: "0.13.2" };

/// Who may depend on what, under which licence, from where.
pub const DENY: CargoTool = CargoTool { name: "cargo-deny", version: "0.20.2" };

/// Finds dependencies that nothing uses.
pub const MACHETE: CargoTool = CargoTool { name: "cargo-machete", version: "0.9.2" };

/// Writes software bills of materials.
pub const CYCLONEDX: CargoTool = CargoTool { name: "cargo-cyclonedx", version: "0.5.9" };

impl CargoTool {
    /// Where it is. The first time it is built, which takes minutes and is said on stderr.
    pub fn get(self) -> Result<PathBuf> {
        let Self { name, version } = self;
        let folder = paths::cache()?.join(format!("{name}-{version}"));
        let program = folder.join("bin").join(name);
        if program.is_file() {
            return Ok(program);
        }
        eprintln!("    building {name} {version} (once)");
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let mut cargo = paths::cargo();
        cargo.args(["install", "--quiet", "--locked", name, "--version", version, "--root"]).arg(&folder);
        // Built in a folder of its own, which goes away: nothing of the workspace is of use to it.
        cargo.env_remove("CARGO_TARGET_DIR");
        steps::succeed(cargo)?;
        Ok(program)
    }
}
