//! `portcullis run`: controller and server in one process, for a small cluster.

use std::process::ExitCode;
use std::sync::Arc;

use controller::Servers;

use super::cluster::{self, ServerArgs};
use super::controller::ControllerArgs;
use super::logging;
use super::signals::then_cancel;

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
    let Args { controller, server: serving, logging } = args;
    cluster::run(&logging, async |config, shutdown| {
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
        let reconciling = then_cancel(&shutdown, controller.run(shutdown.clone()));
        let (reconciled, served) = tokio::join!(reconciling, fed.serve(client, shutdown.clone()));
        reconciled?;
        served
    })
}
