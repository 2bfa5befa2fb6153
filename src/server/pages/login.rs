//! OIDC Core §3.1.2.3: the page where a person logs in.

use askama::Template;

use super::{ClientCard, Frame};

/// The login page.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    pub(crate) frame: Frame<'a>,
    /// The application that wants the login; none: the person wants to see their account.
    pub(crate) client: Option<ClientCard<'a>>,
    /// Where the form is posted.
    pub(crate) action: &'a str,
    /// The sealed request.
    pub(crate) handle: &'a str,
    /// What stands in the field: `login_hint`, or what was typed before.
    pub(crate) username: &'a str,
    pub(crate) problem: Option<LoginProblem>,
}

/// Characters of a username at the most, as the field says.
const MAX_USERNAME: usize = 256;

impl LoginPage<'_> {
    /// What comes back of it: nothing, unless it can be a name. A body full of quotes would be five times as long on the
    /// page, and stay in memory for as long as the other side does not read.
    fn echoed(&self) -> &str {
        if self.username.chars().nth(MAX_USERNAME).is_none() { self.username } else { "" }
    }
}

/// Why the page is shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginProblem {
    /// One of the two is wrong; which, nobody is told.
    Wrong,
    /// This address has tried too often.
    TooMany {
        /// When it is worth trying again.
        seconds: u64,
    },
    /// All hands are busy.
    Busy,
}

impl LoginProblem {
    fn text(&self) -> String {
        match self {
            Self::Wrong => "The username or password is not correct.".to_owned(),
            Self::TooMany { seconds: 1 } => "There were too many attempts. Try again in 1 second.".to_owned(),
            Self::TooMany { seconds } => format!("There were too many attempts. Try again in {seconds} seconds."),
            Self::Busy => "Too many people are signing in right now. Try again in a few seconds.".to_owned(),
        }
    }
}
