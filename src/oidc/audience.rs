//! RFC 8707, RFC 9068 §3: where an access token is good, and for what. It has exactly one audience, so that an API which
//! is shown a token cannot take it to another one.

use std::collections::BTreeSet;

use crate::catalog::Realm;
use crate::client::{Client, DefaultAudience, ResourceAccess};
use crate::form::Form;
use crate::permission::{Permission, Permissions};
use crate::refusal::{ErrorCode, Why};
use crate::scope::{ScopeError, ScopeSet, ScopeToken, StandardScope};

/// What an access token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'c> {
    /// Its `aud`.
    pub(crate) audience: &'c str,
    /// Its scopes: at an API, those of that API alone.
    pub(crate) scope: ScopeSet,
    /// Its life in seconds.
    pub(crate) lifetime_seconds: i64,
    /// Whether userinfo takes it, if it has scope `openid`.
    pub(crate) is_for_userinfo: bool,
}

impl Target<'_> {
    /// Its `aud`.
    pub fn audience(&self) -> &str {
        self.audience
    }

    /// Its scopes.
    pub fn scope(&self) -> &ScopeSet {
        &self.scope
    }
}

/// Why there is no audience: code, reason, and what to mend.
pub(crate) type Untargeted = (ErrorCode, Why, &'static str);

const UNKNOWN: Untargeted =
    (ErrorCode::InvalidTarget, Why::ResourceUnknown, "`resource` names no API that this application may call");

/// The `resource` of a form.
///
/// # Errors
/// There is more than one: a token has one audience.
pub(crate) fn resource(form: &mut Form) -> Result<Option<String>, Untargeted> {
    if form.duplicates().contains("resource") {
        return Err(TWICE);
    }
    Ok(form.take_text("resource"))
}

/// A request may name one API.
pub(crate) const TWICE: Untargeted = (
    ErrorCode::InvalidTarget,
    Why::ResourceTwice,
    "`resource` was sent more than once: ask for one access token for each API",
);

/// Reads a `scope`.
///
/// # Errors
/// `invalid_scope`: it is none.
pub(crate) fn read_scope(text: &str) -> Result<ScopeSet, Untargeted> {
    ScopeSet::parse(text).map_err(|error| {
        let description = match error {
            ScopeError::Grammar => "`scope` must be scope names separated by single spaces",
            ScopeError::TooLong => "`scope` is too long",
        };
        (ErrorCode::InvalidScope, Why::ScopeMalformed, description)
    })
}

/// What of a scope is known here: what this server does not know is ignored (OIDC Core §3.1.2.1), what it knows and the
/// client may not have is refused.
///
/// # Errors
/// `invalid_scope`.
pub(crate) fn known(client: &Client, asked: &ScopeSet) -> Result<ScopeSet, Untargeted> {
    let allowed = client.allowed(asked);
    let known = asked.filter(|token| StandardScope::from_token(token.as_str()).is_some() || allowed.contains(token));
    if known.is_empty() {
        return Err(NOTHING_KNOWN);
    }
    if !known.is_subset(&allowed) {
        let description = "a scope that was asked for is not among the application's spec.scopes";
        return Err((ErrorCode::InvalidScope, Why::ScopeNotAllowed, description));
    }
    Ok(known)
}

/// Nothing is left that could be granted.
pub(crate) const NOTHING_KNOWN: Untargeted = (
    ErrorCode::InvalidScope,
    Why::ScopeMissing,
    "`scope` names nothing that this application can be granted here; send at least openid",
);

impl Client {
    /// The API of this audience, if the client may call it.
    pub fn resource(&self, audience: &str) -> Option<&ResourceAccess> {
        self.resources.iter().find(|resource| resource.audience == audience)
    }

    /// What the client may have of a scope: its own scopes, and those of the APIs that it may call.
    pub(crate) fn allowed(&self, scope: &ScopeSet) -> ScopeSet {
        scope.filter(|token| {
            self.scopes.contains(token) || self.resources.iter().any(|resource| resource.scopes.contains_key(token))
        })
    }
}

impl Client {
    /// What is asked for with these scopes: those of an API are of the one that is `named`, or else of the only one that has
    /// such a scope.
    ///
    /// # Errors
    /// `invalid_target`: two APIs that the client may call have a scope of that name.
    pub(crate) fn permissions(&self, scope: &ScopeSet, named: Option<&str>) -> Result<Permissions, Untargeted> {
        let permission = |token: &ScopeToken| {
            let mut having = self.resources.iter().filter(|resource| resource.scopes.contains_key(token));
            let audience = if StandardScope::from_token(token.as_str()).is_some() {
                None
            } else if let Some(named) = named.and_then(|named| having.clone().find(|at| at.audience == named)) {
                Some(named.audience.clone())
            } else {
                match (having.next(), having.next()) {
                    (None, _) => None,
                    (Some(resource), None) => Some(resource.audience.clone()),
                    (Some(_), Some(_)) => return Err(AMBIGUOUS),
                }
            };
            Ok(Permission { scope: token.clone(), audience })
        };
        scope.iter().map(permission).collect()
    }

    /// What of it the client may still have: its manifest, or an API's, may have changed since it was granted.
    pub(crate) fn still(&self, granted: &Permissions) -> Permissions {
        granted.filter(|Permission { scope, audience }| match audience {
            None => self.scopes.contains(scope),
            Some(audience) => self.resource(audience).is_some_and(|resource| resource.scopes.contains_key(scope)),
        })
    }
}

/// The audience of a token for what was `granted`: the API that was `named`; else the one API to which every scope belongs
/// that is not of OpenID Connect; else what the client has as its default.
///
/// # Errors
/// `invalid_target`, or `invalid_scope` where nothing of what was granted is of use at the API.
pub(crate) fn target<'c>(
    realm: &'c Realm,
    client: &'c Client,
    granted: &Permissions,
    named: Option<&str>,
) -> Result<Target<'c>, Untargeted> {
    let of_openid = |scope: &ScopeToken| StandardScope::from_token(scope.as_str()).is_some();
    let own = granted.iter().filter(|permission| !of_openid(&permission.scope));
    let places: BTreeSet<Option<&str>> = own.map(|permission| permission.audience.as_deref()).collect();
    let place = named.or_else(|| places.iter().copied().flatten().next());
    let Some(place) = place else {
        let audience = match client.access_token.default_audience {
            DefaultAudience::Issuer => realm.issuer.as_str(),
            DefaultAudience::ClientId => client.id.as_str(),
        };
        let lifetime_seconds = client.access_token.lifetime_seconds;
        return Ok(Target { audience, scope: granted.scope(), lifetime_seconds, is_for_userinfo: true });
    };
    if named.is_none() && places.len() > 1 {
        return Err(AMBIGUOUS);
    }
    let ResourceAccess { audience, scopes: _, lifetime_seconds } = client.resource(place).ok_or(UNKNOWN)?;
    let scope = granted.filter(|permission| permission.audience.as_deref() == Some(place)).scope();
    if scope.is_empty() {
        let description = "`scope` names none of the scopes that this application may have at the API of `resource`";
        return Err((ErrorCode::InvalidScope, Why::ScopeNotAllowed, description));
    }
    Ok(Target { audience, scope, lifetime_seconds: *lifetime_seconds, is_for_userinfo: false })
}

const AMBIGUOUS: Untargeted = (
    ErrorCode::InvalidTarget,
    Why::ResourceAmbiguous,
    "the scopes belong to more than one API: send `resource` with the audience of the one that is meant",
);

#[cfg(test)]
mod tests;
