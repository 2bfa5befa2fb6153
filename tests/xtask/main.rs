//! `cargo xtask`: the project's own commands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{cluster, demo, fuzz, lint, lists, sbom, suite};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "The project's own commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, build, and run every test.
    Test(suite::Args),
    /// Check formatting, clippy and the documentation.
    Lint,
    /// Run the provider from the quickstart manifests, and an application that logs in with it.
    Demo(demo::Args),
    /// Run a Kubernetes control plane with the kinds installed, for people.
    Cluster(cluster::Args),
    /// Compare the closed lists with the tests; all of them when none is named.
    Lists(lists::Args),
    /// Write the software bill of materials of the program.
    Sbom,
    /// Let libFuzzer choose the bytes for what reads bytes; every target when none is named.
    Fuzz(fuzz::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Test(args) => suite::run(&args),
        Command::Lint => lint::run(),
        Command::Demo(args) => demo::run(&args),
        Command::Cluster(args) => cluster::run(args),
        Command::Lists(args) => lists::run(&args),
        Command::Sbom => sbom::run(),
        Command::Fuzz(args) => fuzz::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
