//! RFC 6749 §3.2: the token endpoint. One file per grant, each of the same parts: request, facts, decision.

use crate::audience::{self, Target, Untargeted};
use crate::catalog::Realm;
use crate::client::{Client, GrantType};
use crate::client_auth::Authenticated;
use crate::form::Form;
use crate::permission::Permissions;
use crate::records::Authorization;
use crate::refusal::{ErrorCode, Refusal, Why};
use crate::scope::ScopeSet;

pub mod authorization_code;
pub mod client_credentials;
pub mod password;
pub mod refresh_token;

/// A token request, parsed.
#[derive(Debug)]
pub enum Request {
    /// RFC 6749 §4.1.3.
    AuthorizationCode(authorization_code::Request),
    /// RFC 6749 §6.
    RefreshToken(refresh_token::Request),
    /// RFC 6749 §4.4.
    ClientCredentials(client_credentials::Request),
    /// RFC 6749 §4.3.
    Password(password::Request),
}

impl Request {
    /// Reads the grant and its parameters. Parameters that no grant knows are ignored (RFC 6749 §3.2).
    ///
    /// # Errors
    /// A parameter sent twice, no grant type, one that is not spoken here, or one that lacks its parameters.
    pub fn parse(form: &mut Form) -> Result<Self, Refusal> {
        // RFC 8707 §2 lets a client name several resources.
        if let Some(name) = form.duplicates().iter().find(|name| *name != "resource") {
            return Err(Refusal::duplicate(name));
        }
        let sent = form.take_text("grant_type").ok_or_else(|| missing("`grant_type` is missing"))?;
        match GrantType::from_wire(&sent) {
            Some(GrantType::AuthorizationCode) => authorization_code::Request::parse(form).map(Self::AuthorizationCode),
            Some(GrantType::RefreshToken) => refresh_token::Request::parse(form).map(Self::RefreshToken),
            Some(GrantType::ClientCredentials) => client_credentials::Request::parse(form).map(Self::ClientCredentials),
            Some(GrantType::Password) => password::Request::parse(form).map(Self::Password),
            // Implicit is no type of a token request.
            Some(GrantType::Implicit) | None => Err(Refusal::new(
                ErrorCode::UnsupportedGrantType,
                Why::GrantTypeUnknown,
                "this `grant_type` is not supported here; the discovery document lists those that are",
            )),
        }
    }

    /// The grant type.
    pub fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode(_) => GrantType::AuthorizationCode,
            Self::RefreshToken(_) => GrantType::RefreshToken,
            Self::ClientCredentials(_) => GrantType::ClientCredentials,
            Self::Password(_) => GrantType::Password,
        }
    }

    /// Refuses a grant that the application does not have.
    ///
    /// # Errors
    /// `unauthorized_client`.
    pub fn permit(&self, client: &Authenticated<'_>) -> Result<(), Refusal> {
        if client.client().grant_types.contains(&self.grant_type()) {
            return Ok(());
        }
        Err(Refusal::new(
            ErrorCode::UnauthorizedClient,
            Why::GrantTypeNotAllowed,
            "this `grant_type` is not among the application's spec.grantTypes",
        ))
    }
}

fn account_gone() -> Refusal {
    invalid(Why::AccountGone, "the person who logged in may not use this application any more")
}

fn invalid(why: Why, description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidGrant, why, description)
}

/// What was granted, if the application may still have any of it.
fn some_left(permissions: Permissions) -> Result<Permissions, Refusal> {
    if permissions.is_empty() {
        let description = "nothing of what was granted is among the application's spec.scopes any more";
        return Err(Refusal::new(ErrorCode::InvalidScope, Why::ScopeNotAllowed, description));
    }
    Ok(permissions)
}

/// What the access token of a grant is for. A request that named an API before is bound to it.
fn target<'c>(
    realm: &'c Realm,
    client: &'c Client,
    authorization: &Authorization,
    permissions: &Permissions,
    named: Option<&str>,
) -> Result<Target<'c>, Refusal> {
    let named = match (named, authorization.resource.as_deref()) {
        (Some(now), Some(before)) if now != before => {
            let description = "`resource` differs from the one of the authorization request";
            return Err(Refusal::new(ErrorCode::InvalidTarget, Why::ResourceUnknown, description));
        }
        (now, before) => now.or(before),
    };
    audience::target(realm, client, permissions, named).map_err(refused)
}

/// The scope of a token request.
fn read_scope(form: &mut Form) -> Result<Option<ScopeSet>, Refusal> {
    let scope = form.take_text("scope").map(|text| audience::read_scope(&text)).transpose().map_err(refused)?;
    Ok(scope.filter(|scope| !scope.is_empty()))
}

fn refused((code, why, description): Untargeted) -> Refusal {
    Refusal::new(code, why, description)
}

fn missing(description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, Why::ParameterMissing, description)
}
