//! When what a person has proved so far ceases to count: with a new password, and with their return after they were
//! disabled. Who was logged in with what is not right any more, or was sent away, has to log in again.
//!
//! It is a number, not a time: sessions and grants carry the one under which they were begun, and count under no other,
//! so that no two clocks have to agree.
//!
//! What is remembered is the last hash, sealed: by it alone can be told whether a password that is hashed anew, after a
//! restart or because its Secret was made anew, is still the same. A digest of it would let whoever reads it try passwords.

use api::Activation;
use crypto::{PasswordHash, ServerKeys, constant_time_eq};
use oidc::ids::LoginEpoch;
use serde::{Deserialize, Serialize};

/// What was known of a person's logins when they were looked at last.
#[derive(Clone, Debug)]
pub struct Logins {
    /// Where they stand.
    pub epoch: LoginEpoch,
    /// The last hash of their password; none for as long as they never had one.
    password: Option<PasswordHash>,
    /// Whether they were disabled.
    disabled: bool,
}

/// The same, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealedLogins {
    /// Where they stand.
    pub epoch: LoginEpoch,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
}

impl Logins {
    /// Where they stand at `now`, in seconds since 1970. A password that is away for a moment, as its Secret is replaced or
    /// is being hashed, is not another one. Where nothing is known any more nothing counts any more.
    #[must_use]
    pub fn advance(known: Option<&Self>, activation: Activation, hash: Option<&PasswordHash>, now: i64) -> Self {
        let disabled = activation == Activation::Disabled;
        let Some(known) = known else { return Self { epoch: LoginEpoch::new(now), password: hash.cloned(), disabled } };
        let is_other = known.password.as_ref().zip(hash).is_some_and(|(known, hash)| !is_same(known, hash));
        let is_back = known.disabled && !disabled;
        let epoch = if is_other || is_back { known.epoch.next(now) } else { known.epoch };
        Self { epoch, password: hash.or(known.password.as_ref()).cloned(), disabled }
    }

    /// Which of two is later: with one epoch, the one that knows that they were disabled, so that their return counts.
    pub fn order(&self) -> (LoginEpoch, bool) {
        (self.epoch, self.disabled)
    }

    /// The last hash of their password.
    pub fn password(&self) -> Option<&PasswordHash> {
        self.password.as_ref()
    }

    /// As it is kept; `aad` says where, and it can be read nowhere else.
    #[must_use]
    pub fn seal(&self, keys: &ServerKeys, aad: &[u8]) -> SealedLogins {
        let Self { epoch, password, disabled } = self;
        let seal = |hash: &PasswordHash| crate::record::seal(keys, aad, hash.as_secret_str());
        SealedLogins { epoch: *epoch, password: password.as_ref().map(seal), disabled: *disabled }
    }
}

impl SealedLogins {
    /// As [`Logins::order`].
    pub fn order(&self) -> (LoginEpoch, bool) {
        (self.epoch, self.disabled)
    }

    /// What was kept; none where that cannot be read any more.
    pub fn open(&self, keys: &ServerKeys, aad: &[u8]) -> Option<Logins> {
        let Self { epoch, password, disabled } = self;
        let open = |sealed: &String| {
            let text = crate::record::unseal(keys, aad, sealed, "the last password hash").ok()?;
            PasswordHash::parse(text.expose()).ok()
        };
        let password = match password {
            None => None,
            Some(sealed) => Some(open(sealed)?),
        };
        Some(Logins { epoch: *epoch, password, disabled: *disabled })
    }
}

fn is_same(one: &PasswordHash, other: &PasswordHash) -> bool {
    constant_time_eq(one.as_secret_str().expose().as_bytes(), other.as_secret_str().expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crypto::Secret;

    use super::*;

    fn hash(salt: char) -> PasswordHash {
        let (salt, output) = (salt.to_string().repeat(21) + "A", "A".repeat(43));
        PasswordHash::parse(&format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${output}")).unwrap()
    }

    #[test]
    fn only_another_password_and_a_return_end_what_counted() {
        use Activation::{Disabled, Enabled};
        let (one, two) = (hash('a'), hash('b'));
        let mut known = Logins::advance(None, Enabled, None, 100);
        for (what, activation, password, expect) in [
            ("nothing", Enabled, None, 100),
            ("the first password: nobody can have logged in without", Enabled, Some(&one), 100),
            ("the password is away", Enabled, None, 100),
            ("it is back", Enabled, Some(&one), 100),
            ("disabled: they have no account", Disabled, Some(&one), 100),
            ("enabled", Enabled, Some(&one), 200),
            ("another password, within the same second", Enabled, Some(&two), 201),
            ("disabled again", Disabled, Some(&two), 201),
            ("another password while disabled", Disabled, Some(&one), 202),
            ("enabled again", Enabled, Some(&one), 203),
            ("nothing more", Enabled, Some(&one), 203),
        ] {
            known = Logins::advance(Some(&known), activation, password, 200);
            assert_eq!(known.epoch, LoginEpoch::new(expect), "{what}");
        }
    }

    #[test]
    fn what_was_forgotten_counts_no_more() {
        assert_eq!(Logins::advance(None, Activation::Enabled, Some(&hash('a')), 300).epoch, LoginEpoch::new(300));
    }

    #[test]
    fn t_k08_what_is_kept_says_nothing_of_the_password_and_is_read_in_its_place_alone() {
        let keys = |octet| {
            let keys = BTreeMap::from([("a".to_owned(), Secret::new([octet; 32]))]);
            ServerKeys::new(keys, "a".to_owned()).unwrap()
        };
        let logins = Logins::advance(None, Activation::Disabled, Some(&hash('a')), 300);
        let sealed = logins.seal(&keys(1), b"alice");
        let text = serde_json::to_string(&sealed).unwrap();
        assert!(!text.contains("argon2id") && !text.contains(&crypto::b64::encode(b"argon2id")), "{text}");
        let opened = sealed.open(&keys(1), b"alice").unwrap();
        assert!(is_same(opened.password().unwrap(), &hash('a')) && opened.disabled && opened.epoch == logins.epoch);
        assert!(sealed.open(&keys(1), b"bob").is_none());
        assert!(sealed.open(&keys(2), b"alice").is_none());
    }
}
