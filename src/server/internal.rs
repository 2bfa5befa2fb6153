//! The port that only the cluster reaches: liveness, readiness, metrics, and the controller's question. It never faces
//! browsers or applications.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use oidc::ids::SessionId;
use uuid::Uuid;

use crate::app::App;
use crate::freshness::Freshness;
use crate::loaded::LoadedHandle;
use crate::open_metrics::ExtraMetrics;
use crate::probes::{healthz, not_ready};
use crate::{acknowledge, feed_metrics, open_metrics};

/// The time in which the store must answer to count as open.
const STORE_DEADLINE: Duration = Duration::from_secs(2);

/// What the port tells of. All but the application may be missing.
pub(crate) struct Sources {
    pub(crate) app: App,
    /// Which replica this is, and what it has loaded.
    pub(crate) acknowledge: Option<(String, LoadedHandle)>,
    /// When the API server was heard from.
    pub(crate) freshness: Option<Freshness>,
    /// The silence after which the server is not ready any more.
    pub(crate) max_staleness: Option<Duration>,
    /// What else is measured in this process.
    pub(crate) extra_metrics: Option<ExtraMetrics>,
}

/// The routes of the internal port.
pub(crate) fn router(sources: Sources) -> Router {
    let mut router =
        Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).route("/metrics", get(metrics));
    if let Some((instance, handle)) = sources.acknowledge.clone() {
        let loaded = async move |State(sources): State<Arc<Sources>>, RawQuery(query): RawQuery| {
            acknowledge::answer(&sources.app, &instance, &handle, query.as_deref())
        };
        router = router.route("/loaded", get(loaded));
    }
    router.with_state(Arc::new(sources))
}

/// Whether requests can be served: a catalog was published, it is not too old, and the store answers.
async fn readyz(State(sources): State<Arc<Sources>>) -> Response {
    let Some(catalog) = sources.app.catalog() else {
        return not_ready("no catalog has been published yet");
    };
    if let Some(stale) = stale(&sources) {
        return not_ready(&stale);
    }
    // Reading a row that never existed is the least that a store can be asked.
    let nobody = SessionId::new(Uuid::nil());
    match tokio::time::timeout(STORE_DEADLINE, sources.app.shared().store.find_session(nobody)).await {
        Ok(Ok(_)) => format!("ok\ncatalog {}\n", catalog.digest).into_response(),
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(cause, "not ready: {error}");
            not_ready("the store does not answer")
        }
        Err(_) => not_ready("the store takes too long to answer"),
    }
}

/// That the catalog may be too old, if somebody set a bound.
fn stale(sources: &Sources) -> Option<String> {
    let (freshness, bound) = (sources.freshness.as_ref()?, sources.max_staleness?);
    let silence = freshness.silence();
    (silence > bound).then(|| {
        let (silence, bound) = (silence.as_secs(), bound.as_secs());
        format!("nothing was heard from the API server for {silence} s (--max-staleness-seconds {bound})")
    })
}

