//! Which files are manifests, and whether one has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Files at the most.
pub const MAX_FILES: usize = 50_000;

/// Folders inside folders at the most.
const MAX_DEPTH: usize = 32;

/// What tells one content of a file from the next without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    // An editor may set the modification time back; nobody can do that to this one.
    changed: (i64, i64),
}

/// The manifests below some paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Every file, by its path as it was found.
    pub files: BTreeMap<PathBuf, Signature>,
    /// What could not be looked at, and why. Files may be hidden below such a path.
    pub problems: BTreeMap<PathBuf, String>,
}

/// Lists the `*.yaml`, `*.yml` and `*.json` files below the paths; a path that is itself a file counts whatever its name.
///
/// Entries whose name starts with a dot are left out: editors keep their copies there, and a mounted ConfigMap its
/// versions (`..data` → `..2026_01_01`), to which the links beside them lead. Links are followed, each place once.
pub fn list(roots: &[PathBuf]) -> Listing {
    let mut walk = Walk::default();
    for root in roots {
        let visited = fs::canonicalize(root).map_err(|error| said(&error)).and_then(|place| {
            let metadata = fs::metadata(root).map_err(|error| said(&error))?;
            if metadata.is_dir() {
                walk.folder(root, place, 0)
            } else if metadata.is_file() {
                walk.file(root, place, &metadata)
            } else {
                Err("is neither a file nor a folder".to_owned())
            }
        });
        walk.note(root, visited);
    }
    walk.listing
}

#[derive(Default)]
struct Walk {
    listing: Listing,
    /// Real paths of the files and folders so far.
    seen: BTreeSet<PathBuf>,
}

impl Walk {
    /// Looks through the folder `path`, which is really at `place`.
    fn folder(&mut self, path: &Path, place: PathBuf, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("folders are nested deeper than {MAX_DEPTH}"));
        }
        // A loop of links comes back to a folder that was there before.
        if !self.seen.insert(place.clone()) {
            return Ok(());
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| said(&error))? {
            let entry = entry.map_err(|error| said(&error))?;
            if !entry.file_name().as_bytes().starts_with(b".") {
                entries.push(entry);
            }
        }
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let visited = self.entry(&entry, &path, place.join(entry.file_name()), depth);
            self.note(&path, visited);
        }
        Ok(())
    }

    fn entry(&mut self, entry: &DirEntry, path: &Path, place: PathBuf, depth: usize) -> Result<(), String> {
        let kind = entry.file_type().map_err(|error| said(&error))?;
        if kind.is_dir() {
            return self.folder(path, place, depth + 1);
        }
        if kind.is_symlink() {
            let place = fs::canonicalize(path)
                .map_err(|error| format!("the link leads nowhere: its target {}", said(&error)))?;
            let metadata = fs::metadata(path).map_err(|error| said(&error))?;
            if metadata.is_dir() {
                return self.folder(path, place, depth + 1);
            }
            return if metadata.is_file() && is_manifest(path) { self.file(path, place, &metadata) } else { Ok(()) };
        }
        if kind.is_file() && is_manifest(path) {
            let metadata = entry.metadata().map_err(|error| said(&error))?;
            return self.file(path, place, &metadata);
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, place: PathBuf, metadata: &Metadata) -> Result<(), String> {
        if self.listing.files.len() >= MAX_FILES {
            return Err(format!("there are more than {MAX_FILES} manifests: this one is not read"));
        }
        if self.seen.insert(place) {
            self.listing.files.insert(path.to_owned(), Signature::new(metadata));
        }
        Ok(())
    }

    fn note(&mut self, path: &Path, visited: Result<(), String>) {
        if let Err(problem) = visited {
            self.listing.problems.insert(path.to_owned(), problem);
        }
    }
}

impl Signature {
    fn new(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().map(OsStr::to_ascii_lowercase);
    extension.is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "json")
}

/// The error in the words of a sentence, without the number of the system call.
pub(crate) fn said(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "does not exist".to_owned()
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "this user has no permission".to_owned()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests;
