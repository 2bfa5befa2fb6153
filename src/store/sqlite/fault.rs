//! Why the database could not answer, in words that hold no stored value.

use std::sync::Arc;

use crate::StoreError;

#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// SQLite's own words name tables and columns, never values: every value is a parameter.
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    /// The transaction that this operation shared with others did not come to its end.
    #[error("the transaction was rolled back: {0}")]
    RolledBack(Arc<rusqlite::Error>),
    #[error("the thread that serves the database has ended; restart the process")]
    Gone,
    #[error("the identifier is taken")]
    Taken,
    /// The parser's own words quote what it read, so only the place is kept.
    #[error("column `{column}` holds what this version cannot read, at byte {at}")]
    Unreadable { column: &'static str, at: usize },
    #[error("the value for column `{column}` has no JSON form")]
    Unwritable { column: &'static str },
}

impl Fault {
    pub(super) fn during(self, doing: &'static str) -> StoreError {
        StoreError { doing, source: Box::new(self) }
    }
}
