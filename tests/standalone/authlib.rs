//! Authlib, which we did not write and which is not even Rust, as the relying party: what it reports is judged here.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};
use xtask::python;

use crate::harness::{Provider, alice, demo_credentials};

/// Every response type, and what Authlib is to find in the answer at the redirect URI.
const RESPONSE_TYPES: &[(&str, &str, &[&str])] = &[
    ("code", "query", &["code"]),
    ("id_token", "fragment", &["id_token"]),
    ("id_token token", "fragment", &["access_token", "id_token"]),
    ("code id_token", "fragment", &["code", "id_token"]),
    ("code token", "fragment", &["access_token", "code"]),
    ("code id_token token", "fragment", &["access_token", "code", "id_token"]),
];

/// The methods whose client credentials are asked for, each by an application of its own.
const METHODS: [&str; 4] = ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"];

/// Authlib's report: one run for all of the tests.
static REPORT: LazyLock<Value> = LazyLock::new(report);

fn name(method: &str) -> String {
    method.replace('_', "-")
}

fn application(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: portcullis.dev/v1alpha1\nkind: OidcApplication\nmetadata: {{name: {name}, namespace: team-a}}\n\
         spec:\n  providerRef: {{name: default, namespace: identity}}\n{spec}"
    )
}

fn applications(callback: &str, public: &Value) -> String {
    let response_types: Vec<String> = RESPONSE_TYPES.iter().map(|(name, _, _)| format!("{name:?}")).collect();
    let mut text = application(
        "everything",
        &format!(
            "  redirectURIs: ['{callback}']\n  grantTypes: [authorization_code, implicit, refresh_token]\n  responseTypes: [{}]\n  \
             scopes: [openid, profile, email, groups, offline_access]\n  groupsClaim: All\n",
            response_types.join(", ")
        ),
    );
    for method in METHODS {
        let authentication = match method {
            "private_key_jwt" => {
                format!("type: PrivateKeyJwt, privateKeyJwt: {{keys: [{{keyID: authlib, jwk: '{public}'}}]}}")
            }
            method => format!("type: ClientSecret, clientSecret: {{methods: [{method}]}}"),
        };
        text += &application(
            &name(method),
            &format!(
                "  grantTypes: [client_credentials]\n  scopes: []\n  clientAuthentication: {{{authentication}}}\n"
            ),
        );
    }
    text
}

