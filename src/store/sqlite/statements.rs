//! The text of every statement, in the dialect that SQLite and PostgreSQL share.
//!
//! Parameters are `$1`, `$2`, …: PostgreSQL takes the number, SQLite takes a name whose position is that of its first
//! use, so each text uses them first in ascending order.

pub(super) const PUT_CODE: &str = "\
INSERT INTO codes (id, proof, redirect_uri, challenge, granted, expires_at, family, issuer, user_uid, application_uid, \
session) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

pub(super) const FIND_CODE: &str = "\
SELECT proof, redirect_uri, challenge, granted, expires_at, family, spent_at FROM codes WHERE id = $1";

/// Single use hangs on this condition: of two calls, in whatever order, one changes the row.
pub(super) const SPEND_CODE: &str = "\
UPDATE codes SET spent_at = $1 WHERE id = $2 AND family = $3 AND spent_at IS NULL AND expires_at > $1 \
RETURNING session";

/// The same person logged in anew: what could be redeemed in the old session can be in the new one, and ends with it.
pub(super) const HAND_CODES_ON: &str = "UPDATE codes SET session = $1 WHERE session = $2 AND spent_at IS NULL";

/// Codes of a session that nobody has redeemed yet.
pub(super) const END_CODES_OF_SESSION: &str = "\
DELETE FROM codes WHERE session = $1 AND spent_at IS NULL";

/// The same for every session of a person but one.
pub(super) const END_CODES_OF_SESSIONS: &str = "\
DELETE FROM codes WHERE spent_at IS NULL AND session IN \
(SELECT id FROM sessions WHERE user_uid = $1 AND issuer = $2 AND id <> $3)";

/// What an application could still redeem of a person.
pub(super) const END_CODES_OF_USER: &str = "\
DELETE FROM codes WHERE user_uid = $1 AND application_uid = $2 AND issuer = $3 AND spent_at IS NULL";

pub(super) const PUT_FAMILY: &str = "\
INSERT INTO families (id, issuer, user_uid, application_uid, session, granted, created_at, expires_at, generation, \
reached_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// The family of a code that is spent: what came beside the code made it already, or nothing did.
pub(super) const JOIN_FAMILY: &str = "\
INSERT INTO families (id, issuer, user_uid, application_uid, session, granted, created_at, expires_at, generation, \
reached_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO UPDATE SET expires_at = \
CASE WHEN families.expires_at < excluded.expires_at THEN excluded.expires_at ELSE families.expires_at END, \
generation = excluded.generation, reached_at = excluded.reached_at WHERE families.revoked_at IS NULL";

pub(super) const FIND_FAMILY: &str = "\
SELECT granted, created_at, expires_at, generation, reached_at, revoked_at FROM families WHERE id = $1";

/// One successor hangs on this condition: of two calls, in whatever order, one changes the row.
pub(super) const ROTATE_FAMILY: &str = "\
UPDATE families SET generation = generation + 1, reached_at = $1, \
expires_at = CASE WHEN expires_at < $2 THEN $2 ELSE expires_at END \
WHERE id = $3 AND generation = $4 AND revoked_at IS NULL";

pub(super) const REVOKE_FAMILY: &str = "\
UPDATE families SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";

/// A refresh token is issued for `offline_access` alone: a family that has one outlives its session.
pub(super) const REVOKE_FAMILIES_OF_SESSION: &str = "\
UPDATE families SET revoked_at = $1 WHERE session = $2 AND revoked_at IS NULL AND generation IS NULL";

/// The same for every session of a person but one.
pub(super) const REVOKE_FAMILIES_OF_SESSIONS: &str = "\
UPDATE families SET revoked_at = $1 WHERE revoked_at IS NULL AND generation IS NULL AND session IN \
(SELECT id FROM sessions WHERE user_uid = $2 AND issuer = $3 AND id <> $4)";

/// As [`HAND_CODES_ON`]. A family with a refresh token outlives both.
pub(super) const HAND_FAMILIES_ON: &str = "\
UPDATE families SET session = $1 WHERE session = $2 AND revoked_at IS NULL AND generation IS NULL";

pub(super) const REVOKE_FAMILIES_OF_USER: &str = "\
UPDATE families SET revoked_at = $1 \
WHERE user_uid = $2 AND application_uid = $3 AND issuer = $4 AND revoked_at IS NULL";

pub(super) const PUT_SESSION: &str = "\
INSERT INTO sessions (id, proof, issuer, subject, user_uid, login_epoch, auth_time, amr, last_seen_at, expires_at) \
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

pub(super) const JOIN_SESSION: &str = "\
INSERT INTO session_clients (session, application_uid, client, sid) \
VALUES ($1, $2, $3, $4) \
ON CONFLICT (session, application_uid) DO UPDATE SET client = excluded.client, sid = excluded.sid";

