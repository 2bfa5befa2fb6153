use proptest::prelude::*;

use super::*;
use Algorithm::{ES256, ES384, EdDSA};
use KeyState::{Active, Pending, Retiring};

/// A ring over time. Keys are written as algorithm, state, since and the order in which they were made.
struct World {
    keys: Vec<RingKey>,
    names: Vec<String>,
    schedule: Schedule,
}

impl World {
    fn new(algorithms: &[Algorithm]) -> Self {
        let schedule = Schedule {
            algorithms: algorithms.iter().copied().collect(),
            period: None,
            pre_publish: 100,
            retire: 200,
            revoked: BTreeSet::new(),
            trigger: String::new(),
        };
        Self { keys: Vec::new(), names: Vec::new(), schedule }
    }

    fn want(&mut self, algorithms: &[Algorithm]) {
        self.schedule.algorithms = algorithms.iter().copied().collect();
    }

    #[track_caller]
    fn check(&mut self, now: i64, expect: &[(usize, Algorithm, KeyState, i64)], next: Option<i64>) {
        let names = &mut self.names;
        let mut make = |algorithm| {
            let key = SigningKey::generate(algorithm)?;
            names.push(key.kid().to_string());
            Ok(key)
        };
        let before: Vec<_> = self.keys.iter().map(|key| (key.key.kid().clone(), key.state, key.since)).collect();
        let advanced = advance(std::mem::take(&mut self.keys), &self.schedule, now, &mut make).unwrap();
        self.keys = advanced.keys;
        let after: Vec<_> = self.keys.iter().map(|key| (key.key.kid().clone(), key.state, key.since)).collect();
        assert_eq!(advanced.changed, before != after);
        assert_eq!(advanced.next, next);
        let name = |key: &RingKey| self.names.iter().position(|name| name == key.key.kid().as_str()).unwrap();
        let found: Vec<_> =
            self.keys.iter().map(|key| (name(key), key.key.algorithm(), key.state, key.since)).collect();
        assert_eq!(found, expect);
        // Twice at the same time changes nothing.
        let again = advance(self.keys.clone(), &self.schedule, now, &mut |_| panic!("makes no key")).unwrap();
        assert!(!again.changed);
        assert_eq!(again.next, next);
    }
}

#[test]
fn the_first_keys_are_active_at_once() {
    World::new(&[ES256, EdDSA]).check(1000, &[(0, ES256, Active, 1000), (1, EdDSA, Active, 1000)], None);
}

#[test]
fn f22_an_algorithm_added_later_is_published_before_it_signs() {
    let mut world = World::new(&[ES256]);
    world.check(1000, &[(0, ES256, Active, 1000)], None);
    world.want(&[ES256, EdDSA]);
    world.check(2000, &[(0, ES256, Active, 1000), (1, EdDSA, Pending, 2000)], Some(2100));
    world.check(2099, &[(0, ES256, Active, 1000), (1, EdDSA, Pending, 2000)], Some(2100));
    world.check(2100, &[(0, ES256, Active, 1000), (1, EdDSA, Active, 2100)], None);
}

#[test]
fn an_algorithm_that_is_removed_stays_published_until_its_tokens_have_expired() {
    let mut world = World::new(&[ES256, EdDSA]);
    world.check(1000, &[(0, ES256, Active, 1000), (1, EdDSA, Active, 1000)], None);
    world.want(&[ES256]);
    world.check(2000, &[(0, ES256, Active, 1000), (1, EdDSA, Retiring, 2000)], Some(2200));
    world.check(2199, &[(0, ES256, Active, 1000), (1, EdDSA, Retiring, 2000)], Some(2200));
    world.check(2200, &[(0, ES256, Active, 1000)], None);
    // A key that never signed has nothing to wait for.
    world.want(&[ES256, ES384]);
    world.check(2300, &[(0, ES256, Active, 1000), (2, ES384, Pending, 2300)], Some(2400));
    world.want(&[ES256]);
    world.check(2301, &[(0, ES256, Active, 1000)], None);
}

