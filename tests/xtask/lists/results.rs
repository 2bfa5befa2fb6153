//! What became of tests that cover entries.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result};

use super::{Row, State};
use crate::paths;

/// Whether each test passed, by the name of its function.
pub(super) type Results = BTreeMap<String, bool>;

/// Runs the tests that cover these entries, and no other.
pub(super) fn of(rows: &[Row]) -> Result<Results> {
    let names: BTreeSet<&str> = rows.iter().flat_map(covering).map(|test| function(test)).collect();
    let mut cargo = paths::cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast", "--"]).args(names);
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("run the tests")?;
    let output = child.stdout.take().context("the output is piped")?;
    let mut results = Results::new();
    for line in BufReader::new(output).lines() {
        add(&mut results, &line.context("read what the tests say")?);
    }
    // What failed shows in the list; what could not even be built shows there as not run.
    child.wait().context("wait for the tests")?;
    Ok(results)
}

/// The list with the result beside each test; and whether all of them passed.
pub(super) fn beside(rows: &[Row], results: &Results) -> (Vec<Row>, bool) {
    let mut all = true;
    let rows = rows.iter().cloned().map(|mut row| {
        if let State::Covered(tests) = &mut row.state {
            for test in tests {
                let result = results.get(function(test));
                all &= result == Some(&true);
                let said = result.map_or("not run", |passed| if *passed { "passed" } else { "FAILED" });
                *test = format!("{test} ({said})");
            }
        }
        row
    });
    (rows.collect(), all)
}

fn covering(row: &Row) -> &[String] {
    match &row.state {
        State::Covered(tests) => tests,
        State::NotApplicable(_) | State::Missing | State::Wrong(_) => &[],
    }
}

fn function(test: &str) -> &str {
    test.rsplit("::").next().unwrap_or(test)
}

/// One line of a test runner. A function that is run in several places has passed if it has everywhere.
fn add(results: &mut Results, line: &str) {
    let Some((name, outcome)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) else { return };
    let passed = match outcome.trim() {
        "ok" => true,
        "FAILED" => false,
        _ => return,
    };
    *results.entry(function(name).to_owned()).or_insert(true) &= passed;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_beside_the_tests() {
        let mut results = Results::new();
        for line in [
            "running 4 tests",
            "test a::t_p01_one ... ok",
            "test b::t_p01_two ... FAILED",
            "test c::t_p01_one ... ok",
            "test c::t_p01_three has been running for over 60 seconds",
            "test result: FAILED. 3 passed; 1 failed",
        ] {
            add(&mut results, line);
        }
        let row = |tests: &[&str]| Row {
            id: "T-P1".to_owned(),
            title: String::new(),
            state: State::Covered(tests.iter().map(|test| (*test).to_owned()).collect()),
        };
        let (rows, all) = beside(&[row(&["a.rs::t_p01_one"])], &results);
        assert_eq!((rows, all), (vec![row(&["a.rs::t_p01_one (passed)"])], true));
        let (rows, all) = beside(&[row(&["a.rs::t_p01_two", "a.rs::t_p01_three"])], &results);
        assert_eq!((rows, all), (vec![row(&["a.rs::t_p01_two (FAILED)", "a.rs::t_p01_three (not run)"])], false));
    }
}