async fn metrics(State(sources): State<Arc<Sources>>) -> Response {
    let shared = sources.app.shared();
    let silence = sources.freshness.as_ref().map_or(Duration::ZERO, Freshness::silence);
    let loaded = sources.acknowledge.as_ref().and_then(|(_, handle)| handle.get());
    let own = shared.metrics.encode(shared.passwords.depth());
    let (Ok(own), Ok(feed)) = (own, feed_metrics::encode(silence, loaded.as_deref())) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let extra = sources.extra_metrics.as_ref().map_or_else(String::new, |ExtraMetrics(text)| text());
    open_metrics::answer(open_metrics::join(&[&own, &feed, &extra]))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use http::Method;
    use http_body_util::BodyExt as _;
    use oidc::acknowledge::{MAC_HEADER, believe};
    use tower::ServiceExt as _;

    use super::*;
    use crate::testing::{self, Faulty, FixedClock, SERVER_KEYS, Server};

    /// A server that nobody feeds.
    fn alone(server: &Server) -> Sources {
        let app = server.app.clone();
        Sources { app, acknowledge: None, freshness: None, max_staleness: None, extra_metrics: None }
    }

    async fn send(sources: Sources, method: Method, path: &str) -> Response {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        router(sources).oneshot(request).await.unwrap()
    }

    async fn get(sources: Sources, path: &str) -> (StatusCode, String) {
        let response = send(sources, Method::GET, path).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_waits_for_a_catalog_and_a_store() {
        let check = async |server: Server, status: StatusCode, text: &str| {
            let (got, body) = get(alone(&server), "/readyz").await;
            assert_eq!((got, body.as_str()), (status, text));
            assert_eq!(get(alone(&server), "/healthz").await.0, StatusCode::OK, "it lives all the same");
        };
        let away = StatusCode::SERVICE_UNAVAILABLE;
        check(Server::without_catalog(), away, "not ready: no catalog has been published yet\n").await;
        check(Server::with_store(Faulty::Error), away, "not ready: the store does not answer\n").await;
        check(Server::new(), StatusCode::OK, "ok\ncatalog d1\n").await;
    }

    #[tokio::test]
    async fn readiness_ends_with_a_silence_that_is_too_long() {
        let (server, clock) = (Server::new(), FixedClock::default());
        let freshness = Freshness::timed_by(Arc::new(clock.clone()));
        let check = async |max: Option<u64>, expect: &str| {
            let (freshness, max_staleness) = (Some(freshness.clone()), max.map(Duration::from_secs));
            let (status, body) = get(Sources { freshness, max_staleness, ..alone(&server) }, "/readyz").await;
            assert_eq!(body, expect);
            assert_eq!(status == StatusCode::OK, expect.starts_with("ok"));
        };
        let ready = "ok\ncatalog d1\n";
        clock.advance(60);
        check(Some(60), ready).await;
        clock.advance(1);
        let stale = "not ready: nothing was heard from the API server for 61 s (--max-staleness-seconds 60)\n";
        check(Some(60), stale).await;
        check(Some(61), ready).await;
        check(None, ready).await;
        freshness.heard();
        check(Some(60), ready).await;
    }

    #[tokio::test]
    async fn a_bound_without_a_feed_is_none() {
        let sources = Sources { max_staleness: Some(Duration::ZERO), ..alone(&Server::new()) };
        assert_eq!(get(sources, "/readyz").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_are_open_metrics() {
        let (status, body) = get(alone(&Server::new()), "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.ends_with("# EOF\n"), "{body}");
        assert!(body.contains("portcullis_password_queue_depth 0"));
        assert!(body.contains("portcullis_catalog_stale_seconds 0.0\n"));
        assert!(!body.contains("portcullis_catalog_resource_version{"));
    }

    #[tokio::test]
    async fn metrics_of_the_feed_and_of_others_are_among_them() {
        let (server, clock, handle) = (Server::new(), FixedClock::default(), LoadedHandle::new());
        let freshness = Some(Freshness::timed_by(Arc::new(clock.clone())));
        let extra_metrics = Some(ExtraMetrics(Arc::new(|| "portcullis_lease_held 1\n# EOF\n".to_owned())));
        let acknowledge = Some(("pod-1".to_owned(), handle.clone()));
        handle.set(testing::loaded("d1"));
        clock.advance(3);
        let sources = Sources { acknowledge, freshness, extra_metrics, ..alone(&server) };
        let (_, body) = get(sources, "/metrics").await;
        for line in [
            "portcullis_password_queue_depth 0",
            "portcullis_catalog_stale_seconds 3.0",
            r#"portcullis_catalog_resource_version{resource="oidcclientrecords"} 12"#,
            "portcullis_lease_held 1",
        ] {
            assert!(body.lines().any(|found| found == line), "{line} is not in\n{body}");
        }
        assert_eq!(body.lines().filter(|line| *line == "# EOF").count(), 1);
        assert!(body.ends_with("# EOF\n"));
    }

    #[tokio::test]
    async fn the_controller_is_answered_where_one_asks() {
        let (server, handle) = (Server::new(), LoadedHandle::new());
        let sources = || Sources { acknowledge: Some(("pod-1".to_owned(), handle.clone())), ..alone(&server) };
        assert_eq!(get(sources(), "/loaded?nonce=n1").await.0, StatusCode::SERVICE_UNAVAILABLE);
        handle.set(testing::loaded("d1"));
        let (parts, body) = send(sources(), Method::GET, "/loaded?nonce=n1").await.into_parts();
        let (mac, body) = (parts.headers.get(MAC_HEADER).unwrap(), body.collect().await.unwrap().to_bytes());
        assert_eq!(parts.headers.get("content-type").unwrap(), "application/json");
        let word = believe(&SERVER_KEYS, "n1", &body, mac.to_str().unwrap()).unwrap();
        assert_eq!((word.instance.as_str(), word.loaded), ("pod-1", testing::loaded("d1")));

        assert_eq!(get(sources(), "/loaded").await.0, StatusCode::BAD_REQUEST);
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let status = send(sources(), method, "/loaded?nonce=n1").await.status();
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        }
    }

    #[tokio::test]
    async fn nothing_else_is_there() {
        for path in ["/", "/oidc/token", "/metrics/", "/loaded?nonce=n1"] {
            assert_eq!(get(alone(&Server::new()), path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
