use super::*;
use crate::client::{
    ApplicationType, ConsentMode, GrantType, OfflineAccess, Pkce, RefreshTokenIssuance, ResponseMode, SecretAge,
    UserAccess,
};
use crate::ids::{FamilyId, GroupName, SessionId};
use crate::opaque::Opaque;
use crate::scope::StandardScope;
use crate::testing::*;
use uuid::Uuid;

/// The good request, changed.
fn with(changes: &[(&str, &str)]) -> Received {
    Received::new(Params::read(&mut form(&changed(GOOD, changes))), NOW)
}

fn page(changes: &[(&str, &str)], expect: Why) {
    let realm = realm();
    assert_eq!(with(changes).address(&realm).unwrap_err().why, expect, "{changes:?}");
}

#[test]
fn t_p06_without_a_verified_redirect_uri_an_error_is_a_page() {
    page(&[("client_id", "-")], Why::ParameterMissing);
    page(&[("client_id", "team-b.notes")], Why::ClientUnknown);
    page(&[("redirect_uri", "-")], Why::ParameterMissing);
    page(&[("redirect_uri", "https://evil.example/cb")], Why::RedirectUriNotRegistered);
    page(&[("redirect_uri", "https://evil.example/cb"), ("response_type", "nonsense")], Why::RedirectUriNotRegistered);
}

#[test]
fn t_p37_a_doubled_client_or_redirect_uri_is_a_page() {
    let realm = realm();
    for name in ["client_id", "redirect_uri"] {
        let value = GOOD.iter().find(|(known, _)| *known == name).unwrap().1;
        let pairs: Vec<_> = GOOD.iter().copied().chain([(name, value)]).collect();
        let received = Received::new(Params::read(&mut form(&pairs)), NOW);
        assert_eq!(received.address(&realm).unwrap_err().why, Why::DuplicateParameter);
    }
}

fn refused(changes: &[(&str, &str)], code: ErrorCode, why: Why) {
    let realm = realm();
    let error = with(changes).address(&realm).unwrap().check(NOW).unwrap_err();
    assert_eq!((error.code, error.why), (code, why), "{changes:?}");
    let reply = error.reply("E1");
    assert_eq!(reply.redirect_uri, CALLBACK);
    let field = |name: &str| reply.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str());
    assert_eq!(field("iss"), Some(ISSUER));
    let state_spoiled = changes.iter().any(|(name, _)| *name == "state");
    assert_eq!(field("state"), (!state_spoiled).then_some("s1"), "{changes:?}");
}

#[test]
fn refusals_that_redirect() {
    use ErrorCode as C;
    refused(&[("request", "x.y.z")], C::RequestNotSupported, Why::RequestObject);
    refused(&[("request_uri", "https://a.example")], C::RequestUriNotSupported, Why::RequestObject);
    refused(&[("registration", "{}")], C::RegistrationNotSupported, Why::RegistrationParameter);
    refused(&[("response_mode", "web_message")], C::InvalidRequest, Why::ResponseModeUnknown);
    refused(&[("response_type", "-")], C::InvalidRequest, Why::ParameterMissing);
    refused(&[("response_type", "token")], C::UnsupportedResponseType, Why::ResponseTypeUnknown);
    refused(&[("response_type", "id_token")], C::UnauthorizedClient, Why::ResponseTypeNotAllowed);
    refused(
        &[("response_type", "id_token"), ("response_mode", "query")],
        C::InvalidRequest,
        Why::ResponseModeNotAllowed,
    );
    refused(&[("prompt", "none login")], C::InvalidRequest, Why::PromptInvalid);
    refused(&[("prompt", "create")], C::InvalidRequest, Why::PromptInvalid);
    refused(&[("scope", "-")], C::InvalidScope, Why::ScopeMissing);
    refused(&[("scope", "unknown")], C::InvalidScope, Why::ScopeMissing);
    refused(&[("scope", "openid  email")], C::InvalidScope, Why::ScopeMalformed);
    refused(&[("scope", "openid phone")], C::InvalidScope, Why::ScopeNotAllowed);
    refused(&[("max_age", "-1")], C::InvalidRequest, Why::MaxAgeMalformed);
    refused(&[("max_age", "1e3")], C::InvalidRequest, Why::MaxAgeMalformed);
    refused(&[("id_token_hint", "a.b.c")], C::InvalidRequest, Why::HintInvalid);
    refused(&[("resource", "https://api.example")], C::InvalidTarget, Why::ResourceUnknown);
    refused(&[("nonce", &"n".repeat(1025))], C::InvalidRequest, Why::ParameterTooLong);
    refused(&[("state", &"s".repeat(4097))], C::InvalidRequest, Why::ParameterTooLong);
}

