//! `wrk`, a load generator that is not ours, with a script of a few lines for what each request says.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What one run measured.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// What was measured: requests that were answered, or conversations.
    pub(crate) requests: f64,
    /// Seconds that they took together.
    pub(crate) seconds: f64,
    /// Half of them took no longer than this, in milliseconds.
    pub(crate) p50: f64,
    /// All but one of a hundred.
    pub(crate) p99: f64,
    /// Answers that were no success, and connections that broke.
    pub(crate) errors: f64,
}

/// What a scenario sends.
pub(crate) struct Request {
    /// Where to.
    pub(crate) url: String,
    /// `GET` or `POST`.
    pub(crate) method: &'static str,
    /// The form.
    pub(crate) body: String,
    /// `Authorization`.
    pub(crate) authorization: Option<String>,
    /// What changes from one request to the next.
    pub(crate) script: Script,
}

/// What changes from one request to the next.
pub(crate) enum Script {
    /// Nothing.
    Same,
    /// A refresh token for each connection, to be put behind the body: each answer brings the next.
    Chain(Vec<String>),
    /// A conversation of several requests: a script in Lua, which counts those that came to their end.
    Talk(String),
}

impl Script {
    /// Whether something is written down for it.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self, Self::Same)
    }
}

/// Sends it over so many connections at once for a while.
pub(crate) fn run(request: &Request, connections: usize, time: Duration, folder: &Path) -> Result<Run> {
    let script = folder.join("request.lua");
    std::fs::write(&script, lua(request)).context("write a script for wrk")?;
    // What differs from one connection to the other needs a thread for each: variables of a script belong to its thread.
    let threads = match &request.script {
        Script::Same => connections.min(2),
        Script::Chain(_) | Script::Talk(_) => connections,
    };
    let mut wrk = Command::new("wrk");
    wrk.arg(format!("-t{threads}")).arg(format!("-c{connections}")).arg(format!("-d{}s", time.as_secs()));
    wrk.arg("-s").arg(&script).arg(&request.url);
    let output = wrk.output().context("run wrk: install it with `apt-get install wrk`")?;
    ensure!(output.status.success(), "wrk failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).context("wrk's output is text")?;
    let line = text.lines().find_map(|line| line.strip_prefix("measured ")).context("wrk measured nothing")?;
    let measured: Value = serde_json::from_str(line).with_context(|| format!("wrk said {line}"))?;
    let number = |name: &str| measured.get(name).and_then(Value::as_f64).with_context(|| format!("no {name}: {line}"));
    Ok(Run {
        requests: number("requests")?,
        seconds: number("microseconds")? / 1e6,
        p50: number("p50")? / 1e3,
        p99: number("p99")? / 1e3,
        errors: number("errors")?,
    })
}

fn lua(request: &Request) -> String {
    let Request { url: _, method, body, authorization, script } = request;
    let authorization = authorization.as_ref().map(|value| format!("wrk.headers['Authorization'] = '{value}'\n"));
    let changes = match script {
        Script::Same => String::new(),
        Script::Chain(tokens) => chained(tokens),
        Script::Talk(lua) => lua.clone(),
    };
    format!(
        "wrk.method = '{method}'\nwrk.body = '{body}'\n\
         wrk.headers['Content-Type'] = 'application/x-www-form-urlencoded'\n{}{changes}\
         function done(summary, latency, requests)\n\
         local e = summary.errors\n\
         io.write(string.format('measured {{\"requests\":%d,\"microseconds\":%d,\"p50\":%d,\"p99\":%d,\"errors\":%d}}\\n',\n\
         counted and counted() or summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),\n\
         e.status + e.connect + e.read + e.write + e.timeout))\nend\n",
        authorization.unwrap_or_default(),
    )
}

fn chained(tokens: &[String]) -> String {
    let tokens: Vec<String> = tokens.iter().map(|token| format!("'{token}'")).collect();
    format!(
        "local tokens, next = {{{}}}, 0\n\
         function setup(thread) next = next + 1; thread:set('token', tokens[next]) end\n\
         function request() return wrk.format(nil, nil, nil, wrk.body .. token) end\n\
         function response(status, headers, body) token = body:match('\"refresh_token\":\"([^\"]+)\"') or token end\n",
        tokens.join(", ")
    )
}
