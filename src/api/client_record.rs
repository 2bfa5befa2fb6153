//! The OidcClientRecord kind: one compiled OidcApplication.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{
    CLIENT_RECORD_NAME_MESSAGE, CLIENT_RECORD_NAME_RULE, ObjectUid, RecordMac, RecordPayload, RecordSource, fixed,
};

/// What the servers need to know of an application and its programmatic access accounts.
#[derive(CustomResource, JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "portcullis.dev",
    version = "v1alpha1",
    kind = "OidcClientRecord",
    namespaced,
    derive = "PartialEq",
    doc = "One OidcApplication, compiled for the servers of its provider. Written by the Portcullis controller alone; an edit by anyone else is refused, and a record whose MAC does not hold is not loaded.",
    selectable = ".spec.providerUID",
    validation = Rule::new(CLIENT_RECORD_NAME_RULE).message(CLIENT_RECORD_NAME_MESSAGE),
    printcolumn(name = "Source Namespace", type_ = "string", json_path = ".spec.source.namespace"),
    printcolumn(name = "Source", type_ = "string", json_path = ".spec.source.name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct OidcClientRecordSpec {
    /// The form of the payload. A server that does not know it leaves the record alone.
    #[schemars(range(min = 1, max = 1000))]
    pub record_format: i32,

    /// The UID of the OidcProvider whose servers load this record.
    #[serde(rename = "providerUID")]
    #[schemars(extend("x-kubernetes-validations" = fixed()))]
    pub provider_uid: ObjectUid,

    /// The OidcApplication it was compiled from.
    #[schemars(extend("x-kubernetes-validations" = fixed()))]
    pub source: RecordSource,

    /// The compiled settings, with every secret value sealed or reduced to an HMAC.
    pub payload: RecordPayload,

    /// The MAC over everything else here, by a key that only the controller and the servers
    /// have.
    pub mac: RecordMac,
}
