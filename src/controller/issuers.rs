//! The signing keys of issuers that are applications' own: those in records, and those that are on their way there. Pure.
//!
//! A record is the only place where such keys are kept. Keys that were just made or moved on live here until the record with
//! them is seen; were they lost before, nobody has ever used them.

use std::collections::BTreeMap;

use compile::OwnIssuer;
use compile::record::{ClientPayload, DedicatedIssuer, Record, RecordError};
use crypto::rotation::{Schedule, advance};
use crypto::{KeyError, KeyRing, RingKey, ServerKeys, SigningKey};
use oidc::ids::Uid;

/// So many applications get new keys in one go: an RSA key takes a while to be found, and the first need not wait for the
/// last.
const TOGETHER: usize = 8;

/// See the module. By the UID of the application.
#[derive(Debug, Default)]
pub(crate) struct IssuerKeys {
    recorded: BTreeMap<Uid, Recorded>,
    made: BTreeMap<Uid, Vec<RingKey>>,
}

#[derive(Debug)]
struct Recorded {
    /// The MAC of the record.
    mac: String,
    /// The server keys that it was read with.
    keys: String,
    issuer: Option<DedicatedIssuer>,
}

/// An issuer whose keys are looked at.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) application: Uid,
    pub(crate) keys: Vec<RingKey>,
    pub(crate) schedule: Schedule,
}

/// What came of a look.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// Keys that were made or moved on.
    pub(crate) changed: Vec<(Uid, Vec<RingKey>)>,
    /// When something is due next, in seconds since 1970; now, where some were not looked at.
    pub(crate) next: Option<i64>,
}

impl IssuerKeys {
    /// Takes over what the records say, each read once with the same server keys. What is recorded is not on its way any
    /// more.
    pub(crate) fn read<'r>(&mut self, records: impl Iterator<Item = (&'r Record, &'r ServerKeys)>) {
        let mut recorded = BTreeMap::new();
        for (record, server_keys) in records {
            let ids: Vec<&str> = server_keys.ids().collect();
            let ids = ids.join(" ");
            let known = self.recorded.remove(&record.source_uid);
            let known = known.filter(|known| known.mac == record.mac && known.keys == ids);
            let now = known.unwrap_or_else(|| Recorded {
                mac: record.mac.clone(),
                keys: ids,
                issuer: open(record, server_keys).unwrap_or_else(|error| {
                    tracing::error!("the keys in the record of {} cannot be read: {error}", record.source);
                    None
                }),
            });
            let same =
                |made: &Vec<RingKey>| now.issuer.as_ref().is_some_and(|issuer| names(&issuer.keys) == names(made));
            if self.made.get(&record.source_uid).is_some_and(same) {
                self.made.remove(&record.source_uid);
            }
            recorded.insert(record.source_uid.clone(), now);
        }
        self.recorded = recorded;
    }

    /// The keys of an application's issuer, once there are any.
    pub(crate) fn of(&self, application: &Uid) -> Option<&Vec<RingKey>> {
        self.made.get(application).or_else(|| Some(&self.recorded(application)?.keys))
    }

    /// What the record of an application says.
    pub(crate) fn recorded(&self, application: &Uid) -> Option<&DedicatedIssuer> {
        self.recorded.get(application)?.issuer.as_ref()
    }

    /// Keys that are on their way.
    pub(crate) fn put(&mut self, application: Uid, keys: Vec<RingKey>) {
        self.made.insert(application, keys);
    }

    /// Forgets what is on its way: another process may have made other keys meanwhile.
    pub(crate) fn forget_made(&mut self) {
        self.made.clear();
    }

    /// The rings, for the compile step.
    pub(crate) fn rings(&self) -> BTreeMap<Uid, KeyRing> {
        let applications = self.recorded.keys().chain(self.made.keys());
        let rings = applications.filter_map(|uid| Some((uid.clone(), KeyRing::new(self.of(uid)?.clone()).ok()?)));
        rings.collect()
    }

    /// The issuers whose keys are to be looked at: an application that is refused gets none, and keeps those that it has.
    pub(crate) fn to_look_at<'i>(
        &self,
        issuers: &'i BTreeMap<Uid, OwnIssuer>,
        schedule: impl Fn(&OwnIssuer) -> Option<Schedule>,
    ) -> Vec<Looked> {
        let looked = |(uid, issuer): (&'i Uid, &'i OwnIssuer)| {
            let keys = self.of(uid);
            if keys.is_none() && !issuer.accepted {
                return None;
            }
            let keys = keys.cloned().unwrap_or_default();
            Some(Looked { application: uid.clone(), keys, schedule: schedule(issuer)? })
        };
        issuers.iter().filter_map(looked).collect()
    }
}

/// Moves keys on, and makes those that are missing. `now` is in seconds since 1970.
pub(crate) fn move_on(
    issuers: Vec<Looked>,
    now: i64,
    make: &mut dyn FnMut(crypto::Algorithm) -> Result<SigningKey, KeyError>,
) -> Result<Moved, KeyError> {
    let mut moved = Moved::default();
    for Looked { application, keys, schedule } in issuers {
        if moved.changed.len() == TOGETHER {
            moved.next = Some(now);
            break;
        }
        let advanced = advance(keys, &schedule, now, make)?;
        moved.next = moved.next.into_iter().chain(advanced.next).min();
        if advanced.changed {
            moved.changed.push((application, advanced.keys));
        }
    }
    Ok(moved)
}

