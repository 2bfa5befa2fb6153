//! Lists of entries with an ID: `tests/lists/<list>.txt` holds `ID title` lines, and
//! `tests/not-applicable.txt` holds `ID<TAB>reason` lines for what belongs to features that do not
//! exist yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::scan::Test;
use super::{Row, State};

const LISTS: [&str; 3] = ["seed", "threats", "faults"];

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    id: String,
    title: String,
}

/// Compares one list with the tests.
pub(super) fn rows(root: &Path, list: &str, tests: &[Test]) -> Result<Vec<Row>> {
    let mut known = BTreeSet::new();
    let mut wanted = Vec::new();
    for name in LISTS {
        let path = root.join(format!("tests/lists/{name}.txt"));
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let entries = entries(&text).with_context(|| path.display().to_string())?;
        for entry in &entries {
            ensure!(known.insert(entry.id.clone()), "{}: {} stands there twice", path.display(), entry.id);
        }
        if name == list {
            wanted = entries;
        }
    }
    let path = root.join("tests/not-applicable.txt");
    let text = if path.exists() {
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?
    } else {
        String::new()
    };
    let excused = not_applicable(&text, &known).with_context(|| path.display().to_string())?;
    wanted.into_iter().map(|entry| row(entry, tests, &excused)).collect()
}

fn row(entry: Entry, tests: &[Test], excused: &BTreeMap<String, String>) -> Result<Row> {
    let prefix = prefix(&entry.id)?;
    let covering: Vec<String> =
        tests.iter().filter(|test| test.name.starts_with(&prefix)).map(ToString::to_string).collect();
    let state = match (covering.is_empty(), excused.get(&entry.id)) {
        (false, None) => State::Covered(covering),
        (true, Some(reason)) => State::NotApplicable(reason.clone()),
        (true, None) => State::Missing,
        (false, Some(_)) => State::Wrong(format!("called not applicable, yet tested by {}", covering.join(", "))),
    };
    Ok(Row { id: entry.id, title: entry.title, state })
}

fn entries(text: &str) -> Result<Vec<Entry>> {
    lines(text)
        .map(|line| {
            let (id, title) = line.split_once(' ').with_context(|| format!("no title: `{line}`"))?;
            prefix(id)?;
            Ok(Entry { id: id.to_owned(), title: title.trim().to_owned() })
        })
        .collect()
}

fn not_applicable(text: &str, known: &BTreeSet<String>) -> Result<BTreeMap<String, String>> {
    let mut excused = BTreeMap::new();
    for line in lines(text) {
        let (id, reason) =
            line.split_once('\t').with_context(|| format!("no tab and reason after the ID: `{line}`"))?;
        ensure!(known.contains(id), "{id} is in no list");
        ensure!(!reason.trim().is_empty(), "{id} has no reason");
        ensure!(excused.insert(id.to_owned(), reason.trim().to_owned()).is_none(), "{id} stands there twice");
    }
    Ok(excused)
}

/// Lines that are neither empty nor a comment.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// How the names of an entry's tests begin: `T-P7` → `t_p07_`, `F1` → `f01_`, `hybrid` → `seed_hybrid_`.
fn prefix(id: &str) -> Result<String> {
    for (start, name) in [("T-P", "t_p"), ("T-K", "t_k"), ("F", "f")] {
        if let Some(number) = id.strip_prefix(start) {
            let number: u8 = number.parse().with_context(|| format!("`{id}` is no ID: a number follows {start}"))?;
            return Ok(format!("{name}{number:02}_"));
        }
    }
    if id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        return Ok(format!("seed_{id}_"));
    }
    bail!("`{id}` is no ID: T-P1, T-K1, F1 or a row in lower case")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str) -> Test {
        Test { file: "a.rs".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn an_id_tells_how_its_tests_begin() {
        for (id, expect) in [
            ("T-P7", "t_p07_"),
            ("T-P55", "t_p55_"),
            ("T-K4", "t_k04_"),
            ("F1", "f01_"),
            ("token_response", "seed_token_response_"),
        ] {
            assert_eq!(prefix(id).unwrap(), expect, "{id}");
        }
        for id in ["T-X1", "T-P", "F-1", "Hybrid"] {
            assert!(prefix(id).is_err(), "{id}");
        }
    }

    #[test]
    fn an_entry_is_covered_excused_missing_or_contradictory() {
        let tests = [test("t_p07_sample"), test("t_p01x_sample"), test("t_p03_sample")];
        let known = BTreeSet::from(["T-P2".to_owned(), "T-P3".to_owned()]);
        let excused = not_applicable("# comment\nT-P2\tno device flow\nT-P3\tno reason to be here\n", &known).unwrap();
        let state = |id: &str| row(Entry { id: id.to_owned(), title: String::new() }, &tests, &excused).unwrap().state;
        assert_eq!(state("T-P7"), State::Covered(vec!["a.rs::t_p07_sample".to_owned()]));
        assert_eq!(state("T-P1"), State::Missing);
        assert_eq!(state("T-P2"), State::NotApplicable("no device flow".to_owned()));
        assert!(matches!(state("T-P3"), State::Wrong(_)));
    }

    #[test]
    fn a_broken_excuse_is_refused() {
        let known = BTreeSet::from(["F1".to_owned()]);
        for (text, expect) in [
            ("F2\treason", "F2 is in no list"),
            ("F1 reason", "no tab"),
            ("F1\t ", "F1 has no reason"),
            ("F1\ta\nF1\tb", "F1 stands there twice"),
        ] {
            let error = not_applicable(text, &known).unwrap_err().to_string();
            assert!(error.contains(expect), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_committed_lists_are_complete() {
        let root = crate::paths::root();
        for (list, count) in [("seed", 10), ("threats", 55 + 21), ("faults", 55)] {
            assert_eq!(rows(&root, list, &[]).unwrap().len(), count, "{list}");
        }
    }
}
