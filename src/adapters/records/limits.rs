//! `jobs` over the document port: keys of which only so many jobs run at the same time.
//!
//! A running job of such a key has one of its places in `limitSlot`. A unique index over running
//! jobs gives them away, so two claims cannot both have one, and a job that runs no more has none.

use std::collections::{HashMap, HashSet};

use bson::{Bson, Document};
use jobs::{
    job::{Limit, Queue},
    ports::PortError,
};

use super::{Records, collections::JOBS};
use crate::adapters::documents::{Change, Guard, Query, Test};

/// So many running jobs with a key are looked at: more than all workers together have places.
const RUNNING: u32 = 10_000;
/// So often one claim walks along the queue, each time without the keys that turned out full.
const WALKS: usize = 16;

/// The jobs that a claim tries to take.
#[derive(Default)]
pub(super) struct Chosen {
    /// All of them, in the order of the queue.
    pub ids: Vec<Bson>,
    /// Those that need no place.
    pub free: Vec<Bson>,
    limited: Vec<(Bson, Limit, u32)>,
    places: Places,
}

/// Which places of which keys are taken, as far as is known.
#[derive(Default)]
struct Places {
    taken: HashMap<String, HashSet<u32>>,
    full: HashSet<String>,
}

impl Records {
    /// Chooses among `candidates`, the head of the queue, and goes on behind those whose keys are
    /// full: they must not keep the others waiting. Without keys it asks the store nothing.
    pub(super) async fn choose(
        &self,
        queue: Queue,
        slots: u32,
        candidates: Vec<Document>,
    ) -> Result<Chosen, PortError> {
        let mut chosen = Chosen::default();
        if candidates.iter().all(|job| place_of(job).is_none()) {
            chosen.ids = candidates.iter().filter_map(|job| job.get("_id").cloned()).collect();
            chosen.free = chosen.ids.clone();
            return Ok(chosen);
        }
        let running = self.store.find(&JOBS, Query::over("limitSlot", RUNNING)).await?;
        chosen.places = Places::of(&running);
        let wanted = usize::try_from(slots).unwrap_or(usize::MAX);
        let (mut walk, mut before) = (candidates, (0, 0));
        for _ in 0..WALKS {
            let is_all = walk.len() < wanted;
            for job in walk {
                chosen.consider(&job, wanted);
            }
            let after = (chosen.ids.len(), chosen.places.full.len());
            if is_all || chosen.ids.len() >= wanted || before == after {
                break;
            }
            before = after;
            walk = self.behind(queue, slots, &chosen.places.full).await?;
        }
        Ok(chosen)
    }

    /// Takes those of the chosen jobs that need a place, by this change; those that it got.
    pub(super) async fn take_limited(
        &self,
        chosen: &mut Chosen,
        change: &Change,
    ) -> Result<Vec<Document>, PortError> {
        let mut taken = Vec::new();
        for (id, limit, place) in std::mem::take(&mut chosen.limited) {
            let mut next = Some(place);
            while let Some(place) = next {
                let change = change.clone().set("limitSlot", format!("{}#{place}", limit.key));
                let guard = Guard::none().eq("state", "ready");
                next = match self.store.patch(&JOBS, &id, guard, change).await {
                    Ok(job) => {
                        taken.extend(job);
                        None
                    }
                    // Somebody else has the place since.
                    Err(PortError::Conflict(_)) => chosen.places.take(&limit),
                    Err(error) => return Err(error),
                };
            }
        }
        Ok(taken)
    }
}

impl Chosen {
    fn consider(&mut self, job: &Document, wanted: usize) {
        let Some(id) = job.get("_id") else { return };
        if self.ids.len() >= wanted || self.ids.contains(id) {
            return;
        }
        match place_of(job) {
            None => self.free.push(id.clone()),
            Some(limit) => {
                let Some(place) = self.places.take(&limit) else { return };
                self.limited.push((id.clone(), limit, place));
            }
        }
        self.ids.push(id.clone());
    }
}

impl Places {
    fn of(running: &[Document]) -> Self {
        let mut places = Self::default();
        for job in running {
            let slot = job.get_str("limitSlot").ok().and_then(|slot| slot.rsplit_once('#'));
            let Some((key, Ok(place))) = slot.map(|(key, place)| (key, place.parse())) else {
                continue;
            };
            places.taken.entry(key.to_owned()).or_default().insert(place);
        }
        for limit in running.iter().filter_map(limit_of) {
            if places.taken.get(&limit.key).is_some_and(|taken| taken.len() >= most(&limit)) {
                places.full.insert(limit.key);
            }
        }
        places
    }

    /// The first free place of the key.
    fn take(&mut self, limit: &Limit) -> Option<u32> {
        let taken = self.taken.entry(limit.key.clone()).or_default();
        let place = (taken.len() < most(limit))
            .then(|| (0..limit.most).find(|place| !taken.contains(place)))
            .flatten();
        taken.extend(place);
        if taken.len() >= most(limit) {
            self.full.insert(limit.key.clone());
        }
        place
    }
}

/// Jobs of the keys that are not full, and those without a key.
pub(super) fn others(full: &HashSet<String>) -> Guard {
    let mut keys: Vec<&String> = full.iter().collect();
    keys.sort_unstable();
    let not = |key: &String| Test::Ne(key.as_str().into());
    keys.into_iter().fold(Guard::none(), |guard, key| guard.and("limitKey", not(key)))
}

fn most(limit: &Limit) -> usize {
    usize::try_from(limit.most).unwrap_or(usize::MAX)
}

/// The limit that keeps the job waiting: one that is cancelled only ends, and needs no place.
fn place_of(job: &Document) -> Option<Limit> {
    limit_of(job).filter(|_| !job.get_bool("cancelRequested").unwrap_or(false))
}

/// The job's limit. What is no text limits nothing; without a number one job runs at a time.
pub(super) fn limit_of(job: &Document) -> Option<Limit> {
    let key = job.get_str("limitKey").ok().filter(|key| !key.is_empty())?;
    let most =
        job.get("limitMost").cloned().and_then(|most| bson::deserialize_from_bson(most).ok());
    Some(Limit { key: key.to_owned(), most: most.unwrap_or(1).clamp(1, Limit::MOST) })
}
