//! The catalog that requests are answered from, and what the edge derives from it once instead of per request.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use oidc::catalog::{Catalog, Realm};

use crate::cookies::CookieNames;
use crate::cors::Origins;
use crate::pages::Style;

/// Where catalogs are handed over: the compiling side publishes, the server reads. Cloning copies a pointer.
///
/// A request takes the catalog once, when it arrives, and keeps it to its end. Publishing waits for no request, and no
/// request waits for publishing.
#[derive(Clone, Default)]
pub struct CatalogHandle(Arc<ArcSwapOption<Snapshot>>);

/// What [`CatalogHandle::publish`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// Requests that arrive from now on see the new catalog.
    Swapped,
    /// The catalog has the content of the one that is served; nothing changed.
    Unchanged,
}

impl CatalogHandle {
    /// A handle without a catalog: requests are answered 503 until the first is published.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves this catalog from now on. Call it from one place: of two calls at once either may win.
    pub fn publish(&self, catalog: Arc<Catalog>) -> Published {
        let current = self.current();
        if current.as_ref().is_some_and(|current| current.catalog.digest == catalog.digest) {
            return Published::Unchanged;
        }
        let snapshot = Snapshot::new(catalog, current.as_deref());
        tracing::info!(catalog.digest = %snapshot.catalog.digest, catalog.issuers = snapshot.sites.len(), "serving a new catalog");
        self.0.store(Some(Arc::new(snapshot)));
        Published::Swapped
    }

    /// The digest of the catalog that is served, if there is one.
    pub fn digest(&self) -> Option<String> {
        Some(self.current()?.catalog.digest.clone())
    }

    pub(crate) fn current(&self) -> Option<Arc<Snapshot>> {
        self.0.load_full()
    }
}

impl fmt::Debug for CatalogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CatalogHandle").field(&self.digest()).finish()
    }
}

/// One catalog with what was derived from it.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) catalog: Arc<Catalog>,
    sites: HashMap<String, Arc<Site>>,
}

/// A realm as the edge serves it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) realm: Arc<Realm>,
    pub(crate) cookies: CookieNames,
    pub(crate) origins: Origins,
    pub(crate) style: Style,
}

impl Snapshot {
    /// Derives what a realm needs, or takes it from the previous snapshot where the realm is the very same.
    fn new(catalog: Arc<Catalog>, previous: Option<&Self>) -> Self {
        let site = |realm: &Arc<Realm>| {
            let known = previous.and_then(|previous| previous.site(realm.issuer.host()));
            match known.filter(|site| Arc::ptr_eq(&site.realm, realm)) {
                Some(site) => Arc::clone(site),
                None => Arc::new(Site::new(Arc::clone(realm))),
            }
        };
        let sites = catalog.realms().map(|realm| (realm.issuer.host().to_owned(), site(realm))).collect();
        Self { catalog, sites }
    }

    /// What is served at this host, exactly.
    pub(crate) fn site(&self, host: &str) -> Option<&Arc<Site>> {
        self.sites.get(host)
    }
}

impl Site {
    fn new(realm: Arc<Realm>) -> Self {
        Self {
            cookies: CookieNames::new(&realm.issuer),
            origins: Origins::of(&realm),
            style: Style::new(&realm.issuer, &realm.primary_color),
            realm,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn nothing_is_served_before_the_first_catalog() {
        let handle = CatalogHandle::new();
        assert!(handle.current().is_none());
        assert_eq!(handle.digest(), None);
        assert_eq!(handle.publish(testing::catalog(vec![testing::realm()], "d1")), Published::Swapped);
        assert_eq!(handle.clone().digest().as_deref(), Some("d1"));
    }

    #[test]
    fn equal_content_is_not_swapped() {
        let handle = CatalogHandle::new();
        handle.publish(testing::catalog(vec![testing::realm()], "d1"));
        let before = handle.current().unwrap();
        assert_eq!(handle.publish(testing::catalog(vec![testing::realm()], "d1")), Published::Unchanged);
        assert!(Arc::ptr_eq(&before, &handle.current().unwrap()));
    }

    #[test]
    fn a_request_keeps_the_catalog_that_it_took() {
        let handle = CatalogHandle::new();
        handle.publish(testing::catalog(vec![testing::realm()], "d1"));
        let taken = handle.current().unwrap();
        handle.publish(testing::catalog(Vec::new(), "d2"));
        assert!(taken.site("id.example.com").is_some());
        assert!(handle.current().unwrap().site("id.example.com").is_none());
    }
}
