//! RFC 6749 §2.3.1, §3.2: who calls the token endpoint, and what for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oidc::client_auth::{Attested, Presented, present};
use oidc::form::Form;
use oidc::testing::{NOW, SECRET, SERVER_KEYS, client, public_client};
use oidc::token::Request;

use super::authorization::REALM;

fn proves(presented: &Presented) -> Option<String> {
    match presented.authenticate(&REALM, &SERVER_KEYS, NOW) {
        Ok(Attested::Proved(caller)) => Some(caller.client().id.as_str().to_owned()),
        Ok(Attested::Once(_) | Attested::Keys(_)) => panic!("no client here has a key"),
        Err(_) => None,
    }
}

/// An `Authorization` header. Whom it proves is decoded by other means.
pub(super) fn basic(bytes: &[u8]) {
    let Ok(header) = std::str::from_utf8(bytes) else { return };
    let Ok(presented) = present(Some(header), &mut Form::default()) else { return };
    let Some(proved) = proves(&presented) else { return };
    let (scheme, encoded) = header.split_once(' ').unwrap_or_else(|| panic!("{header:?} has no scheme"));
    assert!(scheme.eq_ignore_ascii_case("basic"), "{header:?}");
    let pair = STANDARD.decode(encoded.trim_start_matches(' ')).unwrap_or_else(|error| panic!("{header:?}: {error}"));
    let (id, secret) = pair.split_at(pair.iter().position(|byte| *byte == b':').unwrap_or_default());
    let plain = |bytes: &[u8]| {
        let name = url::form_urlencoded::parse(bytes).next();
        name.map(|(name, _)| name.into_owned()).unwrap_or_default()
    };
    assert_eq!((plain(id), plain(secret.get(1..).unwrap_or_default())), (proved.clone(), SECRET.to_owned()));
    assert_eq!(proved, client().id.as_str());
}

/// The body of a token request, with whatever it says of the client.
pub(super) fn token_request(bytes: &[u8]) {
    let Ok(mut form) = Form::parse(bytes) else { return };
    let claimed = form.names("client_id");
    if let Ok(presented) = present(None, &mut form)
        && let Some(proved) = proves(&presented)
    {
        assert!(claimed && [client().id, public_client().id].iter().any(|id| id.as_str() == proved));
    }
    if Request::parse(&mut form).is_ok() {
        assert!(!form.duplicates().iter().any(|name| name != "resource"), "a parameter sent twice went through");
    }
}
