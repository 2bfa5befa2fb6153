//! `portcullis check`.

use std::path::PathBuf;
use std::process::ExitCode;

use ::standalone::{Checked, check};

use super::output;

/// What to check.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders to read; may be given several times.
    #[arg(short, long, value_name = "PATH", env = "PORTCULLIS_FILENAME", required = true)]
    filename: Vec<PathBuf>,

    /// How to print errors.
    #[arg(short, long, env = "PORTCULLIS_OUTPUT", value_enum, default_value_t = Output::Text)]
    output: Output,

    /// Where an application without `providerRef` looks for the OidcProvider `default`. By default, the namespace of the
    /// OidcProviders that are checked along, or else `identity`.
    #[arg(long, value_name = "NAMESPACE", env = "PORTCULLIS_PROVIDER_NAMESPACE")]
    provider_namespace: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// One line per error: `FILE:LINE: Kind namespace/name: field: Reason: message`.
    Text,
    /// One JSON document.
    Json,
}

pub(super) fn run(args: Args) -> ExitCode {
    let Args { filename, output, provider_namespace } = args;
    let checked = check(filename, provider_namespace);
    let text = match output {
        Output::Text => lines(&checked),
        Output::Json => match serde_json::to_string_pretty(&checked) {
            Ok(json) => json + "\n",
            Err(error) => return super::fail(&error, super::EXIT_USAGE),
        },
    };
    let written = output::write(text.as_bytes());
    eprintln!("{}", summary(&checked));
    output::finish(written, ExitCode::from(checked.exit_code()))
}

fn lines(checked: &Checked) -> String {
    let mut lines = String::new();
    for error in &checked.errors {
        lines.push_str(&error.to_string());
        lines.push('\n');
    }
    lines
}

fn summary(checked: &Checked) -> String {
    let Checked { objects, ignored, errors } = checked;
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let ignored = match *ignored {
        0 => String::new(),
        number => format!(", {} of other kinds ignored", count(number, "document")),
    };
    let errors = if errors.is_empty() { "no errors".to_owned() } else { count(errors.len(), "error") };
    format!("{} checked: {errors}{ignored}", count(*objects, "object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts() {
        let summary = |objects, ignored| summary(&Checked { objects, ignored, errors: Vec::new() });
        assert_eq!(summary(0, 0), "0 objects checked: no errors");
        assert_eq!(summary(1, 2), "1 object checked: no errors, 2 documents of other kinds ignored");
    }

    #[test]
    fn a_folder_with_an_error_gives_a_line_for_it() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.yaml");
        std::fs::write(
            &file,
            "apiVersion: portcullis.dev/v1alpha1\nkind: OidcUser\nmetadata: {name: a}\nspec: {x: 1}\n",
        )
        .unwrap();
        let checked = check(vec![root.path().to_owned()], None);
        let expect = format!("{}:4: OidcUser default/a: spec.x: Unknown: ", file.display());
        assert!(lines(&checked).starts_with(&expect), "{}", lines(&checked));
        assert_eq!(summary(&checked), "1 object checked: 1 error");
    }
}
