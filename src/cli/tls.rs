//! What the public port speaks TLS with.

use std::path::PathBuf;

use server::{TlsError, TlsFiles};

/// By which another flag asks whether there are certificates.
pub(super) const CERTIFICATES: &str = "tls_cert_file";

/// Certificates and their keys.
#[derive(Debug, clap::Args)]
pub(super) struct TlsArgs {
    /// A certificate and its intermediates, as PEM: the public port speaks TLS. May be given several times: a client gets
    /// the one for the name that it asks for, and the first where none is. Read again when it changes.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_TLS_CERT_FILE", value_delimiter = ',')]
    tls_cert_file: Vec<PathBuf>,

    /// The private key of the certificate, as PEM; the n-th file belongs to the n-th certificate.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_TLS_KEY_FILE", value_delimiter = ',')]
    tls_key_file: Vec<PathBuf>,
}

impl TlsArgs {
    /// Each certificate with its key.
    pub(super) fn pairs(self) -> Result<Vec<TlsFiles>, TlsError> {
        let Self { tls_cert_file, tls_key_file } = self;
        TlsFiles::pair(tls_cert_file, tls_key_file)
    }
}