#[test]
fn t_p09_pkce_cannot_be_dropped_or_weakened() {
    use ErrorCode as C;
    refused(&[("code_challenge", "-"), ("code_challenge_method", "-")], C::InvalidRequest, Why::PkceMissing);
    refused(&[("code_challenge", "-")], C::InvalidRequest, Why::PkceMissing);
    refused(&[("code_challenge_method", "-")], C::InvalidRequest, Why::PkceMethod);
    refused(&[("code_challenge_method", "plain")], C::InvalidRequest, Why::PkceMethod);
    refused(&[("code_challenge", "short")], C::InvalidRequest, Why::PkceMalformed);
}

#[test]
fn pkce_optional_holds_for_confidential_clients_alone() {
    let optional = |client: Client| Client { pkce: Pkce::Optional, ..client };
    let realm = realm_of(ISSUER, vec![optional(client()), optional(public_client())], vec![]);
    let bare = [("code_challenge", "-"), ("code_challenge_method", "-")];
    assert!(with(&bare).address(&realm).unwrap().check(NOW).is_ok());
    let public = [bare[0], bare[1], ("client_id", "team-a.cli"), ("redirect_uri", "com.example.app:/cb")];
    assert_eq!(with(&public).address(&realm).unwrap().check(NOW).unwrap_err().why, Why::PkceMissing);
}

#[test]
fn a_doubled_parameter_redirects_without_its_value() {
    let realm = realm();
    let pairs: Vec<_> = GOOD.iter().copied().chain([("state", "s2")]).collect();
    let error = Received::new(Params::read(&mut form(&pairs)), NOW).address(&realm).unwrap().check(NOW).unwrap_err();
    assert_eq!(error.why, Why::DuplicateParameter);
    assert!(error.reply("E").fields.iter().all(|(name, _)| *name != "state"));
}

#[test]
fn response_types_are_order_insensitive_and_modes_are_obeyed() {
    let realm = realm();
    assert!(with(&[("response_type", "code code")]).address(&realm).unwrap().check(NOW).is_ok());
    for (mode, expect) in
        [("query", ResponseMode::Query), ("fragment", ResponseMode::Fragment), ("form_post", ResponseMode::FormPost)]
    {
        assert_eq!(with(&[("response_mode", mode)]).address(&realm).unwrap().to.mode, expect);
    }
}

/// What came of a request: a word for each outcome.
fn outcome(changes: &[(&str, &str)], auth_time: Option<Time>, chosen: bool) -> String {
    outcome_at(NOW, changes, auth_time, chosen.then(|| session(NOW).id))
}

fn outcome_at(now: Time, changes: &[(&str, &str)], auth_time: Option<Time>, chosen: Option<SessionId>) -> String {
    let realm = realm();
    let account = account();
    let session = auth_time.map(session);
    let login = session.as_ref().map(|session| Login { session, account: &account });
    let checked = with(changes).address(&realm).unwrap().check(NOW).unwrap();
    match checked.identify(login, now, chosen) {
        Ok(_) => "identified".to_owned(),
        Err(Pause::Login(_)) => "login".to_owned(),
        Err(Pause::SelectAccount(_)) => "select".to_owned(),
        Err(Pause::Consent(_)) => "consent".to_owned(),
        Err(Pause::Refuse(error)) => error.code.as_str().to_owned(),
    }
}

