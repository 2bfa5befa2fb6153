//! What a request does besides waiting: `cargo bench -p oidc --bench hot --features testing`.
//!
//! Verifying a token stands beside only reading it, and what is found in a realm of 10,000
//! clients and people beside the same in one of ten: a ratio far from 1 means that something is scanned, copied or parsed
//! again for each request. Printed are medians of rounds in which both sides are timed.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench prints its result and stops at the first surprise"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use crypto::{Algorithm, Audience, Expect, Expired, SigningKey, Unverified};
use oidc::account::Account;
use oidc::catalog::Realm;
use oidc::client::Client;
use oidc::form::Form;
use oidc::ids::{ClientId, LoginEpoch, Subject, Uid, Username};
use oidc::testing::{self, ISSUER};
use oidc::uri::RedirectUri;
use serde_json::{Value, json};

const ROUNDS: usize = 21;
const ROUND: Duration = Duration::from_millis(20);

/// Seconds per call.
fn time(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0_u32;
    while start.elapsed() < ROUND {
        for _ in 0..16 {
            call();
        }
        calls += 16;
    }
    start.elapsed().as_secs_f64() / f64::from(calls)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times one side and the other in turn, and prints both and how they compare.
fn compare(what: &str, mut base: impl FnMut(), mut whole: impl FnMut()) {
    let (mut bases, mut wholes, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (one, other) = (time(&mut base), time(&mut whole));
        // The first round warms up.
        if round > 0 {
            bases.push(one * 1e6);
            wholes.push(other * 1e6);
            ratios.push(other / one);
        }
    }
    println!("{what:44} {:10.3} {:10.3} {:8.2}", median(bases), median(wholes), median(ratios));
}

fn verify(algorithm: Algorithm) {
    let key = SigningKey::generate(algorithm).expect("a key");
    let claims = json!({
        "iss": ISSUER, "sub": "alice-subject", "aud": ISSUER, "exp": testing::NOW.secs() + 600, "iat": testing::NOW.secs(),
        "jti": "AY88Hm9ufMOYxNwMDAc5jwECAwQFBgcICQoLDA0ODxA", "client_id": "team-a.notes", "scope": "openid profile email",
    });
    let token = crypto::jws::sign(&key, "at+jwt", &claims).expect("a token");
    let public = key.verifying_key();
    let expect = Expect {
        typ: &["at+jwt"],
        algorithms: &[algorithm],
        issuer: ISSUER,
        audience: Audience::AnyOf(&[ISSUER]),
        now: testing::NOW.secs(),
        leeway: 0,
        expired: Expired::Refuse,
    };
    compare(
        &format!("an access token, {algorithm}: read, and verify"),
        || drop(black_box(Unverified::parse(black_box(&token)).expect("a token"))),
        || {
            let token = Unverified::parse(black_box(&token)).expect("a token");
            drop(black_box(token.verify_with::<Value>(public, &expect).expect("a good token")));
        },
    );
}

/// A realm with so many clients and people.
fn realm(count: usize) -> Realm {
    let client = |number: usize| Client {
        id: ClientId::new(format!("team-a.app-{number}")),
        uid: Uid::new(format!("app-{number}")),
        ..testing::client()
    };
    let account = |number: usize| Account {
        subject: Subject::new(format!("subject-{number}")),
        uid: Uid::new(format!("user-{number}")),
        username: Username::new(format!("user-{number}")),
        ..testing::account()
    };
    testing::realm_of(ISSUER, (0..count).map(client).collect(), (0..count).map(account).collect())
}

fn main() {
    println!("{:44} {:>10} {:>10} {:>8}", "what", "base µs", "whole µs", "ratio");
    for algorithm in [Algorithm::RS256, Algorithm::ES256] {
        verify(algorithm);
    }
    let (few, many) = (realm(10), realm(10_000));
    let client = |realm: &Realm| assert!(black_box(realm.client(black_box("team-a.app-7"))).is_some());
    compare("find a client: among 10, among 10,000", || client(&few), || client(&many));
    let (subject, uid) = (Subject::new("subject-7"), Uid::new("user-7"));
    let account = |realm: &Realm| {
        assert!(black_box(realm.accounts.current(black_box(&subject), &uid, LoginEpoch::new(1))).is_some());
    };
    compare("find a person: among 10, among 10,000", || account(&few), || account(&many));
    let typed = |realm: &Realm| assert!(black_box(realm.accounts.by_username(black_box("User-7"))).is_some());
    compare("find a person by name: among 10, 10,000", || typed(&few), || typed(&many));

    let short = b"grant_type=client_credentials&client_id=team-a.notes&client_secret=0123456789012345678901234567890123456789012";
    let long = format!(
        "grant_type=authorization_code&client_id=team-a.notes&client_secret=0123456789012345678901234567890123456789012&\
         redirect_uri=https%3A%2F%2Fnotes.example.com%2Fcallback&code={}&code_verifier={}",
        "c".repeat(86),
        "v".repeat(43)
    );
    let parse = |bytes: &[u8]| drop(black_box(Form::parse(black_box(bytes)).expect("a form")));
    compare("read a form: 3 fields, 6 fields", || parse(short), || parse(long.as_bytes()));

    let registered = RedirectUri::parse("http://127.0.0.1/callback").expect("a redirect URI");
    let matches = |presented: &str| assert!(black_box(registered.matches(black_box(presented), true)));
    compare(
        "match a redirect URI: equal, another port",
        || matches("http://127.0.0.1/callback"),
        || matches("http://127.0.0.1:49152/callback"),
    );
}
