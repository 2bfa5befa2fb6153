//! `portcullis server`: serves one provider from the records of a cluster, and writes nothing there.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::cluster::{ClusterError, ServerArgs, config};
use super::signals::signals;
use super::{fail, logging};

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
    match begin(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, error.status()),
    }
}

fn begin(args: Args) -> Result<(), ClusterError> {
    let Args { server: args, namespace, logging } = args;
    logging.set_up()?;
    let runtime = tokio::runtime::Runtime::new().map_err(ClusterError::Runtime)?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        tokio::spawn(signals(shutdown.clone()).map_err(ClusterError::Runtime)?);
        let config = config().await?;
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let client = kube::Client::try_from(config).map_err(Box::new)?;
        args.bind(&namespace, None, server::LoadedHandle::new()).await?.serve(client, shutdown).await
    })
}
