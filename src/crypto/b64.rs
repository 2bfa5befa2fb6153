//! RFC 4648 §5, RFC 7515 §2: base64url without padding.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The text of the octets.
pub fn encode(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// The octets of the text, or `None` if the text is not what [`encode`] would have written.
///
/// Padding, white space, the plain base64 alphabet and set bits behind the last octet are refused, so that octets have
/// one text only: a token or a key cannot be respelled to slip past a comparison.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decode_is_strict() {
        for (text, expect) in [
            ("", Some(&b""[..])),
            ("AA", Some(b"\0")),
            ("AAA", Some(b"\0\0")),
            ("-_-_", Some(b"\xfb\xff\xbf")),
            ("AB", None),   // a set bit behind the last octet
            ("AAB", None),  // likewise
            ("AA==", None), // padding
            ("A", None),    // no whole octet
            ("+/+/", None), // the other alphabet
            ("A A", None),
            ("AA\n", None),
            ("é", None),
        ] {
            assert_eq!(decode(text).as_deref(), expect, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn octets_come_back(octets: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&octets)), Some(octets));
        }

        #[test]
        fn a_text_is_refused_or_the_only_one(text in "[A-Za-z0-9_=+/-]{0,12}") {
            if let Some(octets) = decode(&text) {
                prop_assert_eq!(encode(&octets), text);
            }
        }
    }
}
