//! The programs of the test control plane: taken from `KUBEBUILDER_ASSETS`, or built from the
//! versions that `tests/tools/go.mod` pins and kept in a cache outside of the target folder.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::{paths, steps, tools};

/// A program, and the package it is built from.
const PROGRAMS: [(&str, &str); 4] = [
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
];

/// The linker sets the version that the programs report: Kubernetes refuses to start without one.
const VERSION_VARIABLE: &str = "k8s.io/component-base/version.gitVersion";

/// Programs that can be run.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The database.
    pub etcd: PathBuf,
    /// The API server.
    pub api_server: PathBuf,
    /// Garbage collection, the end of namespaces, aggregated roles.
    pub controller_manager: PathBuf,
    /// The command line for people.
    pub kubectl: PathBuf,
}

impl Programs {
    /// Finds the programs. Those that `KUBEBUILDER_ASSETS` does not bring and that were never
    /// built are built, which takes minutes and is said on stderr.
    pub fn get() -> Result<Self> {
        Ok(Self {
            etcd: program("etcd")?,
            api_server: program("kube-apiserver")?,
            controller_manager: program("kube-controller-manager")?,
            kubectl: program("kubectl")?,
        })
    }
}

/// Builds what is missing; the remark says what that was.
pub fn install() -> Result<String> {
    let mut built = Vec::new();
    for (name, _) in PROGRAMS {
        if find(name)?.is_none() {
            program(name)?;
            built.push(name);
        }
    }
    Ok(if built.is_empty() { "nothing missing".to_owned() } else { format!("built {}", built.join(", ")) })
}

fn program(name: &str) -> Result<PathBuf> {
    match find(name)? {
        Some(path) => Ok(path),
        None => build(name),
    }
}

/// Where a program lies, if anywhere.
fn find(name: &str) -> Result<Option<PathBuf>> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let folders = assets.into_iter().chain([cache()?]);
    Ok(folders.map(|folder| folder.join(name)).find(|path| path.is_file()))
}

/// Builds one program under a lock, so that two test binaries do not build it twice.
fn build(name: &str) -> Result<PathBuf> {
    let folder = cache()?;
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let lock = File::create(folder.join("lock")).context("make a lock file")?;
    lock.lock().context("wait for another build of the test control plane")?;
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    let (_, package) =
        PROGRAMS.iter().find(|(known, _)| *known == name).with_context(|| format!("no program {name}"))?;
    let version = pinned(&module_file("go.mod")?, "k8s.io/kubernetes")?;
    eprintln!("    building {name} for the test control plane (once; kube-apiserver takes minutes)");
    let started = Instant::now();
    // Into another name first: what was broken off must not look whole.
    let unfinished = folder.join(format!(".{name}.unfinished"));
    let mut go = Command::new(go()?);
    go.current_dir(tools_folder()).env("CGO_ENABLED", "0");
    go.args(["build", "-trimpath", "-ldflags", &format!("-s -w -X {VERSION_VARIABLE}={version}"), "-o"]);
    go.arg(&unfinished).arg(package);
    steps::succeed(go)?;
    fs::rename(&unfinished, &path).with_context(|| format!("put {} in place", path.display()))?;
    eprintln!("    built {name} in {:.0} s: {}", started.elapsed().as_secs_f64(), path.display());
    Ok(path)
}

fn go() -> Result<PathBuf> {
    let usual = PathBuf::from("/usr/local/go/bin/go");
    let found = tools::find("go").or_else(|| usual.is_file().then_some(usual));
    found.context(
        "the test control plane is built with Go, which is not installed: see https://go.dev/doc/install, or set \
         KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver, kube-controller-manager and kubectl",
    )
}

/// The folder of the programs that go.mod and go.sum describe.
fn cache() -> Result<PathBuf> {
    let pins = module_file("go.mod")? + &module_file("go.sum")?;
    Ok(paths::cache()?.join(format!("{:016x}", fingerprint(&pins))))
}

/// FNV-1a: the same on every machine and for every compiler. Nobody is kept out by it.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn tools_folder() -> PathBuf {
    paths::root().join("tests/tools")
}

fn module_file(name: &str) -> Result<String> {
    let path = tools_folder().join(name);
    fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

/// The version of a module in a go.mod.
fn pinned(module_file: &str, module: &str) -> Result<String> {
    let words = module_file.lines().filter_map(|line| line.trim().trim_start_matches("require ").split_once(' '));
    let version = words.filter(|(name, _)| *name == module).find_map(|(_, version)| version.split(' ').next());
    let version = version.with_context(|| format!("tests/tools/go.mod does not pin {module}"))?;
    ensure!(version.starts_with('v'), "tests/tools/go.mod pins {module} to {version}, which is no version");
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_and_its_parts_are_pinned_to_the_same_release() {
        let module = module_file("go.mod").unwrap();
        let minor = pinned(&module, "k8s.io/kubernetes").unwrap().replacen("v1.", "v0.", 1);
        let replaced: Vec<&str> = module.lines().filter(|line| line.contains("=>")).collect();
        assert!(replaced.len() > 30, "{replaced:?}");
        for line in replaced {
            assert!(line.ends_with(&minor), "{line}");
        }
        assert!(pinned(&module, "k8s.io/absent").is_err());
    }

    #[test]
    fn every_program_is_a_tool_of_the_module() {
        let module = module_file("go.mod").unwrap();
        for (name, package) in PROGRAMS {
            assert!(module.lines().any(|line| line.trim() == package), "{name}");
        }
    }

    #[test]
    fn other_pins_are_another_folder() {
        assert_eq!(fingerprint(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint("a"), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(fingerprint("a v1"), fingerprint("a v2"));
        assert!(cache().unwrap().is_absolute());
    }
}
