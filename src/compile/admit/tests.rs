use proptest::prelude::*;
use serde_json::json;

use api::OidcApplicationSpec;

use super::*;

fn application(spec: &Value) -> Value {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "OidcApplication",
        "metadata": {"name": "notes", "namespace": "team-a"}, "spec": spec,
    })
}

const URI: &str = "https://notes.example.com/callback";

fn paths(result: Result<Object, Vec<FieldError>>) -> Vec<String> {
    result.map_or_else(|errors| errors.into_iter().map(|error| error.path).collect(), |_| Vec::new())
}

#[test]
fn every_schema_can_be_read_to_the_last_keyword() {
    for kind in Kind::ALL {
        let schema = schema::of(*kind).as_ref().unwrap();
        assert!(!schema.root.properties.is_empty(), "{kind}");
    }
}

#[test]
fn defaults_are_there_after_admission() {
    let Ok(Object::Application(object)) = admit(application(&json!({"redirectURIs": [URI], "idToken": null}))) else {
        panic!("refused")
    };
    assert_eq!(object.spec.id_token, api::IdToken::default());
    assert_eq!(object.spec.scopes.len(), 3);
    assert_eq!(object.spec.response_types, None);
}

#[test]
fn narrowing_a_list_with_a_default_narrows_it() {
    let spec = json!({"redirectURIs": [URI], "scopes": ["openid"]});
    let Ok(Object::Application(object)) = admit(application(&spec)) else { panic!("refused") };
    assert_eq!(object.spec.scopes, [api::ScopeToken::from("openid")]);
}

#[test]
fn all_errors_are_collected() {
    let spec = json!({
        "redirectURIs": ["http://evil.example/", 7], "scope": ["openid"], "pkce": "Never", "idToken": {"lifetimeSeconds": 1},
    });
    assert_eq!(
        paths(admit(application(&spec))),
        ["spec.idToken.lifetimeSeconds", "spec.pkce", "spec.redirectURIs[0]", "spec.redirectURIs[1]", "spec.scope"],
    );
}

/// Rules about what is broken already would only repeat it in other words, or fail themselves.
#[test]
fn rules_do_not_judge_what_is_broken() {
    let errors = admit(application(&json!({"redirectURIs": "x", "claims": [{"name": 1}]}))).unwrap_err();
    assert!(errors.iter().all(|error| error.reason == FieldReason::Type), "{errors:#?}");
}

#[test]
fn a_manifest_without_spec_lacks_it() {
    let mut manifest = application(&json!(null));
    assert_eq!(paths(admit(manifest.clone())), ["spec"]);
    manifest.as_object_mut().unwrap().remove("spec");
    assert_eq!(paths(admit(manifest)), ["spec"]);
}

#[test]
fn what_is_no_business_of_ours_is_named_and_left() {
    for (api_version, kind) in [("apps/v1", "Deployment"), ("v1", "ConfigMap"), ("example.com/v1", "OidcUser")] {
        let object =
            admit(json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "other": [null]}));
        assert!(matches!(object.unwrap(), Object::Other { kind: found, name, .. } if found == kind && name == "x"));
    }
}

#[test]
fn what_is_no_manifest_is_refused() {
    for value in
        [json!(null), json!([]), json!("x"), json!({}), json!({"apiVersion": 1, "kind": []}), json!({"kind": "Secret"})]
    {
        assert!(admit(value.clone()).is_err(), "{value}");
    }
    for api_version in ["portcullis.dev/v1", "portcullis.dev/", "portcullis.dev/v1alpha1/x"] {
        let manifest =
            json!({"apiVersion": api_version, "kind": "OidcUser", "metadata": {"name": "a", "namespace": "b"}});
        assert_eq!(paths(admit(manifest)), ["apiVersion"], "{api_version}");
    }
}

