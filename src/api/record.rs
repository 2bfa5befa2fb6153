//! What the two record kinds share. Records are the compiled input of the servers; nobody
//! but the controller writes them, and no server believes one whose MAC does not hold.
//!
//! A record carries its compiled settings as one text, `payload`, and not as fields. A MAC
//! must cover what was written, octet by octet; the API server prunes, defaults and reorders
//! fields according to whichever definition is installed, so that an older definition under a
//! newer controller would drop a setting without a word: at best the MAC would break, at worst
//! a restriction would be gone. `recordFormat` stands outside of the text (and under the MAC):
//! a server tells a format that it does not know before it reads anything else, keeps serving
//! what it had, and says so in its acknowledgement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cel::rules;
use crate::text::{LabelName, text};
use crate::wire::wire_enum;

wire_enum! {
    /// A kind that only the controller writes. Its objects are no manifests: `check` and
    /// `standalone` do not know them.
    pub enum RecordKind {
        /// One OidcApplication with its accounts, compiled.
        OidcClientRecord = "OidcClientRecord",
        /// One OidcUser with the groups it belongs to, compiled.
        OidcUserRecord = "OidcUserRecord",
    }
}

impl RecordKind {
    /// The plural name in URLs and in the CRD's name; also the stem of the file in `crds/`.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::OidcClientRecord => "oidcclientrecords",
            Self::OidcUserRecord => "oidcuserrecords",
        }
    }
}

text!(
    /// A UID that the API server gave: a UUID in lower case.
    ObjectUid, {"type": "string", "minLength": 36, "maxLength": 36, "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
);

text!(
    /// Compiled settings, in the form that the record's format names. Below etcd's limit of
    /// 1.5 MiB for an object.
    RecordPayload, {"type": "string", "minLength": 2, "maxLength": 1_048_576}
);

text!(
    /// A MAC: the ID of the server key, a dot and the base64url text of 32 octets.
    RecordMac, {"type": "string", "minLength": 45, "maxLength": 320, "pattern": "^[A-Za-z0-9._-]+[.][A-Za-z0-9_-]{43}$"}
);

/// The object a record was compiled from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordSource {
    /// Its namespace.
    pub namespace: LabelName,

    /// Its name.
    pub name: LabelName,

    /// Its UID, which is the name of the record: an object of the same name that is created
    /// later is another one.
    pub uid: ObjectUid,
}

/// The name of a record says whose it is; two records of one application cannot exist.
pub(crate) const CLIENT_RECORD_NAME_RULE: &str = "self.metadata.name == self.spec.source.uid";

/// The message of [`CLIENT_RECORD_NAME_RULE`].
pub(crate) const CLIENT_RECORD_NAME_MESSAGE: &str = "metadata.name must be spec.source.uid";

/// A person belongs to every provider of the namespace, and each of them has a server key of its own: so there is one
/// record of a person for each provider.
pub(crate) const USER_RECORD_NAME_RULE: &str =
    "self.metadata.name == self.spec.source.uid + '.' + self.spec.providerUID";

/// The message of [`USER_RECORD_NAME_RULE`].
pub(crate) const USER_RECORD_NAME_MESSAGE: &str = "metadata.name must be spec.source.uid, a dot and spec.providerUID";

/// The rule of a required field that never changes.
pub(crate) fn fixed() -> serde_json::Value {
    rules([("self == oldSelf", "a record belongs to one source and one provider: delete it and create another")])
}

#[cfg(test)]
mod tests;
