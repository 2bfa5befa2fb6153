use super::*;

const NOW: Time = Time::from_secs(1_800_000_000);
const HERE: &str = "203.0.113.9";
const THERE: &str = "198.51.100.1";

impl Throttle {
    /// Whether nothing was ever counted.
    pub(crate) fn is_untouched(&self) -> bool {
        self.table.lock().unwrap().iter().flatten().all(|slot| slot.key == 0)
    }
}

fn throttle() -> Throttle {
    Throttle::new(1024, [1; 32])
}

fn attempt(throttle: &Throttle, user: &str, from: &str, now: Time) -> Result<Attempt, Exhausted> {
    throttle.attempt(user, from.parse().unwrap(), now)
}

/// Delays of as many attempts in a row, in milliseconds.
fn delays(throttle: &Throttle, user: &str, from: &str, now: Time, times: usize) -> Vec<u128> {
    (0..times).map(|_| attempt(throttle, user, from, now).unwrap().delay.as_millis()).collect()
}

#[test]
fn the_wait_grows_to_five_seconds() {
    let throttle = throttle();
    assert_eq!(delays(&throttle, "alice", HERE, NOW, 10), [0, 0, 0, 250, 500, 1000, 2000, 4000, 5000, 5000]);
}

#[test]
fn t_p35_an_address_has_a_budget_on_a_user() {
    let throttle = throttle();
    delays(&throttle, "alice", HERE, NOW, 10);
    let refused = attempt(&throttle, "alice", HERE, NOW).unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_secs(30));
    let refused = attempt(&throttle, "alice", HERE, NOW.plus_secs(29)).unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_secs(1));
    assert!(attempt(&throttle, "alice", HERE, NOW.plus_secs(30)).is_ok());
    assert!(attempt(&throttle, "alice", HERE, NOW.plus_secs(30)).is_err(), "one attempt came back, not all");
    assert_eq!(delays(&throttle, "bob", HERE, NOW, 1), [0], "another user has a budget of their own");
}

#[test]
fn t_p35_one_password_on_every_name_is_slow_too() {
    let throttle = throttle();
    let tried = (0..1000).filter(|user| attempt(&throttle, &format!("user-{user}"), HERE, NOW).is_ok()).count();
    assert_eq!(tried, 120);
    let refused = attempt(&throttle, "another", HERE, NOW).unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_secs(1));
    assert!(attempt(&throttle, "another", THERE, NOW).is_ok(), "others are not concerned");
    assert!(attempt(&throttle, "another", HERE, NOW.plus_secs(1)).is_ok(), "one comes back in every second");
    assert!(attempt(&throttle, "another", HERE, NOW.plus_secs(1)).is_err());
}

#[test]
fn t_p35_a_right_password_now_and_then_does_not_pay_for_wrong_ones() {
    let throttle = throttle();
    let mut tried = 0;
    for round in 0..1000 {
        let Ok(own) = attempt(&throttle, "mallory", HERE, NOW) else { break };
        throttle.succeeded(own, NOW);
        tried += usize::from(attempt(&throttle, &format!("user-{round}"), HERE, NOW).is_ok());
    }
    assert_eq!(tried, 120);
}

#[test]
fn an_office_that_logs_in_at_nine_does_not_wait() {
    let throttle = throttle();
    for user in 0..1000 {
        let attempt = attempt(&throttle, &format!("user-{user}"), HERE, NOW).unwrap();
        throttle.succeeded(attempt, NOW);
    }
}

#[test]
fn t_p35_a_stranger_slows_a_login_down_and_never_prevents_it() {
    let throttle = throttle();
    delays(&throttle, "alice", THERE, NOW, 10);
    assert!(attempt(&throttle, "alice", THERE, NOW).is_err());
    assert_eq!(attempt(&throttle, "alice", HERE, NOW).unwrap().delay, MAX_DELAY);
    for network in 0..200 {
        attempt(&throttle, "alice", &format!("198.51.100.{network}"), NOW).ok();
    }
    assert_eq!(attempt(&throttle, "alice", HERE, NOW).unwrap().delay, MAX_DELAY, "not longer, whoever tries");
    let later = NOW.plus_secs(12 * 60);
    assert_eq!(attempt(&throttle, "alice", HERE, later).unwrap().delay, Duration::ZERO, "forgotten in minutes");
}

