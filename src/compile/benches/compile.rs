//! How long a compilation of 10,000 applications and 100,000 users takes: `cargo bench -p compile --bench compile`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a program for people, on inputs of its own making"
)]

use std::collections::BTreeMap;
use std::time::Instant;

use api::ObjectKey;
use compile::{Inputs, Mode, Object, ProviderMaterial, Synced, admit, compile};
use crypto::{Algorithm, KeyRing, KeyState, RingKey, Secret, Seeds, ServerKeys, SigningKey};
use serde_json::{Value, json};

const APPLICATIONS: usize = 10_000;
const USERS: usize = 100_000;
const NAMESPACES: usize = 500;
const POLICIES: usize = 50;
const GROUPS: usize = 200;

fn main() {
    let all = inputs();
    let mut applications = all.clone();
    applications.users.clear();
    applications.groups.clear();
    let mut users = all.clone();
    users.applications.clear();
    for (what, inputs) in [("applications", applications), ("users", users), ("all", all)] {
        measure(what, &Synced::after_first_list(inputs));
    }
}

fn measure(what: &str, inputs: &Synced<Inputs>) {
    let mut rounds = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        let compiled = compile(inputs);
        rounds.push(start.elapsed());
        let served = compiled.verdicts.values().filter(|verdict| verdict.served).count();
        assert_eq!(served, compiled.verdicts.len(), "everything here is valid");
    }
    rounds.sort();
    let (applications, users) = (inputs.applications.len(), inputs.users.len());
    println!("{what}: {applications} applications, {users} users: median {:?}, best {:?}", rounds[3], rounds[0]);
}

fn inputs() -> Inputs {
    let mut inputs = Inputs::empty("identity", Mode::Standalone);
    let policies: Vec<Value> = (0..POLICIES)
        .map(|n| {
            let label = format!("tier-{n}");
            json!({"name": label, "namespaces": {"type": "Selector", "selector": {"matchLabels": {"tier": label}}}, "allowedRedirectHosts": ["*.example.com"]})
        })
        .collect();
    let spec = json!({"issuer": "https://id.example.com", "applicationPolicies": policies});
    add(&mut inputs, "OidcProvider", "identity", "default", &spec);
    // Admission is not what is measured: one of each is admitted, and copied.
    let template = json!({"redirectURIs": ["https://notes.example.com/callback"]});
    let application = object("OidcApplication", "t", "t", &template);
    let Object::Application(application) = admit(application).unwrap() else { unreachable!() };
    let Object::User(user) = admit(object("OidcUser", "t", "t", &json!({"email": "a@example.com"}))).unwrap() else {
        unreachable!()
    };
    for n in 0..NAMESPACES {
        let labels = BTreeMap::from([("tier".to_owned(), format!("tier-{}", n % POLICIES))]);
        inputs.namespaces.insert(format!("ns-{n}"), labels);
    }
    for n in 0..APPLICATIONS {
        let key = ObjectKey::new(format!("ns-{}", n % NAMESPACES), format!("app-{n}"));
        let mut application = application.clone();
        application.metadata.uid = Some(format!("uid-app-{n}"));
        inputs.applications.insert(key, application);
    }
    for n in 0..USERS {
        let mut user = user.clone();
        user.metadata.uid = Some(format!("uid-user-{n}"));
        inputs.users.insert(ObjectKey::new("identity", format!("user-{n}")), user);
    }
    for n in 0..GROUPS {
        let members: Vec<Value> =
            (0..1000).map(|m| json!({"name": format!("user-{}", (n * 977 + m) % USERS)})).collect();
        add(&mut inputs, "OidcGroup", "identity", &format!("group-{n}"), &json!({"members": members}));
    }
    let ring = [Algorithm::RS256, Algorithm::ES256].map(|algorithm| RingKey {
        key: SigningKey::generate(algorithm).unwrap(),
        state: KeyState::Active,
        since: 0,
        trigger: String::new(),
    });
    let material = ProviderMaterial {
        seeds: Seeds::new(BTreeMap::from([(1, Secret::new([7; 32]))])).unwrap(),
        server_keys: ServerKeys::new(BTreeMap::from([("k".to_owned(), Secret::new([9; 32]))]), "k".to_owned()).unwrap(),
        signing: KeyRing::new(ring.into()).unwrap(),
    };
    inputs.materials.insert(ObjectKey::new("identity", "default"), material);
    inputs
}

fn object(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "portcullis.dev/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

fn add(inputs: &mut Inputs, kind: &str, namespace: &str, name: &str, spec: &Value) {
    let key = ObjectKey::new(namespace, name);
    let mut object = admit(object(kind, namespace, name, spec)).unwrap();
    object.metadata_mut().unwrap().uid = Some(format!("uid-{kind}-{name}"));
    match object {
        Object::Provider(object) => drop(inputs.providers.insert(key, object)),
        Object::Group(object) => drop(inputs.groups.insert(key, object)),
        Object::Application(_)
        | Object::User(_)
        | Object::Resource(_)
        | Object::Secret(_)
        | Object::Namespace(_)
        | Object::Other { .. } => unreachable!(),
    }
}
