//! Rows that are of no use any more.

use oidc::time::Time;
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::statements;
use super::writer::wholly;

/// Deletes at most `limit` rows of each table. Spent codes go in the same step as their families.
pub(super) fn purge(connection: &Connection, now: Time, limit: u32) -> Result<u64, Fault> {
    let delete = |text, limit: u64| -> Result<u64, Fault> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let gone = connection.prepare_cached(text)?.execute(params![now.millis(), limit])?;
        Ok(u64::try_from(gone).unwrap_or(u64::MAX))
    };
    wholly(connection, || {
        let limit = u64::from(limit);
        let spent = delete(statements::PURGE_SPENT_CODES, limit)?;
        let families = delete(statements::PURGE_FAMILIES, limit)?;
        let unspent = delete(statements::PURGE_UNSPENT_CODES, limit.saturating_sub(spent))?;
        let sessions = delete(statements::PURGE_SESSIONS, limit)?;
        let used = delete(statements::PURGE_USED, limit)?;
        Ok(spent + families + unspent + sessions + used)
    })
}
