//! What every kind reports: conditions, their reasons and the defaults that an object
//! shows before the controller has seen it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kind::Kind;
use crate::wire::wire_enum;

wire_enum! {
    /// What a condition speaks about.
    pub enum ConditionType {
        /// The object is valid by itself, among all others, and permitted by policy.
        Accepted = "Accepted",
        /// Everything it refers to exists and may be used.
        ResolvedRefs = "ResolvedRefs",
        /// The Secrets written for it hold what they should.
        CredentialsReady = "CredentialsReady",
        /// The provider has keys to sign with.
        KeysReady = "KeysReady",
        /// Every serving replica has loaded it.
        Programmed = "Programmed",
        /// The summary of the others.
        Ready = "Ready",
        /// Present, and True, only while work goes on.
        Reconciling = "Reconciling",
        /// Present, and True, only while nothing but an edit can help.
        Stalled = "Stalled",
    }
}

wire_enum! {
    /// Whether a condition holds.
    pub enum ConditionStatus {
        /// It holds.
        True = "True",
        /// It does not hold.
        False = "False",
        /// It is not known yet.
        Unknown = "Unknown",
    }
}

wire_enum! {
    /// Why a condition has its status. The reasons that carry the name of a condition say
    /// that it holds; every other one belongs to False or Unknown, `NotApplicable` excepted.
    pub enum Reason {
        /// Accepted: nobody has looked at the object yet.
        Pending = "Pending",
        /// Accepted: no such provider, or one that does not permit this namespace.
        ProviderNotFoundOrNotPermitted = "ProviderNotFoundOrNotPermitted",
        /// Accepted: no policy permits the host of a redirect, login or front-channel URI.
        RedirectHostNotAllowed = "RedirectHostNotAllowed",
        /// Accepted: no policy permits the host of the back-channel logout URI.
        LogoutHostNotAllowed = "LogoutHostNotAllowed",
        /// Accepted: no policy permits fetching keys from this host.
        JWKSHostNotAllowed = "JWKSHostNotAllowed",
        /// Accepted: no policy permits this dedicated issuer.
        IssuerHostNotAllowed = "IssuerHostNotAllowed",
        /// Accepted: no policy permits loopback redirect URIs, or not `localhost`.
        LoopbackNotAllowed = "LoopbackNotAllowed",
        /// Accepted: no policy permits this private-use scheme.
        PrivateUseSchemeNotAllowed = "PrivateUseSchemeNotAllowed",
        /// Accepted: no policy permits a grant type asked for.
        GrantTypeNotAllowed = "GrantTypeNotAllowed",
        /// Accepted: no policy permits a response type asked for.
        ResponseTypeNotAllowed = "ResponseTypeNotAllowed",
        /// Accepted: no policy permits a scope asked for.
        ScopeNotAllowed = "ScopeNotAllowed",
        /// Accepted: no policy permits this way of client authentication.
        ClientAuthenticationNotAllowed = "ClientAuthenticationNotAllowed",
        /// Accepted: no policy permits skipping consent.
        ConsentSkipNotAllowed = "ConsentSkipNotAllowed",
        /// Accepted: no policy permits a client secret by reference.
        SecretReferenceNotAllowed = "SecretReferenceNotAllowed",
        /// Accepted: no policy permits this custom client ID.
        ClientIDNotAllowed = "ClientIDNotAllowed",
        /// Accepted: a lifetime is above what the policy permits.
        LifetimeTooLong = "LifetimeTooLong",
        /// Accepted: an older object holds this client ID.
        ClientIDConflict = "ClientIDConflict",
        /// Accepted: the subject belongs to another user or is a client ID.
        SubjectConflict = "SubjectConflict",
        /// Accepted: an older object holds this issuer.
        IssuerConflict = "IssuerConflict",
        /// Accepted: another user logs in with this identifier.
        UsernameConflict = "UsernameConflict",
        /// Accepted: an older object holds this audience.
        AudienceConflict = "AudienceConflict",
        /// Accepted: no policy permits this audience.
        AudienceHostNotAllowed = "AudienceHostNotAllowed",
        /// Accepted: a field has a value whose behaviour does not exist yet.
        UnsupportedValue = "UnsupportedValue",
        /// ResolvedRefs: the Secret is missing or has another type.
        SecretNotFoundOrWrongType = "SecretNotFoundOrWrongType",
        /// ResolvedRefs: the password hash is of a kind that cannot be verified.
        PasswordHashUnsupported = "PasswordHashUnsupported",
        /// ResolvedRefs: a group does not exist.
        GroupNotFound = "GroupNotFound",
        /// ResolvedRefs: a member does not exist.
        MemberNotFound = "MemberNotFound",
        /// ResolvedRefs: no such resource, or one whose owner does not allow this client.
        ResourceNotFoundOrNotPermitted = "ResourceNotFoundOrNotPermitted",
        /// CredentialsReady: the Secret exists and is not ours.
        SecretConflict = "SecretConflict",
        /// CredentialsReady: the controller may not write Secrets there. Programmed: nor its record.
        Forbidden = "Forbidden",
        /// CredentialsReady: a new secret is on its way to the servers.
        Rotating = "Rotating",
        /// CredentialsReady: the seed of derived secrets is missing.
        SeedMissing = "SeedMissing",
        /// CredentialsReady: True, since this client needs no Secret.
        NotApplicable = "NotApplicable",
        /// KeysReady: an algorithm has no active key.
        NoActiveKey = "NoActiveKey",
        /// KeysReady: the Secret with the signing keys is missing.
        KeySecretMissing = "KeySecretMissing",
        /// Programmed: some servers have not loaded it yet.
        WaitingForServers = "WaitingForServers",
        /// Programmed: nobody serves this provider.
        NoServers = "NoServers",
        /// Accepted holds.
        Accepted = "Accepted",
        /// ResolvedRefs holds.
        ResolvedRefs = "ResolvedRefs",
        /// CredentialsReady holds.
        CredentialsReady = "CredentialsReady",
        /// KeysReady holds.
        KeysReady = "KeysReady",
        /// Programmed holds.
        Programmed = "Programmed",
        /// Ready holds.
        Ready = "Ready",
    }
}

