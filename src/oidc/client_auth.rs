//! RFC 6749 §2.3, OIDC Core §9: who calls the token endpoint. Exactly one method per request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto::{Purpose, Secret, ServerKeys};

use crate::catalog::Realm;
use crate::client::{Client, ClientAuthMethod, ClientAuthentication};
use crate::form::{self, Form};
use crate::refusal::{ErrorCode, Refusal, Why};
use crate::time::Time;

/// Bytes of an `Authorization` header at the most.
const MAX_HEADER: usize = 4096;

/// What a caller presented; nothing of it is proved.
#[derive(Debug)]
pub struct Presented {
    client_id: String,
    proof: Proof,
}

#[derive(Debug)]
enum Proof {
    Secret(ClientAuthMethod, Secret<String>),
    Nothing,
}

/// A client that proved itself; made here alone.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated<'c> {
    client: &'c Client,
}

impl<'c> Authenticated<'c> {
    /// The client.
    pub fn client(&self) -> &'c Client {
        self.client
    }
}

/// Reads the credentials of a token request from its `Authorization` header and its form.
///
/// # Errors
/// No credentials, unreadable ones, or more than one kind at once.
pub fn present(authorization: Option<&str>, form: &mut Form) -> Result<Presented, Refusal> {
    for assertion in ["client_assertion", "client_assertion_type"] {
        if form.names(assertion) {
            return Err(failed(Why::ClientAuthenticationMethod, "client assertions are not supported here"));
        }
    }
    let body_id = form.take_text("client_id");
    let body_secret = form.take("client_secret");
    let Some(header) = authorization else {
        let client_id = body_id.ok_or_else(|| {
            failed(
                Why::ClientAuthenticationMissing,
                "the request names no client: authenticate by HTTP Basic or send `client_id` and `client_secret` in the form",
            )
        })?;
        let proof =
            body_secret.map_or(Proof::Nothing, |secret| Proof::Secret(ClientAuthMethod::ClientSecretPost, secret));
        return Ok(Presented { client_id, proof });
    };
    if body_secret.is_some() {
        return Err(Refusal::new(
            ErrorCode::InvalidRequest,
            Why::ClientAuthenticationTwice,
            "the request authenticates in the Authorization header and in the form: use one",
        ));
    }
    let (client_id, secret) = basic(header).ok_or_else(|| {
        failed(
            Why::ClientAuthenticationMalformed,
            "the Authorization header is not HTTP Basic with form-urlencoded client ID and secret",
        )
    })?;
    if body_id.is_some_and(|id| id != client_id) {
        return Err(Refusal::new(
            ErrorCode::InvalidRequest,
            Why::ClientAuthenticationTwice,
            "`client_id` differs from the client in the Authorization header",
        ));
    }
    Ok(Presented { client_id, proof: Proof::Secret(ClientAuthMethod::ClientSecretBasic, secret) })
}

impl Presented {
    /// The client ID that the caller claims; for the log.
    pub fn claimed_client_id(&self) -> &str {
        &self.client_id
    }

    /// Checks the credentials. An unknown client costs what a wrong secret costs and is told the same.
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn authenticate<'c>(
        &self,
        realm: &'c Realm,
        keys: &ServerKeys,
        now: Time,
    ) -> Result<Authenticated<'c>, Refusal> {
        let Some(client) = realm.client(&self.client_id) else {
            if let Proof::Secret(_, secret) = &self.proof {
                let _same_work =
                    keys.mac(Purpose::ClientSecret, &[self.client_id.as_bytes(), secret.expose().as_bytes()]);
            }
            return Err(failed(Why::ClientUnknown, NOT_PROVED));
        };
        match (&client.authentication, &self.proof) {
            (ClientAuthentication::Public, Proof::Nothing) => Ok(Authenticated { client }),
            (ClientAuthentication::Public, Proof::Secret(..)) => {
                Err(failed(Why::ClientAuthenticationMethod, "this is a public client: send `client_id` and no secret"))
            }
            (ClientAuthentication::Secret { .. }, Proof::Nothing) => Err(failed(
                Why::ClientAuthenticationMissing,
                "this client must authenticate: send its secret by HTTP Basic or in the form",
            )),
            (ClientAuthentication::Secret { methods, verifiers }, Proof::Secret(method, secret)) => {
                let mut proved = false;
                for verifier in verifiers {
                    proved |= verifier.verify(keys, client.id.as_str(), secret.expose().as_bytes());
                }
                if !proved {
                    return Err(failed(Why::ClientSecretWrong, NOT_PROVED));
                }
                if !methods.contains(method) {
                    return Err(failed(
                        Why::ClientAuthenticationMethod,
                        "this authentication method is not among the application's spec.clientAuthentication.clientSecret.methods",
                    ));
                }
                // Told to nobody but the client itself.
                if client.expires_at.is_some_and(|end| end <= now) {
                    return Err(failed(Why::ClientExpired, "this account has ended (its expirationTime)"));
                }
                Ok(Authenticated { client })
            }
        }
    }
}

const NOT_PROVED: &str = "the client is unknown or its secret is wrong";

fn failed(why: Why, description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidClient, why, description)
}

/// RFC 7617 §2 with RFC 6749 §2.3.1: both halves are form-urlencoded inside the Base64.
fn basic(header: &str) -> Option<(String, Secret<String>)> {
    if header.len() > MAX_HEADER {
        return None;
    }
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Secret::new(STANDARD.decode(credentials.trim_matches(' ')).ok()?);
    let text = std::str::from_utf8(decoded.expose()).ok()?;
    let (id, secret) = text.split_once(':')?;
    let (id, secret) = (form::decode_value(id)?, Secret::new(form::decode_value(secret)?));
    (!id.is_empty()).then_some((id, secret))
}

#[cfg(test)]
mod tests;
