//! OIDC Core §5.5: the `claims` parameter, by which a client asks for single claims where a scope would bring too many.
//!
//! Of the values that a claim may be asked for with, those of `sub` and `acr` count: they say who must be logged in, and
//! how. Any other value is the person's, whatever the client hopes for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::StandardClaim;
use crate::acr::Acr;
use crate::client::Client;
use crate::ids::Subject;
use crate::permission::{Permission, Permissions};
use crate::scope::ScopeToken;

/// Which claims were asked for by name, and for which place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// For the id_token.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub id_token: BTreeSet<StandardClaim>,
    /// For userinfo.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub userinfo: BTreeSet<StandardClaim>,
}

/// The parameter, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ClaimsParameter {
    /// Claims about the person.
    pub(crate) about: ClaimsRequest,
    /// Who must be logged in (§5.5.1).
    pub(crate) subject: Option<Subject>,
    /// Whether `auth_time` is to be in the id_token.
    pub(crate) auth_time: bool,
    /// Whether `acr` is to be in the id_token.
    pub(crate) acr: bool,
    /// The classes one of which must be reached, or the request fails (§5.5.1.1); empty: any.
    pub(crate) acr_values: BTreeSet<String>,
}

/// The parameter is not of the form of §5.5.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl ClaimsRequest {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }

    /// All that was asked for.
    pub(crate) fn everywhere(&self) -> BTreeSet<StandardClaim> {
        self.id_token.union(&self.userinfo).copied().collect()
    }

    /// What the client may ask for: claims of the scopes that it may have.
    pub(crate) fn of(self, client: &Client) -> Self {
        let may = |claims: BTreeSet<StandardClaim>| {
            claims.into_iter().filter(|claim| client.scopes.has(claim.scope())).collect()
        };
        Self { id_token: may(self.id_token), userinfo: may(self.userinfo) }
    }

    /// What a person is asked for: the scopes that would bring these claims. A page speaks of scopes, in words, and a yes to
    /// a claim is asked again where all of its scope is wanted, since the page has said no less.
    pub(crate) fn permissions(&self) -> Permissions {
        let scopes = self.everywhere().into_iter().filter_map(|claim| ScopeToken::parse(claim.scope().as_str()).ok());
        scopes.map(|scope| Permission { scope, audience: None }).collect()
    }
}

impl ClaimsParameter {
    /// Reads the parameter. Claims that this server does not know are ignored (§5.5).
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let members: Map<String, Value> = serde_json::from_str(text).map_err(|_| Malformed)?;
        let mut parameter = Self::default();
        for (place, is_id_token) in [("id_token", true), ("userinfo", false)] {
            let claims = match members.get(place) {
                None | Some(Value::Null) => continue,
                Some(Value::Object(claims)) => claims,
                Some(_) => return Err(Malformed),
            };
            for (name, wish) in claims {
                let wish = match wish {
                    Value::Null => &Map::new(),
                    Value::Object(wish) => wish,
                    Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => return Err(Malformed),
                };
                parameter.take(name, wish, is_id_token)?;
            }
        }
        Ok(parameter)
    }

    fn take(&mut self, name: &str, wish: &Map<String, Value>, is_id_token: bool) -> Result<(), Malformed> {
        match name {
            "sub" => {
                let Some(subject) = wish.get("value") else { return Ok(()) };
                let subject = Subject::new(subject.as_str().ok_or(Malformed)?);
                if self.subject.replace(subject.clone()).is_some_and(|other| other != subject) {
                    return Err(Malformed);
                }
            }
            "auth_time" => self.auth_time |= is_id_token,
            "acr" if is_id_token => {
                self.acr = true;
                if wish.get("essential") == Some(&Value::Bool(true)) {
                    let one = wish.get("value").into_iter();
                    let values = one.chain(wish.get("values").and_then(Value::as_array).into_iter().flatten());
                    for value in values {
                        self.acr_values.insert(value.as_str().ok_or(Malformed)?.to_owned());
                    }
                }
            }
            name => {
                let to = if is_id_token { &mut self.about.id_token } else { &mut self.about.userinfo };
                to.extend(StandardClaim::ALL.iter().find(|claim| claim.as_str() == name));
            }
        }
        Ok(())
    }

    /// Whether a class that is demanded can be reached here.
    pub(crate) fn acr_can_be_met(&self) -> bool {
        self.acr_values.is_empty() || Acr::ALL.iter().any(|acr| self.acr_values.contains(acr.as_str()))
    }
}

#[cfg(test)]
mod tests;
