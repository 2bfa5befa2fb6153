use super::super::yaml;
use super::*;

fn entries(text: &str) -> Vec<Entry> {
    let file: Arc<Path> = Path::new("a.yaml").into();
    yaml::documents(text).unwrap().into_iter().map(|document| Entry::new(&file, document, &BTreeMap::new())).collect()
}

fn entry(text: &str) -> Entry {
    let mut entries = entries(text);
    assert_eq!(entries.len(), 1, "{text}");
    entries.remove(0)
}

fn refused(text: &str) -> Vec<(u32, String, &'static str)> {
    let entry = entry(text);
    let Content::Refused(errors) = &entry.content else { panic!("{:?}", entry.content) };
    errors.iter().map(|error| (entry.lines.find(&error.path), error.path.clone(), error.reason.as_str())).collect()
}

const USER: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: OidcUser\nmetadata:\n  name: alice\nspec:\n  email: alice@example.com\n";

#[test]
fn an_object_is_placed_in_the_default_namespace() {
    let entry = entry(USER);
    assert_eq!(entry.source.to_string(), "a.yaml:1");
    assert_eq!(entry.object_ref().unwrap().to_string(), "OidcUser default/alice");
    let Content::Object(object, digests) = &entry.content else { panic!("{:?}", entry.content) };
    assert_eq!(object.metadata().unwrap().namespace.as_deref(), Some("default"));
    assert!(digests.claims.is_some());
    for (written, expect) in [("null", "default"), ("''", "default"), ("identity", "identity")] {
        let text = USER.replace("name: alice", &format!("name: alice\n  namespace: {written}"));
        assert_eq!(super::tests::entry(&text).object_ref().unwrap().to_string(), format!("OidcUser {expect}/alice"));
    }
}

#[test]
fn digests_follow_the_spec_and_the_claims() {
    let digests = |text: &str| {
        let Content::Object(_, digests) = entry(text).content else { panic!("refused: {text}") };
        digests
    };
    let first = digests(USER);
    assert_eq!(
        digests(&USER.replace("name: alice\n", "name: alice\n  labels: {a: b}\n")),
        first,
        "no part of the spec"
    );
    assert_eq!(digests(&format!("{USER}  activation: Enabled\n")), first, "the default");
    let disabled = digests(&format!("{USER}  activation: Disabled\n"));
    assert_ne!(disabled.spec, first.spec);
    assert_eq!(disabled.claims, first.claims, "no claim");
    let password = digests(&format!("{USER}  authentication: {{passwordSecretRef: {{name: x}}}}\n"));
    assert_eq!(password.claims, first.claims, "no claim");
    let moved = digests(&USER.replace("alice@", "a@"));
    assert_ne!(moved.claims, first.claims);
}

#[test]
fn secrets_and_namespaces_are_taken() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: portcullis.dev/user-password\ndata: {a: aQ==, b: eQ==}\nstringData: {a: hunter2}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: team-a, labels: {tier: web}}\n";
    let entries = entries(text);
    let Content::Secret(secret) = &entries[0].content else { panic!("{:?}", entries[0].content) };
    assert_eq!(secret.type_, "portcullis.dev/user-password");
    assert_eq!(secret.data["a"].expose(), b"hunter2", "stringData wins");
    assert_eq!(secret.data["b"].expose(), b"y");
    assert_eq!((entries[0].named.namespace.as_str(), entries[0].object_ref()), ("default", None));
    assert!(!format!("{entries:?}").contains("hunter2"));
    let Content::Secret(secret) = &entries[1].content else { panic!("{:?}", entries[1].content) };
    assert_eq!(secret.type_, "Opaque");
    let Content::Namespace(labels) = &entries[2].content else { panic!("{:?}", entries[2].content) };
    assert_eq!(labels["tier"], "web");
    assert_eq!(entries[2].named.namespace, "");
}

#[test]
fn every_error_has_the_line_of_its_field() {
    let text = USER.replace("  email: alice@example.com\n", "  emial: a\n  username: Alice\n  activation: On\n");
    let found = refused(&text);
    for expect in [(6, "spec.emial", "Unknown"), (8, "spec.activation", "NotSupported")] {
        let expect = (expect.0, expect.1.to_owned(), expect.2);
        assert!(found.contains(&expect), "{expect:?} in {found:?}");
    }
    assert_eq!(refused(&USER.replace("spec:\n  email: alice@example.com\n", ""))[0].0, 1);
    assert_eq!(entry(&text).object_ref().unwrap().to_string(), "OidcUser default/alice", "it is still that object");
}

#[test]
fn what_kubectl_would_read_otherwise_is_refused() {
    let text = format!("{USER}  username: no\n  attributes: {{zip: 01234}}\n");
    let found = refused(&text);
    assert!(found.contains(&(7, "spec.username".to_owned(), "Invalid")), "{found:?}");
    assert!(found.contains(&(8, "spec.attributes.zip".to_owned(), "Invalid")), "{found:?}");
    let quoted = text.replace("no\n", "\"no\"\n").replace("01234", "'01234'");
    assert!(matches!(entry(&quoted).content, Content::Object(..)));
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: yes}\n";
    assert_eq!(refused(secret), [(4, "stringData.password".to_owned(), "Invalid")]);
}

#[test]
fn other_manifests_are_none_of_our_business() {
    for text in [
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {on: yes}\n",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: OidcUser}\n",
        "apiVersion: example.com/v1\nkind: OidcUser\nmetadata: {name: x}\n",
    ] {
        let entry = entry(text);
        assert!(matches!(entry.content, Content::Other), "{text}: {:?}", entry.content);
        assert_eq!(entry.object_ref(), None);
    }
}

#[test]
fn what_is_no_manifest_is_refused() {
    let check = |text: &str, expect: &str| {
        let found = refused(text);
        assert!(found.iter().any(|(_, path, _)| path == expect), "{text:?}: {found:?}");
    };
    check("- a\n", "");
    check("just text\n", "");
    check("replicas: 3\n", "kind");
    check("apiVersion: v1\n", "kind");
    check("apiVersion: portcullis.dev/v1\nkind: OidcUser\nmetadata: {name: a}\n", "apiVersion");
    check("apiVersion: portcullis.dev/v1alpha1\nkind: OidcUsers\nmetadata: {name: a}\n", "kind");
    check("apiVersion: portcullis.dev/v1alpha1\nkind: OidcUser\nmetadata: {}\nspec: {}\n", "metadata.name");
    check("apiVersion: portcullis.dev/v1alpha1\nkind: OidcUser\nmetadata: none\nspec: {}\n", "metadata");
    check(
        "apiVersion: portcullis.dev/v1alpha1\nkind: OidcUser\nmetadata: {name: a, namespace: [b]}\nspec: {}\n",
        "metadata.namespace",
    );
}
