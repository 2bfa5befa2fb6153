//! RFC 7591 §2 `jwks_uri`, OIDC Core §10.1.1: keys that clients publish, fetched when an assertion asks for them.
//!
//! ```text
//! assertion ─▶ cache ──────▶ fetch ─▶ outbound        which addresses are called
//!              (what is kept,  (one GET)
//!               who may ask)     └────▶ document        what counts as keys
//! ```
//!
//! Two strangers meet here. Whoever writes a manifest chooses the address: the server must not become their hand inside
//! the network (T-K14, T-P32). And anybody may send an assertion in a client's name: the server must not become their
//! hammer, neither on the host nor on itself. `outbound` is for the first, `cache` for the second.

mod cache;
mod document;
mod fetch;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::future::BoxFuture;
use oidc::client::{ClientKeys, PublishedKeys};

pub(crate) use self::cache::ClientKeyCache;
use self::document::{MAX_BODY, MAX_KEYS};
pub use self::fetch::KeyFetcher;
use crate::outbound::CallError;

/// Where published keys come from, as a port: [`KeyFetcher`], or what a test puts in its place.
pub trait FetchKeys: Send + Sync + 'static {
    /// Fetches once. That it is not asked too often is the caller's matter.
    fn fetch(&self, from: &PublishedKeys) -> BoxFuture<'static, Result<Fetched, FetchError>>;
}

/// What a host said.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The keys that can be used.
    pub keys: ClientKeys,
    /// For how long they hold, by its own words (RFC 9111 §5.2.2.1).
    pub max_age: Option<Duration>,
}

/// Why there are no keys. For logs and metrics: a caller is told no more than that they could not be had, since what can
/// be reached from here is nobody's business.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The server fetches as much as it may already.
    #[error("too many keys are being fetched at once")]
    Busy,
    /// The host is not called, or does not answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The host takes too long.
    #[error("the answer took longer than five seconds")]
    Overdue,
    /// The answer leads elsewhere, where nobody was judged.
    #[error("the answer is a redirect, which is not followed: write the address that it leads to")]
    Redirect,
    /// The answer has another status than 200.
    #[error("the answer has the status {0}, not 200")]
    Status(u16),
    /// The answer does not say that it is JSON.
    #[error("the answer is neither application/jwk-set+json nor application/json")]
    Type,
    /// The answer is too long.
    #[error("the answer is longer than {MAX_BODY} octets")]
    TooLarge,
    /// The answer is no JWK Set, or one that discloses a private key.
    #[error("the answer is no set of public keys: {0}")]
    Document(String),
    /// The set has too many keys.
    #[error("the set has more than {MAX_KEYS} keys")]
    TooManyKeys,
}

impl FetchError {
    /// The label in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Call(error) => error.as_str(),
            Self::Overdue => "overdue",
            Self::Redirect => "redirect",
            Self::Status(_) => "status",
            Self::Type => "type",
            Self::TooLarge => "too_large",
            Self::Document(_) => "document",
            Self::TooManyKeys => "too_many_keys",
        }
    }
}
