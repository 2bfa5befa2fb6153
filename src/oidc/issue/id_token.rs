//! OIDC Core §2, §3.1.3.6: the id_token.

use crypto::hash;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Basis, IssueError, Occasion, sign_to};
use crate::acr::Acr;
use crate::catalog::Realm;
use crate::claims::{ClaimTarget, release, release_all};
use crate::client::AtHash;
use crate::ids::SessionId;
use crate::time::Time;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<Acr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c_hash: Option<String>,
    #[serde(flatten)]
    about: Map<String, Value>,
}

/// What the id_token is returned with.
#[derive(Clone, Copy)]
pub(super) enum With<'a> {
    /// From the token endpoint, with this access token.
    TokenEndpoint(&'a str, Occasion),
    /// From the authorization endpoint, with these. Their hashes keep anybody from exchanging one of them on the way (OIDC
    /// Core §3.3.2.11).
    AuthorizationEndpoint {
        /// The access token.
        access_token: Option<&'a str>,
        /// The code.
        code: Option<&'a str>,
    },
}

pub(super) fn sign(basis: &Basis<'_>, realm: &Realm, now: Time, with: With<'_>) -> Result<String, IssueError> {
    let Basis { client, account, authorization: granted, scope, target, family: _, secret } = *basis;
    let settings = &client.id_token;
    let (access_token, code, alone) = match (with, settings.at_hash) {
        (With::TokenEndpoint(access_token, _), AtHash::Always) => (Some(access_token), None, false),
        (With::TokenEndpoint(..), AtHash::AuthorizationEndpoint) => (None, None, false),
        (With::AuthorizationEndpoint { access_token, code }, _) => {
            (access_token, code, access_token.is_none() && code.is_none())
        }
    };
    // OIDC Core §12.2: a refreshed id_token answers no request of the browser.
    let nonce = match with {
        With::TokenEndpoint(_, Occasion::Refreshed) => None,
        With::TokenEndpoint(_, Occasion::Granted) | With::AuthorizationEndpoint { .. } => granted.nonce.as_deref(),
    };
    let hash = |text: &str| hash::left_half(settings.algorithm, text.as_bytes());
    let subject = client.subject_of(account).ok_or(IssueError::NoSectorKey)?;
    let claims = Claims {
        iss: realm.issuer.as_str(),
        sub: &subject,
        aud: client.id.as_str(),
        exp: now.plus_secs(settings.lifetime_seconds).secs(),
        iat: now.secs(),
        auth_time: granted.auth_time_requested.then(|| granted.auth_time.secs()),
        nonce,
        amr: &granted.amr,
        acr: granted.acr,
        sid: granted.session,
        at_hash: access_token.map(hash),
        c_hash: code.map(hash),
        // OIDC Core §5.4: where no access token will ever open userinfo, they have no other place.
        about: if alone || target.is_some_and(|target| !target.is_for_userinfo) {
            release_all(client, account, scope, &granted.claims)
        } else {
            release(client, account, scope, &granted.claims, ClaimTarget::IdToken)
        },
    };
    sign_to(client, realm, (secret, now), "JWT", &claims)
}