impl ConditionType {
    /// Whether objects of `kind` report this condition.
    pub const fn applies_to(self, kind: Kind) -> bool {
        match self {
            Self::Accepted | Self::Ready | Self::Reconciling | Self::Stalled => true,
            Self::ResolvedRefs => matches!(kind, Kind::OidcApplication | Kind::OidcUser | Kind::OidcGroup),
            Self::CredentialsReady => matches!(kind, Kind::OidcApplication),
            Self::KeysReady => matches!(kind, Kind::OidcProvider),
            Self::Programmed => {
                matches!(kind, Kind::OidcProvider | Kind::OidcApplication | Kind::OidcUser | Kind::OidcResource)
            }
        }
    }

    /// The reason of this condition while it is True. `None` for those that are present
    /// only while something is amiss: they carry the reason of that.
    pub const fn affirmative(self) -> Option<Reason> {
        match self {
            Self::Accepted => Some(Reason::Accepted),
            Self::ResolvedRefs => Some(Reason::ResolvedRefs),
            Self::CredentialsReady => Some(Reason::CredentialsReady),
            Self::KeysReady => Some(Reason::KeysReady),
            Self::Programmed => Some(Reason::Programmed),
            Self::Ready => Some(Reason::Ready),
            Self::Reconciling | Self::Stalled => None,
        }
    }
}

impl Reason {
    /// The condition whose reason this is. `Ready`, `Reconciling` and `Stalled` borrow the
    /// reason of the condition that decides them.
    pub const fn of(self) -> ConditionType {
        match self {
            Self::Pending
            | Self::ProviderNotFoundOrNotPermitted
            | Self::RedirectHostNotAllowed
            | Self::LogoutHostNotAllowed
            | Self::JWKSHostNotAllowed
            | Self::IssuerHostNotAllowed
            | Self::LoopbackNotAllowed
            | Self::PrivateUseSchemeNotAllowed
            | Self::GrantTypeNotAllowed
            | Self::ResponseTypeNotAllowed
            | Self::ScopeNotAllowed
            | Self::ClientAuthenticationNotAllowed
            | Self::ConsentSkipNotAllowed
            | Self::SecretReferenceNotAllowed
            | Self::ClientIDNotAllowed
            | Self::LifetimeTooLong
            | Self::ClientIDConflict
            | Self::SubjectConflict
            | Self::IssuerConflict
            | Self::UsernameConflict
            | Self::AudienceConflict
            | Self::AudienceHostNotAllowed
            | Self::UnsupportedValue
            | Self::Accepted => ConditionType::Accepted,
            Self::SecretNotFoundOrWrongType
            | Self::PasswordHashUnsupported
            | Self::GroupNotFound
            | Self::MemberNotFound
            | Self::ResourceNotFoundOrNotPermitted
            | Self::ResolvedRefs => ConditionType::ResolvedRefs,
            Self::SecretConflict
            | Self::Forbidden
            | Self::Rotating
            | Self::SeedMissing
            | Self::NotApplicable
            | Self::CredentialsReady => ConditionType::CredentialsReady,
            Self::NoActiveKey | Self::KeySecretMissing | Self::KeysReady => ConditionType::KeysReady,
            Self::WaitingForServers | Self::NoServers | Self::Programmed => ConditionType::Programmed,
            Self::Ready => ConditionType::Ready,
        }
    }
}

/// One observation about an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What the condition speaks about: Accepted, ResolvedRefs, CredentialsReady, KeysReady,
    /// Programmed, Ready, Reconciling or Stalled.
    #[serde(rename = "type")]
    #[schemars(with = "String", length(min = 1, max = 64))]
    pub type_: ConditionType,

    /// Whether it holds: True, False or Unknown.
    pub status: ConditionStatus,

    /// Why, in one word for machines.
    #[schemars(with = "String", length(min = 1, max = 128))]
    pub reason: Reason,

    /// Why, in a sentence for people, with what to do about it.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    pub message: String,

    /// The `metadata.generation` this was found for.
    pub observed_generation: i64,

    /// When the status last changed.
    pub last_transition_time: Time,
}

/// The status that the API server gives to a new object: in progress, not yet seen.
pub(crate) fn unseen() -> Value {
    json!({
        "observedGeneration": NEVER_OBSERVED,
        "conditions": [{
            "type": ConditionType::Ready,
            "status": ConditionStatus::Unknown,
            "reason": Reason::Pending,
            "message": "Waiting for the controller.",
            "observedGeneration": NEVER_OBSERVED,
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }],
    })
}

/// The `observedGeneration` of an object that nobody has processed; older than every
/// generation, so that tools read the object as in progress.
pub const NEVER_OBSERVED: i64 = -1;

pub(crate) fn never_observed() -> i64 {
    NEVER_OBSERVED
}

/// Decodes a status field, or leaves its default where the stored value is of another
/// version. A status is a report: one that cannot be read must not hide the spec.
pub(crate) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Decodes the items of a status list that can be read and leaves out the others.
pub(crate) fn lenient_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Value::deserialize(deserializer)? {
        Value::Array(items) => Ok(items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests;
