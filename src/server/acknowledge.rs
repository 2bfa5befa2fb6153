//! `GET /loaded?nonce=N` on the internal port: the controller asks what this replica serves from.
//!
//! The answer is no secret; its MAC says that a holder of the server key gave it, to this very question.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use oidc::acknowledge::{Acknowledgement, MAC_HEADER, MAX_NONCE, speak};

use crate::app::App;
use crate::loaded::LoadedHandle;

const MAC: HeaderName = HeaderName::from_static(MAC_HEADER);

/// Why there is nothing to say yet: both come with the first full list.
const NOT_YET: &str = "nothing has been loaded yet\n";

/// Answers with what was loaded, in the name of this instance.
pub(crate) fn answer(app: &App, instance: &str, handle: &LoadedHandle, query: Option<&str>) -> Response {
    let mut response = match nonce(query) {
        Err(reason) => (StatusCode::BAD_REQUEST, reason).into_response(),
        Ok(nonce) => word(app, instance, handle, nonce)
            .unwrap_or_else(|| (StatusCode::SERVICE_UNAVAILABLE, NOT_YET).into_response()),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What was loaded, or `None` before the first time.
fn word(app: &App, instance: &str, handle: &LoadedHandle, nonce: &str) -> Option<Response> {
    // In this order: the catalog that is read second is the one of this word, or a later one.
    let loaded = handle.get()?;
    let catalog = app.catalog()?;
    let word = Acknowledgement { instance: instance.to_owned(), loaded: (*loaded).clone() };
    let (body, mac) = speak(&catalog.server_keys, nonce, &word);
    let headers = [(header::CONTENT_TYPE, "application/json".to_owned()), (MAC, mac)];
    Some((headers, body).into_response())
}

/// The nonce, if the query is that and nothing else. It needs no decoding: it holds nothing that would be encoded.
fn nonce(query: Option<&str>) -> Result<&str, &'static str> {
    const ALONE: &str = "ask with one `nonce` and nothing else: /loaded?nonce=N\n";
    const FORM: &str = "a nonce is 1 to 64 characters of A-Z, a-z, 0-9, `-` and `_`\n";
    let alone = |nonce: &&str| !nonce.contains('&');
    let nonce = query.and_then(|query| query.strip_prefix("nonce=")).filter(alone).ok_or(ALONE)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=MAX_NONCE).contains(&nonce.len()) && nonce.bytes().all(plain) { Ok(nonce) } else { Err(FORM) }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use oidc::acknowledge::{NotAcknowledged, believe};

    use super::*;
    use crate::testing::{self, SERVER_KEYS, Server};

    async fn ask(server: &Server, handle: &LoadedHandle, query: &str) -> (StatusCode, String, Vec<u8>) {
        let response = answer(&server.app, "pod-1", handle, Some(query));
        let (parts, body) = response.into_parts();
        assert_eq!(parts.headers.get(header::CACHE_CONTROL).unwrap(), "no-store");
        let mac = parts.headers.get(MAC_HEADER).map_or("", |mac| mac.to_str().unwrap());
        (parts.status, mac.to_owned(), body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn the_word_is_given_once_there_is_something_to_say() {
        let (server, handle) = (Server::without_catalog(), LoadedHandle::new());
        let check = async |status: StatusCode| {
            let (got, mac, body) = ask(&server, &handle, "nonce=n1").await;
            assert_eq!(got, status);
            assert_eq!(mac.is_empty(), status != StatusCode::OK);
            if status != StatusCode::OK {
                assert_eq!(String::from_utf8(body).unwrap(), NOT_YET);
            }
        };
        check(StatusCode::SERVICE_UNAVAILABLE).await;
        handle.set(testing::loaded("d1"));
        // Said too early: nothing is served yet, and no key is known.
        check(StatusCode::SERVICE_UNAVAILABLE).await;
        server.catalogs.publish(testing::catalog(vec![testing::realm()], "d1"));
        check(StatusCode::OK).await;
        let only_catalog = ask(&server, &LoadedHandle::new(), "nonce=n1").await;
        assert_eq!(only_catalog.0, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn the_word_is_believed_for_its_nonce_alone() {
        let (server, handle) = (Server::new(), LoadedHandle::new());
        for digest in ["d1", "d2"] {
            handle.set(testing::loaded(digest));
            let (_, mac, body) = ask(&server, &handle, "nonce=n1").await;
            let expect = Acknowledgement { instance: "pod-1".to_owned(), loaded: testing::loaded(digest) };
            assert_eq!(believe(&SERVER_KEYS, "n1", &body, &mac), Ok(expect));
            assert_eq!(believe(&SERVER_KEYS, "n2", &body, &mac), Err(NotAcknowledged::Mac));
        }
    }

    #[tokio::test]
    async fn a_question_has_one_form() {
        let (server, handle) = (Server::new(), LoadedHandle::new());
        handle.set(testing::loaded("d1"));
        let check = async |query: &str, status: StatusCode| {
            let (got, _, body) = ask(&server, &handle, query).await;
            assert_eq!(got, status, "{query}");
            let body = String::from_utf8(body).unwrap();
            assert_eq!(body.lines().count(), 1, "{query}");
            assert_eq!(body.ends_with('\n'), status != StatusCode::OK, "{query}");
        };
        let of = |length: usize| format!("nonce={}", "x".repeat(length));
        check("nonce=a", StatusCode::OK).await;
        check("nonce=AZaz09-_", StatusCode::OK).await;
        check(&of(64), StatusCode::OK).await;
        check(&of(65), StatusCode::BAD_REQUEST).await;
        for bad in [
            "",
            "nonce",
            "nonce=",
            "nonce=a&nonce=a",
            "nonce=a&x=1",
            "x=1&nonce=a",
            "nonce=a&",
            "&nonce=a",
            "Nonce=a",
            "%6eonce=a",
            "nonce=%61",
            "nonce=a+b",
            "nonce=a=",
            "nonce=a.b",
            "nonce=\u{e9}",
        ] {
            check(bad, StatusCode::BAD_REQUEST).await;
        }
        let bare = answer(&server.app, "pod-1", &handle, None);
        assert_eq!(bare.status(), StatusCode::BAD_REQUEST);
    }
}
