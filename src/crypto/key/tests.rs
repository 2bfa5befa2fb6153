use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::b64;
use crate::jwk::Jwks;

fn published(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../vectors/published.json")).unwrap();
    all[name].clone()
}

fn with(mut jwk: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            jwk.as_object_mut().unwrap().remove(name);
        } else {
            jwk[name] = value.clone();
        }
    }
    jwk
}

fn rsa(changes: &Value) -> Value {
    with(with(published("rfc7515_a2")["jwk"].clone(), &json!({"alg": "RS256"})), changes)
}

fn ec(changes: &Value) -> Value {
    with(published("rfc7515_a3")["jwk"].clone(), changes)
}

fn ed(changes: &Value) -> Value {
    with(published("rfc8037_a4")["jwk"].clone(), changes)
}

#[test]
fn every_form_of_a_key_is_the_same_key() {
    for algorithm in Algorithm::ASYMMETRIC {
        let key = SigningKey::generate(algorithm).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.public_jwk().alg(), Some(algorithm));
        assert_eq!(key.public_jwk().kid(), Some(key.kid().as_str()));
        assert_eq!(&key.public_jwk().thumbprint(), key.kid());

        let jwk: Value = serde_json::from_str(key.to_private_jwk().expose()).unwrap();
        let from_jwk = SigningKey::from_private_jwk(&jwk).unwrap();
        let from_pkcs8 = SigningKey::from_pkcs8(algorithm, key.to_pkcs8().expose()).unwrap();
        for other in [&from_jwk, &from_pkcs8] {
            assert_eq!(other.public_jwk(), key.public_jwk());
            assert!(other.to_pkcs8().verify(key.to_pkcs8().expose()), "{algorithm}");
            let signature = other.pair().sign(b"message").unwrap();
            assert!(key.verifying_key().verify(b"message", &signature));
            assert!(!key.verifying_key().verify(b"another", &signature));
        }
        let other = SigningKey::generate(algorithm).unwrap();
        assert_ne!(other.kid(), key.kid());
        assert!(!other.verifying_key().verify(b"message", &key.pair().sign(b"message").unwrap()));
    }
}

/// RFC 7517 A.2 shows the form; the keys are those of RFC 7515 A.2, A.3 and RFC 8037 A.1.
#[test]
fn published_private_keys_come_back_unchanged() {
    for jwk in [rsa(&json!({})), ec(&json!({"alg": "ES256"})), ed(&json!({"alg": "EdDSA"}))] {
        let key = SigningKey::from_private_jwk(&jwk).unwrap();
        let expect = with(jwk, &json!({"kid": key.kid().as_str(), "use": "sig"}));
        assert_eq!(serde_json::from_str::<Value>(key.to_private_jwk().expose()).unwrap(), expect);
    }
}

#[test]
fn the_curve_implies_the_algorithm_and_rsa_does_not() {
    assert_eq!(SigningKey::from_private_jwk(&ec(&json!({}))).unwrap().algorithm(), Algorithm::ES256);
    assert_eq!(SigningKey::from_private_jwk(&ed(&json!({}))).unwrap().algorithm(), Algorithm::EdDSA);
    assert_eq!(SigningKey::from_private_jwk(&rsa(&json!({"alg": "PS256"}))).unwrap().algorithm(), Algorithm::PS256);
}

