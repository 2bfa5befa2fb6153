//! The election as values: from what was read and written, and the time, to what to do next.
//!
//! ```text
//! Unknown ─ read ─► absent, never seen, or leading ─────── create ─────────┐
//!                   absent, seen before ─ create an empty one ─┐           ▼
//!                   somebody's, nobody's ─ wait, read ◄────────┘     ours, leading until …
//!                   given back, or unchanged for long ─── replace ────────►▲ └─ replace when due ─► ours, …
//!                   ours ───────────────────────────────── replace ────────┘
//!
//! any write ─ refused (409) or failed ─► Unknown
//! ```
//!
//! A lease that was deleted may have a holder who does not know yet. Its absence shows nothing of what happens between
//! two looks; so whoever misses it puts up an empty lease, and waits for that one to stay unchanged.
//!
//! It waits for nothing and reads no clock: `Instant` is the clock that nobody sets, `Timestamp` the wall clock, which
//! is written and never compared with another node's.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use super::Settings;

/// What a lease that was given back says, beside an empty holder.
const GIVEN_BACK: i32 = 1;

/// Requests that a candidate spends at the most on giving the lease back.
const LAST_REQUESTS: u8 = 3;

/// A candidate.
pub(super) struct Election {
    settings: Settings,
    view: View,
    seen: Option<Seen>,
    /// The acquire time of the lease that this process holds or has tried to claim. Forgotten as soon as somebody else
    /// is seen to hold it: should an old state of the lease come back, it is nobody's.
    tenure: Option<Timestamp>,
    /// The latest time that was written.
    stamped: Option<Timestamp>,
    until: Option<Instant>,
    /// When the step at hand was decided.
    asked: Option<Instant>,
    /// Nothing is done before.
    due: Option<Instant>,
    /// The last write was refused, too.
    refused: bool,
    /// How many requests are left, once the candidate stands back.
    retiring: Option<u8>,
}

/// The lease as the last answer showed it.
enum View {
    Unknown,
    Absent,
    Lease(Box<Lease>),
}

/// What was seen of the lease, and since when it has not changed.
struct Seen {
    what: Sight,
    since: Instant,
    /// Nothing was seen before.
    first: bool,
}

/// What counts as a change. Not the version: to label a lease is not to renew it.
#[derive(PartialEq)]
enum Sight {
    Absent,
    Lease { uid: Option<String>, spec: Option<LeaseSpec> },
}

/// Who has the lease, as far as this process can tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Owner {
    Ours,
    GivenBack,
    /// Nobody, but not since it was given back: somebody may lead who has not noticed yet.
    Nobody,
    Somebody,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Wait(Duration),
    Send(Request),
    /// The lease was given back, or there is none to give.
    Done,
}

/// What to ask of the API server.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request {
    Read,
    Create(Box<Lease>),
    /// The lease names the version that it replaces.
    Replace(Box<Lease>),
}

/// What came of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// There is no lease: to a read or to a replacement.
    Absent,
    /// The lease as it was read.
    Read(Box<Lease>),
    /// The lease as it was written.
    Written(Box<Lease>),
    /// Somebody else has written since.
    Conflict,
    /// Nobody knows what came of it.
    Failed,
}

