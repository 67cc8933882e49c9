//! What journal and store together must say when all is over.

use std::collections::{BTreeMap, BTreeSet};

use bson::{DateTime, Document};

use super::journal::{Entry, What};

/// How often each job began and ended, and how its record ended.
pub struct Record {
    starts: BTreeMap<String, Vec<Entry>>,
    ends: BTreeMap<String, Vec<Entry>>,
    finished: BTreeMap<String, DateTime>,
}

impl Record {
    /// Out of the whole journal and the jobs that are done.
    pub fn new(entries: Vec<Entry>, done: &[Document]) -> Self {
        let (mut starts, mut ends) = (BTreeMap::new(), BTreeMap::new());
        for entry in entries {
            let of = if entry.what == What::Start { &mut starts } else { &mut ends };
            of.entry(entry.name.clone()).or_insert_with(Vec::new).push(entry);
        }
        let finished = done.iter().map(|job| {
            let name = job.get_document("args").unwrap().get_str("name").unwrap();
            (name.to_owned(), *job.get_datetime("finishedAt").unwrap())
        });
        Self { starts, ends, finished: finished.collect() }
    }

    /// Every one of these jobs is done and did its work.
    pub fn nothing_is_lost(&self, count: usize) {
        assert_eq!(self.finished.len(), count, "jobs are lost");
        let silent: Vec<_> =
            self.finished.keys().filter(|name| !self.ends.contains_key(*name)).collect();
        assert!(silent.is_empty(), "done without having worked: {silent:?}");
    }

    /// Nothing began again after its record said that it is done. A first start is not looked at:
    /// it cannot be one too many, and the store's clock and the journal's differ by milliseconds.
    pub fn nothing_is_finished_twice(&self) {
        for (name, at) in &self.finished {
            let after = self.starts[name].iter().skip(1).filter(|start| start.at > *at);
            assert_eq!(after.count(), 0, "{name} began again after it was done");
        }
    }

    /// Each job began once and worked once.
    pub fn everything_ran_once(&self) {
        let more = |of: &BTreeMap<String, Vec<Entry>>| -> Vec<_> {
            let more = of.iter().filter(|(_, entries)| entries.len() > 1);
            more.map(|(name, entries)| (name.clone(), entries.len())).collect()
        };
        assert_eq!((more(&self.starts), more(&self.ends)), (Vec::new(), Vec::new()));
    }

    /// A job began again only if the process that had it before was killed, and each of these had
    /// at most `places` jobs in flight. How many starts there were beyond one.
    pub fn only_the_killed_are_begun_again(&self, killed: &[u32], places: usize) -> usize {
        let mut repeated: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
        let mut beyond = 0;
        for (name, starts) in &self.starts {
            for start in &starts[..starts.len() - 1] {
                assert!(killed.contains(&start.pid), "{name} began again beside a live {start:?}");
                repeated.entry(start.pid).or_default().insert(name);
                beyond += 1;
            }
        }
        for (pid, names) in repeated {
            assert!(names.len() <= places, "{pid} had {places} places: {names:?}");
        }
        beyond
    }
}
