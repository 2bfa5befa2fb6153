//! Seals and MACs under sub-keys of the server key (RFC 5869, RFC 8452, RFC 2104).
//!
//! ```text
//! server key ──HKDF, one label per Purpose──▶ sub-key ─┬─▶ AEAD key: seal, open
//!                                                      └─▶ MAC key:  mac, verify_mac
//! ```
//!
//! A value made for one purpose never opens or verifies for another. Several server keys are alive during a rotation:
//! the current one makes new values, any live one opens old ones, by its ID.

mod seal;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{aead, hmac};

pub use self::seal::{OpenError, record_aad};
use crate::secret::Secret;
use crate::{b64, fail, frame, hkdf, random};

/// What a sub-key is for. The list is closed: a new use gets a new purpose, and thereby a new key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// A login in progress, in the browser's hands.
    LoginHandle,
    /// A consent page that waits for an answer.
    ConsentHandle,
    /// The way back into an authorization request after login.
    ResumeHandle,
    /// A page that asks whether somebody wants to log out.
    LogoutHandle,
    /// The way of a posted logout to a GET.
    LogoutResumeHandle,
    /// The verifier that stands for a generated client secret.
    ClientSecret,
    /// Secret values inside records.
    RecordSeal,
    /// A record as a whole.
    RecordMac,
    /// Refresh tokens.
    RefreshToken,
    /// Access tokens without meaning to anyone else.
    AccessToken,
    /// A replica's word on what it has loaded.
    Acknowledge,
    /// Forms of a person's own page.
    AccountForm,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 12] = [
        Self::LoginHandle,
        Self::ConsentHandle,
        Self::ResumeHandle,
        Self::LogoutHandle,
        Self::LogoutResumeHandle,
        Self::ClientSecret,
        Self::RecordSeal,
        Self::RecordMac,
        Self::RefreshToken,
        Self::AccessToken,
        Self::Acknowledge,
        Self::AccountForm,
    ];

    /// Part of the derivation: changing a label invalidates everything made with it.
    const fn label(self) -> &'static str {
        match self {
            Self::LoginHandle => "login-handle",
            Self::ConsentHandle => "consent-handle",
            Self::ResumeHandle => "resume-handle",
            Self::LogoutHandle => "logout-handle",
            Self::LogoutResumeHandle => "logout-resume-handle",
            Self::ClientSecret => "client-secret",
            Self::RecordSeal => "record-seal",
            Self::RecordMac => "record-mac",
            Self::RefreshToken => "refresh-token",
            Self::AccessToken => "access-token",
            Self::Acknowledge => "acknowledge",
            Self::AccountForm => "account-form",
        }
    }
}

/// The live server keys, with every sub-key derived. Cloning copies a pointer.
#[derive(Clone)]
pub struct ServerKeys(Arc<Inner>);

struct Inner {
    current: Live,
    /// Those that only open and verify.
    others: Vec<Live>,
}

/// One server key: its ID and a sub-key for each purpose, in the order of [`Purpose`].
struct Live {
    id: String,
    sub_keys: [SubKey; Purpose::ALL.len()],
}

struct SubKey {
    purpose: Purpose,
    aead: aead::LessSafeKey,
    mac: hmac::Key,
}

/// Why the server keys were refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ServerKeyError {
    /// The current key is not among the keys.
    #[error("the server keys have no key with the current ID `{0}`")]
    NoCurrent(String),
    /// An ID must be usable as a key of a Secret and fit the seal format.
    #[error("the server key ID `{0}` must be 1 to 64 characters out of A-Z a-z 0-9 . _ -")]
    KeyId(String),
}

impl ServerKeys {
    /// Derives the sub-keys of all keys. `current` names the one that new values are made with.
    pub fn new(keys: BTreeMap<String, Secret<[u8; 32]>>, current: String) -> Result<Self, ServerKeyError> {
        if let Some(id) = keys.keys().find(|id| !is_key_id(id)) {
            return Err(ServerKeyError::KeyId(id.clone()));
        }
        let (chosen, others): (Vec<_>, Vec<_>) =
            keys.into_iter().map(|(id, key)| Live::derive(id, &key)).partition(|live| live.id == current);
        let current = chosen.into_iter().next().ok_or(ServerKeyError::NoCurrent(current))?;
        Ok(Self(Arc::new(Inner { current, others })))
    }

