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
    for sample in ["quickstart", "apis", "clients"] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/samples/");
        let checked = check(vec![format!("{folder}{sample}").into()], None);
        assert!(checked.objects >= 4, "{sample}");
        assert_eq!(checked.errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "{sample}");
    }
}

/// Each client with the provider alone, as somebody would copy it, and what it cannot be told otherwise: its own path.
#[test]
fn every_client_of_the_samples_passes_alone_and_is_in_the_readme() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds/samples/clients");
    let readme = fs::read_to_string(folder.join("../../../README.md")).unwrap();
    let chapter = readme.split("## Connect an application").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "provider.yaml");
    names.sort();
    let clients = [
        ("argo-cd.yaml", "/auth/callback", 3),
        ("auth-js.yaml", "/api/auth/callback/portcullis", 2),
        ("envoy-gateway.yaml", "/oauth2/callback", 2),
        ("grafana.yaml", "/login/generic_oauth", 2),
        ("kubelogin.yaml", "http://localhost:8000", 2),
        ("oauth2-proxy.yaml", "/oauth2/callback", 2),
        ("spring.yaml", "/login/oauth2/code/portcullis", 2),
    ];
    assert_eq!(names, clients.map(|(name, _, _)| name));
    for (name, path, objects) in clients {
        let checked = check(vec![folder.join("provider.yaml"), folder.join(name)], None);
        assert_eq!(checked.errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "{name}");
        assert_eq!(checked.objects, objects, "{name}");
        let manifest = fs::read_to_string(folder.join(name)).unwrap();
        let lists = manifest.split("redirectURIs:\n").skip(1);
        let uris: Vec<&str> = lists.flat_map(|rest| rest.lines().take_while(|line| line.starts_with("  - "))).collect();
        assert!(uris.iter().any(|uri| uri.ends_with(path)), "{name}: {uris:?}");
        assert!(chapter.contains(&format!("`{name}`")), "the README leaves {name} out");
        for key in manifest.lines().filter_map(|line| line.trim().strip_prefix("- key: ")) {
            assert!(chapter.contains(&format!("`{key}`")), "the README leaves {key} of {name} out");
        }
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
