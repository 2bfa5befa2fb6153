//! OpenID Connect Session Management 1.0 §4.2: the cookie that the issuer's framed page looks at follows the login.

use axum::response::Response;
use http::{HeaderMap, header};
use oidc::browser_state::BrowserState;

use crate::call::Call;
use crate::session::Session;

impl Call {
    /// Has the browser keep the state of this login, or none where its session is over, if it does not already.
    ///
    /// A request without a session cookie says nothing: another site's image or frame brings none, as that cookie is `Lax`,
    /// and brings this one. Any site could otherwise have every watching application believe in a logout.
    pub(crate) fn tell_browser_state(
        &self,
        headers: &HeaderMap,
        session: Option<&Session<'_>>,
        response: &mut Response,
    ) {
        if !self.realm().settings.session_management {
            return;
        }
        let cookies = &self.site.cookies;
        if session.is_none() && cookies.read_session(headers).is_none() {
            return;
        }
        let state = session.map(|session| BrowserState::of(session.login().session));
        if cookies.read_browser_state(headers) != state.as_ref().map(BrowserState::as_str) {
            let cookie = cookies.set_browser_state(state.as_ref());
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}
