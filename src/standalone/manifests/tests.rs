use std::fs;

use super::*;

const USER: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: OidcUser\nmetadata: {name: NAME}\nspec: {}\n";

struct Place {
    root: tempfile::TempDir,
    reader: Reader,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let reader = Reader::new(vec![root.path().to_owned()]);
        Self { root, reader }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn user(&self, file: &str, name: &str) {
        fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
        fs::write(self.path(file), USER.replace("NAME", name)).unwrap();
    }

    /// Names of the objects, and of the files that have problems: with their lines, and `+` where something is kept.
    fn read(&mut self) -> (Vec<String>, Vec<String>) {
        let reading = self.reader.read();
        let names = reading.entries().map(|entry| entry.named.name.clone()).collect();
        let problems = reading.problems.iter().map(|problem| {
            let FileProblem { file, line, message, kept } = problem;
            assert!(!message.is_empty());
            let file = file.strip_prefix(self.root.path()).unwrap().display();
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{file}{line}{}", if *kept { "+" } else { "" })
        });
        (names, problems.collect())
    }

    #[track_caller]
    fn check(&mut self, names: &[&str], problems: &[&str]) {
        let (found, found_problems) = self.read();
        assert_eq!(found, names);
        assert_eq!(found_problems, problems);
    }
}

#[test]
fn edits_additions_and_removals_are_read() {
    let mut place = Place::new();
    place.check(&[], &[]);
    place.user("a.yaml", "a");
    place.user("sub/b.yaml", "b");
    place.check(&["a", "b"], &[]);
    place.user("a.yaml", "a2");
    place.check(&["a2", "b"], &[]);
    fs::rename(place.path("a.yaml"), place.path("c.yaml")).unwrap();
    place.check(&["a2", "b"], &[]);
    fs::remove_file(place.path("c.yaml")).unwrap();
    place.check(&["b"], &[]);
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    let mut place = Place::new();
    place.user("a.yaml", "a");
    let first = place.reader.read();
    let second = place.reader.read();
    assert!(Arc::ptr_eq(&first.files[0], &second.files[0]));
}

#[test]
fn an_edit_of_one_document_leaves_the_others_as_they_were_judged() {
    let mut place = Place::new();
    let object = |reading: &Reading, number: usize| match &reading.files[0][number].content {
        entry::Content::Object(object, _) => object.metadata().unwrap().name.clone().unwrap(),
        entry::Content::Refused(errors) => errors[0].path.clone(),
        entry::Content::Secret(_) | entry::Content::Namespace(_) | entry::Content::Other => panic!(),
    };
    let user = |name: &str| USER.replace("NAME", name);
    let bad = user("bad").replace("spec: {}", "spec: {x: 1}");
    let trap = user("trap").replace("spec: {}", "spec: {username: no}");
    let quoted = trap.replace("no}", "'no'}");
    fs::write(place.path("a.yaml"), [user("a"), bad.clone(), trap].join("---\n")).unwrap();
    let reading = place.reader.read();
    assert_eq!([0, 1, 2].map(|number| object(&reading, number)), ["a", "spec.x", "spec.username"]);
    // Moved down, the same twice, and a trap that was disarmed.
    fs::write(place.path("a.yaml"), [user("b"), user("a"), bad, quoted].join("---\n")).unwrap();
    let reading = place.reader.read();
    assert_eq!([0, 1, 2, 3].map(|number| object(&reading, number)), ["b", "a", "spec.x", "trap"]);
    let lines: Vec<_> = reading.entries().map(|entry| (entry.source.line, entry.lines.find("spec"))).collect();
    assert_eq!(lines, [(1, 4), (6, 9), (11, 14), (16, 19)]);
}

#[test]
fn what_was_last_read_from_a_broken_file_stays() {
    let mut place = Place::new();
    place.user("a.yaml", "a");
    place.user("b.yaml", "b");
    place.check(&["a", "b"], &[]);
    fs::write(place.path("a.yaml"), "kind: [\n").unwrap();
    place.check(&["a", "b"], &["a.yaml:1+"]);
    place.check(&["a", "b"], &["a.yaml:1+"]);
    fs::write(place.path("a.yaml"), b"\xff\xfe\n").unwrap();
    place.check(&["a", "b"], &["a.yaml+"]);
    // The others go on.
    place.user("b.yaml", "b2");
    place.check(&["a", "b2"], &["a.yaml+"]);
    place.user("a.yaml", "a3");
    place.check(&["a3", "b2"], &[]);
    // A broken file that is removed is gone.
    fs::write(place.path("a.yaml"), "kind: [\n").unwrap();
    place.check(&["a3", "b2"], &["a.yaml:1+"]);
    fs::remove_file(place.path("a.yaml")).unwrap();
    place.check(&["b2"], &[]);
}

#[test]
fn at_the_start_the_rest_is_read() {
    let mut place = Place::new();
    place.user("a.yaml", "a");
    fs::write(place.path("b.yaml"), "x: 1\nkind: }\n").unwrap();
    place.check(&["a"], &["b.yaml:2"]);
    place.user("b.yaml", "b");
    place.check(&["a", "b"], &[]);
}

#[test]
fn a_folder_that_goes_away_keeps_what_was_read_from_it() {
    let root = tempfile::tempdir().unwrap();
    let mounted = root.path().join("mounted");
    fs::create_dir(&mounted).unwrap();
    fs::write(mounted.join("a.yaml"), USER.replace("NAME", "a")).unwrap();
    let mut reader = Reader::new(vec![mounted.clone()]);
    assert_eq!(reader.read().entries().count(), 1);
    fs::rename(&mounted, root.path().join("elsewhere")).unwrap();
    let reading = reader.read();
    assert_eq!(reading.entries().count(), 1);
    assert_eq!(reading.problems[0].message, "does not exist");
    assert!(reading.problems[0].kept);
    fs::create_dir(&mounted).unwrap();
    let reading = reader.read();
    assert_eq!((reading.entries().count(), reading.problems.len()), (0, 0), "an empty folder holds nothing");
}

#[test]
fn a_file_that_may_not_be_read_keeps_what_was_read_from_it() {
    use std::os::unix::fs::symlink;
    let mut place = Place::new();
    place.user("real/a.txt", "a");
    symlink("real/a.txt", place.path("a.yaml")).unwrap();
    place.check(&["a"], &[]);
    fs::remove_file(place.path("real/a.txt")).unwrap();
    place.check(&["a"], &["a.yaml+"]);
    place.user("real/a.txt", "a2");
    place.check(&["a2"], &[]);
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let mut place = Place::new();
    let file = File::create(place.path("a.yaml")).unwrap();
    file.set_len(MAX_FILE_BYTES + 1).unwrap();
    let reading = place.reader.read();
    assert_eq!(reading.problems[0].message, "is larger than 67108864 bytes: split it");
}
