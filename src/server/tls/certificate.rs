//! RFC 5280: what is served of a certificate, and what is known of it.

use std::sync::Arc;

use oidc::time::Time;
use rustls::InconsistentKeys;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;

use super::files::{Contents, TlsError, TlsFiles};

/// A certificate with its chain, and the key that belongs to it.
#[derive(Clone)]
pub(super) struct Certificate {
    pub(super) served: Arc<CertifiedKey>,
    /// §4.2.1.6: the DNS names, in lower case. Common names count for nobody any more.
    pub(super) names: Vec<String>,
    from: Time,
    pub(super) until: Time,
    /// The same for people.
    pub(super) until_text: String,
}

impl Certificate {
    /// What the files hold, if the key is the certificate's.
    pub(super) fn new(files: &TlsFiles, contents: &Contents, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let refused = |reason: String| TlsError::Certificate { path: files.certificate.clone(), reason };
        let chain = CertificateDer::pem_slice_iter(&contents.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| refused(error.to_string()))?;
        let leaf = chain.first().ok_or_else(|| TlsError::NoCertificate { path: files.certificate.clone() })?;
        let (names, [from, until], until_text) = about(leaf).map_err(refused)?;
        // What exactly is wrong is not said: the error quotes lines.
        let key = PrivateKeyDer::from_pem_slice(contents.key.expose())
            .map_err(|_| TlsError::NoKey { path: files.key.clone() })?;
        let served = CertifiedKey::from_der(chain, key, provider).map_err(|error| {
            if error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
                return TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() };
            }
            if let rustls::Error::InvalidCertificate(error) = &error {
                return refused(format!("{error:?}"));
            }
            TlsError::Key { path: files.key.clone(), reason: error.to_string() }
        })?;
        Ok(Self { served: Arc::new(served), names, from, until, until_text })
    }

    /// Whether nobody takes it any more (§4.1.2.5: the last second is within).
    pub(super) fn has_expired(&self, now: Time) -> bool {
        now.secs() > self.until.secs()
    }

    /// Whether nobody takes it yet.
    pub(super) fn is_early(&self, now: Time) -> bool {
        now.secs() < self.from.secs()
    }
}

/// Names, first and last moment, and the last one for people.
fn about(leaf: &CertificateDer<'_>) -> Result<(Vec<String>, [Time; 2], String), String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(leaf).map_err(|error| error.to_string())?;
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let dns = names.filter_map(|name| if let GeneralName::DNSName(name) = name { Some(name) } else { None });
    let validity = certificate.validity();
    let times = [validity.not_before, validity.not_after].map(|time| Time::from_secs(time.timestamp()));
    Ok((dns.map(|name| name.to_ascii_lowercase()).collect(), times, validity.not_after.to_string()))
}
