//! RFC 6749 §3.1.2, RFC 8252 §7, OIDC Discovery §3: issuers and redirect URIs, and the only rule by which one matches.

use serde::{Deserialize, Serialize};
use url::Url;

/// Bytes of a redirect URI at the most.
pub const MAX_URI_LENGTH: usize = 1024;

/// An issuer identifier: `https`, or `http` on a loopback host; no query, fragment, user information or trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    url: String,
    host: String,
    path_start: usize,
    loopback_http: bool,
}

/// Why text is not an issuer identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Not a URL, or not in the form in which every party would print it.
    #[error(
        "the issuer must be an absolute URL in its normal form (lower-case host, no default port, no dot segments)"
    )]
    Form,
    /// `http` elsewhere than on a loopback host, or another scheme.
    #[error("the issuer must be https, or http on a loopback host")]
    Scheme,
    /// Query, fragment, user information or a trailing slash.
    #[error("the issuer must have no query, fragment, user information or trailing slash")]
    Extra,
}

impl Issuer {
    /// Reads an issuer identifier. It is compared as text by every relying party, so only the normal form is taken.
    pub fn parse(text: &str) -> Result<Self, IssuerError> {
        let url = Url::parse(text).map_err(|_| IssuerError::Form)?;
        if url.query().is_some() || url.fragment().is_some() || text.ends_with('/') || text.contains('@') {
            return Err(IssuerError::Extra);
        }
        let host = url.host_str().ok_or(IssuerError::Form)?;
        let loopback_http = match url.scheme() {
            "https" => false,
            "http" if is_loopback_host(host) => true,
            _ => return Err(IssuerError::Scheme),
        };
        // The parser adds a slash to an empty path; apart from that, text and normal form must agree.
        let normal = url.as_str();
        let same = normal == text || normal.strip_suffix('/') == Some(text);
        let plain =
            text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'\\' | b'"' | b'<' | b'>'));
        if !same || !plain {
            return Err(IssuerError::Form);
        }
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let path_start = url.scheme().len() + "://".len() + authority.len();
        Ok(Self { url: text.to_owned(), host: authority, path_start, loopback_http })
    }

    /// The same issuer on another host (a name or an address, without port); scheme, port and path stay.
    ///
    /// # Errors
    /// As [`Self::parse`]: `http`, for example, stays on this machine.
    pub fn on(&self, host: &str) -> Result<Self, IssuerError> {
        let (scheme, _) = self.url.split_once("://").unwrap_or_default();
        // An address in brackets has colons of its own.
        let port = self.host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let port = port.map(|(_, port)| format!(":{port}")).unwrap_or_default();
        let moved = Self::parse(&format!("{scheme}://{host}{port}{}", self.path()))?;
        // What is no host would otherwise be port, path or anything else.
        if moved.host == format!("{host}{port}") { Ok(moved) } else { Err(IssuerError::Form) }
    }

    /// The identifier, as `iss` carries it.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Host and port as a `Host` header must name them; the port only where it is not the scheme's own.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path, `""` or starting with a slash; every endpoint stands below it.
    pub fn path(&self) -> &str {
        self.url.get(self.path_start..).unwrap_or_default()
    }

    /// Scheme, host and port: what a browser calls the origin.
    pub fn origin(&self) -> &str {
        self.url.get(..self.path_start).unwrap_or_default()
    }

    /// Whether it is `http` on a loopback host, where a cookie cannot be `Secure`.
    pub fn is_loopback_http(&self) -> bool {
        self.loopback_http
    }

    /// The URL of an endpoint below the issuer; `path` starts with a slash.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// Whether a host is this machine by its very form: `127.0.0.0/8`, `[::1]`, `localhost` and the names below it (RFC 6761
/// §6.3).
pub fn is_loopback_host(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// A registered redirect URI whose shape was judged: printable ASCII without `#`, `*`, backslash, user information or dot
/// segments; `https`, `http` on `127.0.0.1`, `[::1]` or `localhost`, or a private-use scheme with a dot (RFC 8252 §7.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri {
    raw: String,
    kind: RedirectKind,
}

/// What a redirect URI leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RedirectKind {
    /// `https` to some host.
    Https,
    /// `http` to this machine by address (`127.0.0.1`, `[::1]`).
    LoopbackAddress,
    /// `http` to `localhost`, which a resolver could send elsewhere.
    Localhost,
    /// A private-use scheme such as `com.example.app:/callback`.
    PrivateUse,
}

/// Why text is not a redirect URI that may be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Longer than [`MAX_URI_LENGTH`].
    #[error("the URI is longer than 1024 bytes")]
    TooLong,
    /// A character that no registered URI may hold.
    #[error("the URI must be printable ASCII without spaces, `#`, `*` or backslash")]
    Characters,
    /// `user@host`.
    #[error("the URI must have no user information")]
    UserInformation,
    /// `.` or `..` as a path segment, plain or percent-encoded.
    #[error("the path must have no dot segments")]
    DotSegments,
    /// Neither https, nor http on a loopback host, nor a private-use scheme with a dot.
    #[error("the URI must be https, http on a loopback host, or have a private-use scheme with a dot")]
    Scheme,
    /// No host, or a port that is none.
    #[error("the host or port cannot be read")]
    Host,
}

