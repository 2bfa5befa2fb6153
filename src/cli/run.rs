//! `portcullis run`: controller and server in one process, for a small cluster.

use std::process::ExitCode;
use std::sync::Arc;

use controller::Servers;
use tokio_util::sync::CancellationToken;

use super::cluster::{ClusterError, ServerArgs, config};
use super::controller::ControllerArgs;
use super::signals::signals;
use super::{fail, logging};

/// What to reconcile, and what to serve.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    controller: ControllerArgs,

    #[command(flatten)]
    server: ServerArgs,

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
    let Args { controller, server: serving, logging } = args;
    logging.set_up()?;
    let runtime = tokio::runtime::Runtime::new().map_err(ClusterError::Runtime)?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        tokio::spawn(signals(shutdown.clone()).map_err(ClusterError::Runtime)?);
        let config = config().await?;
        let namespace = controller.home();
        // The server's client needs no fence: it writes nothing.
        let client = kube::Client::try_from(config.clone()).map_err(Box::new)?;
        let loaded = server::LoadedHandle::new();
        let servers = {
            let loaded = loaded.clone();
            Servers::InProcess(Arc::new(move || loaded.get()))
        };
        let controller = controller.ready(config, servers)?;
        let metrics = server::ExtraMetrics(controller.probes().metrics);
        let fed = serving.bind(&namespace, Some(metrics), loaded).await?;
        let reconciling = async {
            let ended = controller.run(shutdown.clone()).await;
            shutdown.cancel();
            ended
        };
        let (reconciled, served) = tokio::join!(reconciling, fed.serve(client, shutdown.clone()));
        reconciled?;
        served
    })
}
