//! Records: what a controller of another version may have written, and what others may have put into its place.

use api::ObjectKey;
use compile::record::{ClientPayload, FORMAT, ProviderPayload, Record, RecordError, Subject, UserPayload};
use oidc::ids::Uid;
use oidc::testing::SERVER_KEYS;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A payload without a good MAC, and, if it is JSON at all, the same with one. What is read can be written again, and
/// speaks of nobody but its source.
pub(super) fn run(bytes: &[u8]) {
    let Ok(payload) = std::str::from_utf8(bytes) else { return };
    for subject in [Subject::Client, Subject::User, Subject::Provider] {
        let forged = Record {
            subject,
            format: FORMAT,
            provider: Uid::new("provider-uid"),
            source: source(),
            source_uid: Uid::new("uid"),
            payload: payload.to_owned(),
            mac: payload.to_owned(),
        };
        assert!(forged.open::<Value>(&SERVER_KEYS).is_err());
        if let Ok(value) = serde_json::from_str::<Value>(payload) {
            authentic(subject, &value);
        }
    }
}

fn source() -> ObjectKey {
    ObjectKey::new("team-a", "notes")
}

fn authentic(subject: Subject, value: &Value) {
    let (keys, uid) = (&*SERVER_KEYS, Uid::new("uid"));
    let record = Record::new(keys, subject, &Uid::new("provider-uid"), (&source(), &uid), value);
    match subject {
        Subject::Client => {
            let Ok(payload) = ClientPayload::read(keys, &record) else { return };
            for client in payload.client.iter().chain(&payload.accounts) {
                assert_eq!((client.application_uid(), client.namespace.as_str()), ("uid", "team-a"));
            }
            drop(payload.issuer(keys, &record));
            again(subject, &payload);
        }
        Subject::User => {
            let Ok(payload) = UserPayload::read(keys, &record) else { return };
            if let Ok(Some(account)) = payload.account(keys, &record) {
                assert_eq!(account.uid, uid);
            }
            again(subject, &payload);
        }
        Subject::Provider => {
            if let Ok(payload) = record.open::<ProviderPayload>(keys) {
                again(subject, &payload);
            }
        }
    }
}

/// What was read is written in a form that says the same.
fn again<T: Serialize + DeserializeOwned>(subject: Subject, payload: &T) {
    let written = Record::new(&SERVER_KEYS, subject, &Uid::new("p"), (&source(), &Uid::new("uid")), payload);
    let read: Result<T, RecordError> = written.open(&SERVER_KEYS);
    let read = read.unwrap_or_else(|error| panic!("{error}: {}", written.payload));
    let twice = Record::new(&SERVER_KEYS, subject, &Uid::new("p"), (&source(), &Uid::new("uid")), &read);
    assert_eq!(written.payload, twice.payload);
}
