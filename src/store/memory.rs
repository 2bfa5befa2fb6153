//! The verbs on ordered maps under one lock: what they mean, in the fewest words. Nothing survives the process.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use oidc::ids::{CodeId, FamilyId, SessionId, Uid};
use oidc::records::{
    Authorization, CodeRecord, ConsentRecord, FamilyRecord, FirstUse, Generation, LogoutNotice, OnceId, SessionClient,
    SessionRecord,
};
use oidc::time::Time;

use crate::{
    Answer, CodeFacts, Ended, EndedSessions, Grant, Granted, MAX_LOGOUTS, Rotated, Spent, Store, StoreError, Touched,
    doing,
};

/// A store that forgets everything when it is dropped; for tests and as the reference for other backends.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    codes: BTreeMap<CodeId, Code>,
    families: BTreeMap<FamilyId, Family>,
    sessions: BTreeMap<SessionId, SessionRecord>,
    session_clients: BTreeMap<(SessionId, Uid), SessionClient>,
    /// By session and application; each with when it is due.
    logouts: BTreeMap<(SessionId, Uid), (Time, LogoutNotice)>,
    used: BTreeMap<OnceId, Time>,
    /// By issuer, user and application.
    consents: BTreeMap<(String, Uid, Uid), ConsentRecord>,
}

#[derive(Debug)]
struct Code {
    record: CodeRecord,
    spent: bool,
    /// The session that it ends with: the one in which it was granted, or the latest that took that one's place.
    session: Option<SessionId>,
}

#[derive(Debug)]
struct Family {
    record: FamilyRecord,
    /// As that of a code.
    session: Option<SessionId>,
}

/// Why the maps could not answer.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the identifier is taken")]
    Taken,
    #[error("an earlier verb was cut short by a panic, and what it left behind cannot be trusted")]
    Poisoned,
}

impl Tables {
    /// Revokes the families, and drops the codes that nobody has redeemed yet, of what was granted so. A code is told as
    /// one without a refresh token: it has none yet.
    fn end_grants(&mut self, now: Time, so: impl Fn(&Authorization, Option<SessionId>, Option<Generation>) -> bool) {
        self.codes.retain(|_, code| code.spent || !so(&code.record.authorization, code.session, None));
        for Family { record, session } in self.families.values_mut() {
            if record.revoked_at.is_none() && so(&record.authorization, *session, record.refresh) {
                record.revoked_at = Some(now);
            }
        }
    }

    /// Writes all of it, or nothing: what can fail is looked at first.
    fn grant(&mut self, grant: &Grant<'_>) -> Result<Granted, Fault> {
        let Grant { session, rests_on, consent, client, family, code } = *grant;
        if session.is_some_and(|session| !self.sessions.contains_key(&session)) {
            return Ok(Granted::SessionGone);
        }
        let holds = |consent: &ConsentRecord| {
            let kept = self.consents.get(&consent_key(consent));
            kept.is_some_and(|kept| consent.permissions.is_subset(&kept.permissions))
        };
        if !rests_on.is_none_or(holds) {
            return Ok(Granted::ConsentGone);
        }
        let taken = family.is_some_and(|family| self.families.contains_key(&family.id))
            || code.is_some_and(|code| self.codes.contains_key(&code.id));
        if taken {
            return Err(Fault::Taken);
        }
        if let Some(consent) = consent {
            let kept = self.consents.entry(consent_key(consent)).or_insert_with(|| consent.clone());
            kept.client = consent.client.clone();
            kept.permissions = kept.permissions.union(&consent.permissions);
            kept.granted_at = kept.granted_at.max(consent.granted_at);
        }
        if let (Some(session), Some(client)) = (session, client) {
            self.session_clients.insert((session, client.application_uid.clone()), client.clone());
        }
        if let Some(record) = family.cloned() {
            let session = record.authorization.session;
            self.families.insert(record.id, Family { record, session });
        }
        if let Some(record) = code.cloned() {
            let session = record.authorization.session;
            self.codes.insert(record.id, Code { record, spent: false, session });
        }
        Ok(Granted::Done)
    }

    /// Hands what hangs on a session on to the one that replaces it, and removes it.
    fn hand_on(&mut self, old: SessionId, new: SessionId) {
        let clients: Vec<SessionClient> = self.clients_of(old).cloned().collect();
        let key = |client: &SessionClient| (new, client.application_uid.clone());
        self.session_clients.extend(clients.into_iter().map(|client| (key(&client), client)));
        let codes = self.codes.values_mut().map(|code| &mut code.session);
        let families = self.families.values_mut().map(|family| &mut family.session);
        codes.chain(families).filter(|session| **session == Some(old)).for_each(|session| *session = Some(new));
        self.sessions.remove(&old);
        self.drop_orphans();
    }

