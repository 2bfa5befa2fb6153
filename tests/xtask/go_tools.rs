//! Programs in Go: pinned by a go.mod of ours, built once, kept in a cache outside of the target folder.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{paths, steps, tools};

/// A module that imports nothing and pins what is built from it.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// Where its go.mod and go.sum are, from the root of the checkout.
    pub folder: &'static str,
    /// What somebody without Go may do, after "install Go".
    pub instead: &'static str,
}

impl Module {
    /// Where its programs lie: another folder for other pins.
    pub fn cache(self) -> Result<PathBuf> {
        let pins = self.file("go.mod")? + &self.file("go.sum")?;
        Ok(paths::cache()?.join(format!("{:016x}", fingerprint(&pins))))
    }

    /// Reads a file of the module.
    pub fn file(self, name: &str) -> Result<String> {
        let path = paths::root().join(self.folder).join(name);
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }

    /// Builds `package` as `name` under a lock, so that two test binaries do not build it twice, and says so on stderr.
    /// `link` goes to the linker.
    pub fn build(self, name: &str, package: &str, link: &str) -> Result<PathBuf> {
        let folder = self.cache()?;
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let lock = File::create(folder.join("lock")).context("make a lock file")?;
        lock.lock().with_context(|| format!("wait for another build of {}", self.folder))?;
        let path = folder.join(name);
        if path.is_file() {
            return Ok(path);
        }
        eprintln!("    building {name} (once; it may take minutes)");
        let started = Instant::now();
        // Into another name first: what was broken off must not look whole.
        let unfinished = folder.join(format!(".{name}.unfinished"));
        let mut go = Command::new(self.go()?);
        go.current_dir(paths::root().join(self.folder)).env("CGO_ENABLED", "0");
        go.args(["build", "-trimpath", "-ldflags", &format!("-s -w {link}"), "-o"]).arg(&unfinished).arg(package);
        steps::succeed(go)?;
        fs::rename(&unfinished, &path).with_context(|| format!("put {} in place", path.display()))?;
        eprintln!("    built {name} in {:.0} s: {}", started.elapsed().as_secs_f64(), path.display());
        Ok(path)
    }

    fn go(self) -> Result<PathBuf> {
        let usual = PathBuf::from("/usr/local/go/bin/go");
        let found = tools::find("go").or_else(|| usual.is_file().then_some(usual));
        found.with_context(|| {
            format!(
                "{} is built with Go, which is not installed: see https://go.dev/doc/install{}",
                self.folder, self.instead
            )
        })
    }
}

/// FNV-1a: the same on every machine and for every compiler. Nobody is kept out by it.
pub(crate) fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_pins_are_another_folder() {
        assert_eq!(fingerprint(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint("a"), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(fingerprint("a v1"), fingerprint("a v2"));
    }
}
