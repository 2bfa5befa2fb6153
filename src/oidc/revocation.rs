//! RFC 7009: a client gives back what it was given. All that was issued with a token goes with it (§2.1).

use crate::client_auth::Authenticated;
use crate::ids::FamilyId;
use crate::introspection::Shown;
use crate::refusal::{ErrorCode, Refusal, Why};

/// What to revoke for a token that is ours and has not expired. Any other is revoked already, as far as anybody can tell
/// (RFC 7009 §2.2).
///
/// # Errors
/// The token is another client's.
pub fn decide(caller: &Authenticated<'_>, shown: &Shown<'_>) -> Result<FamilyId, Refusal> {
    match shown {
        Shown::Access(token) if token.client().uid != caller.client().uid => Err(Refusal::new(
            ErrorCode::UnauthorizedClient,
            Why::ClientMismatch,
            "the token was issued to another client",
        )),
        Shown::Access(_) | Shown::Refresh(_) => shown.family().ok_or_else(|| {
            Refusal::new(
                ErrorCode::UnsupportedTokenType,
                Why::TokenUnrevocable,
                "a token of client_credentials cannot be revoked: it ends by itself, or with its client",
            )
        }),
    }
}