#[test]
fn bad_private_jwks_are_refused() {
    let other_point = SigningKey::generate(Algorithm::ES256).unwrap();
    let other: Value = serde_json::to_value(other_point.public_jwk()).unwrap();
    let other_kid = other_point.kid().as_str();
    for (jwk, expect) in [
        (json!(7), KeyError::Malformed),
        (json!({}), KeyError::Malformed),
        (json!({"kty": "oct", "k": "AQAB"}), JwkError::Unsupported("kty").into()),
        (rsa(&json!({"alg": null})), KeyError::AlgorithmMissing),
        (rsa(&json!({"alg": "RS512"})), JwkError::Unsupported("alg").into()),
        (rsa(&json!({"alg": "ES256"})), JwkError::AlgorithmMismatch.into()),
        (rsa(&json!({"d": null})), JwkError::Missing("d").into()),
        (rsa(&json!({"qi": null})), JwkError::Missing("qi").into()),
        (rsa(&json!({"p": "not base64"})), JwkError::Malformed("p").into()),
        (rsa(&json!({"p": "AQAB"})), KeyError::Malformed),
        (rsa(&json!({"d": "AQAB"})), KeyError::Malformed),
        (rsa(&json!({"e": "Aw"})), KeyError::Malformed),
        (rsa(&json!({"oth": []})), KeyError::MultiPrime),
        (rsa(&json!({"use": "enc"})), JwkError::Unsupported("use").into()),
        (rsa(&json!({"kid": "2011-04-29"})), KeyError::KeyIdMismatch),
        (ec(&json!({"kid": other_kid})), KeyError::KeyIdMismatch),
        (ec(&json!({"d": null})), JwkError::Missing("d").into()),
        (ec(&json!({"d": "AQAB"})), KeyError::Malformed),
        (ec(&json!({"x": other["x"], "y": other["y"]})), KeyError::Malformed),
        (ec(&json!({"y": other["y"]})), KeyError::Malformed),
        (ed(&json!({"d": null})), JwkError::Missing("d").into()),
        (ed(&json!({"d": b64::encode(&[1; 31])})), KeyError::Malformed),
        (ed(&json!({"d": b64::encode(&[1; 32])})), KeyError::Malformed),
        (ed(&json!({"d": b64::encode(&[1; 33])})), KeyError::Malformed),
        (ed(&json!({"alg": "ES256"})), JwkError::AlgorithmMismatch.into()),
    ] {
        assert_eq!(SigningKey::from_private_jwk(&jwk).unwrap_err(), expect, "{jwk}");
    }
}

#[test]
fn t_p18_hs256_has_no_key_pair() {
    assert_eq!(SigningKey::generate(Algorithm::HS256).unwrap_err(), KeyError::Symmetric);
    assert_eq!(SigningKey::from_pkcs8(Algorithm::HS256, b"").unwrap_err(), KeyError::Symmetric);
}

#[test]
fn pkcs8_of_another_type_or_curve_is_refused() {
    for from in Algorithm::ASYMMETRIC {
        let pkcs8 = SigningKey::generate(from).unwrap().to_pkcs8();
        for to in Algorithm::ASYMMETRIC {
            let same_family = from == to
                || (matches!(from, Algorithm::RS256 | Algorithm::PS256)
                    && matches!(to, Algorithm::RS256 | Algorithm::PS256));
            assert_eq!(SigningKey::from_pkcs8(to, pkcs8.expose()).is_ok(), same_family, "{from} as {to}");
        }
        assert!(SigningKey::from_pkcs8(from, &pkcs8.expose()[..40]).is_err());
        assert!(SigningKey::from_pkcs8(from, b"").is_err());
    }
}

/// A key of 1024 bits, generated for this test alone.
const RSA_1024_PKCS8: &str = include_str!("../vectors/rsa1024.b64");

#[test]
fn rsa_keys_under_2048_bits_are_refused() {
    use base64::Engine as _;
    let pkcs8 = base64::engine::general_purpose::STANDARD.decode(RSA_1024_PKCS8.trim()).unwrap();
    assert_eq!(SigningKey::from_pkcs8(Algorithm::RS256, &pkcs8).unwrap_err(), KeyError::Size);
}

#[test]
fn weak_public_rsa_keys_are_refused() {
    let check = |n: &[u8], e: &[u8], expect: Result<(), KeyError>| {
        let jwk: PublicJwk =
            serde_json::from_value(json!({"kty": "RSA", "n": b64::encode(n), "e": b64::encode(e)})).unwrap();
        for algorithm in [Algorithm::RS256, Algorithm::PS256] {
            assert_eq!(VerifyingKey::from_jwk(&jwk, algorithm).map(|_| ()), expect, "{} {e:?}", n.len());
        }
    };
    let n2048 = [0x81; 256];
    let mut n2047 = n2048;
    n2047[0] = 0x7f;
    check(&n2048, &[1, 0, 1], Ok(()));
    check(&n2048, &[3], Ok(()));
    check(&n2048, &[1, 0, 0, 0, 1], Ok(()));
    check(&n2047, &[1, 0, 1], Err(KeyError::Size));
    check(&[0x81; 128], &[1, 0, 1], Err(KeyError::Size));
    check(&[0x81; 1024], &[1, 0, 1], Ok(()));
    check(&[0x81; 1025], &[1, 0, 1], Err(KeyError::Size));
    check(&n2048, &[1], Err(KeyError::Size));
    check(&n2048, &[2], Err(KeyError::Size));
    check(&n2048, &[3, 0, 0, 0, 1], Err(KeyError::Size));
    check(&n2048, &[0x81; 256], Err(KeyError::Size));
}

