use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::{KeyState, OidcApplicationStatus, OidcProviderStatus};

/// The reasons that each condition may give while it is not plainly True.
const CONTRACT: &[(ConditionType, &[Kind], &str)] = &[
    (
        ConditionType::Accepted,
        Kind::ALL,
        "Pending ProviderNotFoundOrNotPermitted RedirectHostNotAllowed LogoutHostNotAllowed JWKSHostNotAllowed \
         IssuerHostNotAllowed LoopbackNotAllowed PrivateUseSchemeNotAllowed GrantTypeNotAllowed \
         ResponseTypeNotAllowed ScopeNotAllowed ClientAuthenticationNotAllowed ConsentSkipNotAllowed \
         SecretReferenceNotAllowed ClientIDNotAllowed LifetimeTooLong ClientIDConflict SubjectConflict \
         IssuerConflict UsernameConflict AudienceConflict AudienceHostNotAllowed UnsupportedValue",
    ),
    (
        ConditionType::ResolvedRefs,
        &[Kind::OidcApplication, Kind::OidcUser, Kind::OidcGroup],
        "SecretNotFoundOrWrongType PasswordHashUnsupported GroupNotFound MemberNotFound ResourceNotFoundOrNotPermitted",
    ),
    (
        ConditionType::CredentialsReady,
        &[Kind::OidcApplication],
        "SecretConflict Forbidden Rotating SeedMissing NotApplicable",
    ),
    (ConditionType::KeysReady, &[Kind::OidcProvider], "NoActiveKey KeySecretMissing"),
    (
        ConditionType::Programmed,
        &[Kind::OidcProvider, Kind::OidcApplication, Kind::OidcUser, Kind::OidcResource],
        "WaitingForServers NoServers",
    ),
    (ConditionType::Ready, Kind::ALL, ""),
    (ConditionType::Reconciling, Kind::ALL, ""),
    (ConditionType::Stalled, Kind::ALL, ""),
];

#[test]
fn each_condition_applies_where_the_contract_says() {
    assert_eq!(CONTRACT.len(), ConditionType::ALL.len());
    for (condition, kinds, _) in CONTRACT {
        for kind in Kind::ALL {
            assert_eq!(condition.applies_to(*kind), kinds.contains(kind), "{condition} on {kind}");
        }
    }
}

#[test]
fn each_condition_has_the_reasons_of_the_contract_and_its_own_name() {
    for (condition, _, reasons) in CONTRACT {
        let mut expect: BTreeSet<&str> = reasons.split_whitespace().collect();
        if let Some(affirmative) = condition.affirmative() {
            assert_eq!(affirmative.as_str(), condition.as_str());
            expect.insert(condition.as_str());
        }
        let found: BTreeSet<&str> =
            Reason::ALL.iter().filter(|reason| reason.of() == *condition).map(|reason| reason.as_str()).collect();
        assert_eq!(found, expect, "{condition}");
    }
}

#[test]
fn a_status_of_another_version_does_not_hide_the_object() {
    let status: OidcApplicationStatus = serde_json::from_value(json!({
        "observedGeneration": 3,
        "clientID": "team-a.notes",
        "issuer": 7,
        "conditions": [
            {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "observedGeneration": 3,
             "lastTransitionTime": "2027-01-01T00:00:00Z"},
            {"type": "Brand-new", "status": "True", "reason": "Accepted", "message": "", "observedGeneration": 3,
             "lastTransitionTime": "2027-01-01T00:00:00Z"},
        ],
        "accounts": "none",
    }))
    .unwrap();
    assert_eq!((status.observed_generation, status.client_id.as_deref()), (3, Some("team-a.notes")));
    assert_eq!((status.issuer, status.accounts.len()), (None, 0));
    assert_eq!(status.conditions.len(), 1);
    assert_eq!(status.conditions[0].type_, ConditionType::Accepted);

    let status: OidcProviderStatus = serde_json::from_value(json!({
        "keys": [
            {"keyID": "a", "algorithm": "RS256", "state": "Active"},
            {"keyID": "b", "algorithm": "ML-DSA-65", "state": "Active"},
        ],
        "servers": [],
    }))
    .unwrap();
    assert_eq!(status.observed_generation, NEVER_OBSERVED);
    assert_eq!(status.keys.len(), 1);
    assert_eq!((status.keys[0].state, status.servers), (KeyState::Active, None));
}

#[test]
fn the_status_of_a_new_object_decodes() {
    let status: OidcApplicationStatus = serde_json::from_value(unseen()).unwrap();
    assert_eq!(status.observed_generation, NEVER_OBSERVED);
    assert_eq!(status.conditions[0].reason, Reason::Pending);
    assert_eq!(serde_json::to_value(status).unwrap(), unseen());
}
