//! `cargo xtask sbom`: what the program is made of.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo_tools::CYCLONEDX;
use crate::{paths, steps};

/// What the generator leaves beside the manifest of every member with a program.
const SUFFIX: &str = "_bin.cdx.json";

/// Writes `target/portcullis.cdx.json` (CycloneDX 1.5): every crate that is compiled into the program, with version, licence
/// and origin. What only builds or tests it is left out.
pub fn run() -> Result<()> {
    let mut command = Command::new(CYCLONEDX.get()?);
    command.current_dir(paths::root()).args(["cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5"]);
    command.args(["--describe", "binaries", "--no-build-deps", "--manifest-path", "Cargo.toml"]);
    steps::succeed(command)?;
    let written = written()?;
    let place = paths::target()?.join("portcullis.cdx.json");
    let own = paths::root().join(format!("portcullis{SUFFIX}"));
    let text = fs::read_to_string(&own).with_context(|| format!("read {}", own.display()))?;
    for file in written {
        fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
    }
    // Where it was built is nobody's business, and would make the bill of every machine another.
    let text = text.replace(&format!("path+file://{}", paths::root().display()), "path+file://");
    let components = components(&text)?;
    fs::write(&place, text).with_context(|| format!("write {}", place.display()))?;
    println!("{components} components: {}", place.display());
    Ok(())
}

/// The files of all members: it cannot be told to describe one alone.
fn written() -> Result<Vec<PathBuf>> {
    let metadata = paths::metadata()?;
    let packages = metadata.get("packages").and_then(Value::as_array).context("`cargo metadata` names no packages")?;
    let manifests = packages.iter().filter_map(|package| Some(PathBuf::from(package.get("manifest_path")?.as_str()?)));
    let files = manifests.filter_map(|manifest| fs::read_dir(manifest.parent()?).ok()).flatten();
    let files = files.filter_map(|file| Some(file.ok()?.path()));
    Ok(files.filter(|file| file.to_string_lossy().ends_with(SUFFIX)).collect())
}

fn components(text: &str) -> Result<usize> {
    let bill: Value = serde_json::from_str(text).context("read the bill")?;
    let components = bill.get("components").and_then(Value::as_array).context("the bill has no components")?;
    let names: Vec<_> = components.iter().filter_map(|component| component.get("name")?.as_str()).collect();
    // Were it of another program, or of none of its dependencies, one of these would be missing.
    for expected in ["crypto", "server", "aws-lc-rs", "rustls", "kube"] {
        ensure!(names.contains(&expected), "the bill lacks {expected}");
    }
    Ok(names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_that_lacks_what_we_know_to_be_in_it_is_refused() {
        let bill = |names: &[&str]| {
            let components: Vec<_> = names.iter().map(|name| serde_json::json!({ "name": name })).collect();
            components_of(&components)
        };
        assert_eq!(bill(&["crypto", "server", "aws-lc-rs", "rustls", "kube", "url"]).unwrap(), 6);
        let error = bill(&["crypto", "server", "rustls", "kube"]).unwrap_err().to_string();
        assert_eq!(error, "the bill lacks aws-lc-rs");
        assert!(components("{}").is_err());
    }

    fn components_of(list: &[Value]) -> Result<usize> {
        components(&serde_json::json!({ "components": list }).to_string())
    }
}
