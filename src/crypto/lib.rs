//! Everything cryptographic, and the only member that names a cryptography library.
//!
//! Reading order
//!
//! ```text
//! secret · random · hash · b64 · alg        the vocabulary
//! jwk → key → ring                          public form → key pairs, parsed once → which key signs, which are published
//! rotation                                  when keys come, sign, retire and go
//! jws                                       sign; Unverified → Verified<T>
//! server_key → secret_verifier              seals and MACs under purpose-bound sub-keys
//! derive                                    secrets that can be derived again from a seed
//! password · pool                           slow hashes, and the bounded threads that compute them
//! ```
//!
//! Invariants
//!
//! - A secret lives in [`Secret`]: it is wiped on drop and cannot be printed, serialised or compared in variable time.
//! - [`Algorithm`] is closed and has no `none`. A key carries its one algorithm; a token that names another is refused
//!   before any arithmetic.
//! - No claim of a token can be read before signature, algorithm, type, `crit`, issuer, audience and times have all been
//!   checked: [`jws::Verified`] has no other constructor.
//! - Keys are parsed once, when they are loaded. Signing and verifying never parse a key.
//! - Every sub-key is bound to a closed list of purposes, every sealed value to its associated data, and every part of
//!   either is length-prefixed, so two different inputs never give the same octets.
//! - Nothing here reads a clock. Nothing here panics on input; where the operating system has no randomness, or the
//!   library breaks its contract, the process is aborted rather than continued with a weak key.

pub mod alg;
pub mod b64;
mod der;
pub mod derive;
mod fail;
mod frame;
pub mod hash;
mod hkdf;
pub mod jwk;
pub mod jws;
pub mod key;
pub mod password;
pub mod pool;
pub mod random;
pub mod ring;
pub mod rotation;
pub mod secret;
pub mod secret_verifier;
pub mod server_key;

pub use alg::{Algorithm, UnknownAlgorithm};
pub use derive::{Derivation, DeriveError, DerivedPurpose, Seeds};
pub use jwk::{JwkError, Jwks, KeyId, PublicJwk};
pub use jws::{Audience, Expect, Expired, JwsError, SignError, Unverified, Verified};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use password::{HashError, PasswordHash};
pub use pool::{Lost, PasswordPool, Pending, QueueFull};
pub use ring::{KeyRing, KeyState, RingError, RingKey};
pub use secret::{Secret, constant_time_eq};
pub use secret_verifier::SecretVerifier;
pub use server_key::{Mac, OpenError, Purpose, ServerKeyError, ServerKeys, record_aad};
