//! What a handler may reach: one request, one catalog, one realm of it, and the ports. There is no other way to any.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use crypto::PasswordPool;
use http::StatusCode;
use http::request::Parts;
use oidc::catalog::Realm;
use oidc::discovery::Endpoint;
use oidc::ids::FamilyId;
use oidc::records::FamilyRecord;
use oidc::time::Time;
use store::{Store, StoreError};
use tokio::sync::Notify;

use crate::backchannel::PostToken;
use crate::client_keys::ClientKeyCache;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::metrics::Metrics;
use crate::negotiate::Wants;
use crate::places::Places;
use crate::snapshot::{Site, Snapshot};
use crate::throttle::Throttle;

/// What is shared by all requests and changes for none of them.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) passwords: Arc<PasswordPool>,
    pub(crate) throttle: Throttle,
    /// Places in the queue before the password threads.
    pub(crate) places: Arc<Places>,
    /// What clients publish.
    pub(crate) client_keys: ClientKeyCache,
    /// How applications are told of a logout.
    pub(crate) logout_tokens: Arc<dyn PostToken>,
    /// A session has ended: there may be somebody to tell.
    pub(crate) ended: Notify,
    pub(crate) metrics: Metrics,
}

/// One request. Cloning copies a pointer.
#[derive(Clone)]
pub(crate) struct Call(Arc<CallParts>);

/// The parts of a [`Call`].
pub(crate) struct CallParts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) site: Arc<Site>,
    /// What log and answer call this request; the error ID, if it comes to that.
    pub(crate) id: String,
    /// When it arrived.
    pub(crate) now: Time,
    /// Who sent it, as far as that can be told.
    pub(crate) address: IpAddr,
    /// In what form errors are wanted.
    pub(crate) wants: Wants,
}

impl Call {
    pub(crate) fn new(parts: CallParts) -> Self {
        Self(Arc::new(parts))
    }

    /// The realm that was called.
    pub(crate) fn realm(&self) -> &Realm {
        &self.site.realm
    }

    /// Its issuer identifier.
    pub(crate) fn issuer(&self) -> &str {
        self.site.realm.issuer.as_str()
    }

    /// The family of a token, if it names one and it is kept.
    pub(crate) async fn family(&self, named: Option<FamilyId>) -> Result<Option<FamilyRecord>, StoreError> {
        match named {
            Some(family) => self.shared.store.find_family(family).await,
            None => Ok(None),
        }
    }

    /// The path of an endpoint on the issuer's host, for a form's `action`.
    pub(crate) fn path(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.site.realm.issuer.path(), endpoint.path())
    }
}

impl Deref for Call {
    type Target = CallParts;

    fn deref(&self) -> &CallParts {
        &self.0
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("id", &self.id).field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}

impl<S: Sync> FromRequestParts<S> for Call {
    type Rejection = StatusCode;

    /// The application puts it there before it calls any handler.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, StatusCode> {
        parts.extensions.remove::<Self>().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
