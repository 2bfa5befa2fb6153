//! The keys of applications' own issuers: made and moved on beside everything else, and handed to the next compilation,
//! which writes them where they are kept.

use compile::keys::schedule;
use crypto::SigningKey;

use super::{Done, Reconciler};
use crate::issuers::{Moved, move_on};

impl Reconciler {
    /// Looks at the keys, after a compilation or when something is due.
    pub(super) fn begin_issuers(&mut self) {
        let wall = (self.settings.clock)().as_second();
        self.issuers_due |= self.issuers_next.is_some_and(|next| next <= wall);
        let Some(compiled) = self.desired.compiled.as_ref().filter(|_| self.issuers_due && !self.issuers_busy) else {
            return;
        };
        let inputs = &self.world.inputs;
        let issuers = self.world.issuer_keys.to_look_at(&compiled.issuers, |issuer| {
            // Where nothing can be sealed, nothing can be kept.
            let provider = inputs.providers.get(&issuer.provider);
            let provider = provider.filter(|_| inputs.materials.contains_key(&issuer.provider))?;
            Some(schedule(&provider.spec.signing))
        });
        self.issuers_due = false;
        self.issuers_next = None;
        if issuers.is_empty() {
            return;
        }
        self.issuers_busy = true;
        self.tasks.push(Box::pin(async move {
            let moved = tokio::task::spawn_blocking(move || move_on(issuers, wall, &mut SigningKey::generate));
            Done::Issuers(match moved.await {
                Ok(Ok(moved)) => Some(moved),
                Ok(Err(error)) => {
                    tracing::error!("no key for an issuer can be made: {error}; this is tried again");
                    None
                }
                Err(_) => None,
            })
        }));
    }

    /// What came of it.
    pub(super) fn issuers_done(&mut self, moved: Option<Moved>) {
        self.issuers_busy = false;
        let Some(Moved { changed, next }) = moved else {
            let wall = (self.settings.clock)().as_second();
            self.issuers_next = Some(wall.saturating_add(60));
            return;
        };
        self.issuers_next = next;
        // Whoever leads by now may have made others.
        if !self.led {
            return;
        }
        self.stale |= !changed.is_empty();
        for (application, keys) in changed {
            self.world.issuer_keys.put(application, keys);
        }
    }
}
