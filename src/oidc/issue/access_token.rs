//! RFC 9068: the JWT access token. Exactly one audience; never `nonce`, `at_hash` or `auth_time`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Basis, IssueError, jti};
use crate::catalog::Realm;
use crate::claims::{ClaimTarget, release};
use crate::client::DefaultAudience;
use crate::time::Time;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    exp: i64,
    iat: i64,
    jti: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

pub(super) fn sign(basis: &Basis<'_>, realm: &Realm, now: Time, random: [u8; 16]) -> Result<String, IssueError> {
    let Basis { client, account, authorization: _, scope, family } = *basis;
    let settings = &client.access_token;
    let key = realm.keys.signing(settings.algorithm).ok_or(IssueError::NoKey(settings.algorithm))?;
    let claims = Claims {
        iss: realm.issuer.as_str(),
        sub: account.subject.as_str(),
        aud: match settings.default_audience {
            DefaultAudience::Issuer => realm.issuer.as_str(),
            DefaultAudience::ClientId => client.id.as_str(),
        },
        client_id: client.id.as_str(),
        exp: now.plus_secs(settings.lifetime_seconds).secs(),
        iat: now.secs(),
        jti: jti(family, random),
        scope: scope.to_string(),
        extra: release(client, account, scope, ClaimTarget::AccessToken),
    };
    Ok(crypto::jws::sign(key, settings.type_header.as_str(), &claims)?)
}
