//! The payload of a provider's record: what the servers must know besides keys, clients and people.

use std::collections::BTreeMap;

use oidc::catalog::RealmSettings;
use serde::{Deserialize, Serialize};

use crate::names::Names;

/// One issuer, without what has records of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderPayload {
    /// The realm; none while the provider is refused: then nobody is served.
    pub realm: Option<RealmPayload>,
    /// Fingerprint of each generation of the seed that secrets were derived from, so that a lost or replaced seed is
    /// noticed before every secret has changed.
    pub seeds: BTreeMap<u32, String>,
    /// Audiences that are held, and names that were given up: for the next controller, which would otherwise give them to
    /// whoever is oldest.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub names: Names,
}

/// What a realm needs besides keys, clients and people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RealmPayload {
    /// The issuer identifier.
    pub issuer: String,
    /// The name on its pages.
    pub display_name: String,
    /// Its colour on its pages, `#rrggbb`.
    pub primary_color: String,
    /// Its lifetimes.
    pub settings: RealmSettings,
}
