//! Manifests: a file as `check`, `standalone` and Git hold it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        folder.unwrap_or_else(|error| panic!("{error}"))
    };
}

/// The whole way of `portcullis check`: YAML, schema, rules, compilation. The judgement is the same each time, and every
/// finding says where.
pub(super) fn run(bytes: &[u8]) {
    let file = FOLDER.with(|folder| folder.path().join("manifests.yaml"));
    fs::write(&file, bytes).unwrap_or_else(|error| panic!("{error}"));
    let check = |file: &PathBuf| standalone::check(vec![file.clone()], None);
    let checked = check(&file);
    assert_eq!(checked, check(&file));
    for error in &checked.errors {
        assert!(!error.message.is_empty(), "{error:?}");
    }
}
