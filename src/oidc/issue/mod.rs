//! RFC 6749 §5.1, OIDC Core §3.1.3.3, §3.2.2.5, §3.3.2.5: from what was granted to signed tokens.

use crypto::{Algorithm, ServerKeys, SignError};
use serde::Serialize;

use crate::account::Account;
use crate::audience::Target;
use crate::catalog::Realm;
use crate::client::{Client, ResponseType, SecretAge};
use crate::ids::{FamilyId, Uid};
use crate::records::{Authorization, FamilyRecord};
use crate::refresh_token::RefreshToken;
use crate::scope::{ScopeSet, StandardScope};
use crate::time::Time;

mod access_token;
mod id_token;

/// A token response. It has no `Debug`: it is nothing but secrets.
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
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

    /// Whether a refresh token is in it.
    pub fn has_refresh_token(&self) -> bool {
        self.refresh_token.is_some()
    }
}

/// Why a granted request could not be answered: always our own fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// No key of the algorithm that the application asks for.
    #[error("the issuer has no active key for {alg}", alg = _0.as_str())]
    NoKey(Algorithm),
    /// No key for pairwise subjects, where the application asks for them.
    #[error("the application has no sector key: its record is incomplete")]
    NoSectorKey,
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
pub(crate) struct Basis<'a> {
    /// For whom.
    pub(crate) client: &'a Client,
    /// About whom.
    pub(crate) account: &'a Account,
    /// What was granted.
    pub(crate) authorization: &'a Authorization,
    /// What of it these tokens are for.
    pub(crate) scope: &'a ScopeSet,
    /// What an access token is for; none where that is not said yet, and none is issued.
    pub(crate) target: Option<&'a Target<'a>>,
    /// What they belong to.
    pub(crate) family: FamilyId,
    /// Which client secret the client knows, where its id_token is signed with one.
    pub(crate) secret: SecretAge,
}

/// What the token endpoint grants about a person, whatever the grant type.
#[derive(Debug)]
pub struct Grant<'c> {
    /// For whom.
    pub client: &'c Client,
    /// About whom.
    pub account: &'c Account,
    /// The family as it is once the request has been carried out.
    pub family: FamilyRecord,
    /// What of it this answer is for.
    pub(crate) scope: ScopeSet,
    /// What its access token is for.
    pub(crate) target: Target<'c>,
    /// Why there are tokens now.
    pub(crate) occasion: Occasion,
    /// Which client secret the client has proved itself with, if any.
    pub(crate) secret: Option<SecretAge>,
}

/// Why there are tokens now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Somebody has just agreed to it.
    Granted,
    /// They agreed to it earlier.
    Refreshed,
}

/// Signs the tokens of a grant. `random` makes the access token's `jti` unique; it is fresh.
///
/// # Errors
/// No key, or no signature.
pub fn tokens(
    grant: &Grant<'_>,
    realm: &Realm,
    keys: &ServerKeys,
    now: Time,
    random: [u8; 16],
) -> Result<TokenResponse, IssueError> {
    let Grant { client, account, family, scope, target, occasion, secret } = grant;
    let authorization = &family.authorization;
    let secret = secret.unwrap_or(SecretAge::Newest);
    let basis = Basis { client, account, authorization, scope, target: Some(target), family: family.id, secret };
    let access_token = access_token::about(&basis, target, (realm, keys), now, random)?;
    let id_token = if scope.has(StandardScope::OpenId) {
        Some(id_token::sign(&basis, realm, now, id_token::With::TokenEndpoint(&access_token, *occasion))?)
    } else {
        None
    };
    let refresh_token = family.refresh.map(|generation| {
        let token = RefreshToken { family: family.id, number: generation.number };
        token.text(keys, realm, client).expose().clone()
    });
    Ok(TokenResponse {
        access_token,
        token_type: "Bearer",
        expires_in: target.lifetime_seconds,
        refresh_token,
        id_token,
        scope: target.scope.to_string(),
    })
}

