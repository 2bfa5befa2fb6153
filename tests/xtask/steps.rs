//! Named steps, run in order and timed; the first failure ends the run.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// The steps so far.
#[derive(Debug)]
pub struct Steps {
    started: Instant,
    done: Vec<Done>,
}

#[derive(Debug)]
struct Done {
    name: &'static str,
    took: Duration,
    /// A short remark for the summary.
    note: String,
}

impl Steps {
    /// No step yet.
    #[expect(clippy::new_without_default, reason = "it starts a clock, which a default should not")]
    pub fn new() -> Self {
        Self { started: Instant::now(), done: Vec::new() }
    }

    /// Runs one step under a heading. `work` returns a remark for the summary.
    pub fn run(&mut self, name: &'static str, work: impl FnOnce() -> Result<String>) -> Result<()> {
        println!("\n==> {name}");
        let started = Instant::now();
        let outcome = work();
        let took = started.elapsed();
        let note = outcome.as_ref().map_or_else(|_| "FAILED".to_owned(), Clone::clone);
        println!("    {name}: {} {note}", seconds(took));
        self.done.push(Done { name, took, note });
        if outcome.is_err() {
            self.summary();
        }
        outcome.map(drop).with_context(|| format!("step `{name}`"))
    }

    /// Prints step → time.
    pub fn summary(&self) {
        println!("\n{}", table(&self.done, self.started.elapsed()));
    }
}

fn table(done: &[Done], total: Duration) -> String {
    let width = done.iter().map(|done| done.name.len()).max().unwrap_or(0).max("total".len());
    let rows = done
        .iter()
        .map(|Done { name, took, note }| format!("{name:width$}  {:>8}  {note}", seconds(*took)).trim_end().to_owned());
    let total = format!("{:width$}  {:>8}", "total", seconds(total));
    rows.chain([total]).collect::<Vec<_>>().join("\n")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Runs a command to its end and fails unless it succeeds.
pub fn succeed(mut command: Command) -> Result<()> {
    let line = shown(&command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("run `{line}`"))?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// Runs a `cargo test`, passes its output on, and says how many tests passed and were left out.
pub fn count_tests(mut command: Command) -> Result<Tests> {
    let line = shown(&command);
    // A test's error tells its story in words; a backtrace would bury it.
    command.env("RUST_LIB_BACKTRACE", "0");
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("run `{line}`"))?;
    let output = child.stdout.take().context("the output is piped")?;
    let mut tests = Tests::default();
    for text in BufReader::new(output).lines() {
        let text = text.with_context(|| format!("read from `{line}`"))?;
        println!("{text}");
        tests.add(&text);
    }
    let status = child.wait().with_context(|| format!("wait for `{line}`"))?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(tests)
}

/// How many tests a run had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tests {
    /// Those that passed.
    pub passed: u32,
    /// Those marked `#[ignore]`.
    pub ignored: u32,
}

impl Tests {
    /// Adds what one line of `cargo test`'s output reports.
    fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ok. ") else { return };
        for part in counts.split(';') {
            match part.trim().split_once(' ') {
                Some((count, "passed")) => self.passed += count.parse().unwrap_or(0),
                Some((count, "ignored")) => self.ignored += count.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

impl std::ops::AddAssign for Tests {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.ignored += other.ignored;
    }
}

impl std::fmt::Display for Tests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tests passed", self.passed)?;
        if self.ignored > 0 { write!(f, ", {} ignored", self.ignored) } else { Ok(()) }
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn tests_are_counted_over_all_binaries() {
        let run = shell(
            "echo 'test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s'
             echo 'test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s'",
        );
        let tests = count_tests(run).unwrap();
        assert_eq!(tests, Tests { passed: 7, ignored: 1 });
        assert_eq!(tests.to_string(), "7 tests passed, 1 ignored");
    }

    #[test]
    fn a_run_that_fails_fails() {
        let failed = count_tests(shell("echo 'test result: ok. 3 passed; 0 failed'; exit 101")).unwrap_err();
        assert!(failed.to_string().contains("exit status: 101"), "{failed}");
    }

    #[test]
    fn a_command_that_fails_is_named() {
        let error = succeed(shell("exit 4")).unwrap_err();
        assert!(error.to_string().contains("sh -c exit 4"), "{error}");
        succeed(shell("exit 0")).unwrap();
    }

    #[test]
    fn a_failed_step_is_named_and_the_next_is_not_run() {
        let mut steps = Steps::new();
        steps.run("first", || Ok("done".to_owned())).unwrap();
        let error = steps.run("second", || anyhow::bail!("no disk")).unwrap_err();
        assert_eq!(format!("{error:#}"), "step `second`: no disk");
        assert_eq!(steps.done.iter().map(|done| done.note.as_str()).collect::<Vec<_>>(), ["done", "FAILED"]);
    }

    #[test]
    fn the_summary_is_a_table() {
        let done = [
            Done { name: "build", took: Duration::from_millis(61_240), note: String::new() },
            Done { name: "test members", took: Duration::from_millis(900), note: "7 tests passed".to_owned() },
        ];
        assert_eq!(
            table(&done, Duration::from_millis(62_140)),
            "build           61.2 s\ntest members     0.9 s  7 tests passed\ntotal           62.1 s"
        );
    }
}
