//! RP-Initiated Logout §2, Front-Channel Logout §3: the page that asks whether somebody wants to log out, and the one that says what came of it.

use askama::Template;
use oidc::logout;

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

/// The end of a logout, told to the person and, by frames, to the applications.
#[derive(Debug, Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOutPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) frames: &'a [logout::Frame],
    /// Where the person goes on; none: nowhere.
    pub(crate) location: Option<&'a str>,
}

/// The end of a logout that the person did not want.
#[derive(Debug, Template)]
#[template(path = "stayed.html")]
pub(crate) struct StayedPage<'a> {
    pub(crate) frame: Frame<'a>,
}
