//! Measurements of the programs as they are released, against a control plane on this machine:
//!
//! ```sh
//! cargo run --profile bench -p bench -- reconcile
//! ```
//!
//! ```text
//! main ─▶ reconcile   what is applied until it is Ready
//!            ├─ arrivals   when each object became Ready
//!            └─ report     a table for people, JSON for programs
//! ```
//!
//! Nothing is asserted: numbers of one machine are compared with numbers of the same machine.
#![expect(clippy::print_stdout, reason = "this is a command-line tool: its result is what it prints")]

mod arrivals;
mod reconcile;
mod report;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measurements against a real API server")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// How long applications take until they are Ready, and how large the programs become.
    Reconcile(reconcile::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Reconcile(args) => reconcile::run(args).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
