//! OIDC Discovery §4, RFC 8414 §3, RFC 7517 §5: what everybody may know, made once and sent from memory.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use oidc::catalog::Document;

use crate::call::Call;
use crate::cors;

/// Seconds for which the discovery document may be cached: it changes when endpoints or keys' algorithms do.
const DISCOVERY_MAX_AGE: i64 = 300;

/// `GET /.well-known/openid-configuration`, and RFC 8414's place.
pub(super) async fn discovery(call: Call, request: Request) -> Response {
    document(&call.realm().discovery, DISCOVERY_MAX_AGE, request.headers())
}

/// `GET /.well-known/jwks.json`.
pub(super) async fn jwks(call: Call, request: Request) -> Response {
    let realm = call.realm();
    document(&realm.jwks, realm.settings.jwks_max_age_seconds, request.headers())
}

/// `OPTIONS`: any script may read these, whatever headers it sends.
pub(super) async fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    cors::everybody(headers);
    headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

fn document(document: &Document, max_age_seconds: i64, request: &HeaderMap) -> Response {
    let fresh = is_fresh(request, &document.etag);
    let body = if fresh { Body::empty() } else { Body::from(Bytes::from_owner(document.body.clone())) };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    cors::everybody(headers);
    if let Ok(etag) = HeaderValue::from_str(&document.etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Ok(control) = HeaderValue::try_from(format!("public, max-age={}", max_age_seconds.max(0))) {
        headers.insert(header::CACHE_CONTROL, control);
    }
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response
}

/// RFC 9110 §13.1.2: whether the caller has this very document. The comparison is the weak one.
fn is_fresh(request: &HeaderMap, etag: &str) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Server;

    async fn send(path: &str, method: &str, if_none_match: Option<&str>) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder().method(method).uri(path).header("host", "id.example.com");
        if let Some(etag) = if_none_match {
            request = request.header("if-none-match", etag);
        }
        Server::new().send(request.body(Body::empty()).unwrap()).await
    }

    #[tokio::test]
    async fn documents_are_for_everybody_and_cached() {
        for (path, control, member) in [
            (
                "/oidc/.well-known/openid-configuration",
                "public, max-age=300",
                "\"issuer\":\"https://id.example.com/oidc\"",
            ),
            ("/.well-known/oauth-authorization-server/oidc", "public, max-age=300", "\"issuer\""),
            ("/oidc/.well-known/jwks.json", "public, max-age=3600", "\"kty\":\"EC\""),
        ] {
            let (status, headers, body) = send(path, "GET", None).await;
            assert_eq!(status, StatusCode::OK);
            assert!(body.contains(member), "{body}");
            assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), control);
            assert_eq!(headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), "*");
            assert_eq!(headers.get(header::CONTENT_TYPE).unwrap(), "application/json");
            let etag = headers.get(header::ETAG).unwrap().to_str().unwrap();

            let (status, headers, unchanged) = send(path, "GET", Some(etag)).await;
            assert_eq!((status, unchanged.as_str()), (StatusCode::NOT_MODIFIED, ""));
            assert_eq!(headers.get(header::ETAG).unwrap(), etag);
            assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), control);

            let (status, headers, empty) = send(path, "HEAD", None).await;
            assert_eq!((status, empty.as_str()), (StatusCode::OK, ""));
            assert_eq!(headers.get(header::CONTENT_LENGTH).unwrap(), &body.len().to_string());

            let (status, headers, _) = send(path, "OPTIONS", None).await;
            assert_eq!(status, StatusCode::NO_CONTENT);
            assert_eq!(headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), "*");
        }
    }

    #[test]
    fn etags() {
        for (sent, expect) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("*", true),
            ("\"abcd\"", false),
            ("abc", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(sent))]);
            assert_eq!(is_fresh(&headers, "\"abc\""), expect, "{sent}");
        }
        assert!(!is_fresh(&HeaderMap::new(), "\"abc\""));
    }
}
