use proptest::prelude::*;

use super::*;

fn check_issuer(text: &str, expect: Result<(&str, &str), IssuerError>) {
    let got = Issuer::parse(text);
    assert_eq!(got.as_ref().map(|issuer| (issuer.host(), issuer.path())).map_err(|error| *error), expect, "{text}");
}

#[test]
fn issuers() {
    check_issuer("https://id.example.com/oidc", Ok(("id.example.com", "/oidc")));
    check_issuer("https://id.example.com", Ok(("id.example.com", "")));
    check_issuer("https://id.example.com:8443/a/b", Ok(("id.example.com:8443", "/a/b")));
    check_issuer("http://127.0.0.1:8080/oidc", Ok(("127.0.0.1:8080", "/oidc")));
    check_issuer("http://[::1]:8080/oidc", Ok(("[::1]:8080", "/oidc")));
    check_issuer("http://localhost/oidc", Ok(("localhost", "/oidc")));
    check_issuer("http://notes.localhost/oidc", Ok(("notes.localhost", "/oidc")));
    for (bad, error) in [
        ("http://id.example.com/oidc", IssuerError::Scheme),
        ("http://127.0.0.1.example.com", IssuerError::Scheme),
        ("http://notlocalhost", IssuerError::Scheme),
        ("ftp://id.example.com", IssuerError::Scheme),
        ("https://id.example.com/", IssuerError::Extra),
        ("https://id.example.com/oidc?x", IssuerError::Extra),
        ("https://id.example.com/oidc#x", IssuerError::Extra),
        ("https://user@id.example.com", IssuerError::Extra),
        ("https://ID.example.com/oidc", IssuerError::Form),
        ("https://id.example.com:443/oidc", IssuerError::Form),
        ("https://id.example.com/a/../b", IssuerError::Form),
        ("https://id.example.com/a%20b", IssuerError::Form),
        ("id.example.com", IssuerError::Form),
    ] {
        check_issuer(bad, Err(error));
    }
}

#[test]
fn an_issuer_on_another_host_keeps_the_rest() {
    let on =
        |issuer: &str, host: &str| Issuer::parse(issuer).unwrap().on(host).map(|issuer| issuer.as_str().to_owned());
    let check = |issuer, host, expect: &str| assert_eq!(on(issuer, host).as_deref(), Ok(expect), "{issuer} {host}");
    check("https://id.example.com/oidc", "notes.example.com", "https://notes.example.com/oidc");
    check("https://id.example.com:8443", "notes.example.com", "https://notes.example.com:8443");
    check("http://127.0.0.1:8080/oidc", "notes.localhost", "http://notes.localhost:8080/oidc");
    check("http://[::1]:8080/oidc", "127.0.0.1", "http://127.0.0.1:8080/oidc");
    check("http://[::1]/oidc", "[::1]", "http://[::1]/oidc");
    for (host, error) in [
        ("notes.example.com", IssuerError::Scheme),
        ("localhost.example.com", IssuerError::Scheme),
        ("notes.localhost/x", IssuerError::Form),
        ("notes.localhost:1", IssuerError::Form),
        ("NOTES.localhost", IssuerError::Form),
        ("notes.localhost:1/x", IssuerError::Form),
        ("", IssuerError::Form),
        ("a@localhost", IssuerError::Extra),
    ] {
        assert_eq!(on("http://127.0.0.1:8080", host), Err(error), "{host}");
    }
}

fn check_registration(text: &str, expect: Result<RedirectKind, RedirectUriError>) {
    assert_eq!(RedirectUri::parse(text).map(|uri| uri.kind()), expect, "{text}");
}

