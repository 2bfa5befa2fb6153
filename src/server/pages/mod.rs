//! What people see: typed pages, one template each.
//!
//! Text reaches a page through its struct and is escaped by the template engine; nothing here builds HTML by hand. No
//! person's page needs a script, and none may run one, except the page that posts itself; that and the page in which applications
//! watch the login have one script each, a constant.

use askama::Template;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use oidc::account::Account;
use oidc::claims::StandardClaim;
use oidc::client::Client;

use crate::headers::{self, PagePolicy};
use crate::snapshot::Site;

mod account;
mod check_session;
mod consent;
mod error;
mod form_post;
mod login;
mod logout;
mod moment;
mod scopes;
mod select_account;
mod style;

pub(crate) use account::{AccountFacts, AccountPage};
pub(crate) use check_session::{CHECK_SESSION_SHA256, CheckSessionPage};
pub(crate) use consent::ConsentPage;
pub(crate) use error::ErrorPage;
pub(crate) use form_post::{FormPostPage, SCRIPT_SHA256};
pub(crate) use login::{LoginPage, LoginProblem};
pub(crate) use logout::{LogoutPage, SignedOutPage, StayedPage};
use moment::Moment;
pub(crate) use select_account::SelectAccountPage;
pub(crate) use style::Style;

/// What every page shows.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    /// The provider's display name.
    provider: &'a str,
    /// Its first letter.
    initial: char,
    /// Where its style sheet is.
    style: &'a str,
}

impl<'a> Frame<'a> {
    /// The frame of a site's pages.
    pub(crate) fn of(site: &'a Site) -> Self {
        Self::new(&site.realm.display_name, site.style.href())
    }

    fn new(provider: &'a str, style: &'a str) -> Self {
        let initial = provider.chars().find(|character| character.is_alphanumeric()).unwrap_or('•');
        Self { provider, initial, style }
    }
}

/// The application on a page. Its display name is its own claim; ID and namespace, which stand beside it, are not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientCard<'a> {
    name: &'a str,
    id: &'a str,
    namespace: &'a str,
}

impl<'a> From<&'a Client> for ClientCard<'a> {
    fn from(client: &'a Client) -> Self {
        Self { name: &client.display_name, id: client.id.as_str(), namespace: &client.namespace }
    }
}

/// The person on a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person<'a> {
    name: &'a str,
    username: &'a str,
}

impl<'a> From<&'a Account> for Person<'a> {
    fn from(account: &'a Account) -> Self {
        let username = account.username.as_str();
        let name = account.claims.get(&StandardClaim::Name).and_then(serde_json::Value::as_str).unwrap_or(username);
        Self { name, username }
    }
}

/// A page as an answer.
pub(crate) fn respond(status: StatusCode, page: &impl Template, policy: PagePolicy<'_>) -> Response {
    let Ok(html) = page.render() else {
        // Writing to a String does not fail, and no template calls what could.
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made");
    };
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    *response.headers_mut() = headers::page(policy);
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests;
