use serde_json::{Value, json};

use super::*;

fn plan(target: &Value) -> (Plan, Vec<Diagnostic>) {
    let spec = json!({"clientAuthentication": {"clientSecret": {"target": target}}});
    let mut diagnostics = Vec::new();
    let spec: api::OidcApplicationSpec = serde_json::from_value(spec).unwrap();
    let (name, path) = ("notes-oidc".to_owned(), "spec.clientAuthentication");
    let plan = Plan::read(name, path, &spec.client_authentication, &mut diagnostics);
    (plan, diagnostics)
}

fn rendered(target: &Value) -> BTreeMap<String, String> {
    let (plan, diagnostics) = plan(target);
    assert_eq!(diagnostics, []);
    let secret = Secret::new("s3cret".to_owned());
    let issuer = Issuer::parse("https://id.example.com/oidc").unwrap();
    let values = Values { client_id: "team-a.notes", client_secret: Some(&secret), issuer: &issuer };
    let data = plan.render(&values, |key| Ok(Secret::new(format!("derived for {key}")))).unwrap();
    data.into_iter().map(|(key, value)| (key, value.expose().clone())).collect()
}

#[test]
fn by_default_the_keys_fit_an_environment() {
    let expect = [
        ("OIDC_AUTHORIZATION_URL", "https://id.example.com/oidc/auth"),
        ("OIDC_CLIENT_ID", "team-a.notes"),
        ("OIDC_CLIENT_SECRET", "s3cret"),
        ("OIDC_DISCOVERY_URL", "https://id.example.com/oidc/.well-known/openid-configuration"),
        ("OIDC_END_SESSION_URL", "https://id.example.com/oidc/session/end"),
        ("OIDC_ISSUER_URL", "https://id.example.com/oidc"),
        ("OIDC_JWKS_URL", "https://id.example.com/oidc/.well-known/jwks.json"),
        ("OIDC_TOKEN_URL", "https://id.example.com/oidc/token"),
        ("OIDC_USERINFO_URL", "https://id.example.com/oidc/me"),
    ];
    assert_eq!(rendered(&json!({})), expect.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
}

#[test]
fn keys_of_choice() {
    let target = json!({"data": [
        {"key": "id", "valueFrom": "ClientID"},
        {"key": "cookie", "valueFrom": "DerivedKey"},
        {"key": "env", "template": "ID=${ClientID} SECRET=${ClientSecret} $${x}"},
    ]});
    let expect =
        [("cookie", "derived for cookie"), ("env", "ID=team-a.notes SECRET=s3cret ${x}"), ("id", "team-a.notes")];
    assert_eq!(rendered(&target), expect.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
}

#[test]
fn mistakes_have_their_fields() {
    for (entry, path) in
        [(json!({"key": "a", "template": "${Other}"}), "data[0].template"), (json!({"key": "a"}), "data[0]")]
    {
        let (_, diagnostics) = plan(&json!({"data": [entry]}));
        let paths: Vec<&str> = diagnostics.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, [format!("{}.{path}", target_path("spec.clientAuthentication"))]);
    }
}

#[test]
fn t_k10_what_makes_a_secret_ours_cannot_be_said_by_others() {
    let (plan, _) = plan(
        &json!({"metadata": {"labels": {APPLICATION_UID_LABEL: "forged"}, "annotations": {EPOCH_ANNOTATION: "99"}}}),
    );
    let secret = plan.secret(
        &ObjectKey::new("team-a", "notes"),
        &Uid::new("real"),
        (None, "spec.clientAuthentication"),
        (1, false),
        BTreeMap::new(),
    );
    assert_eq!(secret.labels[APPLICATION_UID_LABEL], "real");
    assert_eq!(secret.annotations[EPOCH_ANNOTATION], "1");
}

#[test]
fn t_k10_reserved_domains_and_what_lies_below_them() {
    for (key, expect) in [
        ("kubernetes.io/service-account.name", true),
        ("argocd.argoproj.io/secret-type", true),
        ("KUBERNETES.IO/x", true),
        ("x.k8s.io/y", true),
        ("portcullis.dev/epoch", true),
        ("app.kubernetes.io/managed-by", true),
        ("app.kubernetes.io/part-of", false),
        ("x.app.kubernetes.io/part-of", true),
        ("mykubernetes.io/x", false),
        ("kubernetes.io.example/x", false),
        ("kubernetes.io", false),
        ("team", false),
    ] {
        assert_eq!(is_reserved(key), expect, "{key}");
    }
}
