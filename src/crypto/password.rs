//! RFC 9106, RFC 7914, RFC 8018, bcrypt: slow password hashes, made here or brought along.
//!
//! Every function here takes milliseconds to seconds of processor time: call them on a [`crate::PasswordPool`].

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use argon2::{Argon2, Params as Argon2Params};
use password_hash::phc::PasswordHash as Phc;
use password_hash::{PasswordHasher as _, PasswordVerifier as _};
use pbkdf2::{Params as Pbkdf2Params, Pbkdf2};
use scrypt::{Params as ScryptParams, Scrypt};

use crate::secret::Secret;
use crate::{fail, random};

/// The longest password, in octets: hashing time grows with the length, and nobody types more.
pub const MAX_PASSWORD_OCTETS: usize = 1024;

/// Memory of a hash made here, in KiB. With two passes and one lane this is the least that OWASP recommends for
/// Argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The most that one verification may cost. Hashes come from outside: without bounds, one of them could occupy a thread
/// for hours or all memory.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;
const MAX_BCRYPT_COST: u32 = 15;
const MAX_SCRYPT_LN: u8 = 18;
const MAX_PBKDF2_ROUNDS: u32 = 5_000_000;
/// scrypt moves 128 × r × 2^ln octets p times.
const MAX_SCRYPT_OCTETS: u64 = 1024 * 1024 * 1024;

/// A password hash that can be verified at bearable cost: parsed, of a supported scheme, with every parameter in
/// bounds.
#[derive(Clone)]
pub struct PasswordHash {
    text: Secret<String>,
    scheme: Scheme,
}

#[derive(Clone, Copy, Debug)]
enum Scheme {
    Argon2,
    Scrypt,
    Pbkdf2,
    Bcrypt,
}

/// Why a hash or a password was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HashError {
    /// Not a hash string, or one without salt or output.
    #[error(
        "the password hash is malformed: expected a PHC string such as `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, or a bcrypt string"
    )]
    Malformed,
    /// Another scheme.
    #[error(
        "the password hash is of an unsupported scheme: use argon2id, argon2i, bcrypt, scrypt, pbkdf2-sha256 or pbkdf2-sha512"
    )]
    Unsupported,
    /// Verifying it would take too much time or memory.
    #[error(
        "the password hash is too expensive to verify: at most 256 MiB, 16 passes and 16 lanes, bcrypt cost 15, scrypt ln 18 (1 GiB moved in all), 5000000 PBKDF2 rounds"
    )]
    TooExpensive,
    /// The password is longer than [`MAX_PASSWORD_OCTETS`].
    #[error("the password is longer than 1024 octets")]
    PasswordTooLong,
    /// The hash could not be computed, for want of memory.
    #[error("the password could not be hashed")]
    Failed,
}

/// Hashes a password with Argon2id and a random salt.
pub fn hash(password: &Secret<String>) -> Result<PasswordHash, HashError> {
    if password.expose().len() > MAX_PASSWORD_OCTETS {
        return Err(HashError::PasswordTooLong);
    }
    let params = Argon2Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| HashError::Failed)?;
    let phc = Argon2::from(params)
        .hash_password_with_salt(password.expose().as_bytes(), &random::bytes::<16>())
        .map_err(|_| HashError::Failed)?;
    PasswordHash::parse(&phc.to_string())
}

/// A hash that no password has, as costly to verify as those of [`hash`]. Verify against it when the user is unknown,
/// so that the answer takes as long as for a wrong password.
///
/// Users whose hash was brought along with other parameters can still be told apart by time, until their next password.
pub fn dummy() -> &'static PasswordHash {
    static DUMMY: LazyLock<PasswordHash> = LazyLock::new(|| {
        // A random output rather than the hash of something: there is nothing to guess, and nothing to compute.
        let encode = |octets: &[u8]| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD_NO_PAD.encode(octets)
        };
        let (salt, output) = (encode(&random::bytes::<16>()), encode(&random::bytes::<32>()));
        let text = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}");
        fail::or_abort(PasswordHash::parse(&text))
    });
    &DUMMY
}

