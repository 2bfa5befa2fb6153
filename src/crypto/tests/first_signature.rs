//! A process of its own: what the JWT library finds at its first use in a process stays, so the first use must not be
//! one that leaves our keys out of reach.

use crypto::{Algorithm, Secret, SigningKey, jws};

#[test]
fn an_hs256_token_may_be_the_first() {
    let claims = serde_json::json!({"sub": "someone"});
    let secret = Secret::new("0123456789abcdef0123456789abcdef".to_owned());
    assert!(jws::sign_with_secret(&secret, "JWT", &claims).is_ok());
    for algorithm in Algorithm::ASYMMETRIC {
        let key = SigningKey::generate(algorithm).unwrap();
        assert!(jws::sign(&key, "JWT", &claims).is_ok(), "{algorithm}");
    }
}
