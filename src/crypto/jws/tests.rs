use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::ring::{KeyState, RingKey};

const EXPECT: Expect<'static> = Expect {
    typ: &["JWT"],
    algorithms: &Algorithm::ALL,
    issuer: "https://op.example",
    audience: Audience::AnyOf(&["app"]),
    now: 1500,
    leeway: 10,
    expired: Expired::Refuse,
};

fn claims() -> Value {
    json!({"iss": "https://op.example", "aud": "app", "exp": 2000, "iat": 1000, "sub": "someone"})
}

fn key() -> SigningKey {
    static KEY: std::sync::LazyLock<SigningKey> =
        std::sync::LazyLock::new(|| SigningKey::generate(Algorithm::EdDSA).unwrap());
    KEY.clone()
}

/// A compact JWS over any header and payload, signed properly.
fn forge(key: &SigningKey, header: &str, payload: &str) -> String {
    let input = format!("{}.{}", b64::encode(header.as_bytes()), b64::encode(payload.as_bytes()));
    let signature = key.pair().sign(input.as_bytes()).unwrap();
    format!("{input}.{}", b64::encode(&signature))
}

fn verify(token: &str, key: &VerifyingKey, expect: &Expect<'_>) -> Result<Value, JwsError> {
    Unverified::parse(token)?.verify_with::<Value>(key, expect).map(Verified::into_claims)
}

fn published() -> BTreeMap<String, Value> {
    serde_json::from_str(include_str!("../vectors/published.json")).unwrap()
}

/// The examples of the RFCs lack `aud` and `iat`, so a good signature shows as the next refusal.
fn check_published(name: &str, key: &VerifyingKey) {
    let token = published()[name]["token"].as_str().unwrap().to_owned();
    let expect = Expect { typ: &["", "JWT"], ..EXPECT };
    assert_eq!(verify(&token, key, &expect), Err(JwsError::Claims), "{name}");

    let (input, signature) = token.rsplit_once('.').unwrap();
    for position in [0, b64::decode(signature).unwrap().len() - 1] {
        let mut octets = b64::decode(signature).unwrap();
        octets[position] ^= 1;
        let altered = format!("{input}.{}", b64::encode(&octets));
        assert_eq!(verify(&altered, key, &expect), Err(JwsError::Signature), "{name} with octet {position} altered");
    }
    let (header, payload) = input.split_once('.').unwrap();
    let mut octets = b64::decode(payload).unwrap();
    octets[9] ^= 1;
    let altered = format!("{header}.{}.{signature}", b64::encode(&octets));
    assert_eq!(verify(&altered, key, &expect), Err(JwsError::Signature), "{name} with the payload altered");
}

/// RFC 7515 A.1.
#[test]
fn rfc7515_a1_hs256() {
    let octets = b64::decode(published()["rfc7515_a1"]["k"].as_str().unwrap()).unwrap();
    check_published("rfc7515_a1", &VerifyingKey::from_hmac_octets(&octets));
}

/// RFC 7515 A.2. PKCS #1 v1.5 is deterministic, so our signature must be the published one.
#[test]
fn rfc7515_a2_rs256() {
    let vector = &published()["rfc7515_a2"];
    let mut jwk = vector["jwk"].clone();
    jwk["alg"] = json!("RS256");
    let key = SigningKey::from_private_jwk(&jwk).unwrap();
    check_published("rfc7515_a2", key.verifying_key());
    check_signature(vector, &key);
}

/// RFC 7515 A.3.
#[test]
fn rfc7515_a3_es256() {
    let key = SigningKey::from_private_jwk(&published()["rfc7515_a3"]["jwk"]).unwrap();
    check_published("rfc7515_a3", key.verifying_key());
}

/// RFC 7515 A.4 and A.5: ES512 and `none` are not algorithms here.
#[test]
fn t_p18_rfc7515_a4_and_a5_are_refused() {
    for name in ["rfc7515_a4", "rfc7515_a5"] {
        let token = published()[name]["token"].as_str().unwrap().to_owned();
        assert_eq!(Unverified::parse(&token).unwrap_err(), JwsError::Algorithm, "{name}");
    }
}

