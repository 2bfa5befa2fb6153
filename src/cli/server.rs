//! `portcullis server`: serves one provider from the records of a cluster, and writes nothing there.

use std::process::ExitCode;

use super::cluster::{self, ServerArgs};
use super::logging;

/// What to serve, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: ServerArgs,

    /// The namespace of the provider; by default that of this process.
    #[arg(long, value_name = "NAMESPACE", env = "PORTCULLIS_NAMESPACE")]
    namespace: Option<String>,

    #[command(flatten)]
    logging: logging::Logging,
}

pub(super) fn run(args: Args) -> ExitCode {
    let Args { server: serving, namespace, logging } = args;
    cluster::run(&logging, async |config, shutdown| {
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let client = kube::Client::try_from(config).map_err(Box::new)?;
        serving.bind(&namespace, None, server::LoadedHandle::new()).await?.serve(client, shutdown).await
    })
}
