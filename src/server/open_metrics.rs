//! OpenMetrics 1.0 as a text: its media type, and several texts as one.

use std::fmt;
use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};

const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The line that every text ends with. What comes after it is not read.
const EOF: &str = "# EOF\n";

/// Metrics of the same process that are not the server's: an OpenMetrics text, made when somebody asks. It names no
/// metric that the server names.
#[derive(Clone)]
pub struct ExtraMetrics(pub Arc<dyn Fn() -> String + Send + Sync>);

impl fmt::Debug for ExtraMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExtraMetrics").finish_non_exhaustive()
    }
}

/// Texts one after the other, with one end.
pub(crate) fn join(texts: &[&str]) -> String {
    let mut all = String::with_capacity(texts.iter().map(|text| text.len() + EOF.len()).sum());
    for text in texts {
        let text = text.strip_suffix(EOF).unwrap_or(text);
        all.push_str(text);
        if !text.is_empty() && !text.ends_with('\n') {
            all.push('\n');
        }
    }
    all.push_str(EOF);
    all
}

/// The answer to a scraper.
pub(crate) fn answer(text: String) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_one_text() {
        let check = |texts: &[&str], expect: &str| assert_eq!(join(texts), expect, "{texts:?}");
        check(&[], "# EOF\n");
        check(&["a 1\n# EOF\n"], "a 1\n# EOF\n");
        check(&["a 1\n# EOF\n", "b 2\n# EOF\n"], "a 1\nb 2\n# EOF\n");
        check(&["a 1\n# EOF\n", "# EOF\n", "c 3\n# EOF\n"], "a 1\nc 3\n# EOF\n");
        // One that was cut off, or nothing at all, spoils no other.
        check(&["a 1", "", "b 2\n"], "a 1\nb 2\n# EOF\n");
    }
}
