use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const PERIOD: i64 = 864_000;
const OVERLAP: i64 = 100;

fn rotating(trigger: &str) -> Value {
    json!({"clientSecret": {"rotation": {"periodSeconds": 0, "overlapSeconds": OVERLAP, "trigger": trigger}}})
}

fn spec(authentication: &Value, accounts: &Value) -> OidcApplicationSpec {
    let fields = json!({"clientAuthentication": authentication, "programmaticAccess": accounts});
    serde_json::from_value(fields).unwrap()
}

fn own(authentication: &Value) -> OidcApplicationSpec {
    spec(authentication, &json!([]))
}

fn first(spec: &OidcApplicationSpec) -> Rotations {
    Rotations::begin(spec, Epoch { generation: 1, epoch: 1 }, 0)
}

/// Where one client secret stands: the epochs of next, current and previous.
fn epochs(rotation: &Rotation) -> (Option<u64>, u64, Option<u64>) {
    (rotation.next.map(|next| next.epoch), rotation.epoch, rotation.previous.map(|previous| previous.epoch))
}

/// The application's own secret over time.
struct Life {
    rotations: Rotations,
    spec: OidcApplicationSpec,
    newest: u32,
}

impl Life {
    fn new(authentication: &Value) -> Self {
        let spec = own(authentication);
        Self { rotations: first(&spec), spec, newest: 1 }
    }

    fn want(&mut self, authentication: &Value) {
        self.spec = own(authentication);
    }

    #[track_caller]
    fn check(&mut self, now: i64, published: u64, expect: (Option<u64>, u64, Option<u64>), next: Option<i64>) {
        let before = self.rotations.clone();
        let advanced = before.advance(&self.spec, self.newest, |_| Some(published), now);
        assert_eq!(advanced.changed, advanced.rotations != before);
        assert_eq!((epochs(&advanced.rotations.own), advanced.next), (expect, next));
        // Twice at the same time changes nothing.
        let again = advanced.rotations.advance(&self.spec, self.newest, |_| Some(published), now);
        assert_eq!((again.changed, again.next), (false, next));
        self.rotations = advanced.rotations;
    }
}

#[test]
fn f20_a_secret_of_a_certain_age_is_replaced_and_the_one_before_ends_with_the_overlap() {
    let by_age = json!({"clientSecret": {"rotation": {"periodSeconds": PERIOD, "overlapSeconds": OVERLAP}}});
    let mut life = Life::new(&by_age);
    life.check(1000, 1, (None, 1, None), Some(1000 + PERIOD));
    life.check(999 + PERIOD, 1, (None, 1, None), Some(1000 + PERIOD));
    // Servers accept it first.
    let due = 1000 + PERIOD;
    life.check(due, 1, (Some(2), 1, None), None);
    // However long a server is away, and however often the trigger changes meanwhile: nobody has it yet.
    life.check(due + 10 * PERIOD, 1, (Some(2), 1, None), None);
    let out = due + 11 * PERIOD;
    life.check(out, 2, (None, 2, Some(1)), Some(out + OVERLAP));
    assert_eq!(life.rotations.own.since, Some(out), "the overlap is counted from when it was handed out");
    life.check(out + OVERLAP - 1, 2, (None, 2, Some(1)), Some(out + OVERLAP));
    life.check(out + OVERLAP, 2, (None, 2, None), Some(out + PERIOD));
}

