//! OIDC Core §3.1.2.3: who the person is, and whether that was proved recently enough for this request.

use super::{Checked, ConsentAsk, Demands, Received, RedirectError, ReplyTo};
use crate::account::Account;
use crate::catalog::Realm;
use crate::client::Client;
use crate::ids::SessionId;
use crate::prompt::Prompt;
use crate::records::SessionRecord;
use crate::refusal::{ErrorCode, Why};
use crate::time::Time;

/// Seconds that a person may take between a fresh login and the end of the request, whatever `max_age` says.
const PAGES_SECONDS: i64 = 60;

/// A live session and the person in it; the caller has judged cookie, times and account.
#[derive(Clone, Copy, Debug)]
pub struct Login<'c> {
    /// The session.
    pub session: &'c SessionRecord,
    /// The person.
    pub account: &'c Account,
}

/// A request by a person who is known well enough.
#[derive(Debug)]
pub struct Identified<'c> {
    pub(super) received: Received,
    pub(super) realm: &'c Realm,
    pub(super) client: &'c Client,
    pub(super) to: ReplyTo,
    pub(super) demands: Demands,
    pub(super) login: Login<'c>,
}

/// Why a request does not go on at once.
#[derive(Debug)]
pub enum Pause<'c> {
    /// The person has to log in.
    Login(Waiting<'c>),
    /// The person has to say which account they mean.
    SelectAccount(Waiting<'c>),
    /// The person has to agree.
    Consent(Box<ConsentAsk<'c>>),
    /// The request ends here; the client is told.
    Refuse(RedirectError),
}

/// A request that waits for a person.
#[derive(Debug)]
pub struct Waiting<'c> {
    /// The client, for the page.
    pub client: &'c Client,
    /// What to seal into the page's handle.
    pub received: Received,
    /// The source that the page's `form-action` must allow.
    pub form_action: String,
}

impl Waiting<'_> {
    /// `login_hint`, to be put into the form.
    pub fn login_hint(&self) -> Option<&str> {
        self.received.params.get(super::Param::LoginHint)
    }
}

impl<'c> Checked<'c> {
    /// Judges the session against `prompt`, `max_age`, `id_token_hint` and the application's user access. `chosen` is the
    /// session whose account the person has confirmed on a page of this very request.
    ///
    /// # Errors
    /// A pause, or the refusal that `prompt=none` turns it into.
    pub fn identify(
        self,
        login: Option<Login<'c>>,
        now: Time,
        chosen: Option<SessionId>,
    ) -> Result<Identified<'c>, Pause<'c>> {
        let Some(login) = login else {
            return Err(self.pause(Pause::Login, ErrorCode::LoginRequired, Why::LoginNeeded, "nobody is logged in"));
        };
        if chosen.is_some_and(|chosen| chosen != login.session.id) {
            // Somebody else has logged in since the page offered an account: whom the person meant is not who is here.
            let received = Received { at: now, ..self.received };
            return Err(Self { received, ..self }.pause(
                Pause::SelectAccount,
                ErrorCode::AccountSelectionRequired,
                Why::SelectionNeeded,
                "another account is logged in than was chosen",
            ));
        }
        // A login after the request arrived is the one that the request asked for.
        let fresh = login.session.auth_time >= self.received.at;
        let prompts = &self.demands.prompts;
        if prompts.contains(&Prompt::SelectAccount) && chosen.is_none() && !fresh {
            return Err(self.pause(
                Pause::SelectAccount,
                ErrorCode::AccountSelectionRequired,
                Why::SelectionNeeded,
                "an account has to be chosen",
            ));
        }
        let age = now.secs().saturating_sub(login.session.auth_time.secs());
        let too_old = self.demands.max_age_seconds.is_some_and(|max| {
            // A fresh login gets a minute for the pages that follow it, or a small `max_age` would ask for ever.
            if fresh { max > 0 && age > max.max(PAGES_SECONDS) } else { max == 0 || age > max }
        });
        if too_old || !fresh && prompts.contains(&Prompt::Login) {
            return Err(self.pause(
                Pause::Login,
                ErrorCode::LoginRequired,
                Why::LoginNeeded,
                "the last login is older than this request allows",
            ));
        }
        let known_as = self.client.subject_of(login.account);
        if self.demands.hint.as_ref().is_some_and(|hint| Some(hint.as_str()) != known_as.as_deref()) {
            let description = "another account is logged in than `id_token_hint` names";
            if fresh {
                return Err(Pause::Refuse(self.to.refuse(ErrorCode::LoginRequired, Why::LoginNeeded, description)));
            }
            return Err(self.pause(Pause::Login, ErrorCode::LoginRequired, Why::LoginNeeded, description));
        }
        let Self { received, realm, client, to, demands } = self;
        if !client.user_access.permits(&login.account.groups) {
            return Err(Pause::Refuse(to.refuse(
                ErrorCode::AccessDenied,
                Why::NotPermitted,
                "this account may not use this application",
            )));
        }
        Ok(Identified { received, realm, client, to, demands, login })
    }

    fn pause(
        self,
        page: impl FnOnce(Waiting<'c>) -> Pause<'c>,
        code: ErrorCode,
        why: Why,
        description: &'static str,
    ) -> Pause<'c> {
        if self.demands.prompts.contains(&Prompt::None) {
            return Pause::Refuse(self.to.refuse(code, why, description));
        }
        page(Waiting { client: self.client, received: self.received, form_action: self.to.form_action().to_owned() })
    }
}
