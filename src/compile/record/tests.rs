use std::collections::{BTreeMap, BTreeSet};

use crypto::{PasswordHash, Secret};
use oidc::account::Account;
use oidc::ids::{LoginEpoch, Subject as Sub, Username};
use serde_json::{Value, json};

use super::*;
use crate::logins::Logins;
use crate::rotation::{Epoch, Rotation, Rotations};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$4bqBoMvMxTVmPuC1nQ5ZFA8vbXKO6Xqo6X9nU6pEDfM";

#[test]
fn a_record_of_a_key_that_is_not_here_may_be_ahead() {
    let mut ahead = record(&nothing());
    ahead.mac.insert(0, 'x');
    let error = ahead.open::<Value>(&keys(1)).unwrap_err();
    assert_eq!(error, RecordError::UnknownKey("xk".to_owned()));
    assert!(error.may_be_ahead() && !RecordError::Mac.may_be_ahead());
}

fn keys(octet: u8) -> ServerKeys {
    ServerKeys::new([("k".to_owned(), Secret::new([octet; 32]))].into(), "k".to_owned()).unwrap()
}

fn source() -> (ObjectKey, Uid) {
    (ObjectKey::new("team-a", "notes"), Uid::new("0b2c1a52-63f6-4b2e-9c8e-8d2f5c6f1a11"))
}

fn record(payload: &Value) -> Record {
    let (key, uid) = source();
    Record::new(&keys(1), Subject::Client, &Uid::new("p"), (&key, &uid), payload)
}

fn first(epoch: u64) -> Rotations {
    let own = Rotation::begin(Epoch { generation: 1, epoch });
    Rotations { own, accounts: [].into(), spent: 0 }
}

fn nothing() -> Value {
    json!({"client": null, "secrets": {"generation": 1, "epoch": 3}})
}

#[test]
fn what_was_written_is_read() {
    let payload = ClientPayload::read(&keys(1), &record(&nothing())).unwrap();
    assert!(payload.client.is_none());
    assert_eq!(payload.rotations(), first(3));
}

#[test]
fn t_k08_no_part_of_a_record_can_be_altered() {
    let good = record(&nothing());
    let check = |change: &dyn Fn(&mut Record)| {
        let mut altered = good.clone();
        change(&mut altered);
        assert_eq!(altered.open::<Value>(&keys(1)), Err(RecordError::Mac), "{altered:?}");
    };
    check(&|record| record.subject = Subject::User);
    check(&|record| record.provider = Uid::new("q"));
    check(&|record| record.source.namespace = "team-b".to_owned());
    check(&|record| record.source.name = "other".to_owned());
    check(&|record| record.source_uid = Uid::new("u"));
    check(&|record| record.payload.push(' '));
    check(&|record| record.mac.clear());
    // Text that moves from one part to the next is another text.
    check(&|record| {
        record.source.namespace = "team-an".to_owned();
        record.source.name = "otes".to_owned();
    });
    assert_eq!(good.open::<Value>(&keys(2)), Err(RecordError::Mac), "of another server key");
}

#[test]
fn f47_a_format_of_another_version_is_told_from_a_forgery() {
    let newer = Record { format: 2, ..record(&nothing()) };
    let error = newer.open::<Value>(&keys(1)).unwrap_err();
    assert_eq!(error, RecordError::Format(2));
    assert_eq!(error.to_string(), "record format 2 is not known to this version, which reads 1");
}

#[test]
fn f47_a_member_that_is_not_known_is_not_passed_over() {
    let mut payload = nothing();
    payload["onlyOnSundays"] = json!(true);
    let error = ClientPayload::read(&keys(1), &record(&payload)).unwrap_err();
    assert!(matches!(&error, RecordError::Payload(why) if why.contains("onlyOnSundays")), "{error}");
}

#[test]
fn a_record_is_the_same_in_the_kind_and_back() {
    let record = record(&nothing());
    let spec = OidcClientRecordSpec::from(record.clone());
    assert_eq!(Record::from(&spec), record);
    let user = Record { subject: Subject::User, ..record };
    assert_eq!(Record::from(&OidcUserRecordSpec::from(user.clone())), user);
}

fn alice(hash: Option<&str>) -> Account {
    let (_, uid) = source();
    Account {
        subject: Sub::new("s"),
        uid,
        login_epoch: LoginEpoch::new(300),
        username: Username::new("alice"),
        password: hash.map(|hash| PasswordHash::parse(hash).unwrap()),
        claims: BTreeMap::from([(oidc::claims::StandardClaim::Email, json!("a@example.com"))]),
        groups: BTreeSet::new(),
        attributes: BTreeMap::new(),
    }
}

fn user_record(provider: &Uid) -> Record {
    let (key, uid) = source();
    let account = alice(Some(HASH));
    let source = KnownPassword { uid: "s1".to_owned(), resource_version: "7".to_owned() };
    let password = account.password.as_ref().map(|hash| (hash, source));
    let logins = Logins::advance(None, api::Activation::Enabled, account.password.as_ref(), 300);
    let logins = UserPayload::seal_logins(&keys(1), provider, &uid, &logins);
    let payload = UserPayload::new(&keys(1), provider, &uid, Some(&account), password, None, Some(logins));
    Record::new(&keys(1), Subject::User, provider, (&key, &uid), &payload)
}

