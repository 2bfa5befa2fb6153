//! Each file of `tests/compile/bad` is refused, and its name says why. Those of `bad/edits` hold an object before and
//! after an edit that is refused, though each of the two would be admitted by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use api::Reason;
use compile::{FieldError, FieldReason, Mode, ObjectRef, Synced, Verdict, admit, admit_update, compile};
use serde_json::Value;

use crate::support;

/// What is said about the manifests of one file.
enum Said {
    Fields(Vec<(Value, Vec<FieldError>)>),
    Verdicts(BTreeMap<ObjectRef, Verdict>),
}

fn judge(text: &str) -> Said {
    let documents = support::documents(text);
    let refused: Vec<(Value, Vec<FieldError>)> =
        documents.iter().filter_map(|document| Some((document.clone(), admit(document.clone()).err()?))).collect();
    if refused.is_empty() {
        let inputs = support::world(Mode::Check, text);
        return Said::Verdicts(compile(&Synced::after_first_list(inputs)).verdicts);
    }
    Said::Fields(refused)
}

fn judge_edit(text: &str) -> (Value, Vec<FieldError>) {
    let documents = support::documents(text);
    let [old, new] = documents.as_slice() else { panic!("an edit is two documents") };
    for document in [old, new] {
        assert!(admit(document.clone()).is_ok(), "{document:#} is refused by itself");
    }
    assert!(admit_update(old, old.clone()).is_ok(), "{old:#} cannot stay as it is");
    (new.clone(), admit_update(old, new.clone()).expect_err(text))
}

fn line(errors: &mut String, object: &str, path: &str, reason: &str, message: &str) {
    writeln!(errors, "  {object}: {path}: {reason}: {message}").unwrap();
}

fn field_lines(text: &mut String, document: &Value, errors: &[FieldError]) {
    let of = |pointer| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let object = format!("{} {}/{}", of("/kind"), of("/metadata/namespace"), of("/metadata/name"));
    for error in errors {
        let reason = if let FieldReason::Rule { id } = &error.reason {
            format!("Rule ({id})")
        } else {
            error.reason.as_str().to_owned()
        };
        line(text, &object, &error.path, &reason, &error.message);
    }
}

#[test]
fn every_bad_manifest_is_refused_with_a_hint() {
    let mut report = String::new();
    for (name, text) in support::files("bad") {
        let mut errors = String::new();
        match judge(&text) {
            Said::Fields(refused) => {
                for (document, found) in &refused {
                    field_lines(&mut errors, document, found);
                }
            }
            Said::Verdicts(verdicts) => {
                for (object, verdict) in verdicts {
                    for one in verdict.diagnostics {
                        line(&mut errors, &object.to_string(), &one.path, one.reason.as_str(), &one.message);
                    }
                }
            }
        }
        assert!(!errors.is_empty(), "{name} is not refused");
        writeln!(report, "{name}\n{errors}").unwrap();
    }
    for (name, text) in support::files("bad/edits") {
        let mut errors = String::new();
        let (document, found) = judge_edit(&text);
        field_lines(&mut errors, &document, &found);
        writeln!(report, "edits/{name}\n{errors}").unwrap();
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(support::folder("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("bad", report));
}

#[test]
fn every_rule_refuses_a_bad_manifest() {
    let known: BTreeSet<String> = api::rules().into_iter().map(|rule| rule.id).collect();
    let mut fired = BTreeSet::new();
    let mut note = |errors: Vec<FieldError>| {
        for error in errors {
            if let FieldReason::Rule { id } = error.reason {
                fired.insert(id);
            }
        }
    };
    for text in support::files("bad").values() {
        if let Said::Fields(refused) = judge(text) {
            for (_, errors) in refused {
                note(errors);
            }
        }
    }
    for text in support::files("bad/edits").values() {
        note(judge_edit(text).1);
    }
    let silent: Vec<&String> = known.difference(&fired).collect();
    assert!(silent.is_empty(), "no bad manifest for: {silent:#?}");
    assert!(fired.is_subset(&known), "not rules: {:#?}", fired.difference(&known));
}

#[test]
fn every_reason_that_a_review_can_give_has_a_bad_manifest() {
    let mut given = BTreeSet::new();
    for text in support::files("bad").values() {
        if let Said::Verdicts(verdicts) = judge(text) {
            given.extend(verdicts.into_values().flat_map(|verdict| verdict.diagnostics).map(|one| one.reason));
        }
    }
    let missing: Vec<&Reason> =
        Reason::ALL.iter().filter(|reason| in_a_review(**reason) && !given.contains(reason)).collect();
    assert!(missing.is_empty(), "no bad manifest for: {missing:?}");
}

/// Whether manifests alone can give this reason.
fn in_a_review(reason: Reason) -> bool {
    match reason {
        // Reasons of conditions that hold.
        Reason::Accepted
        | Reason::ResolvedRefs
        | Reason::CredentialsReady
        | Reason::KeysReady
        | Reason::Programmed
        | Reason::Ready
        | Reason::NotApplicable
        // Reasons that need key material, servers or a cluster.
        | Reason::Forbidden
        | Reason::Rotating
        | Reason::SeedMissing
        | Reason::NoActiveKey
        | Reason::KeySecretMissing
        | Reason::WaitingForServers
        | Reason::NoServers => false,
        Reason::Pending
        | Reason::ProviderNotFoundOrNotPermitted
        | Reason::RedirectHostNotAllowed
        | Reason::LogoutHostNotAllowed
        | Reason::JWKSHostNotAllowed
        | Reason::IssuerHostNotAllowed
        | Reason::LoopbackNotAllowed
        | Reason::PrivateUseSchemeNotAllowed
        | Reason::GrantTypeNotAllowed
        | Reason::ResponseTypeNotAllowed
        | Reason::ScopeNotAllowed
        | Reason::ClientAuthenticationNotAllowed
        | Reason::ConsentSkipNotAllowed
        | Reason::SecretReferenceNotAllowed
        | Reason::ClientIDNotAllowed
        | Reason::LifetimeTooLong
        | Reason::ClientIDConflict
        | Reason::SubjectConflict
        | Reason::IssuerConflict
        | Reason::UsernameConflict
        | Reason::AudienceConflict
        | Reason::AudienceHostNotAllowed
        | Reason::UnsupportedValue
        | Reason::SecretNotFoundOrWrongType
        | Reason::PasswordHashUnsupported
        | Reason::GroupNotFound
        | Reason::MemberNotFound
        | Reason::ResourceNotFoundOrNotPermitted
        | Reason::SecretConflict => true,
    }
}
