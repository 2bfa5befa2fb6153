//! The election as tables: a store in memory, and a clock that is an argument.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use self::store::Store;
use super::Settings;
use super::election::{Answer, Election, Request, Step};

mod looped;
mod simulated;
mod store;

const SECOND: Duration = Duration::from_secs(1);

/// A process: its own monotonic clock, and a wall clock that is wrong by `skew`.
struct Player {
    election: Election,
    start: Instant,
    skew: SignedDuration,
}

impl Player {
    fn new(identity: &str) -> Self {
        Self::lasting(identity, Settings::DURATION)
    }

    fn lasting(identity: &str, duration: Duration) -> Self {
        let settings = Settings::new("ns", "portcullis", identity, duration);
        Self { election: Election::new(settings), start: Instant::now(), skew: SignedDuration::ZERO }
    }

    fn next(&mut self, at: Duration) -> Step {
        let wall = Timestamp::UNIX_EPOCH + SignedDuration::try_from(at).unwrap() + SignedDuration::from_hours(9);
        self.election.next(self.start + at, wall + self.skew)
    }

    fn answer(&mut self, at: Duration, answer: Answer) {
        self.election.answer(self.start + at, answer);
    }

    fn leads(&self, at: Duration) -> bool {
        self.until().is_some_and(|until| at < until)
    }

    fn until(&self) -> Option<Duration> {
        self.election.leads_until().map(|until| until - self.start)
    }

    /// Sends whatever there is to send, without delay; returns how long it then waits. None: it is done.
    fn play(&mut self, at: Duration, store: &mut Store) -> Option<Duration> {
        for _ in 0..10 {
            match self.next(at) {
                Step::Wait(wait) => return Some(wait),
                Step::Done => return None,
                Step::Send(request) => {
                    let answer = store.handle(&request);
                    self.answer(at, answer);
                }
            }
        }
        panic!("sends without end");
    }

    /// Plays from `from` until it leads, or the end; returns when that was.
    fn play_until_it_leads(&mut self, from: Duration, to: Duration, store: &mut Store) -> Option<Duration> {
        let mut at = from;
        while at <= to {
            let wait = self.play(at, store)?;
            if self.leads(at) {
                return Some(at);
            }
            at += wait;
        }
        None
    }
}

#[test]
fn a_lease_that_never_was_is_created_at_once() {
    let mut store = Store::default();
    let mut a = Player::new("a");
    assert_eq!(a.next(Duration::ZERO), Step::Send(Request::Read));
    a.answer(SECOND / 10, Answer::Absent);
    let Step::Send(Request::Create(lease)) = a.next(SECOND / 5) else { panic!() };
    let spec = lease.spec.clone().unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("a"));
    assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(15), Some(0)));
    assert_eq!(spec.acquire_time, spec.renew_time);
    assert!(!a.leads(SECOND / 5), "not before it is known");
    a.answer(SECOND, store.handle(&Request::Create(lease)));
    // From when it began to write, not from when it heard of it.
    assert_eq!(a.until(), Some(SECOND / 5 + 10 * SECOND));
    assert_eq!(a.next(SECOND), Step::Wait(SECOND / 5 + 4 * SECOND));
}

#[test]
fn of_two_at_once_one_wins() {
    let mut store = Store::default();
    let (mut a, mut b) = (Player::new("a"), Player::new("b"));
    let writes = [&mut a, &mut b].map(|player| {
        player.next(Duration::ZERO);
        player.answer(Duration::ZERO, Answer::Absent);
        let Step::Send(request) = player.next(Duration::ZERO) else { panic!() };
        request
    });
    a.answer(Duration::ZERO, store.handle(&writes[0]));
    b.answer(Duration::ZERO, store.handle(&writes[1]));
    assert!(a.leads(Duration::ZERO) && !b.leads(Duration::ZERO));
    // The loser is in no hurry.
    let Some(wait) = b.play(Duration::ZERO, &mut store) else { panic!() };
    assert!(wait >= 2 * SECOND && wait <= 5 * SECOND / 2, "{wait:?}");
    assert_eq!(b.next(wait), Step::Send(Request::Read));
}

#[test]
fn the_holder_renews_by_replacing_what_it_knows() {
    let mut store = Store::default();
    let mut a = Player::new("a");
    a.play(Duration::ZERO, &mut store);
    let before = store.spec();
    // The wall clock stands still, yet the renewal is a change.
    a.skew = SignedDuration::from_secs(-5);
    let Step::Send(Request::Replace(lease)) = a.next(5 * SECOND) else { panic!() };
    assert_eq!(lease.metadata.resource_version.as_deref(), Some("1"));
    a.answer(6 * SECOND, store.handle(&Request::Replace(lease)));
    let after = store.spec();
    assert!(after.renew_time > before.renew_time);
    assert_eq!(LeaseSpec { renew_time: before.renew_time.clone(), ..after }, before);
    assert_eq!(a.until(), Some(15 * SECOND));
}

