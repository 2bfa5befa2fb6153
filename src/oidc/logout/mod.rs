//! OpenID Connect RP-Initiated Logout 1.0: an application sends a person here to log out.
//!
//! ```text
//! LogoutRequest ──judge──▶ Judged ──names──▶ of this very session: it ends · anything else: the person is asked
//!     PageError              └─ ReturnTo: where the browser goes afterwards
//! ```
//!
//! 1. Parameters are read once each; `logout_hint` and `ui_locales` are of no use here and only looked at for that.
//! 2. The client is the one that `client_id` names, or the one that the hint was made for; where both are sent, they agree.
//! 3. `post_logout_redirect_uri` must equal a registered one. There is no redirect to anything else, and no error is ever
//!    sent there.
//! 4. A hint that names the session of this browser was handed out in it: that is no link which anybody could have
//!    written. Without one, the person says on a page whether they want to go (§2, §6): else any site could log them out.
//! 5. The applications that were logged in to from the session hear of its end: through the browser ([`frames()`]), and from
//!    the server ([`logout_token`]).
//!
//! Whether somebody is logged in changes none of the first four, so that no application learns of a login by asking for its end.

use serde::{Deserialize, Serialize};

use crate::authorize::{Login, PageError};
use crate::catalog::Realm;
use crate::client::Client;
use crate::form::Form;
use crate::id_token_hint::{self, Hint};
use crate::records::SessionClient;
use crate::refusal::{ErrorCode, Why};
use crate::time::Time;
use crate::uri::{RedirectUri, with_query};

mod backchannel;
mod frames;
mod handle;

pub use backchannel::{BackchannelLogout, logout_token, recipient};
pub use frames::{Frame, FrontchannelLogout, frames};
pub use handle::{Confirmed, LogoutHandle};

/// A request as it arrived: nothing of it is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutRequest {
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    id_token_hint: Option<String>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    post_logout_redirect_uri: Option<String>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

/// A request whose client and return address are known to belong together.
#[derive(Debug)]
pub struct Judged<'c> {
    client: Option<&'c Client>,
    hint: Option<Hint<'c>>,
    /// Where the browser goes afterwards; none: it stays here.
    pub return_to: Option<ReturnTo<'c>>,
}

/// Where a browser may be sent after a logout: a URI that was matched against the client's registered ones; made by
/// [`LogoutRequest::judge`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo<'c> {
    uri: &'c RedirectUri,
    state: Option<String>,
}

/// Names on the wire, and bytes of each value at the most.
const PARAMETERS: [(&str, usize); 6] = [
    ("client_id", 256),
    ("id_token_hint", 8192),
    ("logout_hint", 256),
    ("post_logout_redirect_uri", 1024),
    ("state", 4096),
    ("ui_locales", 256),
];

/// The client that somebody was logged in to from a session. One that was made anew under the name of another was never
/// logged in to, and hears nothing.
fn told<'r>(realm: &'r Realm, joined: &SessionClient) -> Option<&'r Client> {
    realm.client(joined.client.as_str()).filter(|client| client.uid == joined.application_uid)
}

impl LogoutRequest {
    /// Takes the parameters out of a form. Unknown ones are ignored.
    ///
    /// # Errors
    /// A parameter that was sent twice, or is too long.
    pub fn read(form: &mut Form) -> Result<Self, PageError> {
        let refuse = |why, description| Err(PageError { code: ErrorCode::InvalidRequest, description, why });
        if PARAMETERS.iter().any(|(name, _)| form.duplicates().contains(*name)) {
            return refuse(Why::DuplicateParameter, "a parameter must not be sent more than once");
        }
        let mut values = PARAMETERS.map(|(name, max)| (form.take_text(name), max));
        if values.iter().any(|(value, max)| value.as_ref().is_some_and(|value| value.len() > *max)) {
            return refuse(Why::ParameterTooLong, "a parameter is longer than this server accepts");
        }
        let [client_id, id_token_hint, _, post_logout_redirect_uri, state, _] =
            values.each_mut().map(|(value, _)| value.take());
        Ok(Self { id_token_hint, client_id, post_logout_redirect_uri, state })
    }

    /// Whether the form has any of the parameters.
    pub fn is_in(form: &Form) -> bool {
        PARAMETERS.iter().any(|(name, _)| form.names(name))
    }

    /// The client that it names; for the log.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Finds the client and matches the return address against its registered ones.
    ///
    /// # Errors
    /// What is wrong; it is shown as a page.
    pub fn judge<'c>(&self, realm: &'c Realm, now: Time) -> Result<Judged<'c>, PageError> {
        let refuse = |why, description| PageError { code: ErrorCode::InvalidRequest, description, why };
        let named = match &self.client_id {
            None => None,
            Some(id) => Some(realm.client(id).ok_or(refuse(
                Why::ClientUnknown,
                "no application with this `client_id` is served here: check the ID, and whether the application is Ready",
            ))?),
        };
        let hint = match &self.id_token_hint {
            None => None,
            Some(text) => Some(id_token_hint::read(realm, named, text, now).ok_or(refuse(
                Why::HintInvalid,
                "the `id_token_hint` is not an id_token that this issuer made for this application",
            ))?),
        };
        let client = named.or(hint.as_ref().map(|hint| hint.client));
        let return_to = match (&self.post_logout_redirect_uri, client) {
            (None, _) => None,
            (Some(_), None) => {
                return Err(refuse(
                    Why::ParameterMissing,
                    "the `post_logout_redirect_uri` needs `id_token_hint` or `client_id` beside it, to say whose it is",
                ));
            }
            (Some(presented), Some(client)) => {
                let mut registered = client.post_logout_redirect_uris.iter();
                let uri = registered.find(|uri| uri.as_str() == presented).ok_or(refuse(
                    Why::RedirectUriNotRegistered,
                    "the `post_logout_redirect_uri` is not registered for this application: it must equal an entry of spec.postLogoutRedirectURIs character by character",
                ))?;
                Some(ReturnTo { uri, state: self.state.clone() })
            }
        };
        Ok(Judged { client, hint, return_to })
    }
}

impl<'c> Judged<'c> {
    /// The client, if the request says which.
    pub fn client(&self) -> Option<&'c Client> {
        self.client
    }

    /// Whether the hint names this very session and its person. An id_token without `sid`, of another session of the same
    /// person or of another person says nothing of who sits here.
    pub fn names(&self, login: &Login<'_>) -> bool {
        self.hint.as_ref().is_some_and(|hint| {
            hint.sid == Some(login.session.id)
                && hint.client.subject_of(login.account).as_deref() == Some(hint.subject.as_str())
        })
    }
}

impl ReturnTo<'_> {
    /// The URL to redirect to, with `state` as it was sent (§3).
    pub fn location(&self) -> String {
        let uri = self.uri.as_str();
        self.state.as_ref().map_or_else(|| uri.to_owned(), |state| with_query(uri, [("state", state)]))
    }

    /// The source that a page on the way must allow in `form-action`.
    pub fn form_action(&self) -> String {
        self.uri.form_action_source(self.uri.as_str())
    }
}

#[cfg(test)]
mod tests;
