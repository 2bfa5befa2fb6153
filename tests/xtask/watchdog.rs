//! Ends processes whose owner died without ending them.
//!
//! Destructors do not run for statics, nor for an owner that was killed. So a shell holds the
//! reading end of a pipe of ours: when the owner is gone, for whatever reason, the pipe ends, and
//! the shell kills the process groups that it was last told of and removes the throw-away data.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

const SCRIPT: &str = r#"
groups=
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
rm -rf -- "$1"
"#;

/// A shell that outlives us by a moment.
#[derive(Debug)]
pub struct Watchdog {
    shell: Child,
}

impl Watchdog {
    /// Starts watching. `data` is removed when we are gone.
    pub fn start(data: &Path) -> Result<Self> {
        let mut shell = Command::new("sh");
        // A group of its own: Ctrl-C must not reach it.
        shell.args(["-c", SCRIPT, "watchdog"]).arg(data).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { shell: shell.spawn().context("start the watchdog")? })
    }

    /// From now on these process groups, and no others, end with us.
    pub fn guard(&mut self, groups: impl Iterator<Item = u32>) -> Result<()> {
        let line = groups.map(|group| group.to_string()).collect::<Vec<_>>().join(" ") + "\n";
        let pipe = self.shell.stdin.as_mut().context("the watchdog listens")?;
        pipe.write_all(line.as_bytes()).context("tell the watchdog")
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_guards_ends_with_it_and_what_it_no_longer_guards_does_not() {
        let data = tempfile::tempdir().unwrap().keep();
        let sleep = || Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let (mut released, mut guarded) = (sleep(), sleep());
        let mut watchdog = Watchdog::start(&data).unwrap();
        watchdog.guard([released.id(), guarded.id()].into_iter()).unwrap();
        watchdog.guard([guarded.id()].into_iter()).unwrap();
        drop(watchdog);
        assert!(!guarded.wait().unwrap().success());
        assert!(released.try_wait().unwrap().is_none(), "it was let go");
        assert!(!data.exists());
        released.kill().unwrap();
        released.wait().unwrap();
    }
}