#[test]
fn prompts_and_max_age() {
    let before = Some(NOW.plus_secs(-100));
    let after = Some(NOW);
    for (changes, auth_time, chosen, expect) in [
        (&[][..], None, false, "login"),
        (&[], before, false, "identified"),
        (&[("prompt", "none")], None, false, "login_required"),
        (&[("prompt", "none")], before, false, "identified"),
        (&[("prompt", "login")], before, false, "login"),
        (&[("prompt", "login")], after, false, "identified"),
        (&[("prompt", "select_account")], before, false, "select"),
        (&[("prompt", "select_account")], before, true, "identified"),
        (&[("prompt", "select_account")], after, false, "identified"),
        (&[("prompt", "select_account")], None, false, "login"),
        (&[("prompt", "select_account login")], before, true, "login"),
        (&[("max_age", "99")], before, false, "login"),
        (&[("max_age", "100")], before, false, "identified"),
        (&[("max_age", "99"), ("prompt", "none")], before, false, "login_required"),
        (&[("max_age", "0")], before, false, "login"),
        (&[("max_age", "0")], after, false, "identified"),
    ] {
        assert_eq!(outcome(changes, auth_time, chosen), expect, "{changes:?} {auth_time:?} {chosen}");
    }
}

#[test]
fn a_fresh_login_with_a_small_max_age_has_a_minute_for_the_pages_that_follow() {
    for (max_age, later, expect) in
        [("10", 60, "identified"), ("10", 61, "login"), ("100", 100, "identified"), ("100", 101, "login")]
    {
        assert_eq!(
            outcome_at(NOW.plus_secs(later), &[("max_age", max_age)], Some(NOW), None),
            expect,
            "{max_age} {later}"
        );
    }
}

#[test]
fn t_p29_the_account_that_was_chosen_is_the_one_that_goes_on() {
    let other = Some(SessionId::new(Uuid::from_u128(2)));
    for auth_time in [NOW.plus_secs(-100), NOW] {
        assert_eq!(outcome_at(NOW, &[("prompt", "select_account")], Some(auth_time), other), "select");
        assert_eq!(outcome_at(NOW, &[("prompt", "none")], Some(auth_time), other), "account_selection_required");
    }
}

#[test]
fn t_p54_an_access_token_is_no_hint_whatever_its_type_and_audience() {
    let claims = serde_json::json!({
        "iss": ISSUER, "sub": "alice-subject", "aud": "team-a.notes", "iat": 1, "exp": 2,
        "client_id": "team-a.notes", "scope": "openid", "jti": "j",
    });
    let access = crypto::jws::sign(&KEY, "JWT", &claims).unwrap();
    refused(&[("id_token_hint", &access)], ErrorCode::InvalidRequest, Why::HintInvalid);
}

fn hint_for(subject: &str, audience: &str, expires: i64) -> String {
    let claims = serde_json::json!({"iss": ISSUER, "sub": subject, "aud": audience, "iat": 1, "exp": expires});
    crypto::jws::sign(&KEY, "JWT", &claims).unwrap()
}

#[test]
fn id_token_hints() {
    let before = Some(NOW.plus_secs(-100));
    let own = hint_for("alice-subject", "team-a.notes", 2);
    let other = hint_for("bob-subject", "team-a.notes", NOW.secs() + 60);
    assert_eq!(outcome(&[("id_token_hint", &own)], before, false), "identified", "an expired hint will do");
    assert_eq!(outcome(&[("id_token_hint", &other)], before, false), "login");
    assert_eq!(outcome(&[("id_token_hint", &other), ("prompt", "none")], before, false), "login_required");
    assert_eq!(outcome(&[("id_token_hint", &other)], Some(NOW), false), "login_required", "no endless login");
}

#[test]
fn t_p18_a_hint_for_another_client_or_of_another_type_is_refused() {
    use ErrorCode as C;
    refused(&[("id_token_hint", &hint_for("alice-subject", "team-a.cli", 2))], C::InvalidRequest, Why::HintInvalid);
    let claims = serde_json::json!({"iss": ISSUER, "sub": "a", "aud": "team-a.notes", "iat": 1, "exp": 2});
    let access = crypto::jws::sign(&KEY, "at+jwt", &claims).unwrap();
    refused(&[("id_token_hint", &access)], C::InvalidRequest, Why::HintInvalid);
    let secret = crypto::Secret::new("a secret of more than thirty-two characters".to_owned());
    let forged = crypto::jws::sign_with_secret(&secret, "JWT", &claims).unwrap();
    refused(&[("id_token_hint", &forged)], C::InvalidRequest, Why::HintInvalid);
}

