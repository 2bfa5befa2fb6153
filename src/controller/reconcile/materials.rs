//! Key material: made, moved on, and kept before it is used.

use std::time::Instant;

use api::ObjectKey;
use crypto::SigningKey;

use super::{Done, Reconciler};
use crate::apply::{Written, write_keys};
use crate::failure::{Failure, TIMEOUT, answer, spread};
use crate::material::Due;

impl Reconciler {
    /// Looks at the key material of providers where something has changed or is due.
    pub(super) fn begin_materials(&mut self) {
        let now = Instant::now();
        let wall = (self.settings.clock)().as_second();
        let timed = self.keys.iter().filter(|(_, keys)| {
            keys.next.is_some_and(|next| next <= wall)
                || keys.failures > 0 && keys.not_before.is_some_and(|at| at <= now)
        });
        let timed: Vec<ObjectKey> = timed.map(|(key, _)| key.clone()).collect();
        self.keys_due.extend(timed);
        let due: Vec<ObjectKey> = self.keys_due.iter().filter(|key| !self.keys_busy.contains(*key)).cloned().collect();
        for provider in due {
            let keys = self.keys.entry(provider.clone()).or_default();
            if keys.not_before.is_some_and(|at| at > now) {
                continue;
            }
            keys.next = None;
            self.keys_due.remove(&provider);
            self.begin_material(provider, wall);
        }
    }

    fn begin_material(&mut self, provider: ObjectKey, wall: i64) {
        let Some(object) = self.world.inputs.providers.get(&provider) else {
            self.keys.remove(&provider);
            self.world.lost.remove(&provider);
            return;
        };
        let Some(uid) = object.metadata.uid.clone() else { return };
        let signing = object.spec.signing.clone();
        let material = self.world.materials.get(&provider).cloned().unwrap_or_default();
        let (remembered, used) = self.world.remembered(&provider);
        self.keys_busy.insert(provider.clone());
        let client = self.client.clone();
        self.tasks.push(Box::pin(async move {
            // An RSA key takes a while to be found.
            let looked = tokio::task::spawn_blocking(move || {
                material.due(&signing, &remembered, used, wall, &mut SigningKey::generate)
            });
            let due = looked.await.unwrap_or_else(|_| Due {
                lost: Some("looking at the key material has failed unexpectedly: the log says where".to_owned()),
                ..Due::default()
            });
            let written = match &due.write {
                Some(write) => Some(answer(TIMEOUT, write_keys(&client, &provider, &uid, write)).await),
                None => None,
            };
            Done::Material(provider, due, written)
        }));
    }

    /// What came of it.
    pub(super) fn material_done(&mut self, provider: ObjectKey, due: Due, written: Option<Result<Written, Failure>>) {
        self.keys_busy.remove(&provider);
        let unwritten = match &written {
            Some(Err(failure)) => Some(format!("its key material cannot be written: {failure}")),
            Some(Ok(_)) | None => None,
        };
        let lost = due.lost.or(unwritten);
        let before = match &lost {
            Some(lost) => self.world.lost.insert(provider.clone(), lost.clone()),
            None => self.world.lost.remove(&provider),
        };
        if before != lost {
            if let Some(lost) = &lost {
                tracing::error!("OidcProvider {provider}: {lost}");
            }
            // Its applications wait for it, and now know for what.
            self.look_at_everything(crate::queue::Urgency::Edit);
        }
        let keys = self.keys.entry(provider.clone()).or_default();
        keys.next = due.next;
        match written {
            None => {
                keys.failures = 0;
                keys.not_before = None;
            }
            Some(Ok(written)) => {
                keys.failures = 0;
                keys.not_before = None;
                let type_ = due.write.map_or("key material", |write| write.type_.as_str());
                tracing::info!("OidcProvider {provider}: wrote its Secret of type {type_}");
                self.keys_due.insert(provider);
                if let Some((what, object)) = written {
                    let touched = self.world.wrote(what, object);
                    self.touch(touched);
                }
            }
            Some(Err(failure)) => {
                let pause = failure.pause(keys.failures, spread(&provider.name));
                keys.failures += 1;
                keys.not_before = Some(Instant::now() + pause);
                self.keys_due.insert(provider);
            }
        }
    }
}
