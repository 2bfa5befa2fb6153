//! RFC 6749 §6, RFC 9700 §4.14.2, OIDC Core §12: trade a refresh token for the next one, and for tokens of today.
//!
//! One refresh token of a family is good. Its use makes the next one; the one before answers with that same next one for a
//! few seconds, because an answer can be lost and tabs ask at once. In these seconds the next one makes no further one, so
//! that nobody who is honest holds anything older than the one before. What is older, or later, was stolen, or its thief
//! has used it: nobody can tell, so that the whole family ends, and no other one. Were what is older forgiven for those
//! seconds, a thief who refreshes within each would never be found out.

use crypto::{Secret, ServerKeys};

use super::{account_gone, invalid, missing, read_scope, refused, some_left, target};
use crate::account::Account;
use crate::audience;
use crate::catalog::Realm;
use crate::client::{Client, GrantType};
use crate::client_auth::Authenticated;
use crate::family;
use crate::form::Form;
use crate::issue::{Grant, Occasion};
use crate::permission::Permissions;
use crate::records::{FamilyRecord, Generation};
use crate::refresh_token::RefreshToken;
use crate::refusal::{Effect, ErrorCode, Refusal, Why};
use crate::scope::{ScopeSet, StandardScope};
use crate::time::Time;

/// What the client sent.
#[derive(Debug)]
pub struct Request {
    token: Secret<String>,
    scope: Option<ScopeSet>,
    resource: Option<String>,
}

/// What is to be done: rotate the family, where that is not done yet, and then issue.
#[derive(Debug)]
pub struct Plan<'c> {
    /// The generation to rotate; none: it was reached moments ago, and this answer names it again.
    pub rotate: Option<u32>,
    /// What follows from it.
    pub grant: Grant<'c>,
}

impl Request {
    pub(super) fn parse(form: &mut Form) -> Result<Self, Refusal> {
        let token = form.take("refresh_token").ok_or_else(|| missing("`refresh_token` is missing"))?;
        Ok(Self { token, scope: read_scope(form)?, resource: audience::resource(form).map_err(refused)? })
    }

    /// The token, if it was issued to this client.
    ///
    /// # Errors
    /// `invalid_grant`.
    pub fn open(&self, keys: &ServerKeys, realm: &Realm, caller: &Authenticated<'_>) -> Result<RefreshToken, Refusal> {
        RefreshToken::open(keys, realm, caller.client(), &self.token).ok_or_else(unknown)
    }
}

/// Decides on a refresh token that [`Request::open`] has read.
///
/// # Errors
/// `invalid_grant`, `invalid_scope`, `invalid_target` and their reasons; with an effect where the token was used before.
pub fn decide<'c>(
    realm: &'c Realm,
    caller: &Authenticated<'c>,
    ask: &Request,
    token: RefreshToken,
    family: Option<FamilyRecord>,
    now: Time,
) -> Result<Plan<'c>, Refusal> {
    let client = caller.client();
    let family = family.ok_or_else(unknown)?;
    let Good { current, ends: _, account, left } = good(realm, client, token, &family, now)?;
    let in_grace = now < current.reached_at.plus_secs(client.refresh_token.reuse_grace_seconds);
    // The first has no one before it that could still answer.
    let settling = in_grace && current.number > 0;
    let rotate = match current.number.saturating_sub(token.number) {
        0 | 1 if settling => None,
        0 => Some(current.number),
        _ => {
            let description = "the refresh token was used before; everything that was issued with it is revoked now";
            let effect = Effect::RevokeFamily(family.id);
            return Err(invalid(Why::RefreshTokenReplayed, description).with_effect(effect));
        }
    };
    let permissions = narrowed(ask.scope.as_ref(), &family.authorization.permissions, left)?;
    let target = target(realm, client, &family.authorization, &permissions, ask.resource.as_deref())?;
    let family = match rotate {
        None => family,
        Some(_) => family::rotate(client, family, current, now).ok_or_else(unknown)?,
    };
    Ok(Plan {
        rotate,
        grant: Grant {
            client,
            account,
            family,
            scope: permissions.scope(),
            target,
            occasion: Occasion::Refreshed,
            secret: caller.secret(),
        },
    })
}

/// What a refresh token speaks for, apart from which of its family it is.
#[derive(Debug)]
pub(crate) struct Good<'r> {
    /// The one that is good.
    pub(crate) current: Generation,
    /// When that ceases to be.
    pub(crate) ends: Time,
    /// The person.
    pub(crate) account: &'r Account,
    /// What was granted, as far as the application may still have it: its manifest or its policy may have changed.
    pub(crate) left: Permissions,
}

/// Judges the family of a token and those whom it speaks of.
///
/// # Errors
/// `invalid_grant`: it speaks for nobody.
pub(crate) fn good<'r>(
    realm: &'r Realm,
    client: &Client,
    token: RefreshToken,
    family: &FamilyRecord,
    now: Time,
) -> Result<Good<'r>, Refusal> {
    if family.revoked_at.is_some() {
        return Err(invalid(Why::FamilyRevoked, "the refresh token was revoked"));
    }
    let granted = &family.authorization;
    // The MAC says so already; a store that was put back from elsewhere may not.
    let same = family.id == token.family && granted.is_of(realm, client);
    let current = family.refresh.filter(|current| same && current.number >= token.number);
    let current = current.ok_or_else(unknown)?;
    let ends = family::refresh_ends(client, family.created_at, current);
    if ends <= now {
        return Err(invalid(Why::RefreshTokenExpired, "the refresh token has expired: the person must log in again"));
    }
    let account = granted.account(realm, client).ok_or_else(account_gone)?;
    let left = client.still(&granted.permissions);
    if !client.grant_types.contains(&GrantType::RefreshToken) || !left.has(StandardScope::OfflineAccess) {
        let description =
            "refresh_token or offline_access is not among the application's spec.grantTypes and spec.scopes any more";
        return Err(invalid(Why::ScopeNotAllowed, description));
    }
    Ok(Good { current, ends, account, left })
}

/// RFC 6749 §6: what was granted, or less. `left` is what the application may still have of it.
fn narrowed(asked: Option<&ScopeSet>, granted: &Permissions, left: Permissions) -> Result<Permissions, Refusal> {
    let refuse = |description| Err(Refusal::new(ErrorCode::InvalidScope, Why::ScopeNotAllowed, description));
    match asked {
        Some(asked) if !asked.is_subset(&granted.scope()) => {
            refuse("a scope that was asked for was not granted with this refresh token")
        }
        Some(asked) => some_left(left.filter(|permission| asked.contains(&permission.scope))),
        None => Ok(left),
    }
}

fn unknown() -> Refusal {
    invalid(Why::RefreshTokenUnknown, "the refresh token is unknown, expired or was issued to another client")
}

#[cfg(test)]
mod tests;
