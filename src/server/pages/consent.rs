//! OIDC Core §3.1.2.4: the page where a person agrees to what an application asks for.

use askama::Template;
use oidc::client::Client;
use oidc::permission::{Permission, Permissions};
use oidc::scope::StandardScope;

use super::{ClientCard, Frame, Person};

/// The consent page.
#[derive(Debug, Template)]
#[template(path = "consent.html")]
pub(crate) struct ConsentPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) client: ClientCard<'a>,
    pub(crate) person: Person<'a>,
    /// Where the form is posted.
    pub(crate) action: &'a str,
    /// The sealed request.
    pub(crate) handle: &'a str,
    scopes: Vec<ScopeItem<'a>>,
    policy_uri: Option<&'a str>,
    tos_uri: Option<&'a str>,
}

/// What is asked for.
#[derive(Debug)]
enum ScopeItem<'a> {
    /// A scope that this provider gives a meaning to.
    Words(&'static str),
    /// A scope of the application's own.
    Token(&'a str),
    /// A scope of an API, with the API's audience, and what its owner says of the scope.
    OfApi { token: &'a str, audience: &'a str, words: Option<&'a str> },
}

impl<'a> ConsentPage<'a> {
    /// The page on which this client asks this person for this.
    pub(crate) fn new(
        frame: Frame<'a>,
        client: &'a Client,
        person: Person<'a>,
        permissions: &'a Permissions,
        action: &'a str,
        handle: &'a str,
    ) -> Self {
        let known = StandardScope::ALL
            .iter()
            .filter(|known| permissions.has(**known))
            .map(|known| ScopeItem::Words(known.consent_text()));
        let own = permissions.iter().filter(|own| StandardScope::from_token(own.scope.as_str()).is_none());
        let own = own.map(|Permission { scope, audience }| {
            let token = scope.as_str();
            audience.as_deref().map_or(ScopeItem::Token(token), |audience| {
                let words = client.resource(audience).and_then(|resource| resource.scopes.get(scope)?.as_deref());
                ScopeItem::OfApi { token, audience, words }
            })
        });
        Self {
            frame,
            client: client.into(),
            person,
            action,
            handle,
            scopes: known.chain(own).collect(),
            policy_uri: client.policy_uri.as_deref().filter(|uri| is_https(uri)),
            tos_uri: client.tos_uri.as_deref().filter(|uri| is_https(uri)),
        }
    }
}

/// A link that runs nothing.
fn is_https(uri: &str) -> bool {
    url::Url::parse(uri).is_ok_and(|url| url.scheme() == "https")
}
