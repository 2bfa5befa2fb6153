//! A child process that never outlives its owner.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use url::Url;

use crate::http;

/// How long a process may take to end once asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a process writes its two output streams.
#[derive(Clone, Debug)]
pub enum Log {
    /// To ours.
    Inherit,
    /// To this file, made anew.
    File(PathBuf),
}

/// A running process, the leader of its own process group: dropping it ends the whole group, so
/// that a driver's browser goes with its driver, and Ctrl-C reaches only us, who end it in order.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: Log,
}

impl Process {
    /// Starts `command`; `name` is what messages call it.
    pub fn start(name: &'static str, mut command: Command, log: Log) -> Result<Self> {
        if let Log::File(path) = &log {
            let file = File::create(path).with_context(|| format!("make {}", path.display()))?;
            command.stderr(file.try_clone().context("share a log file")?).stdout(file);
        }
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        let child = child.with_context(|| format!("start {name}: {}", command.get_program().display()))?;
        Ok(Self { name, child, log })
    }

    /// What messages call it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its exit status, if it has ended.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("ask after {}", self.name))
    }

    /// Waits until `url` answers 200; fails with its log when it has ended, or when that takes longer than `patience`.
    pub fn wait_ready(&mut self, url: &Url, patience: Duration) -> Result<()> {
        let started = Instant::now();
        while !http::get(url).is_ok_and(|answer| answer.status == 200) {
            let exited = self.exited()?;
            ensure!(
                exited.is_none() && started.elapsed() < patience,
                "{} is not ready ({exited:?}):\n{}",
                self.name,
                self.logged()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// What it has written, when that went to a file.
    pub fn logged(&self) -> String {
        match &self.log {
            Log::Inherit => String::new(),
            Log::File(path) => std::fs::read_to_string(path).unwrap_or_else(|error| format!("(no log: {error})")),
        }
    }

    /// Ends it and its group at once, with no chance to tidy up.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
    }

    /// The ID of its process group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops it and its group until [`Self::resume`]; it does not notice. On return its last thread
    /// stands still.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP);
        let asked = Instant::now();
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        // The kernel reports the stop of a process when all of its threads have stopped.
        while waitid(WaitId::Pid(Pid::from_child(&self.child)), stopped).context("wait for a stop")?.is_none() {
            ensure!(asked.elapsed() < PATIENCE, "{} does not stop", self.name);
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let group = Pid::from_child(&self.child);
        // A group that is gone already needs no ending.
        if let Err(error) = kill_process_group(group, signal)
            && error != Errno::SRCH
        {
            eprintln!("cannot end {}: {error}", self.name);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.signal(Signal::TERM);
            // A paused one would not hear it.
            self.signal(Signal::CONT);
            let asked = Instant::now();
            while asked.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        // Whatever is left of the group: a leader that did not listen, or children it left behind.
        self.signal(Signal::KILL);
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn alive(pid: &str) -> bool {
        Command::new("sh").args(["-c", &format!("kill -0 {pid} 2>/dev/null")]).status().unwrap().success()
    }

    #[test]
    fn dropping_ends_the_children_of_the_child_too() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let process = Process::start("sleepers", shell("sleep 60 & echo $!; wait"), Log::File(log)).unwrap();
        let grandchild = loop {
            let text = process.logged();
            if text.ends_with('\n') {
                break text.trim().to_owned();
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(alive(&grandchild), "it runs while its owner lives");
        drop(process);
        let dropped = Instant::now();
        while alive(&grandchild) {
            assert!(dropped.elapsed() < PATIENCE, "{grandchild} outlived its owner");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_killed_process_has_no_last_word() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::File(folder.path().join("log"));
        let mut process = Process::start("deaf", shell("trap 'echo asked' TERM; echo up; sleep 60"), log).unwrap();
        while process.logged().is_empty() {
            std::thread::sleep(Duration::from_millis(10));
        }
        process.kill();
        while process.exited().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(process.logged(), "up\n");
    }

    #[test]
    fn a_paused_process_does_nothing_until_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::File(folder.path().join("log"));
        let process = Process::start("busy", shell("while :; do echo x; done"), log).unwrap();
        let grows = || {
            let before = process.logged().len();
            std::thread::sleep(Duration::from_millis(50));
            process.logged().len() > before
        };
        process.pause().unwrap();
        assert!(!grows());
        process.resume();
        while !grows() {}
        process.pause().unwrap();
        assert!(!grows());
    }

    #[test]
    fn a_process_that_ended_tells_its_status_and_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::File(folder.path().join("log"));
        let mut process = Process::start("failing", shell("echo out; echo err >&2; exit 3"), log).unwrap();
        let status = loop {
            if let Some(status) = process.exited().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(3));
        assert_eq!(process.logged(), "out\nerr\n");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = Process::start("nothing", Command::new("/no/such/program"), Log::Inherit).unwrap_err();
        assert!(format!("{error:#}").contains("/no/such/program"), "{error:#}");
    }
}
