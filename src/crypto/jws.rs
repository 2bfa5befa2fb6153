//! RFC 7515, RFC 7519, RFC 8725: signing JWTs, and the one way to read them.
//!
//! ```text
//! text ──Unverified::parse──▶ Unverified ──verify──▶ Verified<T> ──claims──▶ T
//!                             kid and algorithm       signature · alg · typ · crit · iss · aud · exp · iat · nbf
//! ```
//!
//! An [`Unverified`] token yields what is needed to choose a key and nothing of its payload. The key is always one that
//! the caller already trusts: `jku`, `jwk`, `x5u` and `x5c` of the header are never looked at.

mod claims;
mod header;
mod provider;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::header::Header;
use crate::alg::Algorithm;
use crate::key::{KeyError, SigningKey, VerifyingKey};
use crate::ring::KeyRing;
use crate::secret::Secret;
use crate::{b64, key};

/// The longest token that is looked at, in octets. Ours are a tenth of it; the rest is for foreign assertions.
pub const MAX_LEN: usize = 16 * 1024;

/// Signs the claims: the compact form with the header `{typ, alg, kid}`.
pub fn sign<T: Serialize>(key: &SigningKey, typ: &str, claims: &T) -> Result<String, SignError> {
    provider::sign(key, typ, claims)
}

/// MACs the claims with HS256 under a client's own secret (OIDC Core §10.1). There is no `kid`: the client has one key.
///
/// Secrets under 32 octets are refused (RFC 7518 §3.2). Never use it for a public client: whoever knows the secret can
/// forge such a token.
pub fn sign_with_secret<T: Serialize>(secret: &Secret<String>, typ: &str, claims: &T) -> Result<String, SignError> {
    provider::sign_hs256(key::shared_secret(secret)?, typ, claims)
}

/// Why a token could not be signed. None of it is the client's doing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignError {
    /// The claims are not serialisable as a JSON object, or the library could not compute the signature.
    #[error("the token could not be serialised or signed")]
    Failed,
    /// Another part of this process has installed its own provider in `jsonwebtoken`, so that cached keys are out of
    /// reach.
    #[error("another cryptography provider was installed for JSON Web Tokens in this process")]
    Provider,
    /// The shared secret cannot be an HS256 key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A token whose form is sound and whose claims are nobody's word yet.
#[derive(Clone)]
pub struct Unverified<'a> {
    signing_input: &'a str,
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Takes the compact form apart (RFC 7515 §7.1, §5.2 steps 1 to 7).
    ///
    /// Refused: anything over [`MAX_LEN`], other than three parts of strict base64url, a header that is not a JSON
    /// object or names a member twice, an `alg` that is not an [`Algorithm`], and any `crit`, as no extension is
    /// understood here.
    pub fn parse(token: &'a str) -> Result<Self, JwsError> {
        if token.len() > MAX_LEN {
            return Err(JwsError::Malformed);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Malformed)?;
        // A fourth part would leave a dot in the payload, which base64url does not have.
        let decode = |part| b64::decode(part).ok_or(JwsError::Malformed);
        let header = Header::parse(&decode(header)?)?;
        Ok(Self { signing_input, header, payload: decode(payload)?, signature: decode(signature)? })
    }

    /// The key ID that the token asks for.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The algorithm that the token claims to be signed with.
    pub fn algorithm(&self) -> Algorithm {
        self.header.alg
    }

    /// Whose token it claims to be: good for nothing but to look up whose keys to verify it with.
    pub fn claimed_subject(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Claimed {
            sub: String,
        }
        serde_json::from_slice::<Claimed>(&self.payload).ok().map(|claimed| claimed.sub)
    }

    /// Whom it claims to be for, if that is one: good for nothing but to look up with whose secret to verify it.
    pub fn claimed_audience(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Claimed {
            aud: String,
        }
        serde_json::from_slice::<Claimed>(&self.payload).ok().map(|claimed| claimed.aud)
    }

    /// Verifies with the key of the ring that `kid` names. A token without `kid` is none of ours.
    pub fn verify<T: DeserializeOwned>(self, keys: &KeyRing, expect: &Expect<'_>) -> Result<Verified<T>, JwsError> {
        self.check_header(expect)?;
        let key = self.kid().and_then(|kid| keys.find(kid)).ok_or(JwsError::UnknownKey)?;
        self.verify_with(key, expect)
    }

    /// Verifies with whichever fitting key does: of the token's algorithm, and with its `kid` where both sides name one.
    /// For a client's JWK Set, and for a client with several live secrets.
    pub fn verify_any<'k, T: DeserializeOwned>(
        self,
        keys: impl IntoIterator<Item = &'k VerifyingKey>,
        expect: &Expect<'_>,
    ) -> Result<Verified<T>, JwsError> {
        self.check_header(expect)?;
        let mut outcome = JwsError::UnknownKey;
        for key in keys {
            let same_kid = self.kid().zip(key.kid()).is_none_or(|(asked, own)| asked == own);
            if !same_kid || key.algorithm() != self.algorithm() {
                continue;
            }
            if key.verify(self.signing_input.as_bytes(), &self.signature) {
                return self.into_verified(expect);
            }
            outcome = JwsError::Signature;
        }
        Err(outcome)
    }

    /// Verifies with this key.
    pub fn verify_with<T: DeserializeOwned>(
        self,
        key: &VerifyingKey,
        expect: &Expect<'_>,
    ) -> Result<Verified<T>, JwsError> {
        self.check_header(expect)?;
        if key.algorithm() != self.algorithm() {
            return Err(JwsError::Algorithm);
        }
        if !key.verify(self.signing_input.as_bytes(), &self.signature) {
            return Err(JwsError::Signature);
        }
        self.into_verified(expect)
    }

    fn check_header(&self, expect: &Expect<'_>) -> Result<(), JwsError> {
        if !expect.algorithms.contains(&self.algorithm()) {
            return Err(JwsError::Algorithm);
        }
        if self.header.is_type(expect.typ) { Ok(()) } else { Err(JwsError::Type) }
    }

    /// Only for a token whose signature and header have been checked.
    fn into_verified<T: DeserializeOwned>(self, expect: &Expect<'_>) -> Result<Verified<T>, JwsError> {
        claims::check(&self.payload, expect)?;
        let claims = serde_json::from_slice(&self.payload).map_err(|_| JwsError::Claims)?;
        Ok(Verified { claims, kid: self.header.kid, algorithm: self.header.alg })
    }
}

