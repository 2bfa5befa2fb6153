//! `cargo xtask fuzz`: libFuzzer over the targets of `tests/fuzz`.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo_tools::FUZZ;
use crate::{paths, steps};

/// The toolchain with the compiler's coverage counters.
const TOOLCHAIN: &str = "nightly";

/// Bytes of one input at the most: beyond every limit of what reads them, and small enough for thousands a second.
const MAX_INPUT: u32 = 20_000;

/// Flags of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Targets, by name.
    targets: Vec<String>,
    /// How long each is run, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// How many run at a time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
}

/// What became of a target.
struct Outcome {
    target: String,
    /// What libFuzzer printed.
    log: String,
    held: bool,
}

/// Builds once, runs each target, and says what they have reached; fails if a promise was broken.
pub fn run(args: &Args) -> Result<()> {
    let known = targets()?;
    if let Some(unknown) = args.targets.iter().find(|name| !known.contains(name)) {
        bail!("there is no target `{unknown}`: there are {}", known.join(", "));
    }
    let chosen = if args.targets.is_empty() { known } else { args.targets.clone() };
    let program = build()?;
    let (queue, outcomes) = (Mutex::new(VecDeque::from(chosen)), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let next = queue.lock().ok().and_then(|mut queue| queue.pop_front());
                let Some(target) = next else { return Ok(()) };
                println!("==> {target}: {} s", args.seconds);
                let outcome = fuzz(&program, &target, args.seconds)?;
                if let Ok(mut outcomes) = outcomes.lock() {
                    outcomes.push(outcome);
                }
            }
        };
        let workers: Vec<_> = (0..args.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker has panicked")))
    })?;
    let outcomes = outcomes.into_inner().unwrap_or_default();
    println!("\n{}", table(&outcomes));
    for Outcome { target, log, .. } in outcomes.iter().filter(|outcome| !outcome.held) {
        println!("\n--- {target}\n{}", tail(log, 60));
    }
    let broken = outcomes.iter().filter(|outcome| !outcome.held).count();
    ensure!(
        broken == 0,
        "{broken} targets broke a promise: the inputs lie in {}; put them into tests/fuzz/corpus with the mend",
        artifacts()?.display()
    );
    Ok(())
}

/// The folders of the corpus; a test of `tests/fuzz` holds them against its targets.
fn targets() -> Result<Vec<String>> {
    let corpus = paths::root().join("tests/fuzz/corpus");
    let folders = fs::read_dir(&corpus).with_context(|| format!("read {}", corpus.display()))?;
    let mut names: Vec<_> = folders.filter_map(|folder| folder.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

fn build() -> Result<PathBuf> {
    let fuzz = FUZZ.get()?;
    let folder = work_folder()?;
    let mut command = on_nightly(&fuzz);
    // No sanitizer: the workspace forbids unsafe code, and the C of its libraries is not instrumented. It would cost
    // half of the executions.
    command.args(["fuzz", "build", "--fuzz-dir", "tests/fuzz", "--features", "libfuzzer", "--sanitizer", "none"]);
    command.args(["--codegen-units", "16", "--target-dir"]).arg(&folder).arg("fuzz");
    for (name, value) in [
        ("CARGO_PROFILE_RELEASE_LTO", "off"),
        ("CARGO_PROFILE_RELEASE_STRIP", "none"),
        // The macro exports a symbol, which the lint against unsafe code counts.
        ("RUSTFLAGS", "--cap-lints=allow"),
    ] {
        command.env(name, value);
    }
    steps::succeed(command).with_context(|| {
        format!("fuzz targets are built by the toolchain `{TOOLCHAIN}`: rustup toolchain install {TOOLCHAIN}")
    })?;
    let triples = fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let mut programs = triples.filter_map(|triple| Some(triple.ok()?.path().join("release/fuzz")));
    programs.find(|program| program.is_file()).context("the fuzzer was built and is not there")
}

fn on_nightly(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(paths::root()).env("RUSTUP_TOOLCHAIN", TOOLCHAIN).env_remove("CARGO");
    command
}

fn fuzz(program: &Path, target: &str, seconds: u32) -> Result<Outcome> {
    let found = work_folder()?.join("corpus").join(target);
    for folder in [&found, &artifacts()?] {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    let mut command = libfuzzer(program, target);
    command.args([format!("-max_total_time={seconds}"), format!("-max_len={MAX_INPUT}")]);
    command.args(["-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048"]);
    command.arg(format!("-artifact_prefix={}/{target}-", artifacts()?.display()));
    command.arg(found).arg(paths::root().join("tests/fuzz/corpus").join(target));
    let output = command.stdout(Stdio::null()).output().context("run the fuzzer")?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(Outcome { target: target.to_owned(), log, held: output.status.success() })
}

fn libfuzzer(program: &Path, target: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PORTCULLIS_FUZZ_TARGET", target).stdin(Stdio::null());
    command
}

fn work_folder() -> Result<PathBuf> {
    Ok(paths::target()?.join("fuzz"))
}

fn artifacts() -> Result<PathBuf> {
    Ok(work_folder()?.join("artifacts"))
}

fn table(outcomes: &[Outcome]) -> String {
    let mut rows = vec![["target", "executions", "coverage", "inputs", "outcome"].map(str::to_owned)];
    for Outcome { target, log, held } in outcomes {
        let executions = log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let last = |name: &str| {
            let mut words = log.lines().rev().find(|line| line.contains(" cov: "))?.split_whitespace();
            words.find(|word| *word == name)?;
            words.next().map(|word| word.split('/').next().unwrap_or_default().to_owned())
        };
        let unknown = || "?".to_owned();
        rows.push([
            target.clone(),
            executions.map_or_else(unknown, |count| count.trim().to_owned()),
            last("cov:").unwrap_or_else(unknown),
            last("corp:").unwrap_or_else(unknown),
            if *held { "holds" } else { "BROKEN" }.to_owned(),
        ]);
    }
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<_> = (0..5).map(width).collect();
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            1..=3 => format!("{cell:>width$}"),
            _ => format!("{cell:width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn tail(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(count)).copied().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_what_was_reached() {
        let log = "#2 INITED cov: 10 ft: 12 corp: 1/1b\n#900\tNEW    cov: 31 ft: 40 corp: 7/99b lim: 4 exec/s: 450\n\
                   stat::number_of_executed_units: 1234\n";
        let outcomes = [("form", true), ("basic", false)].map(|(target, held)| Outcome {
            target: target.to_owned(),
            log: if held { log.to_owned() } else { String::new() },
            held,
        });
        let expect = "target  executions  coverage  inputs  outcome\n\
                      form          1234        31       7  holds\n\
                      basic            ?         ?       ?  BROKEN";
        assert_eq!(table(&outcomes), expect);
    }

    #[test]
    fn an_unknown_target_is_answered_with_those_that_there_are() {
        let args = Args { targets: vec!["pixels".to_owned()], seconds: 1, jobs: 1 };
        let error = run(&args).unwrap_err().to_string();
        assert!(error.starts_with("there is no target `pixels`: there are authorization_request, basic"), "{error}");
    }

    #[test]
    fn the_end_of_a_log() {
        assert_eq!(tail("a\nb\nc", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
    }
}
