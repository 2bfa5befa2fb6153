//! RFC 6749 §4.1.3, RFC 7636 §4.6: trade a code for tokens.
//!
//! The decision comes before anything is spent: a request with the wrong client, redirect URI or verifier leaves the code
//! as it was, so that a stranger who got hold of a code can neither use nor burn it. Only a second use by the party that
//! it was issued to revokes what the first use gave (RFC 6749 §4.1.2).

use super::missing;
use crate::account::Account;
use crate::catalog::Realm;
use crate::client::Client;
use crate::client_auth::Authenticated;
use crate::form::Form;
use crate::ids::{CodeId, FamilyId};
use crate::issue::Basis;
use crate::opaque::Opaque;
use crate::pkce::Verifier;
use crate::records::{CodeFacts, CodeRecord, FamilyRecord};
use crate::refusal::{Effect, ErrorCode, Refusal, Why};
use crate::time::Time;

/// What the client sent.
#[derive(Debug)]
pub struct Request {
    code: Opaque,
    redirect_uri: Option<String>,
    verifier: Option<Verifier>,
    resource: bool,
}

/// What is to be done: spend the code, which creates the family, and then issue.
#[derive(Debug)]
pub struct Plan<'c> {
    /// The code to spend.
    pub code: CodeId,
    /// The family to create.
    pub family: FamilyRecord,
    /// The client.
    pub client: &'c Client,
    /// The person.
    pub account: &'c Account,
}

impl Request {
    pub(super) fn parse(form: &mut Form) -> Result<Self, Refusal> {
        let code = form.take("code").ok_or_else(|| missing("`code` is missing"))?;
        let code = Opaque::parse(code.expose()).ok_or_else(|| grant(Why::CodeUnknown, UNKNOWN))?;
        let verifier = match form.take("code_verifier") {
            None => None,
            Some(text) => Some(Verifier::parse(text.expose()).ok_or_else(|| {
                grant(Why::PkceMalformed, "`code_verifier` must be 43 to 128 characters from A-Z a-z 0-9 - . _ ~")
            })?),
        };
        Ok(Self { code, redirect_uri: form.take_text("redirect_uri"), verifier, resource: form.names("resource") })
    }

    /// The row to look up.
    pub fn code_id(&self) -> CodeId {
        CodeId::new(self.code.row())
    }
}

/// Decides on a code. `family` is a fresh ID for what will be issued.
///
/// # Errors
/// `invalid_grant` and its reason; with an effect where the rightful client used its code again.
pub fn decide<'c>(
    realm: &'c Realm,
    caller: &Authenticated<'c>,
    ask: &Request,
    facts: CodeFacts,
    family: FamilyId,
    now: Time,
) -> Result<Plan<'c>, Refusal> {
    let client = caller.client();
    let (record, spent_for) = match facts {
        CodeFacts::Live(record) => (record, None),
        CodeFacts::Spent { record, family } => (record, Some(family)),
        CodeFacts::Unknown => return Err(grant(Why::CodeUnknown, UNKNOWN)),
    };
    belongs_to(realm, client, ask, &record)?;
    if let Some(spent_for) = spent_for {
        return Err(grant(
            Why::CodeReplayed,
            "the code was used before; everything that was issued from it is revoked now",
        )
        .with_effect(Effect::RevokeFamily(spent_for)));
    }
    if record.expires_at <= now {
        return Err(grant(Why::CodeExpired, "the code has expired: exchange it at once, or start over"));
    }
    if ask.resource {
        return Err(Refusal::new(
            ErrorCode::InvalidTarget,
            Why::ResourceUnknown,
            "`resource` names no API that this application may call",
        ));
    }
    let authorization = record.authorization;
    let account = realm
        .accounts
        .current(&authorization.subject, &authorization.user_uid)
        .filter(|account| client.user_access.permits(&account.groups))
        .ok_or_else(|| grant(Why::AccountGone, "the person who logged in may not use this application any more"))?;
    let family = Basis { client, account, authorization: &authorization, family }.family(now);
    Ok(Plan { code: record.id, family, client, account })
}

/// Whether this caller is the party that the code was issued to: secret part, issuer, client, redirect URI and PKCE.
fn belongs_to(realm: &Realm, client: &Client, ask: &Request, record: &CodeRecord) -> Result<(), Refusal> {
    if !ask.code.proves(&record.proof) {
        return Err(grant(Why::CodeUnknown, UNKNOWN));
    }
    let authorization = &record.authorization;
    if authorization.issuer != realm.issuer.as_str() {
        return Err(grant(Why::CodeOfAnotherIssuer, UNKNOWN));
    }
    if authorization.client != client.id || authorization.application_uid != client.uid {
        return Err(grant(Why::ClientMismatch, UNKNOWN));
    }
    match &ask.redirect_uri {
        None => return Err(missing("`redirect_uri` is missing: repeat the one of the authorization request")),
        Some(uri) if *uri != record.redirect_uri => {
            return Err(grant(
                Why::RedirectUriMismatch,
                "`redirect_uri` differs from the one of the authorization request",
            ));
        }
        Some(_) => {}
    }
    match (&record.challenge, &ask.verifier) {
        (Some(_), None) => {
            Err(grant(Why::PkceMissing, "`code_verifier` is missing: the authorization request used PKCE"))
        }
        // Someone stripped the challenge from the authorization request on its way here (RFC 9700 §4.8).
        (None, Some(_)) => Err(grant(
            Why::PkceUnexpected,
            "`code_verifier` was sent, but the authorization request carried no `code_challenge`",
        )),
        (Some(challenge), Some(verifier)) if !verifier.answers(challenge) => Err(grant(
            Why::PkceMismatch,
            "`code_verifier` does not match the `code_challenge` of the authorization request",
        )),
        (None, None) | (Some(_), Some(_)) => Ok(()),
    }
}

const UNKNOWN: &str = "the code is unknown or was issued to another client";

fn grant(why: Why, description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidGrant, why, description)
}

#[cfg(test)]
mod tests;
