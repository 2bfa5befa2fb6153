//! OIDC Core §3.1.2.1, `prompt=select_account`: the page where a person says which account they mean.

use askama::Template;

use super::{ClientCard, Frame, Person};

/// The account chooser.
#[derive(Debug, Template)]
#[template(path = "select_account.html")]
pub(crate) struct SelectAccountPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) client: ClientCard<'a>,
    pub(crate) person: Person<'a>,
    /// Where the form is posted.
    pub(crate) action: &'a str,
    /// The sealed request.
    pub(crate) handle: &'a str,
}
