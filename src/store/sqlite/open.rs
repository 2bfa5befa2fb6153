//! Opening the file: whose it is, that nobody else has it open, and the settings that make a commit durable.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, Kind};
use super::statements;

/// How long a statement waits for another program that holds the database, such as a backup.
const BUSY: Duration = Duration::from_secs(5);
/// Pages in the log before it is folded into the database file.
const CHECKPOINT_PAGES: i64 = 4000;
/// Bytes to which a log that grew larger is cut back.
const LOG_LIMIT: i64 = 64 * 1024 * 1024;
/// Connections that read.
const READERS: usize = 4;

/// Why a database was not opened. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The path names a folder or has no file name.
    #[error("`{0}` is not the name of a file: give the path of the database file itself")]
    NotAFile(PathBuf),
    /// The folder or a file in it cannot be created or written.
    #[error(
        "cannot write `{path}`: its folder must exist, and the user who runs this process must be able to write in it"
    )]
    Unwritable {
        /// The file that was to be written.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Another process, or another store of this process, has it open.
    #[error("`{0}` is in use by another process: stop that one first; a database file serves one process at a time")]
    InUse(PathBuf),
    /// The file is no SQLite database.
    #[error("`{0}` is not a database: name another file, or restore this one from a backup")]
    NotADatabase(PathBuf),
    /// The file is a database of another program.
    #[error("`{0}` is a database of another program: name another file")]
    Foreign(PathBuf),
    /// A newer version of this program has written it.
    #[error(
        "`{path}` has schema version {found}, and this program knows versions up to {known}: \
         start the newer version again, or restore a backup made before the upgrade"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The file is a database of ours whose content makes no sense.
    #[error(
        "`{path}` is damaged: restore it from a backup, or move it away to begin anew \
         (then everybody logs in again, and consents are asked for again)"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file system cannot keep the log that durable commits need.
    #[error(
        "`{path}` cannot use a write-ahead log (SQLite chose `{mode}`): put it on a local disk, not on a network share"
    )]
    NoLog {
        /// The file.
        path: PathBuf,
        /// The journal mode that SQLite fell back to.
        mode: String,
    },
    /// Anything else that SQLite said.
    #[error("cannot open `{path}`")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The operating system gave no thread.
    #[error("cannot start a thread for the database")]
    Thread(#[source] io::Error),
}

/// A database that is ready to be served.
pub(super) struct Opened {
    /// The connection that writes.
    pub(super) writer: Connection,
    /// Connections that can only read.
    pub(super) readers: Vec<Connection>,
    /// Keeps others out for as long as it is open.
    pub(super) lock: File,
}

/// Opens the file, or creates it.
pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    let path = resolve(path)?;
    // Before SQLite sees the file: a process that holds a connection must never open and close the same file by other
    // means, since that drops SQLite's own (POSIX) locks. The lock therefore lies on a file beside it.
    let lock = lock(&path)?;
    create(&path)?;
    let sqlite = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase(path.clone()),
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path: path.clone(), source },
        _ => OpenError::Sqlite { path: path.clone(), source },
    };

    let mut writer = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(sqlite)?;
    match schema::identify(&writer).map_err(sqlite)? {
        Kind::Empty | Kind::Ours => {}
        Kind::Newer(found) => return Err(OpenError::Newer { path, found, known: schema::latest() }),
        Kind::Foreign => return Err(OpenError::Foreign(path)),
    }
    let mode = configure(&writer).map_err(sqlite)?;
    if mode != "wal" {
        return Err(OpenError::NoLog { path, mode });
    }
    schema::migrate(&mut writer).map_err(sqlite)?;
    for text in statements::ALL {
        writer.prepare(text).map_err(sqlite)?;
    }
    let readers = (0..READERS).map(|_| connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY));
    let readers = readers.collect::<rusqlite::Result<_>>().map_err(sqlite)?;
    Ok(Opened { writer, readers, lock })
}

/// The one true name of the file, so that no second name leads to a second lock.
fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    if path.is_dir() {
        return Err(OpenError::NotAFile(path.to_owned()));
    }
    let unwritable = |source| OpenError::Unwritable { path: path.to_owned(), source };
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or_else(|| OpenError::NotAFile(path.to_owned()))?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok(fs::canonicalize(folder).map_err(unwritable)?.join(name))
        }
        resolved => resolved.map_err(unwritable),
    }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&name);
    let file = file.map_err(|source| OpenError::Unwritable { path: name.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::Unwritable { path: name, source }),
    }
}

/// Makes an empty file that only its owner may read, where there is none; SQLite gives its log the same mode. Opening
/// for writing also finds out now, and not at the first login, that the file may only be read.
fn create(path: &Path) -> Result<(), OpenError> {
    let unwritable = |source| OpenError::Unwritable { path: path.to_owned(), source };
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    drop(made.map_err(unwritable)?);
    // The name itself must survive a power cut, or every commit is lost with it.
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)
}

/// A connection that waits a little for others and knows every statement by heart.
fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // Each connection stays on one thread, so SQLite need not lock; the path is never read as a URI.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(2 * statements::ALL.len());
    Ok(connection)
}

/// Settings of the connection that writes; answers the journal mode. `synchronous=FULL` makes COMMIT wait for the disk:
/// less would let a power cut bring a spent code back to life.
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<String> {
    let mode = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_LIMIT, |_| Ok(()))?;
    Ok(mode)
}