#[test]
fn a_renewal_heard_of_after_the_deadline_is_not_leading() {
    let mut store = Store::default();
    let mut a = Player::new("a");
    a.play(Duration::ZERO, &mut store);
    let Step::Send(renewal) = a.next(5 * SECOND) else { panic!() };
    let answer = store.handle(&renewal);
    assert!(!a.leads(40 * SECOND));
    a.answer(40 * SECOND, answer);
    assert!(!a.leads(40 * SECOND));
    // Nobody took it: it is renewed at once.
    a.play(40 * SECOND, &mut store);
    assert_eq!(a.until(), Some(50 * SECOND));
}

#[test]
fn f44_clock_skew_does_not_move_the_lease() {
    for minutes in [-10, 0, 10] {
        let mut store = Store::default();
        let (mut a, mut b) = (Player::new("a"), Player::new("b"));
        b.skew = SignedDuration::from_mins(minutes);
        a.play(Duration::ZERO, &mut store);
        b.play(3 * SECOND, &mut store);
        // The last renewal, which b sees at 7 s or so: from then on it stands unchanged.
        a.play(5 * SECOND, &mut store);
        let mut seen = 3 * SECOND;
        while store.spec() != b_sees(&b) {
            assert!(seen < 10 * SECOND);
            let Some(wait) = b.play(seen, &mut store) else { panic!() };
            if store.spec() != b_sees(&b) {
                seen += wait;
            }
        }
        let taken = b.play_until_it_leads(seen, 60 * SECOND, &mut store);
        assert_eq!(taken, Some(seen + 15 * SECOND), "{minutes} min");
        assert!(!a.leads(seen + 15 * SECOND));
        assert_eq!(store.spec().lease_transitions, Some(1));
    }
}

fn b_sees(player: &Player) -> LeaseSpec {
    player.election.seen_spec().unwrap_or_default()
}

#[test]
fn a_lease_that_others_label_is_not_renewed_by_it() {
    let mut store = Store::default();
    let (mut a, mut b) = (Player::new("a"), Player::new("b"));
    a.play(Duration::ZERO, &mut store);
    let mut at = Duration::ZERO;
    while !b.leads(at) {
        assert!(at <= 17 * SECOND + SECOND / 2, "{at:?}");
        let Some(wait) = b.play(at, &mut store) else { panic!() };
        store.edit(|lease| drop(lease.metadata.labels.get_or_insert_default().insert("at".into(), format!("{at:?}"))));
        at += if b.leads(at) { Duration::ZERO } else { wait };
    }
    assert!(at >= 15 * SECOND, "{at:?}");
    // The label of another stays.
    assert!(store.lease().metadata.labels.is_some());
}

#[test]
fn f45_the_holder_of_a_deleted_lease_creates_it_again() {
    let mut store = Store::default();
    let mut a = Player::new("a");
    a.play(Duration::ZERO, &mut store);
    store.delete();
    a.play(5 * SECOND, &mut store);
    assert_eq!(a.until(), Some(15 * SECOND));
    assert_eq!(store.spec().holder_identity.as_deref(), Some("a"));
}

#[test]
fn f45_who_misses_a_lease_leaves_it_to_the_holder() {
    let mut store = Store::default();
    let (mut a, mut b) = (Player::new("a"), Player::new("b"));
    a.play(Duration::ZERO, &mut store);
    b.play(SECOND, &mut store);
    store.delete();
    assert_eq!(b.play_until_it_leads(4 * SECOND, 5 * SECOND, &mut store), None);
    assert_eq!(store.spec().holder_identity, None);
    a.play(5 * SECOND, &mut store);
    assert_eq!((a.until(), store.spec().holder_identity.as_deref()), (Some(15 * SECOND), Some("a")));
}

#[test]
fn f45_a_deleted_lease_is_free_after_its_whole_duration() {
    let mut store = Store::default();
    let (mut a, mut b) = (Player::new("a"), Player::new("b"));
    a.play(Duration::ZERO, &mut store);
    b.play(SECOND, &mut store);
    store.delete();
    assert_eq!(b.play_until_it_leads(4 * SECOND, 60 * SECOND, &mut store), Some(19 * SECOND));
    // The old holder, paused all the while, finds another's lease.
    a.play(19 * SECOND, &mut store);
    assert!(!a.leads(19 * SECOND));
}