fn run(arguments: &[&str], told: &Value) -> Value {
    let mut python = Command::new(python::get().unwrap());
    python.arg(python::folder().join("client.py")).args(arguments).env_remove("PYTHONPATH");
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(told.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn report() -> Value {
    let key = run(&["key"], &json!(null));
    let provider = Provider::start_with(|manifests| {
        let file = manifests.join("provider.yaml");
        let mut text = fs::read_to_string(&file).unwrap().trim_end().to_owned();
        let response_types: Vec<String> = RESPONSE_TYPES.iter().map(|(name, _, _)| format!("{name:?}")).collect();
        let grants = "authorization_code, implicit, refresh_token, client_credentials";
        write!(text, "\n    grantTypes: [{grants}]\n    responseTypes: [{}]\n", response_types.join(", ")).unwrap();
        fs::write(&file, text).unwrap();
        let callback = callback(manifests);
        fs::write(manifests.join("authlib.yaml"), applications(&callback, &key["public"])).unwrap();
    });
    let secret = |name: &str| {
        let path = provider.state().join(format!("credentials/team-a_{name}-oidc.yaml"));
        demo_credentials(&path, "OIDC_CLIENT_SECRET")
            .unwrap_or_else(|| panic!("no secret of {name}\n{}", provider.log()))
    };
    let everything =
        json!({"id": "team-a.everything", "method": "client_secret_basic", "secret": secret("everything")});
    let mut applications = serde_json::Map::from_iter([("everything".to_owned(), everything)]);
    for method in METHODS {
        let secret = if method == "private_key_jwt" { key["private"].clone() } else { json!(secret(&name(method))) };
        let application = json!({"id": format!("team-a.{}", name(method)), "method": method, "secret": secret});
        applications.insert(method.to_owned(), application);
    }
    let (username, password) = alice();
    let told = json!({
        "issuer": provider.issuer(),
        "callback": provider.callback(),
        "person": {"username": username, "password": password},
        "response_types": RESPONSE_TYPES.iter().map(|(name, _, _)| *name).collect::<Vec<_>>(),
        "applications": applications,
    });
    run(&[], &told)
}

/// Where the application of the quickstart wants its answers, which the manifests were moved to.
fn callback(manifests: &std::path::Path) -> String {
    let text = fs::read_to_string(manifests.join("application.yaml")).unwrap();
    text.lines()
        .find_map(|line| line.trim().strip_prefix("- ").filter(|uri| uri.ends_with("/callback")))
        .unwrap()
        .to_owned()
}

fn has(list: &Value, name: &str) -> bool {
    list.as_array().is_some_and(|list| list.contains(&json!(name)))
}

#[test]
fn authlib_parses_and_verifies_every_response_type() {
    let flows = REPORT["flows"].as_object().unwrap();
    assert_eq!(flows.len(), RESPONSE_TYPES.len());
    let subject = &flows["code"]["subject"];
    for (response_type, place, front) in RESPONSE_TYPES {
        let flow = &flows[*response_type];
        assert_eq!(flow["where"], *place, "{response_type}: {flow}");
        for parameter in ["access_token", "code", "id_token"] {
            assert_eq!(has(&flow["front"], parameter), front.contains(&parameter), "{response_type}: {flow}");
        }
        assert_eq!(&flow["subject"], subject, "{response_type}: {flow}");
        let (code, token) = (front.contains(&"code"), front.contains(&"access_token"));
        if front.contains(&"id_token") {
            // Authlib recomputed those that it was given a value for.
            assert_eq!(has(&flow["front_id_token"], "c_hash"), code, "{response_type}: {flow}");
            assert_eq!(has(&flow["front_id_token"], "at_hash"), token, "{response_type}: {flow}");
        }
        if code {
            assert_eq!(flow["same_subject"], true, "{response_type}: {flow}");
            assert!(
                has(&flow["back_id_token"], "at_hash") && has(&flow["token"], "expires_in"),
                "{response_type}: {flow}"
            );
        }
        if code || token {
            let about = &flow["userinfo"];
            assert_eq!(
                (&about["sub"], &about["email"]),
                (subject, &json!("alice@example.com")),
                "{response_type}: {flow}"
            );
            assert_eq!(
                (&about["name"], &about["groups"]),
                (&json!("Alice Liddell"), &json!(["writers"])),
                "{response_type}"
            );
        }
    }
}

#[test]
fn authlib_refreshes_introspects_and_revokes() {
    let report = &REPORT["refreshing"];
    assert_eq!((&report["rotated"], &report["nonce"]), (&json!(true), &json!(true)), "{report}");
    assert!(has(&report["refreshed"], "id_token") && has(&report["refreshed"], "refresh_token"), "{report}");
    let told = &report["introspection"];
    assert_eq!((&told["active"], &told["client_id"]), (&json!(true), &json!("team-a.everything")), "{report}");
    assert_eq!((&report["revoked"], &report["afterwards"]), (&json!(200), &json!({"active": false})), "{report}");
    assert_eq!(report["refresh_afterwards"], "invalid_grant", "{report}");
}

#[test]
fn authlib_authenticates_by_every_method() {
    for method in METHODS {
        let report = &REPORT[method];
        assert!(has(&report["granted"], "access_token"), "{method}: {report}");
        assert_eq!(report["with_a_wrong_one"], "invalid_client", "{method}: {report}");
    }
}