/// RFC 8037 A.4 and A.5: deterministic as well.
#[test]
fn rfc8037_a4_a5_eddsa() {
    let vector = &published()["rfc8037_a4"];
    let key = SigningKey::from_private_jwk(&vector["jwk"]).unwrap();
    check_published("rfc8037_a4", key.verifying_key());
    check_signature(vector, &key);
}

fn check_signature(vector: &Value, key: &SigningKey) {
    let (input, signature) = vector["token"].as_str().unwrap().rsplit_once('.').unwrap();
    assert_eq!(b64::encode(&key.pair().sign(input.as_bytes()).unwrap()), signature);
}

#[test]
fn tokens_of_another_implementation_verify() {
    #[derive(Deserialize)]
    struct Foreign {
        alg: Algorithm,
        key: Value,
        token: String,
    }
    let vectors: Vec<Foreign> = serde_json::from_str(include_str!("../vectors/foreign.json")).unwrap();
    let keys: Vec<VerifyingKey> = vectors
        .iter()
        .map(|vector| match vector.alg {
            Algorithm::HS256 => {
                let secret = Secret::new(vector.key.as_str().unwrap().to_owned());
                VerifyingKey::from_shared_secret(&secret).unwrap()
            }
            Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => {
                SigningKey::from_private_jwk(&vector.key).unwrap().verifying_key().clone()
            }
        })
        .collect();
    assert_eq!(vectors.iter().map(|v| v.alg).collect::<Vec<_>>(), Algorithm::ALL);
    for (vector, own) in vectors.iter().zip(&keys) {
        for key in &keys {
            let expect = if key.algorithm() == own.algorithm() { Ok(claims()) } else { Err(JwsError::Algorithm) };
            assert_eq!(verify(&vector.token, key, &EXPECT), expect, "{} by {}", vector.alg, key.algorithm());
        }
    }
}

#[test]
fn what_is_signed_verifies() {
    for algorithm in Algorithm::ASYMMETRIC {
        let key = SigningKey::generate(algorithm).unwrap();
        let token = sign(&key, "at+jwt", &claims()).unwrap();
        let header: Value = serde_json::from_slice(&b64::decode(token.split('.').next().unwrap()).unwrap()).unwrap();
        assert_eq!(header, json!({"alg": algorithm.as_str(), "typ": "at+jwt", "kid": key.kid().as_str()}));

        let ring = KeyRing::new(vec![RingKey {
            key: key.clone(),
            state: KeyState::Retiring,
            since: 0,
            trigger: String::new(),
        }])
        .unwrap();
        let unverified = Unverified::parse(&token).unwrap();
        assert_eq!((unverified.kid(), unverified.algorithm()), (Some(key.kid().as_str()), algorithm));
        let verified: Verified<Value> = unverified.verify(&ring, &Expect { typ: &["at+jwt"], ..EXPECT }).unwrap();
        assert_eq!(verified.claims(), &claims());
        assert_eq!((verified.kid(), verified.algorithm()), (Some(key.kid().as_str()), algorithm));
        assert_eq!(verify(&token, key.verifying_key(), &EXPECT), Err(JwsError::Type));
    }
}

#[test]
fn tokens_with_a_shared_secret() {
    let secret = Secret::new("0123456789abcdef0123456789abcdef".to_owned());
    let token = sign_with_secret(&secret, "JWT", &claims()).unwrap();
    let key = VerifyingKey::from_shared_secret(&secret).unwrap();
    assert_eq!(verify(&token, &key, &EXPECT), Ok(claims()));
    let other = VerifyingKey::from_shared_secret(&Secret::new("x".repeat(32))).unwrap();
    assert_eq!(verify(&token, &other, &EXPECT), Err(JwsError::Signature));
    let short = Secret::new("short".to_owned());
    assert_eq!(sign_with_secret(&short, "JWT", &claims()), Err(SignError::Key(KeyError::Size)));
}

