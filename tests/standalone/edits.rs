//! Edits of manifests are served within a second, and a mistake hurts only what it stands in.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;
use xtask::walk::Agent;

use crate::harness::{Provider, alice, authorize};

fn request(provider: &Provider, redirect_uri: &str) -> Url {
    let mut url = provider.url("/auth");
    url.query_pairs_mut()
        .append_pair("client_id", "team-a.notes")
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", "openid")
        .append_pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        .append_pair("code_challenge_method", "S256");
    url
}

/// Whether the application is served with this redirect URI.
fn served(provider: &Provider, redirect_uri: &str) -> bool {
    xtask::http::get(&request(provider, redirect_uri)).unwrap().status == 200
}

fn edit(provider: &Provider, file: &str, from: &str, to: &str) {
    let path = provider.manifests().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn an_edit_is_served_soon() {
    let provider = Provider::start();
    let moved = format!("{}/moved", provider.callback());
    assert!(!served(&provider, &moved));
    edit(&provider, "application.yaml", &provider.callback(), &moved);
    let ((), took) = provider.soon("the edit", || served(&provider, &moved).then_some(()));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!served(&provider, &provider.callback()), "the old one is gone with it");
}

#[test]
fn a_refused_object_fails_closed_and_comes_back() {
    let provider = Provider::start();
    edit(&provider, "application.yaml", "groupsClaim: All", "groupsClaim: Everything");
    provider.soon("the refusal", || (!served(&provider, &provider.callback())).then_some(()));
    provider.soon("the complaint", || provider.log().contains("spec.groupsClaim").then_some(()));
    edit(&provider, "application.yaml", "groupsClaim: Everything", "groupsClaim: All");
    provider.soon("the return", || served(&provider, &provider.callback()).then_some(()));
}

