//! Values that travel through a browser: sealed under a key of their purpose, and readable at their issuer alone.

use crypto::{Purpose, ServerKeys, b64};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of a sealed text at the most.
const MAX_TEXT: usize = 96 * 1024;

/// Seals the value.
pub(crate) fn seal<T: Serialize>(value: &T, purpose: Purpose, keys: &ServerKeys, issuer: &str) -> String {
    // Maps and strings always serialise; the empty text would open to nothing.
    let plain = serde_json::to_vec(value).unwrap_or_default();
    b64::encode(&keys.seal(purpose, &[issuer.as_bytes()], &plain))
}

/// Opens the text, if it was sealed by this server for this purpose and issuer.
pub(crate) fn open<T: DeserializeOwned>(text: &str, purpose: Purpose, keys: &ServerKeys, issuer: &str) -> Option<T> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let plain = keys.open(purpose, &[issuer.as_bytes()], &b64::decode(text)?).ok()?;
    serde_json::from_slice(plain.expose()).ok()
}
