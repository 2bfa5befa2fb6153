//! OpenID Connect Session Management 1.0 §3.2: the page that applications load in a frame and ask whether the login is
//! still the one that they know. It has nothing to look at.

use std::sync::LazyLock;

use askama::Template;

use super::form_post::source_hash;

/// The same for every issuer: the name of its cookie stands beside it.
const SCRIPT: &str = include_str!("check_session.js");

/// The script's hash, for `script-src`.
pub(crate) static CHECK_SESSION_SHA256: LazyLock<String> = LazyLock::new(|| source_hash(SCRIPT));

/// The page.
#[derive(Debug, Template)]
#[template(path = "check_session.html")]
pub(crate) struct CheckSessionPage<'a> {
    /// The cookie with the browser state.
    cookie: &'a str,
    script: &'static str,
}

impl<'a> CheckSessionPage<'a> {
    /// The page that looks at this cookie.
    pub(crate) fn new(cookie: &'a str) -> Self {
        Self { cookie, script: SCRIPT }
    }
}
