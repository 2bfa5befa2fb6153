//! What has been loaded: the feed of the catalogs says it here, and the internal port repeats it.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use oidc::acknowledge::Loaded;

/// What the catalogs were made from. Cloning copies a pointer.
///
/// Whoever publishes catalogs sets it, and always *after* the catalog was published: what is said here is believed to be
/// served.
#[derive(Clone, Default)]
pub struct LoadedHandle(Arc<ArcSwapOption<Loaded>>);

impl LoadedHandle {
    /// A handle that says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says this from now on. Call it from one place: of two calls at once either may win.
    pub fn set(&self, loaded: Loaded) {
        self.0.store(Some(Arc::new(loaded)));
    }

    /// What was said last.
    pub fn get(&self) -> Option<Arc<Loaded>> {
        self.0.load_full()
    }
}

impl fmt::Debug for LoadedHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LoadedHandle").field(&self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_last_word_counts_in_every_clone() {
        let handle = LoadedHandle::new();
        let reader = handle.clone();
        assert_eq!(reader.get(), None);
        for digest in ["d1", "d2"] {
            handle.set(testing::loaded(digest));
            assert_eq!(reader.get().as_deref(), Some(&testing::loaded(digest)));
        }
    }
}
