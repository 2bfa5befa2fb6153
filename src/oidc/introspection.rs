//! RFC 7662: what a token is worth right now. A client learns it of its own tokens; all others are not active, whatever
//! they are (§2.2), so that nobody finds out by asking.

use crypto::Secret;
use serde::Serialize;

use crate::access_token::AccessToken;
use crate::catalog::Realm;
use crate::client_auth::Authenticated;
use crate::form::Form;
use crate::records::FamilyRecord;
use crate::refusal::{ErrorCode, Refusal, Why};

/// The token that is asked about, or to be revoked. `token_type_hint` is not read: a token tells what it is.
///
/// # Errors
/// A parameter sent twice, or no token.
pub fn token(form: &mut Form) -> Result<Secret<String>, Refusal> {
    if let Some(name) = form.duplicates().iter().next() {
        return Err(Refusal::duplicate(name));
    }
    form.take("token")
        .ok_or_else(|| Refusal::new(ErrorCode::InvalidRequest, Why::ParameterMissing, "`token` is missing"))
}

/// Lets only those ask who prove who they are (RFC 7662 §2.1): a public client names itself, and so could anybody.
///
/// # Errors
/// `unauthorized_client`.
pub fn permit(caller: &Authenticated<'_>) -> Result<(), Refusal> {
    if caller.client().is_public() {
        return Err(Refusal::new(
            ErrorCode::UnauthorizedClient,
            Why::NotPermitted,
            "introspection is for clients that authenticate: this one is public",
        ));
    }
    Ok(())
}

/// The answer (RFC 7662 §2.2). Of a token that is not active nothing else is told.
#[derive(Debug, Serialize)]
pub struct Introspection<'a> {
    active: bool,
    #[serde(flatten)]
    token: Option<Description<'a>>,
}

#[derive(Debug, Serialize)]
struct Description<'a> {
    scope: &'a str,
    client_id: &'a str,
    username: &'a str,
    token_type: &'static str,
    exp: i64,
    iat: i64,
    sub: &'a str,
    aud: &'a str,
    iss: &'a str,
    jti: &'a str,
}

impl Introspection<'_> {
    /// Of a token that is not good, or somebody else's.
    pub const INACTIVE: Self = Self { active: false, token: None };
}

/// Judges a token that the caller has shown.
pub fn decide<'a>(
    realm: &'a Realm,
    caller: &Authenticated<'_>,
    token: &'a AccessToken<'_>,
    family: Option<&FamilyRecord>,
) -> Introspection<'a> {
    if token.client().uid != caller.client().uid {
        return Introspection::INACTIVE;
    }
    let Ok(account) = token.account(realm, family) else { return Introspection::INACTIVE };
    let claims = token.claims();
    let token = Description {
        scope: &claims.scope,
        client_id: &claims.client_id,
        username: account.username.as_str(),
        token_type: "Bearer",
        exp: claims.exp,
        iat: claims.iat,
        sub: &claims.sub,
        aud: &claims.aud,
        iss: realm.issuer.as_str(),
        jti: &claims.jti,
    };
    Introspection { active: true, token: Some(token) }
}
