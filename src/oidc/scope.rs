//! RFC 6749 §3.3: scope tokens and sets of them.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A closed list of the scopes that this provider itself gives a meaning to, with the words the consent page uses.
macro_rules! scopes {
    ($($(#[$doc:meta])* $variant:ident = $wire:literal, $consent:literal;)*) => {
        /// A scope of OIDC Core §5.4 (and `groups`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StandardScope { $($(#[$doc])* $variant),* }

        impl StandardScope {
            /// All of them, in the order in which the consent page shows them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The scope token on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire),* }
            }

            /// What the person is asked to share, as the consent page says it.
            pub const fn consent_text(self) -> &'static str {
                match self { $(Self::$variant => $consent),* }
            }
        }
    };
}

scopes! {
    /// An id_token is wanted (OIDC Core §3.1.2.1).
    OpenId = "openid", "Confirm who you are";
    /// Name and the other default profile claims.
    Profile = "profile", "Your name and profile details";
    /// `email`, `email_verified`.
    Email = "email", "Your email address";
    /// `phone_number`, `phone_number_verified`.
    Phone = "phone", "Your phone number";
    /// `address`.
    Address = "address", "Your postal address";
    /// `groups`, as far as the application may see them.
    Groups = "groups", "The groups you belong to";
    /// A refresh token is wanted (OIDC Core §11).
    OfflineAccess = "offline_access", "Access to all of this while you are away";
}

impl StandardScope {
    /// The standard scope that this token names, if any.
    pub fn from_token(token: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == token)
    }
}

/// One scope token: one or more of `%x21 / %x23-5B / %x5D-7E`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeToken(String);

/// A set of scope tokens; its text form is sorted, so equal sets read alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeSet(BTreeSet<ScopeToken>);

/// Why a `scope` parameter cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Not of the grammar of RFC 6749 §3.3.
    #[error("`scope` holds a character that no scope may have; separate scopes by single spaces")]
    Grammar,
    /// More than [`ScopeSet::MAX_TOKENS`] tokens or [`ScopeSet::MAX_LENGTH`] bytes.
    #[error("`scope` is too long")]
    TooLong,
}

impl ScopeToken {
    /// Reads one token.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(ScopeError::Grammar);
        }
        if text.len() > ScopeSet::MAX_TOKEN_LENGTH {
            return Err(ScopeError::TooLong);
        }
        Ok(Self(text.to_owned()))
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ScopeSet {
    /// Bytes of a `scope` parameter at the most.
    pub const MAX_LENGTH: usize = 4096;
    /// Tokens in one set at the most.
    pub const MAX_TOKENS: usize = 100;
    /// Bytes of one token at the most.
    pub const MAX_TOKEN_LENGTH: usize = 256;

    /// Reads the `scope` parameter. Repeated tokens count once; an empty text is the empty set.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(ScopeError::TooLong);
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        let tokens = text.split(' ').map(ScopeToken::parse).collect::<Result<BTreeSet<_>, _>>()?;
        if tokens.len() > Self::MAX_TOKENS { Err(ScopeError::TooLong) } else { Ok(Self(tokens)) }
    }

    /// Whether the standard scope is in the set.
    pub fn has(&self, scope: StandardScope) -> bool {
        self.0.iter().any(|token| token.as_str() == scope.as_str())
    }

    /// Whether the token is in the set.
    pub fn contains(&self, token: &ScopeToken) -> bool {
        self.0.contains(token)
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &ScopeToken> {
        self.0.iter()
    }

    /// Whether every token of `self` is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The tokens that both have.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The tokens of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// Keeps the tokens that `keep` likes.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&ScopeToken) -> bool) -> Self {
        Self(self.0.iter().filter(|token| keep(token)).cloned().collect())
    }
}

impl FromIterator<ScopeToken> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = ScopeToken>>(tokens: I) -> Self {
        Self(tokens.into_iter().collect())
    }
}

impl FromIterator<StandardScope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = StandardScope>>(scopes: I) -> Self {
        scopes.into_iter().map(|scope| ScopeToken(scope.as_str().to_owned())).collect()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, token) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token.as_str())?;
        }
        Ok(())
    }
}

impl TryFrom<String> for ScopeToken {
    type Error = ScopeError;

    fn try_from(text: String) -> Result<Self, ScopeError> {
        Self::parse(&text)
    }
}

impl From<ScopeToken> for String {
    fn from(token: ScopeToken) -> Self {
        token.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(input: &str, expect: Result<&str, ScopeError>) {
        assert_eq!(ScopeSet::parse(input).map(|set| set.to_string()), expect.map(str::to_owned), "{input:?}");
    }

    #[test]
    fn grammar() {
        check("openid", Ok("openid"));
        check("profile openid profile", Ok("openid profile"));
        check("", Ok(""));
        check("a!#[]~", Ok("a!#[]~"));
        for bad in [" openid", "openid ", "a  b", "a\tb", "a\"b", "a\\b", "é", "a\u{7f}"] {
            check(bad, Err(ScopeError::Grammar));
        }
    }

    #[test]
    fn t_p38_sizes_are_bounded() {
        check(&"a".repeat(257), Err(ScopeError::TooLong));
        check(&"a".repeat(4097), Err(ScopeError::TooLong));
        let many = (0..101).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        check(&many, Err(ScopeError::TooLong));
    }

    proptest! {
        #[test]
        fn what_parses_prints_and_parses_again(text in "\\PC{0,60}") {
            if let Ok(set) = ScopeSet::parse(&text) {
                prop_assert_eq!(ScopeSet::parse(&set.to_string()).unwrap(), set);
            }
        }
    }
}
