//! RFC 7009: a client gives back what it was given. All that was issued with a token goes with it (§2.1).

use crypto::{Secret, ServerKeys};

use crate::access_token::{self, Issued};
use crate::catalog::Realm;
use crate::client_auth::Authenticated;
use crate::ids::FamilyId;
use crate::refresh_token::RefreshToken;
use crate::refusal::{ErrorCode, Refusal, Why};
use crate::time::Time;

/// What to revoke for a token; none for what is no token of ours, which is revoked already as far as anybody can tell
/// (RFC 7009 §2.2). An access token that has expired, or that the client could not have any more, still names a family
/// whose refresh token is good: who gives it back, as at a logout, means that too.
///
/// # Errors
/// The token is another client's, or one that nothing but time ends.
pub fn decide(
    realm: &Realm,
    keys: &ServerKeys,
    caller: &Authenticated<'_>,
    text: &Secret<String>,
    now: Time,
) -> Result<Option<FamilyId>, Refusal> {
    if let Some(token) = RefreshToken::open(keys, realm, caller.client(), text) {
        return Ok(Some(token.family()));
    }
    let Ok(Issued { client, family, claims }) = access_token::issued(realm, keys, text, now) else { return Ok(None) };
    if client.uid != caller.client().uid {
        return Err(Refusal::new(
            ErrorCode::UnauthorizedClient,
            Why::ClientMismatch,
            "the token was issued to another client",
        ));
    }
    if family.is_none() && !claims.has_expired(now) {
        return Err(Refusal::new(
            ErrorCode::UnsupportedTokenType,
            Why::TokenUnrevocable,
            "a token of client_credentials cannot be revoked: it ends by itself, or with its client",
        ));
    }
    Ok(family)
}
