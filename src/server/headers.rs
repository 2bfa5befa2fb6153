//! CSP 3, RFC 6797, RFC 9110, Referrer Policy: the headers that every page and every answer with a secret carries.

use http::{HeaderMap, HeaderValue, header};
use oidc::uri::{Issuer, is_loopback_host};

/// What a page needs beyond what every page may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PagePolicy<'a> {
    /// A page without a form, or whose form stays here.
    #[default]
    Plain,
    /// A page whose form leads, by a redirect, to this source. Chromium and Safari apply `form-action` to redirects too
    /// and silently drop one that it does not name, so the validated redirect URI's origin or scheme stands there.
    LeadsTo(&'a str),
    /// The page that loads frames of these sources, and of no others.
    Frames(&'a [&'a str]),
    /// The page that posts itself to this source, with the one script whose hash this is.
    PostsTo {
        /// Origin or scheme of the redirect URI.
        source: &'a str,
        /// Base64 of the script's SHA-256.
        script_sha256: &'a str,
    },
    /// The page that applications load in a frame, with the one script whose hash this is. It shows nothing that somebody
    /// could be made to press.
    Framed {
        /// Base64 of the script's SHA-256.
        script_sha256: &'a str,
    },
}

/// The headers of a page.
pub(crate) fn page(policy: PagePolicy<'_>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    match policy {
        // It is the same for everybody.
        PagePolicy::Framed { .. } => {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        }
        PagePolicy::Plain | PagePolicy::LeadsTo(_) | PagePolicy::Frames(_) | PagePolicy::PostsTo { .. } => {
            no_store(&mut headers);
        }
    }
    let policy = HeaderValue::try_from(content_security_policy(policy));
    // Built from literals and judged sources. Should that ever fail, the page may do nothing at all.
    let nothing = HeaderValue::from_static("default-src 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.unwrap_or(nothing));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers
}

/// Keeps an answer out of every cache.
pub(crate) fn no_store(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
}

/// RFC 6797 §7.1: browsers come back by https alone for a year. Subdomains belong to others. `localhost` is every
/// developer's, and a browser applies this to all of its ports.
pub(crate) fn strict_transport(issuer: &Issuer, headers: &mut HeaderMap) {
    let host = issuer.host();
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    if !issuer.is_loopback_http() && !is_loopback_host(name.map_or(host, |(name, _)| name)) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

fn content_security_policy(policy: PagePolicy<'_>) -> String {
    const BASE: &str =
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action";
    match policy {
        PagePolicy::Plain | PagePolicy::Frames([]) => format!("{BASE} 'self'"),
        PagePolicy::LeadsTo(source) => match judged(source) {
            Some(source) => format!("{BASE} 'self' {source}"),
            None => format!("{BASE} 'self'"),
        },
        PagePolicy::Frames(sources) => {
            let judged: Vec<&str> = sources.iter().filter_map(|source| judged_path(source)).collect();
            let sources = if judged.is_empty() { "'none'".to_owned() } else { judged.join(" ") };
            format!("{BASE} 'self'; frame-src {sources}")
        }
        PagePolicy::PostsTo { source, script_sha256 } => {
            format!("{BASE} {}; script-src 'sha256-{script_sha256}'", judged(source).unwrap_or("'none'"))
        }
        PagePolicy::Framed { script_sha256 } => format!(
            "default-src 'none'; base-uri 'none'; frame-ancestors *; form-action 'none'; script-src 'sha256-{script_sha256}'"
        ),
    }
}

/// A source that cannot end its directive and begin another. Registered redirect URIs never hold what is refused here;
/// a policy that text could rewrite would be worth an attack, so it is looked at once more.
fn judged(source: &str) -> Option<&str> {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'.' | b'-' | b'+' | b'[' | b']' | b'_')
    };
    (!source.is_empty() && source.bytes().all(plain)).then_some(source)
}

