//! What a person grants: scopes, and where one is an API's, of which API. Two APIs may have scopes of one name, and what
//! was granted at the one says nothing about the other (RFC 8707 §3).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scope::{ScopeError, ScopeSet, ScopeToken, StandardScope};

/// One scope. Its text is the scope, and behind a space, which no scope has, the audience of its API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Permission {
    /// The scope.
    pub scope: ScopeToken,
    /// The audience of the API that it belongs to, if it belongs to one.
    pub audience: Option<String>,
}

/// Scopes that are granted together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(BTreeSet<Permission>);

impl Permission {
    /// Reads the text.
    ///
    /// # Errors
    /// The first word is no scope.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let (scope, audience) = text.split_once(' ').map_or((text, None), |(scope, at)| (scope, Some(at.to_owned())));
        Ok(Self { scope: ScopeToken::parse(scope)?, audience })
    }
}

impl Permissions {
    /// Whether the standard scope is among them.
    pub fn has(&self, scope: StandardScope) -> bool {
        self.0.iter().any(|permission| permission.audience.is_none() && permission.scope.as_str() == scope.as_str())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them, by scope.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }

    /// Their scopes.
    pub fn scope(&self) -> ScopeSet {
        self.0.iter().map(|permission| permission.scope.clone()).collect()
    }

    /// Whether each of them is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Those of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// Those that `keep` likes.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&Permission) -> bool) -> Self {
        Self(self.0.iter().filter(|permission| keep(permission)).cloned().collect())
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scope.as_str())?;
        self.audience.as_ref().map_or(Ok(()), |audience| write!(f, " {audience}"))
    }
}

impl TryFrom<String> for Permission {
    type Error = ScopeError;

    fn try_from(text: String) -> Result<Self, ScopeError> {
        Self::parse(&text)
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_scope_of_an_api_is_another_than_the_same_word_elsewhere() {
        let [own, orders, stock] = ["read", "read https://orders.example", "read https://stock.example"]
            .map(|text| Permissions::from_iter([Permission::parse(text).unwrap()]));
        assert!(!own.is_subset(&orders) && !orders.is_subset(&own) && !orders.is_subset(&stock));
        assert!(orders.is_subset(&own.union(&orders)));
        assert_eq!(own.union(&orders).scope().to_string(), "read");
        let openid = Permissions::from_iter([Permission::parse("openid https://orders.example").unwrap()]);
        assert!(!openid.has(StandardScope::OpenId));
        assert!(Permission::parse("").is_err() && Permission::parse(" https://orders.example").is_err());
    }

    proptest! {
        #[test]
        fn the_text_says_all_of_it(scope in "[!#-\\[\\]-~]{1,20}", audience in proptest::option::of("\\PC{0,40}")) {
            let permission = Permission { scope: ScopeToken::parse(&scope).unwrap(), audience };
            prop_assert_eq!(Permission::parse(&permission.to_string()).unwrap(), permission);
        }
    }
}
