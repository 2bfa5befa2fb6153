//! RFC 6749 §2.3, OIDC Core §9: who calls the token endpoint. Exactly one method per request.

mod published;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto::{
    Algorithm, Audience, Expect, Expired, JwsError, Purpose, Secret, ServerKeys, Unverified, Verified, VerifyingKey,
};
use serde::Deserialize;
use serde_json::Value;

use crate::catalog::Realm;
use crate::client::{Client, ClientAuthMethod, ClientAuthentication, ClientKeys, SecretAge};
use crate::discovery::Endpoint;
use crate::form::{self, Form};
use crate::records::{FirstUse, OnceId};
use crate::refusal::{ErrorCode, Refusal, Why};
use crate::time::{CLOCK_TOLERANCE_SECONDS, Time};

pub use self::published::KeysWanted;

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
    Assertion(Secret<String>),
    Nothing,
}

/// What a caller proved, as far as it can be judged without the store.
#[derive(Debug)]
pub enum Attested<'c, 'p> {
    /// It is itself.
    Proved(Authenticated<'c>),
    /// It is itself if this is the first use of its assertion.
    Once(Once<'c>),
    /// It is itself if its assertion holds under the keys that it publishes, and this is the first use.
    Keys(KeysWanted<'c, 'p>),
}

#[cfg(test)]
impl<'c> Attested<'c, '_> {
    /// A client that did not come with an assertion.
    pub(crate) fn proved(self) -> Authenticated<'c> {
        let Self::Proved(caller) = self else { panic!("{self:?}") };
        caller
    }
}

/// An assertion whose signature and claims hold. It counts once: it is to be marked as used, and only who was the first to
/// do so is authenticated.
#[derive(Debug)]
pub struct Once<'c> {
    client: &'c Client,
    secret: Option<SecretAge>,
    id: OnceId,
    until: Time,
}

impl<'c> Once<'c> {
    /// What to mark as used.
    pub fn id(&self) -> OnceId {
        self.id
    }

    /// Until when nobody may use it again.
    pub fn until(&self) -> Time {
        self.until
    }

    /// Judges what marking it has brought.
    ///
    /// # Errors
    /// `invalid_client`: it was used before.
    pub fn settle(self, first: FirstUse) -> Result<Authenticated<'c>, Refusal> {
        match first {
            FirstUse::Yes => Ok(Authenticated { client: self.client, secret: self.secret }),
            FirstUse::No => Err(failed(
                Why::AssertionReplayed,
                "the assertion was used before: make one for each request, with a `jti` of its own",
            )),
        }
    }
}

/// A client that proved itself; made here alone.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated<'c> {
    client: &'c Client,
    secret: Option<SecretAge>,
}

impl<'c> Authenticated<'c> {
    /// The client.
    pub fn client(&self) -> &'c Client {
        self.client
    }

    /// Which of its client secrets it has used, if any.
    pub fn secret(&self) -> Option<SecretAge> {
        self.secret
    }
}

