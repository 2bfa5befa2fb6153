//! A folder that one process owns, and files in it that are whole at any moment.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::manifests::walk::said;

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The operating system refused.
    #[error("cannot {attempt} {}: {}", path.display(), said(source))]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Something else than a folder has its name.
    #[error("{} is not a folder: give --state another path", .0.display())]
    NotAFolder(PathBuf),
    /// Others may read or change it.
    #[error(
        "the state folder {0} has mode {mode:03o}, so others may look into it, and it holds private keys: `chmod 700 {0}`",
        path.display()
    )]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else, who could change its mode at any time.
    #[error("the state folder {} belongs to user {owner}, and this process runs as {user}: run it as the owner, or change the owner", path.display())]
    ForeignOwner {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Another process uses it.
    #[error("the state folder {} is in use by {}: stop that process, or give this one another --state", path.display(), holder(*pid))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Its process ID, if it could be read.
        pid: Option<u32>,
    },
    /// A file is not what was written.
    #[error("{} is damaged: {why}. Restore it from a backup; {loss}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What removing it would cost.
        loss: &'static str,
    },
    /// The folder was made for another provider.
    #[error("{} belongs to the OidcProvider {found}, not to {wanted}: give this provider another --state", path.display())]
    OtherProvider {
        /// The file that says so.
        path: PathBuf,
        /// Its provider.
        found: String,
        /// The one that is served.
        wanted: String,
    },
    /// The library could not make a key.
    #[error("cannot make a signing key: {0}")]
    Key(#[from] crypto::KeyError),
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// The state folder, locked. The lock ends with the process, however that ends.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    lock: StateLock,
    #[cfg(test)]
    pub(crate) fuse: Fuse,
}

/// Keeps the state folder locked for as long as one copy of it lives.
#[derive(Clone, Debug)]
pub struct StateLock {
    _file: Arc<File>,
}

impl Folder {
    /// Opens the folder, making it with mode 0700 if there is none, and takes its lock.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let io = |attempt: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| StateError::Io { attempt, path, source }
        };
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => return Err(StateError::NotAFolder(path.to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(path)
                    .map_err(io("make the state folder", path))?;
            }
            Err(error) => return Err(io("look at the state folder", path)(error)),
        }
        let metadata = fs::metadata(path).map_err(io("look at the state folder", path))?;
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(StateError::Exposed { path: path.to_owned(), mode });
        }
        let file = path.join("lock");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&file);
        let mut lock = open.map_err(io("open", &file))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let read = lock.read_to_string(&mut pid);
                let pid = read.ok().and_then(|_| pid.trim().parse().ok());
                return Err(StateError::InUse { path: path.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(io("lock", &file)(error)),
        }
        let written = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .and_then(|()| lock.flush());
        written.map_err(io("write", &file))?;
        let folder = Self {
            path: path.to_owned(),
            lock: StateLock { _file: Arc::new(lock) },
            #[cfg(test)]
            fuse: Fuse::default(),
        };
        folder.judge_owner(&metadata)?;
        Ok(folder)
    }

    /// The lock, for those who use files in the folder for longer than this lives.
    pub fn lock(&self) -> StateLock {
        self.lock.clone()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The content of a file; `None` if there is none.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.file(name);
        match fs::read(&path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StateError::Io { attempt: "read", path, source }),
        }
    }

    /// Replaces a file so that at any moment, through a crash or a power failure, either the old or the new content is
    /// there, whole. The new one is on the disk when this returns.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), StateError> {
        let path = self.file(name);
        let written = self.try_write(&path, content);
        written.map_err(|source| StateError::Io { attempt: "write", path, source })
    }

    /// Makes a folder in it, unless it is there.
    pub fn make_folder(&self, name: &str) -> Result<(), StateError> {
        let path = self.file(name);
        self.burn()
            .and_then(|()| DirBuilder::new().recursive(true).mode(0o700).create(&path))
            .map_err(|source| StateError::Io { attempt: "make the folder", path, source })
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, name: &str) -> Result<(), StateError> {
        let path = self.file(name);
        match self.burn().and_then(|()| fs::remove_file(&path)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StateError::Io { attempt: "remove", path, source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The names of the files in a folder in it, sorted; those of unfinished writes are left out.
    pub fn names(&self, folder: &str) -> Result<Vec<String>, StateError> {
        let path = self.file(folder);
        let failed = |source| StateError::Io { attempt: "list", path: path.clone(), source };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if let Ok(name) = entry.file_name().into_string()
                && !name.starts_with('.')
                && entry.file_type().map_err(failed)?.is_file()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn try_write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let none = || io::Error::other("the path has no parent folder");
        let parent = path.parent().ok_or_else(none)?;
        let name = path.file_name().ok_or_else(none)?;
        // One process writes here, so a name of its own per file is enough; a leftover of a crash is replaced.
        let temporary = parent.join(format!(".{}.new", name.to_string_lossy()));
        self.burn()?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        self.burn()?;
        file.write_all(content)?;
        self.burn()?;
        file.sync_all()?;
        self.burn()?;
        fs::rename(&temporary, path)?;
        self.burn()?;
        File::open(parent)?.sync_all()
    }

    /// A file that we make is ours, so its owner says who we are.
    fn judge_owner(&self, metadata: &fs::Metadata) -> Result<(), StateError> {
        let probe = self.file(".owner");
        let absent = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
        let made = fs::remove_file(&probe).or_else(absent);
        let made = made.and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe));
        let user = made.and_then(|file| file.metadata()).map(|metadata| metadata.uid());
        let user = user.and_then(|user| fs::remove_file(&probe).map(|()| user));
        let user = user.map_err(|source| StateError::Io { attempt: "write", path: probe, source })?;
        if metadata.uid() == user {
            return Ok(());
        }
        Err(StateError::ForeignOwner { path: self.path.clone(), owner: metadata.uid(), user })
    }

    /// A point at which the process may die: tests make it fail from a chosen one on.
    #[cfg(test)]
    fn burn(&self) -> io::Result<()> {
        self.fuse.burn()
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "a point at which tests let the process die")]
    fn burn(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets every step from a chosen one on fail, as if the process had been killed there.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Fuse(std::cell::Cell<Option<usize>>);

#[cfg(test)]
impl Fuse {
    /// Lets `steps` more steps succeed.
    pub(crate) fn set(&self, steps: usize) {
        self.0.set(Some(steps));
    }

    /// Whether a step has failed.
    pub(crate) fn is_burnt(&self) -> bool {
        self.0.get() == Some(0)
    }

    fn burn(&self) -> io::Result<()> {
        match self.0.get() {
            None => Ok(()),
            Some(0) => Err(io::Error::other("killed here")),
            Some(steps) => {
                self.0.set(Some(steps - 1));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