#[test]
fn registration() {
    use RedirectUriError as E;
    check_registration("https://a.example/cb?x=1&y=/../z", Ok(RedirectKind::Https));
    check_registration("https://a.example", Ok(RedirectKind::Https));
    check_registration("https://a.example:8443/cb", Ok(RedirectKind::Https));
    check_registration("https://a.example/..a/b", Ok(RedirectKind::Https));
    check_registration("http://127.0.0.1:8080/cb", Ok(RedirectKind::LoopbackAddress));
    check_registration("http://[::1]/cb", Ok(RedirectKind::LoopbackAddress));
    check_registration("http://localhost:1/cb", Ok(RedirectKind::Localhost));
    check_registration("com.example.app:/cb", Ok(RedirectKind::PrivateUse));
    for (bad, error) in [
        ("https://a.example/cb#f", E::Characters),
        ("https://*.example/cb", E::Characters),
        ("https://a.example/c b", E::Characters),
        ("https://a.example\\@b.example/", E::Characters),
        ("https://bücher.example/", E::Characters),
        ("https://user@a.example/cb", E::UserInformation),
        ("https://a.example@b.example@c.example/", E::UserInformation),
        ("https://a.example/x/../cb", E::DotSegments),
        ("https://a.example/x/%2e%2E/cb", E::DotSegments),
        ("https://a.example/.%2e", E::DotSegments),
        ("http://a.example/cb", E::Scheme),
        ("http://127.0.0.1.evil.example/cb", E::Scheme),
        ("http://127.1/cb", E::Scheme),
        ("javascript:alert(1)", E::Scheme),
        ("data:text/html,x", E::Scheme),
        ("myapp:/cb", E::Scheme),
        ("//a.example/cb", E::Scheme),
        ("/cb", E::Scheme),
        ("HTTPS://a.example/cb", E::Scheme),
        ("https:///cb", E::Host),
        ("https://", E::Host),
        ("https://a.example:0/", E::Host),
        ("https://a.example:99999/", E::Host),
        ("https://a.example:/", E::Host),
        ("https://A.example/", E::Host),
        ("https://0x7f.1/", E::Host),
    ] {
        check_registration(bad, Err(error));
    }
    check_registration(&format!("https://a.example/{}", "a".repeat(1024)), Err(E::TooLong));
}

#[test]
fn t_p01_no_normalisation_matches() {
    let registered = RedirectUri::parse("https://a.example/cb").unwrap();
    assert!(registered.matches("https://a.example/cb", false));
    for near in [
        "https://a.example/CB",
        "https://A.example/cb",
        "https://a.example/cb/",
        "https://a.example./cb",
        "https://a.example/cb?",
        "https://a.example/cb#",
        "https://a.example/%63b",
        "https://a.example/x/..;/cb",
        "https://a.example/x/%2e%2e/cb",
        "https://a.example:443/cb",
        "https://a.example@evil.example/cb",
        "https://a.example\\@evil.example/cb",
        "https://evil.example/https://a.example/cb",
        "https://a.example.evil.example/cb",
        "https://sub.a.example/cb",
        "https://a.example/cb ",
        " https://a.example/cb",
        "http://a.example/cb",
        "",
    ] {
        assert!(!registered.matches(near, false), "{near}");
        assert!(!registered.matches(near, true), "{near}");
    }
}

#[test]
fn t_p02_no_pattern_matches() {
    let registered = RedirectUri::parse("https://foo.example.com/a.c").unwrap();
    assert!(!registered.matches("https://fooaexample.com/a.c", true));
    assert!(!registered.matches("https://foo.example.com/abc", true));
}

#[test]
fn t_p04_only_the_port_of_a_native_loopback_may_vary() {
    let registered = RedirectUri::parse("http://127.0.0.1/cb?a=1").unwrap();
    assert!(registered.matches("http://127.0.0.1:49152/cb?a=1", true));
    assert!(!registered.matches("http://127.0.0.1:49152/cb?a=1", false));
    for other in [
        "http://127.0.0.1:49152/cb",
        "http://127.0.0.1:49152/cb?a=2",
        "http://127.0.0.1:49152/cb/x?a=1",
        "http://127.0.0.2:49152/cb?a=1",
        "http://localhost:49152/cb?a=1",
        "http://[::1]:49152/cb?a=1",
        "https://127.0.0.1:49152/cb?a=1",
        "http://127.0.0.1:x/cb?a=1",
        "http://127.0.0.1:0/cb?a=1",
        "http://127.0.0.1:99999/cb?a=1",
        "http://127.0.0.1:1@evil.example/cb?a=1",
        "http://127.0.0.1:49152:1/cb?a=1",
    ] {
        assert!(!registered.matches(other, true), "{other}");
    }
    let web = RedirectUri::parse("https://a.example/cb").unwrap();
    assert!(!web.matches("https://a.example:8443/cb", true));
}

