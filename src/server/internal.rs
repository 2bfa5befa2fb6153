//! The port that only the cluster reaches: liveness, readiness, metrics. It never faces browsers or applications.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use oidc::ids::SessionId;
use uuid::Uuid;

use crate::app::App;
use crate::metrics;

/// The time in which the store must answer to count as open.
const STORE_DEADLINE: Duration = Duration::from_secs(2);

/// The routes of the internal port.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(app)
}

/// The process answers. Nothing else is looked at: restarting it would mend neither a store nor an API server.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether requests can be served: a catalog was published and the store answers.
async fn readyz(State(app): State<App>) -> Response {
    let Some(digest) = app.catalog_digest() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready: no catalog has been published yet\n").into_response();
    };
    // Reading a row that never existed is the least that a store can be asked.
    let nobody = SessionId::new(Uuid::nil());
    match tokio::time::timeout(STORE_DEADLINE, app.shared().store.find_session(nobody)).await {
        Ok(Ok(_)) => format!("ok\ncatalog {digest}\n").into_response(),
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(cause, "not ready: {error}");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: the store does not answer\n").into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready: the store takes too long to answer\n").into_response(),
    }
}

async fn metrics_text(State(app): State<App>) -> Response {
    let shared = app.shared();
    match shared.metrics.encode(shared.passwords.depth()) {
        Ok(text) => ([(header::CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE))], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::testing::{Faulty, Server};

    async fn get(server: &Server, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(server.app.clone()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_waits_for_a_catalog_and_a_store() {
        let check = async |server: Server, status: StatusCode, text: &str| {
            let (got, body) = get(&server, "/readyz").await;
            assert_eq!((got, body.as_str()), (status, text));
            assert_eq!(get(&server, "/healthz").await.0, StatusCode::OK, "it lives all the same");
        };
        let away = StatusCode::SERVICE_UNAVAILABLE;
        check(Server::without_catalog(), away, "not ready: no catalog has been published yet\n").await;
        check(Server::with_store(Faulty::Error), away, "not ready: the store does not answer\n").await;
        check(Server::new(), StatusCode::OK, "ok\ncatalog d1\n").await;
    }

    #[tokio::test]
    async fn metrics_are_open_metrics() {
        let (status, body) = get(&Server::new(), "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.ends_with("# EOF\n"), "{body}");
        assert!(body.contains("portcullis_password_queue_depth 0"));
    }

    #[tokio::test]
    async fn nothing_else_is_there() {
        for path in ["/", "/oidc/token", "/metrics/"] {
            assert_eq!(get(&Server::new(), path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
