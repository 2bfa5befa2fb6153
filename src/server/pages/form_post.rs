//! OAuth 2.0 Form Post Response Mode §2: the page that posts an authorization response to the application.

use std::sync::LazyLock;

use askama::Template;
use crypto::{b64, hash};

use super::Frame;

/// The one script of all pages that people see. It holds no data, so its hash is a constant and no response can change what runs.
const SCRIPT: &str = "document.getElementById(\"form-post\").submit()";

/// The script's hash, for `script-src`.
pub(crate) static SCRIPT_SHA256: LazyLock<String> = LazyLock::new(|| source_hash(SCRIPT));

/// A script's hash as CSP 3 §2.3.1 wants it: plain Base64, padded.
pub(super) fn source_hash(script: &str) -> String {
    format!("{}=", b64::encode(&hash::sha256(script.as_bytes())).replace('-', "+").replace('_', "/"))
}

/// The self-submitting page.
#[derive(Debug, Template)]
#[template(path = "form_post.html")]
pub(crate) struct FormPostPage<'a> {
    pub(crate) frame: Frame<'a>,
    /// The redirect URI, exactly as registered.
    pub(crate) action: &'a str,
    /// The response parameters.
    pub(crate) fields: &'a [(&'static str, String)],
    script: &'static str,
}

impl<'a> FormPostPage<'a> {
    /// The page that posts these fields there.
    pub(crate) fn new(frame: Frame<'a>, action: &'a str, fields: &'a [(&'static str, String)]) -> Self {
        Self { frame, action, fields, script: SCRIPT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_script() {
        // printf %s SCRIPT | openssl dgst -sha256 -binary | base64
        assert_eq!(*SCRIPT_SHA256, "sx2yq/qyR/39OBbEt0uInXQ77KLnTu/ybggO1m7WpbY=");
    }
}