pub(super) const HAND_SESSION_CLIENTS_ON: &str = "UPDATE session_clients SET session = $1 WHERE session = $2";

pub(super) const CLIENTS_OF_SESSION: &str = "\
SELECT application_uid, client, sid FROM session_clients WHERE session = $1 ORDER BY application_uid LIMIT $2";

pub(super) const FIND_SESSION: &str = "\
SELECT proof, issuer, subject, user_uid, login_epoch, auth_time, amr, last_seen_at, expires_at FROM sessions WHERE id = $1";

pub(super) const HAS_SESSION: &str = "SELECT 1 FROM sessions WHERE id = $1";

/// Whether it is a session of this person at this issuer.
pub(super) const IS_SESSION_OF: &str = "SELECT 1 FROM sessions WHERE id = $1 AND user_uid = $2 AND issuer = $3";

pub(super) const SESSIONS_OF: &str = "\
SELECT id, proof, issuer, subject, user_uid, login_epoch, auth_time, amr, last_seen_at, expires_at FROM sessions \
WHERE user_uid = $1 AND issuer = $2 ORDER BY auth_time DESC, id DESC LIMIT $3";

pub(super) const TOUCH_SESSION: &str = "\
UPDATE sessions SET last_seen_at = CASE WHEN last_seen_at < $1 THEN $1 ELSE last_seen_at END WHERE id = $2";

pub(super) const END_SESSION: &str = "DELETE FROM sessions WHERE id = $1";

pub(super) const END_SESSIONS_OF: &str = "DELETE FROM sessions WHERE user_uid = $1 AND issuer = $2 AND id <> $3";

pub(super) const COUNT_CLIENTS_OF_SESSION: &str = "SELECT count(*) FROM session_clients WHERE session = $1";

pub(super) const COUNT_CLIENTS_OF_SESSIONS: &str = "\
SELECT count(*) FROM session_clients WHERE session IN \
(SELECT id FROM sessions WHERE user_uid = $1 AND issuer = $2 AND id <> $3)";

/// Whoever was logged in to from a session that is about to end, unless too many such notices wait for them.
pub(super) const PUT_LOGOUTS_OF_SESSION: &str = "\
INSERT INTO logouts (session, application_uid, client, sid, issuer, subject, ended_at, due_at, attempt) \
SELECT sessions.id, session_clients.application_uid, session_clients.client, session_clients.sid, sessions.issuer, \
sessions.subject, $1, $1, 0 FROM sessions JOIN session_clients ON session_clients.session = sessions.id \
WHERE sessions.id = $2 AND \
(SELECT count(*) FROM logouts WHERE logouts.application_uid = session_clients.application_uid) < $3";

/// The same for every session of a person but one.
pub(super) const PUT_LOGOUTS_OF_SESSIONS: &str = "\
INSERT INTO logouts (session, application_uid, client, sid, issuer, subject, ended_at, due_at, attempt) \
SELECT sessions.id, session_clients.application_uid, session_clients.client, session_clients.sid, sessions.issuer, \
sessions.subject, $1, $1, 0 FROM sessions JOIN session_clients ON session_clients.session = sessions.id \
WHERE sessions.user_uid = $2 AND sessions.issuer = $3 AND sessions.id <> $4 AND \
(SELECT count(*) FROM logouts WHERE logouts.application_uid = session_clients.application_uid) < $5";

/// That one attempt at a time is made hangs on the outer condition: of two calls, in whatever order, one moves it on. (The
/// inner one alone would not do where the second call waits for the first: PostgreSQL looks at the row once more then, and
/// not at the list.)
pub(super) const TAKE_LOGOUTS: &str = "\
UPDATE logouts SET due_at = $1, attempt = attempt + 1 WHERE due_at <= $2 AND (session, application_uid) IN \
(SELECT session, application_uid FROM logouts WHERE due_at <= $2 ORDER BY due_at LIMIT $3) \
RETURNING session, application_uid, client, sid, issuer, subject, ended_at, attempt";

pub(super) const DEFER_LOGOUT: &str = "\
UPDATE logouts SET due_at = $1 WHERE session = $2 AND application_uid = $3 AND attempt = $4";

pub(super) const SETTLE_LOGOUT: &str = "\
DELETE FROM logouts WHERE session = $1 AND application_uid = $2 AND attempt = $3";

pub(super) const GRANT_CONSENT: &str = "\
INSERT INTO consents (issuer, user_uid, application_uid, client, granted_at) VALUES ($1, $2, $3, $4, $5) \
ON CONFLICT (user_uid, application_uid, issuer) DO UPDATE SET client = excluded.client, granted_at = \
CASE WHEN consents.granted_at < excluded.granted_at THEN excluded.granted_at ELSE consents.granted_at END \
RETURNING id";

