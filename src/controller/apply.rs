//! Writes, each as one request, and what came of it.
//!
//! | what | how | so that |
//! |---|---|---|
//! | records | POST, then server-side apply with the version that is known | whoever sees less than there is sets nothing back |
//! | statuses | server-side apply, forced: nobody else owns anything there | the same content twice is one version |
//! | a Secret, first | POST | a Secret that exists is never taken over |
//! | a Secret, later | server-side apply with its UID | another one of its name is left alone |
//! | parts of a Secret that go | merge patch with its UID and version | they go, whoever else has written them |
//! | keys that are replaced | PUT with the version that was read | two writers cannot both win |
//! | deletions | with UID and version | what has changed meanwhile stays |

use api::{Kind, ObjectKey, OidcClientRecordSpec, OidcUserRecordSpec, RecordKind};
use compile::inputs::CLIENT_CREDENTIALS_TYPE;
use compile::record::Record;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::DynamicObject;
use kube::{Api, Client, Error};
use serde_json::{Value, json};

use crate::decode::{key, version};
use crate::material::KeyWrite;
use crate::names::{
    CREDENTIALS_MANAGER, KEYS_MANAGER, RECORD_LABEL, RECORDS_MANAGER, STATUS_MANAGER, owner, provider_record,
    with_suffix,
};
use crate::observed::{ObservedSecret, provider_record_data};
use crate::plan::{SecretBody, Trimmings, Write};
use crate::source::{Item, SecretType, What, resource};
use crate::tracker::Object;
use crate::world::RecordId;

/// What there is after a write, if it is known.
pub(crate) type Written = Option<(What, Object<Item>)>;

/// Does a write.
pub(crate) async fn apply(client: &Client, write: &Write) -> Result<Written, Error> {
    match write {
        Write::PutRecord(id, record, known) => put_record(client, id, record, known.as_ref()).await.map(Some),
        Write::DeleteRecord(id, uid) => {
            let params = precisely(uid, None);
            gone(records(client, id.kind, &id.key.namespace).delete(&id.key.name, &params).await.map(drop))
        }
        Write::PutProviderRecord(provider, record) => put_provider_record(client, provider, record).await.map(Some),
        Write::CreateSecret(key, body) => {
            let params = PostParams { field_manager: Some(CREDENTIALS_MANAGER.to_owned()), ..PostParams::default() };
            let secret = secrets(client, key).create(&params, &credentials(key, body, None)).await?;
            Ok(Some(seen_secret(SecretType::Credentials, secret)))
        }
        Write::ApplySecret(key, body, uid) => {
            let params = PatchParams::apply(CREDENTIALS_MANAGER).force();
            let mut patch = json!(credentials(key, body, Some(uid)));
            if let Some(patch) = patch.as_object_mut() {
                patch.insert("apiVersion".to_owned(), "v1".into());
                patch.insert("kind".to_owned(), "Secret".into());
            }
            let secret = secrets(client, key).patch(&key.name, &params, &Patch::Apply(patch)).await?;
            Ok(Some(seen_secret(SecretType::Credentials, secret)))
        }
        Write::Trim(key, trimmings) => {
            let params = PatchParams { field_manager: Some(CREDENTIALS_MANAGER.to_owned()), ..PatchParams::default() };
            let patch = Patch::Merge(trimming(trimmings));
            let secret = secrets(client, key).patch(&key.name, &params, &patch).await?;
            Ok(Some(seen_secret(SecretType::Credentials, secret)))
        }
        Write::DeleteSecret(key, uid, version) => {
            gone(secrets(client, key).delete(&key.name, &precisely(uid, Some(*version))).await.map(drop))
        }
        Write::PutStatus(object, _, patch, _) => {
            let api = objects(client, object.kind, &object.key.namespace);
            let params = PatchParams::apply(STATUS_MANAGER).force();
            let written = api.patch_status(&object.key.name, &params, patch).await?;
            Ok(Some(seen_object(object.kind, written)))
        }
    }
}

/// Writes key material of a provider. The signing keys go with it; seed and server key stay, whatever becomes of it.
pub(crate) async fn write_keys(
    client: &Client,
    provider: &ObjectKey,
    uid: &str,
    write: &KeyWrite,
) -> Result<Written, Error> {
    let (suffix, owned) = match write.type_ {
        SecretType::Seed => (compile::keys::SEED_SUFFIX, false),
        SecretType::ServerKey => (compile::keys::SERVER_KEY_SUFFIX, false),
        SecretType::SigningKeys => (compile::keys::SIGNING_KEYS_SUFFIX, true),
        SecretType::Credentials | SecretType::ClientSecretInput | SecretType::UserPassword => return Ok(None),
    };
    let key = with_suffix(provider, suffix);
    let data = write.data.iter().map(|(name, octets)| (name.clone(), ByteString(octets.expose().clone())));
    let mut secret = Secret {
        metadata: ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            annotations: Some(write.annotations.clone()).filter(|annotations| !annotations.is_empty()),
            owner_references: owned.then(|| vec![owner(Kind::OidcProvider, provider, uid)]),
            ..ObjectMeta::default()
        },
        type_: Some(write.type_.as_str().to_owned()),
        data: Some(data.collect()),
        ..Secret::default()
    };
    let params = PostParams { field_manager: Some(KEYS_MANAGER.to_owned()), ..PostParams::default() };
    let api = secrets(client, &key);
    let written = match &write.replaces {
        None => api.create(&params, &secret).await?,
        Some((uid, version)) => {
            secret.metadata.uid = Some(uid.clone());
            secret.metadata.resource_version = Some(version.to_string());
            api.replace(&key.name, &params, &secret).await?
        }
    };
    Ok(Some(seen_secret(write.type_, written)))
}

