//! axum at the edge: sockets, hosts, routes, pages, sessions, limits and metrics around the protocol member.
//!
//! ```text
//! listen ─▶ app ─▶ dispatch ─▶ routes ─▶ flow / token / userinfo ─▶ reply · refusal · pages
//! (sockets,  │      (host,      (one file     load ▶ decide ▶ write ▶ render
//!  tls)      │       path)      per endpoint)    │
//!         snapshot                             store · throttle · passwords · client_keys
//!         (one catalog per request)
//! ```
//!
//! Reading order: [`CatalogHandle`] (snapshot) → [`App`] → `dispatch` → `routes` → `flow` → `pages`.
//!
//! - One request sees one catalog: a handler reaches it through its `Call` and in no other way.
//! - `clock` and `entropy` are the only readers of time and randomness, and both are ports.
//! - No lock is held across a wait, and nothing on the path of a request scans what grows with the catalog.
//! - The member knows no Kubernetes and no database: catalogs come in through a handle, the store through its trait.
//! - The internal port is apart from all this: `internal` says what it tells, `acknowledge` answers the controller, and
//!   `probes` is the same port for a process without a provider.

mod acknowledge;
mod address;
mod app;
mod audit;
mod backchannel;
mod body;
mod browser_state;
mod call;
mod cidr;
mod client_keys;
mod clock;
mod cookies;
mod cors;
mod dispatch;
mod entropy;
mod feed_metrics;
mod flow;
mod freshness;
mod headers;
mod housekeeping;
mod interaction;
mod internal;
mod listen;
mod loaded;
mod logout;
mod metrics;
#[cfg(test)]
mod mistakes;
mod negotiate;
mod open_metrics;
mod outbound;
mod pages;
mod password_check;
mod places;
mod probes;
mod refusal;
mod reply;
mod routes;
mod same_origin;
mod serve;
mod session;
mod snapshot;
#[cfg(test)]
mod testing;
mod throttle;
mod tls;
mod trouble;
mod until_sent;

pub use app::{App, Peer, Ports};
pub use backchannel::{PostToken, TokenPoster};
pub use cidr::{Cidr, CidrError};
pub use client_keys::{FetchError, FetchKeys, Fetched, KeyFetcher};
pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, SystemEntropy};
pub use freshness::Freshness;
pub use loaded::LoadedHandle;
pub use open_metrics::ExtraMetrics;
pub use outbound::{CallError, NotCalled, Outbound};
pub use probes::{Probes, serve_probes};
pub use serve::{Options, ServeError, Server, serve};
pub use snapshot::{CatalogHandle, Published};
pub use tls::{TlsError, TlsFiles};
