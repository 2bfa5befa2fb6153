//! RFC 8446, RFC 5246, RFC 7301: TLS on the public port.
//!
//! ```text
//! files ─▶ certificate ─▶ names ─▶ Tls ─▶ listen        one handshake sees one set of certificates
//!   ▲      (chain, key,    (SNI)  (ArcSwap)
//!   │       names, dates)
//! watch                                                 looks again, and replaces what has changed
//! ```
//!
//! Whose certificate is shown decides nothing else: which issuer answers is the request's `Host` alone, so that a browser
//! may send requests for several issuers over one connection whose certificate names them all (RFC 9113 §9.1.1).

mod certificate;
mod files;
mod names;
#[cfg(test)]
mod tests;
mod watch;

use std::fmt;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::ServerSessionMemoryCache;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use self::files::{TlsError, TlsFiles};
use self::names::ByName;
pub(crate) use self::watch::{INTERVAL, Watch};

/// What is spoken inside, in the order of preference (RFC 7301 §3.2): whoever offers only something else is refused.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Sessions that can be resumed. They are kept here and not in tickets: a key that opens tickets would open what was
/// said before, too.
const SESSIONS: usize = 1024;

/// What handshakes are made with. Cloning copies a pointer.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ArcSwap<ServerConfig>>);

impl Tls {
    /// TLS 1.2 and 1.3, with these certificates.
    fn new(certificates: ByName, provider: Arc<CryptoProvider>) -> Result<Self, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificates));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        Ok(Self(Arc::new(ArcSwap::from_pointee(config))))
    }

    /// From the next handshake on, with these. Connections that stand go on.
    fn replace(&self, certificates: ByName) {
        let mut config = ServerConfig::clone(&self.0.load());
        config.cert_resolver = Arc::new(certificates);
        // Whoever resumes a session is shown no certificate: what the old one began ends with it.
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        self.0.store(Arc::new(config));
    }

    /// A handshake. It takes as long as the peer likes.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.0.load_full()).accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
