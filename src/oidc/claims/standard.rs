//! OIDC Core §5.1 and §5.4: one table of the standard claims and the scopes that ask for them.

use serde::{Deserialize, Serialize};

use crate::scope::StandardScope;

macro_rules! claims {
    ($($variant:ident = $wire:literal, $scope:ident;)*) => {
        /// A claim of OIDC Core §5.1 about a person, and `groups`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum StandardClaim { $(#[doc = concat!("`", $wire, "`")] #[serde(rename = $wire)] $variant),* }

        impl StandardClaim {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The member name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire),* }
            }

            /// The scope that asks for it.
            pub const fn scope(self) -> StandardScope {
                match self { $(Self::$variant => StandardScope::$scope),* }
            }
        }
    };
}

claims! {
    Name = "name", Profile;
    GivenName = "given_name", Profile;
    FamilyName = "family_name", Profile;
    MiddleName = "middle_name", Profile;
    Nickname = "nickname", Profile;
    PreferredUsername = "preferred_username", Profile;
    Profile = "profile", Profile;
    Picture = "picture", Profile;
    Website = "website", Profile;
    Gender = "gender", Profile;
    Birthdate = "birthdate", Profile;
    Zoneinfo = "zoneinfo", Profile;
    Locale = "locale", Profile;
    UpdatedAt = "updated_at", Profile;
    Email = "email", Email;
    EmailVerified = "email_verified", Email;
    PhoneNumber = "phone_number", Phone;
    PhoneNumberVerified = "phone_number_verified", Phone;
    Address = "address", Address;
    Groups = "groups", Groups;
}

/// Claims that carry the protocol itself (RFC 7519 §4.1, OIDC Core §2, RFC 9068 §2.2, RFC 8693, RFC 7800, RFC 7662, back-channel
/// logout).
pub const PROTOCOL_CLAIMS: &[&str] = &[
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
    "client_id",
    "scope",
    "scopes",
    "cnf",
    "act",
    "may_act",
    "events",
    "roles",
    "entitlements",
    "authorization_details",
    "_claim_names",
    "_claim_sources",
    "sub_jwk",
    "txn",
    "active",
    "token_type",
    "username",
];

/// Names that no extra claim may take: those of the protocol and the standard claims above.
pub fn is_reserved(name: &str) -> bool {
    PROTOCOL_CLAIMS.contains(&name) || StandardClaim::ALL.iter().any(|claim| claim.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_and_standard_names_are_reserved() {
        for name in ["sub", "aud", "groups", "email_verified", "client_id"] {
            assert!(is_reserved(name), "{name}");
        }
        assert!(!is_reserved("department"));
    }
}
