//! Faults that a compilation survives, and changes that it follows.

use api::Reason;
use compile::{Compiled, Inputs, Mode};
use crypto::Algorithm;
use serde_json::{Value, json};

use crate::support;
use crate::worlds::{application, clients, notes, object, policy, provider, reasons, run, world};

#[test]
fn f13_the_order_of_arrival_does_not_show() {
    let documents = [
        application("team-a", "notes", &json!({"userAccess": {"type": "Groups", "groups": ["sre"]}})),
        object("OidcGroup", "identity", "sre", &json!({"members": [{"name": "alice"}]})),
        object("OidcUser", "identity", "alice", &json!({})),
        provider(&json!([policy(&json!({}))])),
    ];
    let complete = world(&documents);
    let mut growing = support::empty(Mode::Standalone);
    for (position, document) in documents.iter().enumerate() {
        support::add(&mut growing, document, position);
        growing.materials = complete.materials.clone();
        run(&growing);
    }
    let (grown, complete) = (run(&growing), run(&complete));
    assert_eq!(grown.verdicts, complete.verdicts);
    let digest =
        |compiled: &Compiled| compiled.catalogs.values().map(|catalog| catalog.digest.clone()).collect::<Vec<_>>();
    assert_eq!(digest(&grown), digest(&complete));
    assert!(notes(&grown).ready());
}

#[test]
fn f16_a_secret_is_derived_again_byte_by_byte() {
    let inputs = world(&[provider(&json!([policy(&json!({}))])), application("team-a", "notes", &json!({}))]);
    let content = |compiled: &Compiled| {
        let secret = &compiled.credentials[&support::key("team-a", "notes-oidc")];
        secret.data.iter().map(|(key, value)| (key.clone(), value.expose().clone())).collect::<Vec<_>>()
    };
    assert_eq!(content(&run(&inputs)), content(&run(&inputs)));
}

#[test]
fn f24_a_secret_that_comes_later_is_picked_up() {
    let allowing = json!([policy(&json!({"secretReferences": "Allowed"}))]);
    let notes_spec =
        json!({"clientAuthentication": {"clientSecret": {"source": "Reference", "reference": {"name": "chosen"}}}});
    let mut inputs = world(&[provider(&allowing), application("team-a", "notes", &notes_spec)]);
    assert_eq!(reasons(notes(&run(&inputs))), [Reason::SecretNotFoundOrWrongType]);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chosen", "namespace": "team-a"},
        "type": "portcullis.dev/client-secret-input", "stringData": {"client-secret": "0123456789abcdef0123456789abcdef"},
    });
    support::add(&mut inputs, &secret, 9);
    assert!(notes(&run(&inputs)).ready());
}

#[test]
fn f24_a_reference_that_leads_nowhere_takes_no_other_client_with_it() {
    let allowing = json!([policy(&json!({"secretReferences": "Allowed"}))]);
    let by_reference = |name: &str| json!({"clientSecret": {"source": "Reference", "reference": {"name": name}}});
    let account = |name: &str, authentication: &Value| json!({"name": name, "clientAuthentication": authentication});
    let mut notes_spec = json!({
        "clientAuthentication": by_reference("nowhere"),
        "claims": [{"name": "team", "value": "a", "targets": ["AccessToken"]}],
        "programmaticAccess": [account("lost", &by_reference("nowhere")), account("job", &json!({}))],
    });
    let compiled = run(&world(&[provider(&allowing), application("team-a", "notes", &notes_spec)]));
    assert_eq!(reasons(notes(&compiled)), [Reason::SecretNotFoundOrWrongType; 2]);
    let served = clients(&compiled);
    assert_eq!(served.keys().collect::<Vec<_>>(), ["team-a.notes.job"], "an account is a client of its own");
    assert_eq!(served["team-a.notes.job"].extra_claims.len(), 1, "with what it has of its application");
    assert!(!notes(&compiled).served);
    assert_eq!(
        compiled.credentials.keys().collect::<Vec<_>>(),
        [&support::key("team-a", "notes.job-oidc")],
        "what nobody accepts is not handed out"
    );
    // What speaks against the application itself speaks against them all.
    notes_spec["redirectURIs"] = json!(["https://evil.example/cb"]);
    let refused = run(&world(&[provider(&allowing), application("team-a", "notes", &notes_spec)]));
    assert!(clients(&refused).is_empty() && refused.credentials.is_empty());
}

