use std::os::unix::fs::symlink;

use super::*;

/// The files that are found below a folder made of `paths`, as paths within it.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new(paths: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for path in paths {
            let path = tree.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "a: 1\n").unwrap();
        }
        tree
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn link(&self, to: &str, path: &str) {
        symlink(to, self.path(path)).unwrap();
    }

    fn list(&self) -> Listing {
        list(&[self.0.path().to_owned()])
    }

    fn files(&self) -> Vec<String> {
        let listing = self.list();
        assert_eq!(listing.problems, BTreeMap::new());
        listing.files.keys().map(|path| path.strip_prefix(self.0.path()).unwrap().display().to_string()).collect()
    }
}

#[test]
fn manifests_are_found_by_their_names() {
    let tree = Tree::new(&[
        "b.yaml",
        "a.yml",
        "c.JSON",
        "d.txt",
        "e",
        "yaml",
        ".hidden.yaml",
        "f.yaml~",
        "sub/deep/g.yaml",
        ".git/h.yaml",
    ]);
    assert_eq!(tree.files(), ["a.yml", "b.yaml", "c.JSON", "sub/deep/g.yaml"]);
}

#[test]
fn a_file_named_by_the_user_counts_whatever_its_name() {
    let tree = Tree::new(&["e", ".x.yaml"]);
    let roots = [tree.path("e"), tree.path(".x.yaml"), tree.path("e")];
    assert_eq!(list(&roots).files.len(), 2);
}

#[test]
fn a_mounted_config_map_is_read_through_its_links() {
    let tree = Tree::new(&["..2026_01_01/a.yaml", "..2026_01_01/b.yaml"]);
    tree.link("..2026_01_01", "..data");
    tree.link("..data/a.yaml", "a.yaml");
    tree.link("..data/b.yaml", "b.yaml");
    assert_eq!(tree.files(), ["a.yaml", "b.yaml"]);
    let before = tree.list();
    // A new version is swapped in by renaming one link.
    fs::create_dir(tree.path("..2026_01_02")).unwrap();
    for name in ["a.yaml", "b.yaml"] {
        fs::write(tree.path("..2026_01_02").join(name), "a: 2\n").unwrap();
    }
    tree.link("..2026_01_02", "..data_tmp");
    fs::rename(tree.path("..data_tmp"), tree.path("..data")).unwrap();
    assert_eq!(tree.files(), ["a.yaml", "b.yaml"]);
    assert_ne!(tree.list(), before);
}

#[test]
fn links_in_a_circle_and_second_ways_to_a_file_add_nothing() {
    let tree = Tree::new(&["a.yaml", "sub/b.yaml"]);
    tree.link("..", "sub/up");
    tree.link("sub", "again");
    tree.link("sub/b.yaml", "c.yaml");
    tree.link("a.yaml", "z.yaml");
    assert_eq!(tree.files(), ["a.yaml", "again/b.yaml"]);
}

#[test]
fn links_to_elsewhere_are_followed() {
    let elsewhere = Tree::new(&["x.yaml", "y.txt"]);
    let tree = Tree::new(&["a.yaml"]);
    tree.link(elsewhere.0.path().to_str().unwrap(), "more");
    tree.link(elsewhere.path("y.txt").to_str().unwrap(), "y.yaml");
    assert_eq!(tree.files(), ["a.yaml", "more/x.yaml", "y.yaml"]);
}

#[test]
fn what_cannot_be_looked_at_is_a_problem() {
    let tree = Tree::new(&["a.yaml"]);
    tree.link("nowhere.yaml", "b.yaml");
    tree.link("c.yaml", "c.yaml");
    let listing = tree.list();
    assert_eq!(listing.files.len(), 1);
    assert_eq!(listing.problems[&tree.path("b.yaml")], "the link leads nowhere: its target does not exist");
    assert!(listing.problems.contains_key(&tree.path("c.yaml")));
    let missing = list(&[tree.path("missing")]);
    assert_eq!(missing.problems[&tree.path("missing")], "does not exist");
    let device = list(&[PathBuf::from("/dev/null")]);
    assert_eq!(device.problems[Path::new("/dev/null")], "is neither a file nor a folder");
}

#[test]
fn folders_too_deep_are_a_problem() {
    let tree = Tree::new(&[&format!("{}a.yaml", "d/".repeat(MAX_DEPTH + 1)), "b.yaml"]);
    let listing = tree.list();
    assert_eq!(listing.files.len(), 1);
    assert_eq!(listing.problems.values().collect::<Vec<_>>(), ["folders are nested deeper than 32"]);
}

#[test]
fn a_file_that_changes_has_another_signature() {
    let tree = Tree::new(&["a.yaml"]);
    let signature = || tree.list().files[&tree.path("a.yaml")].clone();
    let before = signature();
    assert_eq!(signature(), before);
    fs::write(tree.path("a.yaml"), "a: 22\n").unwrap();
    assert_ne!(signature(), before);
    let before = signature();
    // A replaced file of the same size, with its old modification time.
    let modified = fs::metadata(tree.path("a.yaml")).unwrap().modified().unwrap();
    fs::write(tree.path("new"), "a: 33\n").unwrap();
    fs::File::options().write(true).open(tree.path("new")).unwrap().set_modified(modified).unwrap();
    fs::rename(tree.path("new"), tree.path("a.yaml")).unwrap();
    assert_ne!(signature(), before);
}