#[test]
fn t_p13_user_access_holds_with_a_session_too() {
    let staff = Client { user_access: UserAccess::Groups([GroupName::new("staff")].into()), ..client() };
    let realm = realm_of(ISSUER, vec![staff], vec![account()]);
    let (session, account) = (session(NOW), account());
    let login = Login { session: &session, account: &account };
    let outcome = with(&[]).address(&realm).unwrap().check(NOW).unwrap().identify(Some(login), NOW, None);
    assert!(matches!(outcome, Err(Pause::Refuse(error)) if error.why == Why::NotPermitted));
}

/// Runs a request of an identified person through consent.
fn consent(
    client: Client,
    changes: &[(&str, &str)],
    remembered: Option<&str>,
    decision: Option<Decision>,
) -> Result<Issued, String> {
    let realm = realm_of(ISSUER, vec![client], vec![account()]);
    let (session, account) = (session(NOW), account());
    let login = Login { session: &session, account: &account };
    let identified =
        with(changes).address(&realm).unwrap().check(NOW).unwrap().identify(Some(login), NOW, None).unwrap();
    let (remembered, shown) = (remembered.map(permissions), permissions("openid email"));
    let answer = decision.map(|decision| Answer { decision, shown: &shown });
    match identified.grant(remembered.as_ref(), answer) {
        Ok(granted) => {
            let fresh = Fresh {
                salt: [5; 16],
                code: Opaque::new(Uuid::from_u128(42), [5; 32]),
                family: FamilyId::new(Uuid::from_u128(43)),
                random: [6; 16],
                secret: SecretAge::Newest,
            };
            Ok(granted.issue(&fresh, &SERVER_KEYS, NOW).unwrap())
        }
        Err(Pause::Consent(ask)) => Err(format!("ask {}", ask.permissions.scope())),
        Err(Pause::Refuse(error)) => Err(error.code.as_str().to_owned()),
        Err(other) => Err(format!("{other:?}")),
    }
}

#[test]
fn consent_is_asked_once_and_again_for_what_is_new() {
    let ask = |changes: &[_], remembered, decision| consent(client(), changes, remembered, decision).err();
    assert_eq!(ask(&[], None, None).as_deref(), Some("ask email openid"));
    assert_eq!(ask(&[], Some("openid"), None).as_deref(), Some("ask email openid"));
    assert_eq!(ask(&[], Some("openid email profile"), None), None);
    assert_eq!(ask(&[("prompt", "consent")], Some("openid email"), None).as_deref(), Some("ask email openid"));
    assert_eq!(ask(&[("prompt", "none")], None, None).as_deref(), Some("consent_required"));
    assert_eq!(ask(&[], None, Some(Decision::Deny)).as_deref(), Some("access_denied"));
    assert_eq!(ask(&[], None, Some(Decision::Allow)), None);
    // The application's scopes were widened while the page was open.
    let wider = [("scope", "openid email profile")];
    assert_eq!(ask(&wider, None, Some(Decision::Allow)).as_deref(), Some("ask email openid profile"));
}

const OFFLINE: &[(&str, &str)] = &[("scope", "openid email offline_access"), ("prompt", "consent")];

/// What becomes of `offline_access`: whether it is granted, or why not.
fn offline(client: Client, changes: &[(&str, &str)]) -> Result<bool, Dropped> {
    let client = Client { consent: ConsentMode::Skip, ..client };
    let remembered = Some("openid email offline_access");
    let changes = changed(&changed(OFFLINE, &[("prompt", "-")]), changes);
    let realm = realm_of(ISSUER, vec![client.clone()], vec![account()]);
    let demands = with(&changes).address(&realm).unwrap().check(NOW).unwrap().demands;
    assert_eq!(demands.permissions.has(StandardScope::OfflineAccess), demands.dropped.is_none());
    if !demands.prompts.contains(&Prompt::Consent) {
        assert_eq!(consent(client, &changes, remembered, None).unwrap().dropped, demands.dropped);
    }
    demands.dropped.map_or(Ok(true), Err)
}

