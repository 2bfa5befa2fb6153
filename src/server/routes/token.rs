//! RFC 6749 §3.2, §4.1.3: the token endpoint.
//!
//! Parse, authenticate, load the facts, decide, spend, issue. Nothing is spent before everything has been judged, and
//! whoever loses the race for a code reads the facts again: by then it is a replay, and judged as one.

use axum::extract::Request;
use axum::response::Response;
use http::request::Parts;
use http::{StatusCode, header};
use oidc::client::{Client, GrantType, SecretAge};
use oidc::client_auth::{self, Attested, Authenticated, Presented};
use oidc::discovery::Endpoint;
use oidc::form::Form;
use oidc::ids::FamilyId;
use oidc::issue::{self, Grant, IssueError, TokenResponse};
use oidc::records::FirstUse;
use oidc::refusal::{Effect, ErrorCode, Refusal, Why};
use oidc::token::client_credentials::{self, Plan};
use oidc::token::{self, authorization_code, password, refresh_token};
use store::{Ended, Rotated, Spent};

use crate::call::Call;
use crate::headers::no_store;
use crate::metrics::TokenKind;
use crate::password_check::{self, BUSY_SECONDS, NotProved};
use crate::refusal::{Failed, authorization};
use crate::trouble::{Trouble, json, log_issue};
use crate::{body, cors, refusal};

/// How often the facts are read: once, and once more after a lost race.
const READS: usize = 2;

/// `POST /token`
pub(super) async fn post(call: Call, request: Request) -> Response {
    let headers = request.headers().clone();
    let mut client = None;
    let mut response = match answer(&call, request, &mut client).await {
        Ok(response) => response,
        Err(failed) => {
            refusal::token(&call, Endpoint::Token, failed, client, headers.contains_key(header::AUTHORIZATION))
        }
    };
    cors::answer(client, &headers, response.headers_mut());
    no_store(response.headers_mut());
    response
}

async fn answer<'c>(call: &'c Call, request: Request, client: &mut Option<&'c Client>) -> Result<Response, Failed> {
    let (parts, mut form) = read(request).await?;
    let authorization = authorization(&parts.headers, Why::ClientAuthenticationTwice)?;
    let presented = client_auth::present(authorization, &mut form);
    // Named, not proved: enough to know which scripts may read the answer, and whose name stands in the log.
    *client = presented.as_ref().ok().and_then(|presented| call.realm().client(presented.claimed_client_id()));
    let ask = token::Request::parse(&mut form)?;
    let caller = authenticated(call, &presented?).await?;
    ask.permit(&caller)?;
    match ask {
        token::Request::AuthorizationCode(ask) => redeem(call, &caller, &ask).await,
        token::Request::RefreshToken(ask) => refresh(call, &caller, &ask).await,
        token::Request::Password(ask) => by_password(call, &caller, &ask).await,
        token::Request::ClientCredentials(ask) => for_itself(call, caller, &ask),
    }
}

/// A request of a client that has proved who it is, for the endpoints beside this one; and what else it sent.
pub(super) async fn called<'c>(
    call: &'c Call,
    request: Request,
    client: &mut Option<&'c Client>,
) -> Result<(Authenticated<'c>, Form), Failed> {
    let (parts, mut form) = read(request).await?;
    let authorization = authorization(&parts.headers, Why::ClientAuthenticationTwice)?;
    let presented = client_auth::present(authorization, &mut form)?;
    *client = call.realm().client(presented.claimed_client_id());
    Ok((authenticated(call, &presented).await?, form))
}

/// Who the caller is. An assertion is spent here, whatever becomes of the request: who has seen it must not try again.
async fn authenticated<'c>(call: &'c Call, presented: &Presented) -> Result<Authenticated<'c>, Failed> {
    let once = match presented.authenticate(call.realm(), &call.snapshot.catalog.server_keys, call.now)? {
        Attested::Proved(caller) => {
            remember_newest(call, &caller).await?;
            return Ok(caller);
        }
        Attested::Once(once) => once,
        Attested::Keys(wanted) => {
            let keys = call.shared.client_keys.find(wanted.published(), |keys| wanted.may_be_in(keys)).await;
            wanted.settle(call.realm(), keys.as_deref(), call.now)?
        }
    };
    let first = call.shared.store.use_once(once.id(), once.until()).await?;
    let caller = once.settle(first)?;
    remember_newest(call, &caller).await?;
    Ok(caller)
}

