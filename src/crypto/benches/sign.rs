//! What a token costs over the bare signature: `cargo bench -p crypto --bench sign`.
//!
//! Each round times the library's signature over a prebuilt signing input and then `crypto::jws::sign` of the same
//! claims, so that a change of the machine's speed touches both. Printed is the median of the rounds' ratios; aimed at
//! are 1.03 for RS256 and 1.10 for ES256.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench prints its result and stops at the first surprise"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use crypto::{Algorithm, SigningKey};
use serde::Serialize;

const ROUNDS: usize = 41;
const ROUND: Duration = Duration::from_millis(40);

/// An access token as RFC 9068 describes it.
#[derive(Serialize)]
struct Claims {
    iss: &'static str,
    sub: &'static str,
    aud: [&'static str; 2],
    exp: i64,
    iat: i64,
    nbf: i64,
    auth_time: i64,
    jti: &'static str,
    client_id: &'static str,
    scope: &'static str,
    acr: &'static str,
    amr: [&'static str; 2],
    sid: &'static str,
    groups: [&'static str; 3],
    email: &'static str,
}

const CLAIMS: Claims = Claims {
    iss: "https://login.example.com/realms/default",
    sub: "018f3c1e-6f6e-7cc3-98c4-dc0c0c07398f",
    aud: ["https://api.example.com", "https://files.example.com"],
    exp: 1_800_000_300,
    iat: 1_800_000_000,
    nbf: 1_800_000_000,
    auth_time: 1_799_990_000,
    jti: "AY88Hm9ufMOYxNwMDAc5jwECAwQFBgcICQoLDA0ODxA",
    client_id: "team-a.notes",
    scope: "openid profile email offline_access notes.read notes.write",
    acr: "urn:example:loa:2",
    amr: ["pwd", "otp"],
    sid: "018f3c1e-6f6e-7cc3-98c4-dc0c0c073990",
    groups: ["team-a", "team-a-admins", "everyone"],
    email: "someone@example.com",
};

type Sign = Box<dyn Fn(&[u8])>;

/// The library's own signature, with the key parsed beforehand.
fn bare(key: &SigningKey) -> Sign {
    let pkcs8 = key.to_pkcs8();
    let random = SystemRandom::new();
    match key.algorithm() {
        algorithm @ (Algorithm::RS256 | Algorithm::PS256) => {
            let pair = RsaKeyPair::from_pkcs8(pkcs8.expose()).expect("a key just exported");
            let encoding = if algorithm == Algorithm::RS256 { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
            Box::new(move |message| {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).expect("a signature");
                black_box(signature);
            })
        }
        algorithm @ (Algorithm::ES256 | Algorithm::ES384) => {
            let parameters = if algorithm == Algorithm::ES256 {
                &ECDSA_P256_SHA256_FIXED_SIGNING
            } else {
                &ECDSA_P384_SHA384_FIXED_SIGNING
            };
            let pair = EcdsaKeyPair::from_pkcs8(parameters, pkcs8.expose()).expect("a key just exported");
            Box::new(move |message| {
                black_box(pair.sign(&random, message).expect("a signature"));
            })
        }
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::from_pkcs8(pkcs8.expose()).expect("a key just exported");
            Box::new(move |message| {
                black_box(pair.sign(message));
            })
        }
        Algorithm::HS256 => unreachable!("no key pair"),
    }
}

/// Seconds per call.
fn time(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0_u32;
    while start.elapsed() < ROUND {
        for _ in 0..8 {
            call();
        }
        calls += 8;
    }
    start.elapsed().as_secs_f64() / f64::from(calls)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    println!("{:6} {:>12} {:>12} {:>8}", "alg", "bare µs", "token µs", "ratio");
    for algorithm in Algorithm::ASYMMETRIC {
        let key = SigningKey::generate(algorithm).expect("a key");
        let token = crypto::jws::sign(&key, "at+jwt", &CLAIMS).expect("a token");
        let (message, _) = token.rsplit_once('.').expect("a compact JWS");
        let sign = bare(&key);
        let (mut bares, mut tokens, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let bare = time(|| sign(black_box(message.as_bytes())));
            let token = time(|| drop(black_box(crypto::jws::sign(&key, "at+jwt", black_box(&CLAIMS)))));
            // The first round warms up.
            if round > 0 {
                bares.push(bare * 1e6);
                tokens.push(token * 1e6);
                ratios.push(token / bare);
            }
        }
        println!("{algorithm:6} {:12.2} {:12.2} {:8.3}", median(bares), median(tokens), median(ratios));
    }
}
