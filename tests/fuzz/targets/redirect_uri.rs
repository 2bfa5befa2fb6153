//! RFC 6749 §3.1.2, RFC 8252 §7.3: a registered and a presented URI, two lines.

use oidc::uri::{Issuer, RedirectKind, RedirectUri};
use url::{Position, Url};

/// Held against the WHATWG parser, by which a browser decides where to go: what is taken for the registered place must be
/// that place for the browser, but for the port of a loopback address.
pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (registered, presented) = text.split_once('\n').unwrap_or((&text, &text));
    if let Ok(issuer) = Issuer::parse(registered) {
        let url = Url::parse(registered).unwrap_or_else(|error| panic!("{registered:?} is an issuer: {error}"));
        assert_eq!(format!("{}://{}", url.scheme(), &url[Position::BeforeHost..Position::AfterPort]), issuer.origin());
        assert_eq!(url.path().trim_end_matches('/'), issuer.path());
    }
    let Ok(registered) = RedirectUri::parse(registered) else { return };
    assert!(registered.matches(registered.as_str(), false));
    let browser = Url::parse(registered.as_str());
    if registered.kind() != RedirectKind::PrivateUse {
        let browser = browser.as_ref().unwrap_or_else(|error| panic!("{registered:?}: {error}"));
        assert_eq!((browser.host_str(), browser.scheme()), (registered.host(), registered.scheme()));
        assert_eq!((browser.username(), browser.password(), browser.fragment()), ("", None, None));
    }
    assert_eq!(registered.matches(presented, false), registered.as_str() == presented);
    if !registered.matches(presented, true) || registered.as_str() == presented {
        return;
    }
    assert!(matches!(registered.kind(), RedirectKind::LoopbackAddress | RedirectKind::Localhost));
    let without_port = |text: &str| {
        let mut url =
            Url::parse(text).unwrap_or_else(|error| panic!("{text:?} is taken for a loopback address: {error}"));
        assert!(url.set_port(None).is_ok(), "{text:?}");
        url
    };
    assert_eq!(without_port(registered.as_str()), without_port(presented));
}
