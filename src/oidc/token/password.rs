//! RFC 6749 §4.3: a person's name and password, handed over by an application that they trust with both. It sees no page of
//! ours, so that nobody is asked and nothing is remembered; where a second factor is due, it is refused.
//!
//! The request is judged before the password is looked at, and the person after it: who has no right password learns
//! nothing about the person.

use crypto::Secret;

use super::{invalid, missing, read_scope, refused};
use crate::account::Account;
use crate::audience::{self, Target};
use crate::catalog::Realm;
use crate::claims::ClaimsRequest;
use crate::client::{Client, GrantType, SecretAge};
use crate::client_auth::Authenticated;
use crate::family;
use crate::form::Form;
use crate::ids::FamilyId;
use crate::issue::{Grant, Occasion};
use crate::permission::Permissions;
use crate::records::Authorization;
use crate::refusal::{ErrorCode, Refusal, Why};
use crate::scope::{ScopeSet, StandardScope};
use crate::time::Time;

/// What the client sent.
#[derive(Debug)]
pub struct Request {
    username: String,
    password: Secret<String>,
    scope: Option<ScopeSet>,
    resource: Option<String>,
}

/// A request in which nothing but the password is open.
#[derive(Debug)]
pub struct Judged<'c> {
    realm: &'c Realm,
    client: &'c Client,
    permissions: Permissions,
    resource: Option<String>,
    target: Target<'c>,
    secret: Option<SecretAge>,
}

impl Request {
    pub(super) fn parse(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self {
            username: form.take_text("username").ok_or_else(|| missing("`username` is missing"))?,
            password: form.take("password").ok_or_else(|| missing("`password` is missing"))?,
            scope: read_scope(form)?,
            resource: audience::resource(form).map_err(refused)?,
        })
    }

    /// What is to be checked: name and password.
    pub fn credentials(&self) -> (&str, &Secret<String>) {
        (&self.username, &self.password)
    }

    /// Judges everything but the password.
    ///
    /// # Errors
    /// `unauthorized_client`, `invalid_scope`, `invalid_target`.
    pub fn judge<'c>(&self, realm: &'c Realm, caller: &Authenticated<'c>) -> Result<Judged<'c>, Refusal> {
        let client = caller.client();
        if client.is_public() {
            let description = "the password grant is for clients that authenticate: this one is public";
            return Err(Refusal::new(ErrorCode::UnauthorizedClient, Why::GrantTypeNotAllowed, description));
        }
        let asked = self.scope.clone().unwrap_or_default();
        let mut scope = audience::known(client, &asked).map_err(refused)?;
        if !client.grant_types.contains(&GrantType::RefreshToken) {
            let offline = StandardScope::OfflineAccess.as_str();
            scope = scope.filter(|token| token.as_str() != offline);
        }
        if scope.is_empty() {
            return Err(refused(audience::NOTHING_KNOWN));
        }
        let named = self.resource.as_deref();
        let permissions = client.permissions(&scope, named).map_err(refused)?;
        let target = audience::target(realm, client, &permissions, named).map_err(refused)?;
        Ok(Judged { realm, client, permissions, resource: self.resource.clone(), target, secret: caller.secret() })
    }
}

impl<'c> Judged<'c> {
    /// What follows once the password was right. `family` is a fresh ID for what will be issued; it is to be kept first.
    ///
    /// # Errors
    /// `invalid_grant`: the person may not use this application.
    pub fn grant(self, account: &'c Account, family: FamilyId, now: Time) -> Result<Grant<'c>, Refusal> {
        let Self { realm, client, permissions, resource, target, secret } = self;
        if !client.user_access.permits(&account.groups) {
            return Err(invalid(Why::NotPermitted, "this account may not use this application"));
        }
        let authorization = Authorization {
            issuer: realm.issuer.as_str().to_owned(),
            client: client.id.clone(),
            application_uid: client.uid.clone(),
            subject: account.subject.clone(),
            user_uid: account.uid.clone(),
            login_epoch: account.login_epoch,
            permissions: permissions.clone(),
            nonce: None,
            auth_time: now,
            auth_time_requested: client.require_auth_time,
            amr: vec!["pwd".to_owned()],
            acr: None,
            claims: ClaimsRequest::default(),
            session: None,
            resource,
        };
        let family = family::begin(client, family, authorization, now);
        let scope = permissions.scope();
        Ok(Grant { client, account, family, scope, target, occasion: Occasion::Granted, secret })
    }
}

/// What the client is told of a password that is not right, or of a name that nobody has.
pub fn wrong() -> Refusal {
    invalid(Why::PasswordWrong, "the user name or the password is wrong")
}

#[cfg(test)]
mod tests;
