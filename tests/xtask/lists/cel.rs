//! Every validation rule of the CRDs, against the manifests that must break it.
//!
//! `portcullis crds --rules` prints the rules, one JSON object a line. A rule is covered by a
//! manifest `tests/compile/bad/<name>.yaml` when the recorded verdict of it, the section `<name>` of
//! `tests/compile/snapshots/bad.snap`, names the rule's ID and shows its message.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Row, State};
use crate::binaries;

struct Rule {
    id: String,
    kind: String,
    message: String,
}

/// A bad manifest and what is recorded about it.
struct Case {
    name: String,
    recorded: String,
}

/// Asks the product for its rules and compares them with the manifests.
pub(super) fn rows(root: &Path) -> Result<Vec<Row>> {
    let binary = binaries::build()?.portcullis;
    let output = std::process::Command::new(&binary).args(["crds", "--rules"]).output();
    let output = output.with_context(|| format!("run {}", binary.display()))?;
    ensure!(output.status.success(), "`portcullis crds --rules` failed: {}", String::from_utf8_lossy(&output.stderr));
    let rules = rules(&String::from_utf8(output.stdout).context("the rules are UTF-8")?)?;
    let cases = cases(&root.join("tests/compile"))?;
    Ok(rules.into_iter().map(|rule| row(rule, &cases)).collect())
}

fn row(rule: Rule, cases: &[Case]) -> Row {
    let shown = format!("Rule ({}): {}", rule.id, rule.message);
    let covering: Vec<String> =
        cases.iter().filter(|case| case.recorded.contains(&shown)).map(|case| case.name.clone()).collect();
    let state = if covering.is_empty() { State::Missing } else { State::Covered(covering) };
    Row { id: rule.id, title: format!("{}: {}", rule.kind, rule.message), state }
}

fn rules(text: &str) -> Result<Vec<Rule>> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let json: Value = serde_json::from_str(line).with_context(|| format!("no JSON: `{line}`"))?;
            let field = |name: &str| {
                let value = json.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
                value.map(str::to_owned).with_context(|| format!("no `{name}`: `{line}`"))
            };
            Ok(Rule { id: field("id")?, kind: field("kind")?, message: field("message")? })
        })
        .collect()
}

/// The sections of the record whose manifest still exists.
fn cases(folder: &Path) -> Result<Vec<Case>> {
    let path = folder.join("snapshots/bad.snap");
    let record = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let sections = record.split("\n\n").filter_map(|section| {
        let section = section.rsplit("---\n").next().unwrap_or_default();
        let (name, recorded) = section.trim_start_matches('\n').split_once('\n')?;
        Some(Case { name: name.to_owned(), recorded: recorded.to_owned() })
    });
    Ok(sections.filter(|case| folder.join("bad").join(format!("{}.yaml", case.name)).exists()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn a_rule_needs_a_manifest_whose_record_names_it_and_shows_its_message() {
        let rules = rules(concat!(
            r#"{"id":"OidcUser.spec#1","kind":"OidcUser","path":"spec","rule":"…","message":"use \"x\" here"}"#,
            "\n",
            r#"{"id":"OidcUser.spec#12","kind":"OidcUser","path":"spec","rule":"…","message":"use \"x\" here"}"#,
            "\n\n",
            r#"{"id":"OidcUser.spec#2","kind":"OidcUser","path":"spec","rule":"…","message":"no manifest"}"#,
        ))
        .unwrap();
        let record = "---\nsource: x\n---\nedits/user-x\n  OidcUser a/b: spec: Rule (OidcUser.spec#1): use \"x\" here\n\n\
                      gone\n  OidcUser a/b: spec: Rule (OidcUser.spec#2): no manifest\n";
        let folder = folder(&[("bad/edits/user-x.yaml", "kind: OidcUser"), ("snapshots/bad.snap", record)]);
        let cases = cases(folder.path()).unwrap();
        let states: Vec<State> = rules.into_iter().map(|rule| row(rule, &cases).state).collect();
        assert_eq!(states, [State::Covered(vec!["edits/user-x".to_owned()]), State::Missing, State::Missing]);
    }

    #[test]
    fn a_rule_without_a_message_is_refused() {
        assert!(rules(r#"{"id":"a","kind":"OidcUser"}"#).err().unwrap().to_string().contains("no `message`"));
        assert!(rules("OidcUser").is_err());
    }
}
