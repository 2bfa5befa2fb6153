use std::fs;

use super::*;
use crate::manifests::Reader;

/// Reads files given as name and text, and hands over what they add up to.
fn with_world<T>(files: &[(&str, &str)], look: impl FnOnce(&World<'_>) -> T) -> T {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(root.path().join(name), text).unwrap();
    }
    // The paths in findings start with the folder as the user names it.
    let reading = Reader::new(vec![root.path().to_owned()]).read();
    let mut world = World::new(&reading);
    for finding in &mut world.findings {
        finding.file = finding.file.strip_prefix(root.path()).unwrap().to_owned();
        finding.message = finding.message.replace(&format!("{}/", root.path().display()), "");
    }
    look(&world)
}

fn findings(files: &[(&str, &str)]) -> Vec<String> {
    with_world(files, |world| world.findings.iter().map(ToString::to_string).collect())
}

fn user(name: &str) -> String {
    format!("apiVersion: portcullis.dev/v1alpha1\nkind: OidcUser\nmetadata:\n  name: {name}\nspec: {{}}\n")
}

#[test]
fn the_same_object_in_two_files_is_refused_in_both() {
    let (alice, bob) = (user("alice"), user("bob"));
    let files = [("a.yaml", format!("{bob}---\n{alice}")), ("b.yaml", alice.clone())];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_eq!(
        findings(&files),
        [
            "a.yaml:10: OidcUser default/alice: metadata.name: Duplicate: is also at b.yaml:1: none of them is used until only one is left",
            "b.yaml:4: OidcUser default/alice: metadata.name: Duplicate: is also at a.yaml:7: none of them is used until only one is left",
        ]
    );
    with_world(&files, |world| {
        assert_eq!(world.len(), 1);
        let names: Vec<_> =
            world.present.iter().map(|(name, digests)| (name.key.name.as_str(), digests.is_some())).collect();
        assert_eq!(names, [("alice", false), ("bob", true)], "it is still there");
    });
}

#[test]
fn secrets_written_twice_are_refused_too_and_equal_names_of_other_kinds_are_not() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: alice}\ntype: portcullis.dev/user-password\n";
    let both = format!("{secret}---\n{secret}");
    let found = findings(&[("a.yaml", &both)]);
    assert_eq!(found.len(), 2, "{found:?}");
    with_world(&[("a.yaml", &both)], |world| assert_eq!(world.secrets().count(), 0));
    let other = secret.replace("name: alice", "name: alice, namespace: other");
    let apart = format!("{secret}---\n{other}---\n{}", user("alice"));
    assert_eq!(findings(&[("a.yaml", &apart)]), [""; 0]);
}

#[test]
fn refused_objects_and_unreadable_files_are_found_in_place() {
    let bad = user("alice").replace("spec: {}", "spec:\n  emial: x");
    let found = findings(&[("a.yaml", &bad), ("b.yaml", "a: [\n"), ("c.yaml", "replicas: 1\n")]);
    assert!(found[0].starts_with("b.yaml:1: Unreadable: "), "{found:?}");
    assert!(
        found.iter().any(|line| line.starts_with("a.yaml:6: OidcUser default/alice: spec.emial: Unknown: ")),
        "{found:?}"
    );
    assert!(found.iter().any(|line| line.starts_with("c.yaml:1: ? ?: kind: Required: ")), "{found:?}");
}

#[test]
fn inputs_carry_what_was_read() {
    let text = format!(
        "{}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: team-a, labels: {{tier: web}}}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: x, namespace: team-a}}\ntype: portcullis.dev/client-secret-input\nstringData: {{client-secret: abc}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: b}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: z}}\n",
        user("alice")
    );
    with_world(&[("a.yaml", &text)], |world| {
        assert_eq!((world.others, world.findings.len()), (1, 0));
        let mut identities = Identities::default();
        identities.observe(&world.present, true, 1_000_000_000, &mut || Uid::new("u1"));
        let inputs = world.inputs("default", Mode::Standalone, Some(&identities), &mut |_, _| UserPassword::Missing);
        let alice = &inputs.users[&ObjectKey::new("default", "alice")];
        assert_eq!(alice.metadata.uid.as_deref(), Some("u1"));
        assert_eq!(alice.metadata.generation, Some(1));
        let created = alice.metadata.creation_timestamp.as_ref().unwrap();
        assert_eq!(created.0.to_string(), "2001-09-09T01:46:40Z");
        assert_eq!(inputs.claims_changed[&Uid::new("u1")], 1_000_000_000);
        assert_eq!(inputs.namespaces["team-a"]["tier"], "web");
        let SecretInput::ClientSecretInput(data) = &inputs.secrets[&ObjectKey::new("team-a", "x")] else { panic!() };
        assert_eq!(data["client-secret"].expose(), b"abc");
        let SecretInput::WrongType(type_) = &inputs.secrets[&ObjectKey::new("default", "b")] else { panic!() };
        assert_eq!(type_, "Opaque");
    });
}
