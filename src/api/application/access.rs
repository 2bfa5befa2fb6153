//! Who may use an application, and which APIs it may call for whom.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ClientAuthentication;
use crate::cel::{rules, unique};
use crate::reference::ResourceRef;
use crate::text::{LabelName, ScopeToken};
use crate::wire::wire_enum;

/// Who may log in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([(
    "(self.type == 'Groups') == (has(self.groups) && size(self.groups) > 0)",
    "groups is required with type Groups and refused with AnyUser",
)])))]
pub struct UserAccess {
    /// AnyUser of the provider, or Groups: members of at least one of them.
    #[serde(rename = "type")]
    pub type_: UserAccessType,

    /// The names of OidcGroups, with type Groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique()))]
    pub groups: Vec<LabelName>,
}

wire_enum! {
    /// Who may log in.
    #[derive(Default)]
    pub enum UserAccessType {
        /// Every enabled user of the provider.
        #[default]
        AnyUser = "AnyUser",
        /// Members of the listed groups.
        Groups = "Groups",
    }
}

wire_enum! {
    /// Which groups the groups claim holds.
    #[derive(Default)]
    pub enum GroupsClaim {
        /// None: there is no such claim.
        #[default]
        None = "None",
        /// Those named in `userAccess.groups` that the person is in.
        Matching = "Matching",
        /// Every group that the person is in.
        All = "All",
    }
}

/// Scopes of one API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceGrant {
    /// The API.
    pub resource_ref: ResourceRef,

    /// The scopes wanted; its OidcResource defines them.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub scopes: Vec<ScopeToken>,
}

/// The uniqueness rule of a list of [`ResourceGrant`].
pub(super) fn unique_resources() -> Value {
    rules([(
        "self.all(x, self.exists_one(y, x.resourceRef == y.resourceRef))",
        "the list names an API twice: put all of its scopes into one entry",
    )])
}

/// A client of its own for a service or a script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([(
    "!has(self.clientAuthentication) || !has(self.clientAuthentication.type) || self.clientAuthentication.type != 'None'",
    "an account must be ClientSecret, ServiceAccountToken or PrivateKeyJwt: client_credentials needs client authentication",
)])))]
pub struct ProgrammaticAccess {
    /// The name of the account. Its client ID is <namespace>.<application>.<account>. An
    /// account that is taken out and put back has the client secret that it had.
    pub name: LabelName,

    /// The APIs it wants to call. The owner's OidcResource has to allow it too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique_resources()))]
    pub resources: Vec<ResourceGrant>,

    /// How the account proves who it is. Default: a client secret of its own, in the
    /// Secret <application>.<account>-oidc.
    #[serde(default)]
    pub client_authentication: ClientAuthentication,

    /// When the account ends, in RFC 3339. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_time: Option<Time>,
}

/// The rules that compare the accounts with what they were. They stand on the list, since
/// an account's optional parents could be taken out and put back around a rule that stands
/// deeper.
pub(super) fn account_target_rules() -> Value {
    rules([(
        "self.all(a, oldSelf.all(o, o.name != a.name || \
         (has(a.clientAuthentication) && has(a.clientAuthentication.clientSecret) && has(a.clientAuthentication.clientSecret.target) && has(a.clientAuthentication.clientSecret.target.name) ? a.clientAuthentication.clientSecret.target.name : '') == \
         (has(o.clientAuthentication) && has(o.clientAuthentication.clientSecret) && has(o.clientAuthentication.clientSecret.target) && has(o.clientAuthentication.clientSecret.target.name) ? o.clientAuthentication.clientSecret.target.name : '')))",
        "clientSecret.target.name of an account is immutable: its services read that Secret; create another account instead",
    )])
}