/// What no server knows has no record either, and without one nobody remembers its epoch: it would rise each time that the
/// Secret is written.
#[test]
fn f12_a_secret_that_no_server_would_accept_is_not_handed_out() {
    let mut provider = provider(&json!([policy(&json!({}))]));
    provider["spec"]["signing"] = json!({"algorithms": ["RS256", "ES256"]});
    let signed = application("team-a", "notes", &json!({"idToken": {"signingAlgorithm": "ES256"}}));
    let mut inputs = world(&[provider, signed]);
    let with_keys = |inputs: &mut Inputs, algorithms: &[Algorithm]| {
        inputs.materials.insert(support::key("identity", "default"), support::material(algorithms));
        let compiled = run(inputs);
        (clients(&compiled).len(), compiled.credentials.len())
    };
    assert_eq!(with_keys(&mut inputs, &[Algorithm::RS256, Algorithm::ES256]), (1, 1));
    assert_eq!(with_keys(&mut inputs, &[Algorithm::RS256]), (0, 0), "its tokens cannot be signed yet");
    assert_eq!(with_keys(&mut inputs, &[Algorithm::ES256]), (0, 0), "the provider is not served");
}

#[test]
fn f34_a_namespace_that_loses_its_label_loses_its_access() {
    let by_tier =
        policy(&json!({"namespaces": {"type": "Selector", "selector": {"matchLabels": {"tier": "trusted"}}}}));
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a", "labels": {"tier": "trusted"}}});
    let mut inputs = world(&[provider(&json!([by_tier])), namespace, application("team-a", "notes", &json!({}))]);
    assert!(notes(&run(&inputs)).ready());
    inputs.namespaces.get_mut("team-a").unwrap().clear();
    assert_eq!(reasons(notes(&run(&inputs))), [Reason::ProviderNotFoundOrNotPermitted]);
}

#[test]
fn f36_the_loser_holds_the_name_once_the_winner_is_gone() {
    let granting = policy(&json!({"namespaces": {"type": "All"}, "customClientIDPrefixes": ["legacy-"]}));
    let custom = json!({"clientID": "legacy-portal"});
    let documents = [
        provider(&json!([granting])),
        application("team-b", "portal", &custom),
        application("team-a", "notes", &custom),
    ];
    let mut inputs = world(&documents);
    assert_eq!(reasons(notes(&run(&inputs))), [Reason::ClientIDConflict]);
    inputs.applications.remove(&support::key("team-b", "portal"));
    assert!(notes(&run(&inputs)).ready());
}

#[test]
fn f40_an_object_replaced_under_its_name_is_another_one() {
    let mut documents = [provider(&json!([policy(&json!({}))])), application("team-a", "notes", &json!({}))];
    documents[1]["metadata"]["uid"] = "first".into();
    let first = run(&world(&documents));
    documents[1]["metadata"]["uid"] = "second".into();
    let second = run(&world(&documents));
    assert_eq!(notes(&second).uid.as_ref().unwrap().as_str(), "second");
    assert_ne!(clients(&first)["team-a.notes"].uid, clients(&second)["team-a.notes"].uid);
}

#[test]
fn f42_without_its_provider_an_application_is_refused() {
    let mut inputs = world(&[provider(&json!([policy(&json!({}))])), application("team-a", "notes", &json!({}))]);
    inputs.providers.clear();
    let compiled = run(&inputs);
    assert_eq!(reasons(notes(&compiled)), [Reason::ProviderNotFoundOrNotPermitted]);
    assert!(compiled.catalogs.is_empty());
}

#[test]
fn f54_a_secret_that_could_not_be_stored_is_refused() {
    let data = json!([{"key": "k", "template": "${IssuerURL}"}]);
    let notes_spec = json!({"clientAuthentication": {"clientSecret": {"target": {"data": data}}}});
    let mut inputs = world(&[provider(&json!([policy(&json!({}))])), application("team-a", "notes", &notes_spec)]);
    assert!(notes(&run(&inputs)).ready());
    // More than the schema admits today, but possibly not yesterday.
    let stored = inputs.applications.values_mut().next().unwrap();
    let target = &mut stored.spec.client_authentication.client_secret.as_mut().unwrap().target;
    target.data[0].template = Some("${IssuerURL}".repeat(3300));
    let compiled = run(&inputs);
    assert_eq!(reasons(notes(&compiled)), [Reason::UnsupportedValue]);
    assert_eq!(notes(&compiled).diagnostics[0].path, "spec.clientAuthentication.clientSecret.target.data");
}
