//! What the controller has written, as it finds it.

use std::collections::{BTreeMap, BTreeSet};

use api::{ObjectKey, OidcClientRecordSpec, OidcUserRecordSpec};
use compile::credentials::{APPLICATION_UID_LABEL, EPOCH_ANNOTATION};
use compile::inputs::Holdings;
use compile::logins::SealedLogins;
use compile::names::Names;
use compile::record::{ClaimsAt, KnownPassword, Record, Subject};
use compile::rotation::{Rotation, Rotations};
use crypto::Secret;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::DynamicObject;
use oidc::ids::Uid;
use oidc::uri::Issuer;
use serde::Deserialize;
use serde_json::Value;

use crate::decode::{key, version};
use crate::names::{CREDENTIALS_MANAGER, recorded_provider};

/// A record in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObservedRecord {
    /// UID of the record itself.
    pub(crate) uid: String,
    /// Its resource version.
    pub(crate) version: u128,
    /// What it says; its MAC was not looked at.
    pub(crate) record: Record,
    /// What the controller needs of it.
    pub(crate) noted: Noted,
}

/// What a controller wrote down for the next one. Read without a look at the MAC: with a lost server key no MAC holds, and
/// a counter that somebody could set back, who may write records, is no reason to change the secret of every application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Noted {
    /// Of a client: where its client secret stands.
    #[serde(default)]
    secrets: Option<Rotation>,
    /// Of a client: the same of each account.
    #[serde(default)]
    account_secrets: BTreeMap<String, Rotation>,
    /// Of a client: the highest epoch of any account that is gone.
    #[serde(default)]
    spent_epoch: u64,
    /// Of a user: the last change of their claims.
    #[serde(default)]
    pub(crate) claims: Option<ClaimsAt>,
    /// Of a user: under which of their logins they stand.
    #[serde(default)]
    pub(crate) logins: Option<SealedLogins>,
    /// Of a user: the Secret that the hash was made from.
    #[serde(default)]
    pub(crate) password_source: Option<KnownPassword>,
    /// Of a provider: the fingerprints of its seed.
    #[serde(default)]
    pub(crate) seeds: BTreeMap<u32, String>,
    /// Of a provider: its table of names.
    #[serde(default)]
    pub(crate) names: Names,
    /// Of a client: the ID that it chose.
    #[serde(rename = "clientID", default)]
    pub(crate) client_id: Option<String>,
    /// Of a client: the issuer of its own.
    #[serde(default)]
    issuer: Option<NotedIssuer>,
    /// Of a user: their names.
    #[serde(default)]
    account: Option<NotedAccount>,
    /// Of a provider: its issuer.
    #[serde(default)]
    realm: Option<NotedRealm>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct NotedAccount {
    subject: String,
    username: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct NotedIssuer {
    url: String,
    keys: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct NotedRealm {
    issuer: String,
}

impl Noted {
    /// Of a client: the names that stand in its record and nowhere else.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let issuer = self.issuer.as_ref().map(|issuer| issuer.url.as_str());
        self.client_id.as_deref().into_iter().chain(issuer)
    }

    /// Of a client: where its client secrets stand.
    pub(crate) fn rotations(&self) -> Option<Rotations> {
        let own = self.secrets.clone()?;
        Some(Rotations { own, accounts: self.account_secrets.clone(), spent: self.spent_epoch })
    }

    /// The same, but for where the client secrets and the logins stand.
    pub(crate) fn without_what_moves(&self) -> Self {
        Self { secrets: None, account_secrets: BTreeMap::new(), spent_epoch: 0, logins: None, ..self.clone() }
    }

    /// Of a client: whether there are keys in it.
    pub(crate) fn has_keys(&self) -> bool {
        self.issuer.as_ref().is_some_and(|issuer| !issuer.keys.is_empty())
    }

    /// The names that its source has.
    pub(crate) fn hold(&self, holdings: &mut Holdings) {
        holdings.identifiers.extend(self.names().map(str::to_owned));
        if let Some(NotedAccount { subject, username }) = &self.account {
            holdings.identifiers.insert(subject.clone());
            holdings.username = Some(username.clone());
        }
        let issuer = self.realm.as_ref().map(|realm| &realm.issuer).or(self.issuer.as_ref().map(|issuer| &issuer.url));
        let issuer = issuer.and_then(|issuer| Issuer::parse(issuer).ok());
        holdings.issuer_host = issuer.map(|issuer| issuer.host().to_owned()).or(holdings.issuer_host.take());
    }
}

impl ObservedRecord {
    pub(crate) fn new(uid: Option<String>, version: u128, record: Record) -> Self {
        let noted = serde_json::from_str(&record.payload).unwrap_or_default();
        Self { uid: uid.unwrap_or_default(), version, record, noted }
    }

    /// From an OidcClientRecord.
    pub(crate) fn of_client(object: DynamicObject) -> Self {
        Self::of::<OidcClientRecordSpec>(object, Subject::Client, |spec| Record::from(spec))
    }

    /// From an OidcUserRecord.
    pub(crate) fn of_user(object: DynamicObject) -> Self {
        Self::of::<OidcUserRecordSpec>(object, Subject::User, |spec| Record::from(spec))
    }

    /// One that cannot be read is an empty one: it is written anew like any other that is not as it should be.
    fn of<S: serde::de::DeserializeOwned>(object: DynamicObject, subject: Subject, read: fn(&S) -> Record) -> Self {
        let (uid, version) = (object.metadata.uid.clone(), version(&object));
        let spec = object.data.get("spec").cloned().unwrap_or(Value::Null);
        let record = serde_json::from_value(spec).map_or_else(|_| empty(subject), |spec| read(&spec));
        Self::new(uid, version, record)
    }

    /// From the ConfigMap of a provider.
    pub(crate) fn of_provider(object: core::ConfigMap) -> Self {
        let (key, version, uid) = (key(&object), version(&object), object.metadata.uid.clone());
        let data = object.data.unwrap_or_default();
        let text = |name: &str| data.get(name).cloned().unwrap_or_default();
        let provider = Uid::new(text(PROVIDER_UID));
        let record = Record {
            subject: Subject::Provider,
            format: text(RECORD_FORMAT).parse().unwrap_or_default(),
            source_uid: provider.clone(),
            provider,
            source: recorded_provider(&key).unwrap_or(key),
            payload: text(PAYLOAD),
            mac: text(MAC),
        };
        Self::new(uid, version, record)
    }
}

const RECORD_FORMAT: &str = "recordFormat";
const PROVIDER_UID: &str = "providerUID";
const PAYLOAD: &str = "payload";
const MAC: &str = "mac";

/// The data of the ConfigMap that is a provider's record.
pub(crate) fn provider_record_data(record: &Record) -> BTreeMap<String, String> {
    let Record { subject: _, format, provider, source: _, source_uid: _, payload, mac } = record;
    [
        (RECORD_FORMAT, format.to_string()),
        (PROVIDER_UID, provider.to_string()),
        (PAYLOAD, payload.clone()),
        (MAC, mac.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn empty(subject: Subject) -> Record {
    Record {
        subject,
        format: 0,
        provider: Uid::new(""),
        source: ObjectKey::new("", ""),
        source_uid: Uid::new(""),
        payload: String::new(),
        mac: String::new(),
    }
}

/// A Secret, of a type that is ours to read.
#[derive(Clone, Debug)]
pub(crate) struct ObservedSecret {
    /// Its UID.
    pub(crate) uid: String,
    /// Its resource version.
    pub(crate) version: u128,
    /// Its type.
    pub(crate) type_: String,
    /// Labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Content.
    pub(crate) data: BTreeMap<String, Secret<Vec<u8>>>,
    /// Owners.
    pub(crate) owners: Vec<OwnerReference>,
    /// Keys that were written by the manager of credentials; so with the next two.
    pub(crate) own_keys: BTreeSet<String>,
    /// Labels.
    pub(crate) own_labels: BTreeSet<String>,
    /// Annotations.
    pub(crate) own_annotations: BTreeSet<String>,
    /// Other managers that keep applying something of its data, with the keys.
    pub(crate) appliers: BTreeMap<String, BTreeSet<String>>,
}

impl ObservedSecret {
    /// From the API's type.
    pub(crate) fn of(object: core::Secret) -> Self {
        let version = version(&object);
        let core::Secret { metadata, data, type_, .. } = object;
        let (mut own_keys, mut own_labels, mut own_annotations) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut appliers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entry in metadata.managed_fields.unwrap_or_default() {
            let manager = entry.manager.clone().unwrap_or_default();
            let fields = |path: &str| {
                let fields =
                    entry.fields_v1.as_ref().and_then(|fields| fields.0.pointer(path)).and_then(Value::as_object);
                let names = fields.into_iter().flatten();
                names.filter_map(|(name, _)| name.strip_prefix("f:").map(str::to_owned)).collect::<Vec<_>>()
            };
            let keys = fields("/f:data");
            if manager == CREDENTIALS_MANAGER {
                own_keys.extend(keys);
                own_labels.extend(fields("/f:metadata/f:labels"));
                own_annotations.extend(fields("/f:metadata/f:annotations"));
            } else if entry.operation.as_deref() == Some("Apply") {
                appliers.entry(manager).or_default().extend(keys);
            }
        }
        let data = data.unwrap_or_default().into_iter().map(|(name, octets)| (name, Secret::new(octets.0)));
        Self {
            uid: metadata.uid.unwrap_or_default(),
            version,
            type_: type_.unwrap_or_else(|| "Opaque".to_owned()),
            labels: metadata.labels.unwrap_or_default(),
            annotations: metadata.annotations.unwrap_or_default(),
            data: data.collect(),
            owners: metadata.owner_references.unwrap_or_default(),
            own_keys,
            own_labels,
            own_annotations,
            appliers,
        }
    }

    /// The application that it was written for.
    pub(crate) fn application(&self) -> Option<Uid> {
        self.labels.get(APPLICATION_UID_LABEL).map(|uid| Uid::new(uid.clone()))
    }

    /// The epoch of the secrets inside.
    pub(crate) fn epoch(&self) -> Option<u64> {
        // Whoever owns the namespace can write here what they like; from the top there would be no way further.
        self.annotations.get(EPOCH_ANNOTATION)?.parse().ok().filter(|epoch| *epoch < u64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use compile::Epoch;
    use serde_json::json;

    use super::*;

    #[test]
    fn managers_are_told_apart() {
        let entry = |manager: &str, operation: &str, keys: Value| {
            json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:data": keys, "f:type": {}}})
        };
        let secret = json!({
            "metadata": {"name": "s", "namespace": "n", "uid": "u", "resourceVersion": "7", "managedFields": [
                entry("portcullis-credentials", "Update", json!({".": {}, "f:A": {}, "f:OLD": {}})),
                entry("portcullis-credentials", "Apply", json!({"f:A": {}})),
                entry("kubectl-edit", "Update", json!({"f:A": {}})),
                entry("argocd", "Apply", json!({"f:A": {}})),
            ]},
            "data": {"A": "YQ=="}, "type": "portcullis.dev/client-credentials",
        });
        let observed = ObservedSecret::of(serde_json::from_value(secret).unwrap());
        assert_eq!(observed.own_keys, ["A", "OLD"].map(str::to_owned).into());
        assert_eq!(observed.appliers, [("argocd".to_owned(), ["A".to_owned()].into())].into());
        assert!(observed.data["A"].verify(b"a"));
        assert_eq!(observed.version, 7);
    }

    #[test]
    fn what_was_noted_is_found_and_garbage_is_nothing() {
        let record = |payload: &str| Record { payload: payload.to_owned(), ..empty(Subject::Client) };
        let observed = ObservedRecord::new(None, 1, record(r#"{"client":null,"secrets":{"generation":2,"epoch":9}}"#));
        let first = Rotation::begin(Epoch { generation: 2, epoch: 9 });
        let rotations = Rotations { own: first, accounts: BTreeMap::new(), spent: 0 };
        assert_eq!(observed.noted.rotations(), Some(rotations));
        assert_eq!(ObservedRecord::new(None, 1, record("?")).noted, Noted::default());
    }
}
