//! Records whose source is gone. Level-based, without finalizers, and with a brake.
//!
//! What a watch does not show may be merely unseen: a list from an old cache, a definition that was removed with all of its
//! objects and comes back in a minute. A record is deleted only after the API server itself has said, in a quorum read,
//! that its source does not exist: one by one, or, where much would go at once, by one complete list.

use std::collections::BTreeSet;

use api::{Kind, ObjectKey, RecordKind};
use compile::record::Subject;
use futures::StreamExt as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, Client, Error};
use oidc::ids::Uid;

use crate::apply::{objects, precisely, records};
use crate::desired::Desired;
use crate::world::{RecordId, World};

/// Whether so many are gone at once, and so large a part of all, that something else may be behind it.
pub(crate) const fn is_much(gone: usize, all: usize) -> bool {
    gone > 10 && gone * 5 > all
}

/// Items of a page.
const PAGE: u32 = 500;

/// Deletions at once.
const AT_ONCE: usize = 8;

/// A record that may have lost what it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    id: RecordId,
    /// UID of the record.
    uid: String,
    /// What must be gone: kind, name, UID.
    source: (Kind, ObjectKey, Uid),
}

/// The candidates, and whether there are so many that something else may be wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Garbage {
    candidates: Vec<Candidate>,
    many: bool,
}

impl Garbage {
    /// Looks through the records.
    pub(crate) fn of(world: &World, desired: &Desired) -> Self {
        let live = world.live();
        let mut candidates = Vec::new();
        for (id, found) in &world.records {
            if desired.is_unreserved(world, found) {
                // Looked at again once the provider's record says whose the name stays.
                continue;
            }
            let record = &found.record;
            let kind = match record.subject {
                Subject::Client => Kind::OidcApplication,
                Subject::User => Kind::OidcUser,
                Subject::Provider => continue,
            };
            let source = if !live.contains(&record.source_uid) {
                (kind, record.source.clone(), record.source_uid.clone())
            } else if id.kind == RecordKind::OidcUserRecord && !live.contains(&record.provider) {
                // A provider that was created again has another UID, and its people have records of that name.
                (Kind::OidcProvider, ObjectKey::new(&id.key.namespace, ""), record.provider.clone())
            } else {
                continue;
            };
            candidates.push(Candidate { id: id.clone(), uid: found.uid.clone(), source });
        }
        let many = is_much(candidates.len(), world.records.len());
        Self { candidates, many }
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// Where they are.
    #[cfg(test)]
    pub(crate) fn names(&self) -> Vec<ObjectKey> {
        self.candidates.iter().map(|one| one.id.key.clone()).collect()
    }

    /// Deletes what is confirmed to be garbage. Returns how many could not be confirmed.
    pub(crate) async fn collect(self, client: &Client) -> Result<usize, Error> {
        let Self { candidates, many } = self;
        if many {
            let count = candidates.len();
            tracing::warn!(
                count,
                "many objects are gone at once: their records go after a complete list has confirmed it"
            );
        }
        let mut kept = 0;
        for kind in [Kind::OidcApplication, Kind::OidcUser, Kind::OidcProvider] {
            let of_kind: Vec<_> = candidates.iter().filter(|one| one.source.0 == kind).cloned().collect();
            if of_kind.is_empty() {
                continue;
            }
            if !is_there_to_stay(client, kind).await? {
                kept += of_kind.len();
                continue;
            }
            let total = of_kind.len();
            let confirmed = if many || kind == Kind::OidcProvider {
                confirm_by_list(client, kind, of_kind).await?
            } else {
                confirm_each(client, of_kind).await?
            };
            kept += total - confirmed.len();
            let deletions = confirmed.into_iter().map(|one| async move {
                let api = records(client, one.id.kind, &one.id.key.namespace);
                match api.delete(&one.id.key.name, &precisely(&one.uid, None)).await {
                    Err(Error::Api(status)) if status.code == 404 => Ok(()),
                    answer => answer.map(drop),
                }
            });
            let answers: Vec<Result<(), Error>> =
                futures::stream::iter(deletions).buffer_unordered(AT_ONCE).collect().await;
            answers.into_iter().collect::<Result<(), Error>>()?;
        }
        Ok(kept)
    }
}

/// Whether the definition of a kind is there, and not being removed.
async fn is_there_to_stay(client: &Client, kind: Kind) -> Result<bool, Error> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = format!("{}.{}", kind.plural(), api::GROUP);
    match definitions.get_metadata_opt(&name).await {
        Ok(found) => Ok(found.is_some_and(|found| found.metadata.deletion_timestamp.is_none())),
        // Where the controller may not look at definitions, the answers about objects must do.
        Err(Error::Api(status)) if status.code == 403 => Ok(true),
        Err(error) => Err(error),
    }
}

async fn confirm_each(client: &Client, candidates: Vec<Candidate>) -> Result<Vec<Candidate>, Error> {
    let mut confirmed = Vec::new();
    for one in candidates {
        let (kind, key, uid) = &one.source;
        let gone = key.name.is_empty() || is_gone(client, *kind, key, uid).await?;
        if gone {
            confirmed.push(one);
        }
    }
    Ok(confirmed)
}

/// Whether the object does not exist, or is another one. Where there is no such kind, nothing is known.
async fn is_gone(client: &Client, kind: Kind, key: &ObjectKey, uid: &Uid) -> Result<bool, Error> {
    match objects(client, kind, &key.namespace).get(&key.name).await {
        Ok(found) => Ok(found.metadata.uid.as_deref() != Some(uid.as_str())),
        Err(Error::Api(status)) if status.code == 404 => {
            // A missing object is named in the answer; a missing kind is a page that was not found.
            Ok(status.details.as_ref().is_some_and(|details| details.name == key.name))
        }
        Err(error) => Err(error),
    }
}

async fn confirm_by_list(client: &Client, kind: Kind, candidates: Vec<Candidate>) -> Result<Vec<Candidate>, Error> {
    let namespaces: BTreeSet<&String> = candidates.iter().map(|one| &one.source.1.namespace).collect();
    let mut live = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    for namespace in namespaces {
        let api: Api<DynamicObject> = objects(client, kind, namespace);
        let mut page = ListParams { limit: Some(PAGE), ..ListParams::default() };
        loop {
            let list = match api.list_metadata(&page).await {
                Ok(list) => list,
                // No such kind: nobody can say what was deleted.
                Err(Error::Api(status)) if status.code == 404 => {
                    unknown.insert(namespace.clone());
                    break;
                }
                Err(error) => return Err(error),
            };
            live.extend(list.items.into_iter().filter_map(|object| object.metadata.uid));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page.continue_token = Some(token),
                None => break,
            }
        }
    }
    let is_gone = |one: &Candidate| !live.contains(one.source.2.as_str()) && !unknown.contains(&one.source.1.namespace);
    Ok(candidates.into_iter().filter(is_gone).collect())
}
