use api::ConditionType as C;

use super::*;
use crate::verdict::SecretFacts;

const NOW: &str = "2026-05-05T00:00:00Z";
const BEFORE: &str = "2026-01-01T00:00:00Z";

fn application(diagnostics: Vec<Diagnostic>, served: bool) -> Verdict {
    let credentials = Credentials::ClientSecret {
        secret_name: "notes-oidc".to_owned(),
        generated: Some(SecretFacts {
            epoch: 3,
            trigger: "leak".to_owned(),
            since: Some(1_767_225_600),
            previous_ends: Some(1_767_312_000),
        }),
    };
    let facts =
        ApplicationFacts { client_id: Some("team-a.notes".to_owned()), credentials, ..ApplicationFacts::default() };
    Verdict { uid: None, generation: Some(7), diagnostics, served, facts: Facts::Application(facts) }
}

fn observed(servers: Option<Servers>, previous: &[Condition]) -> Observed<'_> {
    Observed { servers, previous, now: NOW.to_owned() }
}

fn found(verdict: &Verdict, observed: &Observed<'_>) -> Vec<(C, ConditionStatus, Reason)> {
    let status = application_status(verdict, observed);
    status.conditions.into_iter().map(|condition| (condition.type_, condition.status, condition.reason)).collect()
}

fn refused() -> Diagnostic {
    Diagnostic::new(Reason::RedirectHostNotAllowed, "spec.redirectURIs[0]", "no")
}

#[test]
fn all_is_well() {
    use ConditionStatus::True;
    let verdict = application(Vec::new(), true);
    let expect = [
        (C::Accepted, True, Reason::Accepted),
        (C::ResolvedRefs, True, Reason::ResolvedRefs),
        (C::CredentialsReady, True, Reason::CredentialsReady),
        (C::Programmed, True, Reason::Programmed),
        (C::Ready, True, Reason::Ready),
    ];
    assert_eq!(found(&verdict, &observed(None, &[])), expect);
    let all = Servers { serving: 2, loaded: 2 };
    assert_eq!(found(&verdict, &observed(Some(all), &[])), expect);
    let status = application_status(&verdict, &observed(None, &[]));
    let secret = serde_json::to_value(status.client_secret).unwrap();
    let expect = serde_json::json!({
        "secretName": "notes-oidc", "epoch": 3, "observedTrigger": "leak",
        "lastRotationTime": "2026-01-01T00:00:00Z", "previousExpirationTime": "2026-01-02T00:00:00Z",
    });
    assert_eq!(secret, expect);
    assert!(status.conditions.iter().all(|condition| !condition.message.is_empty()), "kubectl describe shows it");
}

#[test]
fn an_edit_is_needed_so_waiting_is_pointless() {
    let found = found(&application(vec![refused()], false), &observed(None, &[]));
    assert_eq!(found[0], (C::Accepted, ConditionStatus::False, Reason::RedirectHostNotAllowed));
    assert_eq!(found[4], (C::Ready, ConditionStatus::False, Reason::RedirectHostNotAllowed));
    assert_eq!(found[5], (C::Stalled, ConditionStatus::True, Reason::RedirectHostNotAllowed));
    assert_eq!(found.len(), 6, "what is not true is not there: {found:?}");
}

#[test]
fn another_object_may_mend_it_so_work_goes_on() {
    let missing = Diagnostic::new(Reason::ProviderNotFoundOrNotPermitted, "spec.providerRef", "no");
    let found = found(&application(vec![missing.clone()], false), &observed(None, &[]));
    assert_eq!(found[5], (C::Reconciling, ConditionStatus::True, Reason::ProviderNotFoundOrNotPermitted));
    let both = super::tests::found(&application(vec![missing, refused()], false), &observed(None, &[]));
    assert_eq!(both[5], (C::Stalled, ConditionStatus::True, Reason::RedirectHostNotAllowed));
    assert_eq!(both[4].2, Reason::ProviderNotFoundOrNotPermitted, "Ready gives the first reason");
}

#[test]
fn programmed_counts_servers() {
    let verdict = application(Vec::new(), true);
    for (serving, loaded, reason) in [(0, 0, Reason::NoServers), (3, 2, Reason::WaitingForServers)] {
        let found = found(&verdict, &observed(Some(Servers { serving, loaded }), &[]));
        assert_eq!(found[3], (C::Programmed, ConditionStatus::False, reason));
        assert_eq!(found[4], (C::Ready, ConditionStatus::False, reason));
        assert_eq!(found[5], (C::Reconciling, ConditionStatus::True, reason));
    }
    let status = application_status(&verdict, &observed(Some(Servers { serving: 3, loaded: 2 }), &[]));
    assert_eq!(status.conditions[3].message, "2 of 3 servers have loaded it");
    // A server that has loaded what is refused does not make it programmed.
    let refused = application(vec![refused()], false);
    assert_eq!(found(&refused, &observed(Some(Servers { serving: 1, loaded: 1 }), &[]))[3].1, ConditionStatus::False);
}

