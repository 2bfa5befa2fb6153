//! OIDC Core §2, §3.1.3.6: the id_token.

use crypto::hash;
use serde::Serialize;
use serde_json::{Map, Value};

use super::IssueError;
use crate::catalog::Realm;
use crate::claims::{ClaimTarget, release};
use crate::client::AtHash;
use crate::ids::SessionId;
use crate::time::Time;
use crate::token::authorization_code::Plan;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    sid: SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<String>,
    #[serde(flatten)]
    about: Map<String, Value>,
}

pub(super) fn sign(plan: &Plan<'_>, realm: &Realm, now: Time, access_token: &str) -> Result<String, IssueError> {
    let Plan { code: _, family, client, account } = plan;
    let settings = &client.id_token;
    let key = realm.keys.signing(settings.algorithm).ok_or(IssueError::NoKey(settings.algorithm))?;
    let granted = &family.authorization;
    let at_hash = match settings.at_hash {
        AtHash::Always => Some(hash::left_half(settings.algorithm, access_token.as_bytes())),
        AtHash::AuthorizationEndpoint => None,
    };
    let claims = Claims {
        iss: realm.issuer.as_str(),
        sub: account.subject.as_str(),
        aud: client.id.as_str(),
        exp: now.plus_secs(settings.lifetime_seconds).secs(),
        iat: now.secs(),
        auth_time: granted.auth_time_requested.then(|| granted.auth_time.secs()),
        nonce: granted.nonce.as_deref(),
        amr: &granted.amr,
        sid: granted.session,
        at_hash,
        about: release(client, account, &granted.scope, ClaimTarget::IdToken),
    };
    Ok(crypto::jws::sign(key, "JWT", &claims)?)
}
