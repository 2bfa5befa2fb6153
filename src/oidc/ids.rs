//! Identifiers, each a type of its own, so that a subject is never taken for a client ID (RFC 9068 §5).

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps text that the caller has already judged.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

text_ids! {
    /// A client identifier (RFC 6749 §2.2), derived as `<namespace>.<name>` or granted by policy.
    ClientId;
    /// The value of a group in the `groups` claim.
    GroupName;
    /// The `sub` of a person (OIDC Core §2).
    Subject;
    /// `metadata.uid` of a Kubernetes object: what survives no deletion, so that a name used again is somebody else.
    Uid;
    /// What a person types at the login page; lower case.
    Username;
}

/// Under which of their logins a person stands: it changes when what they proved before counts no more. What was begun
/// under another one is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoginEpoch(i64);

impl LoginEpoch {
    /// The epoch of this number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// One that was not used before, by this number at the least.
    #[must_use]
    pub fn next(self, at_least: i64) -> Self {
        Self(self.0.saturating_add(1).max(at_least))
    }
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID; version 7 keeps rows in time order, which the stores rely on for speed.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

uuid_ids! {
    /// The row of an authorization code.
    CodeId;
    /// Everything issued from one authorization: the tokens of a family live and die together.
    FamilyId;
    /// The row of a browser session.
    SessionId;
}
