//! What jobs did, in a file that outlives their process: a line for each start and each end.

use std::{
    fs::{File, read_to_string},
    io::Write,
    path::{Path, PathBuf},
};

use bson::DateTime;
use iven_worker::adapters::clock::SystemClock;
use jobs::ports::Clock;

/// What a job notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An attempt began.
    Start,
    /// An attempt did all its work; whether the store knows it is another question.
    End,
    /// The job will never come again.
    GivenUp,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Entry {
    pub what: What,
    /// The job's name.
    pub name: String,
    /// The process it ran in.
    pub pid: u32,
    pub at: DateTime,
}

/// The file.
pub struct Journal(pub PathBuf);

/// Adds a line about the job `name`. It is one write at the end of the file, so that lines of
/// several processes do not mix and a killed process loses none.
pub fn note(journal: &Path, what: What, name: &str) {
    let mut file = File::options().create(true).append(true).open(journal).unwrap();
    let at = SystemClock.now().timestamp_millis();
    let line = format!("{what:?} {name} {} {at}\n", std::process::id());
    file.write_all(line.as_bytes()).unwrap();
}

impl Journal {
    /// All lines so far.
    pub fn entries(&self) -> Vec<Entry> {
        let text = read_to_string(&self.0).unwrap_or_default();
        text.lines().map(entry).collect()
    }

    /// How many lines say this.
    pub fn count(&self, what: What) -> usize {
        self.entries().iter().filter(|entry| entry.what == what).count()
    }

    /// The processes that have begun jobs and not ended them, those with the latest start first.
    pub fn open(&self) -> Vec<u32> {
        let mut open = Vec::new();
        for entry in self.entries() {
            match entry.what {
                What::Start => open.push((entry.pid, entry.name)),
                What::End | What::GivenUp => {
                    open.retain(|of| *of != (entry.pid, entry.name.clone()))
                }
            }
        }
        open.into_iter().rev().map(|(pid, _)| pid).collect()
    }

    /// The lines that say this about the job `name`, in order.
    pub fn about(&self, what: What, name: &str) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.what == what && entry.name == name);
        entries
    }
}

fn entry(line: &str) -> Entry {
    let fields: Vec<&str> = line.split(' ').collect();
    let [what, name, pid, at] = fields[..] else { panic!("a torn line: {line:?}") };
    let what = match what {
        "Start" => What::Start,
        "End" => What::End,
        _ => What::GivenUp,
    };
    let at = DateTime::from_millis(at.parse().unwrap());
    Entry { what, name: name.to_owned(), pid: pid.parse().unwrap(), at }
}