/// A client that has used its newest secret knows it: from now on it is what is signed with. Written once in a rotation, and
/// only where something rests on it.
async fn remember_newest(call: &Call, caller: &Authenticated<'_>) -> Result<(), Failed> {
    let Some((newest, until)) = caller.client().awaits_newest(call.now) else { return Ok(()) };
    let store = &call.shared.store;
    if caller.secret() == Some(SecretAge::Newest) && !store.was_used(newest).await? {
        // Whoever was first, it is written down.
        let (FirstUse::Yes | FirstUse::No) = store.use_once(newest, until).await?;
    }
    Ok(())
}

async fn read(request: Request) -> Result<(Parts, Form), Failed> {
    if request.uri().query().is_some_and(|query| !query.is_empty()) {
        return Err(Failed::Refused(Refusal::new(
            ErrorCode::InvalidRequest,
            Why::ParametersInQuery,
            "parameters must be sent in the body, not in the URL, where logs would keep them",
        )));
    }
    Ok(body::form(request).await?)
}

async fn redeem<'c>(
    call: &'c Call,
    caller: &Authenticated<'c>,
    ask: &authorization_code::Request,
) -> Result<Response, Failed> {
    let shared = &call.shared;
    for _ in 0..READS {
        let facts = shared.store.find_code(ask.code_id()).await?;
        let plan = match authorization_code::decide(call.realm(), caller, ask, facts, call.now) {
            Ok(plan) => plan,
            Err(refused) => return Err(carry_out(call, refused).await),
        };
        // Signed before the code is spent, so that a key that is missing burns no code, and handed out only after it.
        let tokens = issue(call, &plan.grant)?;
        match shared.store.spend_code(plan.code, &plan.grant.family, call.now).await? {
            Spent::Done => return Ok(hand_out(call, GrantType::AuthorizationCode, &plan.grant, &tokens)),
            Spent::LostRace => {}
            Spent::Revoked => {
                let description = "what came beside the code was revoked, and the code with it";
                return Err(Refusal::new(ErrorCode::InvalidGrant, Why::FamilyRevoked, description).into());
            }
        }
    }
    Err(Failed::Refused(Refusal::new(
        ErrorCode::InvalidGrant,
        Why::CodeSpentByAnother,
        "the code was used by another request at the same time",
    )))
}

/// As [`redeem`]; whoever loses the race finds that the token was used a moment ago, and gets the same successor.
async fn refresh<'c>(
    call: &'c Call,
    caller: &Authenticated<'c>,
    ask: &refresh_token::Request,
) -> Result<Response, Failed> {
    let shared = &call.shared;
    let token = ask.open(&call.snapshot.catalog.server_keys, call.realm(), caller)?;
    for _ in 0..READS {
        let family = shared.store.find_family(token.family()).await?;
        let plan = match refresh_token::decide(call.realm(), caller, ask, token, family, call.now) {
            Ok(plan) => plan,
            Err(refused) => return Err(carry_out(call, refused).await),
        };
        let tokens = issue(call, &plan.grant)?;
        let family = &plan.grant.family;
        let rotated = match plan.rotate {
            None => Rotated::Done,
            Some(from) => shared.store.rotate_family(family.id, from, call.now, family.expires_at).await?,
        };
        if rotated == Rotated::Done {
            return Ok(hand_out(call, GrantType::RefreshToken, &plan.grant, &tokens));
        }
    }
    Err(Failed::Refused(Refusal::new(
        ErrorCode::InvalidGrant,
        Why::RefreshTokenSuperseded,
        "the refresh token was used by other requests at the same time: use its successor",
    )))
}

