//! RFC 6749 §3.3: what an application may have, in words: the same where it is asked for and where it can be withdrawn.

use oidc::client::Client;
use oidc::permission::{Permission, Permissions};
use oidc::scope::StandardScope;

/// One thing that an application may have; `scope.html` says it.
#[derive(Debug)]
pub(super) enum ScopeItem<'a> {
    /// A scope that this provider gives a meaning to.
    Words(&'static str),
    /// A scope of the application's own.
    Token(&'a str),
    /// A scope of an API, with the API's audience, and what its owner says of the scope.
    OfApi { token: &'a str, audience: &'a str, words: Option<&'a str> },
}

/// All of them, those with a meaning first and in the order of the table. The client knows what the owners of its APIs say
/// of their scopes.
pub(super) fn items<'a>(permissions: &'a Permissions, client: Option<&'a Client>) -> Vec<ScopeItem<'a>> {
    let known = StandardScope::ALL
        .iter()
        .filter(|known| permissions.has(**known))
        .map(|known| ScopeItem::Words(known.consent_text()));
    let own = permissions
        .iter()
        .filter(|own| own.audience.is_some() || StandardScope::from_token(own.scope.as_str()).is_none());
    let own = own.map(|Permission { scope, audience }| {
        let token = scope.as_str();
        audience.as_deref().map_or(ScopeItem::Token(token), |audience| {
            let resource = client.and_then(|client| client.resource(audience));
            let words = resource.and_then(|resource| resource.scopes.get(scope)?.as_deref());
            ScopeItem::OfApi { token, audience, words }
        })
    });
    known.chain(own).collect()
}
