//! RP-Initiated Logout §2: the page that asks whether somebody wants to log out, and the one that says what came of it.

use askama::Template;

use super::{ClientCard, Frame, Person};

/// The question.
#[derive(Debug, Template)]
#[template(path = "logout.html")]
pub(crate) struct LogoutPage<'a> {
    pub(crate) frame: Frame<'a>,
    /// The application that asked, if it says which it is.
    pub(crate) client: Option<ClientCard<'a>>,
    /// Who is logged in, if anybody is.
    pub(crate) person: Option<Person<'a>>,
    /// Where the form is posted.
    pub(crate) action: &'a str,
    /// The sealed request.
    pub(crate) handle: &'a str,
}

/// The end of a logout that leads to no application, or of one that the person did not want.
#[derive(Debug, Template)]
#[template(path = "left.html")]
pub(crate) struct LeftPage<'a> {
    pub(crate) frame: Frame<'a>,
    /// Whether nobody is logged in now.
    pub(crate) signed_out: bool,
}
