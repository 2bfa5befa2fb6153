//! Manifests in files: found, read, and judged one by one.
//!
//! ```text
//! walk: which files ─► yaml (lines, traps): documents ─► entry: objects, as the API server would take them
//! └──────────────────── Reader: what was last read from a file stays, while it cannot be read ────────────┘
//! ```

pub mod entry;
pub mod lines;
pub mod traps;
pub mod walk;
pub mod yaml;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use entry::Entry;
use walk::{Signature, said};

use crate::parallel;

/// Bytes of a file at the most.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// The file, or the folder.
    pub file: PathBuf,
    /// The line, counted from 1, if one is to blame.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// Whether something that was read from it before is still used.
    pub kept: bool,
}

/// What the files say.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The documents of each file, in the order of the files.
    pub files: Vec<Arc<[Entry]>>,
    /// Files that could not be read. While there are any, an object that is not there may still be written down.
    pub problems: Vec<FileProblem>,
}

impl Reading {
    /// Every document.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.files.iter().flat_map(|file| file.iter())
    }
}

/// Reads manifests again and again, each file only when it has changed.
#[derive(Debug)]
pub struct Reader {
    roots: Vec<PathBuf>,
    files: BTreeMap<PathBuf, Held>,
}

/// What is known of a file.
#[derive(Debug)]
struct Held {
    /// Of the content that was read, or could not be.
    signature: Signature,
    /// What was last read from it.
    entries: Option<Arc<[Entry]>>,
    /// Why its present content cannot be read.
    problem: Option<(Option<u32>, String)>,
}

impl Reader {
    /// A reader of these files and folders.
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots, files: BTreeMap::new() }
    }

    /// Reads what has changed.
    pub fn read(&mut self) -> Reading {
        let walk::Listing { files, problems } = walk::list(&self.roots);
        // What cannot be looked at is not gone: what was read there stays.
        self.files.retain(|path, _| files.contains_key(path) || problems.keys().any(|place| path.starts_with(place)));
        let changed = files.into_iter().filter_map(|(path, signature)| {
            let known = self.files.get(&path);
            let unchanged = known.is_some_and(|held| held.signature == signature);
            (!unchanged).then(|| (path, signature, known.and_then(|held| held.entries.clone())))
        });
        let read = parallel::map(changed.collect(), |(path, signature, known)| {
            let held = match read(&path, known.as_deref().unwrap_or_default()) {
                Ok(entries) => Held { signature, entries: Some(entries), problem: None },
                Err(problem) => Held { signature, entries: known, problem: Some(problem) },
            };
            (path, held)
        });
        self.files.extend(read);
        let mut reading = Reading::default();
        for (file, message) in problems {
            let kept = self.files.iter().any(|(path, held)| path.starts_with(&file) && held.entries.is_some());
            reading.problems.push(FileProblem { file, line: None, message, kept });
        }
        for (path, held) in &self.files {
            reading.files.extend(held.entries.clone());
            if let Some((line, message)) = &held.problem {
                let (file, kept) = (path.clone(), held.entries.is_some());
                reading.problems.push(FileProblem { file, line: *line, message: message.clone(), kept });
            }
        }
        reading
    }
}

/// `known` are the entries that were last read from it.
fn read(path: &Path, known: &[Entry]) -> Result<Arc<[Entry]>, (Option<u32>, String)> {
    let mut octets = Vec::new();
    let size = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut octets));
    let size = size.map_err(|error| (None, said(&error)))?;
    if u64::try_from(size).is_ok_and(|size| size > MAX_FILE_BYTES) {
        return Err((None, format!("is larger than {MAX_FILE_BYTES} bytes: split it")));
    }
    let text = String::from_utf8(octets).map_err(|_| (None, "is not UTF-8 text".to_owned()))?;
    let documents = yaml::documents(&text).map_err(|error| (Some(error.line), error.message))?;
    let file: Arc<Path> = path.into();
    // In a large file, most documents are what they were.
    let known: BTreeMap<_, _> = known.iter().filter_map(|entry| Some((entry.fingerprint?, &entry.content))).collect();
    let entries = parallel::map(documents, |document| Entry::new(&file, document, &known));
    Ok(entries.into())
}

#[cfg(test)]
mod tests;
