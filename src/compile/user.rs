//! An OidcUser: names, claims, and how they log in.

mod claims;

use std::collections::BTreeSet;

use api::{Activation, ConditionType, ObjectKey, OidcUser, OidcUserSpec, Reason};
use crypto::PasswordHash;
use oidc::account::Account;
use oidc::ids::{GroupName, Subject, Uid, Username};

use crate::inputs::{Inputs, Mode, SecretInput, USER_PASSWORD_TYPE, UserPassword};
use crate::record::size;
use crate::text::looks_derived;
use crate::verdict::Diagnostic;

/// A user under judgement.
#[derive(Debug)]
pub(crate) struct User<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) object: &'a OidcUser,
    pub(crate) uid: Option<Uid>,
    /// Lower case.
    pub(crate) username: String,
    /// Absent for a manifest without UID that pins none.
    pub(crate) subject: Option<String>,
    password: Option<&'a PasswordHash>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> User<'a> {
    /// Judges a user by themself.
    pub(crate) fn judge(inputs: &'a Inputs, key: &'a ObjectKey, object: &'a OidcUser) -> Self {
        let mut diagnostics = Vec::new();
        let spec = &object.spec;
        let username = spec.username.as_ref().map_or(key.name.as_str(), |name| name.as_str()).to_lowercase();
        let pinned = (!spec.subject.is_empty()).then(|| spec.subject.to_string());
        if pinned.as_deref().is_some_and(looks_derived) {
            let message = "must not look like a client ID (labels joined by dots): a token's sub would be ambiguous";
            diagnostics.push(Diagnostic::new(Reason::SubjectConflict, "spec.subject", message));
        }
        let uid = object.metadata.uid.clone().map(Uid::new);
        if uid.is_none() && inputs.mode != Mode::Check {
            let message = "the object has no UID yet: wait until it is stored";
            diagnostics.push(Diagnostic::pending(ConditionType::Accepted, "metadata.uid", message));
        }
        let subject = pinned.or_else(|| uid.as_ref().map(ToString::to_string));
        let password = password(inputs, key, object, &mut diagnostics);
        Self { key, object, uid, username, subject, password, diagnostics }
    }

    /// Whether nothing speaks against the user but, maybe, the password.
    pub(crate) fn accepted(&self) -> bool {
        self.diagnostics.iter().all(|diagnostic| diagnostic.condition != ConditionType::Accepted)
    }

    /// The account, if there is to be one. Without a password that can be verified it stays: sessions that are open do
    /// not depend on a Secret that is being replaced; to end them there is `activation`.
    pub(crate) fn account(&self, groups: Option<&BTreeSet<GroupName>>, inputs: &Inputs) -> Option<Account> {
        let (Some(uid), Some(subject), true) = (&self.uid, &self.subject, self.accepted()) else { return None };
        match self.object.spec.activation {
            Activation::Enabled => {}
            Activation::Disabled => return None,
        }
        let claims_changed = inputs.claims_changed.get(uid).copied();
        Some(Account {
            subject: Subject::new(subject.clone()),
            uid: uid.clone(),
            login_epoch: inputs.login_epochs.get(uid).copied().unwrap_or_default(),
            username: Username::new(self.username.clone()),
            password: self.password.cloned(),
            claims: claims::standard(&self.object.spec, &self.username, claims_changed),
            groups: groups.cloned().unwrap_or_default(),
            attributes: self
                .object
                .spec
                .attributes
                .iter()
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
        })
    }
}

impl User<'_> {
    /// Whether the record of an account can be written; says so if not.
    pub(crate) fn fits(&mut self, account: &Account) -> bool {
        let (bytes, max) = (size::of_account(account), size::MAX);
        if bytes <= max {
            return true;
        }
        let groups = size::kept(&account.groups);
        // No field of the person says which groups they are in.
        let (path, remedy) = if groups > bytes / 2 {
            (
                "",
                format!(
                    "they are a member of {} groups, which takes the most: take them out of some",
                    account.groups.len()
                ),
            )
        } else {
            ("spec.attributes", "this takes the most: have fewer or shorter ones".to_owned())
        };
        let message = format!(
            "what servers have to know of this person takes {bytes} octets, and at most {max} can be stored; {remedy}"
        );
        self.diagnostics.insert(0, Diagnostic::new(Reason::UnsupportedValue, path, message));
        false
    }
}

/// Tells one state of a person's claims from the next: `updated_at` is when this changes.
pub fn claims_digest(spec: &OidcUserSpec) -> String {
    // Writing values that were decoded from JSON cannot fail.
    let mut claims = serde_json::to_value(spec).unwrap_or_default();
    if let Some(claims) = claims.as_object_mut() {
        // Neither says anything about the person.
        claims.remove("activation");
        claims.remove("authentication");
    }
    crypto::b64::encode(&crypto::hash::sha256(&serde_json::to_vec(&claims).unwrap_or_default()))
}

fn password<'a>(
    inputs: &'a Inputs,
    key: &ObjectKey,
    object: &OidcUser,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<&'a PasswordHash> {
    const PATH: &str = "spec.authentication.passwordSecretRef";
    let name = object.spec.authentication.password_secret_ref.as_ref()?.name.as_str();
    let secret = inputs.secrets.get(&ObjectKey::new(key.namespace.clone(), name));
    let (reason, message) = match secret {
        Some(SecretInput::UserPassword(UserPassword::Hash(hash))) => return Some(hash),
        Some(SecretInput::UserPassword(UserPassword::Pending)) => {
            if inputs.mode != Mode::Check {
                let message = "the password is being hashed: logging in will work in a moment";
                diagnostics.push(Diagnostic::pending(ConditionType::ResolvedRefs, PATH, message));
            }
            return None;
        }
        Some(SecretInput::UserPassword(UserPassword::Unsupported(why))) => {
            (Reason::PasswordHashUnsupported, format!("Secret `{name}`: {why}"))
        }
        Some(SecretInput::UserPassword(UserPassword::Missing)) => {
            let message = format!("Secret `{name}` has neither key `hash` nor key `password`: add one");
            (Reason::SecretNotFoundOrWrongType, message)
        }
        None if inputs.mode == Mode::Check => return None,
        None | Some(SecretInput::ClientSecretInput(_) | SecretInput::WrongType(_)) => {
            let message = format!("there is no Secret `{name}` of type {USER_PASSWORD_TYPE} in this namespace");
            (Reason::SecretNotFoundOrWrongType, message)
        }
    };
    diagnostics.push(Diagnostic::new(reason, PATH, message));
    None
}