#[test]
fn f20_triggers_in_quick_succession_end_in_one_epoch() {
    let mut life = Life::new(&rotating("before"));
    life.check(0, 1, (None, 1, None), None);
    assert_eq!(life.rotations.own.trigger, "before", "the first one has triggered nothing");
    life.want(&rotating("a"));
    life.check(10, 1, (Some(2), 1, None), None);
    life.want(&rotating("b"));
    life.check(11, 1, (Some(2), 1, None), None);
    life.check(12, 2, (None, 2, Some(1)), Some(12 + OVERLAP));
    assert_eq!(life.rotations.own.trigger, "b");
    // One that comes during the overlap waits for its end, so that never more than two are good.
    life.want(&rotating("c"));
    life.check(20, 2, (None, 2, Some(1)), Some(12 + OVERLAP));
    life.check(12 + OVERLAP, 2, (Some(3), 2, None), None);
    // Taken back after it was prepared: what servers accept already is handed out all the same.
    life.want(&rotating("b"));
    life.check(13 + OVERLAP, 2, (Some(3), 2, None), None);
    life.check(14 + OVERLAP, 3, (None, 3, Some(2)), Some(14 + 2 * OVERLAP));
    life.check(14 + 2 * OVERLAP, 3, (None, 3, None), None);
}

#[test]
fn f20_a_trigger_that_was_taken_back_in_time_has_triggered_nothing() {
    let mut life = Life::new(&rotating(""));
    life.check(0, 1, (None, 1, None), None);
    life.want(&rotating("a"));
    life.check(10, 1, (Some(2), 1, None), None);
    life.check(10, 2, (None, 2, Some(1)), Some(10 + OVERLAP));
    life.want(&rotating("b"));
    life.check(20, 2, (None, 2, Some(1)), Some(10 + OVERLAP));
    life.want(&rotating("a"));
    life.check(10 + OVERLAP, 2, (None, 2, None), None);
}

#[test]
fn f20_an_overlap_that_passed_while_nobody_looked_is_over() {
    let mut life = Life::new(&rotating(""));
    life.want(&rotating("a"));
    life.check(0, 1, (Some(2), 1, None), None);
    life.check(0, 2, (None, 2, Some(1)), Some(OVERLAP));
    life.want(&rotating("b"));
    life.check(1_000_000, 2, (Some(3), 2, None), None);
}

#[test]
fn an_overlap_is_cut_short_by_its_setting() {
    let mut life = Life::new(&rotating(""));
    life.want(&rotating("a"));
    life.check(0, 1, (Some(2), 1, None), None);
    life.check(0, 2, (None, 2, Some(1)), Some(OVERLAP));
    let none = json!({"clientSecret": {"rotation": {"overlapSeconds": 0, "trigger": "a"}}});
    life.want(&none);
    life.check(1, 2, (None, 2, None), None);
    // And there may be none from the start.
    life.want(&json!({"clientSecret": {"rotation": {"overlapSeconds": 0, "trigger": "b"}}}));
    life.check(2, 2, (Some(3), 2, None), None);
    life.check(3, 3, (None, 3, None), None);
}

#[test]
fn nothing_is_rotated_that_is_not_as_it_should_be() {
    let mut life = Life::new(&rotating(""));
    life.want(&rotating("a"));
    let advanced = life.rotations.advance(&life.spec, 1, |_| None, 5);
    assert_eq!(epochs(&advanced.rotations.own), (None, 1, None), "its Secret is missing, or somebody else's");
    assert!(life.rotations.waits(&life.spec, 1, 5), "and news of it are worth a look");
    life.check(6, 1, (Some(2), 1, None), None);
    assert!(life.rotations.waits(&life.spec, 1, 6));
    life.check(7, 2, (None, 2, Some(1)), Some(7 + OVERLAP));
    assert!(!life.rotations.waits(&life.spec, 1, 7));
}

#[test]
fn f44_a_clock_that_is_set_back_makes_no_overlap_longer() {
    let mut life = Life::new(&rotating(""));
    life.want(&rotating("a"));
    life.check(1_000_000, 1, (Some(2), 1, None), None);
    life.check(1_000_000, 2, (None, 2, Some(1)), Some(1_000_000 + OVERLAP));
    life.check(5000, 2, (None, 2, Some(1)), Some(5000 + OVERLAP));
    life.check(5000 + OVERLAP, 2, (None, 2, None), None);
}

#[test]
fn another_kind_of_authentication_ends_every_secret_and_uses_no_epoch_twice() {
    let mut life = Life::new(&rotating(""));
    life.want(&rotating("a"));
    life.check(0, 1, (Some(2), 1, None), None);
    life.want(&json!({"type": "None"}));
    life.check(1, 1, (None, 2, None), None);
    life.want(&rotating("b"));
    life.check(2, 2, (Some(3), 2, None), None);
}

