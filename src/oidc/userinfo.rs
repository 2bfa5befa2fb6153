//! OIDC Core §5.3, RFC 6750: claims about the person who an access token was issued for.

use crypto::{Algorithm, Secret, ServerKeys};
use serde_json::{Map, Value};

use crate::access_token::{self, AccessToken, Holder};
use crate::catalog::Realm;
use crate::claims::{ClaimTarget, ClaimsRequest, release};
use crate::client::Client;
use crate::form::Form;
use crate::issue::IssueError;
use crate::records::FamilyRecord;
use crate::refusal::{ErrorCode, Refusal, Why};
use crate::scope::StandardScope;
use crate::time::Time;

/// Reads the bearer token from the header or the form body, never both (RFC 6750 §2).
///
/// # Errors
/// No token, two, or a header of another scheme.
pub fn bearer(authorization: Option<&str>, form: &mut Form) -> Result<Secret<String>, Refusal> {
    if form.duplicates().contains("access_token") {
        return Err(Refusal::duplicate("access_token"));
    }
    match (authorization, form.take("access_token")) {
        (Some(_), Some(_)) => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            Why::BearerTwice,
            "the request carries an access token in the Authorization header and in the form: use one",
        )),
        (Some(header), None) => match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Ok(Secret::new(token.trim_matches(' ').to_owned()))
            }
            Some(_) | None => Err(Refusal::new(
                ErrorCode::InvalidRequest,
                Why::BearerMalformed,
                "the Authorization header is not a bearer token",
            )),
        },
        (None, Some(token)) => Ok(token),
        (None, None) => {
            Err(Refusal::new(ErrorCode::InvalidToken, Why::BearerMissing, "the request carries no access token"))
        }
    }
}

/// Verifies an access token for this endpoint: for the issuer or the client itself, with scope `openid`.
///
/// # Errors
/// `invalid_token`, or `insufficient_scope`.
pub fn verify<'c>(
    realm: &'c Realm,
    keys: &ServerKeys,
    token: &Secret<String>,
    now: Time,
) -> Result<AccessToken<'c>, Refusal> {
    let token = access_token::read(realm, keys, token, now).map_err(|why| invalid(why, EXPIRED))?;
    if !token.is_for(realm) {
        return Err(invalid(Why::AudienceMismatch, "the access token was issued for another audience"));
    }
    if !token.scope().has(StandardScope::OpenId) {
        return Err(Refusal::new(
            ErrorCode::InsufficientScope,
            Why::ScopeMissing,
            "the access token lacks the scope openid",
        ));
    }
    Ok(token)
}

/// The userinfo response: `sub` and what the scopes ask for.
///
/// # Errors
/// `invalid_token` where the family was revoked or the person or application is not what it was.
pub fn decide(
    realm: &Realm,
    token: &AccessToken<'_>,
    family: Option<&FamilyRecord>,
) -> Result<Map<String, Value>, Refusal> {
    let account = match token.holder(realm, family) {
        Ok(Holder::Person(account)) => account,
        Ok(Holder::Client) => return Err(invalid(Why::TokenInvalid, "the access token speaks for no person")),
        Err(why) => return Err(invalid(why, EXPIRED)),
    };
    let subject = token.client().subject_of(account).ok_or_else(|| invalid(Why::SubjectMismatch, EXPIRED))?;
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), Value::String(subject.into_owned()));
    let none = ClaimsRequest::default();
    let asked = family.map_or(&none, |family| &family.authorization.claims);
    claims.extend(release(token.client(), account, token.scope(), asked, ClaimTarget::Userinfo));
    Ok(claims)
}

/// OIDC Core §5.3.2: the response as a JWT, for a client that wants it signed.
///
/// # Errors
/// No key, or no signature.
pub fn sign(
    realm: &Realm,
    client: &Client,
    algorithm: Algorithm,
    claims: Map<String, Value>,
) -> Result<String, IssueError> {
    let key = realm.keys.signing(algorithm).ok_or(IssueError::NoKey(algorithm))?;
    let mut claims = claims;
    claims.insert("iss".to_owned(), realm.issuer.as_str().into());
    claims.insert("aud".to_owned(), client.id.as_str().into());
    Ok(crypto::jws::sign(key, "JWT", &claims)?)
}

const EXPIRED: &str = "the access token is expired, revoked or not one of this issuer";

fn invalid(why: Why, description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidToken, why, description)
}

#[cfg(test)]
mod tests;