#[test]
fn an_account_comes_back_with_its_password() {
    let record = user_record(&Uid::new("p"));
    let payload = UserPayload::read(&keys(1), &record).unwrap();
    let account = payload.account(&keys(1), &record).unwrap().unwrap();
    assert_eq!((account.username.as_str(), account.login_epoch), ("alice", LoginEpoch::new(300)));
    assert_eq!(account.password.unwrap().as_secret_str().expose(), HASH);
    let logins = payload.logins(&keys(1), &record).unwrap();
    assert_eq!(logins.password().unwrap().as_secret_str().expose(), HASH);
    assert_eq!(payload.password_source().unwrap().resource_version, "7");
    assert_eq!(user_record(&Uid::new("p")), record, "equal people are written alike");
}

#[test]
fn t_k08_a_sealed_password_cannot_be_moved_or_read() {
    let record = user_record(&Uid::new("p"));
    assert!(!record.payload.contains("argon2"), "{}", record.payload);
    let payload = UserPayload::read(&keys(1), &record).unwrap();
    for moved in
        [Record { provider: Uid::new("q"), ..record.clone() }, Record { source_uid: Uid::new("u"), ..record.clone() }]
    {
        let error = payload.account(&keys(1), &moved).unwrap_err();
        assert!(error.to_string().contains("not authentic"), "{error}");
    }
}

/// Two keys of an issuer, always the same.
fn ring() -> Vec<crypto::RingKey> {
    static KEYS: std::sync::LazyLock<Vec<crypto::RingKey>> = std::sync::LazyLock::new(|| {
        let make = |state| crypto::RingKey {
            key: crypto::SigningKey::generate(crypto::Algorithm::ES256).unwrap(),
            state,
            since: 7,
            trigger: String::new(),
        };
        vec![make(crypto::KeyState::Active), make(crypto::KeyState::Retiring)]
    });
    KEYS.clone()
}

const PREVIOUS_SECRET: &str = "the one before, of no less than 32 octets";

/// The record of the notes application with an HS256 id_token, as JSON; and the same read back.
fn symmetric(application: &Uid) -> (Value, Result<ClientPayload, RecordError>) {
    let mut client = oidc::testing::symmetric_client();
    client.uid = application.clone();
    client.shared_secrets.push(crypto::Secret::new(PREVIOUS_SECRET.to_owned()));
    client.sector_key = Some(crypto::Secret::new("the key of a sector".to_owned()));
    let (provider, keys, key) = (Uid::new("p"), keys(1), source().0);
    let place = Place { keys: &keys, provider: &provider, application };
    let payload = ClientPayload::new(
        place,
        ClientParts {
            client: Some(std::sync::Arc::new(client)),
            accounts: Vec::new(),
            client_id: None,
            secrets: first(1),
            issuer: Some(DedicatedIssuer {
                issuer: oidc::uri::Issuer::parse("https://notes.example.com").unwrap(),
                keys: ring(),
            }),
        },
    );
    let record = Record::new(&keys, Subject::Client, &provider, (&key, application), &payload);
    (serde_json::from_str(&record.payload).unwrap(), ClientPayload::read(&keys, &record))
}

#[test]
fn t_k08_what_is_secret_in_a_client_travels_sealed_and_for_its_own_application_alone() {
    let (_, uid) = source();
    let (written, read) = symmetric(&uid);
    for secret in [oidc::testing::LONG_SECRET, PREVIOUS_SECRET] {
        assert!(!written.to_string().contains(secret), "{written}");
    }
    assert_eq!(written, symmetric(&uid).0, "sealed alike, so that nothing is written that did not change");
    assert!(!written.to_string().contains("the key of a sector"), "{written}");
    let client = read.unwrap().client.unwrap();
    let secrets: Vec<&String> = client.shared_secrets.iter().map(crypto::Secret::expose).collect();
    assert_eq!(secrets, [oidc::testing::LONG_SECRET, PREVIOUS_SECRET]);
    assert_eq!(client.sector_key.as_ref().unwrap().expose(), "the key of a sector");

    let other = symmetric(&Uid::new("7d1e9b0c-0000-4000-8000-000000000000")).0;
    for (field, what) in
        [("sharedSecrets", "client secret"), ("previousSecrets", "client secret"), ("sectorKey", "sector key")]
    {
        let mut moved = written.clone();
        moved[field] = other[field].clone();
        let error = ClientPayload::read(&keys(1), &record(&moved)).unwrap_err();
        assert!(matches!(&error, RecordError::Payload(why) if why.contains(what)), "{error}");
    }
    // The keys of an issuer are opened when that is asked for.
    let issuer = |written: &Value| {
        let record = record(written);
        ClientPayload::read(&keys(1), &record).unwrap().issuer(&keys(1), &record)
    };
    let read = issuer(&written).unwrap().unwrap();
    assert_eq!(read.issuer.as_str(), "https://notes.example.com");
    let states = |keys: Vec<crypto::RingKey>| {
        keys.into_iter()
            .map(|key| (key.key.kid().to_string(), key.state, key.since))
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(states(read.keys), states(ring()));
    for key in ring() {
        let jwk: Value = serde_json::from_str(key.key.to_private_jwk().expose()).unwrap();
        assert!(!written.to_string().contains(jwk["d"].as_str().unwrap()), "{written}");
    }
    // Nor does the one before pass for the newest.
    let mut moved = written.clone();
    moved["sharedSecrets"] = written["previousSecrets"].clone();
    ClientPayload::read(&keys(1), &record(&moved)).unwrap_err();
    let mut moved = written.clone();
    moved["issuer"] = other["issuer"].clone();
    let error = issuer(&moved).unwrap_err();
    assert!(matches!(&error, RecordError::Payload(why) if why.contains("a signing key")), "{error}");

    let bare = oidc::testing::client();
    assert!(bare.shared_secrets.is_empty(), "what nothing is signed with is not known to servers");
}
