//! `cargo xtask test`: from a fresh clone to every test passed.
//!
//! Every command selects the whole workspace and filters targets, so that shared dependencies are
//! compiled once.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::steps::{Steps, Tests, count_tests};
use crate::{binaries, kubernetes, lists, oauth2_proxy, paths, python, tools};

/// The member, and its only test target, that needs a browser.
const BROWSER: &str = "browser";

/// The member, and its only test target, that needs a Kubernetes control plane.
const CLUSTER: &str = "cluster";

/// The browser tests that need a control plane as well: those of one module of theirs, which the
/// test runner itself leaves out. A member of their own would compile the browser's driver twice.
const BROWSER_ON_CLUSTER: &str = "cluster::";

/// Flags of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave the browser out: nothing is installed, and its tests are not run.
    #[arg(long)]
    no_browser: bool,
    /// Leave the Kubernetes control plane out: it is not built, and the tests that need it are not run.
    #[arg(long)]
    no_cluster: bool,
}

/// Runs everything in order; the first failure ends it.
pub fn run(args: &Args) -> Result<()> {
    let mut steps = Steps::new();
    let mut tests = Tests::default();
    let integration = integration_tests(&paths::metadata()?)?;
    if !args.no_browser {
        steps.run("install", tools::install)?;
    }
    if !args.no_cluster {
        steps.run("control plane", kubernetes::install)?;
    }
    steps.run("Authlib", python::install)?;
    if !args.no_browser {
        steps.run("oauth2-proxy", oauth2_proxy::install)?;
    }
    steps.run("build", || binaries::build().map(|_| String::new()))?;
    // What is to be refused is given to the program.
    steps.run("lists", lists::check)?;
    steps.run("test", || {
        let mut run = test(["--lib", "--bins"].into_iter().chain(flags(&integration)))?;
        ensure!(run.passed > 0, "not one test was run");
        run += test(["--doc"])?;
        tests += run;
        Ok(run.to_string())
    })?;
    let skip: &[&str] = if args.no_cluster { &["--", "--skip", BROWSER_ON_CLUSTER] } else { &[] };
    for (left_out, name, target, words) in [
        (args.no_cluster, "test on a cluster", CLUSTER, [].as_slice()),
        (args.no_browser, "test in the browser", BROWSER, skip),
    ] {
        if left_out {
            continue;
        }
        steps.run(name, || {
            let run = test(["--test", target].into_iter().chain(words.iter().copied()))?;
            ensure!(run.passed > 0, "not one test was run");
            tests += run;
            Ok(run.to_string())
        })?;
    }
    steps.summary();
    println!("{tests}");
    Ok(())
}

fn test<'a>(targets: impl IntoIterator<Item = &'a str>) -> Result<Tests> {
    let mut cargo = paths::cargo();
    cargo.args(["test", "--workspace"]).args(targets);
    count_tests(cargo)
}

fn flags(targets: &[String]) -> impl Iterator<Item = &str> {
    targets.iter().flat_map(|target| ["--test", target.as_str()])
}

/// The names of the workspace's integration tests, those that are run apart left out.
fn integration_tests(metadata: &Value) -> Result<Vec<String>> {
    let packages = metadata.get("packages").and_then(Value::as_array).context("`cargo metadata` names no packages")?;
    let targets = packages.iter().filter_map(|package| package.get("targets")?.as_array()).flatten();
    let tests = targets.filter(|target| target.pointer("/kind/0").and_then(Value::as_str) == Some("test"));
    let names = tests.filter_map(|target| target.get("name")?.as_str());
    Ok(names.filter(|name| ![BROWSER, CLUSTER].contains(name)).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integration_test_is_named_but_those_that_are_run_apart() {
        let metadata = serde_json::json!({ "packages": [
            { "targets": [{ "name": "portcullis", "kind": ["bin"] }, { "name": "http", "kind": ["test"] }] },
            { "targets": [{ "name": "browser", "kind": ["lib"] }, { "name": "browser", "kind": ["test"] }] },
            { "targets": [{ "name": "cluster", "kind": ["test"] }] },
            { "targets": [{ "name": "store", "kind": ["test"] }, { "name": "speed", "kind": ["bench"] }] },
        ]});
        assert_eq!(integration_tests(&metadata).unwrap(), ["http", "store"]);
        assert_eq!(flags(&["a".to_owned(), "b".to_owned()]).collect::<Vec<_>>(), ["--test", "a", "--test", "b"]);
    }

    #[test]
    fn the_browser_tests_have_the_module_that_is_left_out_without_a_cluster() {
        let cases = std::fs::read_to_string(paths::root().join("tests/browser/cases/main.rs")).unwrap();
        assert!(cases.contains(&format!("mod {};", BROWSER_ON_CLUSTER.trim_end_matches(':'))));
    }

    #[test]
    fn the_workspace_has_the_tests_that_are_run_apart() {
        let metadata = paths::metadata().unwrap();
        let packages = metadata.get("packages").and_then(Value::as_array).unwrap();
        for member in [BROWSER, CLUSTER] {
            let package = packages.iter().find(|package| package["name"] == member).unwrap();
            let tests = package["targets"].as_array().unwrap().iter().filter(|target| target["kind"][0] == "test");
            assert_eq!(tests.map(|target| target["name"].as_str().unwrap()).collect::<Vec<_>>(), [member]);
        }
    }
}