#[test]
fn an_algorithm_that_comes_back_in_time_goes_on_with_its_key() {
    let mut world = World::new(&[ES256, EdDSA]);
    world.check(1000, &[(0, ES256, Active, 1000), (1, EdDSA, Active, 1000)], None);
    world.want(&[ES256]);
    world.check(2000, &[(0, ES256, Active, 1000), (1, EdDSA, Retiring, 2000)], Some(2200));
    world.want(&[ES256, EdDSA]);
    world.check(2100, &[(0, ES256, Active, 1000), (1, EdDSA, Active, 2100)], None);
}

#[test]
fn f22_rotation_publishes_uses_retires_and_removes() {
    let mut world = World::new(&[ES256]);
    world.schedule.period = Some(1000);
    world.check(0, &[(0, ES256, Active, 0)], Some(900));
    world.check(899, &[(0, ES256, Active, 0)], Some(900));
    world.check(900, &[(0, ES256, Active, 0), (1, ES256, Pending, 900)], Some(1000));
    world.check(1000, &[(0, ES256, Retiring, 1000), (1, ES256, Active, 1000)], Some(1200));
    world.check(1200, &[(1, ES256, Active, 1000)], Some(1900));
    // A process that was not there for a long time does one step at a time.
    world.check(9000, &[(1, ES256, Active, 1000), (2, ES256, Pending, 9000)], Some(9100));
    world.check(9900, &[(1, ES256, Retiring, 9900), (2, ES256, Active, 9900)], Some(10_100));
}

#[test]
fn f22_a_revoked_key_is_gone_at_once_and_its_successor_is_published_first() {
    let mut world = World::new(&[ES256, EdDSA]);
    world.check(1000, &[(0, ES256, Active, 1000), (1, EdDSA, Active, 1000)], None);
    world.schedule.revoked.insert(world.names[0].clone());
    world.check(1001, &[(1, EdDSA, Active, 1000), (2, ES256, Pending, 1001)], Some(1101));
    world.schedule.revoked.insert(world.names[1].clone());
    world.check(1002, &[(2, ES256, Pending, 1001), (3, EdDSA, Pending, 1002)], Some(1101));
    world.check(1101, &[(2, ES256, Active, 1101), (3, EdDSA, Pending, 1002)], Some(1102));
}

#[test]
fn f44_a_clock_that_is_set_loses_no_key() {
    let mut world = World::new(&[ES256]);
    world.schedule.period = Some(1000);
    world.check(5000, &[(0, ES256, Active, 5000)], Some(5900));
    world.check(5900, &[(0, ES256, Active, 5000), (1, ES256, Pending, 5900)], Some(6000));
    // Set back: everything waits.
    for back in [5899, 0, i64::MIN] {
        world.check(back, &[(0, ES256, Active, 5000), (1, ES256, Pending, 5900)], Some(5900));
    }
    // Set forward: one step, and the key that signed so far stays published.
    let far = 1_000_000_000;
    world.check(far, &[(0, ES256, Retiring, far), (1, ES256, Active, far)], Some(far + 200));
    // Set right again: still published.
    world.check(6100, &[(0, ES256, Retiring, far), (1, ES256, Active, far)], Some(far + 200));
}

#[test]
fn a_key_that_cannot_be_made_is_an_error() {
    let mut make = |_| Err(KeyError::Generation);
    let failed = advance(Vec::new(), &World::new(&[ES256]).schedule, 0, &mut make);
    assert_eq!(failed.err(), Some(KeyError::Generation));
}

