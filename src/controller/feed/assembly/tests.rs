use std::collections::BTreeSet;

use compile::Epoch;
use compile::keys::{fresh_server_key, signing_data};
use compile::record::{ClientParts, DedicatedIssuer, KnownPassword, Place, Record, Subject};
use compile::rotation::{Rotation, Rotations};
use crypto::{Algorithm, KeyState, RingKey, Secret, SigningKey};
use oidc::catalog::RealmSettings;
use oidc::ids::{ClientId, LoginEpoch, Username};
use serde_json::json;

use super::*;

const PROVIDER: &str = "3ce8b807-9a12-4ca7-a2b8-855587c25b94";

/// What the API server holds, and the assembly that is told of it.
struct Told {
    assembly: Assembly,
    keys: ServerKeys,
    version: u128,
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("identity", name)
}

impl Told {
    /// A provider with its keys.
    fn new() -> Self {
        let (data, annotations) = fresh_server_key();
        let keys = server_keys(&data, &annotations).unwrap();
        let mut told = Self { assembly: Assembly::new(key("default"), false), keys, version: 10 };
        told.server_key(data, annotations);
        told.provider(true);
        told.signing();
        told
    }

    fn put(&mut self, part: Part, name: &str, item: Item) {
        self.version += 1;
        self.assembly.take(part, Delta::Put(key(name), item));
    }

    fn secret(&self, data: BTreeMap<String, Secret<Vec<u8>>>, annotations: BTreeMap<String, String>) -> Item {
        Item::Secret(Box::new(ObservedSecret {
            uid: String::new(),
            version: self.version + 1,
            type_: String::new(),
            labels: BTreeMap::new(),
            annotations,
            data,
            owners: Vec::new(),
            own_keys: BTreeSet::new(),
            own_labels: [].into(),
            own_annotations: [].into(),
            appliers: BTreeMap::new(),
        }))
    }

    fn server_key(&mut self, data: BTreeMap<String, Secret<Vec<u8>>>, annotations: BTreeMap<String, String>) {
        let secret = self.secret(data, annotations);
        self.put(Part::ServerKey, "default-server-key", secret);
    }

    fn signing(&mut self) {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let secret = self.secret(
            signing_data(&[RingKey { key, state: KeyState::Active, since: 0, trigger: String::new() }]),
            BTreeMap::new(),
        );
        self.put(Part::SigningKeys, "default-signing-keys", secret);
    }

    fn provider(&mut self, accepted: bool) {
        self.provider_at("https://id.example.com/oidc", accepted);
    }

    fn provider_at(&mut self, issuer: &str, accepted: bool) {
        let settings = RealmSettings {
            code_seconds: 60,
            session_seconds: 60,
            session_idle_seconds: 60,
            jwks_max_age_seconds: 60,
            session_management: false,
        };
        let realm = RealmPayload {
            issuer: issuer.to_owned(),
            display_name: "Example".to_owned(),
            primary_color: "#000000".to_owned(),
            settings,
        };
        let payload =
            ProviderPayload { realm: accepted.then_some(realm), seeds: BTreeMap::new(), names: BTreeMap::new() };
        let uid = Uid::new(PROVIDER);
        let record = Record::new(&self.keys, Subject::Provider, &uid, (&key("default"), &uid), &payload);
        self.record(Part::Provider, "default-record", record);
    }

    fn record(&mut self, part: Part, name: &str, record: Record) {
        let observed = ObservedRecord::new(None, self.version + 1, record);
        self.put(part, name, Item::Record(Box::new(observed)));
    }

    fn client_record(&self, name: &str) -> Record {
        self.client_record_at(name, None)
    }

