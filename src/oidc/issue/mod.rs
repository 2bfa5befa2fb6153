//! RFC 6749 §5.1, OIDC Core §3.1.3.3, §3.2.2.5, §3.3.2.5: from what was granted to signed tokens.

use crypto::{Algorithm, SignError};
use serde::Serialize;

use crate::account::Account;
use crate::catalog::Realm;
use crate::client::{Client, ResponseType};
use crate::ids::FamilyId;
use crate::records::{Authorization, FamilyRecord};
use crate::scope::StandardScope;
use crate::time::{CLOCK_TOLERANCE_SECONDS, Time};
use crate::token::authorization_code::Plan;

mod access_token;
mod id_token;

/// A token response. It has no `Debug`: it is nothing but secrets.
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
}

impl TokenResponse {
    /// Whether an id_token is in it.
    pub fn has_id_token(&self) -> bool {
        self.id_token.is_some()
    }
}

/// Why a granted request could not be answered: always our own fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// No key of the algorithm that the application asks for.
    #[error("the issuer has no active key for {alg}", alg = _0.as_str())]
    NoKey(Algorithm),
    /// The signature failed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl IssueError {
    /// What the client is told: nothing that it could mend.
    pub const DESCRIPTION: &str = "the server cannot sign tokens for this application right now";
}

/// What tokens are made from.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// For whom.
    pub client: &'a Client,
    /// About whom.
    pub account: &'a Account,
    /// What was granted.
    pub authorization: &'a Authorization,
    /// What they belong to.
    pub family: FamilyId,
}

impl Basis<'_> {
    /// The family of what is issued now.
    pub(crate) fn family(&self, now: Time) -> FamilyRecord {
        let longest = self.client.access_token.lifetime_seconds.max(self.client.id_token.lifetime_seconds);
        FamilyRecord {
            id: self.family,
            authorization: self.authorization.clone(),
            created_at: now,
            expires_at: now.plus_secs(longest.saturating_add(CLOCK_TOLERANCE_SECONDS)),
            revoked_at: None,
        }
    }
}

/// Signs the tokens of a plan. `random` makes the access token's `jti` unique; it is fresh.
///
/// # Errors
/// No key, or no signature.
pub fn tokens(plan: &Plan<'_>, realm: &Realm, now: Time, random: [u8; 16]) -> Result<TokenResponse, IssueError> {
    let basis = Basis {
        client: plan.client,
        account: plan.account,
        authorization: &plan.family.authorization,
        family: plan.family.id,
    };
    let access_token = access_token::sign(&basis, realm, now, random)?;
    let scope = &basis.authorization.scope;
    let id_token = if scope.has(StandardScope::OpenId) {
        Some(id_token::sign(&basis, realm, now, id_token::With::TokenEndpoint(&access_token))?)
    } else {
        None
    };
    Ok(TokenResponse {
        access_token,
        token_type: "Bearer",
        expires_in: plan.client.access_token.lifetime_seconds,
        id_token,
        scope: scope.to_string(),
    })
}

/// OIDC Core §3.2.2.5, §3.3.2.5: the response parameters of the tokens that a response type brings; never a refresh token.
///
/// # Errors
/// No key, or no signature.
pub(crate) fn from_authorization_endpoint(
    basis: &Basis<'_>,
    realm: &Realm,
    response_type: ResponseType,
    code: Option<&str>,
    now: Time,
    random: [u8; 16],
) -> Result<Vec<(&'static str, String)>, IssueError> {
    let mut fields = Vec::new();
    let access_token =
        if response_type.has_token() { Some(access_token::sign(basis, realm, now, random)?) } else { None };
    if let Some(access_token) = &access_token {
        fields.push(("access_token", access_token.clone()));
        fields.push(("token_type", "Bearer".to_owned()));
        fields.push(("expires_in", basis.client.access_token.lifetime_seconds.to_string()));
        fields.push(("scope", basis.authorization.scope.to_string()));
    }
    if response_type.has_id_token() {
        let with = id_token::With::AuthorizationEndpoint { access_token: access_token.as_deref(), code };
        fields.push(("id_token", id_token::sign(basis, realm, now, with)?));
    }
    Ok(fields)
}

/// The `jti` of a user's access token: `family ‖ 16 random bytes`, so that its family is found without a table.
pub(crate) fn jti(family: FamilyId, random: [u8; 16]) -> String {
    let mut bytes = [0; 32];
    let (head, tail) = bytes.split_at_mut(16);
    head.copy_from_slice(family.uuid().as_bytes());
    tail.copy_from_slice(&random);
    crypto::b64::encode(&bytes)
}

/// The family that a `jti` names.
pub(crate) fn family_of(jti: &str) -> Option<FamilyId> {
    let bytes: [u8; 32] = crypto::b64::decode(jti)?.try_into().ok()?;
    let (family, _) = bytes.split_first_chunk::<16>()?;
    Some(FamilyId::new(uuid::Uuid::from_bytes(*family)))
}

#[cfg(test)]
mod tests;
