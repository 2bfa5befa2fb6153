//! RFC 9700 §4.14: how long a family of tokens lives, which of its refresh tokens is good, and whether what was granted
//! still speaks for anybody.
//!
//! ```text
//! begin ──▶ 0 ──rotate──▶ 1 ──rotate──▶ 2 … until the last token's life ends, or the family's longest
//! ```

use crate::account::Account;
use crate::catalog::Realm;
use crate::client::{Client, GrantType};
use crate::ids::FamilyId;
use crate::records::{Authorization, CodeRecord, FamilyRecord, Generation};
use crate::scope::StandardScope;
use crate::time::{CLOCK_TOLERANCE_SECONDS, Time};

impl Authorization {
    /// Whether it was granted here, and to this client: to the same object of that name.
    pub(crate) fn is_of(&self, realm: &Realm, client: &Client) -> bool {
        self.issuer == realm.issuer.as_str() && self.client == client.id && self.application_uid == client.uid
    }

    /// The person, as long as they are there and may use the client.
    pub(crate) fn account<'r>(&self, realm: &'r Realm, client: &Client) -> Option<&'r Account> {
        let account = realm.accounts.current(&self.subject, &self.user_uid, self.login_epoch);
        account.filter(|account| client.user_access.permits(&account.groups))
    }
}

/// A family whose first tokens are issued now; with a refresh token where that was granted and the client may have one.
pub(crate) fn begin(client: &Client, id: FamilyId, authorization: Authorization, now: Time) -> FamilyRecord {
    let may = client.grant_types.contains(&GrantType::RefreshToken);
    let refresh = (may && authorization.permissions.has(StandardScope::OfflineAccess))
        .then_some(Generation { number: 0, reached_at: now });
    let family = FamilyRecord { refresh, ..begin_without_refresh(client, id, authorization, now) };
    FamilyRecord { expires_at: ends(client, &family), ..family }
}

/// A family of what came from the authorization endpoint: never a refresh token (RFC 6749 §4.2.2). It is kept for as long
/// as the code beside it is good, or a family that was revoked and forgotten would begin anew with the code.
pub(crate) fn begin_beside(
    code: Option<&CodeRecord>,
    client: &Client,
    id: FamilyId,
    authorization: Authorization,
    now: Time,
) -> FamilyRecord {
    let family = begin_without_refresh(client, id, authorization, now);
    let code_ends = code.map_or(now, |code| code.expires_at.plus_secs(CLOCK_TOLERANCE_SECONDS));
    FamilyRecord { expires_at: family.expires_at.max(code_ends), ..family }
}

fn begin_without_refresh(client: &Client, id: FamilyId, authorization: Authorization, now: Time) -> FamilyRecord {
    FamilyRecord {
        id,
        authorization,
        created_at: now,
        expires_at: tokens_end(client, now),
        refresh: None,
        revoked_at: None,
    }
}

/// The family once its refresh token has been used; `None` where numbers have run out.
pub(crate) fn rotate(client: &Client, family: FamilyRecord, used: Generation, now: Time) -> Option<FamilyRecord> {
    let refresh = Some(Generation { number: used.number.checked_add(1)?, reached_at: now });
    let family = FamilyRecord { refresh, ..family };
    Some(FamilyRecord { expires_at: family.expires_at.max(ends(client, &family)), ..family })
}

/// When a refresh token ceases to be good. The client's settings of today count, so that a shorter life takes effect at
/// once.
pub(crate) fn refresh_ends(client: &Client, created_at: Time, generation: Generation) -> Time {
    let settings = &client.refresh_token;
    let slides = generation.reached_at.plus_secs(settings.lifetime_seconds);
    slides.min(created_at.plus_secs(settings.max_lifetime_seconds))
}

fn ends(client: &Client, family: &FamilyRecord) -> Time {
    match family.refresh {
        None => tokens_end(client, family.created_at),
        Some(generation) => {
            // The last tokens are issued when the grace of this refresh token ends.
            let last = generation.reached_at.plus_secs(client.refresh_token.reuse_grace_seconds);
            tokens_end(client, last).max(refresh_ends(client, family.created_at, generation))
        }
    }
}

/// When the last of the tokens that are issued now has expired, everywhere.
fn tokens_end(client: &Client, now: Time) -> Time {
    let own = client.access_token.lifetime_seconds.max(client.id_token.lifetime_seconds);
    let longest = client.resources.iter().map(|resource| resource.lifetime_seconds).fold(own, i64::max);
    now.plus_secs(longest.saturating_add(CLOCK_TOLERANCE_SECONDS))
}
