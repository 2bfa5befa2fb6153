//! Addresses that the server itself calls because a manifest says so: a client's keys (RFC 7591 §2, `jwks_uri`), and where
//! it hears of a logout (Back-Channel Logout 1.0 §2.2).

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::uri::MAX_URI_LENGTH;

/// Whether the host that is called may have an address that is not of the internet (RFC 1918, RFC 4193, RFC 6598). Loopback
/// and link-local addresses are never private in this sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PrivateAddresses {
    /// Such an address is refused.
    Denied,
    /// Such an address is called.
    Allowed,
}

/// An `https` address without user information and fragment, parsed once: the host that policy judges and the host that
/// is called cannot differ, since nobody reads the text a second time.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CalledUri(Url);

/// Why text is not an address that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalledUriError {
    /// Longer than [`MAX_URI_LENGTH`].
    #[error("the URI is longer than 1024 bytes")]
    TooLong,
    /// Not a URL with a host, or of another scheme.
    #[error("the URI must be an https URL")]
    Scheme,
    /// User information, which would be sent along as a password, or a fragment, which never is.
    #[error("the URI must have no user information and no fragment")]
    Extra,
}

impl CalledUri {
    /// Judges the shape of an address.
    ///
    /// # Errors
    /// It is none that is called.
    pub fn parse(text: &str) -> Result<Self, CalledUriError> {
        if text.len() > MAX_URI_LENGTH {
            return Err(CalledUriError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| CalledUriError::Scheme)?;
        if url.scheme() != "https" || url.host().is_none() {
            return Err(CalledUriError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(CalledUriError::Extra);
        }
        Ok(Self(url))
    }

    /// The address.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The host without port, for policies: lower case, and an address in its one usual form.
    pub fn host_str(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The host: a name, or an address however it was written.
    pub fn host(&self) -> Option<Host<&str>> {
        self.0.host()
    }
}

impl fmt::Display for CalledUri {
    /// Without its query, in which some write what should not stand in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.origin().ascii_serialization(), self.0.path())
    }
}

impl fmt::Debug for CalledUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CalledUri({self})")
    }
}

impl TryFrom<String> for CalledUri {
    type Error = CalledUriError;

    fn try_from(text: String) -> Result<Self, CalledUriError> {
        Self::parse(&text)
    }
}

impl From<CalledUri> for String {
    fn from(uri: CalledUri) -> Self {
        uri.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, CalledUriError>) {
        let found = CalledUri::parse(text);
        assert_eq!(found.as_ref().map(CalledUri::host_str).map_err(|error| *error), expect, "{text}");
    }

    #[test]
    fn t_k14_the_host_that_is_judged_is_the_host_that_is_called() {
        check("https://keys.example.com/jwks.json", Ok("keys.example.com"));
        check("https://keys.example.com:8443/jwks.json?tenant=a", Ok("keys.example.com"));
        check("https://KEYS.example.com", Ok("keys.example.com"));
        // However an address is written, it is judged as the address that it is.
        check("https://2130706433/", Ok("127.0.0.1"));
        check("https://0x7f.1/", Ok("127.0.0.1"));
        check("https://%31%32%37.0.0.1/", Ok("127.0.0.1"));
        check("https://127.0.0.1./", Ok("127.0.0.1"));
        check("https://[::FFFF:127.0.0.1]/", Ok("[::ffff:7f00:1]"));
        check("https://keys.example.com\\@evil.example/", Ok("keys.example.com"));
        check("https://keys.example.com@evil.example/", Err(CalledUriError::Extra));
        check("https://keys.example.com:x@evil.example/", Err(CalledUriError::Extra));
        check("https://keys.example.com/#here", Err(CalledUriError::Extra));
        check("http://keys.example.com/", Err(CalledUriError::Scheme));
        check("file:///etc/passwd", Err(CalledUriError::Scheme));
        check("https://", Err(CalledUriError::Scheme));
        check("jwks.json", Err(CalledUriError::Scheme));
        check(&format!("https://keys.example.com/{}", "x".repeat(1024)), Err(CalledUriError::TooLong));
    }

    #[test]
    fn it_travels_as_text_and_is_logged_without_its_query() {
        let text = "https://keys.example.com/a?key=s3cret";
        let uri = CalledUri::parse(text).unwrap();
        let json = format!("\"{text}\"");
        assert_eq!(serde_json::to_string(&uri).unwrap(), json);
        assert_eq!(serde_json::from_str::<CalledUri>(&json).unwrap(), uri);
        assert!(serde_json::from_str::<CalledUri>(&json.replace("https", "http")).is_err());
        assert_eq!(uri.to_string(), "https://keys.example.com/a");
        assert!(!format!("{uri:?}").contains("s3cret"));
    }
}
