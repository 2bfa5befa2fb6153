//! OIDC Core §5.3, §5.4: which claims of an account reach the id_token, userinfo and the access token.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::request::ClaimsRequest;
use super::standard::StandardClaim;
use crate::account::Account;
use crate::client::{AbsentClaims, Client, GroupsClaim, ScopeClaims, UserAccess};
use crate::scope::ScopeSet;

/// A place that claims are released to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ClaimTarget {
    /// The id_token (OIDC Core §2).
    IdToken,
    /// The userinfo response (OIDC Core §5.3.2).
    Userinfo,
    /// A JWT access token (RFC 9068 §2.2.2).
    AccessToken,
}

/// A claim that an application adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraClaim {
    /// Its name; never a reserved one.
    pub name: String,
    /// Where its value comes from.
    pub value: ExtraValue,
    /// Where it goes.
    pub targets: BTreeSet<ClaimTarget>,
}

/// Where the value of an extra claim comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExtraValue {
    /// The same for everybody.
    Fixed(String),
    /// The account's attribute of this name.
    Attribute(String),
}

/// The claims about `account` that `target` receives. `sub` and the protocol's own members are not among them.
pub fn release(
    client: &Client,
    account: &Account,
    scope: &ScopeSet,
    asked: &ClaimsRequest,
    target: ClaimTarget,
) -> Map<String, Value> {
    let none = BTreeSet::new();
    let (by_scope, by_name) = match target {
        ClaimTarget::Userinfo => (true, &asked.userinfo),
        ClaimTarget::IdToken => (client.id_token.scope_claims == ScopeClaims::IdTokenToo, &asked.id_token),
        ClaimTarget::AccessToken => (false, &none),
    };
    select(client, account, scope, by_name, target, by_scope)
}

/// The claims of a client's own token: those that are the same for everybody.
pub(crate) fn release_fixed(client: &Client, target: ClaimTarget) -> Map<String, Value> {
    let fixed = client.extra_claims.iter().filter(|extra| extra.targets.contains(&target));
    let fixed = fixed.filter_map(|extra| match &extra.value {
        ExtraValue::Fixed(value) => Some((extra.name.clone(), Value::String(value.clone()))),
        ExtraValue::Attribute(_) => None,
    });
    fixed.collect()
}

/// The claims of an id_token that comes without an access token: all that userinfo would say, too.
pub(crate) fn release_all(
    client: &Client,
    account: &Account,
    scope: &ScopeSet,
    asked: &ClaimsRequest,
) -> Map<String, Value> {
    select(client, account, scope, &asked.everywhere(), ClaimTarget::IdToken, true)
}

fn select(
    client: &Client,
    account: &Account,
    scope: &ScopeSet,
    by_name: &BTreeSet<StandardClaim>,
    target: ClaimTarget,
    by_scope: bool,
) -> Map<String, Value> {
    let mut claims = Map::new();
    for claim in StandardClaim::ALL.iter().copied() {
        // The groups scope goes to the id_token and userinfo alike: most relying parties look only at the id_token.
        let groups = claim == StandardClaim::Groups;
        let by_scope = scope.has(claim.scope()) && (by_scope || groups && target == ClaimTarget::IdToken);
        // What was asked for by name may have been withdrawn since.
        if !(by_scope || by_name.contains(&claim) && client.scopes.has(claim.scope())) {
            continue;
        }
        let value = if groups { groups_value(client, account) } else { account.claims.get(&claim).cloned() };
        match (value, client.id_token.absent_claims) {
            (Some(value), _) => {
                claims.insert(claim.as_str().to_owned(), value);
            }
            (None, AbsentClaims::Null) if !groups => {
                claims.insert(claim.as_str().to_owned(), Value::Null);
            }
            (None, AbsentClaims::Null | AbsentClaims::Omit) => {}
        }
    }
    for extra in client.extra_claims.iter().filter(|extra| extra.targets.contains(&target)) {
        let value = match &extra.value {
            ExtraValue::Fixed(value) => Some(value),
            ExtraValue::Attribute(attribute) => account.attributes.get(attribute),
        };
        if let Some(value) = value {
            claims.insert(extra.name.clone(), Value::String(value.clone()));
        }
    }
    claims
}

fn groups_value(client: &Client, account: &Account) -> Option<Value> {
    let visible: Vec<Value> = match (client.groups_claim, &client.user_access) {
        (GroupsClaim::None, _) => return None,
        (GroupsClaim::All, _) => account.groups.iter().map(|group| group.as_str().into()).collect(),
        (GroupsClaim::Matching, UserAccess::AnyUser) => Vec::new(),
        (GroupsClaim::Matching, UserAccess::Groups(named)) => {
            account.groups.intersection(named).map(|group| group.as_str().into()).collect()
        }
    };
    Some(Value::Array(visible))
}

#[cfg(test)]
mod tests;
