//! RFC 7468: a certificate and its key, as files that somebody else writes: an operator, or the kubelet from a Secret.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crypto::{Secret, hash};

/// Octets of a file at the most: a chain has a few thousand.
const MAX_FILE: u64 = 1 << 20;

/// Where a certificate and its key stand. The same file may hold both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// `--tls-cert-file`: the certificate, and after it its intermediates, as PEM.
    pub certificate: PathBuf,
    /// `--tls-key-file`: the private key of the certificate, as PEM.
    pub key: PathBuf,
}

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is not one key for each certificate.
    #[error(
        "`--tls-cert-file` and `--tls-key-file` are given {certificates} and {keys} times: each certificate needs its \
         key, in the same order"
    )]
    Unpaired {
        /// Files of certificates.
        certificates: usize,
        /// Files of keys.
        keys: usize,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is no certificate and no key.
    #[error("{} is longer than {MAX_FILE} octets", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// There is no certificate.
    #[error("{} holds no certificate: it is to hold the certificate and then its intermediates, as PEM", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is something else than a certificate.
    #[error("the certificates in {} cannot be used: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        reason: String,
    },
    /// There is no private key.
    #[error("{} holds no private key: it is to hold one as PEM, not encrypted", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key is of a kind that is not served.
    #[error("the private key in {} cannot be used: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never a part of it.
        reason: String,
    },
    /// The private key is another's.
    #[error(
        "the key in {} does not belong to the certificate in {}: is the certificate the first in its file, before its \
         intermediates, and do both flags have the same order?",
        key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// What has expired takes the place of nothing that has not.
    #[error("the certificate in {} has expired: {until}", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// When.
        until: String,
    },
    /// There is no TLS.
    #[error("TLS cannot be set up")]
    Protocol(#[source] rustls::Error),
}

/// What the two files hold.
pub(super) struct Contents {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Secret<Vec<u8>>,
}

/// By which contents are known again.
pub(super) type Digest = [[u8; 32]; 2];

impl TlsFiles {
    /// The n-th certificate with the n-th key.
    ///
    /// # Errors
    /// One has no other.
    pub fn pair(certificates: Vec<PathBuf>, keys: Vec<PathBuf>) -> Result<Vec<Self>, TlsError> {
        if certificates.len() != keys.len() {
            return Err(TlsError::Unpaired { certificates: certificates.len(), keys: keys.len() });
        }
        let pairs = certificates.into_iter().zip(keys);
        Ok(pairs.map(|(certificate, key)| Self { certificate, key }).collect())
    }

    /// Reads both. It is for the caller to know that they may have been written in between.
    pub(super) fn read(&self) -> Result<Contents, TlsError> {
        let (certificate, key) = (read(&self.certificate)?, Secret::new(read(&self.key)?));
        Ok(Contents { certificate, key })
    }
}

impl Contents {
    pub(super) fn digest(&self) -> Digest {
        [hash::sha256(&self.certificate), hash::sha256(self.key.expose())]
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    // With room for all of it, no copy of a key is left behind by a growing buffer.
    let all = || -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let length = file.metadata()?.len().min(MAX_FILE);
        let mut octets = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
        file.take(MAX_FILE + 1).read_to_end(&mut octets)?;
        Ok(octets)
    };
    let octets = all().map_err(|source| TlsError::Read { path: path.to_owned(), source })?;
    if octets.len() as u64 > MAX_FILE {
        return Err(TlsError::TooLong { path: path.to_owned() });
    }
    Ok(octets)
}