    /// With an issuer of its own.
    fn client_record_at(&self, name: &str, issuer: Option<DedicatedIssuer>) -> Record {
        let client = json!({
            "id": format!("team-a.{name}"), "uid": name, "namespace": "team-a", "name": name, "displayName": name,
            "authentication": "Public", "redirectUris": ["https://app.example.com/cb"], "applicationType": "Web",
            "grantTypes": ["authorization_code"], "responseTypes": ["code"], "scopes": ["openid"], "pkce": "Required",
            "account": null, "expiresAt": null, "resources": [], "introspects": [],
            "consent": "Required", "userAccess": "AnyUser", "groupsClaim": "None", "extraClaims": [],
            "idToken": {"algorithm": "ES256", "lifetimeSeconds": 60, "scopeClaims": "UserinfoOnly",
                "absentClaims": "Omit", "atHash": "Always"},
            "userinfoAlgorithm": null, "accessToken": {"format": "Jwt", "algorithm": "ES256", "lifetimeSeconds": 60, "defaultAudience": "Issuer", "typeHeader": "AtJwt"},
            "refreshToken": {"issuance": "PromptConsent", "offlineAccess": "Consent", "lifetimeSeconds": 60,
                "maxLifetimeSeconds": 60, "reuseGraceSeconds": 0},
            "defaultMaxAgeSeconds": null, "requireAuthTime": false, "policyUri": null, "tosUri": null,
        });
        let client: Client = serde_json::from_value(client).unwrap();
        assert_eq!(client.id, ClientId::new(format!("team-a.{name}")));
        let (provider, uid) = (Uid::new(PROVIDER), Uid::new(name));
        let place = Place { keys: &self.keys, provider: &provider, application: &uid };
        let first = Rotation::begin(Epoch { generation: 1, epoch: 1 });
        let secrets = Rotations { own: first, accounts: BTreeMap::new(), spent: 0 };
        let payload = ClientPayload::new(
            place,
            ClientParts { client: Some(Arc::new(client)), accounts: Vec::new(), client_id: None, secrets, issuer },
        );
        let source = (&ObjectKey::new("team-a", name), &Uid::new(name));
        Record::new(&self.keys, Subject::Client, &Uid::new(PROVIDER), source, &payload)
    }

    fn client(&mut self, name: &str) {
        let record = self.client_record(name);
        self.record(CLIENTS, name, record);
    }

    fn alice(&mut self) {
        let account = Account {
            subject: oidc::ids::Subject::new("s"),
            uid: Uid::new("u"),
            login_epoch: LoginEpoch::default(),
            username: Username::new("alice"),
            password: None,
            claims: BTreeMap::new(),
            groups: BTreeSet::new(),
            attributes: BTreeMap::new(),
        };
        let no_password = None::<(&crypto::PasswordHash, KnownPassword)>;
        let uid = Uid::new(PROVIDER);
        let payload = UserPayload::new(&self.keys, &uid, &account.uid, Some(&account), no_password, None, None);
        let record = Record::new(&self.keys, Subject::User, &uid, (&key("alice"), &account.uid), &payload);
        self.record(USERS, "u.p", record);
    }

    fn served(&mut self) -> Vec<String> {
        let Some((catalog, _)) = self.assembly.assemble() else { return vec!["nothing".to_owned()] };
        let realms = catalog.realms().flat_map(|realm| realm.clients.keys().map(ToString::to_string));
        realms.collect()
    }

    fn loaded(&mut self) -> Loaded {
        self.assembly.assemble().unwrap().1
    }
}

/// An issuer with one key.
fn dedicated(issuer: &str) -> DedicatedIssuer {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    DedicatedIssuer {
        issuer: Issuer::parse(issuer).unwrap(),
        keys: vec![RingKey { key, state: KeyState::Active, since: 0, trigger: String::new() }],
    }
}

const CLIENTS: Part = Part::Records(RecordKind::OidcClientRecord);
const USERS: Part = Part::Records(RecordKind::OidcUserRecord);

#[test]
fn what_is_recorded_is_served_and_acknowledged() {
    let mut told = Told::new();
    told.client("notes");
    assert_eq!(told.served(), ["team-a.notes"]);
    let (version, loaded) = (told.version, told.loaded());
    assert!(loaded.has_record("oidcclientrecords", "notes", &version.to_string()));
    assert!(!loaded.has("oidcclientrecords", &(version + 1).to_string()));
    for object in ["configmaps/default-record", "secrets/default-server-key", "secrets/default-signing-keys"] {
        assert!(loaded.has(object, "11"), "{object}");
    }
}

