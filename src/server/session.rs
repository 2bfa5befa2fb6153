//! OIDC Core §3.1.2.3: the session of a browser at one issuer.

use http::HeaderMap;
use oidc::account::Account;
use oidc::authorize::Login;
use oidc::catalog::Realm;
use oidc::ids::SessionId;
use oidc::opaque::Opaque;
use oidc::records::SessionRecord;
use oidc::time::Time;
use store::{Store, StoreError};

use crate::cookies::CookieNames;

/// A session whose cookie, times and account have all been judged; made by [`find`] alone.
#[derive(Debug)]
pub(crate) struct Session<'c> {
    record: SessionRecord,
    account: &'c Account,
}

impl Session<'_> {
    /// What the protocol wants to know of it.
    pub(crate) fn login(&self) -> Login<'_> {
        Login { session: &self.record, account: self.account }
    }

    /// The row.
    pub(crate) fn id(&self) -> SessionId {
        self.record.id
    }

    /// The person.
    pub(crate) fn account(&self) -> &Account {
        self.account
    }

    /// The live ones of `kept`, which are sessions of this person, this one before all others, and as used now.
    pub(crate) fn among(&self, realm: &Realm, kept: Vec<SessionRecord>, now: Time) -> Vec<SessionRecord> {
        let own = SessionRecord { last_seen_at: self.record.last_seen_at.max(now), ..self.record.clone() };
        let others = kept.into_iter().filter(|record| record.id != self.record.id);
        let live = others.filter_map(|record| Some(judge(realm, record, now)?.record));
        std::iter::once(own).chain(live).collect()
    }

    /// Whether its use is worth a write: once per tenth of the idle time, and once per minute at the most.
    pub(crate) fn is_due(&self, realm: &Realm, now: Time) -> bool {
        let interval = (realm.settings.session_idle_seconds / 10).clamp(1, 60);
        self.record.last_seen_at.plus_secs(interval) <= now
    }
}

/// The live session that the browser's cookie names, if any.
///
/// # Errors
/// The store did not answer.
pub(crate) async fn find<'c>(
    store: &dyn Store,
    names: &CookieNames,
    headers: &HeaderMap,
    realm: &'c Realm,
    now: Time,
) -> Result<Option<Session<'c>>, StoreError> {
    let Some((_, record)) = proved(store, names, headers, realm).await? else { return Ok(None) };
    Ok(judge(realm, record, now))
}

/// The row that the browser's cookie names, live or not, provided that the cookie proves it: what a login replaces
/// and a logout ends.
///
/// # Errors
/// The store did not answer.
pub(crate) async fn replaced(
    store: &dyn Store,
    names: &CookieNames,
    headers: &HeaderMap,
    realm: &Realm,
) -> Result<Option<SessionId>, StoreError> {
    Ok(proved(store, names, headers, realm).await?.map(|(id, _)| id))
}

/// A session that begins now; the value of its cookie is the text of `fresh`.
pub(crate) fn begin(realm: &Realm, account: &Account, fresh: &Opaque, now: Time) -> SessionRecord {
    SessionRecord {
        id: SessionId::new(fresh.row()),
        proof: fresh.hash(),
        issuer: realm.issuer.as_str().to_owned(),
        subject: account.subject.clone(),
        user_uid: account.uid.clone(),
        login_epoch: account.login_epoch,
        auth_time: now,
        amr: vec!["pwd".to_owned()],
        last_seen_at: now,
        expires_at: now.plus_secs(realm.settings.session_seconds),
    }
}

/// Nobody ends or learns of another's session by its ID alone: the random part of the cookie is compared first.
async fn proved(
    store: &dyn Store,
    names: &CookieNames,
    headers: &HeaderMap,
    realm: &Realm,
) -> Result<Option<(SessionId, SessionRecord)>, StoreError> {
    let Some(presented) = names.read_session(headers).and_then(Opaque::parse) else { return Ok(None) };
    let id = SessionId::new(presented.row());
    let record = store.find_session(id).await?;
    let ours = |record: &SessionRecord| presented.proves(&record.proof) && record.issuer == realm.issuer.as_str();
    Ok(record.filter(ours).map(|record| (id, record)))
}

