use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/state");
    (root, path)
}

#[test]
fn a_missing_folder_is_made_for_its_owner_only() {
    let (_root, path) = place();
    let folder = Folder::open(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("lock")), 0o600);
    assert_eq!(fs::read_to_string(path.join("lock")).unwrap(), format!("{}\n", std::process::id()));
    assert_eq!(folder.names("").unwrap(), ["lock"]);
}

#[test]
fn a_folder_that_others_may_enter_is_refused() {
    let (_root, path) = place();
    drop(Folder::open(&path).unwrap());
    for exposed in [0o750, 0o705, 0o701, 0o770, 0o777, 0o720] {
        fs::set_permissions(&path, Permissions::from_mode(exposed)).unwrap();
        let error = Folder::open(&path).unwrap_err();
        assert!(matches!(error, StateError::Exposed { mode, .. } if mode == exposed), "{error}");
        assert!(error.to_string().contains(&format!("`chmod 700 {}`", path.display())), "{error}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    Folder::open(&path).unwrap();
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let (_root, path) = place();
    let folder = Folder::open(&path).unwrap();
    // Only root may give a folder away; other users find no folder that they could enter and do not own.
    if std::os::unix::fs::chown(&path, Some(12_345), None).is_err() {
        return;
    }
    drop(folder);
    let error = Folder::open(&path).unwrap_err();
    assert!(matches!(error, StateError::ForeignOwner { owner: 12_345, .. }), "{error}");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "nothing is left behind but the lock");
}

#[test]
fn a_second_process_is_told_who_has_the_lock() {
    let (_root, path) = place();
    let first = Folder::open(&path).unwrap();
    let error = Folder::open(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the state folder {} is in use by process {}: stop that process, or give this one another --state",
            path.display(),
            std::process::id()
        )
    );
    drop(first);
    Folder::open(&path).unwrap();
}

#[test]
fn a_file_where_the_folder_should_be_is_refused() {
    let (_root, path) = place();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "").unwrap();
    assert!(matches!(Folder::open(&path).unwrap_err(), StateError::NotAFolder(_)));
    let below = path.join("deeper");
    assert!(matches!(Folder::open(&below).unwrap_err(), StateError::Io { .. }));
}

#[test]
fn files_are_written_for_the_owner_only_and_whole() {
    let (_root, path) = place();
    let folder = Folder::open(&path).unwrap();
    assert_eq!(folder.read("a").unwrap(), None);
    fs::write(path.join(".a.new"), "left behind, and longer than what comes").unwrap();
    folder.write("a", b"one").unwrap();
    folder.write("a", b"two").unwrap();
    folder.make_folder("sub").unwrap();
    folder.make_folder("sub").unwrap();
    folder.write("sub/b", b"three").unwrap();
    assert_eq!(folder.read("a").unwrap().unwrap(), b"two");
    assert_eq!((mode(&path.join("a")), mode(&path.join("sub")), mode(&path.join("sub/b"))), (0o600, 0o700, 0o600));
    folder.make_folder("sub/deeper").unwrap();
    assert_eq!(folder.names("sub").unwrap(), ["b"]);
    assert!(folder.names("none").unwrap().is_empty());
    folder.remove("sub/b").unwrap();
    folder.remove("sub/b").unwrap();
    assert!(folder.names("sub").unwrap().is_empty());
    assert!(folder.read("sub").is_err(), "a folder cannot be read as a file");
}

#[test]
fn a_write_that_is_cut_short_leaves_the_old_content() {
    for steps in 0..=5 {
        let (_root, path) = place();
        let folder = Folder::open(&path).unwrap();
        folder.write("a", b"old").unwrap();
        folder.fuse.set(steps);
        let written = folder.write("a", b"new");
        let content = fs::read(path.join("a")).unwrap();
        // From the rename on, the new content is there.
        let expect: &[u8] = if steps < 4 { b"old" } else { b"new" };
        assert_eq!(content, expect, "killed after {steps} steps");
        assert_eq!(written.is_ok(), steps == 5);
        assert!(!folder.fuse.is_burnt() || written.is_err() || steps == 5);
        drop(folder);
        let folder = Folder::open(&path).unwrap();
        folder.write("a", b"again").unwrap();
        assert_eq!(folder.read("a").unwrap().unwrap(), b"again");
    }
}
