//! The command line that people use, and what they see.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::Cluster;
use crate::role::Role;

/// `kubectl` as somebody, in a namespace.
#[derive(Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    namespace: String,
}

impl Kubectl {
    /// For `role`, in `namespace`.
    pub async fn new(cluster: &Cluster, role: &Role<'_>, namespace: &str) -> Result<Self> {
        let kubeconfig = cluster.kubeconfig(role).await?;
        Ok(Self { program: cluster.plane().kubectl().to_path_buf(), kubeconfig, namespace: namespace.to_owned() })
    }

    /// Runs `kubectl <words>` with `manifest` on its standard input, and returns what a terminal
    /// would have shown: command, output, errors, and the exit status unless that is 0.
    ///
    /// What differs from run to run is replaced: the namespace, and ages.
    pub fn transcript(&self, words: &str, manifest: &str) -> Result<String> {
        let (output, errors, code) = self.run(words, manifest)?;
        let status = if code == 0 { String::new() } else { format!("[exit status {code}]\n") };
        let text = format!("$ kubectl {words}\n{output}{errors}{status}");
        Ok(without_ages(&text).replace(&self.namespace, "NAMESPACE"))
    }

    /// Runs `kubectl <words>`, which must succeed, and returns its standard output.
    pub fn output(&self, words: &str, manifest: &str) -> Result<String> {
        let (output, errors, code) = self.run(words, manifest)?;
        ensure!(code == 0, "kubectl {words}: exit status {code}: {errors}");
        Ok(output)
    }

    fn run(&self, words: &str, manifest: &str) -> Result<(String, String, i32)> {
        let mut kubectl = Command::new(&self.program);
        kubectl.arg("--kubeconfig").arg(&self.kubeconfig).args(["--namespace", &self.namespace]);
        kubectl.arg("--cache-dir").arg(self.kubeconfig.parent().unwrap_or(Path::new(".")).join("kubectl-cache"));
        kubectl.args(words.split(' '));
        kubectl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = kubectl.spawn().context("run kubectl")?;
        let mut input = child.stdin.take().context("kubectl's input is piped")?;
        // A kubectl that reads nothing closes the pipe, and that is no failure.
        drop(input.write_all(manifest.as_bytes()));
        drop(input);
        let done = child.wait_with_output().context("wait for kubectl")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(&done.stdout), text(&done.stderr), done.status.code().unwrap_or(-1)))
    }
}

/// The text with each age in a table replaced by its column's name, which is as wide as an age of
/// less than 100 seconds.
fn without_ages(text: &str) -> String {
    const AGE: &str = "AGE";
    let mut column = None;
    let mut shown = String::new();
    for line in text.lines() {
        if line.is_empty() {
            column = None;
        }
        let age = column.and_then(|at| line.split_at_checked(at)).filter(|(_, age)| age.starts_with(char::is_numeric));
        if let Some((before, age)) = age {
            let rest = age.split_at_checked(AGE.len()).map_or("", |(_, rest)| rest);
            shown.push_str([before, AGE, rest].concat().trim_end());
        } else {
            column = line.find(AGE).or(column);
            shown.push_str(line.trim_end());
        }
        shown.push('\n');
    }
    shown
}
