//! RFC 7515 §4: the JOSE header, as far as it is believed.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::JwsError;
use crate::alg::Algorithm;

/// The members that are used. Everything else is ignored, above all whatever would bring its own key.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) alg: Algorithm,
    pub(super) kid: Option<String>,
    typ: Option<String>,
}

impl Header {
    pub(super) fn parse(json: &[u8]) -> Result<Self, JwsError> {
        let Raw { alg, kid, typ, crit } = serde_json::from_slice(json).map_err(|_| JwsError::Malformed)?;
        if crit {
            return Err(JwsError::Critical);
        }
        let alg = alg.ok_or(JwsError::Malformed)?.parse().map_err(|_| JwsError::Algorithm)?;
        Ok(Self { alg, kid, typ })
    }

    /// Whether the type is in the list; a missing one is there as the empty string.
    pub(super) fn is_type(&self, expected: &[&str]) -> bool {
        let own = self.typ.as_deref().map_or("", bare);
        // An empty `typ` is not the same as none.
        let empty = self.typ.is_some() && own.is_empty();
        !empty && expected.iter().any(|expected| bare(expected).eq_ignore_ascii_case(own))
    }
}

/// A media type without `application/`, which RFC 7515 §4.1.9 lets a producer leave out unless another slash follows.
fn bare(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

#[derive(Default)]
struct Raw {
    alg: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
    crit: bool,
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

/// Reads an object in which no member is named twice (RFC 7515 §4): two parsers must not see two headers.
struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut raw = Raw::default();
        let mut seen = BTreeSet::new();
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "alg" => raw.alg = Some(map.next_value()?),
                "kid" => raw.kid = Some(map.next_value()?),
                "typ" => raw.typ = Some(map.next_value()?),
                other => {
                    raw.crit |= other == "crit";
                    map.next_value::<IgnoredAny>()?;
                }
            }
            unique(&mut seen, name)?;
        }
        Ok(raw)
    }
}

/// A member name, borrowed from the document unless it has escapes.
#[derive(serde::Deserialize)]
pub(super) struct Name<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

pub(super) fn unique<'a, E: serde::de::Error>(seen: &mut BTreeSet<Cow<'a, str>>, name: Cow<'a, str>) -> Result<(), E> {
    if seen.insert(name) { Ok(()) } else { Err(E::custom("a member is named twice")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expect: Result<(Algorithm, Option<&str>, Option<&str>), JwsError>) {
        let found = Header::parse(json.as_bytes());
        let found = found.as_ref().map(|h| (h.alg, h.kid.as_deref(), h.typ.as_deref())).map_err(|e| *e);
        assert_eq!(found, expect, "{json}");
    }

    #[test]
    fn members_are_read_strictly() {
        check(r#"{"alg":"ES256"}"#, Ok((Algorithm::ES256, None, None)));
        check(r#"{"kid":"k","x":[{}],"typ":"JWT","alg":"RS256"}"#, Ok((Algorithm::RS256, Some("k"), Some("JWT"))));
        check(r#"{"\u0061lg":"RS256"}"#, Ok((Algorithm::RS256, None, None)));
        for json in [
            "",
            "null",
            "[]",
            "7",
            r#""alg""#,
            "{}",
            r#"{"alg":7}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","kid":null}"#,
            r#"{"alg":"RS256","typ":7}"#,
            r#"{"alg":"RS256"} "#.trim_end().trim_end_matches('}'),
            r#"{"alg":"RS256"}{}"#,
            "{\"alg\":\"RS256\",\"kid\":\"\u{1}\"}",
        ] {
            check(json, Err(JwsError::Malformed));
        }
    }

    #[test]
    fn a_member_given_twice_is_refused() {
        for json in [
            r#"{"alg":"ES256","alg":"ES256"}"#,
            r#"{"alg":"ES256","kid":"a","kid":"b"}"#,
            r#"{"alg":"ES256","\u0061lg":"none"}"#,
            r#"{"alg":"ES256","x":1,"x":1}"#,
        ] {
            check(json, Err(JwsError::Malformed));
        }
    }

    #[test]
    fn t_p18_unknown_algorithms_and_crit_are_refused() {
        for alg in ["none", "NONE", "HS512", "es256", ""] {
            check(&format!(r#"{{"alg":"{alg}"}}"#), Err(JwsError::Algorithm));
        }
        for crit in [r#"["exp"]"#, "[]", "null", r#"["b64"]"#] {
            check(&format!(r#"{{"alg":"ES256","crit":{crit}}}"#), Err(JwsError::Critical));
        }
    }

    #[test]
    fn t_p20_types_are_compared_as_media_types() {
        let is_type = |typ: Option<&str>, expected: &[&str]| {
            Header { alg: Algorithm::ES256, kid: None, typ: typ.map(str::to_owned) }.is_type(expected)
        };
        for (typ, expected, expect) in [
            (Some("at+jwt"), &["at+jwt"][..], true),
            (Some("AT+JWT"), &["at+jwt"], true),
            (Some("application/at+jwt"), &["at+jwt"], true),
            (Some("APPLICATION/at+jwt"), &["application/AT+jwt"], true),
            (Some("at+jwt"), &["JWT", "at+jwt"], true),
            (Some("JWT"), &["at+jwt"], false),
            (Some("at+jwt "), &["at+jwt"], false),
            (Some("application/application/at+jwt"), &["at+jwt"], false),
            (Some("text/at+jwt"), &["at+jwt"], false),
            (Some(""), &["at+jwt"], false),
            (Some(""), &["", "at+jwt"], false),
            (Some("application/"), &["", "at+jwt"], false),
            (None, &["at+jwt"], false),
            (None, &["", "at+jwt"], true),
            (None, &[], false),
            (Some("at+jwt"), &[], false),
            (Some("at+jwt"), &[""], false),
        ] {
            assert_eq!(is_type(typ, expected), expect, "{typ:?} in {expected:?}");
        }
    }
}
