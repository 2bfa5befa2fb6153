//! The internal port of a process that serves no provider: it is alive, ready or not, and measured.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use crate::serve::{ServeError, bind, internal_bounds};
use crate::{listen, open_metrics};

/// What is answered. Both are asked on the threads that serve: neither may wait.
#[derive(Clone)]
pub struct Probes {
    /// What the process does, if it is ready to do it; else what is missing. One line, without its end.
    pub ready: Arc<dyn Fn() -> Result<String, String> + Send + Sync>,
    /// An OpenMetrics text with its end.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probes").finish_non_exhaustive()
    }
}

/// Opens the internal port and answers until `shutdown` is cancelled.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve_probes(listen: SocketAddr, probes: Probes, shutdown: CancellationToken) -> Result<(), ServeError> {
    let listener = bind(listen, "--internal-listen").await?;
    listen::accept(listener, None, router(probes), internal_bounds(), shutdown).await;
    Ok(())
}

fn router(probes: Probes) -> Router {
    let ready = async |State(probes): State<Probes>| match (probes.ready)() {
        Ok(doing) => format!("{doing}\n").into_response(),
        Err(missing) => not_ready(&missing),
    };
    let metrics = async |State(probes): State<Probes>| open_metrics::answer((probes.metrics)());
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probes)
}

/// The process answers. Nothing else is looked at: restarting it would mend neither a store nor an API server.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// 503, with what is missing.
pub(crate) fn not_ready(missing: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {missing}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use axum::body::Body;
    use axum::extract::Request;
    use http::{Method, header};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    fn probes(ready: &Arc<AtomicBool>) -> Probes {
        let ready = Arc::clone(ready);
        let ready = move || {
            if ready.load(Ordering::SeqCst) { Ok("leading".to_owned()) } else { Err("no full list yet".to_owned()) }
        };
        Probes { ready: Arc::new(ready), metrics: Arc::new(|| "a 1\n# EOF\n".to_owned()) }
    }

    async fn send(probes: &Probes, method: Method, path: &str) -> (StatusCode, String, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let (parts, body) = router(probes.clone()).oneshot(request).await.unwrap().into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap()).to_owned();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn probes_say_what_they_are_told() {
        let ready = Arc::new(AtomicBool::new(false));
        let probes = probes(&ready);
        let check = async |path: &str, status: StatusCode, text: &str| {
            let (got, _, body) = send(&probes, Method::GET, path).await;
            assert_eq!((got, body.as_str()), (status, text), "{path}");
        };
        check("/readyz", StatusCode::SERVICE_UNAVAILABLE, "not ready: no full list yet\n").await;
        check("/healthz", StatusCode::OK, "ok\n").await;
        ready.store(true, Ordering::SeqCst);
        check("/readyz", StatusCode::OK, "leading\n").await;
        check("/metrics", StatusCode::OK, "a 1\n# EOF\n").await;
        check("/loaded", StatusCode::NOT_FOUND, "").await;
        let (_, kind, _) = send(&probes, Method::GET, "/metrics").await;
        assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        assert_eq!(send(&probes, Method::POST, "/healthz").await.0, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn they_end_when_they_are_told_to() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let served = serve_probes(any, probes(&Arc::default()), shutdown);
        tokio::time::timeout(Duration::from_secs(5), served).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_taken_address_is_named_with_the_flag_that_changes_it() {
        let taken = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = serve_probes(address, probes(&Arc::default()), CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().ends_with("choose another address with `--internal-listen`"), "{error}");
    }
}
