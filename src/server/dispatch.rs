//! RFC 9110 §7.2, RFC 8414 §3.1: from a request to a realm and an endpoint of it.
//!
//! `Host` selects one of the configured issuers, exactly, and is used for nothing else: it is never printed, and no URL is
//! ever made of it. `X-Forwarded-Host`, `Forwarded` and the like are not read at all.

use std::sync::Arc;

use http::{HeaderMap, Uri, header};
use oidc::discovery::{Endpoint, RFC8414_PREFIX};
use oidc::uri::Issuer;

use crate::snapshot::{Site, Snapshot};

/// The realm that a request is for; `None` where no host, more than one, or an unknown one is named.
pub(crate) fn site<'s>(snapshot: &'s Snapshot, uri: &Uri, headers: &HeaderMap) -> Option<&'s Arc<Site>> {
    let mut lines = headers.get_all(header::HOST).iter();
    let (first, more) = (lines.next(), lines.next());
    if more.is_some() {
        return None;
    }
    // HTTP/2 names the host in `:authority`, HTTP/1.1 to a proxy in the request line; next to a `Host` they must agree.
    let host = match (uri.authority(), first) {
        (Some(authority), None) => authority.as_str(),
        (Some(authority), Some(host)) if host.as_bytes() == authority.as_str().as_bytes() => authority.as_str(),
        (None, Some(host)) => host.to_str().ok()?,
        (Some(_), Some(_)) | (None, None) => return None,
    };
    snapshot.site(host)
}

/// The endpoint at a path. Nothing is decoded, folded or resolved: a path that only looks like one is none.
pub(crate) fn endpoint(issuer: &Issuer, path: &str) -> Option<Endpoint> {
    if path.strip_prefix(RFC8414_PREFIX) == Some(issuer.path()) {
        return Some(Endpoint::Discovery);
    }
    let below = path.strip_prefix(issuer.path())?;
    Endpoint::ALL.iter().copied().find(|endpoint| endpoint.path() == below)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::snapshot::CatalogHandle;
    use crate::testing;

    fn found(uri: &str, headers: &[(&'static str, &'static str)]) -> Option<String> {
        let handle = CatalogHandle::new();
        let realms = ["https://id.example.com/oidc", "https://b.example.com:8443"]
            .map(|issuer| testing::realm_of(issuer, vec![], vec![]));
        handle.publish(testing::catalog(realms.into(), "d"));
        let snapshot = handle.current().unwrap();
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        site(&snapshot, &uri.parse().unwrap(), &headers).map(|site| site.realm.issuer.as_str().to_owned())
    }

    #[test]
    fn a_host_selects_its_issuer_exactly() {
        let a = Some("https://id.example.com/oidc".to_owned());
        assert_eq!(found("/oidc/auth", &[("host", "id.example.com")]), a);
        assert_eq!(found("https://id.example.com/oidc/auth", &[]), a);
        assert_eq!(found("https://id.example.com/oidc/auth", &[("host", "id.example.com")]), a);
        assert_eq!(found("/auth", &[("host", "b.example.com:8443")]), Some("https://b.example.com:8443".to_owned()));
    }

    #[test]
    fn t_p24_no_other_host_and_no_other_header_selects_anything() {
        for host in [
            "evil.example",
            "ID.example.com",
            "id.example.com:443",
            "id.example.com.",
            "id.example.com/oidc",
            "user@id.example.com",
            "b.example.com",
            "",
            " id.example.com",
        ] {
            assert_eq!(found("/oidc/auth", &[("host", host)]), None, "{host:?}");
        }
        assert_eq!(found("/oidc/auth", &[]), None);
        for header in ["x-forwarded-host", "x-host", "x-original-host", "forwarded"] {
            assert_eq!(found("/oidc/auth", &[("host", "evil.example"), (header, "id.example.com")]), None, "{header}");
        }
        assert_eq!(found("/", &[("host", "id.example.com"), ("host", "b.example.com:8443")]), None);
        assert_eq!(found("/", &[("host", "id.example.com"), ("host", "id.example.com")]), None);
        assert_eq!(found("https://id.example.com/oidc", &[("host", "b.example.com:8443")]), None);
    }

    #[test]
    fn paths() {
        let check = |issuer: &str, path: &str, expect: Option<Endpoint>| {
            assert_eq!(endpoint(&Issuer::parse(issuer).unwrap(), path), expect, "{issuer} {path}");
        };
        for known in Endpoint::ALL.iter().copied() {
            check(testing::ISSUER, &format!("/oidc{}", known.path()), Some(known));
            check("https://id.example.com", known.path(), Some(known));
            check(testing::ISSUER, known.path(), None);
        }
        check(testing::ISSUER, "/.well-known/oauth-authorization-server/oidc", Some(Endpoint::Discovery));
        check(testing::ISSUER, "/.well-known/oauth-authorization-server", None);
        check(testing::ISSUER, "/.well-known/oauth-authorization-server/oidc/", None);
        check("https://id.example.com", "/.well-known/oauth-authorization-server", Some(Endpoint::Discovery));
        for path in [
            "/oidc",
            "/oidc/",
            "/oidcauth",
            "/oidc/auth/",
            "/oidc//auth",
            "/oidc/%61uth",
            "/OIDC/auth",
            "/oidc/../oidc/auth",
            "/",
            "*",
        ] {
            check(testing::ISSUER, path, None);
        }
    }
}
