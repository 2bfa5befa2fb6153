//! RFC 6749 §3.1.2.4, §4.1.2.1: an error that is shown to the person, because there is no verified place to send it to.

use askama::Template;

use super::Frame;

/// An error page.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage<'a> {
    pub(crate) frame: Frame<'a>,
    /// What happened, in a few words.
    pub(crate) title: &'a str,
    /// What to mend. Never holds what was sent.
    pub(crate) description: &'a str,
    /// What the person can do.
    pub(crate) advice: Option<&'a str>,
    /// The registered error code.
    pub(crate) code: &'a str,
    /// What the log calls this request.
    pub(crate) error_id: &'a str,
}

impl ErrorPage<'_> {
    /// The description as a sentence for people: error descriptions on the wire are fragments with literals in backquotes.
    fn sentence(&self) -> String {
        let mut characters = self.description.chars().filter(|character| *character != '`');
        let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
        let rest: String = characters.collect();
        let end = if rest.ends_with(['.', '!', '?']) { "" } else { "." };
        format!("{first}{rest}{end}")
    }
}