impl RedirectUri {
    /// Judges the shape of a URI that is to be registered.
    pub fn parse(text: &str) -> Result<Self, RedirectUriError> {
        if text.len() > MAX_URI_LENGTH {
            return Err(RedirectUriError::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'*' | b'\\')) {
            return Err(RedirectUriError::Characters);
        }
        let parts = Parts::split(text).ok_or(RedirectUriError::Scheme)?;
        if parts.authority.contains('@') {
            return Err(RedirectUriError::UserInformation);
        }
        if parts.path().split('/').any(is_dot_segment) {
            return Err(RedirectUriError::DotSegments);
        }
        let kind = match parts.scheme {
            "https" => RedirectKind::Https,
            "http" => match parts.host_and_port().map(|(host, _)| host) {
                Some("127.0.0.1" | "[::1]") => RedirectKind::LoopbackAddress,
                Some("localhost") => RedirectKind::Localhost,
                Some(_) => return Err(RedirectUriError::Scheme),
                None => return Err(RedirectUriError::Host),
            },
            scheme if is_private_use_scheme(scheme) => RedirectKind::PrivateUse,
            _ => return Err(RedirectUriError::Scheme),
        };
        match kind {
            RedirectKind::PrivateUse => {}
            RedirectKind::Https | RedirectKind::LoopbackAddress | RedirectKind::Localhost => {
                let (host, _) = parts.host_and_port().ok_or(RedirectUriError::Host)?;
                // The text that is compared and the host that a browser would visit must be the same thing.
                let url = Url::parse(text).map_err(|_| RedirectUriError::Host)?;
                if url.host_str() != Some(host) {
                    return Err(RedirectUriError::Host);
                }
            }
        }
        Ok(Self { raw: text.to_owned(), kind })
    }

    /// The text, exactly as registered.
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// What it leads to.
    pub fn kind(&self) -> RedirectKind {
        self.kind
    }

    /// The host without port, for policies; `None` for a private-use scheme.
    pub fn host(&self) -> Option<&str> {
        match self.kind {
            RedirectKind::PrivateUse => None,
            RedirectKind::Https | RedirectKind::LoopbackAddress | RedirectKind::Localhost => {
                Parts::split(&self.raw)?.host_and_port().map(|(host, _)| host)
            }
        }
    }

    /// The scheme.
    pub fn scheme(&self) -> &str {
        self.raw.split(':').next().unwrap_or_default()
    }

    /// Whether a presented URI is this one: equal byte by byte, or, where `any_loopback_port` (a native application,
    /// RFC 8252 §7.3) and both are `http` on the same loopback host, equal in all but the port.
    pub fn matches(&self, presented: &str, any_loopback_port: bool) -> bool {
        if self.raw == presented {
            return true;
        }
        if !any_loopback_port || presented.len() > MAX_URI_LENGTH {
            return false;
        }
        match self.kind {
            RedirectKind::LoopbackAddress | RedirectKind::Localhost => {
                let (Some(mine), Some(theirs)) = (Parts::split(&self.raw), Parts::split(presented)) else {
                    return false;
                };
                let (Some((my_host, _)), Some((their_host, _))) = (mine.host_and_port(), theirs.host_and_port()) else {
                    return false;
                };
                mine.scheme == theirs.scheme && my_host == their_host && mine.rest == theirs.rest
            }
            RedirectKind::Https | RedirectKind::PrivateUse => false,
        }
    }

    /// What a page's `form-action` must allow so that the browser follows the redirect after a form: the origin, or the
    /// scheme of a private-use URI.
    pub fn form_action_source(&self, redirect_to: &str) -> String {
        match (self.kind, Parts::split(redirect_to)) {
            (RedirectKind::PrivateUse, _) | (_, None) => format!("{}:", self.scheme()),
            (_, Some(parts)) => format!("{}://{}", parts.scheme, parts.authority),
        }
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = RedirectUriError;

    fn try_from(text: String) -> Result<Self, RedirectUriError> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.raw
    }
}

/// The URI with these parameters behind the query that it may have, which stays as it is (RFC 6749 §3.1.2, §4.1.2).
pub(crate) fn with_query<V: AsRef<str>>(uri: &str, parameters: impl IntoIterator<Item = (&'static str, V)>) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{uri}{}{query}", if uri.contains('?') { '&' } else { '?' })
}

/// A URI cut at its delimiters and not otherwise touched (RFC 3986 §3): nothing is decoded, folded or resolved.
struct Parts<'a> {
    scheme: &'a str,
    authority: &'a str,
    /// Path and query, as they stand.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let (scheme, after) = text.split_once(':')?;
        let Some(hierarchical) = after.strip_prefix("//") else {
            return Some(Self { scheme, authority: "", rest: after });
        };
        let end = hierarchical.find(['/', '?']).unwrap_or(hierarchical.len());
        let (authority, rest) = hierarchical.split_at_checked(end)?;
        Some(Self { scheme, authority, rest })
    }

    fn path(&self) -> &'a str {
        self.rest.split('?').next().unwrap_or_default()
    }

    /// Host and decimal port; `None` where there is no host or the port is not a number from 1 to 65535.
    fn host_and_port(&self) -> Option<(&'a str, Option<u16>)> {
        let (host, port) = match self.authority.rfind(']') {
            Some(end) => {
                let (host, after) = self.authority.split_at_checked(end + 1)?;
                (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
            }
            None => match self.authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (self.authority, None),
            },
        };
        let port = match port {
            None => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0') => {
                Some(digits.parse().ok()?)
            }
            Some(_) => return None,
        };
        (!host.is_empty()).then_some((host, port))
    }
}

fn is_dot_segment(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

fn is_private_use_scheme(scheme: &str) -> bool {
    let mut bytes = scheme.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && scheme.contains('.')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'))
}

#[cfg(test)]
mod tests;
