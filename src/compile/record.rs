//! Records: what the controller compiled, as it travels to the servers; and how a server knows that it is whole.
//!
//! ```text
//! Client, Account, Realm ─▶ payload (JSON of format 1) ─▶ Record + MAC ─▶ API server ─▶ Record, MAC verified ─▶ payload
//! ```
//!
//! - The payload is a text, not fields: a MAC covers octets (`api::record` says why).
//! - The same settings give the same octets: passwords are sealed alike, so that nothing is written that did not change.
//! - The MAC covers kind, format, provider, source and payload: a record cannot be moved, aged into another format, or
//!   handed to another provider.
//! - A payload with a member that this version does not know is refused: it may be a restriction.

mod client;
mod provider;
pub(crate) mod size;
mod user;

use api::{
    ObjectKey, ObjectUid, OidcClientRecordSpec, OidcUserRecordSpec, RecordKind, RecordMac, RecordPayload, RecordSource,
};
use crypto::{Mac, Purpose, Secret, ServerKeys, b64};
use oidc::ids::Uid;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use client::{ClientParts, ClientPayload, DedicatedIssuer, Place};
pub use provider::{ProviderPayload, RealmPayload};
pub use user::{ClaimsAt, KnownPassword, UserPayload};

/// The form of payloads that this version writes and reads.
pub const FORMAT: u32 = 1;

/// What a record speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An application, in an OidcClientRecord.
    Client,
    /// A user, in an OidcUserRecord.
    User,
    /// The provider itself, in a ConfigMap.
    Provider,
}

impl Subject {
    /// Part of the MAC.
    const fn label(self) -> &'static str {
        match self {
            Self::Client => RecordKind::OidcClientRecord.as_str(),
            Self::User => RecordKind::OidcUserRecord.as_str(),
            Self::Provider => "ProviderRecord",
        }
    }
}

/// A record as it is stored, its MAC not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it speaks of.
    pub subject: Subject,
    /// The form of the payload.
    pub format: u32,
    /// UID of the provider whose servers load it.
    pub provider: Uid,
    /// Namespace and name of the object that it was compiled from.
    pub source: ObjectKey,
    /// UID of that object.
    pub source_uid: Uid,
    /// The settings.
    pub payload: String,
    /// The MAC over all of the above.
    pub mac: String,
}

/// Why a record is not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Of another version of this program. Told from the others, since then the record is fine and the reader is old.
    #[error("record format {0} is not known to this version, which reads {FORMAT}")]
    Format(u32),
    /// Made with a server key that is not here: maybe not yet. Told from a forgery, since then the record may be fine and
    /// the reader behind.
    #[error("the server key `{0}` that it was made with is not here")]
    UnknownKey(String),
    /// Forged or altered.
    #[error("the MAC does not hold")]
    Mac,
    /// Authentic, and yet not what format 1 says.
    #[error("the payload cannot be read: {0}")]
    Payload(String),
    /// Authentic, and speaks of somebody else.
    #[error("the payload is not that of its source")]
    Source,
}

impl RecordError {
    /// Whether the reader may be behind, and should go on with what it could read before.
    pub const fn may_be_ahead(&self) -> bool {
        match self {
            Self::Format(_) | Self::UnknownKey(_) => true,
            Self::Mac | Self::Payload(_) | Self::Source => false,
        }
    }
}

impl Record {
    /// Makes the record of a source.
    pub fn new<T: Serialize>(
        keys: &ServerKeys,
        subject: Subject,
        provider: &Uid,
        source: (&ObjectKey, &Uid),
        payload: &T,
    ) -> Self {
        // Maps with text keys, numbers and texts: writing them cannot fail, and an empty payload is refused by all.
        let payload = serde_json::to_string(payload).unwrap_or_default();
        let mut record = Self {
            subject,
            format: FORMAT,
            provider: provider.clone(),
            source: source.0.clone(),
            source_uid: source.1.clone(),
            payload,
            mac: String::new(),
        };
        record.mac = record.with_parts(|parts| keys.mac(Purpose::RecordMac, parts).encode());
        record
    }

