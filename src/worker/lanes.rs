//! Which lanes have free places, and which rest because their port is away.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bson::oid::ObjectId;
use jobs::{job::Queue, model::Lane, ports::Held};
use tokio_util::sync::CancellationToken;

/// A lane rests at least this long when its port is away.
const REST_FIRST: Duration = Duration::from_millis(500);
/// And at most this long: a port that is back is noticed soon.
const REST_LONGEST: Duration = Duration::from_secs(10);
/// A port that says how long it is away is believed for so long; then one job asks again, because
/// the others of the lane may not lean on the same part of it.
pub const REST_ASKED_LONGEST: Duration = Duration::from_secs(300);

/// How many jobs of each lane run at the same time in one process.
#[derive(Debug, Clone)]
pub struct Slots(pub HashMap<Queue, u32>);

/// The lanes of this process.
#[derive(Debug, Clone)]
pub struct Lanes(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    slots: HashMap<Queue, u32>,
    running: HashMap<Queue, u32>,
    /// Jobs that have left their place, of whose end the store does not know yet.
    ended: HashMap<Queue, u32>,
    rests: HashMap<Queue, Rest>,
    held: HashMap<Held, Holding>,
    /// Not known before somebody has looked.
    paused: Option<HashSet<Queue>>,
}

/// What is known of the job of a lease.
#[derive(Debug)]
struct Holding {
    cancel: CancellationToken,
    /// When its work has to be over.
    due: Option<Instant>,
    is_overdue: bool,
    /// The place is free; only the end is to be written.
    has_left: bool,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Instant,
    length: Duration,
    /// Until when the port has asked to be left alone.
    asked: Option<Instant>,
    /// The job that sees whether the port is back.
    asks: Option<Held>,
}

impl Rest {
    fn new(now: Instant, length: Duration) -> Self {
        Self { until: now + length, length, asked: None, asks: None }
    }
}

/// A place in a lane, and the lease of the job in it; free again when it is dropped.
#[derive(Debug)]
pub struct Slot {
    lanes: Lanes,
    queue: Queue,
    held: Held,
    cancel: CancellationToken,
}

impl Slot {
    /// Set off when somebody wants the job to end.
    pub fn cancel(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Work on the job has to be over within this time; until then, and again from when it is over,
    /// the lease is kept.
    pub fn is_due_in(&self, time: Option<Duration>) {
        if let Some(job) = self.lanes.state().held.get_mut(&self.held) {
            job.due = time.and_then(|time| Instant::now().checked_add(time));
        }
    }

    /// The work is done and only its end is to be written: the place is free for the next job,
    /// while the lease stays.
    pub fn leave(&self) {
        let mut state = self.lanes.state();
        let job = state.held.get_mut(&self.held);
        if job.is_some_and(|job| !std::mem::replace(&mut job.has_left, true)) {
            one_less(&mut state.running, self.queue);
            *state.ended.entry(self.queue).or_default() += 1;
        }
    }
}

fn one_less(jobs: &mut HashMap<Queue, u32>, queue: Queue) {
    if let Some(count) = jobs.get_mut(&queue) {
        *count = count.saturating_sub(1);
    }
}

impl Lanes {
    /// Empty lanes with so many places.
    pub fn new(slots: Slots) -> Self {
        Self(Arc::new(Mutex::new(State {
            slots: slots.0,
            running: HashMap::new(),
            ended: HashMap::new(),
            rests: HashMap::new(),
            held: HashMap::new(),
            paused: None,
        })))
    }

    /// How many jobs of `queue` may be claimed now. A lane that rests lets nothing in; one that has
    /// just rested lets one job in to see whether the port is back.
    pub fn free(&self, queue: Queue) -> u32 {
        let state = self.state();
        if state.paused.as_ref().is_none_or(|paused| paused.contains(&queue)) {
            return 0;
        }
        let slots = state.slots.get(&queue).copied().unwrap_or(1);
        let of = |jobs: &HashMap<Queue, u32>| jobs.get(&queue).copied().unwrap_or(0);
        let (running, ended) = (of(&state.running), of(&state.ended));
        // A store that is slow to take ends must not let them pile up.
        let free = slots.saturating_sub(running).min((2 * slots).saturating_sub(running + ended));
        match state.rests.get(&queue) {
            Some(rest) if Instant::now() < rest.until => 0,
            Some(Rest { asks: Some(job), .. }) if state.held.contains_key(job) => 0,
            Some(_) => free.min(1),
            None => free,
        }
    }

