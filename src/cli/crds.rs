//! `portcullis crds`.

use std::process::ExitCode;

use serde_json::json;

use super::output;

/// What to print.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print the CEL rules instead, one JSON object per line.
    #[arg(long, env = "PORTCULLIS_RULES")]
    rules: bool,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let text = if args.rules { rules() } else { api::crds_yaml() };
    output::finish(output::write(text.as_bytes()), ExitCode::SUCCESS)
}

fn rules() -> String {
    let mut lines = String::new();
    for api::RuleInfo { id, kind, path, reported_at, rule, message } in api::rules() {
        let line = json!({
            "id": id,
            "kind": kind.as_str(),
            "path": path,
            "reportedAt": reported_at,
            "rule": rule,
            "message": message,
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_a_line() {
        let rules = rules();
        assert!(rules.lines().count() > 20);
        for line in rules.lines() {
            let rule: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(rule["id"].as_str().unwrap().starts_with(rule["kind"].as_str().unwrap()));
        }
    }
}
