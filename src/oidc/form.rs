//! RFC 6749 §3.1, §3.2: parameters as they arrive. A parameter sent twice is refused, and cleared before anything reads it.

use std::collections::{BTreeMap, BTreeSet};

use crypto::Secret;

/// Parameters of one query or form body, each at most once.
#[derive(Debug, Default)]
pub struct Form {
    values: BTreeMap<String, Secret<String>>,
    duplicates: BTreeSet<String>,
}

/// Why bytes are not a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Not UTF-8 after decoding, or a broken percent sequence.
    #[error("the parameters are not valid percent-encoded UTF-8")]
    Encoding,
    /// More than [`Form::MAX_PARAMETERS`].
    #[error("there are more than 100 parameters")]
    TooMany,
}

impl Form {
    /// Parameters of one request at the most.
    pub const MAX_PARAMETERS: usize = 100;

    /// Reads `application/x-www-form-urlencoded` bytes: a query string without its `?`, or a body. A parameter without a
    /// value counts as not sent (RFC 6749 §3.1).
    pub fn parse(bytes: &[u8]) -> Result<Self, FormError> {
        let mut form = Self::default();
        let pairs = bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        for (position, pair) in pairs.enumerate() {
            if position >= Self::MAX_PARAMETERS {
                return Err(FormError::TooMany);
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            if form.duplicates.contains(&name) {
                continue;
            }
            if form.values.insert(name.clone(), Secret::new(value)).is_some() {
                form.values.remove(&name);
                form.duplicates.insert(name);
            }
        }
        form.values.retain(|_, value| !value.expose().is_empty());
        Ok(form)
    }

    /// Takes a parameter out; `None` where it was not sent, sent empty or sent twice.
    pub fn take(&mut self, name: &str) -> Option<Secret<String>> {
        self.values.remove(name)
    }

    /// Takes a parameter out that is no secret.
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        self.take(name).map(|value| value.expose().clone())
    }

    /// Whether the parameter was sent, once or more often.
    pub fn names(&self, name: &str) -> bool {
        self.values.contains_key(name) || self.duplicates.contains(name)
    }

    /// Whether there is no parameter at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.duplicates.is_empty()
    }

    /// Names that were sent more than once; their values are gone.
    pub fn duplicates(&self) -> &BTreeSet<String> {
        &self.duplicates
    }
}

fn decode(bytes: &[u8]) -> Result<String, FormError> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else { return Err(FormError::Encoding) };
                u8::try_from(high * 16 + low).map_err(|_| FormError::Encoding)?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).map_err(|_| FormError::Encoding)
}

/// Decodes one form-urlencoded value, as HTTP Basic credentials carry it (RFC 6749 §2.3.1, appendix B).
pub(crate) fn decode_value(text: &str) -> Option<String> {
    decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(input: &str, name: &str) -> Option<String> {
        Form::parse(input.as_bytes()).unwrap().take_text(name)
    }

    #[test]
    fn values_are_decoded() {
        assert_eq!(value("a=1&b=x+y%2Bz", "b").as_deref(), Some("x y+z"));
        assert_eq!(value("a=%C3%A9", "a").as_deref(), Some("é"));
        assert_eq!(value("a=b=c", "a").as_deref(), Some("b=c"));
        assert_eq!(value("&&a=1&", "a").as_deref(), Some("1"));
    }

    #[test]
    fn empty_counts_as_not_sent() {
        assert_eq!(value("a=&b", "a"), None);
        assert_eq!(value("a=&b", "b"), None);
    }

    #[test]
    fn t_p37_a_parameter_sent_twice_has_no_value() {
        let mut form = Form::parse(b"a=1&b=2&a=1&a=3").unwrap();
        assert!(form.names("a"));
        assert_eq!(form.take_text("a"), None);
        assert_eq!(form.take_text("b").as_deref(), Some("2"));
        assert_eq!(form.duplicates().iter().collect::<Vec<_>>(), ["a"]);
        assert!(Form::parse(b"a=&a=1").unwrap().duplicates().contains("a"), "an empty one counts as sent");
        assert!(Form::parse(b"%61=1&a=2").unwrap().duplicates().contains("a"), "encoding hides nothing");
    }

    #[test]
    fn broken_encodings_are_refused() {
        for bad in ["a=%", "a=%2", "a=%zz", "a=%ff", "%c3=1"] {
            assert_eq!(Form::parse(bad.as_bytes()).err(), Some(FormError::Encoding), "{bad}");
        }
    }

    #[test]
    fn t_p38_the_number_of_parameters_is_bounded() {
        let many = (0..101).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(Form::parse(many.as_bytes()).err(), Some(FormError::TooMany));
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(Form::parse(&bytes));
        }

        #[test]
        fn agrees_with_the_url_standard(name in "[a-z]{1,8}", text in "\\PC{1,40}") {
            let encoded: String = url::form_urlencoded::Serializer::new(String::new()).append_pair(&name, &text).finish();
            prop_assert_eq!(value(&encoded, &name), Some(text));
        }
    }
}