/// A source with a path, which may hold more than an origin; what could end the source or be a keyword is refused.
fn judged_path(source: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'\'' | b'"' | b'*' | b'?' | b'#');
    let web = source.starts_with("https://") || source.starts_with("http://");
    (web && source.bytes().all(plain)).then_some(source)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: &str =
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action";

    fn check(policy: PagePolicy<'_>, expect: &str) {
        assert_eq!(page(policy).get(header::CONTENT_SECURITY_POLICY).unwrap(), &format!("{BASE} {expect}"));
    }

    #[test]
    fn t_p55_form_action_names_the_redirect_target_and_nothing_more() {
        check(PagePolicy::Plain, "'self'");
        check(PagePolicy::LeadsTo("https://app.example:8443"), "'self' https://app.example:8443");
        check(PagePolicy::LeadsTo("http://127.0.0.1:4711"), "'self' http://127.0.0.1:4711");
        check(PagePolicy::LeadsTo("com.example.app:"), "'self' com.example.app:");
        check(
            PagePolicy::PostsTo { source: "https://app.example", script_sha256: "abc=" },
            "https://app.example; script-src 'sha256-abc='",
        );
    }

    #[test]
    fn the_framed_page_may_run_its_script_and_nothing_else() {
        let headers = page(PagePolicy::Framed { script_sha256: "abc=" });
        assert_eq!(
            headers.get(header::CONTENT_SECURITY_POLICY).unwrap(),
            "default-src 'none'; base-uri 'none'; frame-ancestors *; form-action 'none'; script-src 'sha256-abc='"
        );
    }

    #[test]
    fn frames_come_from_the_listed_addresses_alone() {
        check(PagePolicy::Frames(&[]), "'self'");
        let sources = ["https://a.example/out", "http://127.0.0.1:8081/a%3Bb/", "https://b.example"];
        check(PagePolicy::Frames(&sources), &format!("'self'; frame-src {}", sources.join(" ")));
        for evil in
            ["*", "'self'", "https://a.example; script-src *", "https://a.example *", "data:", "https://a/?x", ""]
        {
            check(PagePolicy::Frames(&[evil]), "'self'; frame-src 'none'");
        }
    }

    #[test]
    fn t_p05_a_source_cannot_rewrite_the_policy() {
        for evil in [
            "https://a.example; script-src *",
            "*",
            "https://a.example 'unsafe-inline'",
            "a,b",
            "",
            "https://é.example",
        ] {
            check(PagePolicy::LeadsTo(evil), "'self'");
            check(PagePolicy::PostsTo { source: evil, script_sha256: "abc=" }, "'none'; script-src 'sha256-abc='");
        }
    }

    #[test]
    fn pages_are_not_stored_or_referred_to() {
        let headers = page(PagePolicy::Plain);
        assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), "no-store");
        assert_eq!(headers.get(header::REFERRER_POLICY).unwrap(), "same-origin");
        assert_eq!(headers.get(header::CONTENT_TYPE).unwrap(), "text/html; charset=utf-8");
    }

    #[test]
    fn https_issuers_bind_browsers_to_https() {
        let check = |issuer: &str, expect: bool| {
            let mut headers = HeaderMap::new();
            strict_transport(&Issuer::parse(issuer).unwrap(), &mut headers);
            let found = headers.get(header::STRICT_TRANSPORT_SECURITY);
            assert_eq!(found.is_some_and(|value| value == "max-age=31536000"), expect, "{issuer}");
        };
        check("https://id.example.com/oidc", true);
        check("https://id.example.com:8443", true);
        check("https://[2001:db8::1]:8443", true);
        check("http://localhost:8080/oidc", false);
        check("http://127.0.0.1:8080", false);
        check("https://localhost:8443/oidc", false);
        check("https://localhost", false);
    }

    proptest! {
        #[test]
        fn t_p05_no_source_adds_a_directive(source in "\\PC{0,40}") {
            let policy = content_security_policy(PagePolicy::LeadsTo(&source));
            prop_assert_eq!(policy.split(';').count(), BASE.split(';').count());
            prop_assert!(policy.split(' ').all(|word| word != "*" && !word.starts_with("'unsafe")));
        }
    }
}
