use api::{ApplicationPolicy, ClientAuthenticationType, GrantType, Reason, ResponseType, SecretReferences};

use super::*;

fn written(change: impl FnOnce(&mut ApplicationPolicy)) -> Allowances {
    let namespaces = Namespaces { type_: NamespacesType::All, selector: None };
    let mut policy = ApplicationPolicy::with_defaults("p".into(), namespaces);
    change(&mut policy);
    Allowances { policy, origin: Origin::Written }
}

fn implicit() -> Allowances {
    let spec = serde_json::from_value(serde_json::json!({"issuer": "https://id.example.com"})).unwrap();
    application_policies(&spec).remove(0)
}

/// Whether a policy of defaults, a policy with `change`, and the implicit one meet a need.
fn check(need: Need, change: impl FnOnce(&mut ApplicationPolicy), expect: [bool; 3], reason: Reason) {
    let policies = [written(|_| {}), written(change), implicit()];
    let ask = Ask::new("spec.field", need);
    for (policy, expect) in policies.iter().zip(expect) {
        let objection = ask.objection(policy);
        assert_eq!(objection.is_none(), expect, "{ask:?} {policy:?}");
        assert!(objection.iter().all(|one| one.reason == reason && one.path == "spec.field"), "{objection:?}");
    }
}

#[test]
fn every_need_is_denied_unless_it_is_allowed() {
    use Reason as R;
    let host = || "a.example".to_owned();
    check(
        Need::WebHost(host()),
        |p| p.allowed_redirect_hosts = vec!["*.example".into()],
        [false, true, true],
        R::RedirectHostNotAllowed,
    );
    check(
        Need::LoopbackAddress,
        |p| p.loopback_redirects = LoopbackRedirects::AddressOnly,
        [false, true, true],
        R::LoopbackNotAllowed,
    );
    check(
        Need::Localhost,
        |p| p.loopback_redirects = LoopbackRedirects::AddressOnly,
        [false, false, false],
        R::LoopbackNotAllowed,
    );
    check(
        Need::Localhost,
        |p| p.loopback_redirects = LoopbackRedirects::IncludingLocalhost,
        [false, true, false],
        R::LoopbackNotAllowed,
    );
    check(
        Need::LoopbackAddress,
        |p| p.loopback_redirects = LoopbackRedirects::IncludingLocalhost,
        [false, true, true],
        R::LoopbackNotAllowed,
    );
    check(
        Need::PrivateUseScheme("com.x".to_owned()),
        |p| p.private_use_schemes = vec!["com.x".into()],
        [false, true, false],
        R::PrivateUseSchemeNotAllowed,
    );
    check(
        Need::LogoutTokenHost(host()),
        |p| p.backchannel_logout_hosts = vec!["a.example".into()],
        [false, true, false],
        R::LogoutHostNotAllowed,
    );
    check(
        Need::KeysHost(host()),
        |p| p.jwks_uri_hosts = vec!["a.example".into()],
        [false, true, false],
        R::JWKSHostNotAllowed,
    );
    check(
        Need::IssuerHost(host()),
        |p| p.dedicated_issuer_hosts = vec!["a.example".into()],
        [false, true, false],
        R::IssuerHostNotAllowed,
    );
    check(
        Need::Grant(GrantType::Password),
        |p| p.grant_types = vec![GrantType::Password],
        [false, true, false],
        R::GrantTypeNotAllowed,
    );
    check(
        Need::Grant(GrantType::AuthorizationCode),
        |p| p.grant_types = Vec::new(),
        [true, false, true],
        R::GrantTypeNotAllowed,
    );
    check(
        Need::Response(ResponseType::IdToken),
        |p| p.response_types = vec![ResponseType::IdToken],
        [false, true, false],
        R::ResponseTypeNotAllowed,
    );
    check(Need::Scope("x".to_owned()), |p| p.scopes = vec!["x".into()], [false, true, false], R::ScopeNotAllowed);
    check(Need::Scope("openid".to_owned()), |p| p.scopes = Vec::new(), [true, false, true], R::ScopeNotAllowed);
    check(
        Need::Authentication(ClientAuthenticationType::None),
        |p| p.client_authentications = Vec::new(),
        [true, false, true],
        R::ClientAuthenticationNotAllowed,
    );
    check(
        Need::SkipConsent,
        |p| p.consent = vec![api::ConsentMode::Skip],
        [false, true, false],
        R::ConsentSkipNotAllowed,
    );
    check(
        Need::SecretReference,
        |p| p.secret_references = SecretReferences::Allowed,
        [false, true, false],
        R::SecretReferenceNotAllowed,
    );
    check(
        Need::ClientId("legacy-x".to_owned()),
        |p| p.custom_client_id_prefixes = vec!["legacy-".into()],
        [false, true, false],
        R::ClientIDNotAllowed,
    );
    check(
        Need::ClientId("x-legacy-".to_owned()),
        |p| p.custom_client_id_prefixes = vec!["legacy-".into()],
        [false, false, false],
        R::ClientIDNotAllowed,
    );
    check(
        Need::AccessTokenLifetime(3601),
        |p| p.max_access_token_lifetime_seconds = 3601,
        [false, true, false],
        R::LifetimeTooLong,
    );
    check(
        Need::AccessTokenLifetime(3600),
        |p| p.max_access_token_lifetime_seconds = 3599,
        [true, false, true],
        R::LifetimeTooLong,
    );
}

#[test]
fn t_k02_one_policy_has_to_allow_everything() {
    let asks = [Ask::new("a", Need::SkipConsent), Ask::new("b", Need::SecretReference), Ask::new("c", Need::Localhost)];
    let consent = written(|p| p.consent = vec![api::ConsentMode::Skip]);
    let two = written(|p| {
        p.secret_references = SecretReferences::Allowed;
        p.loopback_redirects = LoopbackRedirects::IncludingLocalhost;
    });
    let decision = Decision::of(&[&consent, &two], &asks).unwrap();
    assert_eq!(
        decision.objections.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(),
        ["a"],
        "the nearest speaks"
    );
    assert_eq!(decision.policy_name(), None);
    let all = written(|p| {
        p.name = "all".into();
        p.consent = vec![api::ConsentMode::Skip];
        p.secret_references = SecretReferences::Allowed;
        p.loopback_redirects = LoopbackRedirects::IncludingLocalhost;
    });
    let decision = Decision::of(&[&consent, &two, &all], &asks).unwrap();
    assert_eq!(decision.policy_name().as_deref(), Some("all"));
    assert!(Decision::of(&[], &asks).is_none());
}

#[test]
fn of_equally_near_policies_the_first_speaks() {
    let asks = [Ask::new("a", Need::SkipConsent), Ask::new("b", Need::SecretReference)];
    let first = written(|p| p.consent = vec![api::ConsentMode::Skip]);
    let second = written(|p| p.secret_references = SecretReferences::Allowed);
    assert_eq!(Decision::of(&[&first, &second], &asks).unwrap().objections[0].path, "b");
    assert_eq!(Decision::of(&[&second, &first], &asks).unwrap().objections[0].path, "a");
}

#[test]
fn the_implicit_policy_has_no_name() {
    let implicit = implicit();
    let decision = Decision::of(&[&implicit], &[]).unwrap();
    assert_eq!(decision.policy_name(), None);
    assert!(decision.objections.is_empty());
}
