//! OpenID Connect Front-Channel Logout 1.0: applications hear of a logout through the person's browser, which loads a page
//! of each in a frame.

use serde::{Deserialize, Serialize};

use super::told;
use crate::catalog::Realm;
use crate::records::SessionClient;
use crate::uri::{RedirectUri, with_query};

/// Frames that a page loads at the most: what is behind them is not ours to bound.
const MAX_FRAMES: usize = 50;

/// Where an application hears of a logout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FrontchannelLogout {
    /// The page that is loaded.
    pub uri: RedirectUri,
    /// Whether `iss` and `sid` are added to it (§3).
    pub session_required: bool,
}

/// A page to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its URL.
    pub url: String,
    /// What `frame-src` must allow for it: scheme, host, port and path, and nothing else of that host.
    pub source: String,
}

/// The pages of the applications that were logged in to from a session.
pub fn frames(realm: &Realm, clients: &[SessionClient]) -> Vec<Frame> {
    let frame = |joined: &SessionClient| {
        let FrontchannelLogout { uri, session_required } = told(realm, joined)?.frontchannel_logout.as_ref()?;
        let uri = uri.as_str();
        let url = if *session_required {
            with_query(uri, [("iss", realm.issuer.as_str()), ("sid", &joined.sid.to_string())])
        } else {
            uri.to_owned()
        };
        // CSP 3 §2.3.1: a source has no query, and what would end it or its directive is escaped.
        let source = uri.split('?').next().unwrap_or_default().replace(';', "%3B").replace(',', "%2C");
        Some(Frame { url, source })
    };
    clients.iter().filter_map(frame).take(MAX_FRAMES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::ids::{ClientId, Uid};
    use crate::testing::{ISSUER, NOW, account, client, realm_of, session};

    fn heard(uri: &str, session_required: bool, edit: impl FnOnce(&mut SessionClient)) -> Vec<(String, String)> {
        let logout = FrontchannelLogout { uri: RedirectUri::parse(uri).unwrap(), session_required };
        let client = Client { frontchannel_logout: Some(logout), ..client() };
        let mut joined =
            SessionClient { application_uid: client.uid.clone(), client: client.id.clone(), sid: session(NOW).id };
        edit(&mut joined);
        let realm = realm_of(ISSUER, vec![client], vec![account()]);
        frames(&realm, &[joined]).into_iter().map(|frame| (frame.url, frame.source)).collect()
    }

    #[test]
    fn a_page_is_told_issuer_and_session_where_it_wants_them() {
        const ADDED: &str = "iss=https%3A%2F%2Fid.example.com%2Foidc&sid=00000000-0000-0000-0000-000000000001";
        let check = |uri: &str, required: bool, url: &str, source: &str| {
            assert_eq!(heard(uri, required, |_| {}), [(url.to_owned(), source.to_owned())]);
        };
        let out = "https://a.example/out";
        check(out, false, out, out);
        check(out, true, &format!("{out}?{ADDED}"), out);
        check("https://a.example/out?x=1", true, &format!("{out}?x=1&{ADDED}"), out);
        check("https://a.example/a;b,c?x=;", false, "https://a.example/a;b,c?x=;", "https://a.example/a%3Bb%2Cc");
    }

    #[test]
    fn so_many_pages_are_loaded_and_no_more() {
        let client_named = |number: usize| {
            let uri = RedirectUri::parse("https://a.example/out").unwrap();
            let logout = FrontchannelLogout { uri, session_required: false };
            let (id, uid) = (ClientId::new(format!("c{number}")), Uid::new(format!("u{number}")));
            Client { id, uid, frontchannel_logout: Some(logout), ..client() }
        };
        let clients: Vec<Client> = (0..60).map(client_named).collect();
        let joined = |client: &Client| SessionClient {
            application_uid: client.uid.clone(),
            client: client.id.clone(),
            sid: session(NOW).id,
        };
        let told: Vec<SessionClient> = clients.iter().map(joined).collect();
        assert_eq!(frames(&realm_of(ISSUER, clients, vec![account()]), &told).len(), MAX_FRAMES);
    }

    #[test]
    fn t_k15_an_application_of_the_same_name_hears_nothing() {
        let out = "https://a.example/out";
        assert_eq!(heard(out, true, |joined| joined.application_uid = Uid::new("before")), []);
        assert_eq!(heard(out, true, |joined| joined.client = ClientId::new("team-a.gone")), []);
        let realm = realm_of(ISSUER, vec![client()], vec![account()]);
        let joined = SessionClient { application_uid: client().uid, client: client().id, sid: session(NOW).id };
        assert_eq!(frames(&realm, &[joined]), [], "it wants to hear nothing");
    }
}