    /// Whether it names a key that is here, and was not made with it.
    pub fn is_forged(&self, keys: &ServerKeys) -> bool {
        self.authenticate(keys) == Err(RecordError::Mac)
    }

    /// The payload, once the MAC has been verified.
    pub fn open<T: DeserializeOwned>(&self, keys: &ServerKeys) -> Result<T, RecordError> {
        if self.format != FORMAT {
            return Err(RecordError::Format(self.format));
        }
        self.authenticate(keys)?;
        serde_json::from_str(&self.payload).map_err(|error| RecordError::Payload(error.to_string()))
    }

    fn authenticate(&self, keys: &ServerKeys) -> Result<(), RecordError> {
        let mac = Mac::decode(&self.mac).ok_or(RecordError::Mac)?;
        if !keys.ids().any(|id| id == mac.key_id) {
            return Err(RecordError::UnknownKey(mac.key_id));
        }
        if !self.with_parts(|parts| keys.verify_mac(Purpose::RecordMac, parts, &mac)) {
            return Err(RecordError::Mac);
        }
        Ok(())
    }

    fn with_parts<R>(&self, with: impl FnOnce(&[&[u8]]) -> R) -> R {
        let Self { subject, format, provider, source, source_uid, payload, mac: _ } = self;
        let format = format.to_be_bytes();
        with(&[
            b"portcullis/1 record",
            subject.label().as_bytes(),
            &format,
            provider.as_str().as_bytes(),
            source.namespace.as_bytes(),
            source.name.as_bytes(),
            source_uid.as_str().as_bytes(),
            payload.as_bytes(),
        ])
    }
}

/// Seals a secret for the field of a record that `aad` names.
pub(crate) fn seal(keys: &ServerKeys, aad: &[u8], secret: &Secret<String>) -> String {
    b64::encode(&keys.seal_alike(Purpose::RecordSeal, &[aad], secret.expose().as_bytes()))
}

/// What [`seal`] sealed. `what` is its name in the error.
pub(crate) fn unseal(keys: &ServerKeys, aad: &[u8], sealed: &str, what: &str) -> Result<Secret<String>, RecordError> {
    let sealed = b64::decode(sealed).ok_or_else(|| unreadable(what, "not base64url"))?;
    let octets: Secret<Vec<u8>> =
        keys.open(Purpose::RecordSeal, &[aad], &sealed).map_err(|error| unreadable(what, &error.to_string()))?;
    let text = std::str::from_utf8(octets.expose()).map_err(|_| unreadable(what, "not text"))?;
    Ok(Secret::new(text.to_owned()))
}

fn unreadable(what: &str, why: &str) -> RecordError {
    RecordError::Payload(format!("{what}: {why}"))
}

macro_rules! record_specs {
    ($($spec:ident = $subject:ident;)*) => {$(
        impl From<Record> for $spec {
            fn from(record: Record) -> Self {
                let Record { subject: _, format, provider, source, source_uid, payload, mac } = record;
                Self {
                    record_format: i32::try_from(format).unwrap_or(i32::MAX),
                    provider_uid: ObjectUid(provider.to_string()),
                    source: RecordSource {
                        namespace: source.namespace.into(),
                        name: source.name.into(),
                        uid: ObjectUid(source_uid.to_string()),
                    },
                    payload: RecordPayload(payload),
                    mac: RecordMac(mac),
                }
            }
        }

        impl From<&$spec> for Record {
            fn from(spec: &$spec) -> Self {
                let $spec { record_format, provider_uid, source, payload, mac } = spec;
                Self {
                    subject: Subject::$subject,
                    format: u32::try_from(*record_format).unwrap_or_default(),
                    provider: Uid::new(provider_uid.to_string()),
                    source: ObjectKey::new(source.namespace.to_string(), source.name.to_string()),
                    source_uid: Uid::new(source.uid.to_string()),
                    payload: payload.to_string(),
                    mac: mac.to_string(),
                }
            }
        }
    )*};
}

record_specs! {
    OidcClientRecordSpec = Client;
    OidcUserRecordSpec = User;
}

#[cfg(test)]
mod tests;