/// The family is kept before anybody has its tokens.
async fn by_password<'c>(
    call: &'c Call,
    caller: &Authenticated<'c>,
    ask: &password::Request,
) -> Result<Response, Failed> {
    let shared = &call.shared;
    let judged = ask.judge(call.realm(), caller)?;
    let (username, typed) = ask.credentials();
    let account = password_check::check(call, username, typed.clone()).await.map_err(|why| match why {
        NotProved::Wrong => Failed::Refused(password::wrong()),
        NotProved::TooMany { seconds } => Failed::Trouble(Trouble::TooMany(seconds)),
        NotProved::Busy => Failed::Trouble(Trouble::TooMany(BUSY_SECONDS)),
        NotProved::Defect => Failed::Trouble(Trouble::Defect),
    })?;
    let grant = judged.grant(account, FamilyId::new(shared.entropy.uuid(call.now)), call.now)?;
    let tokens = issue(call, &grant)?;
    shared.store.grant(store::Grant { family: Some(&grant.family), ..store::Grant::default() }).await?;
    Ok(hand_out(call, GrantType::Password, &grant, &tokens))
}

/// Nothing is read and nothing is written.
fn for_itself<'c>(
    call: &'c Call,
    caller: Authenticated<'c>,
    ask: &client_credentials::Request,
) -> Result<Response, Failed> {
    let Plan { client, target } = client_credentials::decide(call.realm(), &caller, ask, call.now)?;
    let (realm, keys) = (call.realm(), &call.snapshot.catalog.server_keys);
    let tokens = issue::client_token(client, &target, realm, keys, call.now, call.shared.entropy.bytes());
    let tokens = tokens.map_err(|error| cannot_sign(call, client, &error))?;
    call.audit_client_token(client, &target);
    Ok(json(StatusCode::OK, &tokens))
}

/// Writes what a refusal asks for before anybody is told of it. A revocation that failed is not reported as done: the
/// caller gets a server error and may try again.
async fn carry_out(call: &Call, refused: Refusal) -> Failed {
    match refused.effect {
        None => Failed::Refused(refused),
        Some(Effect::RevokeFamily(family)) => {
            // On a task of its own: a caller who hangs up after a replay must not thereby save the tokens.
            let (store, now) = (call.shared.store.clone(), call.now);
            match tokio::spawn(async move { store.revoke_family(family, now).await }).await {
                Ok(Ok(ended)) => {
                    if ended == Ended::Done {
                        call.audit_revoked(family, refused.why);
                    }
                    Failed::Refused(refused)
                }
                Ok(Err(error)) => {
                    call.audit_refusal(Endpoint::Token, refused.code, refused.why, None);
                    Failed::Trouble(Trouble::Store(error))
                }
                Err(_) => Failed::Trouble(Trouble::Defect),
            }
        }
    }
}

fn issue(call: &Call, grant: &Grant<'_>) -> Result<TokenResponse, Refusal> {
    let keys = &call.snapshot.catalog.server_keys;
    issue::tokens(grant, call.realm(), keys, call.now, call.shared.entropy.bytes())
        .map_err(|error| cannot_sign(call, grant.client, &error))
}

/// What is told and logged where something cannot be signed.
pub(super) fn cannot_sign(call: &Call, client: &Client, error: &IssueError) -> Refusal {
    log_issue(call, client, error);
    Refusal::new(ErrorCode::ServerError, Why::KeyMissing, IssueError::DESCRIPTION)
}

fn hand_out(call: &Call, grant_type: GrantType, grant: &Grant<'_>, tokens: &TokenResponse) -> Response {
    let mut kinds = vec![TokenKind::Access];
    kinds.extend(tokens.has_id_token().then_some(TokenKind::Id));
    kinds.extend(tokens.has_refresh_token().then_some(TokenKind::Refresh));
    call.audit_tokens(grant_type, grant.family.id, grant.account, grant.client, &kinds);
    json(StatusCode::OK, tokens)
}

#[cfg(test)]
mod tests;
