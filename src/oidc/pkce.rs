//! RFC 7636: proof key for code exchange, method S256 only (`plain` protects nobody: RFC 9700 §2.1.1).

use crypto::{Secret, b64, hash};
use serde::{Deserialize, Serialize};

/// A `code_challenge` of method S256: base64url of a SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Challenge([u8; 32]);

/// A `code_verifier`: 43 to 128 unreserved characters (RFC 7636 §4.1).
#[derive(Debug)]
pub struct Verifier(Secret<String>);

impl Challenge {
    /// Reads a `code_challenge`; `None` unless it is the base64url form of 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(b64::decode(text)?.try_into().ok()?))
    }
}

impl Verifier {
    /// Reads a `code_verifier`; `None` where the grammar forbids it.
    pub fn parse(text: &str) -> Option<Self> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let fits = (43..=128).contains(&text.len()) && text.bytes().all(unreserved);
        fits.then(|| Self(Secret::new(text.to_owned())))
    }

    /// RFC 7636 §4.6: whether this verifier is the one behind the challenge, in constant time.
    pub fn answers(&self, challenge: &Challenge) -> bool {
        crypto::constant_time_eq(&hash::sha256(self.0.expose().as_bytes()), &challenge.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn rfc7636_appendix_b() {
        assert!(Verifier::parse(VERIFIER).unwrap().answers(&Challenge::parse(CHALLENGE).unwrap()));
    }

    #[test]
    fn another_verifier_does_not_answer() {
        let other = Verifier::parse(&"a".repeat(43)).unwrap();
        assert!(!other.answers(&Challenge::parse(CHALLENGE).unwrap()));
    }

    #[test]
    fn verifier_grammar() {
        for (text, fits) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("a".repeat(128), true),
            ("a".repeat(129), false),
            (format!("{}-._~", "a".repeat(43)), true),
            (format!("{}+", "a".repeat(43)), false),
            (format!("{}é", "a".repeat(43)), false),
        ] {
            assert_eq!(Verifier::parse(&text).is_some(), fits, "{text}");
        }
    }

    #[test]
    fn challenge_grammar() {
        for bad in [
            "",
            "short",
            &format!("{CHALLENGE}="),
            CHALLENGE.get(..42).unwrap(),
            &format!("{CHALLENGE}A"),
            VERIFIER.trim_end_matches('k'),
        ] {
            assert!(Challenge::parse(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_verifier_answers_its_own_challenge_and_no_other(verifier in "[A-Za-z0-9._~-]{43,128}", other in "[A-Za-z0-9._~-]{43,128}") {
            let text = b64::encode(&hash::sha256(verifier.as_bytes()));
            let challenge = Challenge::parse(&text).unwrap();
            prop_assert!(Verifier::parse(&verifier).unwrap().answers(&challenge));
            prop_assert_eq!(Verifier::parse(&other).unwrap().answers(&challenge), other == verifier);
        }

        /// RFC 7636 §4.1: 43*128unreserved, by the grammar of RFC 3986 §2.3.
        #[test]
        fn a_verifier_is_what_the_grammar_says(text in "[ -~é]{40,44}|[A-Za-z0-9._~-]{125,131}") {
            let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            let count = text.chars().count();
            prop_assert_eq!(Verifier::parse(&text).is_some(), text.chars().all(unreserved) && (43..=128).contains(&count));
        }

        /// RFC 4648 §5 without padding, and one text for each value: what is compared later is what was sent.
        #[test]
        fn a_challenge_has_one_text(text in "[A-Za-z0-9_-]{42,44}=?") {
            if let Some(challenge) = Challenge::parse(&text) {
                prop_assert_eq!(b64::encode(&challenge.0), text);
            }
        }
    }
}