#[test]
fn offline_access_is_dropped_where_no_refresh_token_can_come_of_it() {
    let implicit = Client {
        grant_types: [GrantType::Implicit, GrantType::RefreshToken].into(),
        response_types: [ResponseType::IdToken].into(),
        ..offline_client()
    };
    assert_eq!(offline(implicit, &[("response_type", "id_token"), ("prompt", "consent")]), Err(Dropped::NoCode));
    let without_grant = Client { grant_types: [GrantType::AuthorizationCode].into(), ..offline_client() };
    assert_eq!(offline(without_grant, &[("prompt", "consent")]), Err(Dropped::NoGrant));
    assert_eq!(offline(offline_client(), &[]), Err(Dropped::NoPrompt));
    assert_eq!(offline(offline_client(), &[("prompt", "consent")]), Ok(true));
    let mut by_scope = offline_client();
    by_scope.refresh_token.issuance = RefreshTokenIssuance::OfflineAccess;
    assert_eq!(offline(by_scope, &[]), Ok(true));

    // Nothing is left to be granted.
    let realm = realm_of(ISSUER, vec![offline_client()], vec![]);
    let alone = with(&[("scope", "offline_access")]).address(&realm).unwrap().check(NOW).unwrap_err();
    assert_eq!(alone.code, ErrorCode::InvalidScope);
}

#[test]
fn offline_access_is_shown_once_where_consent_is_skipped_unless_policy_is_silent() {
    let mut skips = Client { consent: ConsentMode::Skip, ..offline_client() };
    skips.refresh_token.issuance = RefreshTokenIssuance::OfflineAccess;
    let wide = [("scope", "openid email offline_access")];
    let ask = |client: &Client, changes: &[_], remembered| consent(client.clone(), changes, remembered, None).err();
    assert_eq!(ask(&skips, &wide, None).as_deref(), Some("ask email offline_access openid"));
    assert_eq!(ask(&skips, &wide, Some("openid")).as_deref(), Some("ask email offline_access openid"));
    assert_eq!(ask(&skips, &wide, Some("offline_access")), None, "the rest is not asked for");
    assert_eq!(ask(&skips, &[], None), None);
    skips.refresh_token.offline_access = OfflineAccess::Silent;
    assert_eq!(ask(&skips, &wide, None), None);
    assert_eq!(ask(&skips, OFFLINE, None).as_deref(), Some("ask email offline_access openid"), "prompt=consent asks");
    skips.consent = ConsentMode::Required;
    assert!(ask(&skips, &wide, Some("openid email")).is_some(), "silence is for who skips consent");
}

#[test]
fn skipped_consent_is_never_skipped_for_a_private_use_scheme() {
    let skip = Client { consent: ConsentMode::Skip, ..client() };
    assert!(consent(skip.clone(), &[], None, None).is_ok());
    assert!(consent(skip, &[("prompt", "consent")], None, None).is_err());
    let native = Client {
        consent: ConsentMode::Skip,
        id: client().id,
        application_type: ApplicationType::Native,
        ..public_client()
    };
    let private_use = [("redirect_uri", "com.example.app:/cb")];
    assert!(consent(native.clone(), &private_use, Some("openid email"), None).is_err());
    assert!(consent(native, &[("redirect_uri", "http://127.0.0.1:5000/cb")], None, None).is_ok());
}

#[test]
fn what_is_issued() {
    let issued = consent(client(), &[("max_age", "1000")], None, Some(Decision::Allow)).unwrap();
    assert_eq!(issued.consent.unwrap().permissions, permissions("openid email"));
    assert!(issued.family.is_none(), "it comes with the code");
    let code = issued.code.unwrap();
    assert_eq!((code.redirect_uri.as_str(), code.expires_at), (CALLBACK, NOW.plus_secs(60)));
    assert_eq!(code.authorization.nonce.as_deref(), Some("n1"));
    assert!(code.authorization.auth_time_requested);
    let names: Vec<_> = issued.reply.fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["code", "state", "iss"]);
}