    /// Takes a place for the job of this lease.
    pub fn take(&self, queue: Queue, held: Held) -> Slot {
        let mut state = self.state();
        *state.running.entry(queue).or_default() += 1;
        let cancel = CancellationToken::new();
        let (due, is_overdue, has_left) = (None, false, false);
        state.held.insert(held, Holding { cancel: cancel.clone(), due, is_overdue, has_left });
        if let Some(rest) = state.rests.get_mut(&queue) {
            rest.asks = Some(held);
        }
        Slot { lanes: self.clone(), queue, held, cancel }
    }

    /// The port behind the lane is away: it rests, each time twice as long, and at least as long
    /// as the port has `asked` for.
    pub fn rest(&self, queue: Queue, asked: Option<Duration>) {
        let mut state = self.state();
        let now = Instant::now();
        let Rest { until, length, asked: before, .. } = match state.rests.get(&queue) {
            // Several jobs that were under way together are one sign, not several.
            Some(rest) if now < rest.until => *rest,
            Some(rest) => Rest::new(now, (rest.length * 2).min(REST_LONGEST)),
            None => Rest::new(now, REST_FIRST),
        };
        let asked = asked.map(|asked| now + asked.min(REST_ASKED_LONGEST)).max(before);
        let until = asked.map_or(until, |asked| until.max(asked));
        state.rests.insert(queue, Rest { until, length, asked, asks: None });
    }

    /// The port behind the lane has asked another process to be left alone for so long.
    pub fn asked(&self, queue: Queue, left: Duration) {
        let (mut state, now) = (self.state(), Instant::now());
        let asked = now + left.min(REST_ASKED_LONGEST);
        let rest = state.rests.entry(queue).or_insert(Rest::new(now, REST_FIRST));
        rest.until = rest.until.max(asked);
        rest.asked = rest.asked.max(Some(asked));
    }

    /// The port behind the lane has answered; that does not count against what it has asked for.
    pub fn go_on(&self, queue: Queue) {
        let (mut state, now) = (self.state(), Instant::now());
        let asks = |rest: &Rest| rest.asked.is_some_and(|asked| asked > now);
        if !state.rests.get(&queue).is_some_and(asks) {
            state.rests.remove(&queue);
        }
    }

    /// How all lanes stand.
    pub fn all(&self) -> Vec<Lane> {
        let (state, now) = (self.state(), Instant::now());
        let lane = |queue: Queue| Lane {
            queue: queue.as_str().to_owned(),
            places: state.slots.get(&queue).copied().unwrap_or(1),
            running: state.running.get(&queue).copied().unwrap_or(0),
            paused: state.paused.as_ref().is_some_and(|paused| paused.contains(&queue)),
            resting: state.rests.get(&queue).is_some_and(|rest| now < rest.until),
        };
        Queue::ALL.map(lane).into()
    }

    /// Whether no job has a place.
    pub fn are_empty(&self) -> bool {
        self.state().running.values().all(|running| *running == 0)
    }

    /// The leases of jobs that have a place, or an end that is being written.
    pub fn held(&self) -> Vec<Held> {
        self.state().held.keys().copied().collect()
    }

    /// The leases that are to be kept, and the jobs whose work is overdue since the last time this
    /// was asked: their leases are not.
    pub fn to_keep(&self, now: Instant) -> (Vec<Held>, Vec<ObjectId>) {
        let mut state = self.state();
        let (mut kept, mut overdue) = (Vec::new(), Vec::new());
        for (held, job) in &mut state.held {
            match job.due {
                Some(due) if due <= now => {
                    if !std::mem::replace(&mut job.is_overdue, true) {
                        overdue.push(held.job);
                    }
                }
                _ => kept.push(*held),
            }
        }
        (kept, overdue)
    }

    /// Asks the job of this lease to end.
    pub fn cancel(&self, held: Held) {
        if let Some(job) = self.state().held.get(&held) {
            job.cancel.cancel();
        }
    }

    /// These lanes begin nothing, all others may; whether that is new.
    pub fn pause(&self, paused: Vec<Queue>) -> bool {
        let paused = Some(paused.into_iter().collect());
        let before = std::mem::replace(&mut self.state().paused, paused.clone());
        before != paused
    }

    /// Whether a lane rests or has just rested: nobody says when its port is back.
    pub fn any_rests(&self) -> bool {
        !self.state().rests.is_empty()
    }

