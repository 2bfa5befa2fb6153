//! Processes that are paused anywhere and for any time, requests that are lost or arrive late, and people who edit:
//! never do two lead at the same instant.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    /// The process goes on by one step: decides, or hears the answer.
    Step,
    /// What the process has sent arrives.
    Arrive,
    /// It arrives, but the answer is lost.
    LoseAnswer,
    /// It does not arrive in time. It may arrive later.
    Late,
    /// What was late arrives after all.
    ArriveLate,
    /// The process goes on until there is nothing to do for now.
    Play,
    /// It stops leading and gives the lease back as it should; another process starts in its place.
    Retire,
    /// It is gone; another process starts in its place.
    Kill,
    Edit(Edit),
}

#[derive(Clone, Copy, Debug)]
enum Edit {
    Label,
    Renewed(i64),
    Shorten,
    Empty,
    Rename,
    Delete,
}

struct Process {
    player: Player,
    sent: Option<Request>,
    heard: Option<Answer>,
    late: Option<Request>,
}

impl Process {
    fn new(number: usize) -> Self {
        let mut player = Player::new(&format!("process-{number}"));
        player.skew = SignedDuration::from_mins(if number.is_multiple_of(2) { 10 } else { -10 });
        Self { player, sent: None, heard: None, late: None }
    }

    fn step(&mut self, at: Duration) {
        if let Some(answer) = self.heard.take() {
            self.player.answer(at, answer);
        } else if self.sent.is_none()
            && let Step::Send(request) = self.player.next(at)
        {
            self.sent = Some(request);
        }
    }
}

/// Returns how many became leader.
fn simulate(events: &[(usize, u64, Event)], processes: usize) -> Result<usize, TestCaseError> {
    let mut store = Store::default();
    let mut started = processes;
    let mut all: Vec<Process> = (0..processes).map(Process::new).collect();
    // Everybody has looked once, so that nobody takes a deleted lease for one that never was.
    for process in &mut all {
        process.player.play(Duration::ZERO, &mut store);
    }
    let mut at = Duration::ZERO;
    let (mut last, mut reigns) = (None, 0);
    for (who, pause, event) in events {
        at += Duration::from_millis(*pause);
        let process = &mut all[*who % processes];
        match event {
            Event::Step => process.step(at),
            Event::Arrive => process.heard = process.sent.take().map(|request| store.handle(&request)),
            Event::LoseAnswer => {
                if let Some(request) = process.sent.take() {
                    store.handle(&request);
                    process.heard = Some(Answer::Failed);
                }
            }
            Event::Late => {
                if let Some(request) = process.sent.take() {
                    process.late = Some(request);
                    process.heard = Some(Answer::Failed);
                }
            }
            Event::ArriveLate => {
                if let Some(request) = process.late.take() {
                    store.handle(&request);
                }
            }
            Event::Play => {
                process.step(at);
                process.heard = process.heard.take().or(process.sent.take().map(|request| store.handle(&request)));
                process.step(at);
                if process.sent.is_none() {
                    process.player.play(at, &mut store);
                }
            }
            Event::Retire => {
                process.player.election.retire();
                process.sent = None;
                if process.heard.is_none() {
                    process.player.play(at, &mut store);
                }
                let late = process.late.take();
                *process = Process { late, ..Process::new(started) };
                started += 1;
            }
            Event::Kill => {
                let late = process.sent.take().or(process.late.take());
                *process = Process { late, ..Process::new(started) };
                started += 1;
            }
            Event::Edit(edit) => change(&mut store, *edit),
        }
        let leaders: Vec<usize> = (0..processes).filter(|one| all[*one].player.leads(at)).collect();
        prop_assert!(leaders.len() < 2, "{leaders:?} lead at {at:?}");
        if let Some(leader) = leaders.first().copied()
            && last != Some(leader)
        {
            last = Some(leader);
            reigns += 1;
        }
    }
    Ok(reigns)
}

fn change(store: &mut Store, edit: Edit) {
    match edit {
        Edit::Label => {
            store.edit(|lease| drop(lease.metadata.labels.get_or_insert_default().insert("a".into(), "b".into())));
        }
        Edit::Renewed(seconds) => store.edit_spec(|spec| {
            let time = spec.renew_time.take().map_or(Timestamp::UNIX_EPOCH, |MicroTime(time)| time);
            spec.renew_time = time.checked_add(SignedDuration::from_secs(seconds)).ok().map(MicroTime);
        }),
        // One second and no holder would be a lease that was given back: nobody should lie about that.
        Edit::Shorten => store.edit_spec(|spec| spec.lease_duration_seconds = Some(2)),
        Edit::Empty => store.edit_spec(|spec| {
            spec.holder_identity = None;
            spec.lease_duration_seconds = spec.lease_duration_seconds.map(|seconds| seconds.max(2));
        }),
        Edit::Rename => store.edit_spec(|spec| spec.holder_identity = Some("somebody".to_owned())),
        Edit::Delete => store.delete(),
    }
}

fn what_happens_to_requests() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::Step),
        6 => Just(Event::Arrive),
        8 => Just(Event::Play),
        1 => Just(Event::LoseAnswer),
        1 => Just(Event::Late),
        1 => Just(Event::ArriveLate),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        Just(Edit::Label),
        (-600..600_i64).prop_map(Edit::Renewed),
        Just(Edit::Shorten),
        Just(Edit::Empty),
        Just(Edit::Rename),
    ]
}

/// Short steps mostly, and now and then a pause around the times that matter or of any length.
fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..200_u64, 2 => 200..3000_u64, 1 => 4500..5500_u64, 1 => 9900..10_100_u64, 1 => 14_900..15_100_u64,
        1 => 0..100_000_u64]
}

fn events(event: impl Strategy<Value = Event>) -> impl Strategy<Value = Vec<(usize, u64, Event)>> {
    vec((0..3_usize, pause(), event), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f43_a_paused_leader_leads_no_more(
        events in events(prop_oneof![
            20 => what_happens_to_requests(),
            1 => Just(Event::Retire),
            1 => Just(Event::Kill),
            2 => edit().prop_map(Event::Edit),
        ]),
    ) {
        simulate(&events, 3)?;
    }

    /// As above, but processes that have never seen the lease are left out: they create a deleted one at once.
    #[test]
    fn f45_a_deleted_lease_never_has_two_leaders(
        events in events(prop_oneof![
            10 => what_happens_to_requests(),
            1 => edit().prop_map(Event::Edit),
            1 => Just(Event::Edit(Edit::Delete)),
        ]),
    ) {
        simulate(&events, 3)?;
    }
}

/// The simulation is worth something only if leadership changes hands in it.
#[test]
fn the_simulation_has_many_leaders() {
    let mut runner = TestRunner::deterministic();
    let strategy = events(what_happens_to_requests());
    let reigns: usize =
        (0..200).map(|_| simulate(&strategy.new_tree(&mut runner).unwrap().current(), 3).unwrap()).sum();
    assert!(reigns > 500, "{reigns}");
}