#[test]
fn an_update_judges_what_must_not_change() {
    let before = application(&json!({"redirectURIs": [URI], "clientID": "legacy"}));
    let changed = application(&json!({"redirectURIs": [URI], "clientID": "other"}));
    assert!(admit(changed.clone()).is_ok());
    assert_eq!(paths(admit_update(&before, changed.clone())), ["spec.clientID"]);
    assert_eq!(paths(admit_update(&before, before.clone())), [""; 0]);
    // Another object, or one that was never admitted, is no former state.
    let mut another = before.clone();
    another["metadata"]["name"] = "wiki".into();
    assert!(admit_update(&another, changed.clone()).is_ok());
    let mut broken = before;
    broken["spec"]["clientID"] = json!(7);
    assert!(admit_update(&broken, changed.clone()).is_ok());
    assert!(admit_update(&json!(null), changed).is_ok());
}

fn secret(fields: &Value) -> Value {
    let mut manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}});
    manifest.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap_or_default());
    manifest
}

#[test]
fn secrets_are_merged() {
    let fields = json!({"type": "t", "data": {"a": "YQ==", "b": "Yg=="}, "stringData": {"b": "c"}, "immutable": true});
    let Ok(Object::Secret(secret)) = admit(secret(&fields)) else { panic!("refused") };
    let data: Vec<_> = secret.data.unwrap().into_iter().map(|(key, bytes)| (key, bytes.0)).collect();
    assert_eq!(data, [("a".to_owned(), b"a".to_vec()), ("b".to_owned(), b"c".to_vec())]);
    assert_eq!((secret.type_.as_deref(), secret.immutable, secret.string_data), (Some("t"), Some(true), None));
}

#[test]
fn t_p40_messages_about_secrets_quote_no_value() {
    for fields in [
        json!({"data": {"a": "hunter2!"}}),
        json!({"data": {"a": {"b": "hunter2"}}}),
        json!({"stringData": {"a": ["hunter2"]}}),
        json!({"stringData": "hunter2"}),
        json!({"stringData": {"bad key": "hunter2"}}),
        json!({"immutable": "hunter2"}),
        json!({"type": {"x": "hunter2"}}),
        json!({"stringdata": {"a": "hunter2"}}),
    ] {
        let errors = admit(secret(&fields)).unwrap_err();
        assert!(!format!("{errors:?}").contains("hunter2"), "{errors:?}");
    }
    let object = admit(secret(&json!({"stringData": {"a": "hunter2"}}))).unwrap();
    assert!(!format!("{object:?}").contains("hunter2") && !format!("{object:?}").contains("104"));
}

/// Anything that YAML can hold, with words of the schemas among the keys.
fn any_value() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        "[a-z]{0,4}",
        prop::sample::select(vec![
            "spec",
            "metadata",
            "name",
            "namespace",
            "labels",
            "redirectURIs",
            "grantTypes",
            "clientAuthentication",
            "clientSecret",
            "target",
            "data",
            "key",
            "template",
            "claims",
            "applicationPolicies",
            "namespaces",
            "selector",
            "matchLabels",
            "type",
            "signing",
            "algorithms",
            "issuer",
            "username",
            "members",
            "audience",
            "scopes",
            "status",
            "stringData",
            "programmaticAccess",
            "OidcUser",
            "https://a.example/cb",
            "RS256",
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        word.clone().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(word.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_kind() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("portcullis.dev/v1alpha1", "OidcProvider"),
        ("portcullis.dev/v1alpha1", "OidcApplication"),
        ("portcullis.dev/v1alpha1", "OidcResource"),
        ("portcullis.dev/v1alpha1", "OidcUser"),
        ("portcullis.dev/v1alpha1", "OidcGroup"),
        ("v1", "Secret"),
        ("v1", "Namespace"),
    ])
}

/// Places of a good manifest, and what to put there: mostly what may well stand there.
fn any_change() -> impl Strategy<Value = (prop::sample::Index, Value)> {
    let mild = prop::sample::select(vec![
        json!(null),
        json!(""),
        json!([]),
        json!({}),
        json!(0),
        json!(60),
        json!(3600),
        json!(true),
        json!("a"),
        json!(["a"]),
        json!("Null"),
        json!("None"),
        json!("Optional"),
        json!("ClientID"),
        json!("ES256"),
        json!([null]),
    ]);
    (any::<prop::sample::Index>(), prop_oneof![8 => mild, 1 => any_value()])
}

