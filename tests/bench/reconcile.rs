//! What is applied until it is Ready: record, server, Secret, status.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use api::Kind;
use cluster::Cluster;
use cluster::programs::{Program, Scene, Server};
use futures::{StreamExt as _, TryStreamExt as _};
use xtask::binaries;

use crate::arrivals::Arrivals;
use crate::report::Report;

/// Requests under way while many applications are applied at once: about what `kubectl apply -f` and a controller of
/// deployments do together.
const AT_ONCE: usize = 32;

/// How much to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Applications that are applied one after the other, each after the one before is Ready.
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    one_by_one: usize,

    /// Applications that are applied at once.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    at_once: usize,
}

/// Measures, and prints what came of it.
pub(crate) async fn run(args: Args) -> Result<()> {
    let Args { one_by_one, at_once } = args;
    let binary = binaries::portcullis("bench")?;
    let cluster = Cluster::start("bench")?;
    let mut report = Report::default();
    singly(&cluster, &binary, one_by_one, &mut report).await?;
    together(&cluster, &binary, at_once, &mut report).await?;
    println!("{}\n{}", report.table(), report.json());
    Ok(())
}

async fn singly(cluster: &Cluster, binary: &Path, count: usize, report: &mut Report) -> Result<()> {
    let (scene, _programs) = started(cluster, "singly", binary).await?;
    let mut arrivals = Arrivals::of(scene.objects(Kind::OidcApplication));
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let (name, asked) = (format!("app-{number}"), Instant::now());
        scene.application(&name).await?;
        times.push(arrivals.at(&name).await?.duration_since(asked));
    }
    report.times(&format!("apply to Ready, {count} one by one,"), times);
    Ok(())
}

async fn together(cluster: &Cluster, binary: &Path, count: usize, report: &mut Report) -> Result<()> {
    let (scene, (server, controller)) = started(cluster, "together", binary).await?;
    report.memory("controller, with one application", controller.resident()?);
    report.memory("server, with one application", server.program.resident()?);
    let mut arrivals = Arrivals::of(scene.objects(Kind::OidcApplication));
    let names: Vec<String> = (0..count).map(|number| format!("app-{number}")).collect();
    let asked = Instant::now();
    let applied = futures::stream::iter(&names).map(|name| scene.application(name)).buffer_unordered(AT_ONCE);
    applied.try_collect::<()>().await?;
    report.time(&format!("{count} at once, all applied"), asked.elapsed());
    let mut times = Vec::with_capacity(count);
    for name in &names {
        times.push(arrivals.at(name).await?.duration_since(asked));
    }
    report.time(&format!("{count} at once, all Ready"), times.into_iter().max().unwrap_or_default());
    // What was needed for the rush is given back by and by.
    tokio::time::sleep(Duration::from_secs(5)).await;
    report.memory(&format!("controller, with {count} applications"), controller.resident()?);
    report.memory(&format!("server, with {count} applications"), server.program.resident()?);
    Ok(())
}

/// A controller and a server that have one application behind them: keys are made, connections are open.
async fn started<'c>(cluster: &'c Cluster, name: &str, binary: &Path) -> Result<(Scene<'c>, (Server, Program))> {
    let scene = Scene::new(cluster, name, binary).await?;
    let server = scene.server("server").await?;
    let controller = scene.controller("controller", &["--server-endpoint", &server.program.internal()]).await?;
    scene.application("first").await?;
    scene.ready(Kind::OidcApplication, "first").await?;
    Ok((scene, (server, controller)))
}