    /// A new server key under a random ID.
    pub fn generate() -> (String, Secret<[u8; 32]>) {
        // An ID tells generations apart; it is no secret.
        (b64::encode(&random::bytes::<9>()), Secret::generate())
    }

    /// The ID of the key that new values are made with.
    pub fn current_id(&self) -> &str {
        &self.0.current.id
    }

    /// The IDs of all live keys, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.live().map(|live| live.id.as_str())
    }

    /// Authenticates the parts, each length-prefixed, under the current key (RFC 2104, HMAC-SHA-256).
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> Mac {
        let live = &self.0.current;
        Mac { key_id: live.id.clone(), tag: live.sub_key(purpose).tag(parts) }
    }

    /// Whether a live key made this MAC for this purpose over these parts. The comparison takes constant time.
    pub fn verify_mac(&self, purpose: Purpose, parts: &[&[u8]], mac: &Mac) -> bool {
        self.by_id(&mac.key_id)
            .is_some_and(|live| crate::secret::constant_time_eq(&live.sub_key(purpose).tag(parts), &mac.tag))
    }

    fn live(&self) -> impl Iterator<Item = &Live> {
        std::iter::once(&self.0.current).chain(&self.0.others)
    }

    fn by_id(&self, id: &str) -> Option<&Live> {
        self.live().find(|live| live.id == id)
    }
}

impl fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKeys").field("ids", &self.ids().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

impl Live {
    fn derive(id: String, key: &Secret<[u8; 32]>) -> Self {
        Self { id, sub_keys: Purpose::ALL.map(|purpose| SubKey::derive(key, purpose)) }
    }

    fn sub_key(&self, purpose: Purpose) -> &SubKey {
        fail::or_abort(self.sub_keys.iter().find(|sub_key| sub_key.purpose == purpose).ok_or(()))
    }
}

impl SubKey {
    /// `HKDF-SHA-256(server key, salt = "", info = "portcullis/1" ‖ lp("sub-key") ‖ lp(label))`, 64 octets: the first
    /// half seals, the second makes MACs, so that no key serves two algorithms.
    fn derive(key: &Secret<[u8; 32]>, purpose: Purpose) -> Self {
        let mut info = b"portcullis/1".to_vec();
        for part in ["sub-key", purpose.label()] {
            fail::or_abort(frame::lp16(&mut info, part.as_bytes()));
        }
        let sub_key = hkdf::hkdf_sha256::<64>(key.expose(), b"", &info);
        let (seal, mac) = sub_key.split_at(32);
        let aead = fail::or_abort(aead::UnboundKey::new(&aead::AES_256_GCM_SIV, seal));
        Self { purpose, aead: aead::LessSafeKey::new(aead), mac: hmac::Key::new(hmac::HMAC_SHA256, mac) }
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.mac);
        for part in parts {
            context.update(&frame::length64(part));
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }
}

/// An HMAC-SHA-256 tag and the ID of the server key that it was made with.
///
/// Its text is `<key ID>.<base64url tag>`. There is no `PartialEq`: compare with [`ServerKeys::verify_mac`].
#[derive(Clone)]
pub struct Mac {
    /// Which server key.
    pub key_id: String,
    /// The tag.
    pub tag: [u8; 32],
}

impl Mac {
    /// The text form.
    pub fn encode(&self) -> String {
        format!("{}.{}", self.key_id, b64::encode(&self.tag))
    }

    /// Reads the text form; `None` if it is not one.
    pub fn decode(text: &str) -> Option<Self> {
        let (key_id, tag) = text.rsplit_once('.')?;
        let tag = b64::decode(tag)?.try_into().ok()?;
        is_key_id(key_id).then(|| Self { key_id: key_id.to_owned(), tag })
    }
}

impl fmt::Debug for Mac {
    /// A tag can be a credential: only the key ID is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mac").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

fn is_key_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests;
