//! RFC 9068 §4: an access token of this issuer, read back. Where it is good for what is judged by whoever was shown it.

use crypto::{Algorithm, Audience, Expect, Expired, Secret, ServerKeys, Unverified};
use serde::Deserialize;

use crate::account::Account;
use crate::catalog::Realm;
use crate::client::Client;
use crate::ids::FamilyId;
use crate::issue::{family_of, is_of_client};
use crate::records::FamilyRecord;
use crate::refusal::Why;
use crate::scope::ScopeSet;
use crate::time::{CLOCK_TOLERANCE_SECONDS, Time};

pub(crate) mod opaque;

/// An access token of this issuer that has not expired; made by [`read`] alone. Whether it was revoked is not known yet.
#[derive(Debug)]
pub struct AccessToken<'c> {
    client: &'c Client,
    /// None: it speaks for the client itself.
    family: Option<FamilyId>,
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
    #[serde(default)]
    pub(crate) scope: String,
}

impl Claims {
    /// See [`AccessToken::is_for`].
    fn is_for(&self, realm: &Realm, client: &Client) -> bool {
        self.aud == realm.issuer.as_str() || self.aud == client.id.as_str()
    }
}

/// Whom a token still speaks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holder<'r> {
    /// A person.
    Person(&'r Account),
    /// The client itself.
    Client,
}

/// Verifies a token: ours, of the right type, unexpired, and for an audience that its client may have.
///
/// # Errors
/// Why it is none.
pub fn read<'c>(
    realm: &'c Realm,
    keys: &ServerKeys,
    token: &Secret<String>,
    now: Time,
) -> Result<AccessToken<'c>, Why> {
    let claims = match opaque::open::<Claims>(keys, realm, token.expose()) {
        // The same rules of time as for a JWT.
        Some(claims) if claims.exp.saturating_add(CLOCK_TOLERANCE_SECONDS) > now.secs() => claims,
        Some(_) => return Err(Why::TokenInvalid),
        None => verified(realm, token, now)?,
    };
    let client = realm.client(&claims.client_id).ok_or(Why::ClientUnknown)?;
    if !claims.is_for(realm, client) && client.resource(&claims.aud).is_none() {
        return Err(Why::AudienceMismatch);
    }
    let family = family_of(&claims.jti);
    let of_client = claims.sub == client.id.as_str() && is_of_client(&claims.jti, &client.uid);
    if family.is_none() && !of_client {
        return Err(Why::TokenInvalid);
    }
    let scope = ScopeSet::parse(&claims.scope).map_err(|_| Why::TokenInvalid)?;
    Ok(AccessToken { client, family, scope, claims })
}

/// The claims of a JWT of ours.
fn verified(realm: &Realm, token: &Secret<String>, now: Time) -> Result<Claims, Why> {
    let expect = Expect {
        // An id_token is of type JWT too; it lacks `client_id` and `jti`, which an access token always has.
        typ: &["at+jwt", "JWT"],
        algorithms: &Algorithm::ASYMMETRIC,
        issuer: realm.issuer.as_str(),
        // Judged below: it depends on the client.
        audience: Audience::Accepted(&|_| true),
        now: now.secs(),
        leeway: CLOCK_TOLERANCE_SECONDS,
        expired: Expired::Refuse,
    };
    let verified = Unverified::parse(token.expose()).and_then(|token| token.verify::<Claims>(&realm.keys, &expect));
    Ok(verified.map_err(|_| Why::TokenInvalid)?.into_claims())
}

impl<'c> AccessToken<'c> {
    /// The client that it was issued to.
    pub fn client(&self) -> &'c Client {
        self.client
    }

    /// The family to look up, if it has one.
    pub fn family(&self) -> Option<FamilyId> {
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

    /// Whether it is for this issuer or its client itself, and not for an API.
    pub(crate) fn is_for(&self, realm: &Realm) -> bool {
        self.claims.is_for(realm, self.client)
    }

    /// Whom it still speaks for.
    ///
    /// # Errors
    /// The family was revoked, or the person or the application is not what it was.
    pub(crate) fn holder<'r>(&self, realm: &'r Realm, family: Option<&FamilyRecord>) -> Result<Holder<'r>, Why> {
        let Some(id) = self.family else { return Ok(Holder::Client) };
        let family = family.filter(|family| family.id == id && family.revoked_at.is_none());
        let granted = &family.ok_or(Why::FamilyRevoked)?.authorization;
        if !granted.is_of(realm, self.client) || granted.subject.as_str() != self.claims.sub {
            return Err(Why::ClientMismatch);
        }
        granted.account(realm, self.client).map(Holder::Person).ok_or(Why::AccountGone)
    }
}
