//! Fetch Metadata, RFC 6454: whether a form was posted from a page of this issuer.
//!
//! A second line behind the sealed handle and the `SameSite=Lax` cookies: another site has neither the handle nor the
//! cookies, and if it ever had, its browser would still say where the form came from.

use http::{HeaderMap, header};

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Whether nothing speaks against this post. A browser that sends neither header is too old to have lied about them.
pub(crate) fn is_same_origin(headers: &HeaderMap, origin: &str) -> bool {
    let all =
        |name: &str, fits: &dyn Fn(&[u8]) -> bool| headers.get_all(name).iter().all(|value| fits(value.as_bytes()));
    // `none` is a person's own doing, such as a page posted again after the browser was restarted.
    all(SEC_FETCH_SITE, &|site| matches!(site, b"same-origin" | b"none"))
        && all(header::ORIGIN.as_str(), &|sent| sent == origin.as_bytes())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn t_p27_a_form_of_another_page_is_refused() {
        const HERE: &str = "https://id.example.com";
        for (site, origin, expect) in [
            (Some("same-origin"), Some(HERE), true),
            (Some("same-origin"), None, true),
            (Some("none"), None, true),
            (None, Some(HERE), true),
            (None, None, true),
            (Some("cross-site"), None, false),
            (Some("same-site"), Some("https://evil.example.com"), false),
            (Some("same-origin"), Some("https://evil.example.com"), false),
            (Some("nonsense"), None, false),
            (None, Some("https://evil.example"), false),
            (None, Some("https://id.example.com.evil.example"), false),
            (None, Some("http://id.example.com"), false),
            (None, Some("https://id.example.com:8443"), false),
            (None, Some("null"), false),
            (None, Some(""), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(
                site.map(|site| (http::HeaderName::from_static(SEC_FETCH_SITE), HeaderValue::from_static(site))),
            );
            headers.extend(origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))));
            assert_eq!(is_same_origin(&headers, HERE), expect, "{site:?} {origin:?}");
        }
    }
}
