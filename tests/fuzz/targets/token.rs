//! RFC 7515, RFC 7519: signed tokens.

use std::sync::LazyLock;

use crypto::{Algorithm, Audience, Expect, Expired, JwsError, Unverified, Verified, jws};
use oidc::testing::{ISSUER, KEY, NOW};
use serde_json::{Value, json};

use super::authorization::REALM;

static GENUINE: LazyLock<String> = LazyLock::new(|| {
    let claims =
        json!({"iss": ISSUER, "aud": "team-a.notes", "sub": "alice", "iat": NOW.secs(), "exp": NOW.secs() + 60});
    jws::sign(&KEY, "JWT", &claims).unwrap_or_else(|error| panic!("{error}"))
});

fn verify(token: &str) -> Result<Verified<Value>, JwsError> {
    Unverified::parse(token)?.verify(
        &REALM.keys,
        &Expect {
            typ: &["JWT", ""],
            algorithms: Algorithm::ALL.as_slice(),
            issuer: ISSUER,
            audience: Audience::AnyOf(&["team-a.notes"]),
            now: NOW.secs(),
            leeway: 0,
            expired: Expired::Refuse,
        },
    )
}

/// A token; or, after a NUL, a place in the genuine one (two octets) and what is put there instead of as many octets.
/// Nothing but the genuine one is accepted. (Of an ECDSA signature there is a second form: it covers the same claims.)
pub(super) fn jwt(bytes: &[u8]) {
    let token = match bytes {
        [0, high, low, patch @ ..] => {
            let mut token = GENUINE.clone().into_bytes();
            let at = usize::from(u16::from_be_bytes([*high, *low])) % (token.len() + 1);
            let end = (at + patch.len()).min(token.len());
            token.splice(at..end, patch.iter().copied());
            token
        }
        bytes => bytes.to_vec(),
    };
    let Ok(token) = String::from_utf8(token) else { return };
    let Ok(verified) = verify(&token) else { return };
    let signed = |token: &str| token.rsplit_once('.').map(|(signed, _)| signed.to_owned());
    assert_eq!(signed(&token), signed(&GENUINE));
    assert_eq!(verified.claims().get("sub"), Some(&json!("alice")));
}