#[test]
fn an_application_with_an_issuer_of_its_own_is_served_there_and_nowhere_else() {
    let mut told = Told::new();
    told.client("portal");
    let notes = dedicated("https://notes.example.com/oidc");
    let kid = notes.keys[0].key.kid().clone();
    let record = told.client_record_at("notes", Some(notes));
    told.record(CLIENTS, "notes", record);
    let catalog = told.assembly.assemble().unwrap().0;
    let clients = |host: &str| {
        let realm = catalog.realm(host).unwrap();
        (realm.clients.keys().map(ToString::to_string).collect::<Vec<_>>(), realm.keys.clone())
    };
    let (here, keys) = clients("notes.example.com");
    assert_eq!(
        (here, keys.keys().map(|key| key.key.kid().clone()).collect::<Vec<_>>()),
        (vec!["team-a.notes".to_owned()], vec![kid.clone()])
    );
    let (shared, keys) = clients("id.example.com");
    assert_eq!(shared, ["team-a.portal"]);
    assert!(keys.keys().all(|key| *key.key.kid() != kid));

    // What did not change is the very same, so that nothing is derived from it again.
    let realm = |catalog: &Catalog| Arc::clone(catalog.realm("notes.example.com").unwrap());
    told.client("another");
    let later = told.assembly.assemble().unwrap().0;
    assert!(Arc::ptr_eq(&realm(&catalog), &realm(&later)));
    told.alice();
    let with_people = told.assembly.assemble().unwrap().0;
    assert!(!Arc::ptr_eq(&realm(&later), &realm(&with_people)));
    assert_eq!(realm(&with_people).accounts.iter().count(), 1);

    // Where plain http is not served, it is not served there either; and nobody takes the provider's own host.
    for issuer in ["http://notes.localhost:8080", "https://id.example.com/other"] {
        let record = told.client_record_at("notes", Some(dedicated(issuer)));
        told.record(CLIENTS, "notes", record);
        assert_eq!(told.served(), ["team-a.another", "team-a.portal"], "{issuer}");
    }
}

/// Bookmarks come when they come; every version that somebody waits for is that of an object which is delivered.
#[test]
fn f09_what_is_waited_for_comes_with_an_object_and_not_with_a_bookmark() {
    let mut told = Told::new();
    told.client("notes");
    let written = told.version;
    told.version += 1000;
    assert!(told.loaded().has_record("oidcclientrecords", "notes", &written.to_string()));
    told.client("other");
    let (later, loaded) = (told.version, told.loaded());
    assert!(later > written + 1000 && loaded.has_record("oidcclientrecords", "other", &later.to_string()));
}

#[test]
fn t_k08_a_record_that_is_not_authentic_is_neither_served_nor_acknowledged() {
    let mut told = Told::new();
    told.client("notes");
    assert_eq!(told.served(), ["team-a.notes"]);
    let mut forged = told.client_record("notes");
    forged.payload = forged.payload.replace("app.example.com", "evil.example.com");
    told.record(CLIENTS, "notes", forged);
    assert_eq!(told.served(), [""; 0], "and what was there before is not kept in its place");
    let (version, loaded) = (told.version, told.loaded());
    assert!(!loaded.has_record("oidcclientrecords", "notes", &version.to_string()));
    assert!(loaded.unreadable["notes"].contains("MAC"), "{loaded:?}");
}

#[test]
fn t_k08_a_record_of_another_provider_is_nobodys() {
    let mut told = Told::new();
    let mut foreign = told.client_record("notes");
    foreign.provider = Uid::new("another");
    told.record(CLIENTS, "notes", foreign);
    assert_eq!(told.served(), [""; 0]);
}

#[test]
fn f47_a_record_of_a_newer_format_leaves_what_was_served_and_is_not_acknowledged() {
    let mut told = Told::new();
    told.client("notes");
    assert_eq!(told.served(), ["team-a.notes"]);
    let newer = Record { format: 2, ..told.client_record("notes") };
    told.record(CLIENTS, "notes", newer);
    assert_eq!(told.served(), ["team-a.notes"]);
    let (version, loaded) = (told.version, told.loaded());
    assert!(!loaded.has_record("oidcclientrecords", "notes", &version.to_string()));
    assert_eq!(loaded.record_formats, [1]);
}

