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
