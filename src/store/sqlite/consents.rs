//! Tables `consents` and `consent_scopes`.

use oidc::ids::{ClientId, Uid};
use oidc::permission::{Permission, Permissions};
use oidc::records::ConsentRecord;
use oidc::time::Time;
use rusqlite::{Connection, Row, params};

use super::fault::Fault;
use super::writer::wholly;
use super::{statements, values};
use crate::Ended;

/// Whose consent to what.
pub(super) struct Key {
    issuer: String,
    user: Uid,
    application: Uid,
}

impl Key {
    pub(super) fn new(issuer: &str, user: &Uid, application: &Uid) -> Self {
        Self { issuer: issuer.to_owned(), user: user.clone(), application: application.clone() }
    }
}

/// Adds what was agreed to, to what that are there.
pub(super) fn grant(connection: &Connection, consent: &ConsentRecord) -> Result<(), Fault> {
    let ConsentRecord { issuer, user_uid, application_uid, client, permissions, granted_at } = consent;
    wholly(connection, || {
        let id: i64 = connection.prepare_cached(statements::GRANT_CONSENT)?.query_row(
            params![issuer, user_uid.as_str(), application_uid.as_str(), client.as_str(), granted_at.millis()],
            |row| row.get(0),
        )?;
        let mut add = connection.prepare_cached(statements::GRANT_SCOPE)?;
        for permission in permissions.iter() {
            add.execute(params![id, permission.to_string()])?;
        }
        Ok(())
    })
}

/// Whether all of this is agreed to.
pub(super) fn holds(connection: &Connection, consent: &ConsentRecord) -> Result<bool, Fault> {
    let ConsentRecord { issuer, user_uid, application_uid, permissions, .. } = consent;
    let kept = find(connection, Key::new(issuer, user_uid, application_uid))?;
    Ok(kept.is_some_and(|kept| permissions.is_subset(&kept.permissions)))
}

pub(super) fn find(connection: &Connection, key: Key) -> Result<Option<ConsentRecord>, Fault> {
    let mut statement = connection.prepare_cached(statements::FIND_CONSENT)?;
    let mut rows = statement.query([&key.issuer, key.user.as_str(), key.application.as_str()])?;
    let mut head: Option<(ClientId, Time)> = None;
    let mut permissions = Vec::new();
    while let Some(row) = rows.next()? {
        if head.is_none() {
            head = Some((ClientId::new(row.get::<_, String>("client")?), values::time(row, "granted_at")?));
        }
        permissions.extend(permission(row)?);
    }
    let Key { issuer, user, application } = key;
    Ok(head.map(|(client, granted_at)| ConsentRecord {
        issuer,
        user_uid: user,
        application_uid: application,
        client,
        permissions: Permissions::from_iter(permissions),
        granted_at,
    }))
}

pub(super) fn of_user(
    connection: &Connection,
    issuer: &str,
    user: &Uid,
    limit: u32,
) -> Result<Vec<ConsentRecord>, Fault> {
    let mut statement = connection.prepare_cached(statements::CONSENTS_OF)?;
    let mut rows = statement.query(params![user.as_str(), issuer, limit])?;
    let mut found: Vec<(ConsentRecord, Vec<Permission>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let application_uid = Uid::new(row.get::<_, String>("application_uid")?);
        if found.last().is_none_or(|(consent, _)| consent.application_uid != application_uid) {
            let consent = ConsentRecord {
                issuer: issuer.to_owned(),
                user_uid: user.clone(),
                application_uid,
                client: ClientId::new(row.get::<_, String>("client")?),
                permissions: Permissions::default(),
                granted_at: values::time(row, "granted_at")?,
            };
            found.push((consent, Vec::new()));
        }
        if let Some(((_, permissions), permission)) = found.last_mut().zip(permission(row)?) {
            permissions.push(permission);
        }
    }
    let whole = |(consent, permissions)| ConsentRecord { permissions: Permissions::from_iter(permissions), ..consent };
    Ok(found.into_iter().map(whole).collect())
}

/// What stands in column `scope`, unless the consent has none.
fn permission(row: &Row<'_>) -> Result<Option<Permission>, Fault> {
    let text: Option<String> = row.get("scope")?;
    text.map(|text| Permission::parse(&text).map_err(|_| Fault::Unreadable { column: "scope", at: 0 })).transpose()
}

/// Withdraws the consent with all that the application has, or does neither.
pub(super) fn revoke(connection: &Connection, key: &Key, now: Time) -> Result<Ended, Fault> {
    let Key { issuer, user, application } = key;
    let (user, application) = (user.as_str(), application.as_str());
    wholly(connection, || {
        connection.prepare_cached(statements::END_CODES_OF_USER)?.execute([user, application, issuer])?;
        connection.prepare_cached(statements::REVOKE_FAMILIES_OF_USER)?.execute(params![
            now.millis(),
            user,
            application,
            issuer
        ])?;
        let mut statement = connection.prepare_cached(statements::REVOKE_CONSENT)?;
        Ok(values::ended(statement.execute([issuer.as_str(), user, application])?))
    })
}
