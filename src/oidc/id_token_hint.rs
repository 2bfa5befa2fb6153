//! OIDC Core §3.1.2.1, RP-Initiated Logout §2: an id_token that comes back to say of whom the client speaks.

use crypto::{Algorithm, Audience, Expect, Expired, Unverified, Verified, VerifyingKey};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::catalog::Realm;
use crate::client::Client;
use crate::ids::{SessionId, Subject};
use crate::time::{CLOCK_TOLERANCE_SECONDS, Time};

/// What an id_token of this issuer says; made by [`read`] alone. It proves nothing of whoever sent it: an application
/// hands its id_tokens around.
#[derive(Debug)]
pub(crate) struct Hint<'c> {
    /// The client that it was made for.
    pub(crate) client: &'c Client,
    /// Whom the client knows.
    pub(crate) subject: Subject,
    /// The session, where it was in a browser.
    pub(crate) sid: Option<SessionId>,
}

/// Reads a hint: an id_token that this issuer made for `client`, or for any of its clients where none is named. An expired
/// one will do, since it only says who the person was.
pub(crate) fn read<'c>(realm: &'c Realm, client: Option<&'c Client>, text: &str, now: Time) -> Option<Hint<'c>> {
    #[derive(Deserialize)]
    struct Claims {
        sub: String,
        sid: Option<SessionId>,
        client_id: Option<IgnoredAny>,
        scope: Option<IgnoredAny>,
    }
    let token = Unverified::parse(text).ok()?;
    let client = match client {
        Some(client) => client,
        None => realm.client(&token.claimed_audience()?)?,
    };
    let expect = Expect {
        typ: &["JWT"],
        algorithms: &Algorithm::ASYMMETRIC,
        issuer: realm.issuer.as_str(),
        audience: Audience::AnyOf(&[client.id.as_str()]),
        now: now.secs(),
        leeway: CLOCK_TOLERANCE_SECONDS,
        expired: Expired::Accept,
    };
    let shared = client.shared_secrets_at(now).filter(|_| client.id_token.algorithm == Algorithm::HS256);
    let shared: Vec<_> = shared.filter_map(|(_, secret)| VerifyingKey::from_shared_secret(secret).ok()).collect();
    // Only what this client's id_tokens are signed with: a public key must never pass for a secret.
    let verified = if shared.is_empty() {
        token.verify::<Claims>(&realm.keys, &expect)
    } else {
        token.verify_any(&shared, &Expect { algorithms: &[Algorithm::HS256], ..expect })
    };
    match verified.map(Verified::into_claims) {
        Ok(Claims { sub, sid, client_id: None, scope: None }) => Some(Hint { client, subject: Subject::new(sub), sid }),
        // An access token may have the same type, issuer and audience, where an application wants it so.
        Ok(Claims { .. }) | Err(_) => None,
    }
}