    fn end_session(&mut self, id: SessionId, now: Time) -> EndedSessions {
        self.end_grants(now, |_, session, refresh| session == Some(id) && refresh.is_none());
        let Some(SessionRecord { issuer, subject, .. }) = self.sessions.remove(&id) else {
            return EndedSessions::default();
        };
        let mut outcome = EndedSessions { sessions: 1, dropped: 0 };
        for client in self.clients_of(id).cloned().collect::<Vec<_>>() {
            let waiting = self.logouts.keys().filter(|(_, application)| *application == client.application_uid);
            if waiting.count() >= usize::try_from(MAX_LOGOUTS).unwrap_or(usize::MAX) {
                outcome.dropped += 1;
                continue;
            }
            let (issuer, subject) = (issuer.clone(), subject.clone());
            let key = (id, client.application_uid.clone());
            let notice = LogoutNotice { session: id, client, issuer, subject, ended_at: now, attempt: 0 };
            self.logouts.insert(key, (now, notice));
        }
        self.drop_orphans();
        outcome
    }

    /// A notice as whoever took it up last knows it.
    fn taken(&mut self, notice: &LogoutNotice) -> Option<&mut (Time, LogoutNotice)> {
        let key = (notice.session, notice.client.application_uid.clone());
        self.logouts.get_mut(&key).filter(|(_, kept)| kept.attempt == notice.attempt)
    }

    fn clients_of(&self, session: SessionId) -> impl Iterator<Item = &SessionClient> {
        self.session_clients.iter().filter(move |((of, _), _)| *of == session).map(|(_, client)| client)
    }

    /// Clients go with their session.
    fn drop_orphans(&mut self) {
        let Self { sessions, session_clients, .. } = self;
        session_clients.retain(|(session, _), _| sessions.contains_key(session));
    }
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs one verb under the lock, when it is first waited for. The lock is never held across a wait.
    fn answer<'a, T: Send + 'a>(
        &'a self,
        doing: &'static str,
        verb: impl FnOnce(&mut Tables) -> Result<T, Fault> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let outcome = match self.0.lock() {
                Ok(mut tables) => verb(&mut tables),
                Err(_) => Err(Fault::Poisoned),
            };
            outcome.map_err(|fault| StoreError { doing, source: Box::new(fault) })
        })
    }
}

fn consent_key(consent: &ConsentRecord) -> (String, Uid, Uid) {
    (consent.issuer.clone(), consent.user_uid.clone(), consent.application_uid.clone())
}

/// Puts a value where none is.
fn insert<K: Ord, V>(table: &mut BTreeMap<K, V>, key: K, value: V) -> Result<(), Fault> {
    match table.entry(key) {
        Entry::Vacant(place) => {
            place.insert(value);
            Ok(())
        }
        Entry::Occupied(_) => Err(Fault::Taken),
    }
}

/// Deletes at most `limit` values that `is_stale`; answers how many went.
fn prune<K: Ord, V>(table: &mut BTreeMap<K, V>, limit: u64, is_stale: impl Fn(&V) -> bool) -> u64 {
    let mut gone = 0;
    table.retain(|_, value| {
        let keep = gone >= limit || !is_stale(value);
        gone += u64::from(!keep);
        keep
    });
    gone
}

