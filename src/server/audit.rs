//! OWASP ASVS §7.1: one line for every security decision, under the target `audit`; and the counters beside it.
//!
//! What stands in a line: identifiers of our own making, registered codes, reasons from a closed list, and the caller's
//! address. What never does: passwords, tokens, codes, cookies, handles, and text that a stranger chose. A user name that
//! nobody has is such text, and may be a password that was typed into the wrong field.

use oidc::account::Account;
use oidc::audience::Target;
use oidc::authorize::{Decision, Dropped};
use oidc::client::{Client, GrantType};
use oidc::discovery::Endpoint;
use oidc::ids::{ClientId, FamilyId, SessionId, Uid};
use oidc::records::CodeRecord;
use oidc::refusal::{ErrorCode, Why};
use store::EndedSessions;

use crate::call::Call;
use crate::metrics::{LoginOutcome, LogoutOutcome, TokenKind, route_name};

/// One line; every one names request, issuer and address.
macro_rules! audit {
    ($call:expr, $event:literal, $($field:tt)+) => {
        tracing::info!(
            target: "audit",
            event = $event,
            request.id = %$call.id,
            issuer = %$call.issuer(),
            client.address = %$call.address,
            $($field)+
        )
    };
}

/// Which sessions a person ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionsEnded {
    /// This one.
    One(SessionId),
    /// All but that of their browser.
    Others,
    /// All.
    All,
}

impl Call {
    /// A person logged in.
    pub(crate) fn audit_login(&self, account: &Account, session: SessionId) {
        self.shared.metrics.login(LoginOutcome::Success);
        audit!(self, "login", outcome = "success", user.name = %account.username, user.subject = %account.subject, session.id = %session);
    }

    /// A login attempt did not succeed. `account` is whom the name belongs to, if anybody.
    pub(crate) fn audit_login_failure(&self, account: Option<&Account>, outcome: LoginOutcome) {
        self.shared.metrics.login(outcome);
        let user = account.map(|account| account.username.as_str());
        audit!(self, "login", outcome = outcome.as_str(), user.name = user, user.known = account.is_some());
    }

    /// A logout came to an end. `client` is the one that was named; that it asked is not proved.
    pub(crate) fn audit_logout(&self, outcome: LogoutOutcome, session: Option<SessionId>, client: Option<&Client>) {
        self.shared.metrics.logout(outcome);
        let session = session.map(|session| session.to_string());
        let client = client.map(|client| client.id.as_str());
        audit!(self, "logout", outcome = outcome.as_str(), session.id = session, client.id = client);
    }

    /// A person pressed a button on the consent page.
    pub(crate) fn audit_consent(&self, decision: Decision, account: &Account, client: &Client) {
        let decision = match decision {
            Decision::Allow => "allow",
            Decision::Deny => "deny",
        };
        audit!(self, "consent", decision, user.subject = %account.subject, client.id = %client.id);
    }

    /// A person ended sessions of theirs, and with each what does not outlive it.
    pub(crate) fn audit_sessions_ended(&self, account: &Account, which: SessionsEnded, ended: EndedSessions) {
        let (which, session) = match which {
            SessionsEnded::One(session) => ("one", Some(session.to_string())),
            SessionsEnded::Others => ("others", None),
            SessionsEnded::All => ("all", None),
        };
        let count = ended.sessions;
        audit!(self, "sessions_ended", user.subject = %account.subject, which, session.id = session, ended = count);
        self.sessions_ended(ended);
    }

    /// Another person logged in in the browser of a session, which ended with that.
    pub(crate) fn audit_session_replaced(&self, session: SessionId, ended: EndedSessions) {
        audit!(self, "session_replaced", session.id = %session);
        self.sessions_ended(ended);
    }

    /// A person withdrew what they had granted to an application, which may be gone, and all that came of it.
    pub(crate) fn audit_withdrawal(&self, account: &Account, application: &Uid, client: &ClientId) {
        audit!(
            self,
            "grant_withdrawn",
            user.subject = %account.subject,
            client.id = %client,
            application.uid = %application
        );
    }

    /// A code was issued. That `offline_access` was left out is no error on the wire: here it says why.
    pub(crate) fn audit_code(&self, code: &CodeRecord, account: &Account, client: &Client, dropped: Option<Dropped>) {
        audit!(
            self,
            "code_issued",
            code.id = %code.id,
            user.subject = %account.subject,
            client.id = %client.id,
            scope = %code.authorization.permissions.scope(),
            offline_access.dropped = dropped.map(Dropped::as_str)
        );
    }

    /// Tokens were issued.
    pub(crate) fn audit_tokens(
        &self,
        grant: GrantType,
        family: FamilyId,
        account: &Account,
        client: &Client,
        kinds: &[TokenKind],
    ) {
        for kind in kinds {
            self.shared.metrics.token(grant, *kind);
        }
        audit!(
            self,
            "tokens_issued",
            grant_type = grant.as_str(),
            family.id = %family,
            user.subject = %account.subject,
            client.id = %client.id,
            tokens = kinds.len()
        );
    }

    /// A client got a token for itself.
    pub(crate) fn audit_client_token(&self, client: &Client, target: &Target<'_>) {
        let grant = GrantType::ClientCredentials;
        self.shared.metrics.token(grant, TokenKind::Access);
        audit!(
            self,
            "tokens_issued",
            grant_type = grant.as_str(),
            client.id = %client.id,
            audience = target.audience(),
            scope = %target.scope(),
            tokens = 1
        );
    }

    /// Everything issued from one authorization was revoked.
    pub(crate) fn audit_revoked(&self, family: FamilyId, why: Why) {
        audit!(self, "family_revoked", family.id = %family, reason = why.as_str());
    }

    /// A form was not taken: posted from elsewhere, or its page was not made here, for this browser, of late.
    pub(crate) fn audit_form(&self, reason: &'static str) {
        audit!(self, "form_refused", reason);
    }

    /// A protocol request was refused. `client` is the one that was named, if it exists; that it asked is not proved.
    pub(crate) fn audit_refusal(&self, endpoint: Endpoint, code: ErrorCode, why: Why, client: Option<&Client>) {
        self.shared.metrics.refusal(endpoint, code, why);
        let client = client.map(|client| client.id.as_str());
        audit!(
            self,
            "refused",
            endpoint = route_name(endpoint),
            error = code.as_str(),
            reason = why.as_str(),
            client.id = client
        );
    }
}