#[test]
fn a_generation_that_is_left_behind_takes_its_derived_keys_along_and_a_rotation_does_not() {
    let mut life = Life::new(&rotating(""));
    let keys = |life: &Life, of: Epoch| life.rotations.own.keys_of(of);
    life.want(&rotating("a"));
    life.check(0, 1, (Some(2), 1, None), None);
    assert_eq!(keys(&life, Epoch { generation: 1, epoch: 2 }), Epoch { generation: 1, epoch: 1 });
    life.check(0, 2, (None, 2, Some(1)), Some(OVERLAP));
    assert_eq!(keys(&life, life.rotations.own.current()), Epoch { generation: 1, epoch: 1 });
    life.newest = 2;
    life.want(&rotating("b"));
    life.check(OVERLAP, 2, (Some(3), 2, None), None);
    assert_eq!(life.rotations.own.next, Some(Epoch { generation: 2, epoch: 3 }));
    assert_eq!(keys(&life, Epoch { generation: 2, epoch: 3 }), Epoch { generation: 2, epoch: 3 });
    assert_eq!(life.rotations.generations().collect::<Vec<_>>(), [1, 2], "both have to be there meanwhile");
    life.check(OVERLAP, 3, (None, 3, Some(2)), Some(2 * OVERLAP));
    assert_eq!(keys(&life, life.rotations.own.current()), Epoch { generation: 2, epoch: 3 });
}

#[test]
fn an_account_rotates_by_itself_and_one_that_comes_back_gets_another_secret() {
    let accounts =
        |trigger: &str| json!([{"name": "job", "clientAuthentication": rotating(trigger)}, {"name": "other"}]);
    let plain = json!({});
    let start = spec(&plain, &accounts(""));
    let rotations = first(&start);
    let changed = spec(&plain, &accounts("a"));
    let next = rotations.advance(&changed, 1, |_| Some(1), 10).rotations;
    assert_eq!(epochs(&next.accounts["job"]), (Some(2), 1, None));
    assert_eq!((epochs(&next.own), epochs(&next.accounts["other"])), ((None, 1, None), (None, 1, None)));

    let gone = next.advance(&own(&plain), 1, |_| Some(1), 20).rotations;
    assert!(gone.accounts.is_empty());
    assert_eq!(gone.spent, 2, "servers have accepted it");
    assert_eq!(gone.of(Some("job"), 1).epoch, 3);
    let back = gone.advance(&changed, 1, |_| Some(1), 30).rotations;
    assert_eq!(epochs(&back.accounts["job"]), (None, 3, None));
    assert_eq!(back.accounts["job"].trigger, "a", "the trigger that is there from the start has triggered nothing");
}

/// What somebody writes down before anything depends on it, and who depends on it.
struct World {
    now: i64,
    trigger: u32,
    /// What is kept.
    record: Rotations,
    /// The epoch in the Secret.
    secret: u64,
    /// What was read of the Secret last.
    read: u64,
    /// What each server has loaded.
    servers: [Rotations; 2],
    highest: u64,
}

#[derive(Clone, Debug)]
enum Event {
    Wait(i64),
    SetBack(i64),
    Trigger,
    /// The next write, if there is one.
    Write,
    /// Whoever writes is killed before it is known that the write was made.
    WriteAndDie,
    Load(usize),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (1_i64..150).prop_map(Event::Wait),
        1 => (1_i64..50).prop_map(Event::SetBack),
        2 => Just(Event::Trigger),
        8 => Just(Event::Write),
        1 => Just(Event::WriteAndDie),
        6 => (0_usize..2).prop_map(Event::Load),
    ]
}

impl World {
    fn new() -> Self {
        let record = first(&own(&rotating("0")));
        let servers = [record.clone(), record.clone()];
        Self { now: 1_000_000, trigger: 0, record, secret: 1, read: 1, servers, highest: 1 }
    }