#[test]
fn a_point_off_the_curve_is_refused() {
    for (crv, length, algorithm) in [("P-256", 32, Algorithm::ES256), ("P-384", 48, Algorithm::ES384)] {
        let one = b64::encode(&[&vec![0; length - 1][..], &[1]].concat());
        let jwk: PublicJwk = serde_json::from_value(json!({"kty": "EC", "crv": crv, "x": one, "y": one})).unwrap();
        assert_eq!(VerifyingKey::from_jwk(&jwk, algorithm).unwrap_err(), KeyError::Malformed);
    }
}

#[test]
fn t_p17_a_public_key_serves_its_own_algorithm_only() {
    for algorithm in Algorithm::ASYMMETRIC {
        let key = SigningKey::generate(algorithm).unwrap();
        let mut bare = serde_json::to_value(key.public_jwk()).unwrap();
        bare.as_object_mut().unwrap().remove("alg");
        let bare: PublicJwk = serde_json::from_value(bare).unwrap();
        for other in Algorithm::ALL {
            let named = VerifyingKey::from_jwk(key.public_jwk(), other);
            assert_eq!(named.is_ok(), other == algorithm, "{algorithm} as {other}");
            let unnamed = VerifyingKey::from_jwk(&bare, other);
            assert_eq!(unnamed.is_ok(), bare.algorithms().contains(&other), "{algorithm} as {other}");
        }
    }
}

#[test]
fn short_shared_secrets_are_refused() {
    let key = |length| VerifyingKey::from_shared_secret(&Secret::new("s".repeat(length)));
    assert_eq!(key(31).unwrap_err(), KeyError::Size);
    assert_eq!(key(32).unwrap().algorithm(), Algorithm::HS256);
}

#[test]
fn ecdsa_signatures_have_a_fixed_width() {
    for (algorithm, length) in [(Algorithm::ES256, 64), (Algorithm::ES384, 96), (Algorithm::EdDSA, 64)] {
        let key = SigningKey::generate(algorithm).unwrap();
        // Enough rounds to meet an r or s with a leading zero octet, which DER would shorten.
        for _ in 0..600 {
            assert_eq!(key.pair().sign(b"m").unwrap().len(), length, "{algorithm}");
        }
    }
}

#[test]
fn der_signatures_are_not_accepted() {
    use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let der = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.to_pkcs8().expose()).unwrap();
    let signature = der.sign(&SystemRandom::new(), b"m").unwrap();
    assert!(!key.verifying_key().verify(b"m", signature.as_ref()));
}

#[test]
fn debug_shows_names_and_no_numbers() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let kid = key.kid().as_str();
    assert_eq!(format!("{key:?}"), format!("SigningKey {{ kid: {kid:?}, algorithm: ES256, .. }}"));
    assert_eq!(
        format!("{:?}", key.verifying_key()),
        format!("VerifyingKey {{ kid: Some({kid:?}), algorithm: ES256, .. }}")
    );
}

#[test]
fn what_is_published_has_no_private_member() {
    for algorithm in Algorithm::ASYMMETRIC {
        let key = SigningKey::generate(algorithm).unwrap();
        let set = Jwks { keys: vec![key.public_jwk().clone()] };
        // Reading refuses private members.
        assert_eq!(serde_json::from_value::<Jwks>(serde_json::to_value(&set).unwrap()).unwrap(), set);
        assert!(serde_json::from_str::<PublicJwk>(key.to_private_jwk().expose()).is_err());
    }
}

proptest! {
    #[test]
    fn garbage_is_no_key(octets: Vec<u8>) {
        for algorithm in Algorithm::ALL {
            prop_assert!(SigningKey::from_pkcs8(algorithm, &octets).is_err());
        }
    }
}