#[test]
fn f45_the_shortest_lease_is_not_taken_for_one_that_was_given_back() {
    let mut store = Store::default();
    let (mut a, mut b) = (Player::lasting("a", SECOND), Player::lasting("b", SECOND));
    a.play(Duration::ZERO, &mut store);
    b.play(Duration::ZERO, &mut store);
    store.delete();
    assert_eq!(b.play_until_it_leads(SECOND / 4, 9 * SECOND, &mut store), Some(SECOND * 5 / 4));
}

#[test]
fn f45_the_holder_of_an_edited_lease_stops() {
    let mut store = Store::default();
    let mut a = Player::new("a");
    a.play(Duration::ZERO, &mut store);
    store.edit_spec(|spec| spec.holder_identity = Some("mallory".to_owned()));
    assert!(a.leads(5 * SECOND));
    let Some(wait) = a.play(5 * SECOND, &mut store) else { panic!() };
    assert!(!a.leads(5 * SECOND));
    assert!(wait < 3 * SECOND);
    assert_eq!(a.play_until_it_leads(5 * SECOND, 60 * SECOND, &mut store), Some(20 * SECOND));
}

#[test]
fn f45_the_holder_of_an_emptied_lease_claims_it_before_others() {
    let mut store = Store::default();
    let (mut a, mut b) = (Player::new("a"), Player::new("b"));
    a.play(Duration::ZERO, &mut store);
    store.edit_spec(|spec| spec.holder_identity = None);
    assert_eq!(b.play_until_it_leads(SECOND, 5 * SECOND, &mut store), None);
    a.play(5 * SECOND, &mut store);
    assert_eq!(a.until(), Some(15 * SECOND));
}

#[test]
fn f45_a_lease_edited_shorter_or_older_is_not_free_earlier() {
    let mut store = Store::default();
    let (mut a, mut b) = (Player::new("a"), Player::new("b"));
    a.play(Duration::ZERO, &mut store);
    store.edit_spec(|spec| {
        spec.lease_duration_seconds = Some(1);
        spec.renew_time = Some(MicroTime(Timestamp::UNIX_EPOCH));
    });
    assert_eq!(b.play_until_it_leads(SECOND, 5 * SECOND, &mut store), None);
    a.play(5 * SECOND, &mut store);
    assert_eq!((a.until(), store.spec().lease_duration_seconds), (Some(15 * SECOND), Some(15)));
    // A longer one is respected.
    store.edit_spec(|spec| spec.lease_duration_seconds = Some(40));
    assert_eq!(b.play_until_it_leads(6 * SECOND, 100 * SECOND, &mut store), Some(46 * SECOND));
}

#[test]
fn f45_an_old_state_that_comes_back_is_nobodys() {
    let mut store = Store::default();
    let (mut a, mut b) = (Player::new("a"), Player::new("b"));
    a.play(Duration::ZERO, &mut store);
    let old = store.spec();
    b.play_until_it_leads(SECOND, 60 * SECOND, &mut store).unwrap();
    // Its renewal is refused, it looks, and then somebody restores a backup.
    a.play(20 * SECOND, &mut store);
    a.play(23 * SECOND, &mut store);
    store.edit_spec(|spec| *spec = old);
    let Some(taken) = a.play_until_it_leads(24 * SECOND, 60 * SECOND, &mut store) else { panic!() };
    assert!(taken >= 39 * SECOND, "{taken:?}");
}

#[test]
fn f45_a_lease_restored_after_it_was_deleted_is_nobodys() {
    let mut store = Store::default();
    let mut a = Player::new("a");
    a.play(Duration::ZERO, &mut store);
    let old = store.spec();
    store.delete();
    a.play(20 * SECOND, &mut store);
    store.edit_spec(|spec| *spec = old);
    let Some(taken) = a.play_until_it_leads(23 * SECOND, 60 * SECOND, &mut store) else { panic!() };
    assert!(taken >= 38 * SECOND, "{taken:?}");
}

#[test]
fn who_cannot_renew_stops_before_the_lease_expires() {
    let mut store = Store::default();
    let (mut a, mut b) = (Player::new("a"), Player::new("b"));
    a.play(Duration::ZERO, &mut store);
    b.play(Duration::ZERO, &mut store);
    let (mut at, mut attempts) = (5 * SECOND, 0);
    while at < 10 * SECOND {
        match a.next(at) {
            Step::Wait(wait) => at += wait,
            Step::Send(_) => {
                attempts += 1;
                assert!(a.leads(at));
                at += SECOND;
                a.answer(at, Answer::Failed);
            }
            Step::Done => panic!(),
        }
    }
    assert_eq!(attempts, 3);
    assert!(!a.leads(10 * SECOND));
    assert_eq!(b.play_until_it_leads(Duration::ZERO, 60 * SECOND, &mut store), Some(15 * SECOND));
}

