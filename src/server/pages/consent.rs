//! OIDC Core §3.1.2.4: the page where a person agrees to what an application asks for.

use askama::Template;
use oidc::client::Client;
use oidc::permission::Permissions;

use super::scopes::{self, ScopeItem};
use super::{ClientCard, Frame, Person};

/// The consent page.
#[derive(Debug, Template)]
#[template(path = "consent.html")]
pub(crate) struct ConsentPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) client: ClientCard<'a>,
    pub(crate) person: Person<'a>,
    /// The person's own page.
    pub(crate) account: &'a str,
    /// Where the form is posted.
    pub(crate) action: &'a str,
    /// The sealed request.
    pub(crate) handle: &'a str,
    scopes: Vec<ScopeItem<'a>>,
    policy_uri: Option<&'a str>,
    tos_uri: Option<&'a str>,
}

impl<'a> ConsentPage<'a> {
    /// The page on which this client asks this person for this: with the paths of their own page, and of the form.
    pub(crate) fn new(
        frame: Frame<'a>,
        client: &'a Client,
        person: Person<'a>,
        permissions: &'a Permissions,
        (account, action): (&'a str, &'a str),
        handle: &'a str,
    ) -> Self {
        Self {
            frame,
            client: client.into(),
            person,
            account,
            action,
            handle,
            scopes: scopes::items(permissions, Some(client)),
            policy_uri: client.policy_uri.as_deref().filter(|uri| is_https(uri)),
            tos_uri: client.tos_uri.as_deref().filter(|uri| is_https(uri)),
        }
    }
}

/// A link that runs nothing.
fn is_https(uri: &str) -> bool {
    url::Url::parse(uri).is_ok_and(|url| url.scheme() == "https")
}
