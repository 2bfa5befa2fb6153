//! RFC 6066 §3, RFC 6125 §6.4.3: the certificate for the name that a client asks for.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;

/// Certificates by the names that they are for.
pub(super) struct ByName {
    /// For names that no certificate has, and for clients that name nobody: those that call an address.
    first: Option<Arc<CertifiedKey>>,
    /// Names as they stand in certificates, wildcards too. Several may be for one name, with keys of different kinds.
    names: HashMap<String, Vec<Arc<CertifiedKey>>>,
}

impl ByName {
    /// These, in their order.
    pub(super) fn new<'a>(certificates: impl Iterator<Item = &'a Certificate>) -> Self {
        let mut all = Self { first: None, names: HashMap::new() };
        for certificate in certificates {
            all.first.get_or_insert_with(|| Arc::clone(&certificate.served));
            for name in &certificate.names {
                all.names.entry(name.clone()).or_default().push(Arc::clone(&certificate.served));
            }
        }
        all
    }

    /// Those for a name: with this name, or else with a wildcard in the place of its first label. A wildcard is for one
    /// label and for a whole one.
    pub(super) fn find(&self, name: &str) -> &[Arc<CertifiedKey>] {
        let name = name.to_ascii_lowercase();
        let wildcard = || self.names.get(&format!("*.{}", name.split_once('.')?.1));
        self.names.get(&name).or_else(wildcard).map_or(&[], Vec::as_slice)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = client.signature_schemes();
        let found = self.find(client.server_name().unwrap_or_default());
        let usable = found.iter().find(|certificate| certificate.key.choose_scheme(schemes).is_some());
        usable.or(found.first()).or(self.first.as_ref()).cloned()
    }
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByName").field("names", &self.names.keys()).finish_non_exhaustive()
    }
}
