//! Fetch standard §3.2 (CORS): which pages' scripts may read an answer.
//!
//! Discovery and JWKS are for everybody. The token and userinfo endpoints answer a script when its origin is one that a
//! public client is registered at: a preflight when that holds for any public client of the issuer (it names none), so
//! too a refusal at userinfo whose token names none, an answer when it holds for the very client that asks. Never with
//! credentials, never for the origin `null`.

use std::collections::HashSet;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use oidc::catalog::Realm;
use oidc::client::Client;
use url::Url;

/// The origins at which public clients of a realm are registered; made once per catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origins(HashSet<String>);

impl Origins {
    /// Collects them.
    pub(crate) fn of(realm: &Realm) -> Self {
        Self(realm.clients.values().filter(|client| client.is_public()).flat_map(|client| origins(client)).collect())
    }

    /// Whether some public client is registered at this origin.
    fn contain(&self, origin: &str) -> bool {
        self.0.contains(origin)
    }
}

/// The origins of a client's redirect URIs. A private-use scheme has none: its origin is `null`, which every sandboxed
/// page has.
fn origins(client: &Client) -> impl Iterator<Item = String> {
    client.redirect_uris.iter().filter_map(|uri| {
        let origin = Url::parse(uri.as_str()).ok()?.origin();
        origin.is_tuple().then(|| origin.ascii_serialization())
    })
}

/// The answer to a preflight: status and headers.
pub(crate) fn preflight(origins: &Origins, request: &HeaderMap) -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::new();
    vary(&mut headers);
    if let Some(origin) = origin(request).filter(|origin| origins.contain(origin)) {
        allow(&mut headers, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    (StatusCode::NO_CONTENT, headers)
}

/// Lets the script read the answer if it runs at an origin of this client; `None` where the client is not known.
pub(crate) fn answer(client: Option<&Client>, request: &HeaderMap, headers: &mut HeaderMap) {
    vary(headers);
    let Some((origin, client)) = origin(request).zip(client) else { return };
    if client.is_public() && origins(client).any(|registered| registered == origin) {
        expose(headers, origin);
    }
}

/// Lets the script read a refusal that names no client, such as that of an expired token, if it runs at an origin of any
/// public client: the refusal tells it nothing but that it has to log in again.
pub(crate) fn refusal(origins: &Origins, request: &HeaderMap, headers: &mut HeaderMap) {
    vary(headers);
    if let Some(origin) = origin(request).filter(|origin| origins.contain(origin)) {
        expose(headers, origin);
    }
}

fn expose(headers: &mut HeaderMap, origin: &str) {
    allow(headers, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("www-authenticate, x-request-id"));
}

/// Lets every script read the answer.
pub(crate) fn everybody(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}

fn origin(request: &HeaderMap) -> Option<&str> {
    let mut lines = request.get_all(header::ORIGIN).iter();
    let origin = lines.next()?.to_str().ok()?;
    (lines.next().is_none() && origin != "null").then_some(origin)
}

fn allow(headers: &mut HeaderMap, origin: &str) {
    if let Ok(origin) = HeaderValue::from_str(origin) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

/// In every answer, also where no origin was sent: a cache must not hand it to a script of another page.
fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    use oidc::client::ClientAuthentication;
    use oidc::uri::RedirectUri;

    use super::*;
    use crate::testing;

    fn client(id: &str, public: bool, uris: &[&str]) -> Client {
        Client {
            redirect_uris: uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect(),
            authentication: if public { ClientAuthentication::Public } else { testing::client().authentication },
            ..testing::client_named(id)
        }
    }

    fn clients() -> Vec<Client> {
        vec![
            client(
                "spa",
                true,
                &["https://spa.example:443/cb", "https://spa.example/other", "http://localhost:3000/cb"],
            ),
            client("other-spa", true, &["https://other.example/cb"]),
            client("app", true, &["com.example.app:/cb"]),
            client("server", false, &["https://server.example/cb"]),
        ]
    }

    fn request(origins: &[&'static str]) -> HeaderMap {
        origins.iter().map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))).collect()
    }

    fn allowed(headers: &HeaderMap) -> Option<&str> {
        assert_eq!(headers.get(header::VARY).unwrap(), "Origin");
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|origin| origin.to_str().unwrap())
    }

    #[test]
    fn t_p50_a_preflight_passes_at_origins_of_public_clients_only() {
        let origins = Origins::of(&testing::realm_of(testing::ISSUER, clients(), Vec::new()));
        for (sent, expect) in [
            (&["https://spa.example"][..], true),
            (&["https://other.example"], true),
            (&["http://localhost:3000"], true),
            (&["http://localhost:3001"], false),
            (&["https://server.example"], false),
            (&["https://evil.example"], false),
            (&["https://spa.example.evil.example"], false),
            (&["https://SPA.example"], false),
            (&["http://spa.example"], false),
            (&["null"], false),
            (&[], false),
            (&["https://spa.example", "https://spa.example"], false),
        ] {
            let (status, headers) = preflight(&origins, &request(sent));
            assert_eq!(status, StatusCode::NO_CONTENT);
            assert_eq!(allowed(&headers), expect.then(|| sent[0]), "{sent:?}");
            assert_eq!(headers.contains_key(header::ACCESS_CONTROL_ALLOW_METHODS), expect);
        }
    }

    #[test]
    fn t_p50_an_answer_is_for_the_client_that_asked() {
        let clients = clients();
        let check = |id: Option<&str>, origin: &'static str, expect: Option<&str>| {
            let client = id.map(|id| clients.iter().find(|client| client.id.as_str() == id).unwrap());
            let mut headers = HeaderMap::new();
            answer(client, &request(&[origin]), &mut headers);
            assert_eq!(allowed(&headers), expect, "{id:?} {origin}");
        };
        check(Some("spa"), "https://spa.example", Some("https://spa.example"));
        check(Some("spa"), "https://other.example", None);
        check(Some("spa"), "null", None);
        check(Some("app"), "null", None);
        check(Some("server"), "https://server.example", None);
        check(None, "https://spa.example", None);
    }

    #[test]
    fn t_p50_a_refusal_that_names_no_client_is_for_public_clients() {
        let origins = Origins::of(&testing::realm_of(testing::ISSUER, clients(), Vec::new()));
        for (origin, expect) in [
            ("https://spa.example", true),
            ("https://other.example", true),
            ("https://server.example", false),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let mut headers = HeaderMap::new();
            refusal(&origins, &request(&[origin]), &mut headers);
            assert_eq!(allowed(&headers), expect.then_some(origin));
        }
        let mut headers = HeaderMap::new();
        refusal(&origins, &HeaderMap::new(), &mut headers);
        assert_eq!(allowed(&headers), None);
    }
}
