//! OIDC Core §3.1.2.1, §5.5: authorization requests, from the query to the last stage before a person is asked.

use std::sync::LazyLock;

use oidc::authorize::{Login, Params, Pause, Received};
use oidc::catalog::Realm;
use oidc::form::Form;
use oidc::testing::{CALLBACK, GOOD, NOW, account, changed, form, offline_client, public_client, realm_of, session};

/// Few clients, no person but Alice.
pub(super) static REALM: LazyLock<Realm> =
    LazyLock::new(|| realm_of(oidc::testing::ISSUER, vec![offline_client(), public_client()], vec![account()]));

/// A query. Wherever the answer goes, it goes to a registered place, tells the state that was sent, and whose it is.
pub(super) fn request(bytes: &[u8]) {
    if let Ok(form) = Form::parse(bytes) {
        judge(form);
    }
}

/// The `claims` parameter of an otherwise good request.
pub(super) fn claims(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        judge(form(&changed(GOOD, &[("claims", text)])));
    }
}

fn judge(mut form: Form) {
    let received = Received::new(Params::read(&mut form), NOW);
    let written = serde_json::to_vec(&received).unwrap_or_default();
    let read: Option<Received> = serde_json::from_slice(&written).ok();
    assert_eq!(read.as_ref(), Some(&received), "a request changes on its way through a browser");
    let Ok(addressed) = received.address(&REALM) else { return };
    let uris: Vec<_> = addressed.client().redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect();
    let error = match addressed.check(NOW) {
        Err(error) => error,
        Ok(checked) => {
            let (session, account) = (session(NOW.plus_secs(-30)), account());
            let identified = checked.identify(Some(Login { session: &session, account: &account }), NOW, None);
            match identified.and_then(|identified| identified.grant(None, None).map(drop)) {
                Ok(()) => panic!("granted, and nobody has agreed"),
                Err(Pause::Refuse(error)) => error,
                Err(Pause::Login(_) | Pause::SelectAccount(_) | Pause::Consent(_)) => return,
            }
        }
    };
    let location = error.reply("error-id").location();
    let loopback = location.starts_with("http://127.0.0.1:") && location.contains("/cb");
    let registered =
        uris.iter().any(|uri| location.strip_prefix(uri.as_str()).is_some_and(|rest| rest.starts_with(['?', '#'])));
    assert!(registered || loopback, "{location} is not registered, as {CALLBACK} is");
    assert!(location.contains("error=") && location.contains("iss=https%3A%2F%2Fid.example.com%2Foidc"), "{location}");
}