/// Every place below `value`, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(name, member)| places(member, &format!("{at}/{}", name.replace('/', "~1")), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn full_application() -> Value {
    application(&json!({
        "displayName": "Notes", "redirectURIs": [URI], "postLogoutRedirectURIs": [URI],
        "grantTypes": ["authorization_code"], "responseTypes": ["code"], "scopes": ["openid"],
        "idToken": {"signingAlgorithm": "RS256", "lifetimeSeconds": 60}, "claims": [{"name": "KEY", "value": "VALUE", "targets": ["IDToken"]}],
        "userAccess": {"type": "Groups", "groups": ["sre"]},
        "clientAuthentication": {"clientSecret": {"methods": ["client_secret_post"], "rotation": {"periodSeconds": 0},
            "target": {"name": "x", "metadata": {"labels": {"a": "b"}}, "data": [{"key": "k", "template": "${ClientID}"}]}}},
        "programmaticAccess": [{"name": "w", "resources": [{"resourceRef": {"name": "a"}, "scopes": ["b"]}], "expirationTime": "2027-01-01T00:00:00Z"}],
    }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics((api_version, kind) in any_kind(), mut manifest in any_value(), metadata in any::<bool>()) {
        if let Some(members) = manifest.as_object_mut() {
            members.insert("apiVersion".to_owned(), api_version.into());
            members.insert("kind".to_owned(), kind.into());
            if metadata {
                members.insert("metadata".to_owned(), json!({"name": "a", "namespace": "n"}));
            }
        }
        let outcome = admit(manifest.clone());
        let again = admit_update(&manifest, manifest.clone());
        prop_assert_eq!(outcome.is_ok(), again.is_ok(), "an object may stay as it is");
    }

    /// Whatever is done to a good manifest, what the structure and the rules admit can be decoded.
    #[test]
    fn what_is_admitted_decodes(changes in prop::collection::vec(any_change(), 1..3)) {
        let mut manifest = full_application();
        for (place, value) in changes {
            let mut found = Vec::new();
            places(&manifest["spec"], "/spec", &mut found);
            if let Some(target) = manifest.pointer_mut(place.get::<String>(&found)) {
                *target = value;
            }
        }
        if let Err(errors) = admit(manifest) {
            prop_assert!(errors.iter().all(|error| !error.path.is_empty()), "{errors:#?}");
        }
    }

    /// What may stand in a template is said twice: by a rule of the schema, and by the reader.
    #[test]
    fn templates_are_read_as_the_rule_admits_them(text in "(\\$|\\{|\\}|ClientID|DerivedKey|x|\n){0,12}") {
        let data = json!([{"key": "k", "template": text}]);
        let spec = json!({"redirectURIs": [URI], "clientAuthentication": {"clientSecret": {"target": {"data": data}}}});
        let admitted = admit(application(&spec));
        let spec: OidcApplicationSpec = serde_json::from_value(spec).unwrap();
        let mut diagnostics = Vec::new();
        let (name, path) = ("notes-oidc".to_owned(), "spec.clientAuthentication");
        crate::credentials::Plan::read(name, path, &spec.client_authentication, &mut diagnostics);
        prop_assert_eq!(admitted.is_ok(), diagnostics.is_empty(), "{:?} {:?}", admitted, diagnostics);
    }

    /// What the schema takes for a redirect URI the server can register.
    #[test]
    fn redirect_uris_that_are_admitted_can_be_registered(
        uri in "(https://(a\\.example|xn--bcher-kva\\.example|10\\.0\\.0\\.1|1\\.2|A|u@a)|http://(127\\.0\\.0\\.1|\\[::1\\]|localhost|a)|com\\.example\\.app:|javascript:)(:[1-9][0-9]{0,4})?[/?](\\.\\.?|%2e|%2F|/|\\?|;|a|b|=|&|@|#|\\*|\\\\| |é){0,4}",
        native in any::<bool>(),
    ) {
        let spec = json!({"redirectURIs": [uri], "applicationType": if native { "Native" } else { "Web" }});
        if admit(application(&spec)).is_ok() {
            prop_assert!(oidc::uri::RedirectUri::parse(&uri).is_ok(), "{}: {:?}", uri, oidc::uri::RedirectUri::parse(&uri));
        }
    }
}