#[test]
fn form_action_sources() {
    let web = RedirectUri::parse("https://a.example:8443/cb?x").unwrap();
    assert_eq!(web.form_action_source(web.as_str()), "https://a.example:8443");
    let native = RedirectUri::parse("http://127.0.0.1/cb").unwrap();
    assert_eq!(native.form_action_source("http://127.0.0.1:5000/cb"), "http://127.0.0.1:5000");
    let app = RedirectUri::parse("com.example.app:/cb").unwrap();
    assert_eq!(app.form_action_source(app.as_str()), "com.example.app:");
}

/// A registered URI, and one that differs from it by a trick.
fn tricked() -> impl Strategy<Value = (String, String)> {
    let host = prop_oneof![Just("127.0.0.1"), Just("[::1]"), Just("localhost"), Just("app.example.com")];
    let port = prop_oneof![Just(String::new()), (1_u16..).prop_map(|port| format!(":{port}"))];
    let (port, other) = (port.clone(), port);
    let tail = "(/[a-z0-9%._-]{0,6}){0,3}(\\?[a-z=&%]{0,6})?";
    let trick = prop_oneof![
        Just("@"),
        Just("\\"),
        Just("%2e"),
        Just("/.."),
        Just("#"),
        Just("\t"),
        Just("\n"),
        Just("."),
        Just(":"),
        Just("%00"),
        Just("//"),
        Just("?"),
        Just("é"),
        Just("\u{200b}"),
        Just("。"),
        Just("evil.example"),
        Just("0"),
        Just(" "),
    ];
    (host, port, other, tail, trick, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(host, port, other, tail, trick, at, swapped)| {
            let scheme = if host == "app.example.com" { "https" } else { "http" };
            let registered = format!("{scheme}://{host}{port}{tail}");
            let mut presented = format!("{scheme}://{host}{other}{tail}");
            if swapped {
                presented = presented.to_ascii_uppercase();
            } else if at.index(4) > 0 {
                presented.insert_str(at.index(presented.len() + 1), trick);
            }
            (registered, presented)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// What is taken for the registered place is that place for the WHATWG parser, by which a browser decides where to go,
    /// but for the port of a loopback address.
    #[test]
    fn t_p01_whatever_matches_is_the_same_place_for_a_browser((registered, presented) in tricked()) {
        let Ok(registered) = RedirectUri::parse(&registered) else { return Ok(()) };
        prop_assert_eq!(registered.matches(&presented, false), registered.as_str() == presented);
        if registered.matches(&presented, true) && registered.as_str() != presented {
            let without_port = |text: &str| {
                let mut url = Url::parse(text).unwrap();
                url.set_port(None).unwrap();
                url
            };
            prop_assert!(matches!(registered.kind(), RedirectKind::LoopbackAddress | RedirectKind::Localhost));
            prop_assert_eq!(without_port(registered.as_str()), without_port(&presented));
        }
    }
}

proptest! {
    #[test]
    fn the_host_we_judge_is_the_host_a_browser_visits(text in "(https|http)://[a-z0-9.@:\\[\\]%_-]{1,24}(/[a-z0-9./%?@-]{0,16})?") {
        if let Ok(uri) = RedirectUri::parse(&text) {
            let url = Url::parse(&text).unwrap();
            prop_assert_eq!(url.host_str(), uri.host());
            prop_assert!(url.username().is_empty() && url.password().is_none());
        }
    }

    #[test]
    fn reading_never_panics(text in "\\PC{0,80}") {
        drop((RedirectUri::parse(&text), Issuer::parse(&text)));
        let registered = RedirectUri::parse("http://127.0.0.1/cb").unwrap();
        if registered.matches(&text, true) {
            prop_assert!(text.starts_with("http://127.0.0.1"));
        }
    }
}