#[test]
fn an_unreadable_file_changes_nothing_of_what_is_served() {
    let provider = Provider::start();
    let path = provider.manifests().join("application.yaml");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{good}\n  : [broken")).unwrap();
    provider.soon("the complaint", || provider.log().contains("application.yaml").then_some(()));
    std::thread::sleep(Duration::from_millis(500));
    assert!(served(&provider, &provider.callback()));
}

/// What a form brings as JSON, and the status.
fn post(provider: &Provider, path: &str, pairs: &[(&str, &str)]) -> (u16, Value) {
    let (id, secret) = provider.credentials();
    let client = [("client_id", id.as_str()), ("client_secret", secret.as_str())];
    let form = Serializer::new(String::new()).extend_pairs(pairs).extend_pairs(client).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = xtask::http::send(&provider.url(path), "POST", &headers, &form).unwrap();
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
}

/// A provider at which alice can have tokens by her password.
fn with_password_grant() -> Provider {
    Provider::start_with(|manifests| {
        let change = |file: &str, from: &str, to: &str| {
            let text = fs::read_to_string(manifests.join(file)).unwrap();
            assert!(text.contains(from), "{file} has no {from}");
            fs::write(manifests.join(file), text.replace(from, to)).unwrap();
        };
        let grants = "grantTypes: [authorization_code, password, refresh_token]";
        change("provider.yaml", "loopbackRedirects:", &format!("{grants}\n    loopbackRedirects:"));
        change("application.yaml", "groupsClaim: All", &format!("groupsClaim: All\n  {grants}"));
        change("application.yaml", "scopes: [openid,", "scopes: [offline_access, openid,");
    })
}

fn log_in(provider: &Provider, password: &str) -> (u16, Value) {
    let (username, _) = alice();
    let (password, scope) = (("password", password), ("scope", "openid offline_access"));
    post(provider, "/token", &[("grant_type", "password"), ("username", &username), password, scope])
}

#[test]
fn t_p11_refresh_introspection_and_userinfo_end_within_seconds_of_a_persons_being_disabled() {
    let provider = with_password_grant();
    let (_, password) = alice();
    let (status, tokens) = log_in(&provider, &password);
    assert_eq!(status, 200, "{tokens}");
    let text = |name: &str| tokens[name].as_str().unwrap();
    let (access, refresh) = (text("access_token"), text("refresh_token"));
    let me = || {
        let bearer = format!("Bearer {access}");
        xtask::http::send(&provider.url("/me"), "GET", &[("authorization", &bearer)], "").unwrap().status
    };
    let active = || post(&provider, "/token/introspection", &[("token", access)]).1["active"] == true;
    assert!(active() && me() == 200);
    edit(&provider, "user.yaml", "spec:\n", "spec:\n  activation: Disabled\n");
    let ((), took) = provider.soon("the end of the token", || (!active()).then_some(()));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(me(), 401);
    let again = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let (status, refused) = post(&provider, "/token", &again);
    assert_eq!((status, &refused["error"]), (400, &"invalid_grant".into()));
    edit(&provider, "user.yaml", "spec:\n  activation: Disabled\n", "spec:\n");
    provider.soon("the return", || (log_in(&provider, &password).0 == 200).then_some(()));
    assert!(!active() && me() == 401, "what had ended stays ended");
    assert_eq!(post(&provider, "/token", &again).1["error"], "invalid_grant");
}

#[test]
fn t_p11_what_was_had_by_a_password_ends_with_it() {
    const NEW: &str = "quite another passphrase";
    let provider = with_password_grant();
    let (_, password) = alice();
    let mut agent = Agent::default();
    let url = request(&provider, &provider.callback());
    authorize(&mut agent, &url, &provider.callback());
    let (_, tokens) = log_in(&provider, &password);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let refreshed = |provider: &Provider| {
        post(provider, "/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh)]).0 == 200
    };
    assert!(refreshed(&provider) && agent.get(&url).unwrap().status == 303);
    // A restart hashes the password again, and takes it for the same one.
    let restart = |mut provider: Provider| {
        provider.kill();
        provider.spawn();
        provider.wait_ready();
        provider
    };
    let provider = restart(provider);
    provider.soon("the hash", || (log_in(&provider, &password).0 == 200).then_some(()));
    assert!(refreshed(&provider) && agent.get(&url).unwrap().status == 303);

    edit(&provider, "user.yaml", &password, NEW);
    provider.soon("the new password", || (log_in(&provider, NEW).0 == 200).then_some(()));
    assert!(!refreshed(&provider), "whoever knows no more than the old password is out");
    assert_eq!(agent.get(&url).unwrap().status, 200, "and is asked to log in");
    assert_eq!(log_in(&provider, &password).1["error"], "invalid_grant");
    // It is remembered, or a restart would bring the old sessions back.
    let provider = restart(provider);
    provider.soon("the hash", || (log_in(&provider, NEW).0 == 200).then_some(()));
    assert!(!refreshed(&provider) && agent.get(&url).unwrap().status == 200);
}

/// The key IDs of the JWKS, by algorithm.
fn published(provider: &Provider, algorithm: &str) -> BTreeSet<String> {
    let Ok(answer) = xtask::http::get(&provider.url("/.well-known/jwks.json")) else { return BTreeSet::new() };
    let jwks: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let keys = jwks["keys"].as_array().into_iter().flatten();
    let keys = keys.filter(|key| key["alg"] == algorithm);
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The key that signs access tokens now, and one of them.
fn signed(provider: &Provider) -> Option<(String, String)> {
    let (_, tokens) = log_in(provider, &alice().1);
    let token = tokens["access_token"].as_str()?.to_owned();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').next()?).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    Some((header["kid"].as_str()?.to_owned(), token))
}

#[test]
fn t_p46_a_key_is_replaced_by_a_trigger_and_taken_away_by_its_id() {
    let provider = with_password_grant();
    let me = |token: &str| {
        let bearer = format!("Bearer {token}");
        xtask::http::send(&provider.url("/me"), "GET", &[("authorization", &bearer)], "").unwrap().status
    };
    edit(&provider, "provider.yaml", "\nspec:\n", "\nspec:\n  signing: {jwksMaxAgeSeconds: 1, prePublishSeconds: 1}\n");
    let (first, old) = signed(&provider).unwrap();
    assert!(published(&provider, "RS256").contains(&first) && me(&old) == 200);

    edit(&provider, "provider.yaml", "prePublishSeconds: 1}", "prePublishSeconds: 1, trigger: now}");
    let ((second, new), _) = provider.soon("the next key", || signed(&provider).filter(|(kid, _)| *kid != first));
    assert_eq!(
        published(&provider, "RS256"),
        [first.clone(), second.clone()].into(),
        "the one before is still published"
    );
    assert!(me(&old) == 200 && me(&new) == 200, "what it signed is still good");

    edit(&provider, "provider.yaml", "trigger: now}", &format!("trigger: now, revokedKeyIDs: [{first}]}}"));
    provider.soon("its end", || (published(&provider, "RS256") == [second.clone()].into()).then_some(()));
    assert!(me(&old) == 401 && me(&new) == 200, "what a leaked key has signed is worth nothing");

    // The only one that signs: the next has to be published first.
    edit(&provider, "provider.yaml", &format!("[{first}]"), &format!("[{first}, {second}]"));
    let ((third, newest), _) = provider.soon("another", || signed(&provider).filter(|(kid, _)| *kid != second));
    assert_eq!(published(&provider, "RS256"), [third].into());
    assert!(me(&new) == 401 && me(&newest) == 200);
}

/// What a person and an application have rests on four things, each of which a manifest takes away.
#[test]
fn t_p11_all_ends_within_seconds_of_the_end_of_what_it_rests_on() {
    type Edit = fn(&Provider);
    let ends: [(&str, Edit); 4] = [
        ("the person is disabled", |provider| {
            edit(provider, "user.yaml", "\nspec:\n", "\nspec:\n  activation: Disabled\n");
        }),
        ("the person is deleted", |provider| fs::remove_file(provider.manifests().join("user.yaml")).unwrap()),
        ("the application is deleted", |provider| {
            fs::remove_file(provider.manifests().join("application.yaml")).unwrap();
        }),
        ("the policy is withdrawn", |provider| {
            edit(
                provider,
                "provider.yaml",
                "kubernetes.io/metadata.name: team-a",
                "kubernetes.io/metadata.name: nobody",
            );
        }),
    ];
    for (what, end) in ends {
        let provider = with_password_grant();
        let (client, secret) = provider.credentials();
        let post = |path: &str, pairs: &[(&str, &str)]| {
            let client = [("client_id", client.as_str()), ("client_secret", secret.as_str())];
            let form = Serializer::new(String::new()).extend_pairs(pairs).extend_pairs(client).finish();
            let headers = [("content-type", "application/x-www-form-urlencoded")];
            let answer = xtask::http::send(&provider.url(path), "POST", &headers, &form).unwrap();
            (answer.status, serde_json::from_str::<Value>(&answer.body).unwrap_or_default())
        };
        let (_, tokens) = log_in(&provider, &alice().1);
        let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        let mut agent = Agent::default();
        let url = request(&provider, &provider.callback());
        authorize(&mut agent, &url, &provider.callback());
        let bearer = format!("Bearer {access}");
        let me = || xtask::http::send(&provider.url("/me"), "GET", &[("authorization", &bearer)], "").unwrap().status;
        let active = || post("/token/introspection", &[("token", access)]).1["active"] == true;
        assert!(active() && me() == 200 && agent.get(&url).unwrap().status == 303, "{what}");
        end(&provider);
        let ((), took) = provider.soon(what, || (!active()).then_some(()));
        assert!(took < Duration::from_secs(5), "{what}: {took:?}");
        assert_eq!(me(), 401, "{what}");
        let (status, _) = post("/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh)]);
        assert!(matches!(status, 400 | 401), "{what}: {status}");
        assert!(
            matches!(agent.get(&url).unwrap().status, 200 | 400),
            "{what}: a login page, or that there is no such client"
        );
    }
}

#[test]
fn t_p11_a_disabled_person_is_logged_out_within_seconds() {
    let provider = Provider::start();
    let mut agent = Agent::default();
    let url = request(&provider, &provider.callback());
    authorize(&mut agent, &url, &provider.callback());
    let redirected = |agent: &mut Agent| agent.get(&url).unwrap().status == 303;
    assert!(redirected(&mut agent), "the session is there");
    edit(&provider, "user.yaml", "spec:\n", "spec:\n  activation: Disabled\n");
    let ((), took) = provider.soon("the end of the session", || (!redirected(&mut agent)).then_some(()));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_second_process_on_the_same_state_is_refused() {
    let provider = Provider::start();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["standalone", "--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0", "--manifests"])
        .arg(provider.manifests())
        .arg("--state")
        .arg(provider.state())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