    fn spec(&self) -> OidcApplicationSpec {
        own(&rotating(&self.trigger.to_string()))
    }

    /// The one next write: the record, and once every server has it, the Secret.
    fn write(&mut self) {
        let advanced = self.record.advance(&self.spec(), 1, |_| Some(self.read), self.now);
        let handed_out = advanced.rotations.own.newest();
        if advanced.changed {
            self.record = advanced.rotations;
        } else if self.servers.iter().all(|loaded| *loaded == self.record) {
            self.secret = handed_out;
        }
    }

    /// The epochs that a server accepts, by itself.
    fn accepted(&self, server: usize) -> Vec<u64> {
        let rotation = &self.servers[server].own;
        let settings = SecretRotation { overlap_seconds: OVERLAP, ..SecretRotation::NEVER };
        let ends = rotation.previous_ends(Some(&settings));
        let previous = rotation.previous.filter(|_| ends.is_none_or(|end| self.now < end));
        let live = rotation.next.into_iter().chain([rotation.current()]).chain(previous);
        live.map(|epoch| epoch.epoch).collect()
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Wait(seconds) => self.now += seconds,
            Event::SetBack(seconds) => self.now -= seconds,
            Event::Trigger => self.trigger += 1,
            Event::Write => {
                self.write();
                self.read = self.secret;
            }
            // The Secret is read anew by whoever comes next, perhaps late: what was read before is all that is known.
            Event::WriteAndDie => self.write(),
            Event::Load(server) => self.servers[*server] = self.record.clone(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn f12_at_every_instant_every_server_accepts_what_the_secret_holds(
        history in proptest::collection::vec(any_event(), 1..120),
    ) {
        let mut world = World::new();
        for event in &history {
            world.happen(event);
            for server in 0..2 {
                let accepted = world.accepted(server);
                prop_assert!(accepted.contains(&world.secret), "{} is not among {accepted:?}", world.secret);
                prop_assert!(accepted.len() <= 2, "{accepted:?}");
            }
            prop_assert!(world.secret >= world.highest, "an epoch never falls");
            world.highest = world.secret;
        }
        // Left alone it comes to rest: one secret, which answers the last trigger, and the overlap is over.
        for _ in 0..20 {
            for event in [Event::Write, Event::Load(0), Event::Load(1), Event::Write] {
                world.happen(&event);
            }
            world.now += OVERLAP;
        }
        let rotation = &world.record.own;
        prop_assert_eq!(epochs(rotation), (None, world.secret, None));
        prop_assert_eq!(&rotation.trigger, &world.trigger.to_string());
        for server in 0..2 {
            prop_assert_eq!(world.accepted(server), vec![world.secret]);
        }
        let triggers = history.iter().filter(|event| matches!(event, Event::Trigger)).count();
        prop_assert!(world.secret <= 1 + u64::try_from(triggers).unwrap(), "no rotation without a reason");
    }

    /// A server ends the older one by itself, whether anybody is there to tell it or not.
    #[test]
    fn f20_after_the_overlap_the_older_one_is_never_accepted(
        history in proptest::collection::vec(any_event(), 1..60), wait in 0_i64..300,
    ) {
        let mut world = World::new();
        for event in &history {
            world.happen(event);
        }
        let before: Vec<_> = (0..2).map(|server| world.accepted(server)).collect();
        // Nobody writes, nobody loads.
        let since = world.servers.clone().map(|loaded| loaded.own.since);
        world.now += wait;
        for server in 0..2 {
            let older = world.servers[server].own.previous.map(|previous| previous.epoch);
            let over = since[server].is_some_and(|since| since + OVERLAP <= world.now);
            let accepted = world.accepted(server);
            if let Some(older) = older {
                prop_assert_eq!(accepted.contains(&older), !over);
            }
            prop_assert!(accepted.iter().all(|epoch| before[server].contains(epoch)));
            prop_assert!(accepted.contains(&world.secret));
        }
    }
}