impl fmt::Debug for Unverified<'_> {
    /// The payload may be personal data, the signature makes it a credential: neither is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}

/// What a token must be to be accepted. Every field is a decision; none has a default.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// Acceptable `typ` values (RFC 8725 §3.11), without regard to case, `application/` left out (RFC 7515 §4.1.9). A
    /// token without `typ` is accepted only if the list has the empty string.
    pub typ: &'a [&'a str],
    /// Acceptable algorithms; the key must agree as well.
    pub algorithms: &'a [Algorithm],
    /// The exact `iss`.
    pub issuer: &'a str,
    /// What `aud` must contain.
    pub audience: Audience<'a>,
    /// The time, in seconds since 1970.
    pub now: i64,
    /// How far the other clock may be off, in seconds.
    pub leeway: i64,
    /// What an expired token is.
    pub expired: Expired,
}

/// What `aud` must contain.
#[derive(Clone, Copy)]
pub enum Audience<'a> {
    /// At least one of these. An empty list accepts no token.
    AnyOf(&'a [&'a str]),
    /// At least one that this accepts: where the acceptable audiences are too many to list, such as all clients.
    Accepted(&'a dyn Fn(&str) -> bool),
}

impl Audience<'_> {
    fn accepts(&self, audience: &str) -> bool {
        match self {
            Self::AnyOf(listed) => listed.contains(&audience),
            Self::Accepted(accepts) => accepts(audience),
        }
    }
}

impl fmt::Debug for Audience<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyOf(listed) => f.debug_tuple("AnyOf").field(listed).finish(),
            Self::Accepted(_) => f.write_str("Accepted(…)"),
        }
    }
}

/// What an expired token is. `exp` must be present in either case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expired {
    /// Refused.
    Refuse,
    /// Accepted: for `id_token_hint`, which only says who the user was (OIDC Core §3.1.2.1), and where the caller has to
    /// tell an expired token from a foreign one.
    Accept,
}

/// Claims that have passed every check of [`Expect`]. There is no other way to make one.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    claims: T,
    kid: Option<String>,
    algorithm: Algorithm,
}

impl<T> Verified<T> {
    /// The claims.
    pub fn claims(&self) -> &T {
        &self.claims
    }

    /// The claims, owned.
    pub fn into_claims(self) -> T {
        self.claims
    }

    /// The key ID in the header.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm of the signature.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// Why a token was refused, in the order in which the checks are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JwsError {
    /// Not a compact JWS within the limits.
    #[error("the token is not a JWS in compact form")]
    Malformed,
    /// `crit` names extensions, none of which is understood.
    #[error("the token has critical extensions")]
    Critical,
    /// `alg` is unknown, not expected here, or not the key's.
    #[error("the token's algorithm is not acceptable")]
    Algorithm,
    /// `typ` says that this is another kind of token.
    #[error("the token is of another type")]
    Type,
    /// No trusted key has this ID.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// The signature does not verify.
    #[error("the token's signature is not valid")]
    Signature,
    /// A registered claim is missing, given twice or of the wrong JSON type, or the claims are not what was expected.
    #[error("the token's claims are incomplete or malformed")]
    Claims,
    /// `iss` is another.
    #[error("the token is from another issuer")]
    Issuer,
    /// `aud` names none of the expected audiences.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet")]
    NotYet,
}

#[cfg(test)]
mod tests;
