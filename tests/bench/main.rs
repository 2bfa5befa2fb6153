//! Measurements of the programs as they are released, against a control plane and a load on this machine:
//!
//! ```sh
//! cargo run --profile bench -p bench -- reconcile
//! cargo run --profile bench -p bench -- load
//! cargo run --profile bench -p bench -- timing
//! ```
//!
//! ```text
//! main ─┬▶ reconcile   what is applied until it is Ready
//!       │    ├─ arrivals   when each object became Ready
//!       │    └─ report     a table for people, JSON for programs
//!       ├▶ load        what a request costs
//!       │    └─ wrk        who sends them
//!       └▶ timing      whether the time of an answer tells who there is
//! ```
//!
//! Nothing is asserted: numbers of one machine are compared with numbers of the same machine.
#![expect(clippy::print_stdout, reason = "this is a command-line tool: its result is what it prints")]

mod arrivals;
mod load;
mod reconcile;
mod report;
mod timing;
mod wrk;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measurements of the released programs")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// How long applications take until they are Ready, and how large the programs become.
    Reconcile(reconcile::Args),
    /// What requests cost the server, by a load tool (`wrk`).
    Load(load::Args),
    /// Whether an answer takes longer where there is such a person, or such a client.
    Timing(timing::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Reconcile(args) => reconcile::run(args).await,
        Command::Load(args) => tokio::task::block_in_place(|| load::run(&args)),
        Command::Timing(args) => tokio::task::block_in_place(|| timing::run(&args)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