/// The Secret as it is, of whatever type.
pub(crate) async fn find_secret(client: &Client, key: &ObjectKey) -> Result<Option<ObservedSecret>, Error> {
    Ok(secrets(client, key).get_opt(&key.name).await?.map(ObservedSecret::of))
}

/// What is thought to be absent is created, and what is known is replaced in the version that is known: whoever sees less
/// than there is does not set a counter back.
async fn put_record(
    client: &Client,
    id: &RecordId,
    record: &Record,
    known: Option<&(String, u128)>,
) -> Result<(What, Object<Item>), Error> {
    let spec = match id.kind {
        RecordKind::OidcClientRecord => json!(OidcClientRecordSpec::from(record.clone())),
        RecordKind::OidcUserRecord => json!(OidcUserRecordSpec::from(record.clone())),
    };
    let mut object = json!({
        "apiVersion": Kind::api_version(), "kind": id.kind.as_str(),
        "metadata": {"name": id.key.name, "namespace": id.key.namespace}, "spec": spec,
    });
    let api = records(client, id.kind, &id.key.namespace);
    let written = match known {
        None => {
            let params = PostParams { field_manager: Some(RECORDS_MANAGER.to_owned()), ..PostParams::default() };
            let object: DynamicObject = serde_json::from_value(object).map_err(Error::SerdeError)?;
            api.create(&params, &object).await?
        }
        Some((uid, version)) => {
            if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
                metadata.insert("uid".to_owned(), uid.as_str().into());
                metadata.insert("resourceVersion".to_owned(), version.to_string().into());
            }
            api.patch(&id.key.name, &PatchParams::apply(RECORDS_MANAGER).force(), &Patch::Apply(object)).await?
        }
    };
    let (key, version) = (key(&written), version(&written));
    Ok((What::Records(id.kind), Object { key, version, value: Item::record(id.kind)(written) }))
}

async fn put_provider_record(
    client: &Client,
    provider: &ObjectKey,
    record: &Record,
) -> Result<(What, Object<Item>), Error> {
    let name = provider_record(provider);
    let patch = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": name.name, "namespace": name.namespace, "labels": {RECORD_LABEL: provider.name},
            "ownerReferences": [owner(Kind::OidcProvider, provider, record.source_uid.as_str())],
        },
        "data": provider_record_data(record),
    }));
    let params = PatchParams::apply(RECORDS_MANAGER).force();
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), &name.namespace);
    let written = api.patch(&name.name, &params, &patch).await?;
    let (key, version) = (key(&written), version(&written));
    Ok((What::ProviderRecords, Object { key, version, value: Item::provider_record(written) }))
}

fn credentials(key: &ObjectKey, body: &SecretBody, uid: Option<&String>) -> Secret {
    let SecretBody { secret, owner } = body;
    let data = secret.data.iter().map(|(name, value)| (name.clone(), ByteString(value.expose().as_bytes().to_vec())));
    Secret {
        metadata: ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            uid: uid.cloned(),
            labels: Some(secret.labels.clone()),
            annotations: Some(crate::plan::annotations(secret)),
            owner_references: owner.clone().map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        type_: Some(CLIENT_CREDENTIALS_TYPE.to_owned()),
        data: Some(data.collect()),
        ..Secret::default()
    }
}

/// RFC 7396: what is null goes, and a list is replaced.
fn trimming(trimmings: &Trimmings) -> Value {
    let Trimmings { keys, labels, annotations, owners, uid, version } = trimmings;
    let nothing = |names: &[String]| names.iter().map(|name| (name.clone(), Value::Null)).collect::<Value>();
    let mut metadata = json!({
        "uid": uid, "resourceVersion": version.to_string(), "labels": nothing(labels), "annotations": nothing(annotations),
    });
    if let (Some(owners), Some(metadata)) = (owners, metadata.as_object_mut()) {
        metadata.insert("ownerReferences".to_owned(), json!(owners));
    }
    json!({"metadata": metadata, "data": nothing(keys)})
}

fn seen_secret(type_: SecretType, secret: Secret) -> (What, Object<Item>) {
    let (key, version) = (key(&secret), version(&secret));
    (What::Secrets(type_), Object { key, version, value: Item::secret(secret) })
}

fn seen_object(kind: Kind, object: DynamicObject) -> (What, Object<Item>) {
    let (key, version) = (key(&object), version(&object));
    (What::Kind(kind), Object { key, version, value: Item::of(kind)(object) })
}

/// What is deleted is told by the watch; what is gone already is as good.
fn gone(answer: Result<(), Error>) -> Result<Written, Error> {
    match answer {
        Ok(()) => Ok(None),
        Err(Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn precisely(uid: &str, version: Option<u128>) -> DeleteParams {
    let preconditions =
        Preconditions { uid: Some(uid.to_owned()), resource_version: version.map(|version| version.to_string()) };
    DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }
}

fn secrets(client: &Client, key: &ObjectKey) -> Api<Secret> {
    Api::namespaced(client.clone(), &key.namespace)
}

/// The records of a kind in a namespace.
pub(crate) fn records(client: &Client, kind: RecordKind, namespace: &str) -> Api<DynamicObject> {
    dynamic(client, kind.as_str(), kind.plural(), namespace)
}

/// The objects of a kind in a namespace.
pub(crate) fn objects(client: &Client, kind: Kind, namespace: &str) -> Api<DynamicObject> {
    dynamic(client, kind.as_str(), kind.plural(), namespace)
}

fn dynamic(client: &Client, kind: &str, plural: &str, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource(kind, plural))
}
