//! Manifests from YAML, and the world that they describe.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use api::{Kind, ObjectKey};
use compile::inputs::{CLIENT_SECRET_INPUT_TYPE, USER_PASSWORD_TYPE};
use compile::{Inputs, Mode, Object, ProviderMaterial, SecretInput, UserPassword, admit};
use crypto::{Algorithm, KeyRing, KeyState, PasswordHash, RingKey, Secret, Seeds, ServerKeys, SigningKey};
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// A folder below `tests/compile` of the repository.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/compile").join(name)
}

/// The YAML files of such a folder, by name.
pub(crate) fn files(name: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder(name)).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The documents of a YAML stream, each in namespace `default` unless it says otherwise.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let mut documents: Vec<Value> = serde_yaml::from_multiple(text).unwrap();
    for document in &mut documents {
        if document["kind"] != "Namespace" && document["metadata"]["namespace"].is_null() {
            document["metadata"]["namespace"] = "default".into();
        }
    }
    documents
}

/// Inputs without objects. The provider namespace is `identity`.
pub(crate) fn empty(mode: Mode) -> Inputs {
    Inputs::empty("identity", mode)
}

/// Adds an admitted object as if it were the `position`th that was ever created.
pub(crate) fn add(inputs: &mut Inputs, document: &Value, position: usize) {
    let mut object = admit(document.clone()).unwrap_or_else(|errors| panic!("{errors:#?}\n{document:#}"));
    let kind = object.kind().to_owned();
    let Some(metadata) = object.metadata_mut() else { panic!("{document:#} is of no use") };
    let key = ObjectKey::new(metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap());
    if inputs.mode != Mode::Check {
        let given = |field: &str| document["metadata"][field].as_str().map(str::to_owned);
        let uid = given("uid").unwrap_or_else(|| format!("{kind}-{}-{}", key.namespace, key.name).to_lowercase());
        let created = given("creationTimestamp").map_or_else(
            || Timestamp::from_second(1_767_225_600 + i64::try_from(position).unwrap()).unwrap(),
            |time| time.parse().unwrap(),
        );
        metadata.uid = Some(uid);
        metadata.creation_timestamp = Some(Time(created));
        metadata.generation = document["metadata"]["generation"].as_i64().or(Some(1));
    }
    match object {
        Object::Provider(object) => drop(inputs.providers.insert(key, object)),
        Object::Application(object) => drop(inputs.applications.insert(key, object)),
        Object::User(object) => drop(inputs.users.insert(key, object)),
        Object::Group(object) => drop(inputs.groups.insert(key, object)),
        Object::Resource(object) => drop(inputs.resources.insert(key, object)),
        Object::Secret(secret) => drop(inputs.secrets.insert(key, secret_input(&secret))),
        Object::Namespace(object) => {
            drop(inputs.namespaces.insert(key.name, object.metadata.labels.unwrap_or_default()));
        }
        Object::Other { .. } => panic!("{document:#} is of no use"),
    }
}

/// A Secret as its reader reduces it; a password counts as being hashed.
fn secret_input(secret: &KubeSecret) -> SecretInput {
    let data = secret.data.clone().unwrap_or_default();
    let text = |key: &str| data.get(key).map(|bytes| String::from_utf8(bytes.0.clone()).unwrap());
    match secret.type_.as_deref().unwrap_or("Opaque") {
        USER_PASSWORD_TYPE => SecretInput::UserPassword(match (text("hash"), text("password")) {
            (Some(hash), _) => match PasswordHash::parse(&hash) {
                Ok(hash) => UserPassword::Hash(hash),
                Err(error) => UserPassword::Unsupported(error.to_string()),
            },
            (None, Some(_)) => UserPassword::Pending,
            (None, None) => UserPassword::Missing,
        }),
        CLIENT_SECRET_INPUT_TYPE => {
            SecretInput::ClientSecretInput(data.into_iter().map(|(key, bytes)| (key, Secret::new(bytes.0))).collect())
        }
        other => SecretInput::WrongType(other.to_owned()),
    }
}

/// A signing key, one for all tests: some take long to make.
fn signing_key(algorithm: Algorithm) -> SigningKey {
    static KEYS: Mutex<BTreeMap<Algorithm, SigningKey>> = Mutex::new(BTreeMap::new());
    let mut keys = KEYS.lock().unwrap();
    keys.entry(algorithm).or_insert_with(|| SigningKey::generate(algorithm).unwrap()).clone()
}

/// Key material with a fixed seed and an active key of each algorithm.
pub(crate) fn material(algorithms: &[Algorithm]) -> ProviderMaterial {
    let ring = algorithms.iter().map(|algorithm| RingKey {
        key: signing_key(*algorithm),
        state: KeyState::Active,
        since: 1_767_225_600,
        trigger: String::new(),
    });
    ProviderMaterial {
        seeds: Seeds::new(BTreeMap::from([(1, Secret::new([7; 32]))])).unwrap(),
        server_keys: ServerKeys::new(BTreeMap::from([("k1".to_owned(), Secret::new([9; 32]))]), "k1".to_owned())
            .unwrap(),
        signing: KeyRing::new(ring.collect()).unwrap(),
    }
}

/// Material for every provider, with keys for the algorithms that it lists.
pub(crate) fn equip(inputs: &mut Inputs) {
    for (key, provider) in &inputs.providers {
        let algorithms: Vec<Algorithm> =
            provider.spec.signing.algorithms.iter().map(|algorithm| algorithm.as_str().parse().unwrap()).collect();
        inputs.materials.insert(key.clone(), material(&algorithms));
    }
}

/// The world of a YAML stream, with material.
pub(crate) fn world(mode: Mode, text: &str) -> Inputs {
    let mut inputs = empty(mode);
    for (position, document) in documents(text).iter().enumerate() {
        add(&mut inputs, document, position);
    }
    if mode != Mode::Check {
        equip(&mut inputs);
    }
    inputs
}

/// An object's key.
pub(crate) fn key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(namespace, name)
}

/// The reference of an object.
pub(crate) fn object(kind: Kind, namespace: &str, name: &str) -> compile::ObjectRef {
    compile::ObjectRef::new(kind, key(namespace, name))
}
