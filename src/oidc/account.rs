//! A person as the compile step left them; only enabled ones are in a catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crypto::PasswordHash;
use serde_json::Value;

use crate::claims::StandardClaim;
use crate::ids::{GroupName, LoginEpoch, Subject, Uid, Username};

/// One enabled person.
#[derive(Clone, Debug)]
pub struct Account {
    /// `sub`.
    pub subject: Subject,
    /// UID of the `OidcUser`: sessions and tokens are bound to it.
    pub uid: Uid,
    /// Under which of their logins they stand: sessions and tokens are bound to it, too.
    pub login_epoch: LoginEpoch,
    /// What they type.
    pub username: Username,
    /// The hash of their password; none: they cannot log in with one.
    pub password: Option<PasswordHash>,
    /// Standard claims that have a value, `groups` excepted.
    pub claims: BTreeMap<StandardClaim, Value>,
    /// Their groups.
    pub groups: BTreeSet<GroupName>,
    /// Attributes for extra claims.
    pub attributes: BTreeMap<String, String>,
}

/// All enabled people of a provider.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    by_subject: BTreeMap<Subject, Arc<Account>>,
    subject_of: BTreeMap<Username, Subject>,
}

impl Accounts {
    /// Indexes the accounts. Subjects and user names are unique by the time they come here; of two that are equal all
    /// the same, neither is kept: a login must never be a choice between two people.
    pub fn new<A: Into<Arc<Account>>>(accounts: impl IntoIterator<Item = A>) -> Self {
        let mut seen_names: BTreeMap<Username, Option<Subject>> = BTreeMap::new();
        let mut by_subject: BTreeMap<Subject, Option<Arc<Account>>> = BTreeMap::new();
        for account in accounts {
            let account: Arc<Account> = account.into();
            seen_names
                .entry(account.username.clone())
                .and_modify(|subject| *subject = None)
                .or_insert_with(|| Some(account.subject.clone()));
            by_subject.entry(account.subject.clone()).and_modify(|kept| *kept = None).or_insert(Some(account));
        }
        let by_subject: BTreeMap<_, _> =
            by_subject.into_iter().filter_map(|(subject, account)| Some((subject, account?))).collect();
        let subject_of = seen_names
            .into_iter()
            .filter_map(|(name, subject)| Some((name, subject?)))
            .filter(|(name, subject)| by_subject.get(subject).is_some_and(|account| account.username == *name))
            .collect();
        Self { by_subject, subject_of }
    }

    /// The account with this user name, as typed: letter case and surrounding spaces do not count.
    pub fn by_username(&self, typed: &str) -> Option<&Account> {
        self.by_subject.get(self.subject_of.get(typed.trim().to_lowercase().as_str())?).map(Arc::as_ref)
    }

    /// The account with this subject, provided that it is still the same person's object, and that what was proved in this
    /// epoch still counts.
    pub fn current(&self, subject: &Subject, uid: &Uid, epoch: LoginEpoch) -> Option<&Account> {
        let found = self.by_subject.get(subject).map(Arc::as_ref);
        found.filter(|account| account.uid == *uid && account.login_epoch == epoch)
    }

    /// All accounts, by subject.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.by_subject.values().map(Arc::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(subject: &str, username: &str) -> Account {
        Account {
            subject: Subject::new(subject),
            uid: Uid::new(format!("uid-{subject}")),
            login_epoch: LoginEpoch::new(7),
            username: Username::new(username),
            password: None,
            claims: BTreeMap::new(),
            groups: BTreeSet::new(),
            attributes: BTreeMap::new(),
        }
    }

    #[test]
    fn typed_names_are_folded() {
        let accounts = Accounts::new([account("s1", "alice")]);
        assert!(accounts.by_username(" Alice ").is_some());
        assert!(accounts.by_username("bob").is_none());
    }

    #[test]
    fn t_k15_a_subject_of_another_object_is_nobody() {
        let accounts = Accounts::new([account("s1", "alice")]);
        let current = |uid: &str, epoch| accounts.current(&Subject::new("s1"), &Uid::new(uid), LoginEpoch::new(epoch));
        assert!(current("uid-s1", 7).is_some());
        assert!(current("another", 7).is_none());
        assert!(current("uid-s1", 6).is_none() && current("uid-s1", 8).is_none(), "neither older nor newer");
    }

    #[test]
    fn of_two_equal_names_neither_can_log_in() {
        let accounts = Accounts::new([account("s1", "alice"), account("s2", "alice")]);
        assert!(accounts.by_username("alice").is_none());
    }
}
