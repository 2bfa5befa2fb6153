use compile::status::Servers;
use oidc::ids::Uid;

use super::*;

fn provider() -> ObjectKey {
    ObjectKey::new("identity", "default")
}

fn word(version: u128) -> (ObjectKey, Acknowledgement) {
    let loaded = Loaded {
        provider: Uid::new("p"),
        record_formats: vec![1],
        loaded: [("oidcclientrecords".to_owned(), version.to_string())].into(),
        unreadable: BTreeMap::new(),
        more_unreadable: 0,
        digest: String::new(),
    };
    (provider(), Acknowledgement { instance: "i".to_owned(), loaded })
}

fn required(version: u128) -> [Required; 1] {
    [Required::Record("oidcclientrecords", "r".to_owned(), version)]
}

fn endpoints(count: usize) -> Vec<Endpoint> {
    (0..count).map(|number| Endpoint::named(&format!("http://127.0.0.1:{number}"))).collect()
}

#[test]
fn f48_a_replica_that_is_behind_is_counted_and_not_passed_over() {
    let now = Instant::now();
    let mut replicas = Replicas::default();
    let all = endpoints(3);
    assert!(replicas.set(all.clone(), now));
    assert_eq!(replicas.of(&provider(), &Uid::new("p"), &required(5), now), None, "they have just appeared");
    for endpoint in &all {
        replicas.answered(endpoint, Ok(word(4)), now);
    }
    assert_eq!(replicas.of(&provider(), &Uid::new("p"), &required(4), now), Some(Servers { serving: 3, loaded: 3 }));
    assert_eq!(replicas.of(&provider(), &Uid::new("p"), &required(5), now), Some(Servers { serving: 3, loaded: 0 }));
    for endpoint in &all[..2] {
        assert!(replicas.answered(endpoint, Ok(word(5)), now));
    }
    replicas.answered(&all[2], Err(ask::Silent::TimedOut), now);
    assert_eq!(replicas.of(&provider(), &Uid::new("p"), &required(5), now), Some(Servers { serving: 3, loaded: 2 }));
    assert_eq!(
        replicas.of(&provider(), &Uid::new("p"), &required(4), now).unwrap().loaded,
        3,
        "what it had loaded it has loaded"
    );
    assert!(replicas.set(all[..2].to_vec(), now), "it has left");
    assert_eq!(replicas.of(&provider(), &Uid::new("p"), &required(5), now), Some(Servers { serving: 2, loaded: 2 }));
}

#[test]
fn a_replica_that_never_speaks_counts_in_the_end() {
    let now = Instant::now();
    let mut replicas = Replicas::default();
    replicas.set(endpoints(1), now);
    assert_eq!(replicas.of(&provider(), &Uid::new("p"), &required(1), now), None);
    let later = now + INTRODUCTION;
    assert_eq!(replicas.of(&provider(), &Uid::new("p"), &required(1), later), Some(Servers { serving: 1, loaded: 0 }));
}

#[test]
fn another_process_at_the_address_has_said_nothing() {
    let now = Instant::now();
    let mut replicas = Replicas::default();
    let all = endpoints(1);
    replicas.set(all.clone(), now);
    replicas.answered(&all[0], Ok(word(9)), now);
    assert!(replicas.answered(&all[0], Err(ask::Silent::AnotherInstance), now));
    assert_eq!(replicas.of(&provider(), &Uid::new("p"), &required(1), now + INTRODUCTION).unwrap().loaded, 0);
}

#[test]
fn what_was_loaded_for_an_earlier_provider_of_the_name_does_not_count() {
    let now = Instant::now();
    let mut replicas = Replicas::default();
    let all = endpoints(1);
    replicas.set(all.clone(), now);
    replicas.answered(&all[0], Ok(word(9)), now);
    let of = |uid| replicas.of(&provider(), &Uid::new(uid), &required(1), now);
    assert_eq!(of("p"), Some(Servers { serving: 1, loaded: 1 }));
    assert_eq!(of("another"), Some(Servers { serving: 1, loaded: 0 }));
}

#[test]
fn nobody_is_asked_while_nothing_waits() {
    let now = Instant::now();
    let mut replicas = Replicas::default();
    let all = endpoints(1);
    replicas.set(all.clone(), now);
    assert_eq!(replicas.ask(false, now), all, "who appears is asked");
    assert!(replicas.ask(true, now).is_empty(), "once at a time");
    replicas.answered(&all[0], Ok(word(1)), now);
    assert!(replicas.ask(false, now + LONGEST_PAUSE).is_empty());
    assert_eq!(replicas.next(false, now), None);
    assert_eq!(replicas.ask(true, now + LONGEST_PAUSE), all);
}
