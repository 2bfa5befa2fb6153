//! RFC 6749 §4.4: a client asks for itself. Nobody is asked and nothing is kept, so that every scope has to be allowed
//! beforehand: by the client's manifest, and by the API's owner.

use super::{read_scope, refused};
use crate::audience::{self, Target};
use crate::catalog::Realm;
use crate::client::Client;
use crate::client_auth::Authenticated;
use crate::form::Form;
use crate::refusal::{ErrorCode, Refusal, Why};
use crate::scope::{ScopeSet, StandardScope};
use crate::time::Time;

/// What the client sent.
#[derive(Debug)]
pub struct Request {
    scope: Option<ScopeSet>,
    resource: Option<String>,
}

/// What is to be done: issue.
#[derive(Debug)]
pub struct Plan<'c> {
    /// The client.
    pub client: &'c Client,
    /// What the token is for.
    pub target: Target<'c>,
}

impl Request {
    pub(super) fn parse(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self { scope: read_scope(form)?, resource: audience::resource(form).map_err(refused)? })
    }
}

/// Decides. A request that names an API and no scope gets every scope that the client may have there (RFC 6749 §3.3).
///
/// # Errors
/// `unauthorized_client`, `invalid_scope`, `invalid_target`.
pub fn decide<'c>(realm: &'c Realm, caller: &Authenticated<'c>, ask: &Request, now: Time) -> Result<Plan<'c>, Refusal> {
    let client = caller.client();
    if client.is_public() {
        let description = "client_credentials is for clients that authenticate: this one is public";
        return Err(Refusal::new(ErrorCode::UnauthorizedClient, Why::GrantTypeNotAllowed, description));
    }
    let refuse = |description| Err(Refusal::new(ErrorCode::InvalidScope, Why::ScopeNotAllowed, description));
    let asked = match (&ask.scope, ask.resource.as_deref().and_then(|named| client.resource(named))) {
        (Some(scope), _) => scope.clone(),
        (None, Some(resource)) => resource.scopes.keys().cloned().collect(),
        (None, None) => ScopeSet::default(),
    };
    if asked.iter().any(|token| StandardScope::from_token(token.as_str()).is_some()) {
        return refuse("`scope` asks for something about a person: this grant speaks for the client itself");
    }
    if !asked.is_subset(&client.allowed(&asked)) {
        return refuse(
            "a scope that was asked for is not one that this client may have: see its resources and those APIs' allowedClients",
        );
    }
    let named = ask.resource.as_deref();
    let permissions = client.permissions(&asked, named).map_err(refused)?;
    let mut target = audience::target(realm, client, &permissions, named).map_err(refused)?;
    if let Some(end) = client.expires_at {
        // No API that verifies offline would learn that the client has ended before its token has.
        target.lifetime_seconds = target.lifetime_seconds.min(end.secs().saturating_sub(now.secs()));
    }
    if !asked.is_subset(&target.scope) {
        return refuse("a scope that was asked for is not one of the API of `resource`");
    }
    Ok(Plan { client, target })
}

#[cfg(test)]
mod tests;
