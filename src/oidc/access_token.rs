//! RFC 9068 §4: an access token of this issuer, read back. Where it is good for what is judged by whoever was shown it.

use crypto::{Algorithm, Audience, Expect, Expired, Secret, ServerKeys, Unverified};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

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

/// An access token that is good as far as can be told without looking anything up; made by [`read`] alone. Whether it was
/// revoked is not known yet.
#[derive(Debug)]
pub struct AccessToken<'c> {
    issued: Issued<'c>,
    scope: ScopeSet,
}

/// A token that this issuer made for a client that is still there, whatever it is worth by now; made by [`issued`] alone.
#[derive(Debug)]
pub(crate) struct Issued<'c> {
    pub(crate) client: &'c Client,
    /// None: it speaks for the client itself.
    pub(crate) family: Option<FamilyId>,
    pub(crate) claims: Claims,
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
    /// Judged with the signature.
    #[serde(rename = "iss", default)]
    _issuer: IgnoredAny,
    /// What the application has added.
    #[serde(flatten)]
    pub(crate) extra: Map<String, Value>,
}

impl Claims {
    /// Whether its time has passed.
    pub(crate) fn has_expired(&self, now: Time) -> bool {
        self.exp.saturating_add(CLOCK_TOLERANCE_SECONDS) <= now.secs()
    }

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

/// Verifies a token: ours, of the right type, unexpired, of a client that has not ended, and for an audience and scopes that
/// the client may still have: its manifest, or an API's, may have changed.
///
/// # Errors
/// Why it is none.
pub fn read<'c>(
    realm: &'c Realm,
    keys: &ServerKeys,
    token: &Secret<String>,
    now: Time,
) -> Result<AccessToken<'c>, Why> {
    let issued = issued(realm, keys, token, now)?;
    let Issued { client, family: _, claims } = &issued;
    if claims.has_expired(now) {
        return Err(Why::TokenInvalid);
    }
    if client.has_ended(now) {
        return Err(Why::ClientExpired);
    }
    let said = ScopeSet::parse(&claims.scope).map_err(|_| Why::TokenInvalid)?;
    let scope = if claims.is_for(realm, client) {
        said.intersection(&client.scopes)
    } else {
        let resource = client.resource(&claims.aud).ok_or(Why::AudienceMismatch)?;
        said.filter(|token| resource.scopes.contains_key(token))
    };
    if scope.is_empty() && !said.is_empty() {
        return Err(Why::ScopeNotAllowed);
    }
    Ok(AccessToken { issued, scope })
}

/// Verifies where a token comes from, and nothing else: it may have expired, and be of no use any more.
///
/// # Errors
/// Why it is not one of ours.
pub(crate) fn issued<'c>(
    realm: &'c Realm,
    keys: &ServerKeys,
    token: &Secret<String>,
    now: Time,
) -> Result<Issued<'c>, Why> {
    let claims = match opaque::open::<Claims>(keys, realm, token.expose()) {
        Some(claims) => claims,
        None => verified(realm, token, now)?,
    };
    let client = realm.client(&claims.client_id).ok_or(Why::ClientUnknown)?;
    let family = family_of(&claims.jti);
    let of_client = claims.sub == client.id.as_str() && is_of_client(&claims.jti, &client.uid);
    if family.is_none() && !of_client {
        return Err(Why::TokenInvalid);
    }
    Ok(Issued { client, family, claims })
}

/// The claims of a JWT of ours.
fn verified(realm: &Realm, token: &Secret<String>, now: Time) -> Result<Claims, Why> {
    let expect = Expect {
        // An id_token is of type JWT too; it lacks `client_id` and `jti`, which an access token always has.
        typ: &["at+jwt", "JWT"],
        algorithms: &Algorithm::ASYMMETRIC,
        issuer: realm.issuer.as_str(),
        // Judged by [`read`]: it depends on the client.
        audience: Audience::Accepted(&|_| true),
        now: now.secs(),
        leeway: CLOCK_TOLERANCE_SECONDS,
        // Judged by [`read`]: for an opaque one there is no other place.
        expired: Expired::Accept,
    };
    let verified = Unverified::parse(token.expose()).and_then(|token| token.verify::<Claims>(&realm.keys, &expect));
    Ok(verified.map_err(|_| Why::TokenInvalid)?.into_claims())
}

impl<'c> AccessToken<'c> {
    /// The client that it was issued to.
    pub fn client(&self) -> &'c Client {
        self.issued.client
    }

    /// The family to look up, if it has one.
    pub fn family(&self) -> Option<FamilyId> {
        self.issued.family
    }

    /// Its scopes, as far as the client may still have them.
    pub(crate) fn scope(&self) -> &ScopeSet {
        &self.scope
    }

    /// What it says.
    pub(crate) fn claims(&self) -> &Claims {
        &self.issued.claims
    }

    /// Whether it is for this issuer or its client itself, and not for an API.
    pub(crate) fn is_for(&self, realm: &Realm) -> bool {
        self.claims().is_for(realm, self.client())
    }

    /// Whom it still speaks for.
    ///
    /// # Errors
    /// The family was revoked, or the person or the application is not what it was.
    pub(crate) fn holder<'r>(&self, realm: &'r Realm, family: Option<&FamilyRecord>) -> Result<Holder<'r>, Why> {
        let Issued { client, family: named, claims } = &self.issued;
        let Some(id) = *named else { return Ok(Holder::Client) };
        let family = family.filter(|family| family.id == id && family.revoked_at.is_none());
        let granted = &family.ok_or(Why::FamilyRevoked)?.authorization;
        if !granted.is_of(realm, client) {
            return Err(Why::ClientMismatch);
        }
        let account = granted.account(realm, client).ok_or(Why::AccountGone)?;
        // What the person is to the client may have been changed.
        if client.subject_of(account).as_deref() != Some(claims.sub.as_str()) {
            return Err(Why::SubjectMismatch);
        }
        Ok(Holder::Person(account))
    }
}
