//! Whose file this is and what shape its tables have: `PRAGMA application_id` and `PRAGMA user_version`.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// "Port" in ASCII: marks a file as a database of this program.
pub(super) const APPLICATION_ID: i32 = 0x506f_7274;

/// Each brings the database from the version that is its index to the next. Never edit one that was released.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
];

/// What a file turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No table, no mark: a new database, or one whose very first opening was cut short.
    Empty,
    /// Ours, of this version or an older one.
    Ours,
    /// Ours, of a version that only a newer program knows.
    Newer(i64),
    /// A database of another program.
    Foreign,
}

/// The version that this program writes.
pub(super) fn latest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Looks, and changes nothing.
pub(super) fn identify(connection: &Connection) -> rusqlite::Result<Kind> {
    let application: i32 = connection.query_row("PRAGMA application_id", (), |row| row.get(0))?;
    let version = version(connection)?;
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(match (application, version, objects) {
        (0, 0, 0) => Kind::Empty,
        (APPLICATION_ID, version, _) if version > latest() => Kind::Newer(version),
        (APPLICATION_ID, _, _) => Kind::Ours,
        _ => Kind::Foreign,
    })
}

/// Brings the tables to the latest version, each step in a transaction of its own together with its number.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    for (from, text) in (0_i64..).zip(MIGRATIONS) {
        let step = Transaction::new(connection, TransactionBehavior::Immediate)?;
        if version(&step)? == from {
            step.execute_batch(text)?;
            step.pragma_update(None, "application_id", APPLICATION_ID)?;
            step.pragma_update(None, "user_version", from + 1)?;
            step.commit()?;
        }
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", (), |row| row.get(0))
}
