//! One case: each step on the real queue and on the model, and what may not differ.

use std::sync::{Arc, Mutex};

use bson::oid::ObjectId;
use jobs::ports::{Held, Leased};

use super::{
    deed::{Deed, Jobs, owner},
    job::Job,
    laws,
    real::{self, Real},
    steps::{Op, Step, WORKERS},
    whole::{self, Answer},
};

/// So many leases a worker remembers, also those that it has lost.
const REMEMBERED: usize = 4;

/// A lease in a worker's hands, perhaps lost long ago.
struct Hand {
    leased: Leased,
    /// Somebody wants its job to end, and the worker has heard of it.
    heard: bool,
}

struct Walk {
    real: Real,
    /// As they stood after the last step.
    jobs: Jobs,
    hands: [Vec<Hand>; WORKERS],
    spent: Vec<ObjectId>,
}

/// Takes these steps; what was wrong, with the steps that led to it.
pub async fn walk(steps: &[Step]) -> Result<(), String> {
    let hands = std::array::from_fn(|_| Vec::new());
    let mut walk = Walk { real: Real::new().await, jobs: Jobs::new(), hands, spent: Vec::new() };
    for (n, step) in steps.iter().enumerate() {
        let stepped = match step {
            Step::Once(op) => walk.once(op).await,
            Step::Amid { outer, call, inner } => walk.amid(outer, *call, inner).await,
        };
        if let Err(wrong) = stepped {
            let lines: Vec<String> = steps[..=n].iter().map(|step| format!("  {step:?}")).collect();
            return Err(format!("after these steps\n{}\n{wrong}", lines.join("\n")));
        }
    }
    Ok(())
}

impl Walk {
    /// The call does what the model says, to all jobs, and answers so.
    async fn once(&mut self, op: &Op) -> Result<(), String> {
        let before = std::mem::take(&mut self.jobs);
        let deed = self.deed(op, &before);
        let (answer, claimed) = real::act(&self.real.gated, &self.real.clock, deed.clone()).await;
        let after = self.real.jobs().await;
        self.remember(&deed, &answer, claimed);
        self.agree(&deed, &before, &after, &answer)?;
        self.jobs = after;
        Ok(())
    }

    fn agree(
        &mut self,
        deed: &Deed,
        before: &Jobs,
        after: &Jobs,
        answer: &Answer,
    ) -> Result<(), String> {
        let now = self.real.now();
        let new = after.values().find(|job| !before.contains_key(&job.id));
        let (expected, told) = whole::after(deed, before, new, now);
        let settled: Jobs =
            expected.into_iter().map(|(id, job)| (id, settled(job, after, now))).collect();
        if settled != *after {
            return Err(format!("{deed:?} made\n  {after:#?}\nthe model says\n  {settled:#?}"));
        }
        if told != *answer {
            return Err(format!("{deed:?} answers {answer:?}, the model says {told:?}"));
        }
        self.lawful(deed, before, after)
    }

    /// The inner call is as by itself; the outer one does to each job what it may do or nothing,
    /// by what the job is like at that moment.
    async fn amid(&mut self, outer: &Op, call: usize, inner: &Op) -> Result<(), String> {
        let begin = std::mem::take(&mut self.jobs);
        let (outer, inner) = (self.deed(outer, &begin), self.deed(inner, &begin));
        let seen = Arc::new(Mutex::new(None));
        let meanwhile = {
            let (seen, house) = (seen.clone(), self.real.other.clone());
            let (clock, inner) = (self.real.clock.clone(), inner.clone());
            async move {
                let before = real::jobs(&*house.store).await;
                let (answer, claimed) = real::act(&house, &clock, inner).await;
                let after = real::jobs(&*house.store).await;
                *seen.lock().unwrap() = Some((before, after, answer, claimed));
            }
        };
        let began = self.real.now();
        self.real.gate.after(call, Box::pin(meanwhile));
        let (answer, claimed) = real::act(&self.real.gated, &self.real.clock, outer.clone()).await;
        let end = self.real.jobs().await;
        self.remember(&outer, &answer, claimed);
        let Some((before, after, told, taken)) = seen.lock().unwrap().take() else {
            drop(self.real.gate.left());
            self.agree(&outer, &begin, &end, &answer)?;
            self.jobs = end;
            return Ok(());
        };
        laws::only_its_fates(&outer, &begin, &before, [began; 2])?;
        self.lawful(&outer, &begin, &before)?;
        self.remember(&inner, &told, taken);
        self.agree(&inner, &before, &after, &told)?;
        laws::only_its_fates(&outer, &after, &end, [began, self.real.now()])?;
        self.lawful(&outer, &after, &end)?;
        self.jobs = end;
        Ok(())
    }

