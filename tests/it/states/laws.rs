//! What holds whatever happens, read from the store before and after a call or a part of one.

use bson::oid::ObjectId;
use jobs::ports::JobState;

use super::deed::{Deed, Fate, Jobs};
use super::job::Job;

/// What is wrong, if something is.
pub type Law = Result<(), String>;

/// Each job is left alone, or has met a fate of the call that it was in the middle of.
///
/// The call may go by the time of its beginning or by that of now.
pub fn only_its_fates(deed: &Deed, before: &Jobs, after: &Jobs, times: [i64; 2]) -> Law {
    for (id, was) in before {
        let fates = times.map(|now| deed.fates(was, now)).concat();
        let fits = match after.get(id) {
            None => fates.contains(&Fate::Goes),
            Some(is) => {
                let met = |fate: &Fate| match fate {
                    Fate::Is(job) => {
                        times.iter().any(|now| (**job).clone().settled(is, *now) == *is)
                    }
                    Fate::Goes => false,
                };
                is == was || fates.iter().any(met)
            }
        };
        if !fits {
            let is = after.get(id);
            return Err(format!("{deed:?} made of\n  {was:?}\nthis:\n  {is:?}\nnot {fates:?}"));
        }
    }
    let new = after.keys().filter(|id| !before.contains_key(*id)).count();
    let may = usize::from(matches!(deed, Deed::Push(_) | Deed::Put(_) | Deed::Insert { .. }));
    if new > may { Err(format!("{deed:?} made {new} jobs")) } else { Ok(()) }
}

/// What is true of all jobs at any time.
pub fn always(jobs: &Jobs, now: i64) -> Law {
    for job in jobs.values() {
        let (is_running, is_new) = (job.state == JobState::Running, job.state == JobState::New);
        let rules = [
            (is_running == job.lease.is_some(), "it runs just while somebody has it"),
            (job.closed != job.state.is_open(), "it has an end just when it has ended"),
            (is_new || job.key.is_some() == job.state.is_open(), "it has its key just while open"),
            (!is_running || job.run_at <= Some(now), "it runs only when it is due"),
            (job.attempt >= 0, "its attempts are at least none"),
            (job.errors <= 10, "it keeps its last ten errors"),
        ];
        if let Some((_, rule)) = rules.into_iter().find(|(holds, _)| !holds) {
            return Err(format!("of a job it is not true that {rule}\n  {job:?}"));
        }
    }
    unique(jobs, |job| job.key.clone(), "uniqueKey")?;
    unique(jobs, |job| job.once.clone(), "onceKey")
}

/// What has ended stays as it is, and what was there stays, unless an operator wants it.
pub fn over_is_over(deed: &Deed, before: &Jobs, after: &Jobs) -> Law {
    for (id, was) in before.iter().filter(|(_, job)| !job.state.is_open()) {
        let is_wanted =
            matches!(deed, Deed::Retry(of) | Deed::Delete(of) if of == id && was.closed);
        if !is_wanted && after.get(id) != Some(was) {
            return Err(format!("{deed:?} changed what was over:\n  {was:?}"));
        }
    }
    let lost = before.iter().find(|(id, job)| job.state.is_open() && !after.contains_key(*id));
    lost.map_or(Ok(()), |(_, job)| Err(format!("{deed:?} lost a job:\n  {job:?}")))
}

/// A token that a job had once and has no more never comes back.
pub fn no_token_comes_back(spent: &mut Vec<ObjectId>, before: &Jobs, after: &Jobs) -> Law {
    let tokens = |jobs: &Jobs| -> Vec<ObjectId> {
        jobs.values().filter_map(|job| job.lease.as_ref()?.token).collect()
    };
    let now = tokens(after);
    spent.extend(tokens(before).into_iter().filter(|token| !now.contains(token)));
    match now.iter().find(|token| spent.contains(token)) {
        Some(token) => Err(format!("the token {token} has come back")),
        None => Ok(()),
    }
}

fn unique(jobs: &Jobs, key: impl Fn(&Job) -> Option<String>, name: &str) -> Law {
    let mut keys: Vec<String> = jobs.values().filter_map(key).collect();
    keys.sort();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two jobs have the {name} {}", pair[0])),
        None => Ok(()),
    }
}