fn open(record: &Record, keys: &ServerKeys) -> Result<Option<DedicatedIssuer>, RecordError> {
    ClientPayload::read(keys, record)?.issuer(keys, record)
}

/// What tells a list of keys from another.
fn names(keys: &[RingKey]) -> BTreeMap<String, (String, i64)> {
    keys.iter().map(|key| (key.key.kid().to_string(), (format!("{:?}", key.state), key.since))).collect()
}

#[cfg(test)]
mod tests {
    use api::ObjectKey;
    use compile::record::{ClientParts, Place, Subject};
    use compile::rotation::{Rotation, Rotations};
    use compile::{Epoch, keys};
    use crypto::{Algorithm, KeyState};
    use oidc::uri::Issuer;

    use super::*;

    fn server_keys() -> ServerKeys {
        let (data, annotations) = keys::fresh_server_key();
        keys::server_keys(&data, &annotations).unwrap()
    }

    fn record(server_keys: &ServerKeys, keys: &[RingKey]) -> Record {
        let (provider, application) = (Uid::new("provider"), Uid::new("notes"));
        let parts = ClientParts {
            client: None,
            accounts: Vec::new(),
            client_id: None,
            secrets: Rotations {
                own: Rotation::begin(Epoch { generation: 1, epoch: 1 }),
                accounts: BTreeMap::new(),
                spent: 0,
            },
            issuer: Some(DedicatedIssuer { issuer: issuer(), keys: keys.to_vec() }),
        };
        let place = Place { keys: server_keys, provider: &provider, application: &application };
        let payload = ClientPayload::new(place, parts);
        let source = (&ObjectKey::new("team-a", "notes"), &application);
        Record::new(server_keys, Subject::Client, &provider, source, &payload)
    }

    fn issuer() -> Issuer {
        Issuer::parse("https://notes.example.com").unwrap()
    }

    fn schedule() -> Schedule {
        Schedule {
            algorithms: [Algorithm::ES256].into(),
            period: Some(1000),
            pre_publish: 100,
            retire: 200,
            revoked: [].into(),
            trigger: String::new(),
        }
    }

    fn wanted(accepted: bool) -> BTreeMap<Uid, OwnIssuer> {
        let (application, provider) = (ObjectKey::new("team-a", "notes"), ObjectKey::new("identity", "default"));
        [(Uid::new("notes"), OwnIssuer { application, provider, issuer: issuer(), accepted })].into()
    }

    fn look(keys: &IssuerKeys, now: i64, accepted: bool) -> Moved {
        let looked = keys.to_look_at(&wanted(accepted), |_| Some(schedule()));
        move_on(looked, now, &mut SigningKey::generate).unwrap()
    }

    #[test]
    fn keys_are_made_kept_until_they_are_recorded_and_moved_on() {
        let (server_keys, uid) = (server_keys(), Uid::new("notes"));
        let mut keys = IssuerKeys::default();
        assert!(look(&keys, 0, false).changed.is_empty(), "a refused application gets none");
        let moved = look(&keys, 0, true);
        assert_eq!((moved.changed.len(), moved.next), (1, Some(900)));
        let first = moved.changed[0].1.clone();
        keys.put(uid.clone(), first.clone());
        assert!(look(&keys, 1, true).changed.is_empty(), "not again, though nothing is recorded yet");
        keys.read(std::iter::empty());
        assert_eq!(names(keys.of(&uid).unwrap()), names(&first));

        keys.read([(&record(&server_keys, &first), &server_keys)].into_iter());
        assert!(keys.made.is_empty());
        let second = look(&keys, 900, false).changed.remove(0).1;
        assert_eq!(second.iter().filter(|key| key.state == KeyState::Pending).count(), 1, "a refused one goes on");
        keys.put(uid.clone(), second.clone());
        keys.read([(&record(&server_keys, &first), &server_keys)].into_iter());
        assert_eq!(names(keys.of(&uid).unwrap()), names(&second), "the record is behind");
        assert_eq!(keys.rings()[&uid].keys().count(), 2);

        // Another process has led meanwhile, and made others.
        keys.forget_made();
        assert_eq!(names(keys.of(&uid).unwrap()), names(&first));
        keys.read(std::iter::empty());
        assert!(keys.of(&uid).is_none(), "they vanish with their record");
    }

    #[test]
    fn keys_that_cannot_be_opened_any_more_are_made_anew() {
        let (mut keys, lost, found) = (IssuerKeys::default(), server_keys(), server_keys());
        let before = look(&keys, 0, true).changed.remove(0).1;
        keys.read([(&record(&lost, &before), &found)].into_iter());
        assert!(keys.of(&Uid::new("notes")).is_none());
        assert_eq!(look(&keys, 5, true).changed.len(), 1);
    }

    #[test]
    fn the_first_need_not_wait_for_the_last() {
        let mut many = wanted(true);
        let one = many.values().next().unwrap().clone();
        many.extend((0..20).map(|number| (Uid::new(format!("app-{number}")), one.clone())));
        let looked = IssuerKeys::default().to_look_at(&many, |_| Some(schedule()));
        let moved = move_on(looked, 7, &mut SigningKey::generate).unwrap();
        assert_eq!((moved.changed.len(), moved.next), (TOGETHER, Some(7)));
    }
}
