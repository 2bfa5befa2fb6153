//! A request that waits for a person: sealed, carried by the browser, and of no use in another browser. Nothing is
//! written for it, so that a flood of anonymous requests leaves no trace in any store.

use crypto::{Purpose, Secret, ServerKeys, hash};
use serde::{Deserialize, Serialize};

use super::Received;
use crate::ids::{SessionId, Uid};
use crate::permission::Permissions;
use crate::sealed;
use crate::time::Time;

/// Seconds for which a page may be left open.
pub(super) const HANDLE_LIFETIME_SECONDS: i64 = 3600;

/// Seconds for a browser to follow a redirect.
const POSTED_LIFETIME_SECONDS: i64 = 120;

/// What a sealed request waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// A login form.
    #[serde(rename = "l")]
    Login,
    /// An account chooser.
    #[serde(rename = "s")]
    SelectAccount {
        /// The session whose account the page offers.
        session: SessionId,
    },
    /// To be taken up again by a GET, so that the browser sends its session cookie.
    #[serde(rename = "r")]
    Resume {
        /// The session whose account the person has confirmed on the account chooser.
        chosen: Option<SessionId>,
    },
    /// A cross-site POST, to be taken up by a GET so that the browser sends its cookies. It is as much as a link that
    /// anybody could have written, so it is bound to no browser, lives for two minutes and counts from its return.
    #[serde(rename = "p")]
    Posted,
    /// A consent form, shown to one person in one session.
    #[serde(rename = "c")]
    Consent {
        /// Their `OidcUser`.
        user_uid: Uid,
        /// The `OidcApplication` that asked.
        application_uid: Uid,
        /// Their session.
        session: SessionId,
        /// What the page showed.
        permissions: Permissions,
    },
}

/// The hash of the random value in a browser's binding cookie.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Binding([u8; 32]);

/// A waiting request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Handle {
    /// The request.
    #[serde(rename = "q")]
    pub received: Received,
    /// What it waits for.
    #[serde(rename = "s")]
    pub stage: Stage,
    #[serde(rename = "b")]
    binding: Binding,
    #[serde(rename = "e")]
    expires_at: Time,
}

/// Why a handle is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// Not sealed by this server for this issuer and purpose.
    #[error("this page was not made by this server, or is too old to be read")]
    Unreadable,
    /// Left open for too long.
    #[error("this page has been open for too long")]
    Expired,
    /// Made for another browser.
    #[error("this page was opened in another browser, or cookies are blocked")]
    OtherBrowser,
}

/// What a handle is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Form,
    Resume,
    Consent,
}

impl Kind {
    fn purpose(self) -> Purpose {
        match self {
            Self::Form => Purpose::LoginHandle,
            Self::Resume => Purpose::ResumeHandle,
            Self::Consent => Purpose::ConsentHandle,
        }
    }
}

impl Binding {
    /// From the value in the cookie.
    pub fn of(cookie: &Secret<[u8; 32]>) -> Self {
        Self(hash::sha256(cookie.expose()))
    }

    /// Whether both are of one browser.
    pub(crate) fn is(&self, other: &Self) -> bool {
        crypto::constant_time_eq(&self.0, &other.0)
    }
}

impl Stage {
    fn kind(&self) -> Kind {
        match self {
            Self::Login | Self::SelectAccount { .. } => Kind::Form,
            Self::Resume { .. } | Self::Posted => Kind::Resume,
            Self::Consent { .. } => Kind::Consent,
        }
    }
}

impl Handle {
    /// A request that begins to wait now, in the browser with this binding. It keeps the end of an earlier wait.
    pub fn new(received: Received, stage: Stage, binding: Binding) -> Self {
        let lifetime = if stage == Stage::Posted { POSTED_LIFETIME_SECONDS } else { HANDLE_LIFETIME_SECONDS };
        let expires_at = received.at().plus_secs(lifetime);
        Self { received, stage, binding, expires_at }
    }

    /// Seals the handle; each kind of stage under a key of its own.
    pub fn seal(&self, keys: &ServerKeys, issuer: &str) -> String {
        sealed::seal(self, self.stage.kind().purpose(), keys, issuer)
    }

    /// Opens what a login form or an account chooser sent back.
    pub fn open_form(
        keys: &ServerKeys,
        issuer: &str,
        text: &str,
        binding: &Binding,
        now: Time,
    ) -> Result<Self, HandleError> {
        Self::open(Kind::Form, keys, issuer, text, binding, now)
    }

    /// The request of a login form or an account chooser that was made under another binding cookie: browsers that open
    /// several pages at once keep only the last cookie. It is as much as a link that anybody could have written, so it
    /// counts from now and its page has to be shown again.
    pub fn request_of_form(keys: &ServerKeys, issuer: &str, text: &str, now: Time) -> Result<Received, HandleError> {
        let handle = Self::unsealed(Kind::Form, keys, issuer, text, now)?;
        Ok(Received { at: now, ..handle.received })
    }

    /// Opens what a `resume` parameter carries.
    pub fn open_resume(
        keys: &ServerKeys,
        issuer: &str,
        text: &str,
        binding: &Binding,
        now: Time,
    ) -> Result<Self, HandleError> {
        Self::open(Kind::Resume, keys, issuer, text, binding, now)
    }

    /// Opens what a consent form sent back.
    pub fn open_consent(
        keys: &ServerKeys,
        issuer: &str,
        text: &str,
        binding: &Binding,
        now: Time,
    ) -> Result<Self, HandleError> {
        Self::open(Kind::Consent, keys, issuer, text, binding, now)
    }

    fn open(
        kind: Kind,
        keys: &ServerKeys,
        issuer: &str,
        text: &str,
        binding: &Binding,
        now: Time,
    ) -> Result<Self, HandleError> {
        let mut handle = Self::unsealed(kind, keys, issuer, text, now)?;
        if handle.stage == Stage::Posted {
            handle.received.at = now;
            return Ok(handle);
        }
        if handle.binding.is(binding) { Ok(handle) } else { Err(HandleError::OtherBrowser) }
    }

    fn unsealed(kind: Kind, keys: &ServerKeys, issuer: &str, text: &str, now: Time) -> Result<Self, HandleError> {
        let handle: Option<Self> = sealed::open(text, kind.purpose(), keys, issuer);
        let handle = handle.ok_or(HandleError::Unreadable)?;
        if handle.expires_at <= now { Err(HandleError::Expired) } else { Ok(handle) }
    }
}
