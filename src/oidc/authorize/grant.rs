//! OIDC Core §3.1.2.4, RFC 8252 §8.6: what the person agrees to share, and the code that follows from it.

use crypto::ServerKeys;

use super::identify::{Identified, Login, Pause};
use super::{Demands, Dropped, Received, RedirectError, Reply, ReplyTo};
use crate::acr::Acr;
use crate::audience;
use crate::browser_state::{self, BrowserState};
use crate::catalog::Realm;
use crate::client::{Client, ConsentMode, OfflineAccess, ResponseType, SecretAge};
use crate::family;
use crate::ids::{CodeId, FamilyId};
use crate::issue::{self, Basis, IssueError};
use crate::opaque::Opaque;
use crate::permission::Permissions;
use crate::prompt::Prompt;
use crate::records::{Authorization, CodeRecord, ConsentRecord, FamilyRecord, SessionClient};
use crate::refusal::{ErrorCode, Why};
use crate::scope::StandardScope;
use crate::time::Time;
use crate::uri::RedirectKind;

/// What the person answered on the consent page of this request.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// What they pressed.
    pub decision: Decision,
    /// What the page showed: a yes covers this and nothing else, whatever the application may ask for by now.
    pub shown: &'a Permissions,
}

/// What the person pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// A consent page to be shown.
#[derive(Debug)]
pub struct ConsentAsk<'c> {
    /// The client.
    pub client: &'c Client,
    /// The person: the answer counts for them alone.
    pub login: Login<'c>,
    /// What is asked for.
    pub permissions: Permissions,
    /// What to seal into the page's handle.
    pub received: Received,
    /// The source that the page's `form-action` must allow.
    pub form_action: String,
}

/// A request that nothing stands in the way of.
#[derive(Debug)]
pub struct Granted<'c> {
    realm: &'c Realm,
    client: &'c Client,
    to: ReplyTo,
    demands: Demands,
    login: Login<'c>,
    agreed_now: bool,
}

/// What no request has seen before.
#[derive(Debug)]
pub struct Fresh {
    /// A time-ordered row and 32 random octets.
    pub code: Opaque,
    /// For what is issued here, and what the code will yield.
    pub family: FamilyId,
    /// For the `jti` of an access token.
    pub random: [u8; 16],
    /// For the `session_state`.
    pub salt: [u8; 16],
    /// Which client secret the client knows, as far as anybody can tell: [`Client::awaits_newest`].
    pub secret: SecretAge,
}

/// What a granted request leads to.
#[derive(Debug)]
pub struct Issued {
    /// What it brings.
    pub response_type: ResponseType,
    /// To be kept before anything is sent, where a code is.
    pub code: Option<CodeRecord>,
    /// To be kept before anything is sent, where an access token is.
    pub family: Option<FamilyRecord>,
    /// To be kept before anything is sent, where the person has just agreed.
    pub consent: Option<ConsentRecord>,
    /// To be kept before anything is sent, where the client wants to hear of the logout.
    pub joined: Option<SessionClient>,
    /// Why `offline_access` was not granted, where it was asked for in vain.
    pub dropped: Option<Dropped>,
    /// To be sent.
    pub reply: Reply,
}

impl<'c> Identified<'c> {
    /// Judges consent: `remembered` is what this person agreed to before, `answer` what they answered just now.
    ///
    /// # Errors
    /// A consent page, or a refusal.
    pub fn grant(self, remembered: Option<&Permissions>, answer: Option<Answer<'_>>) -> Result<Granted<'c>, Pause<'c>> {
        let Self { received, realm, client, to, demands, login } = self;
        let agreed_now = match answer {
            Some(Answer { decision: Decision::Deny, shown: _ }) => {
                return Err(Pause::Refuse(to.refuse(
                    ErrorCode::AccessDenied,
                    Why::ConsentDenied,
                    "the person refused to share what was asked for",
                )));
            }
            Some(Answer { decision: Decision::Allow, shown }) if demands.agreement().is_subset(shown) => true,
            Some(Answer { decision: Decision::Allow, shown: _ }) | None => {
                if must_ask(client, &demands, &to.redirect_uri, remembered) {
                    if demands.prompts.contains(&Prompt::None) {
                        return Err(Pause::Refuse(to.refuse(
                            ErrorCode::ConsentRequired,
                            Why::ConsentNeeded,
                            "the person has not agreed to this yet",
                        )));
                    }
                    let form_action = to.form_action().to_owned();
                    let permissions = demands.agreement();
                    return Err(Pause::Consent(Box::new(ConsentAsk {
                        client,
                        login,
                        permissions,
                        received,
                        form_action,
                    })));
                }
                false
            }
        };
        Ok(Granted { realm, client, to, demands, login, agreed_now })
    }
}

