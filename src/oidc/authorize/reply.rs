//! OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode, RFC 9207: how an authorization response travels.

use url::Url;

use crate::client::ResponseMode;
use crate::refusal::{ErrorCode, Why};

/// Where an answer may be sent: a redirect URI that was matched against the client's registered ones. Only the stage that
/// did so makes one, so that nothing is ever sent to an unverified place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    pub(super) redirect_uri: String,
    pub(super) form_action: String,
    pub(super) mode: ResponseMode,
    pub(super) state: Option<String>,
    pub(super) issuer: String,
}

/// An authorization response, success or error, ready to be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it travels.
    pub mode: ResponseMode,
    /// The redirect URI, exactly as the request named it.
    pub redirect_uri: String,
    /// The source that `form-action` must allow: the origin or the scheme of the redirect URI.
    pub form_action: String,
    /// The response parameters.
    pub fields: Vec<(&'static str, String)>,
}

/// A refusal that goes to the client, by way of the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectError {
    to: Box<ReplyTo>,
    /// What the client sees.
    pub code: ErrorCode,
    /// What to mend; never holds what was sent.
    pub description: &'static str,
    /// What we log.
    pub why: Why,
}

impl ReplyTo {
    /// The only maker of an error that redirects.
    pub(super) fn refuse(self, code: ErrorCode, why: Why, description: &'static str) -> RedirectError {
        RedirectError { to: Box::new(self), code, description, why }
    }

    /// The answer with these parameters; `state` and `iss` are added (RFC 9207 §2: in errors too).
    pub(super) fn reply(self, mut fields: Vec<(&'static str, String)>) -> Reply {
        let Self { redirect_uri, form_action, mode, state, issuer } = self;
        fields.extend(state.map(|state| ("state", state)));
        fields.push(("iss", issuer));
        Reply { mode, redirect_uri, form_action, fields }
    }

    /// The source that a page on the way must allow in `form-action`.
    pub fn form_action(&self) -> &str {
        &self.form_action
    }
}

impl RedirectError {
    /// The answer; `error_id` joins what the developer sees with what the log says.
    pub fn reply(self, error_id: &str) -> Reply {
        let description = format!("{} (error ID: {error_id})", self.description);
        self.to.reply(vec![("error", self.code.as_str().to_owned()), ("error_description", description)])
    }

    /// The same place, another refusal: where something failed on the way to an answer.
    #[must_use]
    pub fn instead(self, code: ErrorCode, why: Why, description: &'static str) -> Self {
        self.to.refuse(code, why, description)
    }
}

impl Reply {
    /// The URL to redirect to, for [`ResponseMode::Query`] and [`ResponseMode::Fragment`]. Parameters of the same name in
    /// the registered URI give way, so that nobody can plant a `code` or `state` there; all else of the query stays.
    pub fn location(&self) -> String {
        let encoded = |fields: &mut url::form_urlencoded::Serializer<'_, String>| {
            for (name, value) in &self.fields {
                fields.append_pair(name, value);
            }
        };
        let mut serializer = url::form_urlencoded::Serializer::new(String::new());
        if self.mode == ResponseMode::Fragment {
            encoded(&mut serializer);
            return format!("{}#{}", self.redirect_uri, serializer.finish());
        }
        let (base, query) = self.redirect_uri.split_once('?').unwrap_or((&self.redirect_uri, ""));
        let ours = |pair: &str| {
            let name = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned());
            name.is_some_and(|name| self.fields.iter().any(|(field, _)| *field == name))
        };
        let kept: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !ours(pair)).collect();
        encoded(&mut serializer);
        let separator = if kept.is_empty() { "" } else { "&" };
        format!("{base}?{}{separator}{}", kept.join("&"), serializer.finish())
    }

    /// Whether the redirect URI can be put into a `Location` header and an `action` attribute: a URL that parses.
    pub fn is_deliverable(&self) -> bool {
        Url::parse(&self.redirect_uri).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(uri: &str, mode: ResponseMode) -> Reply {
        let to = ReplyTo {
            redirect_uri: uri.to_owned(),
            form_action: String::new(),
            mode,
            state: Some("s t".to_owned()),
            issuer: "https://id.example".to_owned(),
        };
        to.reply(vec![("code", "c".to_owned())])
    }

    fn check(uri: &str, mode: ResponseMode, expect: &str) {
        assert_eq!(reply(uri, mode).location(), expect);
    }

    #[test]
    fn query_and_fragment() {
        let answer = "code=c&state=s+t&iss=https%3A%2F%2Fid.example";
        check("https://a.example/cb", ResponseMode::Query, &format!("https://a.example/cb?{answer}"));
        check("https://a.example/cb?x=1", ResponseMode::Query, &format!("https://a.example/cb?x=1&{answer}"));
        check("https://a.example/cb?x=1", ResponseMode::Fragment, &format!("https://a.example/cb?x=1#{answer}"));
        check("com.example.app:/cb", ResponseMode::Query, &format!("com.example.app:/cb?{answer}"));
    }

    #[test]
    fn registered_parameters_of_our_names_give_way() {
        check(
            "https://a.example/cb?st%61te=evil&code=evil&x=1",
            ResponseMode::Query,
            "https://a.example/cb?x=1&code=c&state=s+t&iss=https%3A%2F%2Fid.example",
        );
    }

    #[test]
    fn t_p23_errors_carry_the_issuer() {
        let to = ReplyTo {
            redirect_uri: "https://a.example/cb".to_owned(),
            form_action: String::new(),
            mode: ResponseMode::Query,
            state: None,
            issuer: "https://id.example".to_owned(),
        };
        let reply = to.refuse(ErrorCode::AccessDenied, Why::ConsentDenied, "the person refused").reply("E1");
        assert!(reply.fields.contains(&("iss", "https://id.example".to_owned())));
        assert!(reply.fields.contains(&("error_description", "the person refused (error ID: E1)".to_owned())));
    }
}
