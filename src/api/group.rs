//! The OidcGroup kind: persons who belong together.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cel::{NAME_MESSAGE, NAME_RULE};
use crate::reference::LocalRef;
use crate::status::{Condition, lenient, lenient_list, never_observed, unseen};
use crate::text::GroupClaimValue;

/// Who belongs to a group. Members are named one by one: a label never grants privilege.
#[derive(CustomResource, JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "portcullis.dev",
    version = "v1alpha1",
    kind = "OidcGroup",
    namespaced,
    status = "OidcGroupStatus",
    derive = "PartialEq",
    doc = "A group of the OidcUsers of this namespace. Applications may be open to its members only, and may see it in the groups claim. Whoever may edit this object decides who belongs.",
    shortname = "ogrp",
    category = "oidc",
    selectable = ".spec.claimValue",
    validation = Rule::new(NAME_RULE).message(NAME_MESSAGE),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Claim", type_ = "string", json_path = ".status.claimValue"),
    printcolumn(name = "Members", type_ = "integer", json_path = ".status.members"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct OidcGroupSpec {
    /// The value in the groups claim. Absent: the name of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_value: Option<GroupClaimValue>,

    /// The OidcUsers who belong, by name. Naming one twice changes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5000), extend("x-kubernetes-list-type" = "atomic"))]
    pub members: Vec<LocalRef>,
}

/// What the controller last saw and did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = unseen()))]
pub struct OidcGroupStatus {
    /// The `metadata.generation` this status speaks of; -1 before the first look.
    #[serde(default = "never_observed", deserialize_with = "lenient")]
    pub observed_generation: i64,

    /// The value in the groups claim in force.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub claim_value: Option<String>,

    /// How many of the members exist.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub members: Option<i64>,

    /// What holds and what does not.
    #[serde(default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
