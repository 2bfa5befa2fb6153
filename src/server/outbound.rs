//! RFC 9110 §9: the one client that this server has for what others tell it to call.
//!
//! ```text
//! client_keys ─┐
//!              ├─▶ outbound ─▶ resolve ─▶ judge        which addresses are called
//! backchannel ─┘   (one request)  (names)
//! ```
//!
//! It speaks HTTPS to what the guard lets through, and to nothing else: no redirect is followed, no proxy of the
//! environment stands between (it would make the connection to somewhere unjudged), no connection is kept (it was judged
//! for one policy). Whoever calls has one time for all of it, from the name to the last octet.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crypto::Secret;
use http::{HeaderMap, StatusCode, header};
use oidc::client::{CalledUri, PrivateAddresses};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, retry};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt as _;
use url::Host;

mod judge;
mod resolve;
#[cfg(test)]
pub(crate) mod testing;

pub use self::judge::NotCalled;
#[cfg(test)]
pub(crate) use self::judge::judge;
pub(crate) use self::resolve::Guard;
#[cfg(test)]
pub(crate) use self::resolve::Lookup;
use self::resolve::Resolver;

/// The time for all of a call: whoever waits for it has a time-out of its own.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Calls hosts that manifests name. Cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    guard: Guard,
    roots: Roots,
    patience: Duration,
    /// Made when they are first needed: most servers never call anything, and the system's certificates take a while.
    careful: OnceLock<Client>,
    private: OnceLock<Client>,
}

/// Whose certificates count.
#[derive(Clone, Debug)]
enum Roots {
    /// The system's: an operator adds an authority of their own where they add it for everything.
    System,
    #[cfg(test)]
    These(Arc<rustls::RootCertStore>),
}

/// What is asked of a host.
pub(crate) enum Ask {
    /// Its document, as one of these media types.
    Get {
        /// RFC 9110 §12.5.1.
        accept: &'static str,
    },
    /// That it take this form (application/x-www-form-urlencoded), in which a token stands.
    PostForm(Secret<String>),
}

/// The head of an answer, and its body as far as anybody reads it.
#[derive(Debug)]
pub(crate) struct Answer(Response);

impl Answer {
    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Its header fields.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The next octets of its body; `None`: it has ended.
    ///
    /// # Errors
    /// It broke off.
    pub(crate) async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]>>, CallError> {
        self.0.chunk().await.map_err(|error| failure(&error))
    }
}

/// Why a host gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The host has an address that is not called.
    #[error("the host is not called: {0}")]
    Address(#[from] NotCalled),
    /// No certificate can be verified.
    #[error("there are no certificates to trust on this machine, or no TLS: {0}")]
    Trust(String),
    /// No address, no connection, no trusted certificate, or it broke off.
    #[error("the host cannot be reached: {0}")]
    Unreachable(String),
}

impl CallError {
    /// The label in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::Trust(_) => "trust",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

impl Outbound {
    /// A client that never calls these hosts, names or addresses: those of the API server, which trusts this process.
    pub fn new(api_server: &[String]) -> Self {
        Self::of(Guard::new(api_server), Roots::System, PATIENCE)
    }

    /// A client with other eyes, for servers in the same process.
    #[cfg(test)]
    pub(crate) fn with(guard: Guard, roots: rustls::RootCertStore, patience: Duration) -> Self {
        Self::of(guard, Roots::These(Arc::new(roots)), patience)
    }

    fn of(guard: Guard, roots: Roots, patience: Duration) -> Self {
        let (careful, private) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Inner { guard, roots, patience, careful, private }))
    }

    /// The time that a caller gives all of a call.
    pub(crate) fn patience(&self) -> Duration {
        self.0.patience
    }

    /// Sends one request, and waits for the head of its answer.
    ///
    /// # Errors
    /// The host is not called, or does not answer.
    pub(crate) async fn call(&self, uri: &CalledUri, private: PrivateAddresses, ask: Ask) -> Result<Answer, CallError> {
        let guard = &self.0.guard;
        // The connector asks the guard for names alone.
        match uri.host() {
            Some(Host::Domain(_)) => {}
            Some(Host::Ipv4(address)) => guard.address(address.into(), private)?,
            Some(Host::Ipv6(address)) => guard.address(address.into(), private)?,
            None => return Err(CallError::Unreachable("it has no host".to_owned())),
        }
        let (client, url) = (self.client(private).await?, uri.url().clone());
        let request = match ask {
            Ask::Get { accept } => client.get(url).header(header::ACCEPT, accept),
            Ask::PostForm(form) => client
                .post(url)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.expose().clone()),
        };
        let response = request.send().await.map_err(|error| failure(&error))?;
        // Once more, of the connection itself: should there ever be a way around the guard, it does not lead back.
        let peer: Option<IpAddr> = response.remote_addr().map(|peer| peer.ip());
        guard.address(peer.ok_or(NotCalled::Special)?, private)?;
        Ok(Answer(response))
    }

    async fn client(&self, private: PrivateAddresses) -> Result<Client, CallError> {
        let made = match private {
            PrivateAddresses::Denied => &self.0.careful,
            PrivateAddresses::Allowed => &self.0.private,
        };
        if let Some(client) = made.get() {
            return Ok(client.clone());
        }
        let inner = Arc::clone(&self.0);
        let making = tokio::task::spawn_blocking(move || inner.make(private));
        let client = making.await.map_err(|error| CallError::Trust(error.to_string()))??;
        Ok(made.get_or_init(|| client).clone())
    }
}

impl Inner {
    /// Reads files.
    fn make(&self, private: PrivateAddresses) -> Result<Client, CallError> {
        let trust = |error: rustls::Error| CallError::Trust(error.to_string());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(trust)?;
        let tls = match &self.roots {
            Roots::System => tls.with_platform_verifier().map_err(trust)?,
            #[cfg(test)]
            Roots::These(roots) => tls.with_root_certificates(Arc::clone(roots)),
        };
        let mut tls = tls.with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .http1_only()
            .dns_resolver(Resolver { guard: self.guard.clone(), private })
            .redirect(Policy::none())
            .no_proxy()
            .retry(retry::never())
            .pool_max_idle_per_host(0)
            .referer(false)
            .user_agent("portcullis")
            .build()
            .map_err(|error| CallError::Trust(innermost(&error)))
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("guard", &self.guard).field("roots", &self.roots).finish_non_exhaustive()
    }
}

/// What went wrong between the request and its answer. The client wraps what the guard said in errors of its own.
fn failure(error: &reqwest::Error) -> CallError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(found) = cause {
        if let Some(refused) = found.downcast_ref::<NotCalled>() {
            return CallError::Address(*refused);
        }
        cause = found.source();
    }
    CallError::Unreachable(innermost(error))
}

/// The last cause, which says what happened; those around it say to whom.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
