//! OIDC Core §5.3, RFC 6750: claims about the person who an access token was issued for.

use crypto::{Algorithm, Audience, Expect, Expired, Secret, Unverified};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::catalog::Realm;
use crate::claims::{ClaimTarget, release};
use crate::client::Client;
use crate::form::Form;
use crate::ids::FamilyId;
use crate::issue::family_of;
use crate::records::FamilyRecord;
use crate::refusal::{ErrorCode, Refusal, Why};
use crate::scope::{ScopeSet, StandardScope};
use crate::time::{CLOCK_TOLERANCE_SECONDS, Time};

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

/// An access token of this issuer for this endpoint; made by [`verify`] alone.
#[derive(Debug)]
pub struct AccessToken<'c> {
    client: &'c Client,
    subject: String,
    family: FamilyId,
    scope: ScopeSet,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    client_id: String,
    jti: String,
    scope: String,
}

/// Verifies an access token: ours, of the right type, unexpired, for the issuer or the client itself, with scope `openid`.
///
/// # Errors
/// `invalid_token`, or `insufficient_scope`.
pub fn verify<'c>(realm: &'c Realm, token: &Secret<String>, now: Time) -> Result<AccessToken<'c>, Refusal> {
    let issuer = realm.issuer.as_str();
    let ours = |audience: &str| audience == issuer || realm.client(audience).is_some();
    let expect = Expect {
        // An id_token is of type JWT too; it lacks `client_id`, `jti` and `scope`, which an access token always has.
        typ: &["at+jwt", "JWT"],
        algorithms: &Algorithm::ASYMMETRIC,
        issuer,
        audience: Audience::Accepted(&ours),
        now: now.secs(),
        leeway: CLOCK_TOLERANCE_SECONDS,
        expired: Expired::Refuse,
    };
    let verified = Unverified::parse(token.expose()).and_then(|token| token.verify::<Claims>(&realm.keys, &expect));
    let claims = verified.map_err(|_| invalid(Why::TokenInvalid, EXPIRED))?.into_claims();
    let client = realm.client(&claims.client_id).ok_or_else(|| invalid(Why::ClientUnknown, EXPIRED))?;
    if claims.aud != issuer && claims.aud != client.id.as_str() {
        return Err(invalid(Why::AudienceMismatch, "the access token was issued for another audience"));
    }
    let family = family_of(&claims.jti).ok_or_else(|| invalid(Why::TokenInvalid, EXPIRED))?;
    let scope = ScopeSet::parse(&claims.scope).map_err(|_| invalid(Why::TokenInvalid, EXPIRED))?;
    if !scope.has(StandardScope::OpenId) {
        return Err(Refusal::new(
            ErrorCode::InsufficientScope,
            Why::ScopeMissing,
            "the access token lacks the scope openid",
        ));
    }
    Ok(AccessToken { client, subject: claims.sub, family, scope })
}

impl<'c> AccessToken<'c> {
    /// The client that it was issued to.
    pub fn client(&self) -> &'c Client {
        self.client
    }

    /// The family to look up.
    pub fn family(&self) -> FamilyId {
        self.family
    }
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
    let family = family
        .filter(|family| family.id == token.family && family.revoked_at.is_none())
        .ok_or_else(|| invalid(Why::FamilyRevoked, EXPIRED))?;
    let granted = &family.authorization;
    let same = granted.issuer == realm.issuer.as_str()
        && granted.application_uid == token.client.uid
        && granted.client == token.client.id
        && granted.subject.as_str() == token.subject;
    if !same {
        return Err(invalid(Why::ClientMismatch, EXPIRED));
    }
    let account = realm
        .accounts
        .current(&granted.subject, &granted.user_uid)
        .filter(|account| token.client.user_access.permits(&account.groups))
        .ok_or_else(|| invalid(Why::AccountGone, EXPIRED))?;
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), Value::String(account.subject.as_str().to_owned()));
    claims.extend(release(token.client, account, &token.scope, ClaimTarget::Userinfo));
    Ok(claims)
}

const EXPIRED: &str = "the access token is expired, revoked or not one of this issuer";

fn invalid(why: Why, description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidToken, why, description)
}

#[cfg(test)]
mod tests;