#[test]
fn nothing_is_said_before_there_is_a_provider_and_nobody_is_served_after_it_has_gone() {
    let mut told = Told::new();
    told.assembly.take(Part::Provider, Delta::Dropped(key("default-record")));
    assert_eq!(told.served(), ["nothing"]);
    told.provider(true);
    told.client("notes");
    assert_eq!(told.served(), ["team-a.notes"]);
    told.provider(false);
    assert_eq!(told.served(), [""; 0], "it is refused");
    assert!(!told.loaded().loaded.contains_key("oidcclientrecords"), "nobody has looked into the records");
    told.provider(true);
    assert_eq!(told.served(), ["team-a.notes"]);
    told.assembly.take(Part::Provider, Delta::Dropped(key("default-record")));
    assert_eq!(told.served(), [""; 0]);
}

#[test]
fn f21_without_signing_keys_nobody_is_served() {
    let mut told = Told::new();
    told.client("notes");
    assert_eq!(told.served(), ["team-a.notes"]);
    told.assembly.take(Part::SigningKeys, Delta::Dropped(key("default-signing-keys")));
    assert_eq!(told.served(), [""; 0]);
    told.signing();
    assert_eq!(told.served(), ["team-a.notes"]);
}

/// A key that is added, and named as the current one, may reach a server after the records that were made with it.
#[test]
fn a_server_that_learns_a_key_late_goes_on_with_what_it_had() {
    let mut told = Told::new();
    told.client("notes");
    assert_eq!(told.served(), ["team-a.notes"]);
    let old = told.keys.clone();
    let (data, annotations) = fresh_server_key();
    told.keys = server_keys(&data, &annotations).unwrap();
    told.provider(true);
    told.client("notes");
    told.client("other");
    assert_eq!(told.served(), ["team-a.notes"], "it cannot read the new records yet");
    let (version, loaded) = (told.version, told.loaded());
    assert!(!loaded.has_record("oidcclientrecords", "notes", &version.to_string()), "and does not say that it could");
    told.server_key(data, annotations);
    assert_eq!(told.served(), ["team-a.notes", "team-a.other"]);
    assert_ne!(old.current_id(), told.keys.current_id());
}

#[test]
fn plain_http_is_served_on_loopback_alone() {
    let mut told = Told::new();
    told.provider_at("http://127.0.0.1:8080/oidc", true);
    assert!(told.assembly.assemble().unwrap().0.realms().next().is_none());
    told.assembly.plain_http = true;
    assert!(told.assembly.assemble().unwrap().0.realms().next().is_some());
}

#[test]
fn deletions_count_once_they_are_settled_and_many_are_told_from_few() {
    let mut told = Told::new();
    for number in 0..60 {
        told.client(&format!("a{number:02}"));
    }
    assert_eq!(told.served().len(), 60);
    told.assembly.take(CLIENTS, Delta::Dropped(key("a00")));
    assert!(told.assembly.lost_records() && !told.assembly.lost_much());
    told.assembly.settle();
    assert_eq!(told.served().len(), 59);
    for number in 1..14 {
        told.assembly.take(CLIENTS, Delta::Dropped(key(&format!("a{number:02}"))));
    }
    assert!(told.assembly.lost_much());
    assert_eq!(told.served().len(), 59, "not settled, not gone");
    told.client("a01");
    told.assembly.settle();
    assert_eq!(told.served().len(), 47, "one came back");
}

#[test]
fn people_are_kept_while_none_of_them_changes() {
    let mut told = Told::new();
    told.alice();
    let accounts = |told: &mut Told| Arc::clone(&told.assembly.assemble().unwrap().0.realms().next().unwrap().accounts);
    let first = accounts(&mut told);
    assert!(first.by_username("alice").is_some());
    told.client("notes");
    assert!(Arc::ptr_eq(&first, &accounts(&mut told)));
    told.assembly.take(USERS, Delta::Dropped(key("u.p")));
    told.assembly.settle();
    assert!(accounts(&mut told).by_username("alice").is_none());
}

#[test]
fn digests_are_equal_where_answers_are() {
    let mut told = Told::new();
    let digest = |told: &mut Told| told.assembly.assemble().unwrap().0.digest;
    let empty = digest(&mut told);
    told.client("notes");
    let one = digest(&mut told);
    assert_ne!(empty, one);
    told.client("notes");
    assert_eq!(digest(&mut told), one, "the same again");
    told.provider_at("https://other.example.com/oidc", true);
    assert_ne!(digest(&mut told), one);
}
