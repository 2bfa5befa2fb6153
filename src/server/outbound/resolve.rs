//! From a host to addresses that may be called: between the two nothing is asked again.
//!
//! Who controls a name controls what it says when it is asked a second time, so that a check of the name before the
//! connection proves nothing (DNS rebinding). Here the answer itself is judged, and what was judged is what the connector
//! gets. All of it counts: an answer in which one address is refused is refused, since it is a trick or a mistake.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use oidc::client::PrivateAddresses;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::judge::{self, NotCalled};

/// Names that are looked up at once at the most. A lookup cannot be called off and holds a thread for as long as the
/// system has patience, which is longer than ours.
const LOOKUPS: usize = 16;

/// Decides on an address.
pub(crate) type Judge = fn(IpAddr, PrivateAddresses) -> Result<(), NotCalled>;

/// Asks for the addresses of a name.
pub(crate) type Lookup = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// What stands between names and connections.
#[derive(Clone)]
pub(crate) struct Guard {
    judge: Judge,
    lookup: Lookup,
    /// Addresses of the API server.
    addresses: Vec<IpAddr>,
    /// Names of it, each of which may have further addresses.
    names: Vec<String>,
    lookups: Arc<Semaphore>,
}

impl Guard {
    /// The guard of the product. `api_server`: hosts, names or addresses, that are never called.
    pub(super) fn new(api_server: &[String]) -> Self {
        Self::with(judge::judge, Arc::new(system), api_server)
    }

    /// A guard with other eyes.
    pub(crate) fn with(judge: Judge, lookup: Lookup, api_server: &[String]) -> Self {
        let bare = |host: &String| host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let (mut addresses, mut names) = (Vec::new(), Vec::new());
        for host in api_server.iter().map(bare) {
            match host.parse() {
                Ok(address) => addresses.push(judge::carried(address)),
                Err(_) => names.push(host),
            }
        }
        Self { judge, lookup, addresses, names, lookups: Arc::new(Semaphore::new(LOOKUPS)) }
    }

    /// Whether this address may be called.
    pub(super) fn address(&self, address: IpAddr, private: PrivateAddresses) -> Result<(), NotCalled> {
        if self.addresses.contains(&judge::carried(address)) {
            return Err(NotCalled::ApiServer);
        }
        (self.judge)(address, private)
    }

    /// The addresses of a name, every one of which may be called.
    async fn resolve(self, name: String, private: PrivateAddresses) -> Result<Vec<IpAddr>, Unresolved> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if self.names.contains(&name) {
            return Err(NotCalled::ApiServer.into());
        }
        let place = Arc::clone(&self.lookups).acquire_owned().await.map_err(|_| Unresolved::Nowhere)?;
        let asked = tokio::task::spawn_blocking(move || {
            // Held by the lookup, not by who waits for it: who gives up frees no thread.
            let _place = place;
            // Where a name of the API server has no address, none of it is known.
            let api_server = self.names.iter().filter_map(|name| (self.lookup)(name).ok()).flatten();
            let api_server: Vec<IpAddr> = api_server.map(judge::carried).collect();
            let found = (self.lookup)(&name)?;
            for address in &found {
                if api_server.contains(&judge::carried(*address)) {
                    return Err(NotCalled::ApiServer.into());
                }
                self.address(*address, private)?;
            }
            if found.is_empty() { Err(Unresolved::Nowhere) } else { Ok(found) }
        });
        asked.await.map_err(|_| Unresolved::Nowhere)?
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("addresses", &self.addresses).field("names", &self.names).finish_non_exhaustive()
    }
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unresolved {
    /// To what is not called. Whoever looks for that finds it as the source.
    #[error("its name leads to what is not called")]
    NotCalled(#[from] NotCalled),
    /// The system says so.
    #[error("its name cannot be resolved")]
    Io(#[from] io::Error),
    /// To nothing.
    #[error("its name has no address")]
    Nowhere,
}

/// As the machine resolves names: its hosts file, its search domains, its name servers.
fn system(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// The guard as the connector's only source of addresses.
pub(super) struct Resolver {
    pub(super) guard: Guard,
    pub(super) private: PrivateAddresses,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolving = self.guard.clone().resolve(name.as_str().to_owned(), self.private);
        Box::pin(async move {
            let found = resolving.await?;
            // Port 0: that of the URL.
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}