#[test]
fn a_claim_whose_answer_was_lost_is_recognised() {
    let mut store = Store::default();
    let mut a = Player::new("a");
    a.next(Duration::ZERO);
    a.answer(Duration::ZERO, Answer::Absent);
    let Step::Send(request) = a.next(Duration::ZERO) else { panic!() };
    store.handle(&request);
    a.answer(SECOND, Answer::Failed);
    assert!(!a.leads(SECOND));
    let Some(wait) = a.play(SECOND, &mut store) else { panic!() };
    a.play(SECOND + wait, &mut store);
    assert!(a.leads(SECOND + wait));
    assert_eq!(store.spec().lease_transitions, Some(0));
}

#[test]
fn a_lease_in_ones_own_name_is_not_enough() {
    let mut store = Store::default();
    let (mut a, mut twin) = (Player::new("a"), Player::new("a"));
    a.play(Duration::ZERO, &mut store);
    assert_eq!(twin.play_until_it_leads(SECOND, 60 * SECOND, &mut store), Some(16 * SECOND));
    a.play(17 * SECOND, &mut store);
    assert!(!a.leads(17 * SECOND));
}

#[test]
fn writes_that_are_all_refused_are_not_sent_as_fast_as_possible() {
    let mut store = Store::default();
    let mut a = Player::new("a");
    a.play(Duration::ZERO, &mut store);
    let mut requests = 0;
    while let Step::Send(request) = a.next(5 * SECOND) {
        requests += 1;
        assert!(requests < 5);
        let answer = if request == Request::Read { store.handle(&request) } else { Answer::Conflict };
        a.answer(5 * SECOND, answer);
    }
    assert_eq!(requests, 3);
}

#[test]
fn a_lease_given_back_is_taken_at_the_next_look() {
    let mut store = Store::default();
    let (mut a, mut b) = (Player::new("a"), Player::new("b"));
    a.play(Duration::ZERO, &mut store);
    let Some(wait) = b.play(Duration::ZERO, &mut store) else { panic!() };
    a.election.retire();
    assert!(!a.leads(SECOND));
    assert_eq!(a.play(SECOND, &mut store), None);
    let spec = store.spec();
    assert_eq!((spec.holder_identity.as_deref(), spec.lease_duration_seconds), (Some(""), Some(1)));
    b.play(wait, &mut store);
    assert_eq!(b.until(), Some(wait + 10 * SECOND));
}

#[test]
fn who_retires_gives_back_its_own_lease_only() {
    // In the middle of a renewal.
    let mut store = Store::default();
    let mut a = Player::new("a");
    a.play(Duration::ZERO, &mut store);
    let Step::Send(renewal) = a.next(5 * SECOND) else { panic!() };
    a.election.retire();
    a.answer(5 * SECOND, store.handle(&renewal));
    assert!(!a.leads(5 * SECOND));
    assert_eq!(a.play(5 * SECOND, &mut store), None);
    assert_eq!(store.spec().holder_identity.as_deref(), Some(""));

    // When it is another's by now.
    let mut store = Store::default();
    a = Player::new("a");
    a.play(Duration::ZERO, &mut store);
    let mut b = Player::new("b");
    b.play_until_it_leads(Duration::ZERO, 60 * SECOND, &mut store).unwrap();
    a.election.retire();
    assert_eq!(a.play(16 * SECOND, &mut store), None);
    assert_eq!(store.spec().holder_identity.as_deref(), Some("b"));

    // When it never had it, and when nothing answers.
    let mut c = Player::new("c");
    c.play(SECOND, &mut store);
    c.election.retire();
    assert_eq!(c.next(SECOND), Step::Done);
    b.election.retire();
    for _ in 0..3 {
        assert!(matches!(b.next(20 * SECOND), Step::Send(_)));
        b.answer(20 * SECOND, Answer::Failed);
    }
    assert_eq!(b.next(20 * SECOND), Step::Done);
}

#[test]
fn times_fit_into_each_other() {
    for (asked, whole) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (3000, 3), (15_000, 15)] {
        for identity in ["a", "b", "portcullis-7d4b9c-x2x9f_0e8d"] {
            let settings = Settings::new("ns", "portcullis", identity, Duration::from_millis(asked));
            assert_eq!(settings.duration(), whole * SECOND);
            assert!(settings.timeout() < settings.retry());
            assert!(settings.retry() < settings.renew());
            // A second and a third attempt begin before leading ends.
            assert!(settings.renew() + settings.retry() * 2 < settings.hold());
            assert!(settings.hold() + settings.timeout() * 2 < settings.duration());
        }
    }
}
