//! What must survive a restart, as values. The stores keep these; nothing here knows how.

use serde::{Deserialize, Serialize};

use crate::acr::Acr;
use crate::claims::ClaimsRequest;
use crate::ids::{ClientId, CodeId, FamilyId, LoginEpoch, SessionId, Subject, Uid};
use crate::opaque::ProofHash;
use crate::permission::Permissions;
use crate::pkce::Challenge;
use crate::time::Time;

/// What a person granted to a client, once: every token of a family is made from this and from nothing newer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Authorization {
    /// The issuer that it belongs to; nothing of it is accepted at another.
    pub issuer: String,
    /// The client.
    pub client: ClientId,
    /// The client's `OidcApplication`, by UID.
    pub application_uid: Uid,
    /// The person.
    pub subject: Subject,
    /// The person's `OidcUser`, by UID.
    pub user_uid: Uid,
    /// Under which of their logins.
    #[serde(default)]
    pub login_epoch: LoginEpoch,
    /// What was granted.
    #[serde(rename = "scope")]
    pub permissions: Permissions,
    /// `nonce` of the request, copied to the id_tokens that answer it.
    pub nonce: Option<String>,
    /// When the person proved who they are.
    pub auth_time: Time,
    /// Whether the request demanded `auth_time` (OIDC Core §3.1.2.1, `max_age`).
    pub auth_time_requested: bool,
    /// How they did (RFC 8176).
    pub amr: Vec<String>,
    /// How well that proved it, where the request wanted to know (OIDC Core §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// Claims that the request asked for by name.
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// The session in which it was granted, if it was in a browser.
    pub session: Option<SessionId>,
    /// The API that the request named (RFC 8707 §2.1): no token is issued for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// An authorization code as it was issued (RFC 6749 §4.1.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodeRecord {
    /// The row.
    pub id: CodeId,
    /// The hash of the random part.
    pub proof: ProofHash,
    /// The redirect URI of the request; the token request must repeat it.
    pub redirect_uri: String,
    /// PKCE.
    pub challenge: Option<Challenge>,
    /// What was granted.
    pub authorization: Authorization,
    /// Everything issued from it belongs to this family; so does what came beside it (OIDC Core §3.3).
    pub family: FamilyId,
    /// When the code ceases to be good.
    pub expires_at: Time,
}

/// What is known of a code.
#[derive(Clone, Debug)]
pub enum CodeFacts {
    /// Not spent; it may have expired all the same.
    Live(CodeRecord),
    /// Spent.
    Spent(CodeRecord),
    /// No such row.
    Unknown,
}

/// Everything issued from one authorization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FamilyRecord {
    /// The row; named in the `jti` of its access tokens.
    pub id: FamilyId,
    /// What was granted.
    pub authorization: Authorization,
    /// When the first token was issued.
    pub created_at: Time,
    /// When the last token that can exist has expired; the row may go then.
    pub expires_at: Time,
    /// Which refresh token is good, in a family that has any.
    pub refresh: Option<Generation>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Time>,
}

/// The refresh token of a family that is good: one at a time, numbered from 0 (RFC 9700 §4.14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Its number.
    pub number: u32,
    /// When it was issued.
    pub reached_at: Time,
}

/// What may be used once, such as the assertion of a client: a hash of whatever identifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OnceId([u8; 32]);

impl OnceId {
    /// Of these parts, each of which counts by itself.
    pub fn new(parts: &[&str]) -> Self {
        let mut text = Vec::new();
        for part in parts {
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part.as_bytes());
        }
        Self(crypto::hash::sha256(&text))
    }

    /// The octets to keep.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Whether something was used for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstUse {
    /// This call was the first.
    Yes,
    /// It was used before.
    No,
}

/// A browser session of one person at one issuer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The row.
    pub id: SessionId,
    /// The hash of the cookie's random part.
    pub proof: ProofHash,
    /// The issuer that it belongs to.
    pub issuer: String,
    /// The person.
    pub subject: Subject,
    /// The person's `OidcUser`, by UID.
    pub user_uid: Uid,
    /// Under which of their logins.
    pub login_epoch: LoginEpoch,
    /// When they proved who they are.
    pub auth_time: Time,
    /// How they did (RFC 8176).
    pub amr: Vec<String>,
    /// When it was last used, as far as that was written down.
    pub last_seen_at: Time,
    /// The end, whatever happens.
    pub expires_at: Time,
}

/// A client that somebody was logged in to from a session: it hears of the logout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionClient {
    /// Its `OidcApplication`, by UID.
    pub application_uid: Uid,
    /// Its client ID.
    pub client: ClientId,
    /// The session by which it knows the login (`sid`): the one in which it was told last.
    pub sid: SessionId,
}

/// An application that has yet to hear of the end of a session (Back-Channel Logout 1.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutNotice {
    /// The session that ended; with the application it names the notice.
    pub session: SessionId,
    /// Who is told, and by which `sid` it knows the login.
    pub client: SessionClient,
    /// The issuer.
    pub issuer: String,
    /// Whose session it was.
    pub subject: Subject,
    /// When it ended.
    pub ended_at: Time,
    /// How often the notice was taken up, this time included: whoever was slower than another holds an older number.
    pub attempt: u32,
}

/// What a person has agreed to share with a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRecord {
    /// The issuer.
    pub issuer: String,
    /// The person's `OidcUser`, by UID.
    pub user_uid: Uid,
    /// The client's `OidcApplication`, by UID.
    pub application_uid: Uid,
    /// The client ID, for display.
    pub client: ClientId,
    /// All that they agreed to so far.
    pub permissions: Permissions,
    /// When it was last extended.
    pub granted_at: Time,
}