/// Times and account. A person who was disabled, deleted or made anew, or has another password since, has no session any
/// more.
fn judge(realm: &Realm, record: SessionRecord, now: Time) -> Option<Session<'_>> {
    let idle_at = record.last_seen_at.plus_secs(realm.settings.session_idle_seconds);
    if record.expires_at <= now || idle_at <= now {
        return None;
    }
    let account = realm.accounts.current(&record.subject, &record.user_uid, record.login_epoch)?;
    Some(Session { record, account })
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};
    use oidc::ids::LoginEpoch;
    use store::memory::Memory;

    use super::*;
    use crate::testing;

    const NOW: Time = testing::NOW;

    fn cookie(names: &CookieNames, value: &Opaque) -> HeaderMap {
        let set = names.set_session(&value.text());
        let pair = set.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(pair).unwrap())])
    }

    /// Whether a session that `edit` has changed is found at `NOW`.
    async fn check(what: &str, expect: bool, edit: impl FnOnce(&mut SessionRecord)) {
        let realm = testing::realm();
        let names = CookieNames::new(&realm.issuer);
        let fresh = testing::opaque(1);
        let mut record = begin(&realm, &testing::account(), &fresh, NOW.plus_secs(-60));
        edit(&mut record);
        let store = Memory::new();
        store.open_session(&record, None).await.unwrap();
        let found = find(&store, &names, &cookie(&names, &fresh), &realm, NOW).await.unwrap();
        assert_eq!(found.is_some(), expect, "{what}");
    }

    #[tokio::test]
    async fn a_live_session_is_found() {
        check("as begun", true, |_| {}).await;
        check("just before its end", true, |record| record.expires_at = NOW.plus_secs(1)).await;
        check("at its end", false, |record| record.expires_at = NOW).await;
        check("nearly idle for too long", true, |record| record.last_seen_at = NOW.plus_secs(1 - testing::IDLE)).await;
        check("idle for too long", false, |record| record.last_seen_at = NOW.plus_secs(-testing::IDLE)).await;
    }

    #[tokio::test]
    async fn t_p11_a_session_ends_with_its_account() {
        check("another object of the same name", false, |record| record.user_uid = oidc::ids::Uid::new("recreated"))
            .await;
        check("disabled and enabled, or with another password since", false, |record| {
            record.login_epoch = LoginEpoch::default();
        })
        .await;
        check("nobody", false, |record| record.subject = oidc::ids::Subject::new("nobody")).await;
    }

    #[tokio::test]
    async fn t_p23_a_session_of_another_issuer_is_none() {
        check("another issuer", false, |record| record.issuer = "https://other.example".to_owned()).await;
    }

    #[tokio::test]
    async fn t_p26_a_guessed_row_neither_shows_nor_replaces_a_session() {
        let realm = testing::realm();
        let names = CookieNames::new(&realm.issuer);
        let store = Memory::new();
        let record = begin(&realm, &testing::account(), &testing::opaque(1), NOW);
        store.open_session(&record, None).await.unwrap();
        let guessed = Opaque::new(testing::opaque(1).row(), [0; 32]);
        let headers = cookie(&names, &guessed);
        assert!(find(&store, &names, &headers, &realm, NOW).await.unwrap().is_none());
        assert!(replaced(&store, &names, &headers, &realm).await.unwrap().is_none());
        let rightful = cookie(&names, &testing::opaque(1));
        assert_eq!(replaced(&store, &names, &rightful, &realm).await.unwrap(), Some(record.id));
    }

    #[test]
    fn its_use_is_written_down_now_and_then() {
        let realm = testing::realm();
        let account = testing::account();
        let session = Session { record: begin(&realm, &account, &testing::opaque(1), NOW), account: &account };
        // A tenth of ten minutes.
        assert!(!session.is_due(&realm, NOW.plus_secs(59)));
        assert!(session.is_due(&realm, NOW.plus_secs(60)));
    }
}
