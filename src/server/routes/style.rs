//! The style sheet of the pages. Its URL names its content, so that a browser asks once and then never again.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, header};

use crate::call::Call;

/// `GET /interaction/style.css?v=…`
pub(super) async fn get(call: Call, request: Request) -> Response {
    let style = &call.site.style;
    let named = request.uri().query().and_then(|query| query.strip_prefix("v="));
    let mut response = Response::new(Body::from(style.css()));
    // An old page may ask for a version that is gone; it gets today's and is not to keep it under that name.
    let control = if named == Some(style.version()) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Server, auth_url};

    #[tokio::test]
    async fn the_sheet_that_a_page_names_is_kept_for_good() {
        let server = Server::new();
        let mut browser = server.browser();
        let page = browser.get(&auth_url("")).await;
        let href =
            page.body.split("<link rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let sheet = browser.get(&href).await;
        assert!(sheet.body.starts_with(":root { --primary: #0b5fff;"), "{}", sheet.body);
        assert_eq!(sheet.headers.get(header::CONTENT_TYPE).unwrap(), "text/css; charset=utf-8");
        assert_eq!(sheet.headers.get(header::CACHE_CONTROL).unwrap(), "public, max-age=31536000, immutable");
        for other in ["/oidc/interaction/style.css", "/oidc/interaction/style.css?v=old"] {
            let sheet = browser.get(other).await;
            assert_eq!(sheet.headers.get(header::CACHE_CONTROL).unwrap(), "no-cache", "{other}");
        }
    }
}