/// At most `limit` values, the greatest key first.
fn latest<T, K: Ord>(mut values: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Vec<T> {
    values.sort_by_key(|value| Reverse(key(value)));
    values.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    values
}

fn ended<T>(removed: Option<T>) -> Ended {
    removed.map_or(Ended::Already, |_| Ended::Done)
}

impl Store for Memory {
    fn grant<'a>(&'a self, grant: Grant<'a>) -> Answer<'a, Granted> {
        self.answer(doing::GRANT, move |tables| tables.grant(&grant))
    }

    fn find_code(&self, id: CodeId) -> Answer<'_, CodeFacts> {
        self.answer(doing::FIND_CODE, move |tables| {
            Ok(match tables.codes.get(&id) {
                None => CodeFacts::Unknown,
                Some(Code { record, spent: false, .. }) => CodeFacts::Live(record.clone()),
                Some(Code { record, spent: true, .. }) => CodeFacts::Spent(record.clone()),
            })
        })
    }

    fn spend_code<'a>(&'a self, id: CodeId, family: &'a FamilyRecord, now: Time) -> Answer<'a, Spent> {
        self.answer(doing::SPEND_CODE, move |tables| {
            let Some(code) = tables.codes.get_mut(&id) else { return Ok(Spent::LostRace) };
            if code.spent || code.record.expires_at <= now || code.record.family != family.id {
                return Ok(Spent::LostRace);
            }
            code.spent = true;
            let new = || Family { record: family.clone(), session: code.session };
            let kept = &mut tables.families.entry(family.id).or_insert_with(new).record;
            if kept.revoked_at.is_some() {
                return Ok(Spent::Revoked);
            }
            kept.expires_at = kept.expires_at.max(family.expires_at);
            kept.refresh = family.refresh;
            Ok(Spent::Done)
        })
    }

    fn find_family(&self, id: FamilyId) -> Answer<'_, Option<FamilyRecord>> {
        self.answer(doing::FIND_FAMILY, move |tables| Ok(tables.families.get(&id).map(|family| family.record.clone())))
    }

    fn rotate_family(&self, id: FamilyId, from: u32, now: Time, expires_at: Time) -> Answer<'_, Rotated> {
        self.answer(doing::ROTATE_FAMILY, move |tables| {
            let family = tables.families.get_mut(&id).map(|family| &mut family.record);
            let family = family.filter(|family| family.revoked_at.is_none());
            let Some(family) = family else { return Ok(Rotated::LostRace) };
            let Some(generation) = family.refresh.as_mut().filter(|generation| generation.number == from) else {
                return Ok(Rotated::LostRace);
            };
            *generation = Generation { number: from.saturating_add(1), reached_at: now };
            family.expires_at = family.expires_at.max(expires_at);
            Ok(Rotated::Done)
        })
    }

    fn revoke_family(&self, id: FamilyId, now: Time) -> Answer<'_, Ended> {
        self.answer(doing::REVOKE_FAMILY, move |tables| {
            Ok(match tables.families.get_mut(&id).map(|family| &mut family.record) {
                Some(family) if family.revoked_at.is_none() => {
                    family.revoked_at = Some(now);
                    Ended::Done
                }
                Some(_) | None => Ended::Already,
            })
        })
    }

    fn open_session<'a>(
        &'a self,
        session: &'a SessionRecord,
        replaces: Option<SessionId>,
    ) -> Answer<'a, EndedSessions> {
        self.answer(doing::OPEN_SESSION, move |tables| {
            if replaces == Some(session.id) {
                return Err(Fault::Taken);
            }
            insert(&mut tables.sessions, session.id, session.clone())?;
            if let Some(old) = replaces {
                let same = |old: &SessionRecord| old.user_uid == session.user_uid && old.issuer == session.issuer;
                if tables.sessions.get(&old).is_some_and(same) {
                    tables.hand_on(old, session.id);
                } else {
                    return Ok(tables.end_session(old, session.auth_time));
                }
            }
            Ok(EndedSessions::default())
        })
    }

    fn find_session(&self, id: SessionId) -> Answer<'_, Option<SessionRecord>> {
        self.answer(doing::FIND_SESSION, move |tables| Ok(tables.sessions.get(&id).cloned()))
    }

    fn clients_of_session(&self, id: SessionId, limit: u32) -> Answer<'_, Vec<SessionClient>> {
        self.answer(doing::CLIENTS_OF_SESSION, move |tables| {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            Ok(tables.clients_of(id).take(limit).cloned().collect())
        })
    }

    fn touch_session(&self, id: SessionId, now: Time) -> Answer<'_, Touched> {
        self.answer(doing::TOUCH_SESSION, move |tables| {
            Ok(tables.sessions.get_mut(&id).map_or(Touched::Gone, |session| {
                session.last_seen_at = session.last_seen_at.max(now);
                Touched::Done
            }))
        })
    }

    fn sessions_of<'a>(&'a self, issuer: &'a str, user: &'a Uid, limit: u32) -> Answer<'a, Vec<SessionRecord>> {
        self.answer(doing::SESSIONS_OF, move |tables| {
            let of_user = |session: &&SessionRecord| session.issuer == issuer && session.user_uid == *user;
            let found = tables.sessions.values().filter(of_user).cloned().collect();
            Ok(latest(found, limit, |session: &SessionRecord| (session.auth_time, session.id)))
        })
    }

    fn end_session(&self, id: SessionId, now: Time) -> Answer<'_, EndedSessions> {
        self.answer(doing::END_SESSION, move |tables| Ok(tables.end_session(id, now)))
    }

    fn end_sessions_of<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        except: Option<SessionId>,
        now: Time,
    ) -> Answer<'a, EndedSessions> {
        self.answer(doing::END_SESSIONS_OF, move |tables| {
            let doomed = |session: &&SessionRecord| {
                session.issuer == issuer && session.user_uid == *user && Some(session.id) != except
            };
            let doomed: Vec<_> = tables.sessions.values().filter(doomed).map(|session| session.id).collect();
            Ok(doomed.into_iter().fold(EndedSessions::default(), |all, id| {
                let EndedSessions { sessions, dropped } = tables.end_session(id, now);
                EndedSessions { sessions: all.sessions + sessions, dropped: all.dropped + dropped }
            }))
        })
    }

    fn take_logouts(&self, now: Time, until: Time, limit: u32) -> Answer<'_, Vec<LogoutNotice>> {
        self.answer(doing::TAKE_LOGOUTS, move |tables| {
            let mut due: Vec<_> = tables.logouts.values_mut().filter(|(due, _)| *due <= now).collect();
            due.sort_by_key(|(due, _)| *due);
            due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            let take = |(due, notice): &mut (Time, LogoutNotice)| {
                *due = until;
                notice.attempt = notice.attempt.saturating_add(1);
                notice.clone()
            };
            Ok(due.into_iter().map(take).collect())
        })
    }

    fn defer_logout<'a>(&'a self, notice: &'a LogoutNotice, at: Time) -> Answer<'a, Touched> {
        self.answer(doing::DEFER_LOGOUT, move |tables| {
            Ok(tables.taken(notice).map_or(Touched::Gone, |(due, _)| {
                *due = at;
                Touched::Done
            }))
        })
    }

    fn settle_logout<'a>(&'a self, notice: &'a LogoutNotice) -> Answer<'a, Ended> {
        self.answer(doing::SETTLE_LOGOUT, move |tables| {
            if tables.taken(notice).is_none() {
                return Ok(Ended::Already);
            }
            Ok(ended(tables.logouts.remove(&(notice.session, notice.client.application_uid.clone()))))
        })
    }

    fn find_consent<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        application: &'a Uid,
    ) -> Answer<'a, Option<ConsentRecord>> {
        self.answer(doing::FIND_CONSENT, move |tables| {
            Ok(tables.consents.get(&(issuer.to_owned(), user.clone(), application.clone())).cloned())
        })
    }

    fn consents_of<'a>(&'a self, issuer: &'a str, user: &'a Uid, limit: u32) -> Answer<'a, Vec<ConsentRecord>> {
        self.answer(doing::CONSENTS_OF, move |tables| {
            let of_user = |consent: &&ConsentRecord| consent.issuer == issuer && consent.user_uid == *user;
            let found = tables.consents.values().filter(of_user).cloned().collect();
            Ok(latest(found, limit, |consent: &ConsentRecord| (consent.granted_at, consent.application_uid.clone())))
        })
    }

    fn revoke_consent<'a>(
        &'a self,
        issuer: &'a str,
        user: &'a Uid,
        application: &'a Uid,
        now: Time,
    ) -> Answer<'a, Ended> {
        self.answer(doing::REVOKE_CONSENT, move |tables| {
            tables.end_grants(now, |granted, _, _| {
                granted.issuer == issuer && granted.user_uid == *user && granted.application_uid == *application
            });
            Ok(ended(tables.consents.remove(&(issuer.to_owned(), user.clone(), application.clone()))))
        })
    }

    fn use_once(&self, id: OnceId, expires_at: Time) -> Answer<'_, FirstUse> {
        self.answer(doing::USE_ONCE, move |tables| {
            Ok(insert(&mut tables.used, id, expires_at).map_or(FirstUse::No, |()| FirstUse::Yes))
        })
    }

    fn was_used(&self, id: OnceId) -> Answer<'_, bool> {
        self.answer(doing::WAS_USED, move |tables| Ok(tables.used.contains_key(&id)))
    }

    fn purge(&self, now: Time, limit: u32) -> Answer<'_, u64> {
        self.answer(doing::PURGE, move |tables| {
            let Tables { codes, families, sessions, session_clients: _, logouts: _, used, consents: _ } = tables;
            let limit = u64::from(limit);
            let records = families.values().map(|family| &family.record);
            let expired = records.filter(|family| family.expires_at <= now).map(|family| family.id);
            let doomed: BTreeSet<FamilyId> = expired.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
            let spent = prune(codes, limit, |code| code.spent && doomed.contains(&code.record.family));
            let unspent = prune(codes, limit - spent, |code| !code.spent && code.record.expires_at <= now);
            let families = prune(families, limit, |family| doomed.contains(&family.record.id));
            let sessions = prune(sessions, limit, |session| session.expires_at <= now);
            let used = prune(used, limit, |expires_at| *expires_at <= now);
            tables.drop_orphans();
            Ok(spent + unspent + families + sessions + used)
        })
    }
}

#[cfg(test)]
mod tests;
