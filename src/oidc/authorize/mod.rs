//! OIDC Core §3.1.2, RFC 6749 §4.1.1, RFC 9700: the authorization request as stages.
//!
//! ```text
//! Received ──address──▶ Addressed ──check──▶ Checked ──identify──▶ Identified ──grant──▶ Granted ──issue──▶ Issued
//!      PageError             RedirectError        Pause::{Login,…}        Pause::Consent       IssueError
//! ```
//!
//! Each stage owns what the previous one proved and is made by it alone, so a code without login, or a redirect to an
//! unregistered place, does not compile. A request that has to wait for a person travels sealed in a [`Handle`] and goes
//! through `address` and `check` again when it comes back: the client may have been edited meanwhile.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::catalog::Realm;
use crate::claims::ClaimsRequest;
use crate::client::{Client, ResponseType};
use crate::ids::Subject;
use crate::permission::Permissions;
use crate::pkce::Challenge;
use crate::prompt::Prompt;
use crate::refusal::{ErrorCode, Why};
use crate::time::Time;

mod address;
mod check;
mod grant;
mod handle;
mod identify;
mod params;
mod reply;

pub use grant::{Answer, ConsentAsk, Decision, Fresh, Granted, Issued};
pub use handle::{Binding, Handle, HandleError, Stage};
pub use identify::{Identified, Login, Pause, Waiting};
pub use params::{Param, Params};
pub use reply::{RedirectError, Reply, ReplyTo};

/// A request as it arrived: nothing of it is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    #[serde(rename = "p")]
    params: Params,
    /// When it first arrived: a login after this moment answers `prompt=login`.
    #[serde(rename = "t")]
    at: Time,
}

/// A request whose redirect URI is registered for its client: errors may go there from now on.
#[derive(Debug)]
pub struct Addressed<'c> {
    received: Received,
    realm: &'c Realm,
    client: &'c Client,
    to: ReplyTo,
}

/// A request that is well-formed and allowed for its client.
#[derive(Debug)]
pub struct Checked<'c> {
    received: Received,
    realm: &'c Realm,
    client: &'c Client,
    to: ReplyTo,
    demands: Demands,
}

/// What a well-formed request asks for.
#[derive(Debug)]
struct Demands {
    response_type: ResponseType,
    permissions: Permissions,
    prompts: BTreeSet<Prompt>,
    max_age_seconds: Option<i64>,
    challenge: Option<Challenge>,
    nonce: Option<String>,
    /// Who must be logged in.
    hint: Option<Subject>,
    claims: ClaimsRequest,
    wants_auth_time: bool,
    wants_acr: bool,
    resource: Option<String>,
    dropped: Option<Dropped>,
}

/// Why scope `offline_access` is left out of a request, without an error (OIDC Core §11); for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// No code is returned, and a refresh token comes for a code alone.
    NoCode,
    /// `refresh_token` is not among the application's grant types.
    NoGrant,
    /// The request lacks `prompt=consent`, which the application's `refreshToken.issuance` demands.
    NoPrompt,
}

impl Dropped {
    /// The text in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCode => "response_type returns no code",
            Self::NoGrant => "refresh_token is not among spec.grantTypes",
            Self::NoPrompt => "prompt lacks consent (spec.refreshToken.issuance)",
        }
    }
}

/// A refusal before the redirect URI is trusted: shown as a page, never redirected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageError {
    /// The registered code.
    pub code: ErrorCode,
    /// What to mend; never holds what was sent.
    pub description: &'static str,
    /// What we log.
    pub why: Why,
}

impl Received {
    /// A request that has just arrived.
    pub fn new(params: Params, now: Time) -> Self {
        Self { params, at: now }
    }

    /// The client that it names; for the log.
    pub fn client_id(&self) -> Option<&str> {
        self.params.get(Param::ClientId)
    }

    /// When it first arrived.
    pub fn at(&self) -> Time {
        self.at
    }
}

impl Checked<'_> {
    /// The client.
    pub fn client(&self) -> &Client {
        self.client
    }

    /// What to answer where a fact that the decision needs cannot be read, or its outcome cannot be written.
    pub fn unavailable(&self) -> RedirectError {
        self.to.clone().refuse(
            ErrorCode::TemporarilyUnavailable,
            Why::StoreUnavailable,
            "the server cannot answer right now: try again in a moment",
        )
    }
}

impl<'c> Addressed<'c> {
    /// The client.
    pub fn client(&self) -> &'c Client {
        self.client
    }
}

#[cfg(test)]
mod tests;
