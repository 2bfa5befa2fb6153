//! When what a person has proved so far ceases to count: with a new password, and with their return after they were
//! disabled. Who was logged in with what is not right any more, or was sent away, has to log in again.
//!
//! It is a number, not a time: sessions and grants carry the one under which they were begun, and count under no other,
//! so that no two clocks have to agree.

use api::Activation;
use crypto::PasswordHash;
use oidc::ids::LoginEpoch;
use serde::{Deserialize, Serialize};

/// What was known of a person's logins when they were looked at last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Logins {
    /// Where they stand.
    pub epoch: LoginEpoch,
    /// Digest of the hash of their password; absent for as long as they never had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    /// Whether they were disabled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
}

impl Logins {
    /// Where they stand at `now`, in seconds since 1970. A password that is away for a moment, as its Secret is replaced or
    /// is being hashed, is not another one. Where nothing is known any more nothing counts any more.
    pub fn advance(known: Option<&Self>, activation: Activation, hash: Option<&PasswordHash>, now: i64) -> Self {
        let disabled = activation == Activation::Disabled;
        let hash = hash.map(PasswordHash::digest);
        let Some(known) = known else { return Self { epoch: LoginEpoch::new(now), password: hash, disabled } };
        let password = hash.or_else(|| known.password.clone());
        let is_other = known.password.is_some() && known.password != password;
        let is_back = known.disabled && !disabled;
        let epoch = if is_other || is_back { known.epoch.next(now) } else { known.epoch };
        Self { epoch, password, disabled }
    }
}

#[cfg(test)]
mod tests {
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
}