#[test]
fn keys_do_not_mix_across_threads() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
                for _ in 0..200 {
                    assert_eq!(
                        verify(&sign(&key, "JWT", &claims()).unwrap(), key.verifying_key(), &EXPECT),
                        Ok(claims())
                    );
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn claims_that_sign_or_fail_while_serialised_do_no_harm() {
    struct Nested(SigningKey);
    impl Serialize for Nested {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let inner = sign(&self.0, "inner", &claims()).map_err(serde::ser::Error::custom)?;
            let mut outer = claims();
            outer["sub"] = json!(inner);
            outer.serialize(serializer)
        }
    }
    struct Failing;
    impl Serialize for Failing {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    let (inner, outer) =
        (SigningKey::generate(Algorithm::EdDSA).unwrap(), SigningKey::generate(Algorithm::ES256).unwrap());
    assert_eq!(sign(&outer, "JWT", &Failing), Err(SignError::Failed));
    let token = sign(&outer, "JWT", &Nested(inner.clone())).unwrap();
    let read = verify(&token, outer.verifying_key(), &EXPECT).unwrap();
    let expect = Expect { typ: &["inner"], ..EXPECT };
    assert_eq!(verify(read["sub"].as_str().unwrap(), inner.verifying_key(), &expect), Ok(claims()));
}

#[test]
fn t_p21_only_three_strict_parts_are_a_token() {
    let token = sign(&key(), "JWT", &claims()).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts") };
    assert!(Unverified::parse(&token).is_ok());
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}."),
        format!(".{header}.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload} .{signature}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{header}.{payload}+.{signature}"),
        token.replace('.', ","),
    ] {
        assert_eq!(Unverified::parse(&bad).unwrap_err(), JwsError::Malformed, "{bad:?}");
    }
    for bad in ["", "AAAA", &format!("{signature}{signature}"), signature.get(..84).unwrap()] {
        let token = format!("{header}.{payload}.{bad}");
        assert_eq!(verify(&token, key().verifying_key(), &EXPECT), Err(JwsError::Signature), "{bad:?}");
    }
}

