//! RFC 7662: what a token is worth right now. A client learns it of its own tokens, and an API of those that are for it; all
//! others are not active, whatever they are (§2.2), so that nobody finds out by asking.

use std::borrow::Cow;

use crypto::{Secret, ServerKeys};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::access_token::{self, AccessToken, Holder};
use crate::catalog::Realm;
use crate::client::Client;
use crate::client_auth::Authenticated;
use crate::form::Form;
use crate::ids::FamilyId;
use crate::records::FamilyRecord;
use crate::refresh_token::RefreshToken;
use crate::refusal::{ErrorCode, Refusal, Why};
use crate::time::Time;
use crate::token::refresh_token::{Good, good};

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

/// A token that was shown to us, and is ours. What was revoked meanwhile is not known yet.
#[derive(Debug)]
pub enum Shown<'c> {
    /// An access token, of any client.
    Access(Box<AccessToken<'c>>),
    /// A refresh token of the client that shows it.
    Refresh(RefreshToken),
}

impl<'c> Shown<'c> {
    /// Reads a token; `None` for anything that is not good, and not known to be the caller's.
    pub fn read(
        realm: &'c Realm,
        keys: &ServerKeys,
        caller: &Authenticated<'_>,
        text: &Secret<String>,
        now: Time,
    ) -> Option<Self> {
        match RefreshToken::open(keys, realm, caller.client(), text) {
            Some(token) => Some(Self::Refresh(token)),
            None => access_token::read(realm, keys, text, now).ok().map(Box::new).map(Self::Access),
        }
    }

    /// The family to look up, if it has one.
    pub fn family(&self) -> Option<FamilyId> {
        match self {
            Self::Access(token) => token.family(),
            Self::Refresh(token) => Some(token.family()),
        }
    }
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
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    exp: i64,
    iat: i64,
    sub: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    /// What the application has added to its access tokens; in an opaque one nobody else could read it.
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

impl Introspection<'_> {
    /// Of a token that is not good, or somebody else's.
    pub const INACTIVE: Self = Self { active: false, token: None };
}

/// Judges a token that the caller has shown.
pub fn decide<'a>(
    realm: &'a Realm,
    caller: &Authenticated<'a>,
    shown: &'a Shown<'_>,
    family: Option<&FamilyRecord>,
    now: Time,
) -> Introspection<'a> {
    let token = match shown {
        Shown::Access(token) => access_token(realm, caller.client(), token, family),
        Shown::Refresh(token) => family.and_then(|family| refresh_token(realm, caller.client(), *token, family, now)),
    };
    token.map_or(Introspection::INACTIVE, |token| Introspection { active: true, token: Some(token) })
}

fn access_token<'a>(
    realm: &'a Realm,
    caller: &Client,
    token: &'a AccessToken<'_>,
    family: Option<&FamilyRecord>,
) -> Option<Description<'a>> {
    let claims = token.claims();
    let is_own = token.client().uid == caller.uid && token.client().id == caller.id;
    if !is_own && !caller.introspects.contains(&claims.aud) {
        return None;
    }
    let username = match token.holder(realm, family).ok()? {
        // To an API the person is who `sub` says, and no more.
        Holder::Person(account) => is_own.then(|| account.username.as_str()),
        Holder::Client => None,
    };
    Some(Description {
        scope: token.scope().to_string(),
        client_id: &claims.client_id,
        username,
        token_type: Some("Bearer"),
        exp: claims.exp,
        iat: claims.iat,
        sub: Cow::Borrowed(&claims.sub),
        aud: Some(&claims.aud),
        iss: realm.issuer.as_str(),
        jti: Some(&claims.jti),
        extra: Some(&claims.extra),
    })
}

/// As the token endpoint would judge it; but for one that was replaced moments ago, which is of no use to anybody new.
fn refresh_token<'a>(
    realm: &'a Realm,
    caller: &'a Client,
    token: RefreshToken,
    family: &FamilyRecord,
    now: Time,
) -> Option<Description<'a>> {
    let Good { current, ends, account, left } = good(realm, caller, token, family, now).ok()?;
    if current.number != token.number {
        return None;
    }
    Some(Description {
        scope: left.scope().to_string(),
        client_id: caller.id.as_str(),
        username: Some(account.username.as_str()),
        token_type: None,
        exp: ends.secs(),
        iat: current.reached_at.secs(),
        sub: caller.subject_of(account)?,
        aud: None,
        iss: realm.issuer.as_str(),
        jti: None,
        extra: None,
    })
}