pub(super) const GRANT_SCOPE: &str = "\
INSERT INTO consent_scopes (consent, scope) VALUES ($1, $2) ON CONFLICT (consent, scope) DO NOTHING";

pub(super) const FIND_CONSENT: &str = "\
SELECT consents.client, consents.granted_at, consent_scopes.scope \
FROM consents LEFT JOIN consent_scopes ON consent_scopes.consent = consents.id \
WHERE consents.issuer = $1 AND consents.user_uid = $2 AND consents.application_uid = $3";

/// Row after row of a consent, one for each scope.
pub(super) const CONSENTS_OF: &str = "\
SELECT consents.application_uid, consents.client, consents.granted_at, consent_scopes.scope \
FROM consents LEFT JOIN consent_scopes ON consent_scopes.consent = consents.id WHERE consents.id IN \
(SELECT id FROM consents WHERE user_uid = $1 AND issuer = $2 ORDER BY granted_at DESC, application_uid DESC LIMIT $3) \
ORDER BY consents.granted_at DESC, consents.application_uid DESC";

pub(super) const REVOKE_CONSENT: &str = "\
DELETE FROM consents WHERE issuer = $1 AND user_uid = $2 AND application_uid = $3";

/// Single use hangs on the primary key: of two calls, in whatever order, one puts the row.
pub(super) const USE_ONCE: &str = "\
INSERT INTO used (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";

pub(super) const WAS_USED: &str = "SELECT COUNT(*) FROM used WHERE id = $1";

/// Runs before [`PURGE_FAMILIES`] with the same parameters, so that both mean the same families.
pub(super) const PURGE_SPENT_CODES: &str = "\
DELETE FROM codes WHERE spent_at IS NOT NULL AND family IN (SELECT id FROM families WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2)";

pub(super) const PURGE_FAMILIES: &str = "\
DELETE FROM families WHERE id IN (SELECT id FROM families WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2)";

pub(super) const PURGE_UNSPENT_CODES: &str = "\
DELETE FROM codes WHERE id IN \
(SELECT id FROM codes WHERE spent_at IS NULL AND expires_at <= $1 ORDER BY expires_at, id LIMIT $2)";

pub(super) const PURGE_SESSIONS: &str = "\
DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2)";

pub(super) const PURGE_USED: &str = "\
DELETE FROM used WHERE id IN (SELECT id FROM used WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2)";

/// All of them: opening a database prepares each once, so that a damaged schema is found then.
pub(super) const ALL: &[&str] = &[
    PUT_CODE,
    FIND_CODE,
    SPEND_CODE,
    HAND_CODES_ON,
    END_CODES_OF_SESSION,
    END_CODES_OF_SESSIONS,
    END_CODES_OF_USER,
    PUT_FAMILY,
    JOIN_FAMILY,
    FIND_FAMILY,
    ROTATE_FAMILY,
    REVOKE_FAMILY,
    REVOKE_FAMILIES_OF_SESSION,
    REVOKE_FAMILIES_OF_SESSIONS,
    HAND_FAMILIES_ON,
    REVOKE_FAMILIES_OF_USER,
    PUT_SESSION,
    HAS_SESSION,
    JOIN_SESSION,
    HAND_SESSION_CLIENTS_ON,
    CLIENTS_OF_SESSION,
    FIND_SESSION,
    IS_SESSION_OF,
    SESSIONS_OF,
    TOUCH_SESSION,
    END_SESSION,
    END_SESSIONS_OF,
    COUNT_CLIENTS_OF_SESSION,
    COUNT_CLIENTS_OF_SESSIONS,
    PUT_LOGOUTS_OF_SESSION,
    PUT_LOGOUTS_OF_SESSIONS,
    TAKE_LOGOUTS,
    DEFER_LOGOUT,
    SETTLE_LOGOUT,
    GRANT_CONSENT,
    GRANT_SCOPE,
    FIND_CONSENT,
    CONSENTS_OF,
    REVOKE_CONSENT,
    PURGE_SPENT_CODES,
    PURGE_FAMILIES,
    PURGE_UNSPENT_CODES,
    PURGE_SESSIONS,
    USE_ONCE,
    WAS_USED,
    PURGE_USED,
];

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn parameters_are_first_used_in_ascending_order() {
        for text in ALL {
            let mut known = 0;
            for part in text.split('$').skip(1) {
                let number: usize = part.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
                assert!(number <= known + 1, "{text}");
                known = known.max(number);
            }
            assert!(known > 0, "{text}");
        }
    }

    #[test]
    fn no_statement_scans_a_table() {
        let mut connection = rusqlite::Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        for text in ALL {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let parameters = vec![1; plan.parameter_count()];
            let steps = plan.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).unwrap();
            for step in steps.map(Result::unwrap) {
                assert!(!step.starts_with("SCAN"), "{text}: {step}");
            }
        }
    }
}
