//! What an application reports. No secret stands here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::{Condition, lenient, lenient_list, never_observed, unseen};

/// What the controller last saw and did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = unseen()))]
pub struct OidcApplicationStatus {
    /// The `metadata.generation` this status speaks of; -1 before the first look.
    #[serde(default = "never_observed", deserialize_with = "lenient")]
    pub observed_generation: i64,

    /// The client ID in force.
    #[serde(rename = "clientID", default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub client_id: Option<String>,

    /// The issuer that serves it.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub issuer: Option<String>,

    /// The policy of the provider that permits it.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub policy_name: Option<String>,

    /// The client secret, without the secret.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<ClientSecretStatus>,

    /// The programmatic access accounts.
    #[serde(default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub accounts: Vec<AccountStatus>,

    /// What holds and what does not.
    #[serde(default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// A client secret, without the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientSecretStatus {
    /// The Secret that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub secret_name: Option<String>,

    /// The number of the secret: it rises by one with each rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,

    /// The rotation trigger that was last acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub observed_trigger: Option<String>,

    /// When it was last rotated, or since when its period is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rotation_time: Option<Time>,

    /// Until when the secret before it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_expiration_time: Option<Time>,
}

/// One programmatic access account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountStatus {
    /// The name of the account.
    #[schemars(length(max = 63))]
    pub name: String,

    /// The client ID of the account: its access key.
    #[serde(rename = "clientID")]
    #[schemars(length(max = 255))]
    pub client_id: String,

    /// The secret of the account, without the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<ClientSecretStatus>,
}
