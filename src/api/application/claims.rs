//! Claims that an application adds to its tokens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cel::{rules, unique};
use crate::text::{AttributeName, text};
use crate::wire::wire_enum;

/// One claim, with a fixed value or one from the person's attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules([(
    "has(self.value) != has(self.fromAttribute)",
    "a claim has exactly one of value and fromAttribute",
)])))]
pub struct ExtraClaim {
    /// The name of the claim.
    pub name: ClaimName,

    /// The value, the same for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub value: Option<String>,

    /// The attribute of the OidcUser that holds the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_attribute: Option<AttributeName>,

    /// Where the claim goes: IDToken, Userinfo, AccessToken. Default: IDToken, Userinfo. An
    /// access token for an API carries none: what stands there is for the API's owner to trust.
    #[serde(default = "targets")]
    #[schemars(length(max = 3), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = unique()))]
    pub targets: Vec<ClaimTarget>,
}

fn targets() -> Vec<ClaimTarget> {
    vec![ClaimTarget::IDToken, ClaimTarget::Userinfo]
}

wire_enum! {
    /// Where a claim goes.
    pub enum ClaimTarget {
        /// The ID token.
        IDToken = "IDToken",
        /// The userinfo answer.
        Userinfo = "Userinfo",
        /// The access token, unless it is for an API.
        AccessToken = "AccessToken",
    }
}

text!(
    /// The name of a claim that an application adds.
    ClaimName, {
        "type": "string", "minLength": 1, "maxLength": 128,
        "x-kubernetes-validations": rules([
            ("self.matches('^[!-~]+$')", "must be printable ASCII without spaces"),
            (
                &format!("!(self in [{}])", reserved_claims()),
                "is a reserved claim name: this provider or a specification gives it a meaning, so choose another",
            ),
        ])
    }
);

/// Claims whose meaning is fixed by RFC 7519, 7662, 7800, 8693, 9068, OpenID Connect Core §2 and
/// §5.1, and the logout specifications. An application that could set them would forge
/// what other parties read in a token.
pub const RESERVED_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "nonce",
    "auth_time",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
    "events",
    "scope",
    "client_id",
    "cnf",
    "act",
    "may_act",
    "authorization_details",
    "groups",
    "roles",
    "entitlements",
    "scopes",
    "_claim_names",
    "_claim_sources",
    "sub_jwk",
    "txn",
    "active",
    "token_type",
    "username",
    "updated_at",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "address",
];

fn reserved_claims() -> String {
    RESERVED_CLAIMS.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}