impl PasswordHash {
    /// Reads a PHC string (argon2id, argon2i, scrypt, pbkdf2-sha256, pbkdf2-sha512) or a bcrypt string (`$2a$`, `$2b$`,
    /// `$2y$`), and refuses what would cost too much to verify.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let (start, rest) = text.split_once('$').ok_or(HashError::Malformed)?;
        if !start.is_empty() {
            return Err(HashError::Malformed);
        }
        let scheme = match rest.split('$').next() {
            Some("2a" | "2b" | "2y") => bcrypt_scheme(text)?,
            Some("argon2id" | "argon2i" | "scrypt" | "pbkdf2-sha256" | "pbkdf2-sha512") => phc_scheme(text)?,
            Some("") | None => return Err(HashError::Malformed),
            Some(_) => return Err(HashError::Unsupported),
        };
        Ok(Self { text: Secret::new(text.to_owned()), scheme })
    }

    /// The string that [`PasswordHash::parse`] reads: to be stored, and only sealed.
    pub fn as_secret_str(&self) -> &Secret<String> {
        &self.text
    }

    /// Whether it was made by [`hash`], or might have been: a brought-along one may cost more, or look at a part of the
    /// password only.
    pub fn is_ours(&self) -> bool {
        self.text.expose().starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
    }

    /// Whether this is the password. One of more than [`MAX_PASSWORD_OCTETS`] never is, and is not hashed.
    ///
    /// bcrypt looks at the first 72 octets only; that is how such hashes were made.
    pub fn verify(&self, password: &Secret<String>) -> bool {
        let (text, password) = (self.text.expose(), password.expose().as_bytes());
        if password.len() > MAX_PASSWORD_OCTETS {
            return false;
        }
        let phc = || Phc::new(text).ok();
        match self.scheme {
            Scheme::Argon2 => phc().is_some_and(|phc| Argon2::default().verify_password(password, &phc).is_ok()),
            Scheme::Scrypt => phc().is_some_and(|phc| Scrypt::new().verify_password(password, &phc).is_ok()),
            Scheme::Pbkdf2 => phc().is_some_and(|phc| Pbkdf2::default().verify_password(password, &phc).is_ok()),
            Scheme::Bcrypt => bcrypt::verify(password, text).unwrap_or(false),
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PasswordHash").field(&self.scheme).finish()
    }
}

fn bcrypt_scheme(text: &str) -> Result<Scheme, HashError> {
    let cost = text.parse::<bcrypt::HashParts>().map_err(|_| HashError::Malformed)?.get_cost();
    match cost {
        0..4 => Err(HashError::Malformed),
        4..=MAX_BCRYPT_COST => Ok(Scheme::Bcrypt),
        _ => Err(HashError::TooExpensive),
    }
}

fn phc_scheme(text: &str) -> Result<Scheme, HashError> {
    let phc = Phc::new(text).map_err(|_| HashError::Malformed)?;
    // A parameter given twice could have one value where it is checked and the other where it is used.
    let mut seen = BTreeSet::new();
    let unique = phc.params.iter().all(|(name, _)| seen.insert(name));
    if !unique || phc.salt.is_none() || phc.hash.is_none() {
        return Err(HashError::Malformed);
    }
    // Parsed by the very code that will verify, so that both see the same numbers.
    let (scheme, bearable) = match phc.algorithm.as_str() {
        "argon2id" | "argon2i" => {
            // A missing version means 0x10 to the reference implementation and 0x13 to this library.
            if !matches!(phc.version, Some(0x10 | 0x13)) {
                return Err(HashError::Malformed);
            }
            let params = Argon2Params::try_from(&phc).map_err(|_| HashError::Malformed)?;
            let bearable =
                params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES && params.p_cost() <= MAX_LANES;
            (Scheme::Argon2, bearable)
        }
        "scrypt" => (Scheme::Scrypt, scrypt_bearable(&phc)?),
        "pbkdf2-sha256" | "pbkdf2-sha512" => {
            let params = Pbkdf2Params::try_from(&phc).map_err(|_| HashError::Malformed)?;
            (Scheme::Pbkdf2, params.rounds() <= MAX_PBKDF2_ROUNDS)
        }
        _ => return Err(HashError::Unsupported),
    };
    if bearable { Ok(scheme) } else { Err(HashError::TooExpensive) }
}

fn scrypt_bearable(phc: &Phc) -> Result<bool, HashError> {
    // Before the library multiplies them.
    let huge = |name: &str| phc.params.get_decimal(name).is_some_and(|value| value > 1024);
    if huge("r") || huge("p") || huge("ln") {
        return Ok(false);
    }
    let params = ScryptParams::try_from(phc).map_err(|_| HashError::Malformed)?;
    let memory = 128 * u64::from(params.r()) * params.n();
    let moved = memory.saturating_mul(u64::from(params.p()));
    Ok(params.log_n() <= MAX_SCRYPT_LN
        && params.p() <= MAX_LANES
        && memory <= u64::from(MAX_MEMORY_KIB) * 1024
        && moved <= MAX_SCRYPT_OCTETS)
}

#[cfg(test)]
mod tests;
