//! RFC 9110 §9.3.1: one GET, by the one client that this server has for what others tell it to fetch.
//!
//! It speaks HTTPS to what the guard lets through, and to nothing else: no redirect is followed, no proxy of the
//! environment stands between (it would make the connection to somewhere unjudged), no connection is kept (it was judged
//! for one policy), and there is one time for all of it, from the name to the last octet.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use http::header;
use oidc::client::{PrivateAddresses, PublishedKeys};
use reqwest::redirect::Policy;
use reqwest::{Client, retry};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt as _;
use url::Host;

use super::document::{self, MAX_BODY};
use super::judge::NotCalled;
use super::resolve::{Guard, Resolver};
use super::{FetchError, FetchKeys, Fetched};

/// The time for all of a fetch: the client that waits for it has a time-out of its own.
const PATIENCE: Duration = Duration::from_secs(5);

/// Fetches keys from where clients publish them. Cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct KeyFetcher(Arc<Inner>);

struct Inner {
    guard: Guard,
    roots: Roots,
    patience: Duration,
    /// Made when they are first needed: most servers never fetch anything, and the system's certificates take a while.
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

impl KeyFetcher {
    /// A fetcher that never calls these hosts, names or addresses: those of the API server, which trusts this process.
    pub fn new(api_server: &[String]) -> Self {
        Self::of(Guard::new(api_server), Roots::System, PATIENCE)
    }

    /// A fetcher with other eyes, for servers in the same process.
    #[cfg(test)]
    pub(super) fn with(guard: Guard, roots: rustls::RootCertStore, patience: Duration) -> Self {
        Self::of(guard, Roots::These(Arc::new(roots)), patience)
    }

    fn of(guard: Guard, roots: Roots, patience: Duration) -> Self {
        let (careful, private) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Inner { guard, roots, patience, careful, private }))
    }
}

impl FetchKeys for KeyFetcher {
    fn fetch(&self, from: &PublishedKeys) -> BoxFuture<'static, Result<Fetched, FetchError>> {
        let (inner, from) = (Arc::clone(&self.0), from.clone());
        Box::pin(async move {
            let fetched = tokio::time::timeout(inner.patience, inner.fetch(&from)).await;
            fetched.unwrap_or(Err(FetchError::Overdue))
        })
    }
}

impl Inner {
    async fn fetch(self: &Arc<Self>, from: &PublishedKeys) -> Result<Fetched, FetchError> {
        let private = from.private_addresses;
        // The connector asks the guard for names alone.
        match from.uri.host() {
            Some(Host::Domain(_)) => {}
            Some(Host::Ipv4(address)) => self.guard.address(address.into(), private)?,
            Some(Host::Ipv6(address)) => self.guard.address(address.into(), private)?,
            None => return Err(FetchError::Unreachable("it has no host".to_owned())),
        }
        let request = self.client(private).await?.get(from.uri.url().clone());
        let request = request.header(header::ACCEPT, "application/jwk-set+json, application/json");
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        // Once more, of the connection itself: should there ever be a way around the guard, it does not lead back.
        let peer: Option<IpAddr> = response.remote_addr().map(|peer| peer.ip());
        self.guard.address(peer.ok_or(NotCalled::Special)?, private)?;
        let max_age = document::head(response.status(), response.headers())?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { keys: document::keys(&body)?, max_age })
    }

    async fn client(self: &Arc<Self>, private: PrivateAddresses) -> Result<Client, FetchError> {
        let made = match private {
            PrivateAddresses::Denied => &self.careful,
            PrivateAddresses::Allowed => &self.private,
        };
        if let Some(client) = made.get() {
            return Ok(client.clone());
        }
        let inner = Arc::clone(self);
        let making = tokio::task::spawn_blocking(move || inner.make(private));
        let client = making.await.map_err(|error| FetchError::Trust(error.to_string()))??;
        Ok(made.get_or_init(|| client).clone())
    }

    /// Reads files.
    fn make(&self, private: PrivateAddresses) -> Result<Client, FetchError> {
        let trust = |error: rustls::Error| FetchError::Trust(error.to_string());
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
            .map_err(|error| FetchError::Trust(innermost(&error)))
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("guard", &self.guard).field("roots", &self.roots).finish_non_exhaustive()
    }
}

/// What went wrong between the request and its answer. The client wraps what the guard said in errors of its own.
fn failure(error: &reqwest::Error) -> FetchError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(found) = cause {
        if let Some(refused) = found.downcast_ref::<NotCalled>() {
            return FetchError::Address(*refused);
        }
        cause = found.source();
    }
    FetchError::Unreachable(innermost(error))
}

/// The last cause, which says what happened; those around it say to whom.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
