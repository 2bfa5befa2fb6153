//! OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode, RFC 9207: how an authorization response travels.

use std::fmt;

use crate::client::ResponseMode;
use crate::refusal::{ErrorCode, Why};
use crate::uri::with_query;

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

/// An authorization response, success or error, ready to be rendered. Its `Debug` names the parameters without their
/// values: codes and tokens are among them.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// How it travels.
    pub mode: ResponseMode,
    /// The redirect URI as the request named it, without parameters that could pass for an answer.
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

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, redirect_uri, form_action: _, fields } = self;
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Reply").field("mode", mode).field("redirect_uri", redirect_uri).field("fields", &names).finish()
    }
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
        Reply { mode, redirect_uri: without_answers(&redirect_uri), form_action, fields }
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
}

impl Reply {
    /// The URL to redirect to, for [`ResponseMode::Query`] and [`ResponseMode::Fragment`].
    pub fn location(&self) -> String {
        let fields = self.fields.iter().map(|(name, value)| (*name, value));
        match self.mode {
            ResponseMode::Query | ResponseMode::FormPost => with_query(&self.redirect_uri, fields),
            ResponseMode::Fragment => {
                let fields = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                format!("{}#{fields}", self.redirect_uri)
            }
        }
    }
}

/// Names that an answer may carry: in a registered URI they could plant what this server did not say.
const ANSWERS: &[&str] =
    &["access_token", "code", "error", "error_description", "id_token", "iss", "session_state", "state"];

/// A redirect URI without parameters of these names; all else of its query stays as it is.
fn without_answers(redirect_uri: &str) -> String {
    let Some((base, query)) = redirect_uri.split_once('?') else { return redirect_uri.to_owned() };
    let plants = |pair: &&str| {
        let name = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned());
        name.is_some_and(|name| ANSWERS.contains(&name.as_str()))
    };
    if !query.split('&').any(|pair| plants(&pair)) {
        return redirect_uri.to_owned();
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !plants(pair)).collect();
    if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
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
    fn registered_parameters_that_could_pass_for_an_answer_give_way() {
        check(
            "https://a.example/cb?st%61te=evil&error=evil&x=1",
            ResponseMode::Query,
            "https://a.example/cb?x=1&code=c&state=s+t&iss=https%3A%2F%2Fid.example",
        );
        check(
            "https://a.example/cb?code=evil",
            ResponseMode::Fragment,
            "https://a.example/cb#code=c&state=s+t&iss=https%3A%2F%2Fid.example",
        );
        assert_eq!(
            reply("https://a.example/cb?iss=evil&y", ResponseMode::FormPost).redirect_uri,
            "https://a.example/cb?y"
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
