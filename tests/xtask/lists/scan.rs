//! The test functions of the tree, read from its source text.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A function that the test runner runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    /// Its file, relative to the root.
    pub(super) file: String,
    /// Its name, without modules.
    pub(super) name: String,
}

impl std::fmt::Display for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}::{}", self.file, self.name)
    }
}

/// Every test below `src` and `tests`, in the order of their files.
pub(super) fn tests(root: &Path) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    for folder in ["src", "tests"] {
        visit(root, &root.join(folder), &mut tests)?;
    }
    Ok(tests)
}

fn visit(root: &Path, folder: &Path, tests: &mut Vec<Test>) -> Result<()> {
    for path in sorted(folder)? {
        if path.is_dir() {
            if !path.ends_with("node_modules") {
                visit(root, &path, tests)?;
            }
        } else if path.extension().is_some_and(|end| end == "rs") {
            let source = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let file = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            tests.extend(names(&source).map(|name| Test { file: file.clone(), name }));
        }
    }
    Ok(())
}

/// What a folder holds, by name.
pub(super) fn sorted(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let list = || format!("list {}", folder.display());
    let entries = fs::read_dir(folder).with_context(list)?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>().with_context(list)?;
    paths.sort();
    Ok(paths)
}

/// The names of functions under a test attribute and not under `#[ignore]`.
fn names(source: &str) -> impl Iterator<Item = String> {
    let mut attributes: Vec<&str> = Vec::new();
    source.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(attribute) = line.strip_prefix("#[") {
            attributes.push(attribute);
            return None;
        }
        if line.is_empty() || line.starts_with("//") {
            return None;
        }
        let above = std::mem::take(&mut attributes);
        let runs = above.iter().any(|text| is_test(text)) && !above.iter().any(|text| text.starts_with("ignore"));
        function(line).filter(|_| runs)
    })
}

/// `test]`, `tokio::test(flavor = …)]`, `rstest]`: what stands between `#[` and its arguments.
fn is_test(attribute: &str) -> bool {
    let path = attribute.split(['(', ']', ' ']).next().unwrap_or_default();
    matches!(path.rsplit("::").next(), Some("test" | "rstest"))
}

/// The name of the function that this line declares.
fn function(line: &str) -> Option<String> {
    let (before, after) = line.split_once("fn ")?;
    let modifiers = before.split_whitespace().all(|word| word == "async" || word == "const" || word.starts_with("pub"));
    let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    (modifiers && !name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_that_the_runner_runs_count() {
        let source = "
            fn sample_helper() {}
            #[test]
            fn sample_one() { let f = |x| x; }
            // fn sample_comment()
            #[tokio::test(flavor = \"multi_thread\")]
            // why it waits
            async fn sample_two() -> Result<()> {
            #[rstest]
            #[case(1)]
            pub fn sample_three(#[case] n: u8) {}
            #[test]
            #[ignore = \"slow\"]
            fn sample_ignored() {}
            #[cfg(test)]
            fn sample_only_compiled() {}
            #[test]
            #[should_panic]

            fn sample_four() {}
            #[test]
            const X: u8 = 1;
            fn sample_not_below_its_attribute() {}
            println!(\"fn sample_in_text()\");
        ";
        assert_eq!(names(source).collect::<Vec<_>>(), ["sample_one", "sample_two", "sample_three", "sample_four"]);
    }

    #[test]
    fn this_very_test_is_found_in_the_tree() {
        let tests = tests(&crate::paths::root()).unwrap();
        let this = Test {
            file: "tests/xtask/lists/scan.rs".to_owned(),
            name: "this_very_test_is_found_in_the_tree".to_owned(),
        };
        assert!(tests.contains(&this));
    }
}
