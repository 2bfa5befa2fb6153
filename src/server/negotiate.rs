//! RFC 9110 §12.5.1: whether an error is for a person or for a program.

use http::{HeaderMap, header};

/// The form in which errors are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// A page.
    Html,
    /// An object.
    Json,
}

impl Wants {
    /// HTML for whoever names it and does not like JSON better; that is what browsers do. `*/*` is a program.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let (mut html, mut json) = (0, 0);
        for range in headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
        {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality =
                parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q="))).map_or(1000, thousandths);
            match media_type.as_str() {
                "text/html" | "application/xhtml+xml" | "text/*" => html = html.max(quality),
                "application/json" | "application/*" => json = json.max(quality),
                _ => {}
            }
        }
        if html > 0 && html >= json { Self::Html } else { Self::Json }
    }
}

/// A quality value, `0` to `1` with three decimals, in thousandths. What cannot be read wants nothing.
fn thousandths(text: &str) -> u32 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    match whole {
        "1" => 1000,
        "0" => format!("{decimals:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn browsers_get_pages_and_programs_get_objects() {
        for (accept, expect) in [
            // Firefox, Chromium.
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Wants::Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", Wants::Html),
            ("text/html", Wants::Html),
            ("TEXT/HTML;level=1", Wants::Html),
            ("application/json, text/html;q=0.5", Wants::Json),
            ("application/json;q=0.5, text/html", Wants::Html),
            ("application/json, text/html", Wants::Html),
            ("*/*", Wants::Json),
            ("application/json", Wants::Json),
            ("text/html;q=0", Wants::Json),
            ("text/html;q=nonsense", Wants::Json),
            ("text/html;q=0.0001", Wants::Json),
            ("", Wants::Json),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(Wants::of(&headers), expect, "{accept}");
        }
        assert_eq!(Wants::of(&HeaderMap::new()), Wants::Json);
    }
}
