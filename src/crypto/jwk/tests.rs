use serde_json::{Value, json};

use super::*;

const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

fn published(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../vectors/published.json")).unwrap();
    all[name].clone()
}

fn parse(jwk: &Value) -> Result<PublicJwk, JwkError> {
    serde_json::from_value::<RawJwk>(jwk.clone()).unwrap().try_into()
}

fn ec(changes: Value) -> Value {
    let mut jwk = json!({"kty": "EC", "crv": "P-256", "x": X, "y": Y});
    for (name, value) in changes.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

/// RFC 7638 §3.1.
#[test]
fn rfc7638_thumbprint_rsa() {
    let vector = published("rfc7638_3_1");
    let jwk = parse(&vector["jwk"]).unwrap();
    assert_eq!(jwk.thumbprint().as_str(), vector["thumbprint"]);
    assert_eq!((jwk.kid(), jwk.alg()), (Some("2011-04-29"), Some(Algorithm::RS256)));
}

/// RFC 8037 A.3.
#[test]
fn rfc8037_thumbprint_ed25519() {
    let vector = published("rfc8037_a4");
    let mut jwk = vector["jwk"].clone();
    jwk.as_object_mut().unwrap().remove("d");
    assert_eq!(parse(&jwk).unwrap().thumbprint().as_str(), vector["thumbprint"]);
}

#[test]
fn a_thumbprint_is_independent_of_optional_members() {
    let bare = parse(&ec(json!({}))).unwrap();
    let dressed =
        parse(&ec(json!({"kid": "k", "alg": "ES256", "use": "sig", "x5t": "…", "key_ops": ["verify"]}))).unwrap();
    assert_eq!(bare.thumbprint(), dressed.thumbprint());
}

#[test]
fn the_wire_form_round_trips() {
    let jwk = parse(&ec(json!({"kid": "k", "alg": "ES256"}))).unwrap();
    let json = serde_json::to_value(&jwk).unwrap();
    assert_eq!(json, ec(json!({"kid": "k", "alg": "ES256", "use": "sig"})));
    assert_eq!(serde_json::from_value::<PublicJwk>(json).unwrap(), jwk);
}

#[test]
fn malformed_keys_are_named() {
    let p256 = json!({"kty": "EC", "crv": "P-256"});
    let long = b64::encode(&[1; 33]);
    let zero = b64::encode(&[0, 1, 1]);
    for (jwk, expect) in [
        (json!({"kty": "oct"}), JwkError::Unsupported("kty")),
        (json!({"kty": "rsa", "n": "AQAB", "e": "AQAB"}), JwkError::Unsupported("kty")),
        (json!({"kty": "EC", "crv": "P-521", "x": X, "y": Y}), JwkError::Unsupported("crv")),
        (json!({"kty": "EC", "x": X, "y": Y}), JwkError::Missing("crv")),
        (json!({"kty": "OKP", "crv": "X25519", "x": X}), JwkError::Unsupported("crv")),
        (json!({"kty": "OKP", "crv": "Ed448", "x": X}), JwkError::Unsupported("crv")),
        (json!({"kty": "OKP", "x": X}), JwkError::Missing("crv")),
        (p256, JwkError::Missing("x")),
        (ec(json!({"y": "AQAB"})), JwkError::Malformed("y")),
        (ec(json!({"x": long})), JwkError::Malformed("x")),
        (ec(json!({"x": format!("{X}=")})), JwkError::Malformed("x")),
        (ec(json!({"alg": "RS256"})), JwkError::AlgorithmMismatch),
        (ec(json!({"alg": "ES384"})), JwkError::AlgorithmMismatch),
        (ec(json!({"alg": "HS256"})), JwkError::AlgorithmMismatch),
        (ec(json!({"alg": "ECDH-ES"})), JwkError::Unsupported("alg")),
        (ec(json!({"alg": "none"})), JwkError::Unsupported("alg")),
        (ec(json!({"use": "enc"})), JwkError::Unsupported("use")),
        (ec(json!({"key_ops": ["sign"]})), JwkError::Unsupported("key_ops")),
        (json!({"kty": "RSA", "e": "AQAB"}), JwkError::Missing("n")),
        (json!({"kty": "RSA", "n": "AQAB", "e": ""}), JwkError::Malformed("e")),
        (json!({"kty": "RSA", "n": zero, "e": "AQAB"}), JwkError::Malformed("n")),
    ] {
        assert_eq!(parse(&jwk), Err(expect), "{jwk}");
    }
}

#[test]
fn private_members_are_refused_first() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert_eq!(parse(&ec(json!({(name): "AQAB", "use": "enc"}))), Err(JwkError::Private(name)));
    }
    assert_eq!(parse(&ec(json!({"oth": []}))), Err(JwkError::Private("oth")));
    assert_eq!(parse(&json!({"kty": "oct", "k": "AQAB"})), Err(JwkError::Private("k")));
}

#[test]
fn a_member_given_twice_is_refused() {
    let twice = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}","x":"{X}"}}"#);
    assert!(serde_json::from_str::<PublicJwk>(&twice).is_err());
    let once = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"}}"#);
    assert!(serde_json::from_str::<PublicJwk>(&once).is_ok());
}

#[test]
fn a_set_leaves_foreign_keys_out_and_fails_on_bad_ones() {
    let set = |keys: Value| serde_json::from_value::<Jwks>(json!({"keys": keys, "other": 1}));
    let foreign = [
        json!({"kty": "EC", "crv": "secp256k1", "x": X, "y": Y}),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AQAB"}),
        ec(json!({"use": "enc"})),
        ec(json!({"alg": "ECDH-ES"})),
        ec(json!({"kid": "mine"})),
    ];
    let read = set(json!(foreign)).unwrap();
    assert_eq!(read.keys.iter().map(PublicJwk::kid).collect::<Vec<_>>(), [Some("mine")]);
    assert!(set(json!([ec(json!({"d": "AQAB"}))])).unwrap_err().to_string().contains("private member `d`"));
    assert!(set(json!([ec(json!({"x": "AQAB"}))])).is_err());
    assert!(set(json!([ec(json!({"alg": "RS256"}))])).is_err());
    assert_eq!(set(json!([])).unwrap(), Jwks::default());
    assert!(serde_json::from_value::<Jwks>(json!({})).is_err());
    assert_eq!(serde_json::to_value(&read).unwrap()["keys"][0]["kid"], "mine");
}

#[test]
fn a_key_knows_its_algorithms() {
    let rsa = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
    assert_eq!(parse(&rsa).unwrap().algorithms(), [Algorithm::RS256, Algorithm::PS256]);
    let ps256 = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "PS256"});
    assert_eq!(parse(&ps256).unwrap().algorithms(), [Algorithm::PS256]);
    assert_eq!(parse(&ec(json!({}))).unwrap().algorithms(), [Algorithm::ES256]);
    assert_eq!(parse(&json!({"kty": "OKP", "crv": "Ed25519", "x": X})).unwrap().algorithms(), [Algorithm::EdDSA]);
}

#[test]
fn t_p19_a_key_id_is_a_thumbprint() {
    assert_eq!(KeyId::parse(X).unwrap().as_str(), X);
    let padded = format!("{X}=");
    for bad in ["", "AQAB", "../../etc/passwd", padded.as_str(), X.get(1..).unwrap(), "2011-04-29"] {
        assert!(KeyId::parse(bad).is_none(), "{bad:?}");
        assert!(serde_json::from_value::<KeyId>(json!(bad)).is_err(), "{bad:?}");
    }
    assert_eq!(serde_json::from_value::<KeyId>(json!(X)).unwrap().to_string(), X);
}
