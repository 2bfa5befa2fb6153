//! References to other objects: always objects, so that a field can be added, and never
//! with a namespace where a Secret is meant.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::{LabelName, SubdomainName};

/// The OidcProvider an object belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderRef {
    /// The name of the OidcProvider.
    pub name: LabelName,

    /// The namespace of the OidcProvider. Absent: the provider namespace that the operator
    /// was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<LabelName>,
}

/// The rule that keeps `spec.providerRef` as it was created, absent or not.
pub(crate) const PROVIDER_REF_IMMUTABLE: &str = "(has(self.providerRef) ? self.providerRef.name : 'default') == \
     (has(oldSelf.providerRef) ? oldSelf.providerRef.name : 'default') && \
     (has(self.providerRef) && has(self.providerRef.__namespace__) ? self.providerRef.__namespace__ : '') == \
     (has(oldSelf.providerRef) && has(oldSelf.providerRef.__namespace__) ? oldSelf.providerRef.__namespace__ : '')";

/// The message of [`PROVIDER_REF_IMMUTABLE`].
pub(crate) const PROVIDER_REF_MESSAGE: &str =
    "providerRef is immutable: delete this object and create it for the other provider";

/// An object of the same namespace and of the kind that the field says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// The name of the object, in the namespace of this one.
    pub name: LabelName,
}

/// A Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// The name of the Secret, in the namespace of this object.
    pub name: SubdomainName,
}

/// An OidcResource, possibly of another namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRef {
    /// The name of the OidcResource.
    pub name: LabelName,

    /// The namespace of the OidcResource. Absent: the namespace of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<LabelName>,
}
