//! The page where a person sees where they are signed in and what applications may have, and ends either.

use askama::Template;
use oidc::account_page::{AccountForm, Action};
use oidc::authorize::Login;
use oidc::catalog::Realm;
use oidc::client::Client;
use oidc::ids::{SessionId, Uid};
use oidc::records::{ConsentRecord, SessionRecord};

use super::scopes::{self, ScopeItem};
use super::{Frame, Moment, Person};

/// The account page.
#[derive(Debug, Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    frame: Frame<'a>,
    person: Person<'a>,
    /// Where the forms are posted.
    action: &'a str,
    /// Whether a form was not taken because its page was out of date.
    stale: bool,
    sessions: Vec<SessionItem>,
    grants: Vec<GrantItem<'a>>,
    /// Whether there are more sessions than these.
    more_sessions: bool,
    /// Whether there are more grants than these.
    more_grants: bool,
    end_others: String,
    end_all: String,
}

/// What the page shows.
pub(crate) struct AccountFacts<'a> {
    pub(crate) realm: &'a Realm,
    /// Who is logged in, and how.
    pub(crate) login: Login<'a>,
    /// The live sessions of the person, this one first.
    pub(crate) sessions: &'a [SessionRecord],
    /// Whether there are more.
    pub(crate) more_sessions: bool,
    pub(crate) consents: &'a [ConsentRecord],
    /// Whether there are more.
    pub(crate) more_consents: bool,
    /// Whether a form was not taken because its page was out of date.
    pub(crate) stale: bool,
}

#[derive(Debug)]
struct SessionItem {
    began: Moment,
    last_used: Moment,
    how: String,
    /// Whether it is the one of this browser.
    current: bool,
    end: String,
}

#[derive(Debug)]
struct GrantItem<'a> {
    /// The application's own claim, unless it is gone.
    name: Option<&'a str>,
    id: &'a str,
    namespace: Option<&'a str>,
    scopes: Vec<ScopeItem<'a>>,
    agreed: Moment,
    withdraw: String,
}

impl<'a> AccountPage<'a> {
    /// The page of these facts; `seal` makes the handle of a form.
    pub(crate) fn new(
        frame: Frame<'a>,
        action: &'a str,
        facts: &AccountFacts<'a>,
        seal: impl Fn(AccountForm) -> String,
    ) -> Self {
        let AccountFacts { realm, login, sessions, more_sessions, consents, more_consents, stale } = *facts;
        let button = |action: Action| seal(AccountForm::button(login, action));
        Self {
            frame,
            person: login.account.into(),
            action,
            stale,
            sessions: sessions.iter().map(|session| session_item(session, login.session.id, button)).collect(),
            grants: consents.iter().map(|consent| grant_item(consent, realm, button)).collect(),
            more_sessions,
            more_grants: more_consents,
            end_others: button(Action::EndOtherSessions),
            end_all: button(Action::EndAllSessions),
        }
    }

    fn has_other_sessions(&self) -> bool {
        self.more_sessions || self.sessions.iter().any(|session| !session.current)
    }
}

fn session_item(session: &SessionRecord, own: SessionId, button: impl Fn(Action) -> String) -> SessionItem {
    SessionItem {
        began: session.auth_time.into(),
        last_used: session.last_seen_at.into(),
        how: how(&session.amr),
        current: session.id == own,
        end: button(Action::EndSession(session.id)),
    }
}

fn grant_item<'a>(consent: &'a ConsentRecord, realm: &'a Realm, button: impl Fn(Action) -> String) -> GrantItem<'a> {
    let ConsentRecord { issuer: _, user_uid: _, application_uid, client: id, permissions, granted_at } = consent;
    let client = client(realm, id.as_str(), application_uid);
    let withdraw = Action::Withdraw { application_uid: application_uid.clone(), client: id.clone() };
    GrantItem {
        name: client.map(|client| client.display_name.as_str()),
        id: client.map_or(id.as_str(), |client| client.id.as_str()),
        namespace: client.map(|client| client.namespace.as_str()),
        scopes: scopes::items(permissions, client),
        agreed: (*granted_at).into(),
        withdraw: button(withdraw),
    }
}

/// The application that was agreed with: the same object, by whatever client ID it goes today. Another one of the same name
/// does not stand here as what the person once agreed with.
fn client<'a>(realm: &'a Realm, id: &str, application_uid: &Uid) -> Option<&'a Client> {
    let named = realm.client(id).filter(|client| client.uid == *application_uid);
    named.or_else(|| realm.clients.values().map(AsRef::as_ref).find(|client| client.uid == *application_uid))
}

/// Authentication methods (RFC 8176) in words, where there are words for them.
fn how(amr: &[String]) -> String {
    let words = amr.iter().map(|method| match method.as_str() {
        "pwd" => "Password",
        other => other,
    });
    words.collect::<Vec<_>>().join(", ")
}
