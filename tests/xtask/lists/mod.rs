//! `cargo xtask lists`: what must be tested, against the tests that exist.
//!
//! A test covers an entry by its name: `t_p07_code_replay_…` covers `T-P7`, `f01_…` covers `F1`,
//! `seed_hybrid_…` covers the row `hybrid`. Only functions that the test runner really runs count.

mod cel;
mod ids;
mod invariants;
mod results;
mod scan;

use std::io::Write as _;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::paths;

/// Flags of `cargo xtask lists`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which lists.
    lists: Vec<List>,
    /// Run the tests that cover their entries, and show what became of each.
    #[arg(long)]
    run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum List {
    /// Every validation rule of the CRDs is broken by a manifest under `tests/compile/bad`.
    Cel,
    /// Every invariant in `src/README.md` names tests that exist.
    Invariants,
    /// Every row of the document that the provider must be compatible with.
    Seed,
    /// Every attack.
    Threats,
    /// Every fault.
    Faults,
}

impl List {
    fn name(self) -> &'static str {
        match self {
            Self::Cel => "cel",
            Self::Invariants => "invariants",
            Self::Seed => "seed",
            Self::Threats => "threats",
            Self::Faults => "faults",
        }
    }
}

/// Prints every entry with its tests; fails when one has none, or one that was run did not pass.
pub fn run(args: &Args) -> Result<()> {
    let lists = if args.lists.is_empty() { List::value_variants() } else { &args.lists };
    let mut failed = false;
    let mut gaps = 0;
    for (list, mut rows) in compared(lists)? {
        // What covers a rule of the CRDs is a manifest, which one test reads with all others.
        if args.run && list != List::Cel {
            let (with_results, passed) = results::beside(&rows, &results::of(&rows)?);
            rows = with_results;
            failed |= !passed;
        }
        writeln!(std::io::stdout(), "{}", report(list.name(), &rows)).context("print the list")?;
        gaps += count_gaps(&rows);
    }
    ensure!(gaps == 0, "{gaps} entries without a valid test");
    ensure!(!failed, "a test that covers an entry did not pass");
    Ok(())
}

/// How many entries all lists have; fails when one has no test.
pub fn check() -> Result<String> {
    let all = compared(List::value_variants())?;
    for (list, rows) in all.iter().filter(|(_, rows)| count_gaps(rows) > 0) {
        writeln!(std::io::stdout(), "{}", report(list.name(), rows)).context("print the list")?;
    }
    let gaps: usize = all.iter().map(|(_, rows)| count_gaps(rows)).sum();
    ensure!(gaps == 0, "{gaps} entries without a valid test");
    Ok(format!("{} entries", all.iter().map(|(_, rows)| rows.len()).sum::<usize>()))
}

fn compared(lists: &[List]) -> Result<Vec<(List, Vec<Row>)>> {
    let root = paths::root();
    let tests = scan::tests(&root)?;
    let rows = |list: &List| {
        let rows = match list {
            List::Cel => cel::rows(&root)?,
            List::Invariants => invariants::rows(&root, &tests)?,
            List::Seed | List::Threats | List::Faults => ids::rows(&root, list.name(), &tests)?,
        };
        ensure!(!rows.is_empty(), "the list `{}` is empty", list.name());
        Ok((*list, rows))
    };
    lists.iter().map(rows).collect()
}

fn count_gaps(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.state.is_gap()).count()
}

/// An entry of a list, compared with the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    id: String,
    title: String,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// By these tests or manifests.
    Covered(Vec<String>),
    /// For this reason.
    NotApplicable(String),
    /// By nothing.
    Missing,
    /// What stands there contradicts itself or the tree.
    Wrong(String),
}

impl State {
    fn is_gap(&self) -> bool {
        match self {
            Self::Covered(_) | Self::NotApplicable(_) => false,
            Self::Missing | Self::Wrong(_) => true,
        }
    }
}

fn report(list: &str, rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
    let count = |wanted: fn(&State) -> bool| rows.iter().filter(|row| wanted(&row.state)).count();
    let mut text = format!(
        "{list}: {} entries, {} covered, {} not applicable, {} missing or wrong\n",
        rows.len(),
        count(|state| matches!(state, State::Covered(_))),
        count(|state| matches!(state, State::NotApplicable(_))),
        count(State::is_gap),
    );
    for Row { id, title, state } in rows {
        let line = match state {
            State::Covered(tests) => format!("ok       {id:width$}  {}", tests.join(", ")),
            State::NotApplicable(reason) => format!("n/a      {id:width$}  {reason}"),
            State::Missing => format!("MISSING  {id:width$}  {title}"),
            State::Wrong(why) => format!("WRONG    {id:width$}  {why}"),
        };
        text.push_str("  ");
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_counts_and_aligns() {
        let row = |id: &str, state| Row { id: id.to_owned(), title: format!("about {id}"), state };
        let rows = [
            row("A1", State::Covered(vec!["a.rs::one".to_owned(), "b.rs::two".to_owned()])),
            row("A10", State::NotApplicable("no such thing".to_owned())),
            row("A2", State::Missing),
            row("A3", State::Wrong("both".to_owned())),
        ];
        assert_eq!(
            report("sample", &rows),
            "sample: 4 entries, 1 covered, 1 not applicable, 2 missing or wrong\n\
             \x20 ok       A1   a.rs::one, b.rs::two\n\
             \x20 n/a      A10  no such thing\n\
             \x20 MISSING  A2   about A2\n\
             \x20 WRONG    A3   both\n"
        );
    }
}
