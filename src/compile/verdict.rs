//! What the compile step says about one object.

use std::fmt;

use api::{ConditionType, Kind, ObjectKey, Reason};
use crypto::{Algorithm, KeyState};
use oidc::ids::Uid;

/// One object among all kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace and name.
    pub key: ObjectKey,
}

impl ObjectRef {
    /// The object of this kind with this key.
    pub fn new(kind: Kind, key: ObjectKey) -> Self {
        Self { kind, key }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.key)
    }
}

/// One thing that is wrong, or not done yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The condition that does not hold.
    pub condition: ConditionType,
    /// Why, for machines.
    pub reason: Reason,
    /// The field, such as `spec.redirectURIs[0]`.
    pub path: String,
    /// Why, for people, and what mends it.
    pub message: String,
}

impl Diagnostic {
    /// A diagnostic of the condition that the reason belongs to.
    pub fn new(reason: Reason, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { condition: reason.of(), reason, path: path.into(), message: message.into() }
    }

    /// Something that resolves itself with time.
    pub fn pending(condition: ConditionType, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { condition, reason: Reason::Pending, path: path.into(), message: message.into() }
    }
}

/// All that is known about one object after a compilation.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// UID of the object that was judged; absent in manifests that never met a cluster.
    pub uid: Option<Uid>,
    /// Generation that was judged.
    pub generation: Option<i64>,
    /// What is wrong; empty when all is well. What speaks against acceptance comes first.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether a catalog holds what this object asks for. Always false where no catalog is made ([`crate::Mode::Check`]).
    pub served: bool,
    /// What the status shows besides conditions.
    pub facts: Facts,
}

impl Verdict {
    /// Whether the object is valid by itself, among the others, and permitted.
    pub fn accepted(&self) -> bool {
        self.holds(ConditionType::Accepted)
    }

    /// Whether nothing at all is wrong.
    pub fn ready(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Whether no diagnostic speaks against a condition.
    pub fn holds(&self, condition: ConditionType) -> bool {
        self.against(condition).next().is_none()
    }

    /// Whether it is known which Secrets an application wants, so that any other of its own may go. A Secret that it refers
    /// to and that is away for a moment takes nothing with it: what is mounted is not taken away over a mistake.
    pub fn settles_secrets(&self) -> bool {
        self.served
            && self.accepted()
            && self.holds(ConditionType::CredentialsReady)
            && self.diagnostics.iter().all(|one| one.reason != Reason::SecretNotFoundOrWrongType)
    }

    /// The diagnostics against a condition.
    pub fn against(&self, condition: ConditionType) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(move |diagnostic| diagnostic.condition == condition)
    }
}

/// What the status of each kind shows besides conditions.
#[derive(Clone, Debug, PartialEq)]
pub enum Facts {
    /// See [`ProviderFacts`].
    Provider(ProviderFacts),
    /// See [`ApplicationFacts`].
    Application(ApplicationFacts),
    /// See [`UserFacts`].
    User(UserFacts),
    /// See [`GroupFacts`].
    Group(GroupFacts),
    /// See [`ResourceFacts`].
    Resource(ResourceFacts),
}

/// What a provider's status shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderFacts {
    /// Accepted applications.
    pub attached_applications: usize,
    /// Issuers that are served.
    pub issuers: Vec<String>,
    /// Signing keys.
    pub keys: Vec<KeyFacts>,
}

/// What a provider's status shows of a signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// Its ID.
    pub key_id: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its state.
    pub state: KeyState,
    /// When it reached that state, in seconds since 1970.
    pub since: i64,
    /// When it leaves the JWKS, in seconds since 1970; known once it retires.
    pub remove_at: Option<i64>,
}

/// What an application's status shows. Empty where the provider is missing or does not permit the namespace: both look
/// alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationFacts {
    /// Its client ID.
    pub client_id: Option<String>,
    /// Its issuer.
    pub issuer: Option<String>,
    /// The policy that allows it.
    pub policy_name: Option<String>,
    /// How it proves itself.
    pub credentials: Credentials,
    /// Its programmatic access accounts.
    pub accounts: Vec<AccountFacts>,
}

/// What an application's status shows of a programmatic access account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFacts {
    /// Its name.
    pub name: String,
    /// Its client ID.
    pub client_id: String,
    /// How it proves itself.
    pub credentials: Credentials,
    /// Whether a catalog holds it: one whose client secret is nowhere to be found is left out, and the others are not.
    pub served: bool,
}

/// How an application proves itself, as its status shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Not known yet.
    #[default]
    Unknown,
    /// It needs no secret.
    NotApplicable,
    /// By a client secret.
    ClientSecret {
        /// The Secret written for it.
        secret_name: String,
        /// What there is to say of a generated secret.
        generated: Option<SecretFacts>,
    },
}

/// What a status shows of a client secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFacts {
    /// The epoch of the one that is handed out.
    pub epoch: u64,
    /// The trigger that it answers.
    pub trigger: String,
    /// When it was handed out, in seconds since 1970.
    pub since: Option<i64>,
    /// When the one before ends, in seconds since 1970.
    pub previous_ends: Option<i64>,
}

/// What a user's status shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFacts {
    /// Lower-case name for login.
    pub username: String,
    /// `sub`; unknown in manifests without UID that pin none.
    pub subject: Option<String>,
}

/// What a group's status shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFacts {
    /// Value in the `groups` claim.
    pub claim_value: String,
    /// Members that exist.
    pub members: usize,
}

/// What a resource's status shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceFacts {
    /// Its issuer.
    pub issuer: Option<String>,
    /// The policy that allows it.
    pub policy_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_alone_while_it_is_not_known_which_are_wanted() {
        let verdict = |reasons: &[Reason], served| Verdict {
            uid: None,
            generation: None,
            diagnostics: reasons.iter().map(|reason| Diagnostic::new(*reason, "spec", "no")).collect(),
            served,
            facts: Facts::Application(ApplicationFacts::default()),
        };
        assert!(verdict(&[], true).settles_secrets());
        assert!(verdict(&[Reason::GroupNotFound, Reason::ResourceNotFoundOrNotPermitted], true).settles_secrets());
        assert!(!verdict(&[], false).settles_secrets());
        for reason in [
            Reason::SecretNotFoundOrWrongType,
            Reason::SecretConflict,
            Reason::SeedMissing,
            Reason::RedirectHostNotAllowed,
        ] {
            assert!(!verdict(&[reason], true).settles_secrets(), "{reason}");
        }
    }
}
