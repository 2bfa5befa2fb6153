//! RFC 6265 and its successor draft (`__Host-` prefix): the cookies of an issuer.
//!
//! The session cookie names a session. The binding cookie is a random value that ties a login form to the browser that
//! it was shown in: its hash stands in the sealed handle, so that a form made for one browser is of no use in another.
//! The browser state is for the framed page of Session Management, where a provider offers that; it proves nothing.
//! All names carry a tag of the issuer, so that a cookie of one issuer is never taken for one of another.

use crypto::{Secret, b64, hash};
use http::{HeaderMap, HeaderValue, header};
use oidc::browser_state::BrowserState;
use oidc::uri::Issuer;

/// The names of an issuer's cookies, made once per catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CookieNames {
    session: String,
    binding: String,
    browser_state: String,
    secure: bool,
}

impl CookieNames {
    /// The names for this issuer. Browsers keep a `__Host-` cookie only when it is `Secure`, which one for `http` on a
    /// loopback host cannot be.
    pub(crate) fn new(issuer: &Issuer) -> Self {
        let digest = hash::sha256(issuer.as_str().as_bytes());
        let tag = u32::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
        let secure = !issuer.is_loopback_http();
        let prefix = if secure { "__Host-" } else { "" };
        let session = format!("{prefix}pc-{tag:08x}");
        Self { binding: format!("{session}-b"), browser_state: format!("{session}-s"), session, secure }
    }

    /// What the session cookie holds, if it was sent.
    pub(crate) fn read_session<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        read(headers, &self.session)
    }

    /// The browser binding, if it was sent and can be one.
    pub(crate) fn read_binding(&self, headers: &HeaderMap) -> Option<Secret<[u8; 32]>> {
        Some(Secret::new(b64::decode(read(headers, &self.binding)?)?.try_into().ok()?))
    }

    /// The name of the cookie with the browser state.
    pub(crate) fn browser_state(&self) -> &str {
        &self.browser_state
    }

    /// The browser state, if it was sent.
    pub(crate) fn read_browser_state<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        read(headers, &self.browser_state)
    }

    /// The header that sets the browser state, or takes it away. A script of ours in a frame reads it, so that it is
    /// neither `HttpOnly` nor kept back from frames. Browsers take no `SameSite=None` without `Secure`; on a loopback host
    /// everything is the same site.
    pub(crate) fn set_browser_state(&self, state: Option<&BrowserState>) -> HeaderValue {
        let (value, age) = state.map_or(("", "; Max-Age=0"), |state| (state.as_str(), ""));
        let site = if self.secure { "Secure; SameSite=None" } else { "SameSite=Lax" };
        header_value(format!("{}={value}; Path=/; {site}{age}", self.browser_state))
    }

    /// The header that sets the session cookie.
    pub(crate) fn set_session(&self, value: &Secret<String>) -> HeaderValue {
        self.set(&self.session, value.expose())
    }

    /// The header that sets the browser binding.
    pub(crate) fn set_binding(&self, value: &Secret<[u8; 32]>) -> HeaderValue {
        self.set(&self.binding, &b64::encode(value.expose()))
    }

    /// The headers that take both cookies away again. The attributes are those with which they were set: browsers take no
    /// `__Host-` cookie away by any others.
    pub(crate) fn clear(&self) -> [HeaderValue; 2] {
        [&self.session, &self.binding].map(|name| self.put(name, "", "; Max-Age=0"))
    }

    /// A cookie that ends with the browser session; how long it is good for is the server's to say.
    fn set(&self, name: &str, value: &str) -> HeaderValue {
        self.put(name, value, "")
    }

    fn put(&self, name: &str, value: &str, age: &str) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/{secure}; HttpOnly; SameSite=Lax{age}");
        header_value(text)
    }
}

