use std::fs;

use super::*;

const PROVIDER: &str = "apiVersion: portcullis.dev/v1alpha1
kind: OidcProvider
metadata: {name: default, namespace: identity}
spec:
  issuer: https://id.example.com
  applicationPolicies:
  - name: team-a
    namespaces: {type: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: team-a}}}
    allowedRedirectHosts: ['*.team-a.example.com']
";

const NOTES: &str = "apiVersion: portcullis.dev/v1alpha1
kind: OidcApplication
metadata:
  name: notes
  namespace: team-a
spec:
  redirectURIs:
  - https://notes.team-a.example.com/callback
";

const ALICE: &str = "apiVersion: portcullis.dev/v1alpha1
kind: OidcUser
metadata: {name: alice, namespace: identity}
spec:
  authentication: {passwordSecretRef: {name: alice-password}}
";

fn run(files: &[(&str, &str)], namespace: Option<&str>) -> (Checked, Vec<String>) {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(root.path().join(name), text).unwrap();
    }
    let checked = check(vec![root.path().to_owned()], namespace.map(str::to_owned));
    let prefix = format!("{}/", root.path().display());
    let lines = checked.errors.iter().map(|error| error.to_string().replace(&prefix, "")).collect();
    (checked, lines)
}

#[test]
fn the_samples_pass() {
    for sample in ["quickstart", "apis"] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/samples/");
        let checked = check(vec![format!("{folder}{sample}").into()], None);
        assert!(checked.objects >= 4, "{sample}");
        assert_eq!(checked.errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "{sample}");
    }
}

#[test]
fn good_manifests_have_no_findings() {
    let (checked, lines) = run(&[("a.yaml", PROVIDER), ("b.yaml", NOTES), ("c.yaml", ALICE)], None);
    assert_eq!(lines, [""; 0], "a password Secret may be kept elsewhere");
    assert_eq!((checked.objects, checked.ignored, checked.exit_code()), (3, 0, 0));
    let (checked, _) = run(&[], None);
    assert_eq!((checked.objects, checked.exit_code()), (0, 0));
}

#[test]
fn an_api_of_another_team_may_be_kept_elsewhere() {
    let asks = |namespace: &str| {
        format!(
            "{NOTES}  resources:\n  - resourceRef: {{namespace: {namespace}, name: orders}}\n    scopes: [orders.read]\n"
        )
    };
    let (checked, lines) = run(&[("a.yaml", PROVIDER), ("b.yaml", &asks("team-b"))], None);
    assert_eq!((checked.exit_code(), lines), (0, vec![]));
    // In its own namespace it is a slip, or a file that was not given.
    let (checked, lines) = run(&[("a.yaml", PROVIDER), ("b.yaml", &asks("team-a"))], None);
    assert_eq!((checked.exit_code(), lines.len()), (1, 1), "{lines:?}");
    assert!(lines[0].contains(": spec.resources[0]: ResourceNotFoundOrNotPermitted: "), "{lines:?}");
    assert!(lines[0].contains("`team-a/orders` among these manifests"), "{lines:?}");
    // One that is here is judged, whoever owns it.
    let orders = "apiVersion: portcullis.dev/v1alpha1
kind: OidcResource
metadata: {name: orders, namespace: team-b}
spec: {audience: 'https://orders.api.example.com', scopes: [{name: orders.read}]}
";
    let apis =
        "  resourcePolicies: [{name: apis, namespaces: {type: All}, allowedAudienceHosts: ['*.api.example.com']}]\n";
    let provider = format!("{PROVIDER}{apis}");
    let (_, lines) = run(&[("a.yaml", &provider), ("b.yaml", &asks("team-b")), ("c.yaml", orders)], None);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("that allows this client orders.read"), "{lines:?}");
}