#[test]
fn t_p38_long_and_deep_tokens_are_refused() {
    let pad = |length: usize| {
        let mut claims = claims();
        claims["pad"] = json!("x".repeat(length));
        sign(&key(), "JWT", &claims).unwrap()
    };
    let fits = pad(11_900);
    assert!(fits.len() > 15 * 1024 && fits.len() <= MAX_LEN, "{}", fits.len());
    assert!(verify(&fits, key().verifying_key(), &EXPECT).is_ok());
    assert_eq!(Unverified::parse(&pad(12_300)).unwrap_err(), JwsError::Malformed);

    // Depth is refused where it is read and stepped over where it is not.
    let deep = format!(r#"{{"alg":"EdDSA","typ":"JWT","x":{}{}}}"#, "[".repeat(4000), "]".repeat(4000));
    assert!(verify(&forge(&key(), &deep, &claims().to_string()), key().verifying_key(), &EXPECT).is_ok());
    let deep = format!(
        r#"{{"iss":"https://op.example","aud":"app","exp":2000,"iat":1000,"x":{}{}}}"#,
        "[".repeat(4000),
        "]".repeat(4000)
    );
    let token = forge(&key(), r#"{"alg":"EdDSA","typ":"JWT"}"#, &deep);
    assert_eq!(verify(&token, key().verifying_key(), &EXPECT), Err(JwsError::Claims));
}

#[test]
fn t_p17_algorithm_confusion_is_refused() {
    // The public key as an HMAC secret: the classic.
    let rs256 = SigningKey::generate(Algorithm::RS256).unwrap();
    let public = serde_json::to_string(rs256.public_jwk()).unwrap();
    let forged = sign_with_secret(&Secret::new(public), "JWT", &claims()).unwrap();
    assert_eq!(verify(&forged, rs256.verifying_key(), &EXPECT), Err(JwsError::Algorithm));
    // The same numbers under the sibling algorithm.
    let ps256 = SigningKey::from_pkcs8(Algorithm::PS256, rs256.to_pkcs8().expose()).unwrap();
    let sibling = sign(&ps256, "JWT", &claims()).unwrap();
    assert_eq!(verify(&sibling, rs256.verifying_key(), &EXPECT), Err(JwsError::Algorithm));
    // A header that lies about the algorithm of a good key.
    let lie = forge(&rs256, r#"{"alg":"PS256","typ":"JWT"}"#, &claims().to_string());
    assert_eq!(verify(&lie, ps256.verifying_key(), &EXPECT), Err(JwsError::Signature));
    // An algorithm that the caller does not accept, from a key that has it.
    let token = sign(&key(), "JWT", &claims()).unwrap();
    let expect = Expect { algorithms: &[Algorithm::RS256, Algorithm::ES256], ..EXPECT };
    assert_eq!(verify(&token, key().verifying_key(), &expect), Err(JwsError::Algorithm));
}

#[test]
fn t_p17_keys_in_the_header_are_not_believed() {
    let attacker = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let jwk = serde_json::to_value(attacker.public_jwk()).unwrap();
    let ring =
        KeyRing::new(vec![RingKey { key: key(), state: KeyState::Active, since: 0, trigger: String::new() }]).unwrap();
    for extra in [
        json!({"jwk": jwk}),
        json!({"jku": "https://evil.example/jwks"}),
        json!({"x5u": "https://evil.example/"}),
        json!({"x5c": ["AQAB"]}),
    ] {
        for (kid, expect) in [(attacker.kid(), JwsError::UnknownKey), (key().kid(), JwsError::Signature)] {
            let mut header = json!({"alg": "EdDSA", "typ": "JWT", "kid": kid});
            header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let token = forge(&attacker, &header.to_string(), &claims().to_string());
            let found = Unverified::parse(&token).unwrap().verify::<Value>(&ring, &EXPECT).map(Verified::into_claims);
            assert_eq!(found, Err(expect), "{header}");
        }
    }
}

#[test]
fn t_p19_a_ring_wants_a_known_kid() {
    let ring =
        KeyRing::new(vec![RingKey { key: key(), state: KeyState::Active, since: 0, trigger: String::new() }]).unwrap();
    for kid in ["", "\"kid\":\"../../x\",", "\"kid\":\"\","] {
        let token = forge(&key(), &format!(r#"{{{kid}"alg":"EdDSA","typ":"JWT"}}"#), &claims().to_string());
        let found = Unverified::parse(&token).unwrap().verify::<Value>(&ring, &EXPECT).map(Verified::into_claims);
        assert_eq!(found, Err(JwsError::UnknownKey), "{kid}");
    }
}

#[test]
fn several_keys_are_tried_by_algorithm_and_kid() {
    let (a, b) = (SigningKey::generate(Algorithm::ES256).unwrap(), SigningKey::generate(Algorithm::ES256).unwrap());
    let bare = |key: &SigningKey| {
        let mut jwk = serde_json::to_value(key.public_jwk()).unwrap();
        jwk.as_object_mut().unwrap().remove("kid");
        VerifyingKey::from_jwk(&serde_json::from_value(jwk).unwrap(), Algorithm::ES256).unwrap()
    };
    let with_kid = sign(&a, "JWT", &claims()).unwrap();
    let without_kid = forge(&a, r#"{"alg":"ES256","typ":"JWT"}"#, &claims().to_string());
    let stranger = key().verifying_key().clone();
    let check = |token: &str, keys: &[VerifyingKey], expect: Result<(), JwsError>| {
        let found = Unverified::parse(token).unwrap().verify_any::<Value>(keys, &EXPECT).map(|_| ());
        assert_eq!(found, expect, "{keys:?}");
    };
    let (named_a, named_b) = (a.verifying_key().clone(), b.verifying_key().clone());
    check(&with_kid, &[named_b.clone(), named_a.clone()], Ok(()));
    check(&with_kid, std::slice::from_ref(&named_b), Err(JwsError::UnknownKey));
    check(&with_kid, &[bare(&b), bare(&a)], Ok(()));
    check(&without_kid, &[named_b.clone(), named_a.clone()], Ok(()));
    check(&without_kid, &[named_b], Err(JwsError::Signature));
    check(&without_kid, &[stranger], Err(JwsError::UnknownKey));
    check(&without_kid, &[], Err(JwsError::UnknownKey));
    let wrong_type = forge(&a, r#"{"alg":"ES256","typ":"at+jwt"}"#, &claims().to_string());
    check(&wrong_type, &[named_a], Err(JwsError::Type));
}

#[test]
fn t_p22_registered_claims_are_required_and_typed() {
    let check = |changes: Value, expect: Result<(), JwsError>| {
        let mut claims = claims();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        let token = sign(&key(), "JWT", &claims).unwrap();
        assert_eq!(verify(&token, key().verifying_key(), &EXPECT).map(|_| ()), expect, "{changes}");
        let accept = Expect { expired: Expired::Accept, ..EXPECT };
        let expect = if expect == Err(JwsError::Expired) { Ok(()) } else { expect };
        assert_eq!(verify(&token, key().verifying_key(), &accept).map(|_| ()), expect, "{changes}, expired or not");
    };
    check(json!({}), Ok(()));
    for name in ["iss", "aud", "exp", "iat"] {
        check(json!({(name): null}), Err(JwsError::Claims));
        check(json!({(name): {}}), Err(JwsError::Claims));
        check(json!({(name): true}), Err(JwsError::Claims));
    }
    check(json!({"exp": "2000"}), Err(JwsError::Claims));
    check(json!({"exp": 1999.5}), Err(JwsError::Claims));
    check(json!({"exp": 18_446_744_073_709_551_615_u64}), Err(JwsError::Claims));
    check(json!({"iat": 1.0}), Err(JwsError::Claims));
    check(json!({"nbf": "1000"}), Err(JwsError::Claims));
    check(json!({"iss": "https://op.example/"}), Err(JwsError::Issuer));
    check(json!({"iss": "HTTPS://op.example"}), Err(JwsError::Issuer));
    check(json!({"iss": ["https://op.example"]}), Err(JwsError::Claims));
    check(json!({"aud": "App"}), Err(JwsError::Audience));
    check(json!({"aud": ["other", "app"]}), Ok(()));
    check(json!({"aud": ["other"]}), Err(JwsError::Audience));
    check(json!({"aud": []}), Err(JwsError::Audience));
    check(json!({"aud": ["app", 7]}), Err(JwsError::Claims));
    check(json!({"exp": 1491}), Ok(()));
    check(json!({"exp": 1490}), Err(JwsError::Expired));
    check(json!({"exp": -9_223_372_036_854_775_808_i64}), Err(JwsError::Expired));
    check(json!({"exp": 9_223_372_036_854_775_807_i64}), Ok(()));
    check(json!({"iat": 1510}), Ok(()));
    check(json!({"iat": 1511}), Err(JwsError::NotYet));
    check(json!({"nbf": 1510}), Ok(()));
    check(json!({"nbf": 1511}), Err(JwsError::NotYet));
    check(json!({"iat": 9_223_372_036_854_775_807_i64}), Err(JwsError::NotYet));
}

#[test]
fn strange_clocks_do_not_turn_the_comparison_around() {
    let token = sign(&key(), "JWT", &claims()).unwrap();
    for (now, leeway, expect) in [
        (i64::MAX, 0, Err(JwsError::Expired)),
        (i64::MAX, -1, Err(JwsError::Expired)),
        (i64::MIN, i64::MAX, Err(JwsError::NotYet)),
        (i64::MIN, i64::MIN, Err(JwsError::NotYet)),
        (1500, i64::MAX, Ok(())),
        (2000, -5, Err(JwsError::Expired)),
        (1999, -5, Ok(())),
    ] {
        let expect_token = Expect { now, leeway, ..EXPECT };
        assert_eq!(verify(&token, key().verifying_key(), &expect_token).map(|_| ()), expect, "{now} {leeway}");
    }
}

#[test]
fn an_empty_audience_list_accepts_nothing() {
    let token = sign(&key(), "JWT", &claims()).unwrap();
    let expect = Expect { audience: Audience::AnyOf(&[]), ..EXPECT };
    assert_eq!(verify(&token, key().verifying_key(), &expect), Err(JwsError::Audience));
}

#[test]
fn a_claim_given_twice_is_refused() {
    for extra in [r#""exp":9999"#, r#""sub":"a","sub":"b""#, r#""\u0069ss":"https://evil.example""#] {
        let payload = format!(r#"{{"iss":"https://op.example","aud":"app","exp":2000,"iat":1000,{extra}}}"#);
        let token = forge(&key(), r#"{"alg":"EdDSA","typ":"JWT"}"#, &payload);
        assert_eq!(verify(&token, key().verifying_key(), &EXPECT), Err(JwsError::Claims), "{extra}");
    }
    let escaped = r#"{"\u0069ss":"https:\/\/op.example","aud":["\u0061pp"],"exp":2000,"iat":1000}"#;
    let token = forge(&key(), r#"{"alg":"EdDSA","typ":"JWT"}"#, escaped);
    assert!(verify(&token, key().verifying_key(), &EXPECT).is_ok(), "escapes are another spelling of the same claims");
}

#[test]
fn claims_of_another_shape_are_refused() {
    #[derive(Debug, Deserialize)]
    struct Typed {
        #[serde(rename = "sub")]
        _sub: u64,
    }
    let token = sign(&key(), "JWT", &claims()).unwrap();
    let found = Unverified::parse(&token).unwrap().verify_with::<Typed>(key().verifying_key(), &EXPECT);
    assert_eq!(found.unwrap_err(), JwsError::Claims);
    for payload in ["", "7", "null", "[]", "\"x\"", "{", "\u{feff}{}"] {
        let token = forge(&key(), r#"{"alg":"EdDSA","typ":"JWT"}"#, payload);
        assert_eq!(verify(&token, key().verifying_key(), &EXPECT), Err(JwsError::Claims), "{payload:?}");
    }
}

#[test]
fn debug_shows_no_payload() {
    let token = sign(&key(), "JWT", &claims()).unwrap();
    let shown = format!("{:?}", Unverified::parse(&token).unwrap());
    assert!(shown.contains("EdDSA") && !shown.contains("someone"), "{shown}");
    assert!(!token.split('.').skip(1).any(|part| shown.contains(part)), "{shown}");
}

proptest! {
    #[test]
    fn parse_never_panics(token in ".{0,200}") {
        prop_assert!(Unverified::parse(&token).is_err());
    }

    #[test]
    fn parse_of_shaped_garbage_never_panics(header: Vec<u8>, payload: Vec<u8>, signature: Vec<u8>) {
        let token = [header, payload, signature].map(|part| b64::encode(&part)).join(".");
        prop_assert!(Unverified::parse(&token).is_err());
    }

    #[test]
    fn no_altered_token_verifies(position in 0_usize..1000, letter in "[A-Za-z0-9_-]") {
        let token = sign(&key(), "JWT", &claims()).unwrap();
        let position = position % token.len();
        let mut altered = token.clone();
        altered.replace_range(position..=position, &letter);
        prop_assume!(altered != token);
        prop_assert!(verify(&altered, key().verifying_key(), &EXPECT).is_err());
    }

    #[test]
    fn any_payload_is_refused_or_well_formed(payload in ".{0,100}") {
        let token = forge(&key(), r#"{"alg":"EdDSA","typ":"JWT"}"#, &payload);
        prop_assert_eq!(verify(&token, key().verifying_key(), &EXPECT), Err(JwsError::Claims));
    }
}
