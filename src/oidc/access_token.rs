//! RFC 9068 §4: an access token of this issuer, read back. Where it is good for what is judged by whoever was shown it.

use crypto::{Algorithm, Audience, Expect, Expired, Secret, Unverified};
use serde::Deserialize;

use crate::account::Account;
use crate::catalog::Realm;
use crate::client::Client;
use crate::ids::FamilyId;
use crate::issue::family_of;
use crate::records::FamilyRecord;
use crate::refusal::Why;
use crate::scope::ScopeSet;
use crate::time::{CLOCK_TOLERANCE_SECONDS, Time};

/// An access token of this issuer that has not expired; made by [`read`] alone. Whether it was revoked is not known yet.
#[derive(Debug)]
pub struct AccessToken<'c> {
    client: &'c Client,
    family: FamilyId,
    scope: ScopeSet,
    claims: Claims,
}

/// What it says.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    pub(crate) aud: String,
    pub(crate) client_id: String,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    pub(crate) jti: String,
    pub(crate) scope: String,
}

/// Verifies a token: ours, of the right type, unexpired, for the issuer or a client itself.
///
/// # Errors
/// Why it is none.
pub fn read<'c>(realm: &'c Realm, token: &Secret<String>, now: Time) -> Result<AccessToken<'c>, Why> {
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
    let claims = verified.map_err(|_| Why::TokenInvalid)?.into_claims();
    let client = realm.client(&claims.client_id).ok_or(Why::ClientUnknown)?;
    if claims.aud != issuer && claims.aud != client.id.as_str() {
        return Err(Why::AudienceMismatch);
    }
    let family = family_of(&claims.jti).ok_or(Why::TokenInvalid)?;
    let scope = ScopeSet::parse(&claims.scope).map_err(|_| Why::TokenInvalid)?;
    Ok(AccessToken { client, family, scope, claims })
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

    /// Its scopes.
    pub(crate) fn scope(&self) -> &ScopeSet {
        &self.scope
    }

    /// What it says.
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The person whom it still speaks for.
    ///
    /// # Errors
    /// The family was revoked, or the person or the application is not what it was.
    pub(crate) fn account<'r>(&self, realm: &'r Realm, family: Option<&FamilyRecord>) -> Result<&'r Account, Why> {
        let family = family.filter(|family| family.id == self.family && family.revoked_at.is_none());
        let granted = &family.ok_or(Why::FamilyRevoked)?.authorization;
        let same = granted.issuer == realm.issuer.as_str()
            && granted.application_uid == self.client.uid
            && granted.client == self.client.id
            && granted.subject.as_str() == self.claims.sub;
        if !same {
            return Err(Why::ClientMismatch);
        }
        let account = realm.accounts.current(&granted.subject, &granted.user_uid);
        account.filter(|account| self.client.user_access.permits(&account.groups)).ok_or(Why::AccountGone)
    }
}
