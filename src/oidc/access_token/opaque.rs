//! An access token without meaning to anyone else: its claims, sealed. Nothing is kept, and nobody learns from it who the
//! person is or what they may do.

use crypto::{Purpose, ServerKeys, b64};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::catalog::Realm;

/// By this, scanners of repositories and logs know one that leaked.
const PREFIX: &str = "pca_";

/// Characters of the text form at the most: claims are bounded by what a JWT may have.
const MAX_TEXT: usize = 16 * 1024;

pub(crate) fn seal<T: Serialize>(keys: &ServerKeys, realm: &Realm, claims: &T) -> String {
    // Maps with text keys, numbers and texts always serialise; the empty text would open to nothing.
    let plain = serde_json::to_vec(claims).unwrap_or_default();
    let sealed = keys.seal(Purpose::AccessToken, &[realm.issuer.as_str().as_bytes()], &plain);
    format!("{PREFIX}{}", b64::encode(&sealed))
}

/// What a token says; `None` for anything that was not sealed here. Whether its time has passed was not looked at.
pub(crate) fn open<T: DeserializeOwned>(keys: &ServerKeys, realm: &Realm, text: &str) -> Option<T> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let sealed = b64::decode(text.strip_prefix(PREFIX)?)?;
    let plain = keys.open(Purpose::AccessToken, &[realm.issuer.as_str().as_bytes()], &sealed).ok()?;
    serde_json::from_slice(plain.expose()).ok()
}