fn header_value(text: String) -> HeaderValue {
    let mut header = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

/// The value of the cookie with this name. One that is sent twice is nothing: a neighbour on the same host may have
/// planted the other, and which of them is ours cannot be told.
fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (found, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
        (found == name).then_some(value)
    });
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(issuer: &str) -> CookieNames {
        CookieNames::new(&Issuer::parse(issuer).unwrap())
    }

    fn sent(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn attributes() {
        let value = Secret::new("v".to_owned());
        let check = |issuer: &str, expect: &str| assert_eq!(names(issuer).set_session(&value), expect);
        // The tag is the start of `printf %s ISSUER | sha256sum`.
        check("https://id.example.com/oidc", "__Host-pc-4cb7f85f=v; Path=/; Secure; HttpOnly; SameSite=Lax");
        check("http://127.0.0.1:8080/oidc", "pc-ee0c7b9f=v; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(
            names("https://id.example.com/oidc").clear(),
            ["", "-b"]
                .map(|end| format!("__Host-pc-4cb7f85f{end}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"))
        );
    }

    #[test]
    fn a_frame_reads_the_browser_state() {
        let state = BrowserState::of(&oidc::testing::session(oidc::testing::NOW));
        let check = |issuer: &str, state: Option<&BrowserState>, expect: &str| {
            assert_eq!(names(issuer).set_browser_state(state), expect);
        };
        let (https, loopback) = ("https://id.example.com/oidc", "http://127.0.0.1:8080/oidc");
        let text = state.as_str();
        check(https, Some(&state), &format!("__Host-pc-4cb7f85f-s={text}; Path=/; Secure; SameSite=None"));
        check(https, None, "__Host-pc-4cb7f85f-s=; Path=/; Secure; SameSite=None; Max-Age=0");
        check(loopback, Some(&state), &format!("pc-ee0c7b9f-s={text}; Path=/; SameSite=Lax"));
        check(loopback, None, "pc-ee0c7b9f-s=; Path=/; SameSite=Lax; Max-Age=0");
    }

    #[test]
    fn a_binding_reads_back() {
        let names = names("https://id.example.com");
        let set = names.set_binding(&Secret::new([7; 32]));
        let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        assert!(pair.split('=').next().unwrap().ends_with("-b"));
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, pair.parse().unwrap());
        assert!(names.read_binding(&headers).unwrap().verify(&[7; 32]));
        assert!(names.read_session(&headers).is_none(), "one cookie is not taken for the other");
        assert!(set.is_sensitive());
    }

    #[test]
    fn t_p23_a_cookie_of_another_issuer_is_nothing() {
        let (one, other) = (names("https://a.example"), names("https://b.example"));
        let mut headers = HeaderMap::new();
        let pair = one.set_session(&Secret::new("v".to_owned()));
        headers.insert(header::COOKIE, pair.to_str().unwrap().split(';').next().unwrap().parse().unwrap());
        assert_eq!(one.read_session(&headers), Some("v"));
        assert_eq!(other.read_session(&headers), None);
    }

    #[test]
    fn cookie_headers() {
        for (lines, expect) in [
            (&["n=1"][..], Some("1")),
            (&["a=0; n=1; b=2"], Some("1")),
            (&["a=0;n=1"], Some("1")),
            (&["a=0", "n=1"], Some("1")),
            (&["n=a=b"], Some("a=b")),
            (&["n="], Some("")),
            (&["n"], None),
            (&["nn=1; xn=1"], None),
            (&["N=1"], None),
            (&[], None),
            (&["n=1; n=2"], None),
            (&["n=1", "n=1"], None),
        ] {
            assert_eq!(read(&sent(lines), "n"), expect, "{lines:?}");
        }
    }

    #[test]
    fn a_binding_that_none_can_be_is_none() {
        let names = names("https://id.example.com");
        for value in ["", "AA", "!", &"A".repeat(44), &"é".repeat(20)] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::try_from(format!("{}={value}", names.binding)).unwrap());
            assert!(names.read_binding(&headers).is_none(), "{value}");
        }
    }
}