fn must_ask(client: &Client, demands: &Demands, redirect_uri: &str, remembered: Option<&Permissions>) -> bool {
    // Any application on the device can claim a private-use scheme, so that every request needs the person's eye.
    let spoofable = client.registered(redirect_uri).is_none_or(|uri| uri.kind() == RedirectKind::PrivateUse);
    if spoofable || demands.prompts.contains(&Prompt::Consent) {
        return true;
    }
    match client.consent {
        ConsentMode::Skip => {
            let offline = StandardScope::OfflineAccess;
            client.refresh_token.offline_access == OfflineAccess::Consent
                && demands.permissions.has(offline)
                && !remembered.is_some_and(|agreed| agreed.has(offline))
        }
        ConsentMode::Required => !remembered.is_some_and(|agreed| demands.agreement().is_subset(agreed)),
    }
}

impl Demands {
    /// What a person has to agree to.
    fn agreement(&self) -> Permissions {
        self.permissions.union(&self.claims.permissions())
    }
}

impl Granted<'_> {
    /// Makes the code, and the tokens that the response type brings. They are signed before anything is written, so that a
    /// key that is missing leaves nothing behind.
    ///
    /// # Errors
    /// No key, or no signature; and what the client is told.
    pub fn issue(self, fresh: &Fresh, keys: &ServerKeys, now: Time) -> Result<Issued, (IssueError, RedirectError)> {
        let Self { realm, client, to, demands, login, agreed_now } = self;
        let issuer = realm.issuer.as_str().to_owned();
        let agreed = agreed_now.then(|| demands.agreement());
        let Demands {
            response_type,
            permissions,
            prompts,
            max_age_seconds: _,
            challenge,
            nonce,
            hint: _,
            claims,
            wants_auth_time,
            wants_acr,
            resource,
            dropped,
        } = demands;
        let consent = agreed.map(|permissions| ConsentRecord {
            issuer: issuer.clone(),
            user_uid: login.account.uid.clone(),
            application_uid: client.uid.clone(),
            client: client.id.clone(),
            permissions,
            granted_at: now,
        });
        let authorization = Authorization {
            issuer,
            client: client.id.clone(),
            application_uid: client.uid.clone(),
            subject: login.account.subject.clone(),
            user_uid: login.account.uid.clone(),
            login_epoch: login.account.login_epoch,
            permissions,
            nonce,
            auth_time: login.session.auth_time,
            auth_time_requested: wants_auth_time || prompts.contains(&Prompt::Login),
            amr: login.session.amr.clone(),
            acr: wants_acr.then(|| Acr::of(&login.session.amr)).flatten(),
            claims,
            session: Some(login.session.id),
            resource,
        };
        let code_text = response_type.has_code().then(|| fresh.code.text());
        let code_text = code_text.as_ref().map(|code| code.expose().as_str());
        let mut fields: Vec<(&'static str, String)> = Vec::new();
        fields.extend(code_text.map(|code| ("code", code.to_owned())));
        // Judged before, where tokens come from here; for a code alone the token request may yet name an API.
        let target = audience::target(realm, client, &authorization.permissions, authorization.resource.as_deref());
        let scope = authorization.permissions.scope();
        let basis = Basis {
            client,
            account: login.account,
            authorization: &authorization,
            scope: &scope,
            target: target.as_ref().ok(),
            family: fresh.family,
            secret: fresh.secret,
        };
        match issue::from_authorization_endpoint(&basis, (realm, keys), response_type, code_text, now, fresh.random) {
            Ok(tokens) => fields.extend(tokens),
            Err(error) => {
                return Err((error, to.refuse(ErrorCode::ServerError, Why::KeyMissing, IssueError::DESCRIPTION)));
            }
        }
        let code = response_type.has_code().then(|| CodeRecord {
            id: CodeId::new(fresh.code.row()),
            proof: fresh.code.hash(),
            redirect_uri: to.redirect_uri.clone(),
            challenge,
            authorization: authorization.clone(),
            family: fresh.family,
            expires_at: now.plus_secs(realm.settings.code_seconds),
        });
        let family = response_type
            .has_token()
            .then(|| family::begin_beside(code.as_ref(), client, fresh.family, authorization, now));
        let watched = realm.settings.session_management && scope.has(StandardScope::OpenId);
        let state = watched
            .then(|| BrowserState::of(login.session))
            .and_then(|state| browser_state::session_state(&client.id, &to.redirect_uri, &state, &fresh.salt));
        fields.extend(state.map(|state| ("session_state", state)));
        let hears = client.frontchannel_logout.is_some() || client.backchannel_logout.is_some();
        let joined = hears.then(|| SessionClient {
            application_uid: client.uid.clone(),
            client: client.id.clone(),
            sid: login.session.id,
        });
        Ok(Issued { response_type, code, family, consent, joined, dropped, reply: to.reply(fields) })
    }
}
