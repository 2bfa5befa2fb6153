//! The commands and their flags. A flag is also an environment variable: `PORTCULLIS_` and its name.

mod check;
mod cluster;
mod controller;
mod crds;
mod hash_password;
mod logging;
mod output;
mod run;
mod server;
mod signals;
mod standalone;
mod terminal;
mod tls;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// An OpenID Provider configured by Kubernetes custom resources.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 120, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reconcile the custom resources of a cluster.
    Controller(controller::Args),
    /// Serve one provider of a cluster.
    Server(server::Args),
    /// Do both in one process, for a small cluster.
    Run(run::Args),
    /// Serve a folder of manifests, without a cluster.
    Standalone(standalone::Args),
    /// Judge manifests offline and print every error. Exit status: 0 all is well, 1 something is refused, 2 something
    /// cannot be read.
    Check(check::Args),
    /// Print the CustomResourceDefinitions.
    Crds(crds::Args),
    /// Hash a password, for the key `hash` of a Secret of type portcullis.dev/user-password.
    HashPassword(hash_password::Args),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Something that was asked for wrongly, or cannot be begun.
const EXIT_USAGE: u8 = 2;

/// Does what was asked for.
pub(crate) fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Controller(args) => controller::run(args),
        Command::Server(args) => server::run(args),
        Command::Run(args) => run::run(args),
        Command::Standalone(args) => standalone::run(args),
        Command::Check(args) => check::run(args),
        Command::Crds(args) => crds::run(&args),
        Command::HashPassword(args) => hash_password::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "portcullis", &mut script);
            output::finish(output::write(&script), ExitCode::SUCCESS)
        }
    }
}

/// Says on standard error why a command ends, causes included.
fn fail(error: &dyn std::error::Error, status: u8) -> ExitCode {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        // An error that shows its cause already is not followed by it again.
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    eprintln!("{text}");
    ExitCode::from(status)
}

#[cfg(test)]
mod tests;
