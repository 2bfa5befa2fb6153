//! RFC 7009: a client gives back what it was given. All that was issued with a token goes with it (§2.1).

use crate::access_token::AccessToken;
use crate::client_auth::Authenticated;
use crate::ids::FamilyId;
use crate::refusal::{ErrorCode, Refusal, Why};

/// What to revoke for a token that is ours and has not expired. Any other is revoked already, as far as anybody can tell
/// (RFC 7009 §2.2).
///
/// # Errors
/// The token is another client's.
pub fn decide(caller: &Authenticated<'_>, token: &AccessToken<'_>) -> Result<FamilyId, Refusal> {
    if token.client().uid == caller.client().uid {
        return Ok(token.family());
    }
    Err(Refusal::new(ErrorCode::UnauthorizedClient, Why::ClientMismatch, "the token was issued to another client"))
}