#[test]
fn credentials_are_ready_when_those_of_every_account_are() {
    use ConditionStatus::{True, Unknown};
    let account = |name: &str, credentials, served| AccountFacts {
        name: name.to_owned(),
        client_id: format!("team-a.notes.{name}"),
        credentials,
        served,
    };
    let secret = || Credentials::ClientSecret { secret_name: "s".to_owned(), generated: None };
    let check = |own, accounts: Vec<AccountFacts>, expect: (ConditionStatus, Reason), message: &str| {
        let mut verdict = application(Vec::new(), true);
        verdict.facts = Facts::Application(ApplicationFacts { credentials: own, accounts, ..Default::default() });
        let status = application_status(&verdict, &observed(None, &[]));
        let ready = status.conditions.iter().find(|condition| condition.type_ == C::CredentialsReady).unwrap();
        assert_eq!((ready.status, ready.reason), expect);
        assert!(ready.message.contains(message), "{}", ready.message);
    };
    let (holds, pending) = ((True, Reason::CredentialsReady), (Unknown, Reason::Pending));
    check(secret(), vec![account("a", secret(), true)], holds, "");
    check(secret(), vec![account("a", secret(), true), account("b", secret(), false)], pending, "account `b`");
    check(Credentials::NotApplicable, vec![account("a", Credentials::Unknown, false)], pending, "account `a`");
    check(Credentials::NotApplicable, vec![account("a", secret(), true)], holds, "");
    let secretless = || account("a", Credentials::NotApplicable, true);
    check(secret(), vec![secretless()], holds, "");
    check(Credentials::NotApplicable, vec![secretless()], (True, Reason::NotApplicable), "");
}

#[test]
fn times_move_with_the_status_and_generations_always() {
    let first = application_status(
        &application(vec![refused()], false),
        &Observed { now: BEFORE.to_owned(), ..observed(None, &[]) },
    );
    let mut later = application(vec![Diagnostic::new(Reason::ScopeNotAllowed, "spec.scopes[0]", "no")], false);
    later.generation = Some(8);
    let again = application_status(&later, &observed(None, &first.conditions));
    let mended = application_status(&application(Vec::new(), true), &observed(None, &again.conditions));
    let time = |status: &OidcApplicationStatus, type_: C| {
        let condition = status.conditions.iter().find(|condition| condition.type_ == type_).unwrap();
        (condition.observed_generation, condition.last_transition_time.0.to_string())
    };
    assert_eq!(again.observed_generation, 8);
    assert_eq!(time(&again, C::Accepted), (8, BEFORE.to_owned()), "another reason is no transition");
    assert_eq!(time(&again, C::ResolvedRefs), (8, BEFORE.to_owned()));
    assert_eq!(time(&mended, C::Accepted), (7, NOW.to_owned()));
    assert_eq!(time(&mended, C::ResolvedRefs), (7, BEFORE.to_owned()));
    assert_eq!(time(&mended, C::Ready), (7, NOW.to_owned()));
}

#[test]
fn an_object_without_generation_reads_as_in_progress() {
    let verdict = Verdict { generation: None, ..application(Vec::new(), true) };
    let status = application_status(&verdict, &observed(None, &[]));
    assert_eq!(status.observed_generation, -1);
    assert!(status.conditions.iter().all(|condition| condition.observed_generation == -1));
}

#[test]
fn every_kind_has_its_conditions_and_ready() {
    let conditions = |facts: Facts| {
        let verdict = Verdict { facts, ..application(Vec::new(), true) };
        let observed = observed(None, &[]);
        let conditions = match &verdict.facts {
            Facts::Provider(_) => provider_status(&verdict, &observed).conditions,
            Facts::Application(_) => application_status(&verdict, &observed).conditions,
            Facts::User(_) => user_status(&verdict, &observed).conditions,
            Facts::Group(_) => group_status(&verdict, &observed).conditions,
            Facts::Resource(_) => resource_status(&verdict, &observed).conditions,
        };
        conditions.into_iter().map(|condition| condition.type_).collect::<Vec<_>>()
    };
    assert_eq!(
        conditions(Facts::Provider(ProviderFacts::default())),
        [C::Accepted, C::KeysReady, C::Programmed, C::Ready]
    );
    assert_eq!(conditions(Facts::User(UserFacts::default())), [C::Accepted, C::ResolvedRefs, C::Programmed, C::Ready]);
    assert_eq!(conditions(Facts::Group(GroupFacts::default())), [C::Accepted, C::ResolvedRefs, C::Ready]);
    assert_eq!(conditions(Facts::Resource(ResourceFacts::default())), [C::Accepted, C::Programmed, C::Ready]);
}

#[test]
fn a_public_client_needs_no_credentials() {
    let mut verdict = application(Vec::new(), true);
    verdict.facts =
        Facts::Application(ApplicationFacts { credentials: Credentials::NotApplicable, ..ApplicationFacts::default() });
    let found = found(&verdict, &observed(None, &[]));
    assert_eq!(found[2], (C::CredentialsReady, ConditionStatus::True, Reason::NotApplicable));
    assert_eq!(found[4].1, ConditionStatus::True);
}

#[test]
fn messages_are_clipped_between_characters() {
    let long = Diagnostic::new(Reason::UnsupportedValue, "spec.a", "é".repeat(5000));
    let status = application_status(&application(vec![long], false), &observed(None, &[]));
    assert!(status.conditions.iter().all(|condition| condition.message.chars().count() <= MAX_MESSAGE));
}

#[test]
fn keys_show_no_secret_and_their_times() {
    let key =
        |state, remove_at| KeyFacts { key_id: "k".to_owned(), algorithm: Algorithm::RS256, state, since: 0, remove_at };
    let keys = vec![
        key(crypto::KeyState::Active, None),
        key(crypto::KeyState::Retiring, Some(60)),
        key(crypto::KeyState::Pending, None),
    ];
    let facts = Facts::Provider(ProviderFacts { keys, ..ProviderFacts::default() });
    let status = provider_status(&Verdict { facts, ..application(Vec::new(), true) }, &observed(None, &[]));
    let times = status.keys.iter().map(|key| {
        (
            key.state,
            key.not_before.as_ref().map(|time| time.0.as_second()),
            key.remove_at.as_ref().map(|time| time.0.as_second()),
        )
    });
    let expect =
        [(KeyState::Active, Some(0), None), (KeyState::Retiring, None, Some(60)), (KeyState::Pending, None, None)];
    assert_eq!(times.collect::<Vec<_>>(), expect);
}
