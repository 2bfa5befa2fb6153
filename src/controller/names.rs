//! The names of what the controller writes, and the managers that own its fields.

use api::{Kind, ObjectKey};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

/// What belongs to records.
pub(crate) const RECORDS_MANAGER: &str = "portcullis-records";
/// What belongs to statuses.
pub(crate) const STATUS_MANAGER: &str = "portcullis-status";
/// What belongs to the Secrets of applications.
pub(crate) const CREDENTIALS_MANAGER: &str = "portcullis-credentials";
/// What belongs to key material.
pub(crate) const KEYS_MANAGER: &str = "portcullis-keys";

/// The label of the ConfigMap that is a provider's record; its value is the provider's name.
pub const RECORD_LABEL: &str = "portcullis.dev/provider-record";

/// What follows the provider's name in the name of that ConfigMap.
const RECORD_SUFFIX: &str = "record";

/// The ConfigMap with the record of a provider.
pub fn provider_record(provider: &ObjectKey) -> ObjectKey {
    with_suffix(provider, RECORD_SUFFIX)
}

/// A Secret or ConfigMap of a provider.
pub fn with_suffix(provider: &ObjectKey, suffix: &str) -> ObjectKey {
    ObjectKey::new(&provider.namespace, format!("{}-{suffix}", provider.name))
}

/// The provider that a Secret or ConfigMap belongs to, by its name.
pub(crate) fn without_suffix(key: &ObjectKey, suffix: &str) -> Option<ObjectKey> {
    let name = key.name.strip_suffix(suffix)?.strip_suffix('-')?;
    Some(ObjectKey::new(&key.namespace, name))
}

/// The provider whose record a ConfigMap is, by its name.
pub(crate) fn recorded_provider(key: &ObjectKey) -> Option<ObjectKey> {
    without_suffix(key, RECORD_SUFFIX)
}

/// The reference by which what is written for an object goes with it. It does not hold the object up.
pub(crate) fn owner(kind: Kind, key: &ObjectKey, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: Kind::api_version().to_owned(),
        kind: kind.as_str().to_owned(),
        name: key.name.clone(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    }
}
