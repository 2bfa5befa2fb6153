//! The table of the section "Invariants" in `src/README.md`: `| n | statement | tests |`.
//!
//! A test stands between backticks: its name, or `path::name` where the path is a file, or a member
//! and perhaps modules (`oidc::pkce::name`).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::scan::Test;
use super::{Row, State};

/// Compares the table with the tests.
pub(super) fn rows(root: &Path, tests: &[Test]) -> Result<Vec<Row>> {
    let path = root.join("src/README.md");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    Ok(table(&text, tests))
}

fn table(text: &str, tests: &[Test]) -> Vec<Row> {
    let section = text.lines().skip_while(|line| !is_heading(line)).skip(1).take_while(|line| !line.starts_with('#'));
    section
        .filter_map(|line| {
            let mut cells = line.trim().strip_prefix('|')?.trim_end_matches('|').split('|').map(str::trim);
            let (id, title, names) = (cells.next()?, cells.next()?, cells.next().unwrap_or_default());
            id.parse::<u16>().ok()?;
            Some(Row { id: id.to_owned(), title: title.to_owned(), state: state(names, tests) })
        })
        .collect()
}

fn is_heading(line: &str) -> bool {
    line.starts_with('#') && line.to_ascii_lowercase().contains("invariants")
}

fn state(cell: &str, tests: &[Test]) -> State {
    let named: Vec<&str> = cell.split('`').skip(1).step_by(2).filter(|name| !name.is_empty()).collect();
    let absent: Vec<&str> = named.iter().copied().filter(|name| !tests.iter().any(|test| is(name, test))).collect();
    match (named.is_empty(), absent.is_empty()) {
        (true, _) => State::Missing,
        (false, true) => State::Covered(named.into_iter().map(str::to_owned).collect()),
        (false, false) => State::Wrong(format!("no such test: {}", absent.join(", "))),
    }
}

/// Whether `name` of the table means this test.
fn is(name: &str, test: &Test) -> bool {
    let (place, function) = name.rsplit_once("::").unwrap_or(("", name));
    if function != test.name {
        return false;
    }
    if place.is_empty() || place == test.file {
        return true;
    }
    let member = place.split("::").next().unwrap_or_default();
    let modules = place.split("::").skip(1).filter(|module| *module != "tests");
    let below = test.file.strip_prefix("src/").or_else(|| test.file.strip_prefix("tests/"));
    let Some(path) = below.and_then(|file| file.strip_prefix(member)) else { return false };
    let parts: Vec<&str> = path.split(['/', '.']).collect();
    path.starts_with(['/', '.']) && modules.into_iter().all(|module| parts.contains(&module))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(file: &str, name: &str) -> Test {
        Test { file: file.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn a_name_means_a_test_by_its_file_or_its_modules() {
        let here = test("src/oidc/pkce/tests.rs", "rfc_vector");
        for (name, expect) in [
            ("rfc_vector", true),
            ("src/oidc/pkce/tests.rs::rfc_vector", true),
            ("oidc::pkce::tests::rfc_vector", true),
            ("oidc::rfc_vector", true),
            ("oidc::code::rfc_vector", false),
            ("oid::rfc_vector", false),
            ("crypto::pkce::rfc_vector", false),
            ("src/oidc/pkce.rs::rfc_vector", false),
            ("rfc_vectors", false),
        ] {
            assert_eq!(is(name, &here), expect, "{name}");
        }
        assert!(is("tidy::imports", &test("tests/tidy.rs", "imports")));
    }

    #[test]
    fn rows_outside_the_section_do_not_count() {
        let text = "## Picture\n| 9 | no | `no` |\n## Architecture invariants\nwords\n| n | statement | test |\n|---|---|---|\n\
                    | 1 | first | `oidc::a`, `b` |\n| 2 | second | none yet |\n| 3 | third | `b`, `gone` |\n## Next\n| 4 | no | `b` |\n";
        let tests = [test("src/oidc/x.rs", "a"), test("tests/tidy.rs", "b")];
        let rows = table(text, &tests);
        assert_eq!(
            rows.into_iter().map(|row| (row.id, row.state)).collect::<Vec<_>>(),
            [
                ("1".to_owned(), State::Covered(vec!["oidc::a".to_owned(), "b".to_owned()])),
                ("2".to_owned(), State::Missing),
                ("3".to_owned(), State::Wrong("no such test: gone".to_owned())),
            ]
        );
    }
}