/// RFC 6749 §4.4.3: the answer to a client that asks for itself. `random` makes the token's `jti` unique; it is fresh.
///
/// # Errors
/// No key, or no signature.
pub fn client_token(
    client: &Client,
    target: &Target<'_>,
    realm: &Realm,
    keys: &ServerKeys,
    now: Time,
    random: [u8; 16],
) -> Result<TokenResponse, IssueError> {
    Ok(TokenResponse {
        access_token: access_token::of_client(client, target, (realm, keys), now, random)?,
        token_type: "Bearer",
        expires_in: target.lifetime_seconds,
        refresh_token: None,
        id_token: None,
        scope: target.scope.to_string(),
    })
}

/// OIDC Core §3.2.2.5, §3.3.2.5: the response parameters of the tokens that a response type brings; never a refresh token.
///
/// # Errors
/// No key, or no signature.
pub(crate) fn from_authorization_endpoint(
    basis: &Basis<'_>,
    (realm, keys): (&Realm, &ServerKeys),
    response_type: ResponseType,
    code: Option<&str>,
    now: Time,
    random: [u8; 16],
) -> Result<Vec<(&'static str, String)>, IssueError> {
    let mut fields = Vec::new();
    let target = basis.target.filter(|_| response_type.has_token());
    let access_token =
        target.map(|target| access_token::about(basis, target, (realm, keys), now, random)).transpose()?;
    if let Some((target, access_token)) = target.zip(access_token.as_ref()) {
        fields.push(("access_token", access_token.clone()));
        fields.push(("token_type", "Bearer".to_owned()));
        fields.push(("expires_in", target.lifetime_seconds.to_string()));
        fields.push(("scope", target.scope.to_string()));
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

/// The `jti` of a client's own access token: `16 random bytes ‖ a hash of the client's UID`, so that one which is made again
/// under its name does not answer for the tokens of the one before.
pub(crate) fn client_jti(uid: &Uid, random: [u8; 16]) -> String {
    let mut bytes = [0; 24];
    let (head, tail) = bytes.split_at_mut(16);
    head.copy_from_slice(&random);
    tail.copy_from_slice(&uid_hash(uid));
    crypto::b64::encode(&bytes)
}

/// Whether a `jti` names this client.
pub(crate) fn is_of_client(jti: &str, uid: &Uid) -> bool {
    let bytes: Option<[u8; 24]> = crypto::b64::decode(jti).and_then(|bytes| bytes.try_into().ok());
    bytes.is_some_and(|bytes| bytes.ends_with(&uid_hash(uid)))
}

fn uid_hash(uid: &Uid) -> [u8; 8] {
    let mut short = [0; 8];
    short.iter_mut().zip(crypto::hash::sha256(uid.as_str().as_bytes())).for_each(|(to, from)| *to = from);
    short
}

/// The family that a `jti` names.
pub(crate) fn family_of(jti: &str) -> Option<FamilyId> {
    let bytes: [u8; 32] = crypto::b64::decode(jti)?.try_into().ok()?;
    let (family, _) = bytes.split_first_chunk::<16>()?;
    Some(FamilyId::new(uuid::Uuid::from_bytes(*family)))
}

/// Signs what is told to a client as it wants its id_tokens signed: with a key of the realm, or with the octets of the client
/// secret (OIDC Core §10.1): the one of this age, at this time.
///
/// # Errors
/// No key, or no signature.
pub(crate) fn sign_to<T: Serialize>(
    client: &Client,
    realm: &Realm,
    (age, now): (SecretAge, Time),
    typ: &str,
    claims: &T,
) -> Result<String, IssueError> {
    let algorithm = client.id_token.algorithm;
    let no_key = IssueError::NoKey(algorithm);
    if algorithm.is_asymmetric() {
        let key = realm.keys.signing(algorithm).ok_or(no_key)?;
        return Ok(crypto::jws::sign(key, typ, claims)?);
    }
    let secret = client.shared_secret(age, now).ok_or(no_key)?;
    Ok(crypto::jws::sign_with_secret(secret, typ, claims)?)
}

#[cfg(test)]
mod tests;
