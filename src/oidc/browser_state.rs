//! OpenID Connect Session Management 1.0: by what a page of an application notices, without a request, that the person's
//! login has changed.
//!
//! The browser keeps a value that stands for the login ([`BrowserState`]), readable for the page of the issuer that
//! applications load in a frame. An application is told a salted hash of it (`session_state`) and has the frame compare.

use crypto::{b64, hash};
use url::{Origin, Url};

use crate::ids::ClientId;
use crate::records::SessionRecord;

/// What stands for a login in the browser (§4.2): each login has another, and nobody can make the session's cookie of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserState(String);

impl BrowserState {
    /// That of this session. It follows from the session, so that nothing more is kept, and any server tells it.
    pub fn of(session: &SessionRecord) -> Self {
        let octets = [b"portcullis browser state ".as_slice(), session.proof.as_bytes()].concat();
        Self(b64::encode(&hash::sha256(&octets)))
    }

    /// The value of its cookie.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The `session_state` of an authentication response (§2): for this client alone, and for pages of the redirect URI's
/// origin alone. None where that has no origin: no browser would say who asks.
pub(crate) fn session_state(
    client: &ClientId,
    redirect_uri: &str,
    state: &BrowserState,
    salt: &[u8; 16],
) -> Option<String> {
    let origin = Url::parse(redirect_uri).ok()?.origin();
    let origin = matches!(origin, Origin::Tuple(..)).then(|| origin.ascii_serialization())?;
    let salt = b64::encode(salt);
    let text = format!("{} {origin} {} {salt}", client.as_str(), state.as_str());
    Some(format!("{}.{salt}", b64::encode(&hash::sha256(text.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, session};

    fn told(redirect_uri: &str) -> Option<String> {
        session_state(&ClientId::new("team-a.notes"), redirect_uri, &BrowserState("state".to_owned()), &[7; 16])
    }

    #[test]
    fn a_hash_over_client_origin_state_and_salt() {
        // printf %s 'team-a.notes https://notes.example.com state BwcHBwcHBwcHBwcHBwcHBw' | openssl dgst -sha256 -binary | basenc --base64url
        let expect = "IE46m2Ee9pY4f9nm9WM5-iQkh7cXMVcGHCNyHvq9BQA.BwcHBwcHBwcHBwcHBwcHBw";
        assert_eq!(told("https://notes.example.com/callback?x=1").as_deref(), Some(expect));
        assert_eq!(told("https://notes.example.com:443/other").as_deref(), Some(expect), "a default port is none");
        assert_ne!(told("https://notes.example.com:8443/callback").as_deref(), Some(expect));
    }

    #[test]
    fn no_origin_no_state() {
        assert_eq!(told("com.example.app:/callback"), None);
    }

    #[test]
    fn each_login_has_another_which_does_not_show_the_proof() {
        let one = session(NOW);
        let other = SessionRecord { proof: crate::opaque::ProofHash::from_bytes([3; 32]), ..one.clone() };
        let state = BrowserState::of(&one);
        assert_eq!(state, BrowserState::of(&SessionRecord { last_seen_at: NOW.plus_secs(60), ..one.clone() }));
        assert_ne!(state, BrowserState::of(&other));
        assert_ne!(state.as_str(), b64::encode(one.proof.as_bytes()));
    }
}