#[test]
fn f22_a_trigger_replaces_the_keys_as_if_their_time_had_come() {
    let mut world = World::new(&[ES256]);
    world.check(1000, &[(0, ES256, Active, 1000)], None);
    world.schedule.trigger = "leak of 2026-11".to_owned();
    world.check(1010, &[(0, ES256, Active, 1000), (1, ES256, Pending, 1010)], Some(1110));
    // Another one before that was ready: what has signed nothing makes way.
    world.schedule.trigger = "and again".to_owned();
    world.check(1020, &[(0, ES256, Active, 1000), (2, ES256, Pending, 1020)], Some(1120));
    world.check(1120, &[(0, ES256, Retiring, 1120), (2, ES256, Active, 1120)], Some(1320));
    world.check(1320, &[(2, ES256, Active, 1120)], None);
    // Git takes it back: that is another text, and no way back to a key that is gone.
    world.schedule.trigger.clear();
    world.check(1400, &[(2, ES256, Active, 1120), (3, ES256, Pending, 1400)], Some(1500));
}

/// What happens to a ring, and when it is looked at: late, early, twice.
#[derive(Clone, Debug)]
enum Event {
    Wait(i64),
    Trigger(u8),
    Algorithms(bool),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (0..400_i64).prop_map(Event::Wait),
        1 => (0..3_u8).prop_map(Event::Trigger),
        1 => any::<bool>().prop_map(Event::Algorithms),
    ];
    proptest::collection::vec(event, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// The clock moves by up to a few periods at once. At every moment each token that has not expired is verified by a key
    /// that is published, and a verifier that keeps the JWKS for as long as it may meets no key that it does not know.
    #[test]
    fn t_p46_no_verifier_ever_meets_a_key_that_it_does_not_know(events in events(), period in 150..600_i64) {
        const CACHE: i64 = 100;
        const TOKEN: i64 = 200;
        let mut schedule = Schedule {
            algorithms: [ES256].into(),
            period: Some(period),
            pre_publish: CACHE,
            retire: TOKEN,
            revoked: BTreeSet::new(),
            trigger: String::new(),
        };
        let (mut now, mut keys) = (0, Vec::new());
        // What was signed, and the copies of the JWKS that verifiers may still hold.
        let mut tokens: Vec<(String, i64)> = Vec::new();
        let mut copies: Vec<(i64, BTreeSet<String>)> = Vec::new();
        for event in events {
            match event {
                Event::Wait(seconds) => now += seconds,
                Event::Trigger(text) => schedule.trigger = text.to_string(),
                Event::Algorithms(two) => {
                    schedule.algorithms = if two { [ES256, EdDSA].into() } else { [ES256].into() };
                }
            }
            // Until this look, what was published before is what verifiers got.
            let published = |keys: &[RingKey]| keys.iter().map(|key| key.key.kid().to_string()).collect::<BTreeSet<_>>();
            if !keys.is_empty() {
                copies.push((now, published(&keys)));
                // And what signed until then signs up to this very moment.
                let ring = crate::ring::KeyRing::new(keys.clone()).unwrap();
                let signing = [ES256, EdDSA].into_iter().filter_map(|algorithm| ring.signing(algorithm));
                tokens.extend(signing.map(|key| (key.kid().to_string(), now + TOKEN)));
            }
            keys = advance(keys, &schedule, now, &mut SigningKey::generate).unwrap().keys;
            let here = published(&keys);
            let ring = crate::ring::KeyRing::new(keys.clone()).unwrap();
            tokens.retain(|(_, expires)| *expires > now);
            for (kid, expires) in &tokens {
                prop_assert!(here.contains(kid), "{kid} is gone at {now}, and a token of it lives until {expires}");
            }
            prop_assert!(ring.signing(ES256).is_some(), "there is always a key that signs");
            copies.retain(|(at, _)| at + CACHE > now);
            for signing in [ES256, EdDSA].into_iter().filter_map(|algorithm| ring.signing(algorithm)) {
                let signing = signing.kid().to_string();
                for (at, copy) in &copies {
                    prop_assert!(copy.contains(&signing), "{signing} signs at {now}, and a copy of {at} lacks it");
                }
                tokens.push((signing, now + TOKEN));
            }
        }
    }
}
