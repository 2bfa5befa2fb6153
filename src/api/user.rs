//! The OidcUser kind: one person who can log in.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cel::{NAME_MESSAGE, NAME_RULE, rules, rules_at};
use crate::reference::SecretRef;
use crate::status::{Condition, lenient, lenient_list, never_observed, unseen};
use crate::text::{AttributeValue, EmailAddress, Locale, PhoneNumber, PinnedSubject, Username, WebUri};
use crate::wire::wire_enum;

/// Who a person is and how they log in. Membership in groups is not here: it has an owner
/// of its own, the OidcGroup.
#[derive(CustomResource, JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "portcullis.dev",
    version = "v1alpha1",
    kind = "OidcUser",
    namespaced,
    status = "OidcUserStatus",
    derive = "PartialEq",
    doc = "A person who can log in to every OidcProvider of this namespace. Deleting the object ends their sessions; one created again with the same name is another subject, unless spec.subject pins it.",
    shortname = "ouser",
    category = "oidc",
    selectable = ".spec.username",
    selectable = ".spec.activation",
    selectable = ".spec.email",
    selectable = ".status.subject",
    validation = Rule::new(NAME_RULE).message(NAME_MESSAGE),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Username", type_ = "string", json_path = ".status.username"),
    printcolumn(name = "Activation", type_ = "string", json_path = ".spec.activation"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Subject", type_ = "string", json_path = ".status.subject", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules_at([(".subject", SUBJECT_RULE, SUBJECT_MESSAGE)])))]
pub struct OidcUserSpec {
    /// The name to log in with, in lower case. Absent: the name of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Username>,

    /// Enabled or Disabled. Disabling ends sessions, and all that was granted, within
    /// seconds; who is enabled again has to log in again.
    #[serde(default)]
    pub activation: Activation,

    /// The subject identifier (`sub`) to use, for people who come from another provider.
    /// Empty: the UID of this object. It never changes.
    #[serde(default)]
    pub subject: PinnedSubject,

    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,

    /// Whether the e-mail address is known to be theirs: Unverified or Verified.
    #[serde(default)]
    pub email_verification: Verification,

    /// The telephone number with country code, such as +441632960960 (E.164).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<PhoneNumber>,

    /// Whether the telephone number is known to be theirs: Unverified or Verified.
    #[serde(default)]
    pub phone_number_verification: Verification,

    /// The claims of the scopes profile and address (OpenID Connect Core §5.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,

    /// Values for the custom claims of applications, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 50, "x-kubernetes-validations" = rules([(
        "self.all(k, k.matches('^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$'))",
        "the name of an attribute must be 1 to 63 letters, digits and `_ . -`, starting and ending with a letter or a digit",
    )])))]
    pub attributes: BTreeMap<String, AttributeValue>,

    /// How the person logs in.
    #[serde(default)]
    pub authentication: Authentication,
}

const SUBJECT_RULE: &str = "(has(self.subject) ? self.subject : '') == (has(oldSelf.subject) ? oldSelf.subject : '')";
const SUBJECT_MESSAGE: &str =
    "subject is immutable: applications know the person by it; create another OidcUser instead";

wire_enum! {
    /// Whether a person may use the provider.
    #[derive(Default)]
    pub enum Activation {
        /// They may.
        #[default]
        Enabled = "Enabled",
        /// They may not, and what they hold ends.
        Disabled = "Disabled",
    }
}

wire_enum! {
    /// Whether an address is known to be the person's.
    #[derive(Default)]
    pub enum Verification {
        /// It is not.
        #[default]
        Unverified = "Unverified",
        /// It is.
        Verified = "Verified",
    }
}

/// The claims of the scopes profile and address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Profile {
    /// The full name, as it is to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub name: Option<String>,

    /// The given name or names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub given_name: Option<String>,

    /// The family name or names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub family_name: Option<String>,

    /// The middle name or names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub middle_name: Option<String>,

    /// The casual name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub nickname: Option<String>,

    /// The short name the person likes to be called by. Absent: the user name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub preferred_username: Option<String>,

    /// The address of the profile page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<WebUri>,

    /// The address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<WebUri>,

    /// The address of the person's own pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<WebUri>,

    /// The gender.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub gender: Option<String>,

    /// The date of birth: YYYY-MM-DD, or YYYY; the year 0000 stands for one that is not
    /// told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), regex(pattern = "^[0-9]{4}(-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?$"))]
    pub birthdate: Option<String>,

    /// The time zone, such as Europe/Paris.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"))]
    pub zoneinfo: Option<String>,

    /// The language, as a tag such as en-GB (RFC 5646).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,

    /// The postal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

/// A postal address (OpenID Connect Core §5.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Address {
    /// The whole address as on an envelope, with line breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub formatted: Option<String>,

    /// Street, house number and what else stands above the city, with line breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub street_address: Option<String>,

    /// The city.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub locality: Option<String>,

    /// The state, province or region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub region: Option<String>,

    /// The postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub postal_code: Option<String>,

    /// The country.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub country: Option<String>,
}

/// How a person logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Authentication {
    /// The Secret with the password: type portcullis.dev/user-password, key `hash` (a PHC
    /// string: argon2id, bcrypt, scrypt, pbkdf2) or `password`, which the controller hashes
    /// once per change. Another password ends sessions and all that was granted before.
    /// Absent: no login by password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<SecretRef>,
}

/// What the controller last saw and did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = unseen()))]
pub struct OidcUserStatus {
    /// The `metadata.generation` this status speaks of; -1 before the first look.
    #[serde(default = "never_observed", deserialize_with = "lenient")]
    pub observed_generation: i64,

    /// The user name in force.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub username: Option<String>,

    /// The subject identifier in force.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub subject: Option<String>,

    /// What holds and what does not.
    #[serde(default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