impl Election {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            view: View::Unknown,
            seen: None,
            tenure: None,
            stamped: None,
            until: None,
            asked: None,
            due: None,
            refused: false,
            retiring: None,
        }
    }

    /// When leading ends, if nothing is renewed.
    pub(super) fn leads_until(&self) -> Option<Instant> {
        self.until
    }

    fn leads(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Stops leading, and wants the lease no more.
    pub(super) fn retire(&mut self) {
        self.until = None;
        self.retiring = self.retiring.or(Some(LAST_REQUESTS));
    }

    pub(super) fn is_retiring(&self) -> bool {
        self.retiring.is_some()
    }

    /// What to do at `now`. What it writes counts as begun at `now`, so ask immediately before.
    pub(super) fn next(&mut self, now: Instant, wall: Timestamp) -> Step {
        self.asked = Some(now);
        if let Some(left) = self.retiring {
            return self.give_back(left, wall);
        }
        if let Some(wait) = self.due.map(|due| due.saturating_duration_since(now)).filter(|wait| !wait.is_zero()) {
            return Step::Wait(wait);
        }
        let may_claim = self.leads(now) || self.is_free(now);
        match &self.view {
            View::Lease(lease) if self.owner(lease) == Owner::Ours => {
                let mut lease = lease.clone();
                self.renew(&mut lease, wall);
                Step::Send(Request::Replace(lease))
            }
            View::Lease(lease) if may_claim => {
                let mut lease = lease.clone();
                self.claim(&mut lease, wall);
                Step::Send(Request::Replace(lease))
            }
            View::Unknown | View::Lease(_) => Step::Send(Request::Read),
            View::Absent => {
                let mut lease = Box::new(self.empty());
                if may_claim {
                    self.claim(&mut lease, wall);
                }
                Step::Send(Request::Create(lease))
            }
        }
    }

    fn empty(&self) -> Lease {
        let (name, namespace) = (self.settings.name().to_owned(), self.settings.namespace().to_owned());
        let metadata = ObjectMeta { name: Some(name), namespace: Some(namespace), ..ObjectMeta::default() };
        let spec = LeaseSpec { lease_duration_seconds: Some(self.settings.seconds()), ..LeaseSpec::default() };
        Lease { metadata, spec: Some(spec) }
    }

    fn claim(&mut self, lease: &mut Lease, wall: Timestamp) {
        let acquired = self.stamp(wall);
        self.tenure = Some(acquired);
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(self.settings.identity().to_owned());
        spec.lease_duration_seconds = Some(self.settings.seconds());
        spec.acquire_time = Some(MicroTime(acquired));
        spec.renew_time = Some(MicroTime(acquired));
        spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |count| count.saturating_add(1)));
    }

    fn renew(&mut self, lease: &mut Lease, wall: Timestamp) {
        let spec = lease.spec.get_or_insert_default();
        spec.renew_time = Some(MicroTime(self.stamp(wall)));
        // As we mean it, whatever somebody has made of it.
        spec.lease_duration_seconds = Some(self.settings.seconds());
    }

    fn give_back(&mut self, left: u8, wall: Timestamp) -> Step {
        self.retiring = Some(left.saturating_sub(1));
        match &self.view {
            _ if left == 0 || self.tenure.is_none() => Step::Done,
            View::Unknown => Step::Send(Request::Read),
            View::Lease(lease) if self.owner(lease) == Owner::Ours => {
                let mut lease = lease.clone();
                let renewed = self.stamp(wall);
                let spec = lease.spec.get_or_insert_default();
                spec.holder_identity = Some(String::new());
                spec.lease_duration_seconds = Some(GIVEN_BACK);
                spec.renew_time = Some(MicroTime(renewed));
                Step::Send(Request::Replace(lease))
            }
            View::Absent | View::Lease(_) => Step::Done,
        }
    }

    /// What came of the last request, known at `now`.
    pub(super) fn answer(&mut self, now: Instant, answer: Answer) {
        let asked = self.asked.unwrap_or(now);
        match answer {
            Answer::Absent => {
                self.see(now, Sight::Absent);
                self.view = View::Absent;
                self.due = None;
                if !self.leads(now) {
                    self.tenure = None;
                }
            }
            Answer::Read(lease) => {
                self.see(now, Sight::of(&lease));
                self.due = match self.owner(&lease) {
                    Owner::Ours | Owner::GivenBack => None,
                    Owner::Nobody if self.leads(now) => None,
                    Owner::Nobody | Owner::Somebody => {
                        self.until = None;
                        self.tenure = None;
                        Some(self.next_look(asked))
                    }
                };
                self.view = View::Lease(lease);
            }
            Answer::Written(lease) => {
                self.see(now, Sight::of(&lease));
                self.refused = false;
                if self.owner(&lease) == Owner::Ours && self.retiring.is_none() {
                    self.until = Some(asked + self.settings.hold());
                    self.due = Some(asked + self.settings.renew());
                } else {
                    // Empty, or not as it was meant: something between here and the store has a will of its own.
                    self.until = None;
                    self.due = Some(asked + self.settings.retry());
                }
                self.view = View::Lease(lease);
            }
            Answer::Conflict => {
                self.view = View::Unknown;
                // A holder looks at once: it may hold nothing any more. But if all writes are refused, it does not
                // do so as fast as it can.
                let again = std::mem::replace(&mut self.refused, true);
                self.due = if self.leads(now) && !again { None } else { Some(asked + self.settings.retry()) };
            }
            Answer::Failed => {
                self.view = View::Unknown;
                self.due = Some(asked + self.settings.retry());
            }
        }
    }

    fn see(&mut self, now: Instant, what: Sight) {
        match &self.seen {
            Some(seen) if seen.what == what => {}
            seen => self.seen = Some(Seen { what, since: now, first: seen.is_none() }),
        }
    }

    /// Whether nobody else can lead: there was never a lease, it was given back, or it has stood unchanged for its whole
    /// duration.
    fn is_free(&self, now: Instant) -> bool {
        self.free_from().is_some_and(|free| free <= now)
    }

    fn free_from(&self) -> Option<Instant> {
        let Seen { what, since, first } = self.seen.as_ref()?;
        let wait = match what {
            Sight::Absent if *first => Duration::ZERO,
            Sight::Absent => return None,
            Sight::Lease { spec, .. } if was_given_back(spec.as_ref()) => Duration::ZERO,
            // The longer of the two: somebody may have shortened what the holder relies on.
            Sight::Lease { spec, .. } => {
                let seconds = spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or_default();
                let theirs = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
                theirs.max(self.settings.duration())
            }
        };
        Some(*since + wait)
    }

    /// When to look or try again: soon, and not later than the lease expires.
    fn next_look(&self, asked: Instant) -> Instant {
        let retry = asked + self.settings.retry();
        self.free_from().map_or(retry, |free| free.min(retry))
    }

    fn owner(&self, lease: &Lease) -> Owner {
        let spec = lease.spec.as_ref();
        if was_given_back(spec) {
            return Owner::GivenBack;
        }
        let Some(holder) = spec.and_then(|spec| spec.holder_identity.as_deref()).filter(|holder| !holder.is_empty())
        else {
            return Owner::Nobody;
        };
        let acquired = spec.and_then(|spec| spec.acquire_time.as_ref()).map(|MicroTime(time)| *time);
        let ours = holder == self.settings.identity() && acquired.is_some() && acquired == self.tenure;
        if ours { Owner::Ours } else { Owner::Somebody }
    }

    /// The wall clock in whole microseconds, as the lease says it, but later than what was written before: the API
    /// server takes a write that changes nothing for none, and others would see no renewal.
    fn stamp(&mut self, wall: Timestamp) -> Timestamp {
        let wall = Timestamp::from_microsecond(wall.as_microsecond()).unwrap_or(wall);
        let after = self.stamped.and_then(|last| last.checked_add(SignedDuration::from_micros(1)).ok());
        let stamp = after.map_or(wall, |after| after.max(wall));
        self.stamped = Some(stamp);
        stamp
    }
}

#[cfg(test)]
impl Election {
    /// The lease as it was last seen to change.
    pub(super) fn seen_spec(&self) -> Option<LeaseSpec> {
        match &self.seen.as_ref()?.what {
            Sight::Lease { spec, .. } => spec.clone(),
            Sight::Absent => None,
        }
    }
}

impl Sight {
    fn of(lease: &Lease) -> Self {
        Self::Lease { uid: lease.metadata.uid.clone(), spec: lease.spec.clone() }
    }
}

/// An empty lease that nobody has acquired yet is none that was given back, however short.
fn was_given_back(spec: Option<&LeaseSpec>) -> bool {
    spec.is_some_and(|spec| {
        spec.holder_identity.as_ref().is_none_or(String::is_empty)
            && spec.lease_duration_seconds == Some(GIVEN_BACK)
            && spec.acquire_time.is_some()
    })
}
