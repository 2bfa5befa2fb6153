//! OpenID Connect Back-Channel Logout 1.0: applications hear of a logout from the server, by a token that is posted to them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::catalog::Realm;
use crate::client::{CalledUri, Client, PrivateAddresses, SecretAge};
use crate::ids::SessionId;
use crate::issue::{self, IssueError};
use crate::records::LogoutNotice;
use crate::time::Time;

/// Seconds for which a logout token is good: two minutes at the most (§4).
const LOGOUT_TOKEN_SECONDS: i64 = 120;

/// The member of `events` that makes a token a logout token (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Where an application hears of a logout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackchannelLogout {
    /// Where logout tokens are posted to (§2.2).
    pub uri: CalledUri,
    /// Whether that host may have a private address.
    pub private_addresses: PrivateAddresses,
    /// Whether a token names the session; without, it is about all of the person's sessions (§2.6).
    pub session_required: bool,
}

/// §2.4. It has no `nonce`, so that it is never taken for an id_token.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    events: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
}

/// Who is told by a notice, and where; none: nobody wants to hear it any more.
pub fn recipient<'r>(realm: &'r Realm, notice: &LogoutNotice) -> Option<(&'r Client, &'r BackchannelLogout)> {
    let client = super::told(realm, &notice.client)?;
    Some((client, client.backchannel_logout.as_ref()?))
}

/// Signs a logout token as the client's id_tokens are signed (§2.6), with the client secret of this age where it is one.
/// `jti` is never used again.
///
/// # Errors
/// There is no key to sign with, or none to make the client's subject with.
pub fn logout_token(
    realm: &Realm,
    client: &Client,
    logout: &BackchannelLogout,
    notice: &LogoutNotice,
    secret: SecretAge,
    jti: Uuid,
    now: Time,
) -> Result<String, IssueError> {
    let subject = client.subject_for(&notice.subject).ok_or(IssueError::NoSectorKey)?;
    let claims = Claims {
        iss: realm.issuer.as_str(),
        sub: &subject,
        aud: client.id.as_str(),
        iat: now.secs(),
        exp: now.plus_secs(LOGOUT_TOKEN_SECONDS).secs(),
        jti: jti.to_string(),
        events: Map::from_iter([(EVENT.to_owned(), Value::Object(Map::new()))]),
        sid: logout.session_required.then_some(notice.client.sid),
    };
    issue::sign_to(client, realm, (secret, now), "logout+jwt", &claims)
}

#[cfg(test)]
mod tests;
