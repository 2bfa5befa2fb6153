//! RFC 5869: secrets that are derived from a seed, and derived again, octet for octet, whenever they are needed.

use std::collections::BTreeMap;
use std::fmt;

use crate::secret::Secret;
use crate::{b64, frame, hash, hkdf};

/// What a derived secret is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DerivedPurpose {
    /// The client secret of an application.
    ClientSecret,
    /// A further key in the application's Secret.
    DerivedKey,
    /// The key of a sector, from which pairwise subjects are made (OIDC Core §8.1). It is no application's: those of one
    /// sector see the same subjects.
    SectorKey,
}

impl DerivedPurpose {
    /// Part of the derivation: changing it changes every secret.
    const fn label(self) -> &'static str {
        match self {
            Self::ClientSecret => "client-secret",
            Self::DerivedKey => "derived-key",
            Self::SectorKey => "sector-key",
        }
    }
}

/// Names one derived secret. Two derivations that differ in any field give unrelated secrets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Derivation<'a> {
    /// Which seed.
    pub generation: u32,
    /// UID of the provider.
    pub provider_uid: &'a str,
    /// What it is for.
    pub purpose: DerivedPurpose,
    /// UID of the application: one that is deleted and made again gets another secret.
    pub application_uid: &'a str,
    /// The account, for purposes that have one. `None` and the empty string are the same.
    pub account: Option<&'a str>,
    /// The key of the Secret, for purposes that have one. `None` and the empty string are the same.
    pub data_key: Option<&'a str>,
    /// Rises by one with each rotation.
    pub epoch: u64,
}

/// Why nothing was derived.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DeriveError {
    /// The seed has no such generation.
    #[error("the seed has no generation {0}: restore the seed Secret, or rotate to a generation that it has")]
    UnknownGeneration(u32),
    /// A field has more than 65,535 octets and could not be told from others.
    #[error("a name is too long to derive a secret for: at most 65535 octets")]
    TooLong,
}

/// The generations of the seed.
#[derive(Clone)]
pub struct Seeds {
    generations: BTreeMap<u32, Secret<[u8; 32]>>,
    newest: u32,
}

/// There is no seed at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the seed has no generation")]
pub struct NoSeed;

impl Seeds {
    /// Takes the generations; at least one. New secrets are derived from the highest.
    pub fn new(generations: BTreeMap<u32, Secret<[u8; 32]>>) -> Result<Self, NoSeed> {
        let newest = *generations.last_key_value().ok_or(NoSeed)?.0;
        Ok(Self { generations, newest })
    }

    /// The generation that new secrets are derived from.
    pub fn newest(&self) -> u32 {
        self.newest
    }

    /// The generation that keys are derived from which must never change. It is there for as long as the seed is.
    pub fn oldest(&self) -> u32 {
        self.generations.first_key_value().map_or(self.newest, |(generation, _)| *generation)
    }

    /// The generations, ascending.
    pub fn generations(&self) -> impl Iterator<Item = u32> {
        self.generations.keys().copied()
    }

    /// Tells this seed from a lost or replaced one. It changes with every generation that is added, removed or altered,
    /// and says nothing about the secrets.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.generations.iter())
    }

    /// As [`Seeds::fingerprint`], of one generation: lets an added generation be told from a replaced seed.
    pub fn generation_fingerprint(&self, generation: u32) -> Option<String> {
        self.generations.get_key_value(&generation).map(|one| fingerprint(std::iter::once(one)))
    }

    /// `HKDF-SHA-256(ikm = seed[generation], salt = provider UID, info = "portcullis/1" ‖ lp(purpose) ‖ lp(application
    /// UID) ‖ lp(account or "") ‖ lp(data key or "") ‖ u64be(epoch))`: 32 octets as base64url.
    pub fn derive(&self, derivation: &Derivation<'_>) -> Result<Secret<String>, DeriveError> {
        let Derivation { generation, provider_uid, purpose, application_uid, account, data_key, epoch } = *derivation;
        let seed = self.generations.get(&generation).ok_or(DeriveError::UnknownGeneration(generation))?;
        let mut info = b"portcullis/1".to_vec();
        for part in [purpose.label(), application_uid, account.unwrap_or_default(), data_key.unwrap_or_default()] {
            frame::lp16(&mut info, part.as_bytes()).map_err(|_| DeriveError::TooLong)?;
        }
        info.extend_from_slice(&epoch.to_be_bytes());
        let secret = hkdf::hkdf_sha256::<32>(seed.expose(), provider_uid.as_bytes(), &info);
        Ok(Secret::new(b64::encode(secret.as_ref())))
    }
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeds").field("generations", &self.generations().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

fn fingerprint<'a>(generations: impl Iterator<Item = (&'a u32, &'a Secret<[u8; 32]>)>) -> String {
    let mut all = Vec::new();
    for (generation, seed) in generations {
        all.extend_from_slice(&generation.to_be_bytes());
        // One way out of 256 random bits, under a label that no secret is derived with.
        all.extend_from_slice(&*hkdf::hkdf_sha256::<32>(seed.expose(), b"", b"portcullis/1 seed fingerprint"));
    }
    b64::encode(&hash::sha256(&all))
}

#[cfg(test)]
mod tests;
