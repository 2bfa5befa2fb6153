//! How single values stand in columns.

use oidc::time::Time;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;
use crate::Ended;

/// A structured value as JSON text.
pub(super) fn to_json<T: Serialize>(column: &'static str, value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|_| Fault::Unwritable { column })
}

/// A structured value from JSON text.
pub(super) fn from_json<T: DeserializeOwned>(column: &'static str, text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::Unreadable { column, at: error.column() })
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &'static str) -> Result<T, Fault> {
    from_json(column, row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
}

pub(super) fn time(row: &Row<'_>, column: &'static str) -> Result<Time, Fault> {
    Ok(Time::from_millis(row.get(column)?))
}

/// What a statement did that changes one row at the most.
pub(super) fn ended(changed: usize) -> Ended {
    if changed == 0 { Ended::Already } else { Ended::Done }
}