mod handles {
    use super::*;
    use crate::authorize::handle::{Binding, Handle, HandleError, Stage};
    use crate::ids::Uid;
    use crypto::Secret;

    fn binding(byte: u8) -> Binding {
        Binding::of(&Secret::new([byte; 32]))
    }

    fn consent_stage() -> Stage {
        Stage::Consent {
            user_uid: Uid::new("u"),
            application_uid: Uid::new("a"),
            session: SessionId::new(Uuid::from_u128(1)),
            permissions: permissions("openid"),
        }
    }

    fn sealed(stage: Stage) -> String {
        Handle::new(with(&[]), stage, binding(1)).seal(&SERVER_KEYS, ISSUER)
    }

    #[test]
    fn a_handle_comes_back_whole() {
        let opened = Handle::open_form(&SERVER_KEYS, ISSUER, &sealed(Stage::Login), &binding(1), NOW).unwrap();
        assert_eq!((opened.received, opened.stage), (with(&[]), Stage::Login));
    }

    #[test]
    fn t_p27_a_handle_of_another_browser_issuer_or_purpose_is_refused() {
        let login = sealed(Stage::Login);
        let open = |issuer, text: &str, binding| Handle::open_form(&SERVER_KEYS, issuer, text, &binding, NOW).err();
        assert_eq!(open(ISSUER, &login, binding(2)), Some(HandleError::OtherBrowser));
        assert_eq!(open("https://other.example", &login, binding(1)), Some(HandleError::Unreadable));
        assert_eq!(open(ISSUER, &sealed(consent_stage()), binding(1)), Some(HandleError::Unreadable));
        assert_eq!(open(ISSUER, &sealed(Stage::Resume { chosen: None }), binding(1)), Some(HandleError::Unreadable));
        let consent = Handle::open_consent(&SERVER_KEYS, ISSUER, &login, &binding(1), NOW);
        assert_eq!(consent.err(), Some(HandleError::Unreadable));
    }

    #[test]
    fn t_p28_an_edited_handle_is_refused() {
        let login = sealed(Stage::Login);
        for position in [0, 10, login.len() / 2, login.len() - 2] {
            let mut bytes = login.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(bytes).unwrap();
            let opened = Handle::open_form(&SERVER_KEYS, ISSUER, &text, &binding(1), NOW);
            assert_eq!(opened.err(), Some(HandleError::Unreadable), "{position}");
        }
        let opened = Handle::open_form(&SERVER_KEYS, ISSUER, &"A".repeat(100_000), &binding(1), NOW);
        assert_eq!(opened.err(), Some(HandleError::Unreadable));
    }

    #[test]
    fn a_page_may_be_open_for_an_hour() {
        let login = sealed(Stage::Login);
        let open = |seconds| Handle::open_form(&SERVER_KEYS, ISSUER, &login, &binding(1), NOW.plus_secs(seconds)).err();
        assert_eq!(open(3599), None);
        assert_eq!(open(3600), Some(HandleError::Expired));
    }

    #[test]
    fn the_request_of_a_form_under_another_cookie_counts_from_now() {
        let later = NOW.plus_secs(100);
        let request = Handle::request_of_form(&SERVER_KEYS, ISSUER, &sealed(Stage::Login), later).unwrap();
        assert_eq!((request.at(), request.params), (later, with(&[]).params));
        let resume = sealed(Stage::Resume { chosen: None });
        assert!(Handle::request_of_form(&SERVER_KEYS, ISSUER, &resume, NOW).is_err());
    }

    #[test]
    fn a_posted_request_counts_from_its_return() {
        let posted = sealed(Stage::Posted);
        let later = NOW.plus_secs(100);
        let opened = Handle::open_resume(&SERVER_KEYS, ISSUER, &posted, &binding(2), later).unwrap();
        assert_eq!(opened.received.at(), later);
        let too_late = Handle::open_resume(&SERVER_KEYS, ISSUER, &posted, &binding(2), NOW.plus_secs(120));
        assert_eq!(too_late.err(), Some(HandleError::Expired));
    }
}
