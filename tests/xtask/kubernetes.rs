//! The programs of the test control plane: taken from `KUBEBUILDER_ASSETS`, or built from the
//! versions that `tests/tools/go.mod` pins and kept in a cache outside of the target folder.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::go_tools::Module;

/// What pins them.
const MODULE: Module = Module {
    folder: "tests/tools",
    instead: ", or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver, kube-controller-manager and kubectl",
};

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
    let folders = assets.into_iter().chain([MODULE.cache()?]);
    Ok(folders.map(|folder| folder.join(name)).find(|path| path.is_file()))
}

/// Builds one program.
fn build(name: &str) -> Result<PathBuf> {
    let (_, package) =
        PROGRAMS.iter().find(|(known, _)| *known == name).with_context(|| format!("no program {name}"))?;
    let version = pinned(&MODULE.file("go.mod")?, "k8s.io/kubernetes")?;
    MODULE.build(name, package, &format!("-X {VERSION_VARIABLE}={version}"))
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
        let module = MODULE.file("go.mod").unwrap();
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
        let module = MODULE.file("go.mod").unwrap();
        for (name, package) in PROGRAMS {
            assert!(module.lines().any(|line| line.trim() == package), "{name}");
        }
    }
}