/// Reads the credentials of a token request from its `Authorization` header and its form.
///
/// # Errors
/// No credentials, unreadable ones, or more than one kind at once.
pub fn present(authorization: Option<&str>, form: &mut Form) -> Result<Presented, Refusal> {
    let body_id = form.take_text("client_id");
    let body_secret = form.take("client_secret");
    if form.names("client_assertion") || form.names("client_assertion_type") {
        return asserted(authorization.is_some() || body_secret.is_some(), body_id, form);
    }
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

/// RFC 7521 §4.2, RFC 7523 §2.2.
fn asserted(otherwise: bool, body_id: Option<String>, form: &mut Form) -> Result<Presented, Refusal> {
    if otherwise {
        return Err(Refusal::new(
            ErrorCode::InvalidRequest,
            Why::ClientAuthenticationTwice,
            "the request authenticates by an assertion and in another way: use one",
        ));
    }
    let malformed = |description| failed(Why::AssertionInvalid, description);
    if form.take_text("client_assertion_type").as_deref() != Some(JWT_BEARER) {
        return Err(malformed(
            "`client_assertion_type` must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ));
    }
    let assertion = form.take("client_assertion").ok_or_else(|| malformed("`client_assertion` is missing"))?;
    let claimed = Unverified::parse(assertion.expose()).ok().and_then(|token| token.claimed_subject());
    let claimed = claimed.ok_or_else(|| malformed("`client_assertion` is not a signed JWT with the claim `sub`"))?;
    if body_id.is_some_and(|id| id != claimed) {
        return Err(Refusal::new(
            ErrorCode::InvalidRequest,
            Why::ClientAuthenticationTwice,
            "`client_id` differs from the `sub` of the assertion",
        ));
    }
    Ok(Presented { client_id: claimed, proof: Proof::Assertion(assertion) })
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Seconds that an assertion may have left: so long its `jti` is remembered.
const LONGEST_ASSERTION_SECONDS: i64 = 3600;

/// What an assertion says (RFC 7523 §3).
#[derive(Deserialize)]
struct Assertion {
    sub: String,
    /// That one of them is ours was judged with the signature.
    aud: Value,
    exp: i64,
    jti: String,
}

/// Told of every assertion that proves nothing, and of one that cannot be judged: the log knows which it was.
fn invalid() -> Refusal {
    failed(Why::AssertionInvalid, ASSERTION)
}

/// Verifies an assertion of this client. `published` are its keys, if it has them elsewhere and they were found.
fn verified(
    realm: &Realm,
    client: &Client,
    assertion: &Secret<String>,
    published: Option<&ClientKeys>,
    now: Time,
) -> Result<(Assertion, Option<SecretAge>), Refusal> {
    let (issuer, endpoint) = (realm.issuer.as_str(), realm.issuer.endpoint(Endpoint::Token.path()));
    let ours = [issuer, endpoint.as_str()];
    let expect = Expect {
        typ: &["JWT", "client-authentication+jwt", ""],
        algorithms: &[],
        issuer: client.id.as_str(),
        audience: Audience::AnyOf(&ours),
        now: now.secs(),
        leeway: CLOCK_TOLERANCE_SECONDS,
        expired: Expired::Refuse,
    };
    let token = Unverified::parse(assertion.expose()).map_err(|_| invalid())?;
    let mut used = None;
    let outcome: Result<Verified<Assertion>, _> = match (&client.authentication, published) {
        (ClientAuthentication::Keys(keys), _) | (ClientAuthentication::PublishedKeys(_), Some(keys)) => {
            token.verify_any(keys.keys(), &Expect { algorithms: &Algorithm::ASYMMETRIC, ..expect })
        }
        (ClientAuthentication::PublishedKeys(_), None) => return Err(invalid()),
        (ClientAuthentication::Secret { methods, .. }, _) if methods.contains(&ClientAuthMethod::ClientSecretJwt) => {
            let mut outcome = Err(JwsError::UnknownKey);
            for (age, secret) in client.shared_secrets_at(now) {
                let key = VerifyingKey::from_shared_secret(secret).map_err(|_| invalid())?;
                let found = token.clone().verify_with(&key, &Expect { algorithms: &[Algorithm::HS256], ..expect });
                if found.is_ok() {
                    (used, outcome) = (Some(age), found);
                }
            }
            outcome
        }
        (ClientAuthentication::Secret { .. } | ClientAuthentication::Public, _) => {
            return Err(failed(Why::ClientAuthenticationMethod, ASSERTION));
        }
    };
    let said = outcome.map(Verified::into_claims).map_err(|_| invalid())?;
    // Alone or as a list of one: an assertion for several servers could be used at each by the others.
    let one_audience = said.aud.is_string() || said.aud.as_array().is_some_and(|list| list.len() == 1);
    if !one_audience || said.sub != client.id.as_str() || said.jti.is_empty() || said.jti.len() > MAX_JTI {
        return Err(invalid());
    }
    if said.exp > now.plus_secs(LONGEST_ASSERTION_SECONDS + CLOCK_TOLERANCE_SECONDS).secs() {
        return Err(failed(
            Why::AssertionInvalid,
            "the assertion lives for more than an hour: make one for each request",
        ));
    }
    Ok((said, used))
}

/// Octets of a `jti` at the most.
const MAX_JTI: usize = 256;

impl Presented {
    /// The client ID that the caller claims; for the log.
    pub fn claimed_client_id(&self) -> &str {
        &self.client_id
    }

    /// Checks the credentials. Who has not proved to be the client is told the same whatever there is of a client, and it
    /// costs the same: what is told depends on what was sent. The log knows more.
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn authenticate<'c>(
        &self,
        realm: &'c Realm,
        keys: &ServerKeys,
        now: Time,
    ) -> Result<Attested<'c, '_>, Refusal> {
        let client = realm.client(&self.client_id);
        if let Proof::Secret(_, secret) = &self.proof {
            let tried = client.map_or(0, |client| match &client.authentication {
                ClientAuthentication::Secret { verifiers, .. } => verifiers.len(),
                ClientAuthentication::Public
                | ClientAuthentication::Keys(_)
                | ClientAuthentication::PublishedKeys(_) => 0,
            });
            // As many as there are where a rotation overlaps: neither that nor the client is to be told by time.
            for _ in tried..2 {
                let _same_work =
                    keys.mac(Purpose::ClientSecret, &[self.client_id.as_bytes(), secret.expose().as_bytes()]);
            }
        }
        let client = client.ok_or_else(|| self.not_proved(Why::ClientUnknown))?;
        match (&client.authentication, &self.proof) {
            (ClientAuthentication::PublishedKeys(published), Proof::Assertion(assertion)) => {
                KeysWanted::new(client, published, assertion).map(Attested::Keys)
            }
            (_, Proof::Assertion(assertion)) => once(realm, client, assertion, None, now).map(Attested::Once),
            (ClientAuthentication::Public, Proof::Nothing) => {
                Ok(Attested::Proved(Authenticated { client, secret: None }))
            }
            (
                ClientAuthentication::Keys(_) | ClientAuthentication::PublishedKeys(_),
                Proof::Nothing | Proof::Secret(..),
            )
            | (ClientAuthentication::Public, Proof::Secret(..)) => {
                Err(self.not_proved(Why::ClientAuthenticationMethod))
            }
            (ClientAuthentication::Secret { .. }, Proof::Nothing) => {
                Err(self.not_proved(Why::ClientAuthenticationMissing))
            }
            (ClientAuthentication::Secret { methods, verifiers, .. }, Proof::Secret(method, secret)) => {
                let mut proved = None;
                for (age, good, verifier) in client.live(verifiers, now) {
                    // All of them are tried, whichever it is: time tells nothing.
                    if verifier.verify(keys, client.id.as_str(), secret.expose().as_bytes()) & good {
                        proved = proved.or(Some(age));
                    }
                }
                let Some(proved) = proved else { return Err(self.not_proved(Why::ClientSecretWrong)) };
                if !methods.contains(method) {
                    return Err(failed(
                        Why::ClientAuthenticationMethod,
                        "this authentication method is not among the application's spec.clientAuthentication.clientSecret.methods",
                    ));
                }
                not_ended(client, now)?;
                Ok(Attested::Proved(Authenticated { client, secret: Some(proved) }))
            }
        }
    }

    fn not_proved(&self, why: Why) -> Refusal {
        let description = match &self.proof {
            Proof::Secret(..) => {
                "the client is unknown, its secret is wrong, or it does not authenticate by a secret (spec.clientAuthentication)"
            }
            Proof::Assertion(_) => ASSERTION,
            Proof::Nothing => {
                "the client is unknown or must authenticate: send its secret by HTTP Basic or in the form, or an assertion \
                 (spec.clientAuthentication)"
            }
        };
        failed(why, description)
    }
}

/// What an assertion proves, if it holds and was not used before.
fn once<'c>(
    realm: &Realm,
    client: &'c Client,
    assertion: &Secret<String>,
    published: Option<&ClientKeys>,
    now: Time,
) -> Result<Once<'c>, Refusal> {
    let (said, secret) = verified(realm, client, assertion, published, now)?;
    not_ended(client, now)?;
    let id = OnceId::new(&[realm.issuer.as_str(), client.uid.as_str(), &said.jti]);
    // It is taken for so long after its end; and another server's clock may be behind the one that forgets.
    let until = Time::from_secs(said.exp).plus_secs(2 * CLOCK_TOLERANCE_SECONDS);
    Ok(Once { client, secret, id, until })
}

/// Asked once the client is proved: told to nobody but the client itself.
fn not_ended(client: &Client, now: Time) -> Result<(), Refusal> {
    if client.has_ended(now) {
        return Err(failed(Why::ClientExpired, "this account has ended (its expirationTime)"));
    }
    Ok(())
}

const ASSERTION: &str = "the assertion does not hold: `iss` and `sub` must be the ID of a client that authenticates by assertions \
    (spec.clientAuthentication), `aud` the issuer or the token endpoint alone, `exp`, `iat` and `jti` be there, and the \
    signature be one of the client's";

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
    let decoded = Secret::new(STANDARD.decode(credentials.trim_start_matches(' ')).ok()?);
    let text = std::str::from_utf8(decoded.expose()).ok()?;
    let (id, secret) = text.split_once(':')?;
    let (id, secret) = (form::decode_value(id)?, Secret::new(form::decode_value(secret)?));
    (!id.is_empty()).then_some((id, secret))
}

#[cfg(test)]
mod tests;
