//! The person's own page: its forms, sealed. Each says by itself what it does, to which session or application, for whom
//! and in which session; there is nothing beside it in the form that could be exchanged. Nowhere stands an address: after
//! every form comes the page itself, so that a login from here can be turned into no open redirect.

use crypto::{Purpose, ServerKeys};
use serde::{Deserialize, Serialize};

use crate::authorize::{Binding, HandleError, Login};
use crate::ids::{ClientId, SessionId, Uid};
use crate::sealed;
use crate::time::Time;

/// Seconds for which the page may be left open.
const LIFETIME_SECONDS: i64 = 3600;

/// A form of the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountForm {
    /// The login form.
    #[serde(rename = "l")]
    Login,
    /// A button.
    #[serde(rename = "b")]
    Button(Button),
}

/// A button that was shown to one person in one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    #[serde(rename = "u")]
    user_uid: Uid,
    #[serde(rename = "s")]
    session: SessionId,
    #[serde(rename = "a")]
    action: Action,
}

/// What a button does. All of it takes access away and gives none, so whoever is logged in may: a person who has just seen
/// a session that is not theirs is not sent to look for their password first, and the worst that somebody at their unlocked
/// screen can do is to make them log in and agree once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Ends one session.
    #[serde(rename = "e")]
    EndSession(SessionId),
    /// Ends every session but the one of this browser.
    #[serde(rename = "o")]
    EndOtherSessions,
    /// Ends every session.
    #[serde(rename = "a")]
    EndAllSessions,
    /// Withdraws what an application was granted.
    #[serde(rename = "w")]
    Withdraw {
        /// The `OidcApplication`.
        application_uid: Uid,
        /// Its client ID; for the log.
        client: ClientId,
    },
}

#[derive(Serialize, Deserialize)]
struct Handle {
    #[serde(rename = "f")]
    form: AccountForm,
    #[serde(rename = "b")]
    binding: Binding,
    #[serde(rename = "e")]
    expires_at: Time,
}

impl AccountForm {
    /// The form of a button for the person who is logged in so.
    pub fn button(login: Login<'_>, action: Action) -> Self {
        Self::Button(Button { user_uid: login.account.uid.clone(), session: login.session.id, action })
    }

    /// Seals the form, which is shown now, for the browser with this binding.
    pub fn seal(self, keys: &ServerKeys, issuer: &str, binding: Binding, now: Time) -> String {
        let handle = Handle { form: self, binding, expires_at: now.plus_secs(LIFETIME_SECONDS) };
        sealed::seal(&handle, Purpose::AccountForm, keys, issuer)
    }

    /// Opens what a form of the page sent back.
    ///
    /// # Errors
    /// It is none of ours, too old, or another browser's.
    pub fn open(
        keys: &ServerKeys,
        issuer: &str,
        text: &str,
        binding: &Binding,
        now: Time,
    ) -> Result<Self, HandleError> {
        let handle: Option<Handle> = sealed::open(text, Purpose::AccountForm, keys, issuer);
        let handle = handle.ok_or(HandleError::Unreadable)?;
        if handle.expires_at <= now {
            return Err(HandleError::Expired);
        }
        if handle.binding.is(binding) { Ok(handle.form) } else { Err(HandleError::OtherBrowser) }
    }
}

impl Button {
    /// What it does, if whoever is logged in so was shown it: the same person in the same session. In the same browser
    /// somebody else may be logged in by now.
    pub fn pressed(self, login: Login<'_>) -> Option<Action> {
        let shown = login.account.uid == self.user_uid && login.session.id == self.session;
        shown.then_some(self.action)
    }
}

#[cfg(test)]
mod tests {
    use crypto::Secret;

    use super::*;
    use crate::account::Account;
    use crate::records::SessionRecord;
    use crate::testing::{self, ISSUER, NOW, SERVER_KEYS};

    fn binding(octet: u8) -> Binding {
        Binding::of(&Secret::new([octet; 32]))
    }

    fn open(text: &str, octet: u8, issuer: &str, seconds: i64) -> Result<AccountForm, HandleError> {
        AccountForm::open(&SERVER_KEYS, issuer, text, &binding(octet), NOW.plus_secs(seconds))
    }

    #[test]
    fn a_form_opens_in_its_browser_at_its_issuer_for_an_hour() {
        let text = AccountForm::Login.seal(&SERVER_KEYS, ISSUER, binding(1), NOW);
        assert_eq!(open(&text, 1, ISSUER, 3599), Ok(AccountForm::Login));
        assert_eq!(open(&text, 1, ISSUER, 3600), Err(HandleError::Expired));
        assert_eq!(open(&text, 2, ISSUER, 0), Err(HandleError::OtherBrowser));
        assert_eq!(open(&text, 1, "https://other.example.com", 0), Err(HandleError::Unreadable));
        for bad in ["", "AAAA", &text.replacen(char::is_alphanumeric, "", 1), &format!("{text}A"), &"A".repeat(100_000)]
        {
            assert_eq!(open(bad, 1, ISSUER, 0), Err(HandleError::Unreadable));
        }
    }

    #[test]
    fn t_p27_a_form_of_another_page_is_none_of_this_one() {
        use crate::authorize::{Handle, Params, Received, Stage};
        let received = Received::new(Params::read(&mut testing::form(&[])), NOW);
        let login = Handle::new(received, Stage::Login, binding(1)).seal(&SERVER_KEYS, ISSUER);
        assert_eq!(open(&login, 1, ISSUER, 0), Err(HandleError::Unreadable));
        let own = AccountForm::Login.seal(&SERVER_KEYS, ISSUER, binding(1), NOW);
        assert!(Handle::open_form(&SERVER_KEYS, ISSUER, &own, &binding(1), NOW).is_err());
    }

    #[test]
    fn t_p27_a_button_counts_for_the_person_and_the_session_that_it_was_shown_to() {
        let (account, session) = (testing::account(), testing::session(NOW));
        let login = Login { session: &session, account: &account };
        let AccountForm::Button(button) = AccountForm::button(login, Action::EndAllSessions) else { unreachable!() };
        assert_eq!(button.clone().pressed(login), Some(Action::EndAllSessions));
        let other = SessionRecord { id: SessionId::new(uuid::Uuid::from_u128(9)), ..session.clone() };
        assert_eq!(button.clone().pressed(Login { session: &other, account: &account }), None);
        let bob = Account { uid: Uid::new("user-2"), ..account.clone() };
        assert_eq!(button.pressed(Login { session: &session, account: &bob }), None);
    }
}
