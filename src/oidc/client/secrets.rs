//! The live secrets of a client: one, or two while a rotation overlaps.

use crypto::{Algorithm, Secret};

use super::{Client, ClientAuthentication};
use crate::records::OnceId;
use crate::time::Time;

/// Which of its live secrets a client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretAge {
    /// The one that it is to use.
    Newest,
    /// The one before, for as long as the overlap lasts.
    Previous,
}

impl SecretAge {
    /// In the order in which a client lists them.
    const ALL: [Self; 2] = [Self::Newest, Self::Previous];
}

/// For how long it is remembered that a newest secret was used, where nobody knows yet when the one before ends.
const REMEMBERED_SECONDS: i64 = 86_400;

impl Client {
    /// Goes with the live secrets, or what is kept for each, through those that are good at `now`.
    pub(crate) fn live<'s, T>(&self, secrets: &'s [T], now: Time) -> impl Iterator<Item = (SecretAge, bool, &'s T)> {
        let previous_ends = match &self.authentication {
            ClientAuthentication::Secret { previous_ends, .. } => *previous_ends,
            ClientAuthentication::Public | ClientAuthentication::Keys(_) | ClientAuthentication::PublishedKeys(_) => {
                None
            }
        };
        SecretAge::ALL.into_iter().zip(secrets).map(move |(age, secret)| {
            let good = age == SecretAge::Newest || previous_ends.is_none_or(|end| now < end);
            (age, good, secret)
        })
    }

    /// The client secrets that are good at `now`, where something is signed with them, the newest first.
    pub(crate) fn shared_secrets_at(&self, now: Time) -> impl Iterator<Item = (SecretAge, &Secret<String>)> {
        self.live(&self.shared_secrets, now).filter_map(|(age, good, secret)| good.then_some((age, secret)))
    }

    /// What is signed with: the secret of that age, or the only one.
    pub(crate) fn shared_secret(&self, age: SecretAge, now: Time) -> Option<&Secret<String>> {
        let mut newest_first = self.shared_secrets_at(now);
        let newest = newest_first.next();
        let found = match age {
            SecretAge::Newest => newest,
            SecretAge::Previous => newest_first.next().or(newest),
        };
        found.map(|(_, secret)| secret)
    }

    /// Whether what is signed for it depends on which of two secrets it has: then it matters whether it has ever used the
    /// newest. What to remember that by, and until when.
    pub fn awaits_newest(&self, now: Time) -> Option<(OnceId, Time)> {
        let ClientAuthentication::Secret { verifiers, previous_ends, .. } = &self.authentication else { return None };
        let unasked =
            self.backchannel_logout.is_some() || self.response_types.iter().any(|response| response.has_id_token());
        if self.id_token.algorithm != Algorithm::HS256 || !unasked || self.shared_secrets_at(now).count() < 2 {
            return None;
        }
        // A verifier is a text: writing it cannot fail. It says which secret is meant, and gives nothing away.
        let verifier = serde_json::to_string(verifiers.first()?).unwrap_or_default();
        let id = OnceId::new(&["newest client secret", self.uid.as_str(), &verifier]);
        Some((id, previous_ends.unwrap_or(now.plus_secs(REMEMBERED_SECONDS))))
    }
}

#[cfg(test)]
mod tests;
