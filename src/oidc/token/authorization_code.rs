//! RFC 6749 §4.1.3, RFC 7636 §4.6: trade a code for tokens.
//!
//! The decision comes before anything is spent: a request with the wrong client, redirect URI or verifier leaves the code
//! as it was, so that a stranger who got hold of a code can neither use nor burn it. Only a second use by the party that
//! it was issued to revokes what the first use gave (RFC 6749 §4.1.2).

use super::{account_gone, invalid, missing, refused, some_left, target};
use crate::audience;
use crate::catalog::Realm;
use crate::client::Client;
use crate::client_auth::Authenticated;
use crate::family;
use crate::form::Form;
use crate::ids::CodeId;
use crate::issue::{Grant, Occasion};
use crate::opaque::Opaque;
use crate::pkce::Verifier;
use crate::records::{CodeFacts, CodeRecord};
use crate::refusal::{Effect, Refusal, Why};
use crate::time::Time;

/// What the client sent.
#[derive(Debug)]
pub struct Request {
    code: Opaque,
    redirect_uri: Option<String>,
    verifier: Option<Verifier>,
    resource: Option<String>,
}

/// What is to be done: spend the code for the family, and then issue.
#[derive(Debug)]
pub struct Plan<'c> {
    /// The code to spend.
    pub code: CodeId,
    /// What follows from it.
    pub grant: Grant<'c>,
}

impl Request {
    pub(super) fn parse(form: &mut Form) -> Result<Self, Refusal> {
        let code = form.take("code").ok_or_else(|| missing("`code` is missing"))?;
        let code = Opaque::parse(code.expose()).ok_or_else(|| invalid(Why::CodeUnknown, UNKNOWN))?;
        let verifier = match form.take("code_verifier") {
            None => None,
            Some(text) => Some(Verifier::parse(text.expose()).ok_or_else(|| {
                invalid(Why::PkceMalformed, "`code_verifier` must be 43 to 128 characters from A-Z a-z 0-9 - . _ ~")
            })?),
        };
        let resource = audience::resource(form).map_err(refused)?;
        Ok(Self { code, redirect_uri: form.take_text("redirect_uri"), verifier, resource })
    }

    /// The row to look up.
    pub fn code_id(&self) -> CodeId {
        CodeId::new(self.code.row())
    }
}

/// Decides on a code.
///
/// # Errors
/// `invalid_grant` and its reason; with an effect where the rightful client used its code again.
pub fn decide<'c>(
    realm: &'c Realm,
    caller: &Authenticated<'c>,
    ask: &Request,
    facts: CodeFacts,
    now: Time,
) -> Result<Plan<'c>, Refusal> {
    let client = caller.client();
    let (record, spent) = match facts {
        CodeFacts::Live(record) => (record, false),
        CodeFacts::Spent(record) => (record, true),
        CodeFacts::Unknown => return Err(invalid(Why::CodeUnknown, UNKNOWN)),
    };
    belongs_to(realm, client, ask, &record)?;
    if spent {
        return Err(invalid(
            Why::CodeReplayed,
            "the code was used before; everything that was issued from it is revoked now",
        )
        .with_effect(Effect::RevokeFamily(record.family)));
    }
    if record.expires_at <= now {
        return Err(invalid(Why::CodeExpired, "the code has expired: exchange it at once, or start over"));
    }
    let account = record.authorization.account(realm, client).ok_or_else(account_gone)?;
    // What the application may not have any more, since its manifest was edited a moment ago, it does not get.
    let permissions = some_left(client.still(&record.authorization.permissions))?;
    let target = target(realm, client, &record.authorization, &permissions, ask.resource.as_deref())?;
    let family = family::begin(client, record.family, record.authorization, now);
    let (scope, secret) = (permissions.scope(), caller.secret());
    let grant = Grant { client, account, family, scope, target, occasion: Occasion::Granted, secret };
    Ok(Plan { code: record.id, grant })
}

/// Whether this caller is the party that the code was issued to: secret part, issuer, client, redirect URI and PKCE.
fn belongs_to(realm: &Realm, client: &Client, ask: &Request, record: &CodeRecord) -> Result<(), Refusal> {
    if !ask.code.proves(&record.proof) {
        return Err(invalid(Why::CodeUnknown, UNKNOWN));
    }
    let authorization = &record.authorization;
    if authorization.issuer != realm.issuer.as_str() {
        return Err(invalid(Why::CodeOfAnotherIssuer, UNKNOWN));
    }
    if authorization.client != client.id || authorization.application_uid != client.uid {
        return Err(invalid(Why::ClientMismatch, UNKNOWN));
    }
    match &ask.redirect_uri {
        None => return Err(missing("`redirect_uri` is missing: repeat the one of the authorization request")),
        Some(uri) if *uri != record.redirect_uri => {
            return Err(invalid(
                Why::RedirectUriMismatch,
                "`redirect_uri` differs from the one of the authorization request",
            ));
        }
        Some(_) => {}
    }
    match (&record.challenge, &ask.verifier) {
        (Some(_), None) => {
            Err(invalid(Why::PkceMissing, "`code_verifier` is missing: the authorization request used PKCE"))
        }
        // Someone stripped the challenge from the authorization request on its way here (RFC 9700 §4.8).
        (None, Some(_)) => Err(invalid(
            Why::PkceUnexpected,
            "`code_verifier` was sent, but the authorization request carried no `code_challenge`",
        )),
        (Some(challenge), Some(verifier)) if !verifier.answers(challenge) => Err(invalid(
            Why::PkceMismatch,
            "`code_verifier` does not match the `code_challenge` of the authorization request",
        )),
        (None, None) | (Some(_), Some(_)) => Ok(()),
    }
}

const UNKNOWN: &str = "the code is unknown or was issued to another client";

#[cfg(test)]
mod tests;