#[test]
fn t_p35_attempts_at_once_are_counted_before_any_is_judged() {
    let throttle = throttle();
    let all: Vec<_> = (0..50).map(|_| attempt(&throttle, "alice", HERE, NOW)).collect();
    assert_eq!(all.iter().filter(|attempt| attempt.is_ok()).count(), 10);
}

#[test]
fn a_success_gives_the_budget_back_and_forgets_nobody_elses_failures() {
    let throttle = throttle();
    delays(&throttle, "alice", HERE, NOW, 9);
    let last = attempt(&throttle, "alice", HERE, NOW).unwrap();
    throttle.succeeded(last, NOW);
    let next = attempt(&throttle, "alice", HERE, NOW).unwrap();
    assert_eq!(next.delay, MAX_DELAY);
    assert_eq!(delays(&throttle, "alice", HERE, NOW, 9).len(), 9);
    assert!(attempt(&throttle, "alice", HERE, NOW).is_err());
}

#[test]
fn people_who_log_in_often_never_wait() {
    let throttle = throttle();
    for _ in 0..100 {
        let attempt = attempt(&throttle, "alice", HERE, NOW).unwrap();
        assert_eq!(attempt.delay, Duration::ZERO);
        throttle.succeeded(attempt, NOW);
    }
}

#[test]
fn spellings_and_neighbours_share_a_budget() {
    let throttle = throttle();
    delays(&throttle, "alice", "2001:db8:1:2::1", NOW, 5);
    delays(&throttle, " ALICE ", "2001:db8:1:2:ffff::9", NOW, 5);
    assert!(attempt(&throttle, "Alice", "2001:db8:1:2::3", NOW).is_err());
    assert!(attempt(&throttle, "alice", "2001:db8:1:3::1", NOW).is_ok(), "another /64");
    delays(&throttle, "carol", HERE, NOW, 10);
    assert!(attempt(&throttle, "carol", &format!("::ffff:{HERE}"), NOW).is_err(), "the same address, mapped");
}

#[test]
fn t_p35_a_subscriber_has_no_budget_in_each_of_many_ipv6_networks() {
    let throttle = Throttle::new(64 * 1024, [1; 32]);
    let tried = |prefix: &str, user: &dyn Fn(u32) -> String| {
        let from = |n: u32| format!("{prefix}{:02x}::1", n % 256);
        (0..2000).filter(|n| attempt(&throttle, &user(*n), &from(*n), NOW).is_ok()).count()
    };
    assert_eq!(tried("2001:db8:0:1", &|_| "alice".to_owned()), 20, "a /56");
    let of_others = tried("2001:db8:0:2", &|_| "alice".to_owned()) + tried("2001:db8:0:3", &|_| "alice".to_owned());
    assert_eq!(of_others, 20, "the /48 around it");
    let each = |n: u32| format!("user-{n}");
    assert_eq!(tried("2001:db8:1:1", &each), 240, "one password on every name");
    assert_eq!(tried("2001:db8:9:1", &|_| "bob".to_owned()), 20);
    let right = attempt(&throttle, "bob", "2001:db8:9:2::1", NOW).unwrap();
    throttle.succeeded(right, NOW);
    assert_eq!(tried("2001:db8:9:1", &|_| "bob".to_owned()), 0, "a right password next door pays for nobody's guesses");
    assert_eq!(tried("2001:db8:9:2", &|_| "bob".to_owned()), 20);
}

#[test]
fn t_p38_memory_is_bounded_and_a_flood_pushes_out_little() {
    let throttle = Throttle::new(64 * 1024, [1; 32]);
    delays(&throttle, "victim", HERE, NOW, 10);
    for number in 0..10_000 {
        attempt(&throttle, &format!("u{number}"), THERE, NOW).ok();
    }
    assert!(attempt(&throttle, "victim", HERE, NOW).is_err(), "the largest count of a set gives way last");
    assert_eq!(throttle.table.lock().unwrap().len() * WAYS, 64 * 1024);
}

#[test]
fn a_clock_that_was_set_back_locks_nobody_out() {
    let throttle = throttle();
    delays(&throttle, "alice", HERE, NOW, 10);
    let refused = attempt(&throttle, "alice", HERE, NOW.plus_secs(-3600)).unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_secs(30));
}

#[test]
fn an_attempt_that_was_never_checked_does_not_count() {
    let throttle = throttle();
    for _ in 0..100 {
        let attempt = attempt(&throttle, "alice", HERE, NOW).unwrap();
        assert_eq!(attempt.delay, Duration::ZERO);
        throttle.withdraw(attempt, NOW);
    }
}