    fn lawful(&mut self, deed: &Deed, before: &Jobs, after: &Jobs) -> Result<(), String> {
        laws::always(after, self.real.now())?;
        laws::over_is_over(deed, before, after)?;
        laws::no_token_comes_back(&mut self.spent, before, after)
    }

    fn remember(&mut self, deed: &Deed, answer: &Answer, claimed: Vec<Leased>) {
        match (deed, answer) {
            (Deed::Claim { worker, .. }, _) => {
                let hands = &mut self.hands[*worker];
                hands.extend(claimed.into_iter().map(|leased| Hand { leased, heard: false }));
                hands.drain(..hands.len().saturating_sub(REMEMBERED));
            }
            (Deed::Hear { worker, held }, Answer::Jobs(wanted)) => {
                for hand in &mut self.hands[*worker] {
                    let is_meant = held.contains(&hand.leased.held());
                    hand.heard |= is_meant && wanted.contains(&hand.leased.id);
                }
            }
            _ => {}
        }
    }

    /// The call, with the jobs and leases that its numbers mean.
    fn deed(&self, op: &Op, jobs: &Jobs) -> Deed {
        let job = |n: usize| jobs.keys().nth(n % jobs.len().max(1)).copied();
        let hand = |worker: usize, n: usize| {
            let hands = &self.hands[worker];
            hands.get(n % hands.len().max(1))
        };
        let held = |worker: usize| -> Vec<Held> {
            self.hands[worker].iter().map(|hand| hand.leased.held()).collect()
        };
        let about = |n: usize, deed: fn(ObjectId) -> Deed| job(n).map_or(Deed::Nothing, deed);
        match op.clone() {
            Op::Push(wish) => Deed::Push(wish),
            Op::Put(wish) => Deed::Put(wish),
            Op::Insert { wish, with_key } => Deed::Insert { wish, with_key },
            Op::TakeIn => Deed::TakeIn,
            Op::Promote => Deed::Promote,
            Op::Claim { worker, slots } => Deed::Claim { worker, slots },
            Op::Run { worker, lease, says } => match hand(worker, lease) {
                Some(Hand { leased, heard }) => {
                    Deed::Run { leased: Box::new(leased.clone()), heard: *heard, says }
                }
                None => Deed::Nothing,
            },
            Op::Extend { worker } => Deed::Extend(held(worker)),
            Op::Alone { worker, lease } => {
                hand(worker, lease).map_or(Deed::Nothing, |hand| Deed::Alone(hand.leased.held()))
            }
            Op::Release { worker } => Deed::Release(held(worker)),
            Op::Hear { worker } => Deed::Hear { worker, held: held(worker) },
            Op::Reap => Deed::Reap,
            Op::Inherit { worker } => Deed::Inherit { owner: owner(worker) },
            Op::Cancel(n) => about(n, Deed::Cancel),
            Op::Retry(n) => about(n, Deed::Retry),
            Op::Delete(n) => about(n, Deed::Delete),
            Op::Pass { millis } => Deed::Pass { millis },
        }
    }
}

fn settled(job: Job, real: &Jobs, now: i64) -> Job {
    match real.get(&job.id) {
        Some(real) => job.settled(real, now),
        None => job,
    }
}