    /// A poisoned lock only means that a thread died between two plain assignments.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.lanes.state();
        let has_left = state.held.remove(&self.held).is_some_and(|job| job.has_left);
        one_less(if has_left { &mut state.ended } else { &mut state.running }, self.queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_say_what_runs_what_rests_and_what_is_paused() {
        let lanes = Lanes::new(Slots(HashMap::from([(Queue::Scan, 4), (Queue::Media, 2)])));
        let held = Held { job: bson::oid::ObjectId::new(), token: bson::oid::ObjectId::new() };

        let slot = lanes.take(Queue::Media, held);
        lanes.pause(vec![Queue::Ingest]);
        lanes.rest(Queue::Scan, None);
        let busy = lanes.all();
        drop(slot);
        lanes.go_on(Queue::Scan);

        let told = |lane: &Lane| (lane.running, lane.places, lane.paused, lane.resting);
        let busy: Vec<_> = busy.iter().map(told).collect();
        let (t, f) = (true, false);
        assert_eq!(busy[..4], [(0, 1, t, f), (0, 4, f, t), (1, 2, f, f), (0, 1, f, f)]);
        assert!(lanes.all().iter().all(|lane| lane.running == 0 && !lane.resting));
    }

    #[test]
    fn a_job_that_is_long_over_its_time_keeps_no_lease() {
        let lanes = Lanes::new(Slots(HashMap::new()));
        let held = || Held { job: ObjectId::new(), token: ObjectId::new() };
        let (good, hung) = (held(), held());
        let slots = [good, hung].map(|held| lanes.take(Queue::Media, held));
        let now = Instant::now();

        slots[0].is_due_in(Some(Duration::from_secs(60)));
        slots[1].is_due_in(Some(Duration::ZERO));
        let at_first = lanes.to_keep(now + Duration::from_secs(1));
        let then = lanes.to_keep(now + Duration::from_secs(1));
        slots[1].is_due_in(None);
        let after = lanes.to_keep(now + Duration::from_secs(1));

        assert_eq!(at_first, (vec![good], vec![hung.job]));
        assert_eq!(then, (vec![good], Vec::new()));
        assert_eq!((after.0.len(), after.1), (2, Vec::new()));
    }

    #[test]
    fn a_lane_that_has_rested_lets_one_job_in_until_it_has_answered() {
        let lanes = Lanes::new(Slots(HashMap::from([(Queue::Scan, 4)])));
        lanes.pause(Vec::new());
        lanes.rest(Queue::Scan, None);
        lanes.state().rests.get_mut(&Queue::Scan).unwrap().until = Instant::now();

        let before = lanes.free(Queue::Scan);
        let held = Held { job: ObjectId::new(), token: ObjectId::new() };
        let slot = lanes.take(Queue::Scan, held);
        let meanwhile = lanes.free(Queue::Scan);
        drop(slot);

        assert_eq!((before, meanwhile, lanes.free(Queue::Scan)), (1, 0, 1));
        lanes.go_on(Queue::Scan);
        assert_eq!(lanes.free(Queue::Scan), 4);
    }

    /// How long the lane rests from now on, to the second.
    fn rest_of(lanes: &Lanes) -> u64 {
        let until = lanes.state().rests[&Queue::Scan].until;
        until.saturating_duration_since(Instant::now()).as_millis().div_ceil(1000) as u64
    }

    #[test]
    fn a_lane_rests_as_long_as_its_port_asks_for_but_not_for_ever() {
        let lanes = Lanes::new(Slots(HashMap::from([(Queue::Scan, 4)])));
        lanes.pause(Vec::new());
        let free = lanes.free(Queue::Scan);

        lanes.rest(Queue::Scan, None);
        let by_itself = rest_of(&lanes);
        lanes.rest(Queue::Scan, Some(Duration::from_secs(60)));
        let asked = rest_of(&lanes);
        lanes.rest(Queue::Scan, Some(Duration::from_secs(5)));
        let shorter = rest_of(&lanes);
        lanes.rest(Queue::Scan, Some(Duration::MAX));

        assert_eq!((free, lanes.free(Queue::Scan), lanes.free(Queue::Media)), (4, 0, 1));
        assert_eq!((by_itself, asked, shorter, rest_of(&lanes)), (1, 60, 60, 300));
    }

    #[test]
    fn a_lane_rests_when_its_port_has_asked_another_process_and_one_answer_is_no_way_out() {
        let lanes = Lanes::new(Slots(HashMap::from([(Queue::Scan, 4)])));
        lanes.pause(Vec::new());

        lanes.asked(Queue::Scan, Duration::from_secs(60));
        lanes.go_on(Queue::Scan);
        let asked = (lanes.free(Queue::Scan), rest_of(&lanes));
        lanes.state().rests.get_mut(&Queue::Scan).unwrap().asked = Some(Instant::now());
        lanes.go_on(Queue::Scan);

        assert_eq!((asked, lanes.free(Queue::Scan)), ((0, 60), 4));
    }
}