#[test]
fn every_refusal_is_a_line_with_its_place() {
    let bad =
        NOTES.replace("notes.team-a.example.com", "evil.example.com") + "  consent: Never\n  grantTypes: [code]\n";
    let (checked, lines) = run(&[("a.yaml", PROVIDER), ("b.yaml", &bad)], None);
    assert_eq!(checked.exit_code(), 1);
    assert!(lines[0].starts_with("b.yaml:9: OidcApplication team-a/notes: spec.consent: NotSupported: "), "{lines:?}");
    assert!(
        lines[1].starts_with("b.yaml:10: OidcApplication team-a/notes: spec.grantTypes[0]: NotSupported: "),
        "{lines:?}"
    );
    let denied = NOTES.replace("notes.team-a.example.com", "evil.example.com");
    let (checked, lines) = run(&[("a.yaml", PROVIDER), ("b.yaml", &denied)], None);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("b.yaml:8: OidcApplication team-a/notes: spec.redirectURIs[0]: RedirectHostNotAllowed: "),
        "{lines:?}"
    );
    assert_eq!(checked.exit_code(), 1);
}

#[test]
fn what_cannot_be_read_is_worse_than_what_is_refused() {
    let (checked, lines) = run(&[("a.yaml", "a: [\n"), ("b.yaml", "kind: x\n")], None);
    assert_eq!(checked.exit_code(), 2);
    assert!(lines[0].starts_with("a.yaml:1: Unreadable: "), "{lines:?}");
    assert!(lines[1].starts_with("b.yaml:1: x ?: apiVersion: Required: "), "{lines:?}");
    let checked = check(vec![PathBuf::from("/nonexistent/manifests")], None);
    assert_eq!(checked.exit_code(), 2);
    assert_eq!(checked.errors[0].to_string(), "/nonexistent/manifests: Unreadable: does not exist");
}

#[test]
fn an_absent_provider_reference_points_to_where_the_providers_are() {
    let elsewhere = PROVIDER.replace("identity", "platform");
    let (checked, lines) = run(&[("a.yaml", &elsewhere), ("b.yaml", NOTES)], None);
    assert_eq!(checked.exit_code(), 0, "{lines:?}");
    let (checked, lines) = run(&[("a.yaml", &elsewhere), ("b.yaml", NOTES)], Some("identity"));
    assert_eq!(checked.exit_code(), 1);
    assert!(lines[0].contains("ProviderNotFoundOrNotPermitted"), "{lines:?}");
    // In two places, the usual one counts.
    let both = format!("{PROVIDER}---\n{}", elsewhere.replace("id.example.com", "id2.example.com"));
    let (checked, lines) = run(&[("a.yaml", &both), ("b.yaml", NOTES)], None);
    assert_eq!(checked.exit_code(), 0, "{lines:?}");
}

#[test]
fn json_has_the_same_in_fields() {
    let (checked, _) = run(&[("a.yaml", &format!("{ALICE}  emial: x\n---\nkind: [\n"))], None);
    let json = serde_json::to_value(&checked).unwrap();
    assert_eq!(json["objects"], 0);
    assert_eq!(json["errors"][0]["reason"], "Unreadable");
    assert!(json["errors"][0].get("kind").is_none());
    let (checked, _) = run(&[("a.yaml", &format!("{ALICE}  emial: x\n"))], None);
    let json = serde_json::to_value(&checked).unwrap();
    let error = &json["errors"][0];
    assert!(error["file"].as_str().unwrap().ends_with("/a.yaml"));
    assert_eq!(error["line"], 6);
    for (field, expect) in [
        ("kind", "OidcUser"),
        ("namespace", "identity"),
        ("name", "alice"),
        ("path", "spec.emial"),
        ("reason", "Unknown"),
    ] {
        assert_eq!(error[field], expect);
    }
}

#[test]
fn a_message_is_one_line() {
    let (_, lines) = run(&[("a.yaml", &ALICE.replace("name: alice,", "name: \"a\\nb\\e[2J\","))], None);
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| !line.contains(|c: char| c.is_control())), "{lines:?}");
}
