//! RFC 9068: the access token. Exactly one audience; never `nonce`, `at_hash` or `auth_time`. An opaque one says the same,
//! sealed, so that it need not be kept either.

use crypto::ServerKeys;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Basis, IssueError, client_jti, jti};
use crate::access_token::opaque;
use crate::audience::Target;
use crate::catalog::Realm;
use crate::claims::{ClaimTarget, release, release_fixed};
use crate::client::{AccessTokenFormat, Client};
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

/// Of a person.
pub(super) fn about(
    basis: &Basis<'_>,
    target: &Target<'_>,
    (realm, keys): (&Realm, &ServerKeys),
    now: Time,
    random: [u8; 16],
) -> Result<String, IssueError> {
    let Basis { client, account, authorization, scope, family, .. } = *basis;
    let extra = own(target, || release(client, account, scope, &authorization.claims, ClaimTarget::AccessToken));
    let subject = client.subject_of(account).ok_or(IssueError::NoSectorKey)?;
    sign(client, &subject, target, (realm, keys), now, jti(family, random), extra)
}

/// Of a client itself (RFC 9068 §2.2: `sub` is the client).
pub(super) fn of_client(
    client: &Client,
    target: &Target<'_>,
    (realm, keys): (&Realm, &ServerKeys),
    now: Time,
    random: [u8; 16],
) -> Result<String, IssueError> {
    let extra = own(target, || release_fixed(client, ClaimTarget::AccessToken));
    sign(client, client.id.as_str(), target, (realm, keys), now, client_jti(&client.uid, random), extra)
}

/// What the caller adds to a token for itself. An API reads in its tokens what this server and its own manifest say: were
/// a caller's claims among them, it could call itself `role: admin` there.
fn own(target: &Target<'_>, extra: impl FnOnce() -> Map<String, Value>) -> Map<String, Value> {
    if target.is_for_userinfo { extra() } else { Map::new() }
}

fn sign(
    client: &Client,
    sub: &str,
    target: &Target<'_>,
    (realm, keys): (&Realm, &ServerKeys),
    now: Time,
    jti: String,
    extra: Map<String, Value>,
) -> Result<String, IssueError> {
    let settings = &client.access_token;
    let claims = Claims {
        iss: realm.issuer.as_str(),
        sub,
        aud: target.audience,
        client_id: client.id.as_str(),
        exp: now.plus_secs(target.lifetime_seconds).secs(),
        iat: now.secs(),
        jti,
        scope: target.scope.to_string(),
        extra,
    };
    match settings.format {
        AccessTokenFormat::Opaque => Ok(opaque::seal(keys, realm, &claims)),
        AccessTokenFormat::Jwt => {
            let key = realm.keys.signing(settings.algorithm).ok_or(IssueError::NoKey(settings.algorithm))?;
            Ok(crypto::jws::sign(key, settings.type_header.as_str(), &claims)?)
        }
    }
}
