//! RFC 7519 §4.1, RFC 8725 §3.8 to §3.10: the registered claims that decide whether a token is for us, and now.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::header::{Name, unique};
use super::{Expect, Expired, JwsError};

/// Checks the claims of a token whose signature has been verified.
///
/// `exp` and `iat` must be there and be whole numbers: a token without them would have no end, or no age.
pub(super) fn check(payload: &[u8], expect: &Expect<'_>) -> Result<(), JwsError> {
    let Expect { typ: _, algorithms: _, issuer, audience, now, leeway, expired } = *expect;
    let claims: Registered<'_> = serde_json::from_slice(payload).map_err(|_| JwsError::Claims)?;
    let Registered { iss: Some(iss), aud: Some(aud), exp: Some(exp), iat: Some(iat), nbf } = claims else {
        return Err(JwsError::Claims);
    };
    if iss != issuer {
        return Err(JwsError::Issuer);
    }
    if !aud.0.iter().any(|one| audience.accepts(one)) {
        return Err(JwsError::Audience);
    }
    // Saturating, so that no claim can turn the comparison around.
    let leeway = leeway.max(0);
    if expired == Expired::Refuse && now.saturating_sub(leeway) >= exp {
        return Err(JwsError::Expired);
    }
    let latest = now.saturating_add(leeway);
    if iat > latest || nbf.is_some_and(|nbf| nbf > latest) {
        return Err(JwsError::NotYet);
    }
    Ok(())
}

#[derive(Default)]
struct Registered<'a> {
    iss: Option<Cow<'a, str>>,
    aud: Option<Audiences<'a>>,
    exp: Option<i64>,
    iat: Option<i64>,
    nbf: Option<i64>,
}

impl<'de> Deserialize<'de> for Registered<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RegisteredVisitor)
    }
}

/// Reads an object in which no claim is named twice (RFC 7519 §4): the claims that are checked here must be the ones
/// that the caller reads.
struct RegisteredVisitor;

impl<'de> Visitor<'de> for RegisteredVisitor {
    type Value = Registered<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWT claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Registered<'de>, A::Error> {
        let mut claims = Registered::default();
        let mut seen = BTreeSet::new();
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "iss" => claims.iss = Some(map.next_value::<Name<'_>>()?.0),
                "aud" => claims.aud = Some(map.next_value()?),
                "exp" => claims.exp = Some(map.next_value()?),
                "iat" => claims.iat = Some(map.next_value()?),
                "nbf" => claims.nbf = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            unique(&mut seen, name)?;
        }
        Ok(claims)
    }
}

/// `aud`: one string or an array of them.
struct Audiences<'a>(Vec<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Audiences<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AudiencesVisitor)
    }
}

struct AudiencesVisitor;

impl<'de> Visitor<'de> for AudiencesVisitor {
    type Value = Audiences<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E>(self, one: &'de str) -> Result<Self::Value, E> {
        Ok(Audiences(vec![Cow::Borrowed(one)]))
    }

    fn visit_str<E>(self, one: &str) -> Result<Self::Value, E> {
        Ok(Audiences(vec![Cow::Owned(one.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Name(one)) = seq.next_element()? {
            all.push(one);
        }
        Ok(Audiences(all))
    }
}
