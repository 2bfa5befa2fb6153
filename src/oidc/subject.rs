//! OIDC Core §8: who a person is to a client. Where that is pairwise, clients of different sectors cannot find out that they
//! speak of one person, by whatever they compare.

use std::borrow::Cow;

use crypto::Secret;

use crate::account::Account;
use crate::client::Client;
use crate::ids::Subject;

wire_enum! {
    /// OIDC Core §8.
    #[derive(Default)]
    SubjectType {
        /// The same `sub` to every client.
        #[default]
        Public = "public",
        /// A `sub` of its own to every sector.
        Pairwise = "pairwise",
    }
}

impl SubjectType {
    /// Whether it is the default.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    pub(crate) fn is_public(&self) -> bool {
        *self == Self::Public
    }
}

impl Client {
    /// The `sub` by which this client knows a person; none where it has no key to make one with. Then it is told nothing:
    /// least of all the public one.
    pub(crate) fn subject_of<'a>(&self, account: &'a Account) -> Option<Cow<'a, str>> {
        self.subject_for(&account.subject)
    }

    /// The same for whoever has, or had, this public subject.
    pub(crate) fn subject_for<'a>(&self, public: &'a Subject) -> Option<Cow<'a, str>> {
        let public = public.as_str();
        match self.subject_type {
            SubjectType::Public => Some(Cow::Borrowed(public)),
            SubjectType::Pairwise => self.sector_key.as_ref().map(|key| Cow::Owned(pairwise(key, public))),
        }
    }
}

/// OIDC Core §8.1: not to be turned back without the key, and always the same with it.
fn pairwise(sector_key: &Secret<String>, public: &str) -> String {
    crypto::hash::keyed(sector_key, &[b"portcullis/1 pairwise subject", public.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn of_sector(key: &str) -> Client {
        let sector_key = Some(Secret::new(key.to_owned()));
        Client { subject_type: SubjectType::Pairwise, sector_key, ..client() }
    }

    #[test]
    fn t_k12_a_person_is_somebody_else_in_every_sector() {
        let [notes, portal] =
            ["notes", "portal"].map(|key| of_sector(key).subject_of(&account()).unwrap().into_owned());
        assert_eq!(of_sector("notes").subject_of(&account()).unwrap(), notes);
        assert_ne!(notes, portal);
        assert_eq!(client().subject_of(&account()).unwrap(), "alice-subject");
        for subject in [&notes, &portal] {
            assert!(subject.len() == 43 && !subject.contains("alice"), "{subject}");
        }
        let bob = Account { subject: crate::ids::Subject::new("bob-subject"), ..account() };
        assert_ne!(of_sector("notes").subject_of(&bob).unwrap(), notes);
    }

    #[test]
    fn without_a_key_nobody_is_told_who_it_is() {
        let keyless = Client { sector_key: None, ..of_sector("notes") };
        assert_eq!(keyless.subject_of(&account()), None);
    }
}
